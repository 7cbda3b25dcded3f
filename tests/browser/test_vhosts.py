"""Virtual hosts and limits."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from ..process import BrokerProcess
from .support import Api, Ui, connected


@pytest.fixture
def shop(api: Api) -> str:
    api("PUT", "vhosts/shop", {"description": "Sales", "tags": "production", "default_queue_type": "classic"})
    api("PUT", "permissions/shop/guest", {"configure": ".*", "write": ".*", "read": ".*"})
    return "shop"


def test_adding_one(ui: Ui, api: Api) -> None:
    ui.go("vhosts")
    ui.button("New virtual host").click()
    ui.field("Name", ui.dialog).fill("new/one")
    ui.field("Description", ui.dialog).fill("Of the new shop")
    ui.field("Tags, with commas", ui.dialog).fill("production, eu")
    ui.field("Queues are by default", ui.dialog).select_option("classic")
    ui.button("Create virtual host").click()
    ui.says("The virtual host new/one is there.")
    there = api("GET", "vhosts/new%2Fone")
    assert there["description"] == "Of the new shop"
    assert there["tags"] == ["production", "eu"]
    assert there["default_queue_type"] == "classic"
    assert there["tracing"] is False
    expect(ui.row("new/one")).to_contain_text("Of the new shop")
    expect(ui.row("new/one")).to_contain_text("classic")
    # It can be chosen at once, for all pages.
    ui.page.get_by_role("combobox", name="Virtual host").select_option("new/one")
    ui.go("queues")
    expect(ui.page.get_by_text("No queues yet")).to_be_visible()
    api("DELETE", "vhosts/new%2Fone")


def test_changing_one(ui: Ui, api: Api, shop: str) -> None:
    api.queue("kept", vhost=shop)
    ui.go("vhosts")
    ui.row(shop).get_by_role("button", name="Change…").click()
    expect(ui.field("Description", ui.dialog)).to_have_value("Sales")
    expect(ui.field("Tags, with commas", ui.dialog)).to_have_value("production")
    expect(ui.field("Name", ui.dialog)).to_have_count(0)
    ui.field("Description", ui.dialog).fill("Sales, and returns")
    ui.field("Tags, with commas", ui.dialog).fill("production, returns")
    ui.field("Queues are by default", ui.dialog).select_option("classic")
    ui.dialog.get_by_role("checkbox").check()
    ui.button("Save").click()
    ui.says("The virtual host shop is changed.")
    there = api("GET", "vhosts/shop")
    assert (there["description"], there["tags"]) == ("Sales, and returns", ["production", "returns"])
    assert (there["default_queue_type"], there["tracing"]) == ("classic", True)
    expect(ui.row(shop).locator(".badge", has_text="tracing")).to_be_visible()
    assert [one["name"] for one in api("GET", "queues/shop")] == ["kept"]
    api("DELETE", "vhosts/shop")


def test_deleting_one(ui: Ui, api: Api, shop: str) -> None:
    api.queue("gone", vhost=shop)
    ui.go("vhosts")
    ui.page.get_by_role("combobox", name="Virtual host").select_option(shop)
    ui.row(shop).get_by_role("button", name="Change…").click()
    ui.button("Delete…", ui.dialog).click()
    asked = ui.dialog.last
    expect(asked).to_contain_text("Everything in shop will be gone for good")
    asked.get_by_label("Type shop to go on").fill("shop")
    ui.button("Delete virtual host").click()
    ui.says("The virtual host shop is deleted.")
    expect(ui.dialog).to_have_count(0)
    expect(ui.row(shop)).to_have_count(0)
    assert api.client.get("vhosts/shop").status_code == 404
    # What was chosen is gone: all are shown again.
    expect(ui.page.get_by_role("combobox", name="Virtual host")).to_have_value("")


def test_one_that_is_protected(ui: Ui, api: Api, shop: str) -> None:
    api("POST", "vhosts/shop/deletion/protection")
    ui.go("vhosts")
    ui.row(shop).get_by_role("button", name="Change…").click()
    expect(ui.button("Delete…", ui.dialog)).to_be_disabled()
    api("DELETE", "vhosts/shop/deletion/protection")
    api("DELETE", "vhosts/shop")


def test_limits_of_a_virtual_host(ui: Ui, api: Api, shop: str) -> None:
    ui.go("limits")
    card = ui.card("Limits of virtual hosts")
    ui.field("Virtual host", card).select_option(shop)
    ui.field("Limit", card).select_option("max-queues")
    ui.field("Value (-1: no limit)", card).fill("1")
    ui.button("Set limit of the virtual host").click()
    ui.says("The limit is set.")
    assert api("GET", "vhost-limits/shop") == [{"vhost": "shop", "value": {"max-queues": 1}}]
    row = card.get_by_role("row").filter(has_text="shop").filter(has_text="max-queues")
    expect(row.get_by_role("cell", name="1", exact=True)).to_be_visible()
    # It holds, and is said where it is met.
    api.queue("first", vhost=shop)
    ui.go("queues")
    ui.button("New queue").first.click()
    ui.field("Virtual host", ui.dialog).select_option(shop)
    ui.field("Name", ui.dialog).fill("second")
    ui.button("Create queue").click()
    ui.says("limit")
    assert [one["name"] for one in api("GET", "queues/shop")] == ["first"]
    ui.button("Cancel", ui.dialog).click()
    ui.go("limits")
    row.get_by_role("button", name="Remove").click()
    ui.says("The limit is removed.")
    expect(row).to_have_count(0)
    assert api("GET", "vhost-limits/shop") in ([], [{"vhost": "shop", "value": {}}])
    api("DELETE", "vhosts/shop")


def test_limits_of_a_user(ui: Ui, api: Api, managed: BrokerProcess) -> None:
    api("PUT", "users/limited", {"password": "limited", "tags": ""})
    api("PUT", "permissions/%2F/limited", {"configure": "", "write": "", "read": ""})
    ui.go("limits")
    card = ui.card("Limits of users")
    ui.field("User", card).select_option("limited")
    ui.field("Limit", card).select_option("max-connections")
    ui.field("Value (-1: no limit)", card).fill("0")
    ui.button("Set limit of the user").click()
    ui.says("The limit is set.")
    assert api("GET", "user-limits/limited") == [{"user": "limited", "value": {"max-connections": 0}}]
    with pytest.raises(Exception, match=r"(?i)limit|refused"), connected(managed, "refused", "limited"):
        pass
    row = card.get_by_role("row").filter(has_text="max-connections")
    row.get_by_role("button", name="Remove").click()
    ui.says("The limit is removed.")
    expect(row).to_have_count(0)
    with connected(managed, "welcome", "limited"):
        pass


def test_a_value_that_is_no_limit_is_refused(ui: Ui, api: Api) -> None:
    before = api("GET", "vhost-limits")
    ui.go("limits")
    card = ui.card("Limits of virtual hosts")
    ui.field("Value (-1: no limit)", card).fill("-2")
    ui.button("Set limit of the virtual host").click()
    assert ui.field("Value (-1: no limit)", card).evaluate("one => one.validity.rangeUnderflow")
    assert api("GET", "vhost-limits") == before
