"""The pages without a mouse."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from .support import Api, Ui

PLACES = {
    "o": "overview",
    "c": "connections",
    "h": "channels",
    "e": "exchanges",
    "q": "queues",
    "t": "topology",
    "r": "tracer",
    "u": "users",
    "v": "vhosts",
    "p": "policies",
    "l": "limits",
    "f": "flags",
    "d": "definitions",
    "n": "cluster",
}


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def test_g_and_a_letter_lead_to_every_page(ui: Ui) -> None:
    ui.go("queues")
    expect(ui.page.get_by_role("table", name="queues")).to_be_visible()
    pages = ui.page.get_by_role("navigation", name="Pages")
    expect(pages.get_by_role("link")).to_have_count(len(PLACES))
    chosen = pages.locator("[aria-current=page]")
    for key, page in PLACES.items():
        press(ui.page, "g", key)
        expect(ui.page).to_have_url(re.compile(f"#/{page}$"))
        expect(chosen).to_have_attribute("href", f"#/{page}")
    # A letter alone is none of them: r only looks again, right after the page came, too.
    ui.page.reload()
    expect(chosen).to_have_attribute("href", "#/cluster")
    press(ui.page, "r", "q")
    expect(ui.page).to_have_url(re.compile("#/cluster$"))


def test_a_filter_and_its_list(ui: Ui, api: Api) -> None:
    for name in ("keys one", "keys two", "keys three"):
        api.queue(name)
    ui.go("queues")
    table = ui.page.get_by_role("table", name="queues")
    expect(table).to_be_visible()
    press(ui.page, "/")
    expect(ui.page.get_by_label("Filter queues by name")).to_be_focused()
    ui.page.keyboard.type("keys")
    rows = table.get_by_role("row").filter(has=ui.page.get_by_role("cell"))
    expect(rows).to_have_count(3)
    press(ui.page, "Enter")
    expect(table).to_be_focused()
    press(ui.page, "ArrowDown")
    expect(table.locator(".active")).to_contain_text("keys one")
    press(ui.page, "End")
    expect(table.locator(".active")).to_contain_text("keys two")
    press(ui.page, "ArrowUp")
    expect(table.locator(".active")).to_contain_text("keys three")
    press(ui.page, "Enter")
    expect(ui.page.get_by_role("heading", name="keys three")).to_be_visible()


def test_escape_empties_the_filter_then_leaves_it(ui: Ui) -> None:
    ui.go("exchanges")
    expect(ui.page.get_by_role("link", name="amq.topic").first).to_be_visible()
    press(ui.page, "/")
    field = ui.page.get_by_label("Filter exchanges by name")
    ui.page.keyboard.type("gq?")  # letters, no commands
    expect(field).to_have_value("gq?")
    press(ui.page, "Escape")
    expect(field).to_have_value("")
    expect(field).to_be_focused()
    press(ui.page, "Escape")
    expect(field).not_to_be_focused()


def test_help(ui: Ui) -> None:
    ui.go("queues")
    expect(ui.page.get_by_role("table", name="queues")).to_be_visible()
    press(ui.page, "?")
    expect(ui.page.get_by_role("dialog", name="Keys")).to_contain_text("Routing tracer")
    press(ui.page, "g", "e")  # nothing happens behind a dialog
    press(ui.page, "Escape")
    expect(ui.dialog).to_have_count(0)
    expect(ui.page).to_have_url(re.compile("#/queues$"))
    button = ui.button("Keys")
    button.focus()
    press(ui.page, "Enter")
    expect(ui.dialog).to_be_visible()
    press(ui.page, "Escape")
    expect(ui.dialog).to_have_count(0)
    expect(button).to_be_focused()  # back where one was


def test_r_looks_again(ui: Ui) -> None:
    ui.go("exchanges")
    expect(ui.page.get_by_role("link", name="amq.topic").first).to_be_visible()
    ui.field("Refresh", ui.page.locator(".top")).select_option(label="paused")
    ui.page.locator("main").focus()
    with ui.page.expect_response(re.compile("/api/exchanges")):
        press(ui.page, "r")


def test_tab_skips_to_the_content(ui: Ui) -> None:
    ui.go("queues")
    expect(ui.page.get_by_role("table", name="queues")).to_be_visible()
    press(ui.page, "Tab")
    skip = ui.page.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    press(ui.page, "Enter")
    expect(ui.page.locator("main")).to_be_focused()
    expect(ui.page).to_have_url(re.compile("#/queues$"))
    press(ui.page, "Tab")
    expect(ui.page.get_by_label("Filter queues by name")).to_be_focused()
    press(ui.page, "Tab", "Tab")
    expect(ui.button("New queue").first).to_be_focused()


class TestDialogs:
    def test_a_queue_is_made_with_keys_alone(self, ui: Ui, api: Api) -> None:
        ui.go("queues")
        ui.button("New queue").first.focus()
        press(ui.page, "Enter")
        dialog = ui.page.get_by_role("dialog", name="New queue")
        expect(dialog).to_be_visible()
        for _ in range(20):
            # The focus stays inside (or is with the browser itself, where the page has it nowhere).
            assert ui.page.evaluate(
                "document.activeElement === document.body || !!document.activeElement.closest('dialog')"
            )
            if ui.field("Name", dialog).evaluate("one => one === document.activeElement"):
                break
            press(ui.page, "Tab")
        ui.page.keyboard.type("made by keys")
        press(ui.page, "Enter")
        ui.says("The queue made by keys is there.")
        assert api("GET", "queues/%2F/made%20by%20keys")["durable"] is True

    def test_escape_and_enter_in_a_question(self, ui: Ui, api: Api) -> None:
        api.queue("asked")
        ui.go("queues", "/", "asked")
        delete = ui.button("Delete…")
        delete.focus()
        press(ui.page, "Enter")
        expect(ui.dialog).to_be_visible()
        press(ui.page, "Escape")
        expect(ui.dialog).to_have_count(0)
        expect(delete).to_be_focused()
        press(ui.page, "Enter")
        typed = ui.dialog.get_by_label("Type asked to go on")
        typed.focus()
        ui.page.keyboard.type("aske")
        press(ui.page, "Enter")  # not yet
        expect(ui.dialog).to_be_visible()
        assert api("GET", "queues/%2F/asked")["name"] == "asked"
        ui.page.keyboard.type("d")
        press(ui.page, "Enter")
        ui.says("The queue asked is deleted.")
        assert api.client.get("queues/%2F/asked").status_code == 404

    def test_a_click_beside_it_closes(self, ui: Ui) -> None:
        ui.go("exchanges")
        ui.button("New exchange").click()
        expect(ui.dialog).to_be_visible()
        ui.field("Name", ui.dialog).click()
        expect(ui.dialog).to_be_visible()
        ui.page.mouse.click(5, 5)
        expect(ui.dialog).to_have_count(0)


def test_messages_and_tabs_with_keys(ui: Ui, api: Api) -> None:
    api.queue("browsed by keys")
    api.publish("browsed by keys", "hare")
    ui.go("queues", "/", "browsed by keys")
    tab = ui.page.get_by_role("navigation", name="Parts of this page").get_by_role("link", name="Messages")
    tab.focus()
    press(ui.page, "Enter")
    expect(tab).to_have_attribute("aria-current", "page")
    line = ui.page.locator("main li").get_by_role("button")
    line.focus()
    press(ui.page, "Enter")
    expect(ui.page.locator("li.open pre")).to_have_text("hare")
    press(ui.page, "/")
    expect(ui.field("Search messages")).to_be_focused()
    ui.page.keyboard.type("hare")
    press(ui.page, "Enter")
    expect(ui.page.get_by_text("1 match in 1 looked at")).to_be_visible()
    box = ui.page.get_by_role("checkbox", name=re.compile("Select message"))
    box.focus()
    press(ui.page, "Space")
    expect(ui.page.get_by_text("1 selected")).to_be_visible()


def test_nodes_of_the_topology_can_be_reached(ui: Ui, api: Api) -> None:
    api.queue("node by keys")
    ui.go("topology")
    ui.field("Show around a name").fill("node by keys")
    node = ui.page.get_by_role("link", name=re.compile("^node by keys: "))
    expect(ui.page.locator("a.node")).to_have_count(1)
    node.focus()
    press(ui.page, "Enter")
    expect(ui.page.get_by_role("heading", name="node by keys")).to_be_visible()


@pytest.mark.parametrize("page", ["queues", "exchanges", "topology", "tracer"])
def test_everything_has_a_name(ui: Ui, page: str) -> None:
    """What a screen reader would say of all that takes input."""
    ui.go(page)
    expect(ui.page.locator("main [data-filter]")).to_be_visible()
    unnamed = ui.page.evaluate(
        """() => [...document.querySelectorAll('a, button, input, select, textarea')]
            .filter((one) => !(one.ariaLabel || one.textContent.trim() || one.title || one.labels?.length))
            .map((one) => one.outerHTML)"""
    )
    assert unnamed == []
