"""The message browser of a queue."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from .support import Api, Ui


class TestMessages:
    """The message browser."""

    @pytest.fixture(autouse=True)
    def full(self, api: Api, request: pytest.FixtureRequest) -> str:
        self.queue: str = request.node.name
        api.queue(self.queue)
        for number in range(5):
            api.publish(self.queue, f"message {number}", {"tenant": "acme" if number % 2 else "globex"})
        return self.queue

    def look(self, ui: Ui) -> None:
        ui.go("queues", "/", self.queue, query="tab=messages")
        expect(ui.page.get_by_text("1\u20135 of 5 ready")).to_be_visible()

    def select(self, ui: Ui, *texts: str) -> None:
        for text in texts:
            ui.page.locator("li", has_text=text).get_by_role("checkbox").check()

    def test_looking_does_not_touch_them(self, ui: Ui, api: Api) -> None:
        self.look(ui)
        ui.page.locator("li button", has_text="message 3").click()
        opened = ui.page.locator("li.open")
        expect(opened.locator("pre")).to_have_text("message 3")
        expect(opened).to_contain_text("acme")
        got = api(
            "POST", f"queues/%2F/{self.queue}/get", {"count": 5, "ackmode": "ack_requeue_false", "encoding": "auto"}
        )
        assert [one["redelivered"] for one in got] == [False] * 5

    def test_searching(self, ui: Ui) -> None:
        self.look(ui)
        ui.field("Search messages").fill("message 4")
        ui.button("Search").click()
        expect(ui.page.get_by_text("1 match in 5 looked at")).to_be_visible()
        ui.field("Search in").select_option("header")
        ui.field("Name of the header").fill("tenant")
        ui.field("Search messages").fill("acme")
        ui.button("Search").click()
        expect(ui.page.get_by_text("2 matches in 5 looked at")).to_be_visible()
        ui.field("Search messages").fill("nobody")
        ui.button("Search").click()
        expect(ui.page.get_by_text("Nothing found")).to_be_visible()
        ui.button("Show all").click()
        expect(ui.page.get_by_text("1\u20135 of 5 ready")).to_be_visible()

    def test_deleting_some(self, ui: Ui, api: Api) -> None:
        self.look(ui)
        self.select(ui, "message 1", "message 3")
        ui.button("Delete…", ui.page.locator(".actions")).click()
        expect(ui.dialog).to_contain_text("2 messages")
        ui.button("Delete messages").click()
        ui.says("2 messages deleted.")
        assert api.payloads(self.queue) == ["message 0", "message 2", "message 4"]

    @pytest.mark.parametrize("verb", ["Move", "Copy"])
    def test_sending_some_elsewhere(self, ui: Ui, api: Api, verb: str) -> None:
        other = f"other {verb}"
        api.queue(other)
        self.look(ui)
        self.select(ui, "message 2")
        ui.button(f"{verb}…").click()
        ui.field("To queue", ui.dialog).fill(other)
        ui.button(verb, ui.dialog).click()
        ui.says(f"1 message {'moved' if verb == 'Move' else 'copied'}.")
        assert api.payloads(other) == ["message 2"]
        assert len(api.payloads(self.queue)) == (4 if verb == "Move" else 5)

    def test_moving_all(self, ui: Ui, api: Api) -> None:
        api.queue("all of them")
        self.look(ui)
        ui.button("Move all…").click()
        ui.field("To queue", ui.dialog).fill("all of them")
        ui.button("Move", ui.dialog).click()
        ui.says("5 messages moved.")
        expect(ui.page.get_by_text("No ready messages")).to_be_visible()
        assert len(api.payloads("all of them")) == 5


def test_dead_letters_go_back_to_where_they_came_from(ui: Ui, api: Api) -> None:
    api.queue("dead")
    api.queue("work", {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead"})
    for number in range(3):
        api.publish("work", f"job {number}")
    api("POST", "queues/%2F/work/get", {"count": 3, "ackmode": "reject_requeue_false", "encoding": "auto"})
    ui.go("queues", "/", "dead", query="tab=messages")
    expect(ui.page.get_by_text("1\u20133 of 3 ready")).to_be_visible()
    ui.page.locator("li", has_text="job 1").get_by_role("checkbox").check()
    ui.button("Send back…").click()
    ui.button("Send back", ui.dialog).click()
    ui.says("1 message sent back.")
    assert api.payloads("work") == ["job 1"]
    ui.button("Send back all…").click()
    ui.button("Send back", ui.dialog).click()
    ui.says("2 messages sent back.")
    assert sorted(api.payloads("work")) == ["job 0", "job 1", "job 2"]
    assert api.payloads("dead") == []
