"""The overview: totals, charts that move, the node, its ports, its alarms."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Locator, expect

from ..process import BrokerProcess
from .support import Api, Ui, connected, management_url


def stat(ui: Ui, label: str) -> Locator:
    """A figure, with its label and note."""
    return ui.page.locator(".stat").filter(has=ui.page.get_by_text(label, exact=True))


def chart(ui: Ui, title: str) -> Locator:
    return ui.page.get_by_role("figure").filter(has=ui.page.get_by_role("heading", name=title, exact=True))


@contextmanager
def traffic(broker: BrokerProcess, queue: str) -> Iterator[None]:
    """Messages come and go, and so do connections and queues."""
    ended = threading.Event()

    def flow() -> None:
        with connected(broker, "flow") as connection:
            channel = connection.channel()
            channel.queue_declare(queue, durable=True)
            while not ended.is_set():
                with connected(broker, "guest of a moment") as moment:
                    moment.channel().queue_declare("", exclusive=True)
                for _ in range(20):
                    channel.basic_publish("", queue, b"x")
                for _ in range(15):
                    channel.basic_get(queue, auto_ack=True)
                ended.wait(0.05)

    thread = threading.Thread(target=flow)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def test_what_there_is(ui: Ui, api: Api, managed: BrokerProcess) -> None:
    api.queue("counted")
    for _ in range(3):
        api.publish("counted", "one")
    with connected(managed, "counted") as connection:
        channel = connection.channel()
        channel.basic_consume("counted", lambda *_: None)
        ui.go("overview")
        expect(ui.page.get_by_role("heading", name="leveret@localhost", exact=True)).to_be_visible()
        there = api("GET", "overview")
        for label, name in (("Connections", "connections"), ("Channels", "channels"), ("Consumers", "consumers")):
            assert there["object_totals"][name]
            expect(stat(ui, label)).to_contain_text(str(there["object_totals"][name]))
        expect(stat(ui, "Queues")).to_contain_text(f"{there['object_totals']['queues']:,}")
        expect(stat(ui, "Exchanges")).to_contain_text(str(there["object_totals"]["exchanges"]))
        expect(stat(ui, "Messages ready")).to_contain_text(f"{there['queue_totals']['messages_ready']:,}")
        expect(stat(ui, "Messages ready")).to_contain_text(
            f"{there['queue_totals']['messages_unacknowledged']} unacknowledged"
        )
        node = api("GET", "nodes")[0]
        card = ui.card(node["name"])
        expect(card).to_contain_text("running")
        expect(card).to_contain_text(f"process {node['os_pid']}")
        expect(stat(ui, "Memory")).to_contain_text(re.compile(r"[\d.]+ MiB.*high watermark"))
        expect(stat(ui, "File descriptors")).to_contain_text(f"of {node['fd_total']:,}")
        ports = ui.card("Ports")
        for protocol, port in (("amqp", managed.port), ("http", httpx.URL(ui.url).port)):
            row = ports.get_by_role("row").filter(has=ui.page.get_by_role("cell", name=protocol, exact=True))
            expect(row.get_by_role("cell", name=str(port), exact=True)).to_be_visible()
        # The figures lead to what they count.
        stat(ui, "Connections").click()
        expect(ui.page.get_by_role("table", name="connections")).to_contain_text("counted")
    assert ui.page.get_by_role("alert").count() == 0


def test_charts_move_while_messages_flow(ui: Ui, api: Api, managed: BrokerProcess) -> None:
    ui.go("overview")
    ui.page.get_by_role("combobox", name="Refresh").select_option("every 2 s")
    rates = chart(ui, "Message rates")
    canvas = rates.locator("canvas")
    with traffic(managed, "stream of things"):
        # Samples are taken every 5 s.
        moving = rates.get_by_role("button", name=re.compile(r"Published\s+[1-9]"))
        expect(moving).to_be_visible(timeout=15_000)
        expect(rates.get_by_role("button", name=re.compile(r"Delivered\s+[1-9]"))).to_be_visible()
        queued = chart(ui, "Queued messages").get_by_role("button", name=re.compile("Ready"))
        expect(queued).not_to_have_text(re.compile(r"Ready\s+0$"))
        come_and_go = chart(ui, "Connections come and go")
        expect(come_and_go.get_by_role("button", name=re.compile(r"Connections opened\s+[1-9]"))).to_be_visible()
        expect(
            chart(ui, "Queues come and go").get_by_role("button", name=re.compile(r"Declared\s+[1-9]"))
        ).to_be_visible()
        drawn = canvas.evaluate("one => one.toDataURL()")
        drawing = "before => document.querySelectorAll('figure canvas')[1].toDataURL() !== before"
        ui.page.wait_for_function(drawing, arg=drawn, timeout=15_000)
    # A line is hidden and shown, and the time in sight is chosen.
    line = rates.get_by_role("button", name=re.compile("Published"))
    line.click()
    expect(line).to_have_attribute("aria-pressed", "false")
    line.click()
    expect(line).to_have_attribute("aria-pressed", "true")
    with ui.page.expect_request(re.compile("overview.*msg_rates_age=60&")):
        ui.button("1 min").click()
    expect(ui.button("1 min")).to_have_attribute("aria-pressed", "true")
    api("DELETE", "queues/%2F/stream%20of%20things")


@pytest.fixture
def narrow() -> Iterator[BrokerProcess]:
    """A broker with room for next to nothing, in memory or elsewhere."""
    with BrokerProcess(
        *("--port", "0", "--management", "--management-port", "0", "--ephemeral"),
        *("--vm-memory-high-watermark", "20KiB"),
    ) as process:
        assert process.port
        yield process


def test_an_alarm_is_seen_at_once(browser: Browser, narrow: BrokerProcess) -> None:
    url = management_url(narrow)
    with (
        Ui.opened(browser, url) as ui,
        httpx.Client(base_url=url + "api/", auth=("guest", "guest")) as client,
        connected(narrow, "publisher") as publisher,
    ):
        api = Api(client)
        ui.go("overview")
        expect(stat(ui, "Memory")).to_be_visible()
        expect(ui.page.get_by_role("alert")).to_have_count(0)
        channel = publisher.channel()
        channel.queue_declare("full")
        channel.basic_publish("", "full", bytes(30_000))
        alarm = ui.page.get_by_role("alert")
        expect(alarm).to_contain_text("Alarm: publishers are held back until this is over")
        expect(alarm).to_contain_text("uses more memory than its high watermark")
        assert client.get("health/checks/alarms").status_code == 503
        ui.page.get_by_role("link", name="Cluster").click()
        expect(ui.page.locator(".badge.bad", has_text="alarm")).to_be_visible()
        # Who publishes now is held back, and is seen to be.
        channel.basic_publish("", "full", b"too much")
        ui.page.get_by_role("link", name="Connections").click()
        expect(ui.row("publisher")).to_contain_text("blocked")
        api("DELETE", "queues/%2F/full/contents")
        expect(ui.row("publisher")).to_contain_text("running")
        ui.page.get_by_role("link", name="Overview").click()
        expect(stat(ui, "Memory")).to_be_visible()
        expect(ui.page.get_by_role("alert")).to_have_count(0)
        assert api("GET", "health/checks/alarms") == {"status": "ok"}


def test_a_disk_alarm(browser: Browser, tmp_path: Path) -> None:
    with BrokerProcess(
        *("--port", "0", "--management", "--management-port", "0", "--data-dir", str(tmp_path)),
        *("--disk-free-limit", "900TB"),
    ) as broker:
        assert broker.port
        with Ui.opened(browser, management_url(broker)) as ui:
            ui.go("overview")
            expect(ui.page.get_by_role("alert")).to_contain_text("has too little disk space")
            expect(ui.page.get_by_role("alert")).to_contain_text("at least 819 TiB is needed")


def test_a_broker_that_went_away(browser: Browser) -> None:
    with BrokerProcess("--port", "0", "--management", "--management-port", "0", "--ephemeral") as broker:
        assert broker.port
        with Ui.opened(browser, management_url(broker)) as ui:
            ui.go("overview")
            expect(ui.page.get_by_role("heading", name="leveret@localhost", exact=True)).to_be_visible()
            assert broker.stop() == 0
            ui.page.keyboard.press("r")
            # What was there stays, and is marked.
            expect(ui.page.get_by_text("not up to date: The broker does not answer.")).to_be_visible()
            expect(stat(ui, "Queues")).to_be_visible()
            ui.go("exchanges")
            expect(ui.page.get_by_role("alert")).to_contain_text("The broker does not answer.")
            ui.go("vhosts")
            expect(ui.page.get_by_role("alert")).to_contain_text("Virtual hosts cannot be shown")
            expect(ui.button("Try again")).to_be_visible()
