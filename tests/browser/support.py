"""Handles for tests of the web pages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
from pika import BlockingConnection, ConnectionParameters, PlainCredentials
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, expect

from ..process import BrokerProcess

SCREENSHOTS = Path(__file__).parents[2] / "build/screenshots"

expect.set_options(timeout=10_000)


def management_url(broker: BrokerProcess) -> str:
    """Where its pages are, when it serves them."""
    for line in broker.lines:
        if found := re.search(r"management: (http://\S+)", line):
            return found[1]
    return broker.expect(r"management: (http://\S+)")[1]


def encoded(*parts: str) -> str:
    """Parts of a path."""
    return "/".join(quote(part, safe="") for part in parts)


@contextmanager
def connected(broker: BrokerProcess, name: str, user: str = "guest", vhost: str = "/") -> Iterator[BlockingConnection]:
    """A client of this name, who has the user's name as password."""
    connection = BlockingConnection(
        ConnectionParameters(
            broker.host,
            broker.port,
            vhost,
            PlainCredentials(user, user),
            client_properties={"connection_name": name},
            heartbeat=0,
        )
    )
    try:
        yield connection
    finally:
        if connection.is_open:
            connection.close()


class Api:
    """Calls that must go well."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client

    def __call__(self, method: str, path: str, said: Any = None) -> Any:
        response = self.client.request(method, path, json=said)
        assert response.is_success, (path, response.status_code, response.text)
        return response.json() if response.content else None

    @contextmanager
    def vhost(self, name: str) -> Iterator[str]:
        """A virtual host for a while, in which guest may do everything."""
        self("PUT", f"vhosts/{encoded(name)}")
        self("PUT", f"permissions/{encoded(name)}/guest", {"configure": ".*", "write": ".*", "read": ".*"})
        yield name
        self("DELETE", f"vhosts/{encoded(name)}")

    def queue(self, name: str, arguments: dict[str, Any] | None = None, vhost: str = "/") -> None:
        """Declare one."""
        self("PUT", f"queues/{encoded(vhost, name)}", {"arguments": arguments or {}})

    def publish(self, queue: str, payload: str, headers: dict[str, Any] | None = None, exchange: str = "") -> None:
        """To a queue, or to an exchange with its name as routing key."""
        said = {
            "routing_key": queue,
            "payload": payload,
            "payload_encoding": "string",
            "properties": {"headers": headers or {}},
        }
        self("POST", f"exchanges/%2F/{quote(exchange or 'amq.default', safe='')}/publish", said)

    def payloads(self, queue: str) -> list[str]:
        """Of the ready messages."""
        found = self("GET", f"leveret/queues/%2F/{quote(queue, safe='')}/messages?count=500")
        return [one["payload"] for one in found["messages"]]


class Ui:
    """The pages in one tab."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        self.failures: list[str] = []
        page.on("pageerror", lambda error: self.failures.append(str(error)))
        page.on("console", self._said)

    def _said(self, message: ConsoleMessage) -> None:
        """Refused requests are said there, too; those the tests look at in the page."""
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.failures.append(message.text)

    @classmethod
    @contextmanager
    def opened(
        cls, browser: Browser, url: str, user: str = "guest", password: str | None = None, **options: Any
    ) -> Iterator[Ui]:
        """Logged in, unless the user is empty."""
        with browser.new_context(**{"reduced_motion": "reduce"} | options) as context:
            context.set_default_timeout(10_000)
            ui = cls(context.new_page(), url)
            if user:
                ui.log_in(user, password)
            yield ui
            assert not ui.failures, ui.failures

    def log_in(self, user: str = "guest", password: str | None = None) -> None:
        """Unless somebody is."""
        context = self.page.context
        if not context.cookies():
            form = {"username": user, "password": user if password is None else password}
            answer = context.request.post(self.url + "api/login", form=form)
            assert answer.ok, answer.text()

    def leave(self) -> list[str]:
        """Forget what was done here; the failures of scripts."""
        page = self.page
        page.context.set_offline(False)
        page.unroute_all()
        page.evaluate("localStorage.clear()")
        page.goto("about:blank")
        page.set_viewport_size({"width": 1280, "height": 720})
        failures, self.failures = self.failures, []
        return failures

    def go(self, *parts: str, query: str = "") -> None:
        """To a page."""
        self.page.goto(f"{self.url}#/{encoded(*parts)}{'?' + query if query else ''}")

    def watch(self, vhost: str) -> None:
        """Only what is in this virtual host."""
        self.field("Virtual host", self.page.locator(".top")).select_option(vhost)

    @property
    def dialog(self) -> Locator:
        return self.page.locator("dialog[open]")

    def button(self, name: str, within: Locator | None = None) -> Locator:
        return (within or self.page).get_by_role("button", name=name, exact=True)

    def field(self, label: str, within: Locator | None = None) -> Locator:
        """An input, or a list to choose from: of that the text of its label has all choices in it."""
        where = within or self.page.locator("main")
        return where.get_by_label(label, exact=True).or_(where.get_by_role("combobox", name=label, exact=True))

    def row(self, text: str) -> Locator:
        """Of a list."""
        return self.page.locator("[role=row], tbody tr").filter(has_text=text)

    def card(self, title: str) -> Locator:
        """A part of a page, by its heading."""
        heading = self.page.get_by_role("heading", name=title, exact=True)
        return self.page.locator("section.card").filter(has=heading)

    def says(self, text: str | re.Pattern[str]) -> None:
        """A short message appears, and is closed."""
        toast = self.page.locator(".toast").filter(has_text=text).last
        expect(toast).to_be_visible()
        self.button("Close", toast).click()

    def shot(self, name: str) -> None:
        """Keep a picture."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SCREENSHOTS / f"{name}.png")
