"""Connections and channels: lists, details, and the end of a connection."""

from __future__ import annotations

import re

import pytest
from pika.exceptions import ConnectionClosedByBroker
from playwright.sync_api import Browser, expect

from ..process import BrokerProcess
from .support import Api, Ui, connected


def test_connections_appear_and_go(ui: Ui, managed: BrokerProcess) -> None:
    ui.go("connections")
    expect(ui.page.get_by_text("Nobody is connected")).to_be_visible()
    with connected(managed, "shop"), connected(managed, "billing"):
        expect(ui.row("shop")).to_contain_text("running")
        expect(ui.row("shop")).to_contain_text("guest")
        expect(ui.row("billing")).to_contain_text("AMQP 0-9-1")
        expect(ui.page.get_by_text("2 connections")).to_be_visible()
        ui.page.get_by_label("Filter connections by name").fill("nobody")
        expect(ui.page.get_by_text("Nothing matches “nobody”")).to_be_visible()
        ui.button("Clear the filter").click()
        expect(ui.row("billing")).to_be_visible()
    expect(ui.page.get_by_text("Nobody is connected")).to_be_visible()


def test_the_filter_is_part_of_the_address(ui: Ui, managed: BrokerProcess) -> None:
    with connected(managed, "shop"), connected(managed, "billing"):
        ui.go("connections", query="name=shop")
        filters = ui.page.get_by_label("Filter connections by name")
        expect(filters).to_have_value("shop")
        expect(ui.row("billing")).to_have_count(0)
        ui.row("shop").get_by_role("link").click()
        expect(ui.page.get_by_role("heading", name="shop", exact=True)).to_be_visible()
        ui.page.go_back()
        expect(filters).to_have_value("shop")
        # The menu leads to all of them.
        ui.page.get_by_role("link", name="Connections").click()
        expect(filters).to_have_value("")
        expect(ui.row("billing")).to_be_visible()


def test_a_connection_with_its_channels(ui: Ui, api: Api, managed: BrokerProcess) -> None:
    api.queue("looked at")
    for _ in range(4):
        api.publish("looked at", "one")
    with connected(managed, "warehouse") as connection:
        channel, confirming = connection.channel(), connection.channel()
        confirming.confirm_delivery()
        channel.basic_qos(prefetch_count=3)
        channel.basic_consume("looked at", lambda *_: None, consumer_tag="picker")
        ui.go("connections")
        ui.row("warehouse").get_by_role("link").click()
        expect(ui.page.get_by_role("heading", name="warehouse", exact=True)).to_be_visible()
        (found,) = api("GET", "connections")
        details = ui.card("Details")
        expect(details).to_contain_text(found["name"])
        expect(details).to_contain_text("PLAIN")
        expect(details).to_contain_text("128 KiB")
        expect(ui.card("What the client says about itself")).to_contain_text("Pika Python Client Library")
        rows = ui.card("Channels").get_by_role("row")
        expect(rows).to_have_count(3)
        first = rows.nth(1)
        for told in ("1", "running", "3"):
            expect(first.get_by_role("cell", name=told, exact=True).first).to_be_visible()
        first.get_by_role("link", name="1", exact=True).click()

        expect(ui.page.get_by_role("heading", name=f"{found['name']} (1)")).to_be_visible()
        expect(ui.card("Details")).to_contain_text(re.compile(r"Mode\s*plain"))
        expect(ui.card("Details")).to_contain_text(re.compile(r"Prefetch\s*3"))
        consumer = ui.card("Consumers").get_by_role("row").filter(has_text="picker")
        expect(consumer).to_contain_text("looked at")
        expect(consumer).to_contain_text("3")
        expect(ui.card("Details")).to_contain_text(re.compile(r"Unacknowledged\s*3"))
        ui.card("Details").get_by_role("link", name=found["name"]).click()
        expect(ui.page.get_by_role("heading", name="warehouse", exact=True)).to_be_visible()


