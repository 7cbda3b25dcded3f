"""A picture of every page, dark and light and on a phone, for people to look at (build/screenshots/).

The test sees that a page has what it should, that nothing is wider than a phone, and that no text hides in its
background.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import NamedTuple

import httpx
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from ..process import BrokerProcess
from .showcase import at_work, furnish, stock
from .support import Api, Ui, management_url

DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
WARM_UP_S = float(os.environ.get("SCREENSHOT_WARM_UP_S", "0"))
"""How long messages flow before the first picture: for charts with more on them, as in the README."""


@pytest.fixture(scope="module")
def shop() -> Iterator[BrokerProcess]:
    with BrokerProcess("--port", "0", "--management", "--management-port", "0", "--ephemeral") as process:
        assert process.port
        with httpx.Client(base_url=management_url(process) + "api/", auth=("guest", "guest"), timeout=30) as client:
            api = Api(client)
            furnish(api)
            stock(process, api)
        with at_work(process):
            yield process


@pytest.fixture(scope="module")
def tab(browser: Browser, shop: BrokerProcess) -> Iterator[Ui]:
    """One for all pictures: so it is as quick as for somebody who looks around."""
    with Ui.opened(browser, management_url(shop), viewport=DESKTOP, device_scale_factor=1) as one:
        one.go("overview")
        one.page.wait_for_timeout(WARM_UP_S * 1000)
        yield one


def settle(page: Page) -> None:
    """Until what is new is painted."""
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def take(ui: Ui, name: str) -> None:
    """Pictures: light, dark, phone."""
    page = ui.page
    page.mouse.move(0, DESKTOP["height"] / 2)
    try:
        # So high that all of it is seen.
        more = page.evaluate(
            "() => { const one = document.querySelector('main'); return one.scrollHeight - one.clientHeight }"
        )
        page.set_viewport_size({"width": DESKTOP["width"], "height": min(DESKTOP["height"] + more, 2400)})
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            settle(page)
            ui.shot(f"{name}-{scheme}")
        page.set_viewport_size(PHONE)
        settle(page)
        too_wide = page.evaluate(
            """() => [...document.querySelectorAll('body *')].filter(one => {
                const box = one.getBoundingClientRect();
                if (!box.width || box.right <= innerWidth + 1) return false;
                for (let above = one.parentElement; above; above = above.parentElement)
                    if (getComputedStyle(above).overflowX !== 'visible' && above !== document.body) return false;
                return true;
            }).map(one => one.outerHTML.slice(0, 120))"""
        )
        ui.shot(f"{name}-phone")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert page.evaluate("document.querySelector('main').scrollWidth <= document.querySelector('main').clientWidth")
        assert too_wide == []
    finally:
        page.set_viewport_size(DESKTOP)


class Scene(NamedTuple):
    """How one gets to a picture."""

    name: str
    path: tuple[str, ...]
    query: str = ""
    shows: str = ""
    act: Callable[[Ui], None] = lambda ui: None
    vhost: str = ""


def click(name: str) -> Callable[[Ui], None]:
    def act(ui: Ui) -> None:
        ui.button(name).first.click()
        expect(ui.dialog).to_be_visible()

    return act


def first_link(ui: Ui) -> None:
    """Into the first thing of a list."""
    ui.page.get_by_role("table").get_by_role("link").first.click()
    expect(ui.card("Details")).to_be_visible()


def closing(ui: Ui) -> None:
    first_link(ui)
    click("Close…")(ui)


def open_message(ui: Ui) -> None:
    ui.page.locator("li button").first.click()
    expect(ui.page.locator("li.open pre")).to_be_visible()


def select_messages(ui: Ui) -> None:
    for number in range(3):
        ui.page.locator("li").nth(number).get_by_role("checkbox").check()


def get_messages(ui: Ui) -> None:
    ui.field("How many").fill("2")
    ui.button("Get").click()
    ui.says("Got 2.")


def search(ui: Ui) -> None:
    ui.field("Search messages").fill("Lindstr")
    ui.button("Search").click()
    expect(ui.page.get_by_text("looked at")).to_be_visible()


def trace(ui: Ui) -> None:
    ui.field("Exchange (empty: the default one)").fill("orders")
    ui.field("Routing key").fill("order.eu.paid")
    ui.button("Trace the route").click()
    expect(ui.page.get_by_role("heading", name="To 5 queues")).to_be_visible()


def trace_to_nowhere(ui: Ui) -> None:
    ui.field("Exchange (empty: the default one)").fill("mail")
    ui.field("Routing key").fill("lost")
    ui.button("Trace the route").click()
    expect(ui.page.get_by_text("No queue would get it")).to_be_visible()


def keys(ui: Ui) -> None:
    ui.page.keyboard.press("?")
    expect(ui.dialog).to_be_visible()


def policy(ui: Ui) -> None:
    ui.row("mail-retries").get_by_role("button", name="Change…").click()
    expect(ui.dialog).to_be_visible()


def vhost(ui: Ui) -> None:
    ui.row("staging").get_by_role("button", name="Change…").click()
    expect(ui.dialog).to_be_visible()


def refused(ui: Ui) -> None:
    """An error beside a form."""
    click("New queue")(ui)
    ui.field("Name", ui.dialog).fill("orders.eu")
    ui.button("Add", ui.dialog).click()
    ui.field("Arguments: name", ui.dialog).fill("x-max-length")
    ui.field("Arguments: value", ui.dialog).fill("5")
    ui.button("Create queue").click()
    expect(ui.page.locator(".toast.bad")).to_be_visible()


def filtered(ui: Ui) -> None:
    ui.page.get_by_label("Filter queues by name").fill("nothing-like-this")
    expect(ui.page.get_by_text("Nothing matches")).to_be_visible()


def done(ui: Ui) -> None:
    ui.button("Pause").click()
    expect(ui.page.locator(".toast.good")).to_be_visible()


def drawn(ui: Ui) -> None:
    """The graph is there."""
    expect(ui.page.get_by_role("group", name="Exchanges and queues of /")).to_be_visible()


# Those with charts come last, when there is something on them.
SCENES = [
    Scene("users", ("users",), shows="grafana"),
    Scene("user", ("users", "billing"), shows="Topic permissions"),
    Scene("user-new", ("users",), act=click("New user")),
    Scene("user-delete", ("users", "billing"), act=click("Delete…")),
    Scene("user-missing", ("users", "nobody"), shows="Not there"),
    Scene("vhost-new", ("vhosts",), act=click("New virtual host")),
    Scene("vhost-change", ("vhosts",), act=vhost),
    Scene("policies", ("policies",), shows="mail-retries"),
    Scene("policies-operator", ("policies",), "tab=operator", shows="ceiling"),
    Scene("policy-new", ("policies",), act=click("New policy")),
    Scene("policy-change", ("policies",), act=policy),
    Scene("limits", ("limits",), shows="max-queues"),
    Scene("flags", ("flags",), shows="enabled"),
    Scene("definitions", ("definitions",), shows="Download definitions"),
    Scene("cluster", ("cluster",), shows="Configuration in effect"),
    Scene("exchanges", ("exchanges",), shows="orders.unrouted", vhost="/"),
    Scene("exchange-new", ("exchanges",), act=click("New exchange")),
    Scene("queues", ("queues",), shows="orders.incoming"),
    Scene("queues-filtered", ("queues",), act=filtered),
    Scene("queue-new", ("queues",), act=click("New queue")),
    Scene("queue-refused", ("queues",), act=refused),
    Scene("queue-messages", ("queues", "/", "orders.eu"), "tab=messages", shows="ready", act=open_message),
    Scene("queue-dead-letters", ("queues", "/", "invoices.dead"), "tab=messages", act=select_messages),
    Scene("queue-search", ("queues", "/", "orders.eu"), "tab=messages", act=search),
    Scene("queue-bindings", ("queues", "/", "invoices"), "tab=bindings", shows="order.*.paid"),
    Scene("queue-consumers", ("queues", "/", "invoices"), "tab=consumers", shows="127.0.0.1"),
    Scene("queue-publish", ("queues", "/", "mail.bounced"), "tab=publish", shows="Payload"),
    Scene("queue-get", ("queues", "/", "orders.eu"), "tab=publish", act=get_messages),
    Scene("queue-purge", ("queues", "/", "invoices.dead"), act=click("Purge…")),
    Scene("queue-delete", ("queues", "/", "invoices.dead"), act=click("Delete…")),
    Scene("queue-paused", ("queues", "/", "mail.bounced"), act=done),
    Scene("queue-missing", ("queues", "/", "gone"), shows="Not there"),
    Scene("keys", ("queues",), act=keys),
    Scene("page-missing", ("nowhere",), shows="There is no such page"),
    Scene("tracer", ("tracer",), act=trace),
    Scene("tracer-nowhere", ("tracer",), act=trace_to_nowhere),
    Scene("topology", ("topology",), act=drawn),
    Scene("vhosts", ("vhosts",), shows="Web shop, production"),
    Scene("connections", ("connections",), shows="shop-web-1"),
    Scene("connection-close", ("connections",), act=closing),
    Scene("channels", ("channels",), shows="running"),
    Scene("exchange", ("exchanges", "/", "orders"), shows="topic"),
    Scene("queue", ("queues", "/", "invoices"), shows="invoices-are-kept"),
    Scene("connection", ("connections",), act=first_link),
    Scene("channel", ("channels",), act=first_link),
    Scene("overview", ("overview",), shows="Connections come and go"),
    # Where nothing is
    Scene("queues-empty", ("queues",), shows="No queues yet", vhost="staging"),
    Scene("connections-empty", ("connections",), shows="Nobody is connected", vhost="staging"),
    Scene("channels-empty", ("channels",), shows="No channels", vhost="staging"),
    Scene("policies-empty", ("policies",), shows="No policies", vhost="staging"),
    Scene("topology-empty", ("topology",), shows="Nothing is bound", vhost="staging"),
]


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_a_page(tab: Ui, scene: Scene) -> None:
    tab.go(*scene.path, query=scene.query)
    tab.page.get_by_role("combobox", name="Virtual host").first.select_option(scene.vhost)
    try:
        scene.act(tab)
        if scene.shows:
            expect(tab.page.locator("main").get_by_text(scene.shows).first).to_be_visible()
        expect(tab.page.locator("main [aria-busy]")).to_have_count(0)
        take(tab, scene.name)
    finally:
        for toast in tab.page.locator(".toast").all():
            tab.button("Close", toast).click()
        while tab.dialog.count():
            tab.page.keyboard.press("Escape")


def test_the_menu_of_a_phone(tab: Ui) -> None:
    tab.go("exchanges")
    tab.page.set_viewport_size(PHONE)
    tab.button("Menu").click()
    pages = tab.page.get_by_role("navigation", name="Pages")
    expect(pages.get_by_role("link", name="Definitions")).to_be_in_viewport()
    settle(tab.page)
    tab.shot("menu-phone")
    pages.get_by_role("link", name="Definitions").click()
    expect(pages).not_to_be_in_viewport()
    expect(tab.button("Download definitions")).to_be_visible()
    tab.page.set_viewport_size(DESKTOP)


def test_the_theme_is_chosen_and_kept(browser: Browser, shop: BrokerProcess) -> None:
    with Ui.opened(browser, management_url(shop), color_scheme="light") as ui:
        ui.go("overview")
        canvas = ui.page.locator("canvas").first
        expect(canvas).to_be_visible(timeout=15_000)  # when there are samples
        root = ui.page.locator("html")
        expect(root).not_to_have_attribute("data-theme", "dark")
        ui.button("Theme: system").click()
        expect(root).to_have_attribute("data-theme", "light")
        ui.button("Theme: light").click()
        expect(root).to_have_attribute("data-theme", "dark")
        # Charts, too: their grid has the line colour of the theme.
        expect(ui.button("Theme: dark")).to_be_visible()
        settle(ui.page)
        assert (36, 48, 41) in colours(canvas)
        ui.page.reload()
        expect(root).to_have_attribute("data-theme", "dark")
        ui.button("Theme: dark").click()
        expect(root).not_to_have_attribute("data-theme", "dark")
        settle(ui.page)
        assert (223, 230, 222) in colours(canvas)
        ui.page.emulate_media(color_scheme="dark")
        expect(root).to_have_attribute("data-theme", "dark")


def colours(canvas: Locator) -> set[tuple[int, ...]]:
    """Of what is drawn, from top to bottom."""
    found = canvas.evaluate(
        """one => {
            const data = one.getContext('2d').getImageData(one.width / 2, 0, 1, one.height).data;
            return Array.from({ length: one.height }, (_, row) => [...data.slice(4 * row, 4 * row + 3)]);
        }"""
    )
    return {tuple(one) for one in found}


def test_the_login(browser: Browser, shop: BrokerProcess) -> None:
    with Ui.opened(browser, management_url(shop), user="", viewport=DESKTOP) as ui:
        ui.go()
        expect(ui.button("Log in")).to_be_visible()
        take(ui, "login")
        ui.page.get_by_label("User").fill("anna")
        ui.page.get_by_label("Password").fill("wrong")
        ui.button("Log in").click()
        expect(ui.page.get_by_role("alert")).to_be_visible()
        take(ui, "login-refused")


def test_what_a_user_may_not_see(browser: Browser, shop: BrokerProcess) -> None:
    url = management_url(shop)
    with httpx.Client(base_url=url + "api/", auth=("guest", "guest")) as client:
        Api(client)("PUT", "users/lea", {"password": "lea", "tags": "management"})
    with Ui.opened(browser, url, "lea", viewport=DESKTOP) as ui:
        ui.go("users")
        expect(ui.page.get_by_text("This page is for administrators")).to_be_visible()
        take(ui, "not-allowed")
        ui.go("overview")
        expect(ui.page.get_by_text("Message rates")).to_be_visible()
        take(ui, "overview-management")


def test_alarms_and_a_broker_that_is_gone(browser: Browser) -> None:
    with BrokerProcess(
        *("--port", "0", "--management", "--management-port", "0", "--ephemeral"),
        *("--vm-memory-high-watermark", "20KiB"),
    ) as broker:
        assert broker.port
        url = management_url(broker)
        with httpx.Client(base_url=url + "api/", auth=("guest", "guest")) as client:
            api = Api(client)
            api.queue("orders.incoming")
            api.publish("orders.incoming", "x" * 30_000)
        with Ui.opened(browser, url, viewport=DESKTOP) as ui:
            ui.go("overview")
            expect(ui.page.get_by_role("alert")).to_contain_text("Alarm")
            take(ui, "overview-alarm")
            ui.go("cluster")
            expect(ui.page.locator(".badge.bad").first).to_be_visible()
            assert broker.stop() == 0
            ui.go("overview")
            expect(ui.page.get_by_text("cannot be shown")).to_be_visible()
            take(ui, "gone")
            ui.go("queues")
            expect(ui.page.get_by_text("The broker does not answer.")).to_be_visible()
            take(ui, "gone-list")
