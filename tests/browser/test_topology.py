"""The topology: exchanges and queues as a graph."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, expect

from .support import Api, Ui

VHOST = "drawn"


@pytest.fixture(scope="module", autouse=True)
def vhost(api: Api) -> Iterator[None]:
    """orders (topic) -> eu (fanout) -> invoices, parcels; orders -> parcels; unrouted of orders -> lost;
    dead letters of invoices -> graves.
    """
    with api.vhost(VHOST):
        api("PUT", f"exchanges/{VHOST}/lost", {"type": "fanout"})
        api("PUT", f"exchanges/{VHOST}/orders", {"type": "topic", "arguments": {"alternate-exchange": "lost"}})
        api("PUT", f"exchanges/{VHOST}/eu", {"type": "fanout"})
        api.queue("graves", vhost=VHOST)
        api.queue("parcels", vhost=VHOST)
        api.queue("invoices", {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "graves"}, VHOST)
        api("POST", f"bindings/{VHOST}/e/orders/e/eu", {"routing_key": "order.eu"})
        for key in ("parcel.a", "parcel.b"):
            api("POST", f"bindings/{VHOST}/e/orders/q/parcels", {"routing_key": key})
        for queue in ("invoices", "parcels"):
            api("POST", f"bindings/{VHOST}/e/eu/q/{queue}", {})
        yield


@pytest.fixture
def drawn(ui: Ui) -> Ui:
    """The picture."""
    ui.go("topology")
    ui.watch(VHOST)
    expect(node(ui, "invoices")).to_be_visible()
    return ui


def node(ui: Ui, name: str) -> Locator:
    return ui.page.get_by_role("group", name=f"Exchanges and queues of {VHOST}").get_by_role(
        "link", name=re.compile(f"^{re.escape(name)}: ")
    )


def edges(ui: Ui) -> list[str]:
    return sorted(" ".join(text.split()) for text in ui.page.locator("g.edge title").all_text_contents())


def test_nodes_and_edges(drawn: Ui) -> None:
    for name, about in (
        ("orders", "topic"),
        ("eu", "fanout"),
        ("lost", "fanout"),
        ("invoices", "0 · 0/s out"),
        ("parcels", "0 · 0/s out"),
        ("graves", "0 · 0/s out"),
    ):
        expect(node(drawn, name).locator("title")).to_have_text(f"{name}: {about}")
    assert edges(drawn) == [
        "alternate : 0/s",
        "binding : 0/s",
        "binding : 0/s",
        "binding order.eu: 0/s",
        "binding parcel.a and 1 more: 0/s",
        "dead letters : 0/s",
    ]
    # Boxes do not lie on one another.
    boxes = [one.bounding_box() for one in drawn.page.locator("a.node > rect").all()]
    assert len(boxes) == 6
    for index, one in enumerate(boxes):
        for other in boxes[:index]:
            assert one
            assert other
            apart_x = one["x"] >= other["x"] + other["width"] or other["x"] >= one["x"] + one["width"]
            apart_y = one["y"] >= other["y"] + other["height"] or other["y"] >= one["y"] + one["height"]
            assert apart_x or apart_y
    drawn.shot("topology-small")


def test_exchanges_without_bindings_are_left_out(drawn: Ui) -> None:
    expect(node(drawn, "amq.topic")).to_have_count(0)
    drawn.field("exchanges without bindings").check()
    expect(node(drawn, "amq.topic")).to_be_visible()


@pytest.mark.parametrize(("name", "kind"), [("parcels", "queues"), ("orders", "exchanges")])
def test_a_click_leads_to_its_page(drawn: Ui, name: str, kind: str) -> None:
    node(drawn, name).click()
    expect(drawn.page.get_by_role("heading", name=name, exact=True)).to_be_visible()
    expect(drawn.page).to_have_url(re.compile(f"#/{kind}/{VHOST}/{name}$"))


def test_what_is_around_a_name(drawn: Ui) -> None:
    drawn.field("Show around a name").fill("PARC")
    for name in ("parcels", "orders", "eu"):
        expect(node(drawn, name)).to_be_visible()
    for name in ("invoices", "graves", "lost"):
        expect(node(drawn, name)).to_have_count(0)
    drawn.field("Show around a name").fill("nothing like this")
    expect(drawn.page.get_by_text("Nothing matches “nothing like this”")).to_be_visible()


def test_moving_and_zooming(drawn: Ui) -> None:
    def width() -> float:
        box = node(drawn, "orders").locator("> rect").bounding_box()
        assert box
        return box["width"]

    at_first = width()
    drawn.button("Larger").click()
    assert width() > at_first * 1.2
    drawn.button("Smaller").click()
    assert width() == pytest.approx(at_first, rel=0.01)
    frame = drawn.page.locator(".frame").last
    frame.hover(position={"x": 20, "y": 20})
    drawn.page.mouse.wheel(0, -500)
    assert width() > at_first * 1.2
    drawn.button("Fit").click()
    assert width() == pytest.approx(at_first, rel=0.01)
    # Who drags a node does not want to open it.
    box = node(drawn, "orders").bounding_box()
    assert box
    drawn.page.mouse.move(box["x"] + 20, box["y"] + 20)
    drawn.page.mouse.down()
    drawn.page.mouse.move(box["x"] + 90, box["y"] + 60, steps=4)
    drawn.page.mouse.up()
    moved = node(drawn, "orders").bounding_box()
    assert moved
    assert moved["x"] == pytest.approx(box["x"] + 70, abs=2)
    expect(drawn.page).to_have_url(re.compile("#/topology"))


def test_a_new_binding_appears(drawn: Ui, api: Api) -> None:
    api.queue("new here", vhost=VHOST)
    api("POST", f"bindings/{VHOST}/e/lost/q/new%20here", {})
    expect(node(drawn, "new here")).to_be_visible()
    expect(drawn.page.locator("g.edge")).to_have_count(7)
    api("DELETE", f"queues/{VHOST}/new%20here")
    expect(node(drawn, "new here")).to_have_count(0)
    expect(drawn.page.locator("g.edge")).to_have_count(6)


def test_rates_are_on_the_edges(drawn: Ui, api: Api) -> None:
    """Last here: the figures of what the fixture made were sampled once by now, so that there is a rate soon."""
    drawn.field("Refresh", drawn.page.locator(".top")).select_option(label="every 2 s")
    flowing = drawn.page.locator("g.edge.flows title", has_text=re.compile(r"parcel\.a and 1 more: \d+(\.\d)?/s"))
    said = {"routing_key": "parcel.a", "payload": "x", "payload_encoding": "string", "properties": {}}
    until = time.monotonic() + 20
    while not flowing.count() and time.monotonic() < until:
        for _ in range(10):
            assert api("POST", f"exchanges/{VHOST}/orders/publish", said)["routed"]
        with drawn.page.expect_response(re.compile("/topology/")):
            pass
    expect(flowing).to_have_count(1)
    expect(node(drawn, "parcels")).to_contain_text(re.compile(r"\d+ ready"))


def test_a_paused_queue_is_marked(drawn: Ui, api: Api) -> None:
    api("POST", f"leveret/queues/{VHOST}/graves/pause")
    drawn.page.keyboard.press("r")
    expect(node(drawn, "graves").locator("title")).to_have_text("graves: paused · 0 · 0/s out")


def test_nothing_to_draw(ui: Ui, api: Api) -> None:
    with api.vhost("blank") as blank:
        ui.go("topology")
        ui.watch(blank)
        expect(ui.page.get_by_text("Nothing is bound")).to_be_visible()
