"""Users: accounts, tags, permissions."""

from __future__ import annotations

import re

import httpx
import pytest
from playwright.sync_api import expect

from .support import Api, Ui


def whoami(ui: Ui, name: str, password: str) -> int:
    """The status of a login with a password."""
    return httpx.get(ui.url + "api/whoami", auth=(name, password)).status_code


@pytest.fixture
def anna(api: Api) -> str:
    api("PUT", "users/anna", {"password": "anna", "tags": "monitoring"})
    return "anna"


def test_adding_one(ui: Ui, api: Api) -> None:
    ui.go("users")
    ui.button("New user").click()
    ui.field("Name", ui.dialog).fill("new/one")
    ui.field("Password", ui.dialog).fill("secret")
    ui.dialog.get_by_role("checkbox", name=re.compile("^monitoring")).check()
    ui.dialog.get_by_role("checkbox", name=re.compile("^policymaker")).check()
    expect(ui.field("All tags, with commas", ui.dialog)).to_have_value("monitoring,policymaker")
    ui.button("Create user").click()
    ui.says("The user new/one is there. It may do nothing yet")
    expect(ui.page.get_by_role("heading", name="new/one")).to_be_visible()
    expect(ui.page.get_by_text("This user may not use any virtual host.")).to_be_visible()
    assert sorted(api("GET", "users/new%2Fone")["tags"]) == ["monitoring", "policymaker"]
    assert whoami(ui, "new/one", "secret") == 200
    ui.page.get_by_role("link", name="Users").click()
    expect(ui.row("new/one")).to_contain_text("policymaker")
    expect(ui.row("new/one")).to_contain_text("no access")


def test_adding_one_without_a_password(ui: Ui, api: Api) -> None:
    ui.go("users")
    ui.button("New user").click()
    ui.field("Name", ui.dialog).fill("by certificate")
    ui.dialog.get_by_role("checkbox", name=re.compile("^No password")).check()
    expect(ui.field("Password", ui.dialog)).to_have_count(0)
    ui.field("All tags, with commas", ui.dialog).fill("management, robots")
    ui.button("Create user").click()
    ui.says("The user by certificate is there.")
    there = api("GET", "users/by%20certificate")
    assert (there["password_hash"], sorted(there["tags"])) == ("", ["management", "robots"])
    assert whoami(ui, "by certificate", "") == 401
    ui.go("users")
    expect(ui.row("by certificate").get_by_role("cell", name="none")).to_be_visible()


def test_a_name_and_a_password_are_asked_for(ui: Ui, api: Api) -> None:
    ui.go("users")
    ui.button("New user").click()
    ui.button("Create user").click()
    expect(ui.field("Name", ui.dialog)).to_be_focused()
    ui.field("Name", ui.dialog).fill("unfinished")
    ui.button("Create user").click()
    expect(ui.field("Password", ui.dialog)).to_be_focused()
    ui.button("Cancel", ui.dialog).click()
    expect(ui.dialog).to_have_count(0)
    assert api.client.get("users/unfinished").status_code == 404


def test_changing_the_password(ui: Ui, anna: str) -> None:
    ui.go("users", anna)
    ui.field("Password").select_option("set another one")
    ui.field("New password").fill("other")
    ui.button("Save user").click()
    ui.says("The user anna is changed.")
    assert (whoami(ui, anna, "other"), whoami(ui, anna, "anna")) == (200, 401)
    # The field is gone, so that nobody reads it there.
    expect(ui.field("New password")).to_have_count(0)
    ui.field("Password").select_option("none: no login with a password")
    ui.button("Save user").click()
    ui.says("The user anna is changed.")
    assert whoami(ui, anna, "other") == 401


def test_changing_the_tags_keeps_the_password(ui: Ui, api: Api, anna: str) -> None:
    ui.go("users", anna)
    monitoring = ui.page.get_by_role("checkbox", name=re.compile("^monitoring"))
    expect(monitoring).to_be_checked()
    monitoring.uncheck()
    ui.page.get_by_role("checkbox", name=re.compile("^administrator")).check()
    ui.button("Save user").click()
    ui.says("The user anna is changed.")
    expect(ui.page.locator("main .badge", has_text="administrator")).to_be_visible()
    assert api("GET", "users/anna")["tags"] == ["administrator"]
    assert whoami(ui, anna, "anna") == 200


