"""Who comes in, and what they see."""

from __future__ import annotations

import re
from base64 import b64encode

import pytest
from playwright.sync_api import Browser, expect

from ..process import BrokerProcess
from .support import Api, Ui, management_url


@pytest.fixture
def visitor(browser: Browser, url: str) -> Ui:
    with Ui.opened(browser, url, user="") as one:
        yield one


def log_in(ui: Ui, user: str, password: str) -> None:
    ui.page.get_by_label("User").fill(user)
    ui.page.get_by_label("Password").fill(password)
    ui.button("Log in").click()


def test_a_wrong_password_is_refused(visitor: Ui) -> None:
    visitor.go()
    log_in(visitor, "guest", "wrong")
    expect(visitor.page.get_by_role("alert")).to_contain_text("Login failed")
    expect(visitor.page.get_by_label("Password")).to_have_value("")


def test_logging_in_and_out(visitor: Ui) -> None:
    visitor.go("queues")
    log_in(visitor, "guest", "guest")
    expect(visitor.page.get_by_role("table", name="queues")).to_be_visible()
    # Scripts cannot read the cookie, and nothing of the password is kept.
    assert visitor.page.evaluate("document.cookie") == ""
    assert "guest" not in visitor.page.evaluate("JSON.stringify(localStorage)")
    assert all(cookie["httpOnly"] and cookie["sameSite"] == "Strict" for cookie in visitor.page.context.cookies())
    visitor.page.reload()
    expect(visitor.page.get_by_role("table", name="queues")).to_be_visible()
    visitor.button("Log out").click()
    expect(visitor.page.get_by_label("Password")).to_be_visible()
    assert visitor.page.context.request.get(visitor.url + "api/whoami").status == 401


def test_a_session_that_ended_asks_for_the_password(ui: Ui) -> None:
    ui.go("queues")
    expect(ui.page.get_by_role("table", name="queues")).to_be_visible()
    ui.page.context.clear_cookies()
    ui.page.keyboard.press("r")
    expect(ui.page.get_by_role("alert")).to_contain_text("logged out")


def test_basic_authentication_comes_in_too(browser: Browser, url: str) -> None:
    """As behind a proxy that logs everybody in. (Chromium asks the user only when it is challenged: pages are not.)"""
    headers = {"Authorization": "Basic " + b64encode(b"guest:guest").decode()}
    with Ui.opened(browser, url, user="", extra_http_headers=headers) as ui:
        ui.go()
        expect(ui.page.get_by_role("heading", name="leveret@localhost")).to_be_visible()


def test_who_has_no_tag_does_not_come_in(visitor: Ui, api: Api) -> None:
    api("PUT", "users/shop-web", {"password": "shop-web", "tags": ""})
    visitor.go()
    visitor.page.get_by_label("User").fill("shop-web")
    visitor.page.get_by_label("Password").fill("shop-web")
    visitor.page.keyboard.press("Enter")
    expect(visitor.page.get_by_role("alert")).to_be_visible()
    expect(visitor.button("Log in")).to_be_enabled()
    assert visitor.page.context.request.get(visitor.url + "api/whoami").status == 401
    api("DELETE", "users/shop-web")


def test_the_session_ends_with_the_user(browser: Browser, url: str, api: Api) -> None:
    api("PUT", "users/leaving", {"password": "leaving", "tags": "administrator"})
    with Ui.opened(browser, url, "leaving") as ui:
        ui.go("queues")
        expect(ui.page.get_by_role("table", name="queues")).to_be_visible()
        api("DELETE", "users/leaving")
        ui.page.keyboard.press("r")
        expect(ui.page.get_by_role("alert")).to_contain_text("logged out")
        expect(ui.page.get_by_label("Password")).to_be_visible()
        # Somebody else goes on where this one was.
        log_in(ui, "guest", "guest")
        expect(ui.page.get_by_role("table", name="queues")).to_be_visible()
        expect(ui.page.get_by_role("complementary")).to_contain_text("guest")


