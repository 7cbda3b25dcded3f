"""A queue: every action of its page."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from ..process import BrokerProcess
from .support import Api, Ui, connected, encoded


class TestMaking:
    def test_one_with_a_wrong_argument_is_refused(self, ui: Ui, api: Api) -> None:
        ui.go("queues")
        ui.button("New queue").first.click()
        ui.field("Name", ui.dialog).fill("made/here")
        ui.button("Add", ui.dialog).click()
        ui.field("Arguments: name", ui.dialog).fill("x-max-length")
        ui.field("Arguments: value", ui.dialog).fill("many")
        ui.button("Create queue").click()
        ui.says("is no number")
        ui.field("Arguments: value", ui.dialog).fill("-1")
        ui.button("Create queue").click()
        ui.says("invalid arg 'x-max-length'")  # what the broker says
        ui.field("Arguments: value", ui.dialog).fill("10")
        ui.button("Create queue").click()
        ui.says("The queue made/here is there.")
        expect(ui.page.get_by_role("heading", name="made/here")).to_be_visible()
        assert api("GET", "queues/%2F/made%2Fhere")["arguments"] == {"x-max-length": 10}

    def test_every_choice(self, ui: Ui, api: Api) -> None:
        with api.vhost("burrow"):
            ui.go("queues")
            ui.button("New queue").first.click()
            ui.field("Virtual host", ui.dialog).select_option("burrow")
            ui.field("Type", ui.dialog).select_option("classic")
            ui.field("Name", ui.dialog).fill("every choice")
            ui.field("Durable", ui.dialog).uncheck()
            ui.field("Delete when unused", ui.dialog).check()
            for number, (name, value) in enumerate((("x-single-active-consumer", "true"), ("x-expires", "60000"))):
                ui.button("Add", ui.dialog).click()
                ui.field("Arguments: name", ui.dialog).nth(number).fill(name)
                ui.field("Arguments: value", ui.dialog).nth(number).fill(value)
            ui.button("Create queue").click()
            ui.says("The queue every choice is there.")
            made = api("GET", "queues/burrow/every%20choice")
            assert (made["type"], made["durable"], made["auto_delete"]) == ("classic", False, True)
            # The kind of a known argument is known.
            assert made["arguments"].items() >= {"x-single-active-consumer": True, "x-expires": 60000}.items()
            main = ui.page.locator("main")
            for badge in ("classic", "transient", "auto-delete", "single consumer", "expires"):
                expect(main.locator(".badge", has_text=badge).first).to_be_visible()

    def test_what_the_broker_refuses_is_said(self, ui: Ui, api: Api) -> None:
        api.queue("there already")
        ui.go("queues")
        ui.button("New queue").first.click()
        ui.field("Name", ui.dialog).fill("there already")
        ui.field("Durable", ui.dialog).uncheck()
        ui.button("Create queue").click()
        ui.says("inequivalent arg 'durable' for queue 'there already'")
        expect(ui.field("Name", ui.dialog)).to_have_value("there already")
        ui.button("Cancel", ui.dialog).click()
        expect(ui.dialog).to_have_count(0)


class TestDeleting:
    def test_its_name_has_to_be_typed(self, ui: Ui, api: Api) -> None:
        api.queue("deleted")
        api.publish("deleted", "lost")
        ui.go("queues", "/", "deleted")
        ui.button("Delete…").click()
        expect(ui.dialog).to_contain_text("its 1 message will be gone")
        sure = ui.button("Delete queue")
        expect(sure).to_be_disabled()
        typed = ui.dialog.get_by_label("Type deleted to go on")
        typed.fill("delete")
        expect(sure).to_be_disabled()
        typed.fill("deleted")
        sure.click()
        ui.says("The queue deleted is deleted.")
        expect(ui.page.get_by_role("table", name="queues")).to_be_visible()
        expect(ui.page).to_have_url(re.compile("#/queues$"))
        assert api.client.get("queues/%2F/deleted").status_code == 404

    def test_cancelling(self, ui: Ui, api: Api) -> None:
        api.queue("spared")
        ui.go("queues", "/", "spared")
        ui.button("Delete…").click()
        ui.button("Cancel", ui.dialog).click()
        expect(ui.dialog).to_have_count(0)
        ui.button("Delete…").click()
        ui.button("Close", ui.dialog).click()
        expect(ui.dialog).to_have_count(0)
        assert api("GET", "queues/%2F/spared")["name"] == "spared"

    def test_only_if_unused_or_empty(self, ui: Ui, api: Api, managed: BrokerProcess) -> None:
        def delete(choice: str) -> None:
            ui.button("Delete…").click()
            ui.field(choice, ui.dialog).check()
            ui.dialog.get_by_label("Type still needed to go on").fill("still needed")
            ui.button("Delete queue").click()

        api.queue("still needed")
        api.publish("still needed", "here")
        ui.go("queues", "/", "still needed")
        delete("Only if it is empty")
        ui.says("not empty")
        with connected(managed, "user of it") as client:
            client.channel().basic_consume("still needed", lambda *_: None)
            delete("Only if nobody consumes from it")
            ui.says("in use")
        assert api("GET", "queues/%2F/still%20needed")["name"] == "still needed"
        delete("Only if nobody consumes from it")
        ui.says("The queue still needed is deleted.")
        assert api.client.get("queues/%2F/still%20needed").status_code == 404


def test_purging_asks_first(ui: Ui, api: Api) -> None:
    api.queue("purged")
    api.publish("purged", "one")
    ui.go("queues", "/", "purged")
    ui.button("Purge…").click()
    expect(ui.dialog).to_contain_text("1 ready message")
    ui.page.keyboard.press("Escape")
    expect(ui.dialog).to_have_count(0)
    assert api.payloads("purged") == ["one"]
    ui.button("Purge…").click()
    ui.button("Purge queue").click()
    ui.says("is purged")
    assert api.payloads("purged") == []


class TestPublishing:
    def test_text_with_headers_and_properties(self, ui: Ui, api: Api) -> None:
        api.queue("letterbox")
        ui.go("queues", "/", "letterbox", query="tab=publish")
        ui.field("Payload").fill('{"a": "<b>1</b>"}')
        headers = ui.page.get_by_role("group", name="Headers")
        kinds = (
            ("tenant", "acme", "text"),
            ("tries", "3", "number"),
            ("new", "true", "true/false"),
            ("of", "[1]", "JSON"),
        )
        for number, (name, value, kind) in enumerate(kinds):
            ui.button("Add", headers).click()
            ui.field("Headers: name", headers).nth(number).fill(name)
            ui.field("Headers: value", headers).nth(number).fill(value)
            ui.field("Headers: type", headers).nth(number).select_option(label=kind)
        properties = ui.page.get_by_role("group", name="Properties")
        for number, (name, value) in enumerate(
            (("content_type", "application/json"), ("priority", "7"), ("type", "x"))
        ):
            ui.button("Add", properties).click()
            ui.field("Properties: name", properties).nth(number).fill(name)
            ui.field("Properties: value", properties).nth(number).fill(value)
        properties.get_by_role("button", name="Remove this line").last.click()
        ui.field("Persistent: it survives a restart in a durable queue").uncheck()
        ui.button("Publish message").click()
        ui.says("The message is published.")
        (found,) = api("GET", "leveret/queues/%2F/letterbox/messages")["messages"]
        assert (found["payload"], found["exchange"], found["routing_key"]) == ('{"a": "<b>1</b>"}', "", "letterbox")
        assert found["properties"] == {
            "content_type": "application/json",
            "priority": 7,
            "delivery_mode": 1,
            "headers": {"tenant": "acme", "tries": 3, "new": True, "of": [1]},
        }

    def test_bytes(self, ui: Ui, api: Api) -> None:
        api.queue("bytes")
        ui.go("queues", "/", "bytes", query="tab=publish")
        ui.field("Payload is").select_option(label="base64 (bytes)")
        ui.field("Payload").fill("no base64!")
        ui.button("Publish message").click()
        ui.says("base64")
        ui.field("Payload from a file").set_input_files(
            files=[{"name": "a.bin", "mimeType": "application/octet-stream", "buffer": b"\xff\x00"}]
        )
        expect(ui.field("Payload")).to_have_value("/wA=")
        ui.button("Publish message").click()
        ui.says("The message is published.")
        assert api.payloads("bytes") == ["/wA="]
        ui.button("Get").click()
        ui.says("Got 1.")
        expect(ui.page.locator(".message")).to_contain_text("2 B, base64")


class TestGetting:
    @pytest.fixture(autouse=True)
    def full(self, api: Api, request: pytest.FixtureRequest) -> None:
        self.queue = str(request.node.name)
        self.letters = f"{self.queue} letters"
        api.queue(self.letters)
        api.queue(self.queue, {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": self.letters})
        for number in range(3):
            api.publish(self.queue, f'{{"number": {number}}}', {"tenant": "acme"})

    def get(self, ui: Ui, mode: str, number: int) -> None:
        ui.go("queues", "/", self.queue, query="tab=publish")
        ui.field("What becomes of them").select_option(label=mode)
        ui.field("How many").fill(str(number))
        ui.button("Get").click()
        ui.says(f"Got {number}.")
        expect(ui.page.locator(".message")).to_have_count(number)
        expect(ui.page.locator(".message pre").first).to_have_text('{\n  "number": 0\n}')
        expect(ui.page.locator(".message").first).to_contain_text("acme")

    def test_back_to_the_queue(self, ui: Ui, api: Api) -> None:
        self.get(ui, "back to the queue, marked redelivered", 2)
        ui.page.locator(".message").first.get_by_label("format JSON").uncheck()
        expect(ui.page.locator(".message pre").first).to_have_text('{"number": 0}')
        found = api("GET", f"leveret/queues/{encoded('/', self.queue)}/messages")["messages"]
        assert [one["redelivered"] for one in found] == [True, True, False]

    def test_acknowledged(self, ui: Ui, api: Api) -> None:
        self.get(ui, "acknowledged: gone", 2)
        assert api.payloads(self.queue) == ['{"number": 2}']
        assert api.payloads(self.letters) == []
        ui.button("Get").click()
        ui.says("Got 1.")
        ui.button("Get").click()
        ui.says("The queue is empty.")
        expect(ui.page.locator(".notice", has_text="The queue is empty")).to_be_visible()

    def test_rejected(self, ui: Ui, api: Api) -> None:
        self.get(ui, "rejected: dead-lettered or gone", 2)
        assert api.payloads(self.queue) == ['{"number": 2}']
        assert api.payloads(self.letters) == ['{"number": 0}', '{"number": 1}']


def test_pausing_stops_deliveries(ui: Ui, api: Api, managed: BrokerProcess) -> None:
    api.queue("paused")
    ui.go("queues", "/", "paused")
    ui.button("Pause").click()
    ui.says("delivers nothing")
    expect(ui.page.locator(".badge", has_text="paused")).to_be_visible()
    assert api("GET", "queues/%2F/paused")["paused"] is True
    api.publish("paused", "waiting")
    with connected(managed, "waiting") as client:
        delivered: list[bytes] = []
        client.channel().basic_consume(
            "paused", lambda _channel, _how, _properties, body: delivered.append(body), auto_ack=True
        )
        client.process_data_events(0)
        assert delivered == []
        ui.button("Resume").click()
        ui.says("delivers again")
        while not delivered:
            client.process_data_events(1)
        assert delivered == [b"waiting"]
    expect(ui.button("Pause")).to_be_visible()
    assert api("GET", "queues/%2F/paused")["paused"] is False


class TestBindings:
    def test_adding_and_removing(self, ui: Ui, api: Api) -> None:
        api.queue("bound")
        ui.go("queues", "/", "bound", query="tab=bindings")
        expect(ui.row("the default exchange")).to_be_visible()
        expect(ui.button("Unbind…")).to_have_count(0)  # that is nothing one can undo
        ui.page.get_by_text("Add a binding").click()
        ui.field("From exchange").fill("amq.topic")
        ui.field("Routing key").fill("a/b.#")
        ui.button("Bind").click()
        ui.says("They are bound.")
        expect(ui.row("a/b.#")).to_be_visible()
        expect(ui.field("Routing key")).to_have_value("")
        ui.row("a/b.#").get_by_role("button", name="Unbind…").click()
        expect(ui.dialog).to_contain_text('amq.topic will no longer route to bound with the routing key "a/b.#".')
        ui.button("Unbind", ui.dialog).click()
        ui.says("They are unbound.")
        expect(ui.row("a/b.#")).to_have_count(0)
        assert len(api("GET", "queues/%2F/bound/bindings")) == 1

    def test_by_headers(self, ui: Ui, api: Api) -> None:
        api.queue("bound by headers")
        ui.go("queues", "/", "bound by headers", query="tab=bindings")
        ui.page.get_by_text("Add a binding").click()
        ui.field("From exchange").fill("amq.headers")
        for number, (name, value) in enumerate((("x-match", "any"), ("tenant", "acme"))):
            ui.button("Add").click()
            ui.field("Arguments: name").nth(number).fill(name)
            ui.field("Arguments: value").nth(number).fill(value)
        ui.button("Bind").click()
        ui.says("They are bound.")
        row = ui.row("amq.headers")
        expect(row).to_contain_text("acme")
        (_, made) = api("GET", "queues/%2F/bound%20by%20headers/bindings")
        assert made["arguments"] == {"x-match": "any", "tenant": "acme"}
        row.get_by_role("link", name="amq.headers").click()
        expect(ui.page.get_by_role("heading", name="amq.headers")).to_be_visible()
        ui.row("bound by headers").get_by_role("button", name="Unbind…").click()
        ui.button("Unbind", ui.dialog).click()
        ui.says("They are unbound.")
        assert len(api("GET", "queues/%2F/bound%20by%20headers/bindings")) == 1

    def test_to_what_is_not_there(self, ui: Ui, api: Api) -> None:
        api.queue("unbound")
        ui.go("queues", "/", "unbound", query="tab=bindings")
        ui.page.get_by_text("Add a binding").click()
        ui.field("From exchange").fill("no such exchange")
        ui.button("Bind").click()
        ui.says("Not found")
        expect(ui.field("From exchange")).to_have_value("no such exchange")

    def test_many_can_be_filtered(self, ui: Ui, api: Api) -> None:
        api.queue("many bindings")
        for number in range(10):
            api("POST", "bindings/%2F/e/amq.direct/q/many%20bindings", {"routing_key": f"key {number}"})
        ui.go("queues", "/", "many bindings", query="tab=bindings")
        rows = ui.page.locator("tbody tr")
        expect(rows).to_have_count(11)
        ui.field("Filter bindings").fill("KEY 7")
        expect(rows).to_have_count(1)
        ui.field("Filter bindings").fill("nobody")
        expect(rows).to_have_text("None matches.")


class TestConsumers:
    def test_none(self, ui: Ui, api: Api) -> None:
        api.queue("lonely")
        ui.go("queues", "/", "lonely", query="tab=consumers")
        expect(ui.page.get_by_text("Nobody consumes.")).to_be_visible()

    def test_some(self, ui: Ui, api: Api, managed: BrokerProcess) -> None:
        api.queue("crowded", {"x-single-active-consumer": True})
        ui.go("queues", "/", "crowded", query="tab=consumers")
        expect(ui.page.get_by_text("Nobody consumes.")).to_be_visible()
        with connected(managed, "crowd") as client:
            channel = client.channel()
            channel.basic_qos(prefetch_count=17)
            channel.basic_consume("crowded", lambda *_: None, consumer_tag="first")
            client.channel().basic_consume("crowded", lambda *_: None, auto_ack=True, consumer_tag="second")
            # Without a word: the broker tells the page that there are consumers.
            first, second = ui.row("first"), ui.row("second")
            expect(first.get_by_role("cell")).to_have_text([re.compile(r"\(1\)$"), "first", "itself", "17", ""])
            expect(second.get_by_role("cell")).to_have_text(
                [re.compile(r"\(2\)$"), "second", "automatic", "no limit", "waiting"]
            )
            expect(ui.page.get_by_role("link", name="Consumers 2")).to_be_visible()
            first.get_by_role("link").click()
            expect(ui.page).to_have_url(re.compile("#/channels/"))


class TestOverview:
    def test_figures(self, ui: Ui, api: Api, managed: BrokerProcess) -> None:
        api.queue("figures")
        for _ in range(3):
            api.publish("figures", "x" * 1000)
        with connected(managed, "holder") as client:
            client.channel().basic_get("figures")
            ui.go("queues", "/", "figures")
            stats = ui.page.locator(".stats")
            for label, value in (("Ready", "2"), ("Unacknowledged", "1"), ("Size", "2.93 KiB"), ("Consumers", "0")):
                expect(stats.locator("> *", has_text=label)).to_contain_text(value)
        for chart in ("Queued messages", "Message rates"):
            expect(ui.page.get_by_role("heading", name=chart)).to_be_visible()
        ready = ui.page.get_by_role("button", name=re.compile("^Ready"))
        expect(ready).to_have_attribute("aria-pressed", "true")
        ready.click()
        expect(ready).to_have_attribute("aria-pressed", "false")

    def test_arguments_and_policies(self, ui: Ui, api: Api) -> None:
        api.queue("under a policy", {"x-max-length": 7, "x-dead-letter-exchange": "amq.fanout"})
        definition = {"message-ttl": 60000}
        api(
            "PUT",
            "policies/%2F/short%20life",
            {"pattern": "^under a policy$", "definition": definition, "apply-to": "queues"},
        )
        ui.go("queues", "/", "under a policy")
        details = ui.card("Details")
        for text in ("short life", "message-ttl", "60000", "x-max-length", "7", "x-dead-letter-exchange", "amq.fanout"):
            expect(details).to_contain_text(text)
        for badge in ("max length", "dead letters", "durable"):
            expect(ui.page.locator("main .badge", has_text=badge)).to_be_visible()
        api("DELETE", "policies/%2F/short%20life")

    def test_who_owns_it(self, ui: Ui, managed: BrokerProcess) -> None:
        with connected(managed, "owner") as client:
            client.channel().queue_declare("owned", exclusive=True)
            ui.go("queues", "/", "owned")
            expect(ui.page.locator("main .badge", has_text="exclusive")).to_be_visible()
            ui.card("Details").get_by_role("link").click()
            expect(ui.page).to_have_url(re.compile("#/connections/"))
