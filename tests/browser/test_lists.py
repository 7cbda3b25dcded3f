"""The list of queues, as an example of all long lists: order, filter, columns, and rows that come when scrolled to."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, expect

from ..process import BrokerProcess
from .support import Api, Ui, connected

VHOST = "listed"
MANY = 450
"""Rows; a page of the API has 100."""


@pytest.fixture(scope="module", autouse=True)
def vhost(api: Api, managed: BrokerProcess) -> Iterator[None]:
    """Many queues, and three others."""
    with api.vhost(VHOST), connected(managed, "declares", vhost=VHOST) as client:
        channel = client.channel()
        for number in range(MANY):
            channel.queue_declare(f"q-{number:04}")
        for name, count in (("alpha", 1), ("beta", 3), ("gamma", 2)):
            channel.queue_declare(f"{name}.work", durable=True)
            for _ in range(count):
                channel.basic_publish("", f"{name}.work", b"x")
        channel.queue_declare("alpha.work", passive=True)  # all of it is there
        yield


@pytest.fixture
def listed(ui: Ui) -> Ui:
    """At the list, of this virtual host only."""
    ui.page.set_viewport_size({"width": 1700, "height": 800})
    ui.go("queues")
    ui.watch(VHOST)
    expect(ui.page.get_by_text(f"{MANY + 3} queues")).to_be_visible()
    return ui


def rows(ui: Ui) -> Locator:
    return ui.page.get_by_role("table", name="queues").get_by_role("row").filter(has=ui.page.get_by_role("cell"))


def names(ui: Ui, *wanted: str) -> None:
    expect(rows(ui).get_by_role("cell").locator("a.name")).to_have_text([*wanted])


def keep(ui: Ui, text: str) -> None:
    ui.page.get_by_label("Filter queues by name").fill(text)


def test_filtering_by_a_part_of_the_name(listed: Ui) -> None:
    keep(listed, ".work")
    names(listed, "alpha.work", "beta.work", "gamma.work")
    expect(listed.page.get_by_text(f"3 of {MANY + 3} queues")).to_be_visible()
    keep(listed, "PHA.w")
    names(listed, "alpha.work")
    expect(listed.page).to_have_url(re.compile(r"\?name=PHA\.w$"))
    keep(listed, "no such queue")
    expect(listed.page.get_by_text("Nothing matches “no such queue”")).to_be_visible()
    listed.button("Clear the filter").click()
    expect(listed.page.get_by_text(f"{MANY + 3} queues")).to_be_visible()


def test_filtering_by_a_pattern(listed: Ui) -> None:
    listed.page.get_by_title("The filter is a regular expression").click()
    keep(listed, r"^(alpha|gamma)\.work$")
    names(listed, "alpha.work", "gamma.work")
    # A reload, or a link that is passed on, shows the same.
    listed.page.reload()
    names(listed, "alpha.work", "gamma.work")
    keep(listed, "(")  # no pattern: said, and the list is not lost
    expect(listed.page.get_by_text("not up to date")).to_be_visible()
    names(listed, "alpha.work", "gamma.work")
    keep(listed, "beta")
    names(listed, "beta.work")
    expect(listed.page.get_by_text("not up to date")).to_have_count(0)


def test_sorting(listed: Ui) -> None:
    table = listed.page.get_by_role("table", name="queues")
    keep(listed, ".work")
    names(listed, "alpha.work", "beta.work", "gamma.work")
    header = table.get_by_role("columnheader", name="Queue")
    expect(header).to_have_attribute("aria-sort", "ascending")
    listed.button("Queue", table).click()
    names(listed, "gamma.work", "beta.work", "alpha.work")
    expect(header).to_have_attribute("aria-sort", "descending")
    listed.button("Ready", table).click()  # of figures the large ones first
    names(listed, "beta.work", "gamma.work", "alpha.work")
    ready = rows(listed).get_by_role("cell", name=re.compile("^[123]$"))
    expect(ready).to_have_text(["3", "2", "1"])
    listed.button("Ready", table).click()
    names(listed, "alpha.work", "gamma.work", "beta.work")
    expect(listed.page).to_have_url(re.compile("sort=messages_ready"))
    for column in ("Virtual host", "Type", "State", "Consumers", "Unacked", "Size", "In", "Out", "Ack"):
        listed.button(column, table).click()
        header = table.get_by_role("columnheader", name=column, exact=True)
        expect(header).to_have_attribute("aria-sort", re.compile("ending"))
    expect(rows(listed)).to_have_count(3)


def test_only_rows_in_sight_exist(listed: Ui) -> None:
    asked: list[str] = []
    listed.page.on("request", lambda request: asked.append(request.url))
    table = listed.page.get_by_role("table", name="queues")
    expect(table).to_have_attribute("aria-rowcount", str(MANY + 3))
    assert rows(listed).count() < 60
    table.evaluate("table => (table.scrollTop = table.scrollHeight)")
    expect(table.get_by_role("link", name=f"q-{MANY - 1:04}")).to_be_visible()
    expect(table.get_by_role("link", name="alpha.work")).to_have_count(0)
    assert rows(listed).count() < 60
    assert [url for url in asked if "page=5" in url]
    assert not [url for url in asked if "page=3" in url]  # what was passed over is not asked for
    table.evaluate("table => (table.scrollTop = 0)")
    expect(table.get_by_role("link", name="alpha.work")).to_be_visible()
    # A shorter list, from far down: what is there is shown.
    table.evaluate("table => (table.scrollTop = table.scrollHeight)")
    expect(table.get_by_role("link", name=f"q-{MANY - 1:04}")).to_be_visible()
    keep(listed, ".work")
    names(listed, "alpha.work", "beta.work", "gamma.work")


def test_a_click_opens_one(listed: Ui) -> None:
    keep(listed, "beta")
    names(listed, "beta.work")
    rows(listed).get_by_role("cell", name="running").click()
    expect(listed.page.get_by_role("heading", name="beta.work")).to_be_visible()
    listed.page.go_back()
    names(listed, "beta.work")
    expect(listed.page.get_by_label("Filter queues by name")).to_have_value("beta")


def test_columns_go_where_there_is_little_room(browser: Browser, url: str) -> None:
    with Ui.opened(browser, url, viewport={"width": 1700, "height": 700}) as ui:
        ui.go("queues")
        headers = ui.page.get_by_role("table", name="queues").get_by_role("columnheader")
        every = "Queue↑ / Virtual host / Type / Features / State / Consumers / Ready / Unacked / Size / In / Out / Ack"
        expect(headers).to_have_text(every.split(" / "))
        ui.page.set_viewport_size({"width": 900, "height": 700})
        expect(headers).to_have_text(["Queue↑", "Consumers", "Ready", "Unacked", "In", "Out"])
        ui.page.set_viewport_size({"width": 390, "height": 700})
        expect(headers).to_have_text(["Queue↑", "Ready", "Unacked"])


def test_what_a_row_tells(listed: Ui, api: Api) -> None:
    api("POST", f"leveret/queues/{VHOST}/gamma.work/pause")
    keep(listed, "gamma")
    cells = rows(listed).get_by_role("cell")
    for text in ("classic", "D", "paused", "2", "2 B"):
        expect(cells.filter(has_text=text).first).to_be_visible()
    api("POST", f"leveret/queues/{VHOST}/gamma.work/resume")