def test_the_list_of_channels(ui: Ui, managed: BrokerProcess) -> None:
    ui.page.set_viewport_size({"width": 1700, "height": 800})  # with room for all columns
    ui.go("channels")
    expect(ui.page.get_by_text("No channels")).to_be_visible()
    with connected(managed, "modes") as connection:
        connection.channel(1).confirm_delivery()
        connection.channel(2).tx_select()
        connection.channel(3)
        for number, mode in ((1, "confirms"), (2, "transactions"), (3, "\u2013")):
            row = ui.row(f"({number})")
            expect(row.get_by_role("cell", name=mode, exact=True).first).to_be_visible()
        ui.page.get_by_role("link", name="(2)").click()
        expect(ui.card("Details")).to_contain_text(re.compile(r"Mode\s*transactions"))
        name = ui.card("Details").get_by_role("link").inner_text()
    ui.page.reload()
    expect(ui.page.get_by_role("alert")).to_contain_text("There is no channel of this name")
    ui.go("connections", name)
    expect(ui.page.get_by_role("alert")).to_contain_text("There is no connection of this name")


@pytest.mark.parametrize("reason", ["Umzug auf zwei Knoten, später", ""])
def test_closing_a_connection(ui: Ui, api: Api, managed: BrokerProcess, reason: str) -> None:
    with connected(managed, "unwanted") as connection:
        ui.go("connections")
        ui.row("unwanted").get_by_role("link").click()
        ui.button("Close…").click()
        ui.button("Cancel", ui.dialog).click()
        assert len(api("GET", "connections")) == 1
        ui.button("Close…").click()
        ui.field("Reason (the client sees it)", ui.dialog).fill(reason)
        ui.button("Close the connection", ui.dialog).click()
        ui.says("The connection is closed.")
        expect(ui.page.get_by_text("Nobody is connected")).to_be_visible()
        assert api("GET", "connections") == []
        with pytest.raises(ConnectionClosedByBroker) as closed:
            connection.process_data_events(time_limit=5)
    text = f"CONNECTION_FORCED - {reason or 'Closed via management plugin'}"
    assert (closed.value.reply_code, closed.value.reply_text) == (320, text)


def test_whose_connections_one_sees_and_closes(browser: Browser, url: str, api: Api, managed: BrokerProcess) -> None:
    for name, tag in (("carol", "monitoring"), ("dave", "management")):
        api("PUT", f"users/{name}", {"password": name, "tags": tag})
        api("PUT", f"permissions/%2F/{name}", {"configure": "", "write": "", "read": ""})
    with connected(managed, "of guest"), connected(managed, "of dave", "dave") as connection:
        with Ui.opened(browser, url, "carol") as ui:
            ui.go("connections")
            expect(ui.row("of dave")).to_be_visible()
            ui.row("of guest").get_by_role("link").click()
            expect(ui.page.get_by_role("heading", name="of guest")).to_be_visible()
            expect(ui.button("Close…")).to_have_count(0)
        with Ui.opened(browser, url, "dave") as ui:
            ui.go("connections")
            expect(ui.row("of dave")).to_be_visible()
            expect(ui.row("of guest")).to_have_count(0)
            ui.row("of dave").get_by_role("link").click()
            ui.button("Close…").click()
            ui.button("Close the connection", ui.dialog).click()
            ui.says("The connection is closed.")
        with pytest.raises(ConnectionClosedByBroker):
            connection.process_data_events(time_limit=5)
        assert [one["user"] for one in api("GET", "connections")] == ["guest"]


def test_only_those_of_a_virtual_host(ui: Ui, api: Api, managed: BrokerProcess) -> None:
    api("PUT", "vhosts/elsewhere")
    api("PUT", "permissions/elsewhere/guest", {"configure": ".*", "write": ".*", "read": ".*"})
    with connected(managed, "first") as here, connected(managed, "second", vhost="elsewhere") as there:
        here.channel()
        there.channel()
        ui.go("connections")
        expect(ui.row("first")).to_have_count(1)
        expect(ui.row("second")).to_have_count(1)
        ui.page.get_by_role("combobox", name="Virtual host").select_option("elsewhere")
        expect(ui.row("second")).to_have_count(1)
        expect(ui.page.get_by_text("1 connection", exact=True)).to_be_visible()
        ui.page.get_by_role("link", name="Channels").click()
        expect(ui.page.get_by_text("1 channel", exact=True)).to_be_visible()
    api("DELETE", "vhosts/elsewhere")
