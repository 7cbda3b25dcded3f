"""The message browser of a queue."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from .support import Api, Ui, encoded


@pytest.fixture
def queue(api: Api, request: pytest.FixtureRequest) -> str:
    """One with five messages."""
    name = str(request.node.name)
    api.queue(name)
    for number in range(5):
        api.publish(name, f"message {number}", {"tenant": "acme" if number % 2 else "globex"})
    return name


def look(ui: Ui, queue: str, shown: str = "1\u20135 of 5 ready") -> None:
    ui.go("queues", "/", queue, query="tab=messages")
    expect(ui.page.get_by_text(shown)).to_be_visible()


def take(api: Api, queue: str, count: int, mode: str = "ack_requeue_false") -> list[dict[str, Any]]:
    said = {"count": count, "ackmode": mode, "encoding": "auto"}
    taken: list[dict[str, Any]] = api("POST", f"queues/{encoded('/', queue)}/get", said)
    return taken


def select(ui: Ui, *texts: str) -> None:
    for text in texts:
        ui.page.locator("li", has_text=text).get_by_role("checkbox", name="Select message").check()


def test_looking_does_not_touch_them(ui: Ui, api: Api, queue: str) -> None:
    look(ui, queue)
    line = ui.page.get_by_role("button", name="message 3")
    expect(line).to_have_attribute("aria-expanded", "false")
    line.click()
    expect(line).to_have_attribute("aria-expanded", "true")
    opened = ui.page.locator("li.open")
    expect(opened.locator("pre")).to_have_text("message 3")
    for text in ("(default)", queue, "acme", "9 B"):
        expect(opened).to_contain_text(text)
    line.click()
    expect(opened).to_have_count(0)
    assert [one["redelivered"] for one in take(api, queue, 5)] == [False] * 5


def test_many_are_shown_in_parts(ui: Ui, api: Api) -> None:
    api.queue("deep")
    for number in range(120):
        api.publish("deep", f"number {number}")
    look(ui, "deep", "1\u201350 of 120 ready")
    earlier, later = ui.button("Earlier messages"), ui.button("Later messages")
    expect(earlier).to_be_disabled()
    later.click()
    later.click()
    expect(ui.page.get_by_text("101\u2013120 of 120 ready")).to_be_visible()
    expect(ui.page.get_by_role("button", name="number 119")).to_be_visible()
    expect(later).to_be_disabled()
    earlier.click()
    expect(ui.page.get_by_text("51\u2013100 of 120 ready")).to_be_visible()
    # What is out of sight is not selected.
    select(ui, "number 50")
    later.click()
    expect(ui.page.get_by_text("101\u2013120 of 120 ready")).to_be_visible()
    expect(ui.page.get_by_label("Select", exact=True)).not_to_be_checked()


def test_new_ones_are_seen_by_looking_again(ui: Ui, api: Api, queue: str) -> None:
    look(ui, queue)
    api.publish(queue, "one more")
    ui.button("Look again").click()
    expect(ui.page.get_by_role("button", name="one more")).to_be_visible()


class TestSearching:
    def find(self, ui: Ui, where: str, name: str, wanted: str, found: int, of: int = 5) -> None:
        ui.field("Search in").select_option(label=where)
        if name:
            ui.field(f"Name of the {where}").fill(name)
        ui.field("Search messages").fill(wanted)
        ui.button("Search").click()
        expect(ui.page.get_by_text(f"{found} match{'' if found == 1 else 'es'} in {of} looked at")).to_be_visible()
        expect(ui.page.locator("main li")).to_have_count(found)

    def test_by_everything(self, ui: Ui, api: Api, queue: str) -> None:
        look(ui, queue)
        self.find(ui, "payload has", "", "message 4", 1)
        self.find(ui, "routing key is", "", queue, 5)
        self.find(ui, "routing key is", "", "other", 0)
        expect(ui.page.get_by_text("Nothing found")).to_be_visible()
        self.find(ui, "header", "tenant", "acme", 2)
        self.find(ui, "header", "tenant", "", 5)
        self.find(ui, "header", "nobody", "", 0)
        self.find(ui, "property", "delivery_mode", "7", 0)
        ui.button("Show all").click()
        expect(ui.page.get_by_text("1\u20135 of 5 ready")).to_be_visible()
        expect(ui.field("Search messages")).to_have_value("")

    def test_acting_on_what_was_found(self, ui: Ui, api: Api, queue: str) -> None:
        look(ui, queue)
        self.find(ui, "header", "tenant", "acme", 2)
        # Of a search there is no "all": there may be more than is shown.
        expect(ui.button("Delete all…")).to_have_count(0)
        ui.field("Select").check()
        expect(ui.page.get_by_text("2 selected")).to_be_visible()
        ui.button("Delete…", ui.page.locator(".actions")).click()
        ui.button("Delete messages").click()
        ui.says("2 messages deleted.")
        expect(ui.page.get_by_text("Nothing found")).to_be_visible()
        assert api.payloads(queue) == ["message 0", "message 2", "message 4"]


class TestDeleting:
    def test_some(self, ui: Ui, api: Api, queue: str) -> None:
        look(ui, queue)
        select(ui, "message 1", "message 3")
        ui.button("Delete…", ui.page.locator(".actions")).click()
        expect(ui.dialog).to_contain_text("2 messages")
        ui.button("Cancel", ui.dialog).click()
        assert len(api.payloads(queue)) == 5
        ui.button("Delete…", ui.page.locator(".actions")).click()
        ui.button("Delete messages").click()
        ui.says("2 messages deleted.")
        expect(ui.page.get_by_text("1\u20133 of 3 ready")).to_be_visible()
        assert api.payloads(queue) == ["message 0", "message 2", "message 4"]

    def test_all(self, ui: Ui, api: Api, queue: str) -> None:
        look(ui, queue)
        ui.button("Delete all…").click()
        expect(ui.dialog).to_contain_text("all 5 messages")
        ui.button("Delete messages").click()
        ui.says("5 messages deleted.")
        expect(ui.page.get_by_text("No ready messages")).to_be_visible()
        assert api.payloads(queue) == []

    def test_one_that_is_gone(self, ui: Ui, api: Api, queue: str) -> None:
        look(ui, queue)
        select(ui, "message 0", "message 1")
        api(
            "POST",
            f"queues/{encoded('/', queue)}/get",
            {"count": 1, "ackmode": "ack_requeue_false", "encoding": "auto"},
        )
        ui.button("Delete…", ui.page.locator(".actions")).click()
        ui.button("Delete messages").click()
        ui.says("1 message deleted. 1 no longer in the queue.")
        assert api.payloads(queue) == ["message 2", "message 3", "message 4"]


class TestSending:
    @pytest.mark.parametrize("verb", ["Move", "Copy"])
    def test_some_to_a_queue(self, ui: Ui, api: Api, queue: str, verb: str) -> None:
        other = f"other {verb}"
        api.queue(other)
        look(ui, queue)
        select(ui, "message 2")
        ui.button(f"{verb}…").click()
        ui.field("To queue", ui.dialog).fill(other)
        ui.button(verb, ui.dialog).click()
        ui.says(f"1 message {'moved' if verb == 'Move' else 'copied'}.")
        assert api.payloads(other) == ["message 2"]
        assert len(api.payloads(queue)) == (4 if verb == "Move" else 5)

    def test_all_to_an_exchange(self, ui: Ui, api: Api, queue: str) -> None:
        api.queue("all of them")
        api("POST", "bindings/%2F/e/amq.topic/q/all%20of%20them", {"routing_key": "all.*"})
        look(ui, queue)
        ui.button("Move all…").click()
        expect(ui.dialog).to_contain_text("Move all 5 messages")
        ui.field("To exchange (empty: the default one)", ui.dialog).fill("amq.topic")
        ui.field("Routing key", ui.dialog).fill("all.five")
        ui.button("Move", ui.dialog).click()
        ui.says("5 messages moved.")
        expect(ui.page.get_by_text("No ready messages")).to_be_visible()
        found = api("GET", "leveret/queues/%2F/all%20of%20them/messages")["messages"]
        assert [(one["payload"], one["routing_key"]) for one in found] == [
            (f"message {i}", "all.five") for i in range(5)
        ]

    def test_where_nobody_takes_them(self, ui: Ui, api: Api, queue: str) -> None:
        look(ui, queue)
        select(ui, "message 2", "message 3")
        ui.button("Move…").click()
        ui.field("To queue", ui.dialog).fill("no such queue")
        ui.button("Move", ui.dialog).click()
        ui.says("2 stay: nobody takes them.")
        assert len(api.payloads(queue)) == 5

    def test_to_a_queue_that_is_full(self, ui: Ui, api: Api, queue: str) -> None:
        api.queue("full", {"x-max-length": 2, "x-overflow": "reject-publish"})
        api.publish("full", "first")
        api.publish("full", "second")
        look(ui, queue)
        ui.button("Move all…").click()
        ui.field("To queue", ui.dialog).fill("full")
        ui.button("Move", ui.dialog).click()
        ui.says("5 stay: a full queue refuses them.")
        assert api.payloads("full") == ["first", "second"]
        assert len(api.payloads(queue)) == 5

    def test_to_an_exchange_that_is_not_there(self, ui: Ui, api: Api, queue: str) -> None:
        look(ui, queue)
        ui.button("Copy all…").click()
        ui.field("To exchange (empty: the default one)", ui.dialog).fill("no such exchange")
        ui.button("Copy", ui.dialog).click()
        ui.says("Not found")
        ui.page.keyboard.press("Escape")
        expect(ui.dialog).to_have_count(0)
        assert len(api.payloads(queue)) == 5


def test_dead_letters_go_back_to_where_they_came_from(ui: Ui, api: Api) -> None:
    api.queue("dead")
    api.queue("work", {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead"})
    for number in range(3):
        api.publish("work", f"job {number}")
    take(api, "work", 3, "reject_requeue_false")
    api.publish("dead", "never was elsewhere")
    look(ui, "dead", "1\u20134 of 4 ready")
    ui.page.get_by_role("button", name="job 1").click()
    expect(ui.page.locator("li.open")).to_contain_text("x-death")
    select(ui, "job 1")
    ui.button("Send back…").click()
    ui.button("Send back", ui.dialog).click()
    ui.says("1 message sent back.")
    assert api.payloads("work") == ["job 1"]
    ui.button("Send back all…").click()
    ui.button("Send back", ui.dialog).click()
    ui.says("2 messages sent back. 1 stay: nobody takes them.")
    assert sorted(api.payloads("work")) == ["job 0", "job 1", "job 2"]
    assert api.payloads("dead") == ["never was elsewhere"]
