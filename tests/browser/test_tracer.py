"""The routing tracer: where would a message go?"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from .support import Api, Ui

VHOST = "traced"


@pytest.fixture(scope="module", autouse=True)
def vhost(api: Api) -> Iterator[None]:
    """in (topic) -> by header (headers) -> acme, -> all of them; unrouted of in -> rest (fanout) -> rest."""
    with api.vhost(VHOST):
        api("PUT", f"exchanges/{VHOST}/rest", {"type": "fanout"})
        api("PUT", f"exchanges/{VHOST}/in", {"type": "topic", "arguments": {"alternate-exchange": "rest"}})
        api("PUT", f"exchanges/{VHOST}/by%20header", {"type": "headers"})
        for queue in ("acme", "all of them", "rest"):
            api.queue(queue, vhost=VHOST)
        api("POST", f"bindings/{VHOST}/e/in/e/by%20header", {"routing_key": "a.#"})
        api("POST", f"bindings/{VHOST}/e/in/q/all%20of%20them", {"routing_key": "a.*"})
        api("POST", f"bindings/{VHOST}/e/by%20header/q/acme", {"arguments": {"x-match": "all", "tenant": "acme"}})
        api("POST", f"bindings/{VHOST}/e/rest/q/rest", {})
        yield


def trace(ui: Ui, exchange: str, key: str, **headers: str) -> None:
    ui.field("Virtual host").select_option(VHOST)
    ui.field("Exchange (empty: the default one)").fill(exchange)
    ui.field("Routing key").fill(key)
    for number, (name, value) in enumerate(headers.items()):
        ui.button("Add").click()
        ui.field("Headers: name").nth(number).fill(name)
        ui.field("Headers: value").nth(number).fill(value)
    ui.button("Trace the route").click()


def steps(ui: Ui, *wanted: str) -> None:
    expect(ui.page.locator("main ol li")).to_have_text([re.compile(one) for one in wanted])


def test_through_several_exchanges(ui: Ui, api: Api) -> None:
    ui.go("tracer")
    trace(ui, "in", "a.b", tenant="acme")
    expect(ui.page.get_by_role("heading", name="To 2 queues")).to_be_visible()
    steps(
        ui,
        r"in\s+binding\s+a\.#\s+by header",
        r"by header\s+binding\s+x-match\s*all\s*tenant\s*acme\s+acme",
        r"in\s+binding\s+a\.\*\s+all of them",
    )
    # Nothing was published.
    assert api("GET", f"queues/{VHOST}/acme")["messages"] == 0
    ui.page.locator("main .queues").get_by_role("link", name="acme").click()
    expect(ui.page.get_by_role("heading", name="acme")).to_be_visible()


def test_without_the_header(ui: Ui) -> None:
    ui.go("tracer")
    trace(ui, "in", "a.b")
    expect(ui.page.get_by_role("heading", name="To 1 queue")).to_be_visible()
    expect(ui.page.locator("main .queues")).to_have_text(re.compile(r"^\s*all of them\s*$"))
    trace(ui, "in", "a.b", tenant="acme")
    expect(ui.page.get_by_role("heading", name="To 2 queues")).to_be_visible()
    ui.button("Remove this line").click()
    ui.button("Trace the route").click()
    expect(ui.page.get_by_role("heading", name="To 1 queue")).to_be_visible()


def test_to_the_alternate_exchange(ui: Ui) -> None:
    ui.go("tracer")
    trace(ui, "in", "nothing")
    steps(ui, r"in\s+nothing matched: alternate exchange\s+rest", r"rest\s+binding\s+rest")
    ui.page.locator("main ol").get_by_role("link", name="rest").first.click()
    expect(ui.page).to_have_url(re.compile(f"#/exchanges/{VHOST}/rest"))


def test_through_the_default_exchange(ui: Ui) -> None:
    ui.go("tracer")
    trace(ui, "", "acme")
    steps(ui, r"\(default\)\s+name of the queue\s+acme")


def test_to_nowhere(ui: Ui) -> None:
    ui.go("tracer")
    trace(ui, "", "no such queue")
    expect(ui.page.get_by_role("heading", name="Nowhere")).to_be_visible()
    expect(ui.page.get_by_text("No queue would get it")).to_be_visible()


def test_an_exchange_that_is_not_there(ui: Ui) -> None:
    ui.go("tracer")
    trace(ui, "no such exchange", "a")
    expect(ui.page.get_by_role("alert")).to_contain_text(f"There is no exchange no such exchange in {VHOST}")


def test_a_wrong_header_is_said(ui: Ui) -> None:
    ui.go("tracer")
    ui.button("Add").click()
    ui.field("Headers: name").fill("tries")
    ui.field("Headers: value").fill("three")
    ui.field("Headers: type").select_option(label="number")
    ui.button("Trace the route").click()
    expect(ui.page.get_by_role("alert")).to_contain_text('tries: "three" is no number')


def test_from_the_page_of_an_exchange(ui: Ui) -> None:
    ui.go("exchanges", VHOST, "in")
    ui.page.get_by_role("link", name="Trace a route").click()
    expect(ui.field("Virtual host")).to_have_value(VHOST)
    expect(ui.field("Exchange (empty: the default one)")).to_have_value("in")
    ui.field("Routing key").fill("a.b")
    ui.field("Routing key").press("Enter")
    expect(ui.page.get_by_role("heading", name="To 1 queue")).to_be_visible()