def test_deleting_one(ui: Ui, api: Api, anna: str) -> None:
    ui.go("users")
    ui.row(anna).get_by_role("link").click()
    ui.button("Delete…").click()
    sure = ui.button("Delete user")
    expect(sure).to_be_disabled()
    ui.dialog.get_by_label("Type anna to go on").fill("Anna")
    expect(sure).to_be_disabled()
    ui.dialog.get_by_label("Type anna to go on").fill("anna")
    sure.click()
    ui.says("The user anna is deleted.")
    expect(ui.page.get_by_role("table", name="users")).to_be_visible()
    expect(ui.row(anna)).to_have_count(0)
    assert api.client.get("users/anna").status_code == 404
    # Nobody deletes the ground they stand on.
    ui.go("users", "guest")
    expect(ui.page.get_by_role("heading", name="guest")).to_be_visible()
    expect(ui.button("Delete…")).to_have_count(0)


def test_permissions(ui: Ui, api: Api, anna: str) -> None:
    ui.go("users", anna)
    card = ui.card("Permissions")
    ui.field("Configure", card).fill("^orders-")
    ui.field("Write", card).fill("")
    ui.field("Read", card).fill(".*")
    ui.button("Set permission").click()
    ui.says("anna may use /.")
    expected = {"user": anna, "vhost": "/", "configure": "^orders-", "write": "", "read": ".*"}
    assert api("GET", "users/anna/permissions") == [expected]
    expect(card.get_by_role("cell", name="^orders-")).to_be_visible()
    ui.field("Read", card).fill("(")
    ui.button("Set permission").click()
    ui.says(re.compile("regex|pattern|regular expression", re.IGNORECASE))
    assert api("GET", "users/anna/permissions") == [expected]
    ui.button("Remove", card).click()
    ui.says("anna may no longer use /.")
    expect(card.get_by_text("This user may not use any virtual host.")).to_be_visible()
    assert api("GET", "users/anna/permissions") == []


def test_topic_permissions(ui: Ui, api: Api, anna: str) -> None:
    ui.go("users", anna)
    card = ui.card("Topic permissions")
    expect(card).to_contain_text("None: every routing key is allowed")
    ui.field("Exchange", card).fill("amq.topic")
    ui.field("Write", card).fill("^eu\\.")
    ui.field("Read", card).fill("^(eu|us)\\.")
    ui.button("Set topic permission").click()
    ui.says("The topic permission is set.")
    expected = {"user": anna, "vhost": "/", "exchange": "amq.topic", "write": "^eu\\.", "read": "^(eu|us)\\."}
    assert api("GET", "users/anna/topic-permissions") == [expected]
    expect(card.get_by_role("cell", name="amq.topic")).to_be_visible()
    ui.button("Remove", card).click()
    ui.says("The topic permission is removed.")
    expect(card).to_contain_text("None: every routing key is allowed")
    assert api("GET", "users/anna/topic-permissions") == []


def test_one_topic_permission_of_two_is_removed(ui: Ui, api: Api, anna: str) -> None:
    for exchange in ("amq.topic", "amq.rabbitmq.trace"):
        api("PUT", "topic-permissions/%2F/anna", {"exchange": exchange, "write": ".*", "read": ".*"})
    ui.go("users", anna)
    row = ui.card("Topic permissions").get_by_role("row").filter(has_text="amq.topic")
    row.get_by_role("button", name="Remove").click()
    ui.says("The topic permission is removed.")
    assert [one["exchange"] for one in api("GET", "users/anna/topic-permissions")] == ["amq.rabbitmq.trace"]


def test_a_user_that_is_not_there(ui: Ui) -> None:
    ui.go("users", "nobody")
    expect(ui.page.get_by_role("alert")).to_contain_text("There is no user of this name")
