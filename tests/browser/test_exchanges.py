"""Exchanges: their list, and every action of one."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from ..process import BrokerProcess
from .support import Api, Ui, connected, encoded


def bindings(api: Api, name: str, end: str = "source") -> list[tuple[str, str, str]]:
    """Source, destination and routing key of each."""
    found = api("GET", f"exchanges/{encoded('/', name)}/bindings/{end}")
    return [(one["source"], one["destination"], one["routing_key"]) for one in found]


def test_the_list(ui: Ui, api: Api) -> None:
    api("PUT", "exchanges/%2F/listed%20one", {"type": "fanout", "durable": False, "auto_delete": True})
    api("PUT", "exchanges/%2F/listed%20two", {"type": "headers", "internal": True})
    ui.go("exchanges")
    expect(ui.row("(default)").get_by_role("cell").first).to_be_visible()
    ui.page.get_by_label("Filter exchanges by name").fill("listed")
    rows = ui.page.locator(".sight [role=row]")
    expect(rows).to_have_count(2)
    expect(rows.first).to_contain_text("fanout")
    expect(rows.first).to_contain_text("transient")
    expect(rows.first).to_contain_text("auto-delete")
    expect(rows.last).to_contain_text("internal")
    ui.button("Type").click()
    ui.button("Type").click()
    expect(rows.first).to_contain_text("headers")
    rows.first.get_by_role("link").click()
    expect(ui.page.get_by_role("heading", name="listed two")).to_be_visible()


class TestMaking:
    def test_with_everything(self, ui: Ui, api: Api) -> None:
        ui.go("exchanges")
        ui.button("New exchange").click()
        types = ui.field("Type", ui.dialog).locator("option")
        expect(types.filter(has_text="headers")).to_have_count(1)
        for name in ("direct", "fanout", "topic"):
            expect(types.filter(has_text=re.compile(f"^{name}$"))).to_have_count(1)
        ui.field("Type", ui.dialog).select_option("fanout")
        ui.field("Name", ui.dialog).fill("made/with everything")
        ui.field("Durable", ui.dialog).uncheck()
        ui.field("Delete when unused", ui.dialog).check()
        ui.field("Internal: from exchanges only", ui.dialog).check()
        ui.button("Add", ui.dialog).click()
        ui.field("Arguments: name", ui.dialog).fill("alternate-exchange")
        ui.field("Arguments: value", ui.dialog).fill("amq.fanout")
        ui.button("Create exchange").click()
        ui.says("The exchange made/with everything is there.")
        expect(ui.page.get_by_role("heading", name="made/with everything")).to_be_visible()
        for badge in ("fanout", "transient", "auto-delete", "internal", "alternate"):
            expect(ui.page.locator("main .badge", has_text=badge).first).to_be_visible()
        expect(ui.page.get_by_role("heading", name="Publish a message")).to_have_count(0)  # clients cannot
        made = api("GET", "exchanges/%2F/made%2Fwith%20everything")
        assert (made["type"], made["durable"], made["auto_delete"], made["internal"]) == ("fanout", False, True, True)
        assert made["arguments"] == {"alternate-exchange": "amq.fanout"}

    def test_a_name_that_is_reserved(self, ui: Ui, api: Api) -> None:
        ui.go("exchanges")
        ui.button("New exchange").click()
        ui.field("Name", ui.dialog).fill("amq.mine")
        ui.button("Create exchange").click()
        ui.says("ACCESS_REFUSED")
        assert api.client.get("exchanges/%2F/amq.mine").status_code == 404


class TestDeleting:
    def test_its_name_has_to_be_typed(self, ui: Ui, api: Api) -> None:
        api("PUT", "exchanges/%2F/deleted", {"type": "topic"})
        ui.go("exchanges", "/", "deleted")
        ui.button("Delete…").click()
        expect(ui.button("Delete exchange")).to_be_disabled()
        ui.dialog.get_by_label("Type deleted to go on").fill("deleted")
        ui.button("Delete exchange").click()
        ui.says("The exchange deleted is deleted.")
        expect(ui.page.get_by_role("table", name="exchanges")).to_be_visible()
        assert api.client.get("exchanges/%2F/deleted").status_code == 404

    def test_only_if_unused(self, ui: Ui, api: Api) -> None:
        api("PUT", "exchanges/%2F/needed", {"type": "fanout"})
        api.queue("needs it")
        api("POST", "bindings/%2F/e/needed/q/needs%20it", {})
        ui.go("exchanges", "/", "needed")
        ui.button("Delete…").click()
        ui.field("Only if it is not in use", ui.dialog).check()
        ui.dialog.get_by_label("Type needed to go on").fill("needed")
        ui.button("Delete exchange").click()
        ui.says("in use")
        assert api("GET", "exchanges/%2F/needed")["name"] == "needed"

    @pytest.mark.parametrize("name", ["amq.default", "amq.topic"])
    def test_predeclared_ones_stay(self, ui: Ui, name: str) -> None:
        ui.go("exchanges", "/", name)
        expect(ui.page.get_by_role("heading", name="Details")).to_be_visible()
        expect(ui.button("Delete…")).to_have_count(0)


class TestPublishing:
    def test_where_it_is_routed(self, ui: Ui, api: Api) -> None:
        api.queue("gets topics")
        api("PUT", "exchanges/%2F/news", {"type": "topic"})
        api("POST", "bindings/%2F/e/news/q/gets%20topics", {"routing_key": "news.#"})
        ui.go("exchanges", "/", "news")
        form = ui.card("Publish a message")
        ui.field("Routing key", form).fill("news.today")
        ui.field("Payload", form).fill("hare seen")
        ui.button("Publish message").click()
        ui.says("The message is published.")
        (found,) = api("GET", "leveret/queues/%2F/gets%20topics/messages")["messages"]
        assert (found["payload"], found["exchange"], found["routing_key"]) == ("hare seen", "news", "news.today")
        assert found["properties"]["delivery_mode"] == 2

    def test_where_nobody_takes_it(self, ui: Ui, api: Api) -> None:
        api("PUT", "exchanges/%2F/nowhere", {"type": "fanout"})
        ui.go("exchanges", "/", "nowhere")
        ui.field("Payload", ui.card("Publish a message")).fill("lost")
        ui.button("Publish message").click()
        ui.says("Published, but no queue took it: it was not routed anywhere.")
        expect(ui.button("Publish message")).to_be_enabled()

    def test_through_the_default_exchange(self, ui: Ui, api: Api) -> None:
        api.queue("by its name")
        ui.go("exchanges", "/", "amq.default")
        expect(ui.page.get_by_role("heading", name="(default)")).to_be_visible()
        form = ui.card("Publish a message")
        ui.field("Routing key", form).fill("by its name")
        ui.field("Payload", form).fill("there")
        ui.button("Publish message").click()
        ui.says("The message is published.")
        assert api.payloads("by its name") == ["there"]


class TestBindings:
    def test_to_a_queue(self, ui: Ui, api: Api) -> None:
        api("PUT", "exchanges/%2F/source", {"type": "topic"})
        api.queue("target")
        ui.go("exchanges", "/", "source")
        card = ui.card("Bindings from this exchange")
        expect(card).to_contain_text("There are none.")
        card.get_by_text("Add a binding").click()
        ui.field("Name", card).fill("target")
        ui.field("Routing key", card).fill("a.*")
        ui.button("Bind", card).click()
        ui.says("They are bound.")
        row = card.get_by_role("row").filter(has_text="a.*")
        expect(row).to_contain_text("queue")
        assert bindings(api, "source") == [("source", "target", "a.*")]
        ui.button("Unbind…", row).click()
        ui.button("Unbind", ui.dialog).click()
        ui.says("They are unbound.")
        expect(card).to_contain_text("There are none.")
        assert bindings(api, "source") == []

    def test_to_an_exchange(self, ui: Ui, api: Api) -> None:
        for name in ("upstream", "downstream"):
            api("PUT", f"exchanges/%2F/{name}", {"type": "direct"})
        ui.go("exchanges", "/", "upstream")
        card = ui.card("Bindings from this exchange")
        card.get_by_text("Add a binding").click()
        ui.field("To a", card).select_option("exchange")
        ui.field("Name", card).fill("downstream")
        ui.button("Bind", card).click()
        ui.says("They are bound.")
        assert bindings(api, "upstream") == [("upstream", "downstream", "")]
        card.get_by_role("link", name="downstream").click()
        incoming = ui.card("Bindings to this exchange")
        expect(incoming.get_by_role("link", name="upstream")).to_be_visible()
        ui.button("Unbind…", incoming).click()
        ui.button("Unbind", ui.dialog).click()
        ui.says("They are unbound.")
        assert bindings(api, "downstream", "destination") == []

    def test_from_an_exchange(self, ui: Ui, api: Api) -> None:
        api("PUT", "exchanges/%2F/collects", {"type": "fanout"})
        ui.go("exchanges", "/", "collects")
        card = ui.card("Bindings to this exchange")
        card.get_by_text("Add a binding").click()
        ui.field("From exchange", card).fill("amq.headers")
        ui.button("Add", card).click()
        ui.field("Arguments: name", card).fill("tenant")
        ui.field("Arguments: value", card).fill("acme")
        ui.button("Bind", card).click()
        ui.says("They are bound.")
        expect(card).to_contain_text("acme")
        (found,) = api("GET", "exchanges/%2F/collects/bindings/destination")
        assert (found["source"], found["arguments"]) == ("amq.headers", {"tenant": "acme"})


def test_its_policy_and_the_tracer(ui: Ui, api: Api) -> None:
    api("PUT", "exchanges/%2F/busy", {"type": "fanout"})
    definition = {"alternate-exchange": "amq.fanout"}
    api("PUT", "policies/%2F/busy%20ones", {"pattern": "^busy$", "definition": definition, "apply-to": "exchanges"})
    ui.go("exchanges", "/", "busy")
    expect(ui.card("Details")).to_contain_text("busy ones")
    ui.page.get_by_role("link", name="Trace a route").click()
    expect(ui.field("Exchange (empty: the default one)")).to_have_value("busy")
    api("DELETE", "policies/%2F/busy%20ones")


def test_what_clients_declare_appears_at_once(ui: Ui, managed: BrokerProcess) -> None:
    ui.go("exchanges")
    ui.page.get_by_label("Filter exchanges by name").fill("sudden")
    expect(ui.page.get_by_text("Nothing matches “sudden”")).to_be_visible()
    with connected(managed, "declares") as client:
        client.channel().exchange_declare("sudden", "fanout")
    expect(ui.row("sudden")).to_be_visible(timeout=3000)  # the list alone would look every 5 s