FOR_ALL = {"Overview", "Connections", "Channels", "Exchanges", "Queues and streams", "Topology", "Routing tracer"}
PLACES = {
    "management": FOR_ALL | {"Virtual hosts", "Limits"},
    "policymaker": FOR_ALL | {"Virtual hosts", "Limits", "Policies"},
    "monitoring": FOR_ALL | {"Virtual hosts", "Limits", "Feature flags", "Cluster"},
}


@pytest.mark.parametrize("tag", [*PLACES])
def test_users_see_only_what_they_may(browser: Browser, url: str, api: Api, tag: str) -> None:
    api("PUT", "vhosts/hidden")
    api("PUT", f"users/{tag}", {"password": tag, "tags": tag})
    api("PUT", f"permissions/%2F/{tag}", {"configure": "", "write": "", "read": ""})
    with Ui.opened(browser, url, tag) as ui:
        ui.go("overview")
        pages = ui.page.get_by_role("navigation", name="Pages")
        expect(pages.get_by_role("link", name="Overview")).to_be_visible()
        assert set(pages.get_by_role("link").all_inner_texts()) == PLACES[tag]
        refused: list[str] = []
        ui.page.on("response", lambda answer: refused.append(answer.url) if answer.status == 401 else None)
        for one in pages.get_by_role("link").all():
            one.click()
            expect(ui.page.locator("main [aria-busy]")).to_have_count(0)
            expect(ui.page.get_by_text("cannot be shown")).to_have_count(0)
        assert refused == []
        # Who monitors looks into every virtual host.
        vhosts = ui.page.get_by_role("combobox", name="Virtual host").first.get_by_role("option")
        assert ("hidden" in vhosts.all_inner_texts()) is (tag == "monitoring")
        for page in ("users", "definitions"):
            ui.go(page)
            expect(ui.page.get_by_text("This page is for administrators")).to_be_visible()
        # What only others may change cannot be changed here.
        ui.go("vhosts")
        expect(ui.row("/").first).to_be_visible()
        expect(ui.button("New virtual host")).to_have_count(0)
        expect(ui.button("Change…")).to_have_count(0)
        ui.go("limits")
        expect(ui.page.get_by_role("heading", name="Limits of virtual hosts")).to_be_visible()
        expect(ui.page.locator("main").get_by_role("button")).to_have_count(0)
        # What is refused is said.
        ui.go("queues")
        ui.button("New queue").first.click()
        ui.field("Name", ui.dialog).fill("not-mine")
        ui.button("Create queue").click()
        ui.says(re.compile("ACCESS_REFUSED|not author"))
    assert api.client.get("queues/%2F/not-mine").status_code == 404
    api("DELETE", "vhosts/hidden")


def test_an_administrator_sees_everything(ui: Ui) -> None:
    ui.go("overview")
    pages = ui.page.get_by_role("navigation", name="Pages").get_by_role("link")
    expect(pages.first).to_be_visible()
    everything = set().union(*PLACES.values()) | {"Users", "Definitions"}
    assert set(pages.all_inner_texts()) == everything
    for one in pages.all():
        one.click()
        expect(ui.page.locator("main [aria-busy]")).to_have_count(0)
        expect(ui.page.get_by_text("cannot be shown")).to_have_count(0)
        expect(ui.page.locator("main").get_by_role("alert")).to_have_count(0)


def test_behind_a_prefix_of_paths(browser: Browser) -> None:
    with BrokerProcess(
        "--port", "0", "--management", "--management-port", "0", "--ephemeral", "--management-path-prefix", "/a/broker"
    ) as broker:
        assert broker.port
        url = management_url(broker)
        with Ui.opened(browser, url) as ui:
            ui.page.goto(url.split("/a/")[0] + "/")
            expect(ui.page.get_by_role("heading", name="leveret@localhost")).to_be_visible()
            assert "/a/broker/" in ui.page.url
