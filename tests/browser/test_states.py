"""What pages show while there is nothing, not yet, or not any more."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Route, expect

from ..process import BrokerProcess
from .support import Api, Ui, connected


@pytest.fixture(scope="module")
def blank(api: Api) -> Iterator[str]:
    """A virtual host without queues."""
    with api.vhost("empty") as name:
        yield name


def failing(status: int, reason: str) -> Callable[[Route], None]:
    body = json.dumps({"error": "broken", "reason": reason})
    return lambda route: route.fulfill(status=status, content_type="application/json", body=body)


def hold(route: Route) -> None:
    """No answer, until it is unrouted."""


class TestEmpty:
    def test_no_queues(self, ui: Ui, blank: str, api: Api) -> None:
        ui.go("queues")
        ui.watch(blank)
        expect(ui.page.get_by_text("No queues yet")).to_be_visible()
        expect(ui.page.get_by_text("0 queues")).to_be_visible()
        ui.shot("queues-empty")
        ui.page.locator(".notice").get_by_role("button", name="New queue").click()
        expect(ui.field("Virtual host", ui.dialog)).to_have_value(blank)  # the one that is looked at
        ui.field("Name", ui.dialog).fill("the first")
        ui.button("Create queue").click()
        ui.says("The queue the first is there.")
        ui.go("queues")
        expect(ui.row("the first").get_by_role("link")).to_be_visible()
        api("DELETE", f"queues/{blank}/the%20first")
        expect(ui.page.get_by_text("No queues yet")).to_be_visible()

    def test_no_messages(self, ui: Ui, api: Api) -> None:
        api.queue("no messages")
        ui.go("queues", "/", "no messages", query="tab=messages")
        expect(ui.page.get_by_text("No ready messages")).to_be_visible()
        expect(ui.button("Delete all…")).to_have_count(0)


class TestLoading:
    @pytest.mark.parametrize(
        ("page", "asks", "there"),
        [
            (["queues"], "**/api/queues?**", "classic"),
            (["exchanges"], "**/api/exchanges?**", "amq.topic"),
            (["queues", "/", "slowly"], "**/api/queues/*/slowly?**", "Details"),
            (["exchanges", "/", "amq.topic"], "**/api/exchanges/*/amq.topic?**", "Details"),
            (["topology"], "**/api/leveret/topology/**", "slowly"),
        ],
        ids=["queues", "exchanges", "queue", "exchange", "topology"],
    )
    def test_until_the_first_answer(self, ui: Ui, api: Api, page: list[str], asks: str, there: str) -> None:
        api.queue("slowly")
        ui.page.route(asks, hold)
        ui.go(*page)
        loading = ui.page.locator("main [aria-busy=true]").first
        expect(loading).to_be_visible()
        expect(loading).to_have_attribute("aria-label", "Loading")
        expect(ui.page.locator("main .notice")).to_have_count(0)  # neither empty nor an error
        ui.page.unroute(asks)  # and those that are held go on
        expect(ui.page.locator("main").get_by_text(there).first).to_be_attached()
        expect(ui.page.locator("main [aria-busy=true]")).to_have_count(0)

    def test_messages(self, ui: Ui, api: Api) -> None:
        api.queue("slow messages")
        ui.page.route("**/messages?**", hold)
        ui.go("queues", "/", "slow messages", query="tab=messages")
        expect(ui.page.locator("main [aria-busy=true]")).to_be_visible()
        ui.page.unroute("**/messages?**")  # and those that are held go on
        expect(ui.page.get_by_text("No ready messages")).to_be_visible()


class TestErrors:
    def test_a_queue_that_is_not_there(self, ui: Ui) -> None:
        ui.go("queues", "/", "never was")
        expect(ui.page.get_by_role("alert")).to_contain_text("There is no queue of this name")

    def test_an_exchange_that_is_not_there(self, ui: Ui) -> None:
        ui.go("exchanges", "/", "never was")
        expect(ui.page.get_by_role("alert")).to_contain_text("There is no exchange of this name")

    def test_a_page_that_is_not_there(self, ui: Ui) -> None:
        ui.go("burrows")
        expect(ui.page.get_by_text("There is no such page")).to_be_visible()
        ui.page.get_by_role("link", name="To the overview").click()
        expect(ui.page).to_have_url(re.compile("#/overview$"))

    def test_a_queue_that_goes(self, ui: Ui, managed: BrokerProcess) -> None:
        with connected(managed, "leaves soon") as client:
            client.channel().queue_declare("leaving", exclusive=True)
            ui.go("queues", "/", "leaving", query="tab=bindings")
            expect(ui.page.get_by_role("heading", name="leaving")).to_be_visible()
        expect(ui.page.get_by_role("alert").first).to_contain_text("There is no queue of this name (any more).")

    def test_a_list(self, ui: Ui) -> None:
        ui.page.route("**/api/queues?**", failing(500, "the hare is <b>asleep</b>"))
        ui.go("queues")
        alert = ui.page.get_by_role("alert")
        expect(alert).to_contain_text("The list cannot be shown")
        expect(alert).to_contain_text("the hare is <b>asleep</b>")
        ui.shot("queues-error")
        ui.page.unroute("**/api/queues?**")
        ui.button("Try again").click()
        expect(alert).to_have_count(0)

    def test_one_thing(self, ui: Ui, api: Api) -> None:
        api.queue("broken")
        path = "**/api/queues/*/broken?**"
        ui.page.route(path, failing(503, "busy"))
        ui.go("queues", "/", "broken")
        expect(ui.page.get_by_role("alert")).to_contain_text("Queue cannot be shown")
        expect(ui.page.get_by_role("alert")).to_contain_text("busy")
        ui.page.unroute(path)
        ui.button("Try again").click()
        expect(ui.page.get_by_role("heading", name="broken")).to_be_visible()
        # What was there stays when a later look fails, and is marked.
        ui.page.route(path, failing(503, "busy"))
        ui.page.keyboard.press("r")
        expect(ui.page.get_by_text("not up to date")).to_be_visible()
        expect(ui.page.get_by_role("heading", name="broken")).to_be_visible()
        ui.page.unroute(path)
        ui.page.keyboard.press("r")
        expect(ui.page.get_by_text("not up to date")).to_have_count(0)

    def test_messages(self, ui: Ui, api: Api) -> None:
        api.queue("broken messages")
        ui.page.route("**/messages?**", failing(500, "no luck"))
        ui.go("queues", "/", "broken messages", query="tab=messages")
        expect(ui.page.get_by_role("alert")).to_contain_text("The messages cannot be shown")
        ui.page.unroute("**/messages?**")
        ui.button("Try again").click()
        expect(ui.page.get_by_text("No ready messages")).to_be_visible()

    def test_a_broker_that_does_not_answer(self, ui: Ui) -> None:
        ui.go("queues")
        expect(ui.page.get_by_role("table", name="queues")).to_be_visible()
        ui.button("New queue").first.click()
        ui.field("Name", ui.dialog).fill("while it is away")
        ui.page.context.set_offline(True)
        ui.button("Create queue").click()
        ui.says("The broker does not answer.")
        expect(ui.field("Name", ui.dialog)).to_have_value("while it is away")  # nothing typed is lost
        ui.page.context.set_offline(False)
        ui.button("Create queue").click()
        ui.says("The queue while it is away is there.")
