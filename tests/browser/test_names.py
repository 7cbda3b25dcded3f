"""Names of everything are texts: none of them becomes markup or runs, wherever it is shown.

The pages' policy of content would stop most of it; here it is switched off, so that it hides nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from pika import BasicProperties
from playwright.sync_api import Browser, Locator, expect

from ..process import BrokerProcess
from .support import Api, Ui, connected, encoded, management_url

NAMES = [
    "<img src=x onerror=alert(hit=1)>",
    '"><script>alert(hit=1)</script>',
    "{{hit=7*7}}${hit=7*7}",
    "javascript:alert(hit=1)",
    "&lt;b&gt; </title></textarea>",
]
INJECTED = """() => [...document.querySelectorAll(
    'script:not([src]), [onerror], [onload], a[href^="javascript:" i], main img, main textarea ~ b')]
    .map((one) => one.outerHTML)"""


@pytest.fixture(scope="module")
def named() -> Iterator[BrokerProcess]:
    """A broker of their own: nobody else wants to see them."""
    with BrokerProcess("--port", "0", "--management", "--management-port", "0", "--ephemeral") as process:
        assert process.port
        yield process


@pytest.fixture(scope="module")
def named_api(named: BrokerProcess) -> Iterator[Api]:
    url = management_url(named)
    with httpx.Client(base_url=url + "api/", auth=("guest", "guest"), timeout=30) as client:
        yield Api(client)


def make(api: Api, name: str) -> None:
    """Everything that can have a name, except what clients bring."""
    everything = {"configure": ".*", "write": ".*", "read": ".*"}
    api("PUT", f"vhosts/{encoded(name)}", {"description": name, "tags": [name.replace(",", "")]})
    api("PUT", f"permissions/{encoded(name, 'guest')}", everything)
    api("PUT", f"users/{encoded(name)}", {"password": "x", "tags": f"management,{name.replace(',', '')}"})
    api("PUT", f"permissions/{encoded(name, name)}", {**everything, "read": re.escape(name)})
    topic = {"exchange": "amq.topic", "write": re.escape(name), "read": re.escape(name)}
    api("PUT", f"topic-permissions/{encoded(name, name)}", topic)
    api("PUT", f"vhost-limits/{encoded(name)}/max-queues", {"value": 100})
    api("PUT", f"user-limits/{encoded(name)}/max-channels", {"value": 100})
    rule = {"pattern": re.escape(name), "definition": {"dead-letter-exchange": name}, "apply-to": "queues"}
    api("PUT", f"policies/{encoded(name, name)}", rule)
    api("PUT", f"operator-policies/{encoded(name, name)}", {**rule, "definition": {"max-length": 100}})
    api("PUT", f"exchanges/{encoded(name, name)}", {"type": "topic", "arguments": {"alternate-exchange": name}})
    arguments: dict[str, Any] = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": name}
    api.queue(name, arguments, name)
    binding = {"routing_key": name, "arguments": {name: name}}
    for kind in ("q", "e"):
        api("POST", f"bindings/{encoded(name)}/e/{encoded(name, kind, name)}", binding)
    message = {
        "routing_key": name,
        "payload": name,
        "payload_encoding": "string",
        "properties": {"type": name, "app_id": name, "headers": {name: {name: [name]}}},
    }
    assert api("POST", f"exchanges/{encoded(name, name)}/publish", message)["routed"]


class Suspect:
    """The pages, watched for what should not happen."""

    def __init__(self, ui: Ui) -> None:
        self.ui = ui
        self.main: Locator = ui.page.locator("main")
        self.dialogs: list[str] = []
        ui.page.on("dialog", lambda dialog: (self.dialogs.append(dialog.message), dialog.dismiss()))

    def is_harmless(self) -> None:
        assert self.ui.page.evaluate(INJECTED) == []
        assert self.ui.page.evaluate("typeof window.hit") == "undefined"
        assert self.dialogs == []

    def shows(self, *texts: str, within: Locator | None = None) -> None:
        for text in texts:
            expect(within or self.main).to_contain_text(text)
        self.is_harmless()


@pytest.fixture(scope="module")
def shared(browser: Browser, named: BrokerProcess, named_api: Api) -> Iterator[Suspect]:
    """One tab for all: what one page leaves behind, the next would show."""
    for name in NAMES:
        make(named_api, name)
    with Ui.opened(browser, management_url(named), bypass_csp=True, viewport={"width": 1700, "height": 1000}) as ui:
        yield Suspect(ui)


@pytest.mark.parametrize("page", ["exchanges", "queues", "users", "vhosts", "policies", "operator-policies", "limits"])
def test_lists(shared: Suspect, page: str) -> None:
    if page == "operator-policies":
        shared.ui.go("policies", query="tab=operator")
    else:
        shared.ui.go(page)
    shared.shows(*NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_queue(shared: Suspect, named_api: Api, name: str) -> None:
    ui = shared.ui
    ui.go("queues", name, name)
    shared.shows(name, "Policy in effect")
    tabs = ui.page.get_by_role("navigation", name="Parts of this page")
    tabs.get_by_role("link", name="Bindings").click()
    row = ui.page.locator("tbody tr").last
    shared.shows(name, within=row)
    ui.button("Unbind…", row).click()
    shared.shows(name, within=ui.dialog)
    ui.button("Unbind", ui.dialog).click()
    ui.says("They are unbound.")
    assert len(named_api("GET", f"queues/{encoded(name, name)}/bindings")) == 1
    tabs.get_by_role("link", name="Messages").click()
    line = ui.page.locator("main li button").first
    shared.shows(name, within=line)
    line.click()
    shared.shows(name, within=ui.page.locator("li.open pre"))
    shared.shows(name, within=ui.page.locator("li.open dl.facts"))
    tabs.get_by_role("link", name="Publish and get").click()
    ui.button("Get").click()
    ui.says("Got 1.")
    shared.shows(name, within=ui.page.locator(".message"))
    ui.button("Purge…").click()
    shared.shows(name, within=ui.dialog)
    ui.button("Purge queue").click()
    ui.says(f"The queue {name} is purged.")
    ui.button("Delete…").click()
    shared.shows(name, within=ui.dialog)
    ui.button("Cancel", ui.dialog).click()
    assert ui.page.title().startswith(name)
    shared.is_harmless()


@pytest.mark.parametrize("name", NAMES)
def test_an_exchange_and_its_routes(shared: Suspect, name: str) -> None:
    ui = shared.ui
    ui.go("exchanges", name, name)
    shared.shows(name, within=ui.card("Details"))
    shared.shows(name, within=ui.card("Bindings from this exchange"))
    shared.shows(name, within=ui.card("Bindings to this exchange"))
    ui.button("Delete…").click()
    shared.shows(name, within=ui.dialog)
    ui.page.keyboard.press("Escape")
    ui.page.get_by_role("link", name="Trace a route").click()
    expect(ui.field("Exchange (empty: the default one)")).to_have_value(name)
    ui.field("Routing key").fill(name)
    ui.button("Trace the route").click()
    shared.shows(name, within=ui.page.locator("main ol"))
    ui.go("topology")
    ui.watch(name)
    picture = ui.page.locator("main svg[role=group]")
    expect(picture.locator("title", has_text=name).first).to_be_attached()
    shared.is_harmless()
    ui.field("Show around a name").fill(name + "?")
    shared.shows(name + "?")
    ui.watch("")


@pytest.mark.parametrize("name", NAMES)
def test_a_user_and_a_virtual_host(shared: Suspect, named: BrokerProcess, browser: Browser, name: str) -> None:
    shared.ui.go("users", name)
    shared.shows(name, name.replace(",", ""))
    shared.ui.go("vhosts")
    shared.shows(name)
    with Ui.opened(browser, management_url(named), name, "x", bypass_csp=True) as ui:
        own = Suspect(ui)
        ui.go("queues")
        own.shows(name, within=ui.page.locator("aside"))
        own.shows(name)


def test_what_clients_bring(shared: Suspect, named: BrokerProcess, named_api: Api) -> None:
    ui = shared.ui
    for name in NAMES:
        with connected(named, name, vhost=name) as client:
            channel = client.channel()
            channel.basic_consume(name, lambda *_: None, consumer_tag=name)
            channel.basic_publish(name, name, b"\xff", BasicProperties(message_id=name))
            channel.queue_declare(f"of a client: {name}", exclusive=True)
            (connection,) = (one["name"] for one in named_api("GET", "connections") if one["vhost"] == name)
            (opened,) = (one["name"] for one in named_api("GET", "channels") if one["vhost"] == name)
            for page in ("overview", "connections", "channels"):
                ui.go(page)
                expect(ui.page.locator("main [aria-busy]")).to_have_count(0)
                if page == "overview":
                    shared.is_harmless()
                else:
                    shared.shows(name)
            ui.go("connections", connection)
            shared.shows(name)
            ui.go("channels", opened)
            shared.shows(name)
            ui.go("queues", name, name, query="tab=consumers")
            shared.shows(name, within=ui.page.locator("tbody tr"))
            ui.go("queues", name, f"of a client: {name}")
            shared.shows(f"of a client: {name}")


@pytest.mark.parametrize("name", NAMES)
def test_what_is_refused(shared: Suspect, name: str) -> None:
    """Answers of the broker have the name in them."""
    ui = shared.ui
    ui.go("queues")
    ui.button("New queue").first.click()
    ui.field("Virtual host", ui.dialog).select_option(name)
    ui.field("Name", ui.dialog).fill(name)
    ui.button("Create queue").click()
    ui.says(name)  # it is there with other arguments
    shared.is_harmless()
    ui.page.keyboard.press("Escape")
    ui.page.get_by_label("Filter queues by name").fill(name + "?")
    expect(ui.page.get_by_text(f"Nothing matches “{name}?”")).to_be_visible()
    shared.is_harmless()
    ui.go(name, name)
    expect(ui.page.get_by_text("There is no such page")).to_be_visible()
    ui.go("queues", name, name + name)
    expect(ui.page.get_by_role("alert")).to_contain_text("There is no queue of this name")
    shared.is_harmless()


@pytest.mark.parametrize("page", ["definitions", "flags", "cluster", "overview"])
def test_the_rest(shared: Suspect, page: str) -> None:
    shared.ui.go(page)
    expect(shared.main.locator("section").first).to_be_visible()
    shared.is_harmless()


def test_the_watch_would_see_it(shared: Suspect) -> None:
    """Last: markup that is let through is found by all three."""
    shared.ui.go("flags")
    with shared.ui.page.expect_event("dialog"):
        shared.ui.page.evaluate("name => (document.querySelector('main').innerHTML = name)", NAMES[0])
    assert shared.ui.page.evaluate(INJECTED) == ['<img src="x" onerror="alert(hit=1)">']
    assert shared.ui.page.evaluate("window.hit") == 1
    assert shared.dialogs == ["1"]
