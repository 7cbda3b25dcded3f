"""Policies and operator policies: what they set, for what, and who may."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from .support import Api, Ui


@pytest.fixture
def ruled(api: Api) -> Iterator[str]:
    """A queue; afterwards there are no policies."""
    api.queue("ruled")
    yield "ruled"
    for kind in ("policies", "operator-policies"):
        for one in api("GET", f"{kind}/%2F"):
            api("DELETE", f"{kind}/%2F/{one['name']}")
    api("DELETE", "queues/%2F/ruled")


def fill(ui: Ui, number: int, name: str, value: str) -> None:
    """A line of the definition; what is known gets its type by itself."""
    ui.field("Definition: name", ui.dialog).nth(number).fill(name)
    ui.field("Definition: value", ui.dialog).nth(number).fill(value)


def test_adding_one(ui: Ui, api: Api, ruled: str) -> None:
    ui.go("policies")
    expect(ui.page.get_by_text("No policies")).to_be_visible()
    ui.button("New policy").click()
    ui.field("Name", ui.dialog).fill("short-lived")
    ui.field("Pattern (regular expression)", ui.dialog).fill("^rul")
    ui.field("Applies to", ui.dialog).select_option("classic queues")
    ui.field("Priority", ui.dialog).fill("7")
    fill(ui, 0, "message-ttl", "60000")
    ui.button("Add", ui.dialog).click()
    fill(ui, 1, "dead-letter-exchange", "amq.fanout")
    ui.button("Create policy").click()
    ui.says("The policy short-lived is in effect.")
    definition = {"message-ttl": 60000, "dead-letter-exchange": "amq.fanout"}
    assert api("GET", "policies/%2F/short-lived") == {
        "vhost": "/",
        "name": "short-lived",
        "pattern": "^rul",
        "apply-to": "classic_queues",
        "priority": 7,
        "definition": definition,
    }
    row = ui.row("short-lived")
    for told in ("^rul", "classic_queues", "message-ttl", "60000", "amq.fanout", "7"):
        expect(row).to_contain_text(told)
    # It is in effect, and seen at the queue.
    there = api("GET", "queues/%2F/ruled")
    assert (there["policy"], there["effective_policy_definition"]) == ("short-lived", definition)
    ui.go("queues", "/", ruled)
    expect(ui.page.get_by_text("short-lived")).to_be_visible()
    expect(ui.page.get_by_text("message-ttl")).to_be_visible()


@pytest.mark.parametrize(
    ("choice", "applies", "queue", "exchange"),
    [
        ("exchanges and queues", "all", True, True),
        ("exchanges", "exchanges", False, True),
        ("queues", "queues", True, False),
        ("streams", "streams", False, False),
    ],
)
def test_what_it_applies_to(
    ui: Ui, api: Api, ruled: str, choice: str, applies: str, queue: bool, exchange: bool
) -> None:
    api("PUT", "exchanges/%2F/ruled", {"type": "fanout"})
    ui.go("policies")
    ui.button("New policy").click()
    ui.field("Name", ui.dialog).fill("some")
    ui.field("Pattern (regular expression)", ui.dialog).fill("^ruled$")
    ui.field("Applies to", ui.dialog).select_option(choice)
    if applies == "exchanges":
        fill(ui, 0, "alternate-exchange", "amq.direct")
    elif applies == "all":
        fill(ui, 0, "max-length", "5")
        ui.button("Add", ui.dialog).click()
        fill(ui, 1, "alternate-exchange", "amq.direct")
    else:
        fill(ui, 0, "max-age" if applies == "streams" else "max-length", "1h" if applies == "streams" else "5")
    ui.button("Create policy").click()
    ui.says("The policy some is in effect.")
    assert api("GET", "policies/%2F/some")["apply-to"] == applies
    assert (api("GET", f"queues/%2F/{ruled}").get("policy") == "some") is queue
    assert (api("GET", "exchanges/%2F/ruled").get("policy") == "some") is exchange
    api("DELETE", "exchanges/%2F/ruled")


def test_changing_one(ui: Ui, api: Api, ruled: str) -> None:
    said = {"pattern": "^rul", "definition": {"max-length": 5, "overflow": "reject-publish"}, "priority": 1}
    api("PUT", "policies/%2F/bounded", said | {"apply-to": "queues"})
    ui.go("policies")
    ui.row("bounded").get_by_role("button", name="Change…").click()
    expect(ui.field("Pattern (regular expression)", ui.dialog)).to_have_value("^rul")
    expect(ui.field("Applies to", ui.dialog)).to_have_value("queues")
    expect(ui.field("Priority", ui.dialog)).to_have_value("1")
    expect(ui.field("Definition: value", ui.dialog).first).to_have_value("5")
    ui.field("Definition: value", ui.dialog).first.fill("9")
    ui.button("Remove this line", ui.dialog).nth(1).click()
    ui.button("Save policy").click()
    ui.says("The policy bounded is in effect.")
    assert api("GET", "policies/%2F/bounded")["definition"] == {"max-length": 9}
    assert api("GET", f"queues/%2F/{ruled}")["effective_policy_definition"] == {"max-length": 9}


@pytest.mark.parametrize(
    ("pattern", "name", "value"), [("(", "max-length", "5"), (".*", "max-length", "-5"), (".*", "no-such-thing", "5")]
)
def test_one_that_makes_no_sense_is_refused(ui: Ui, api: Api, ruled: str, pattern: str, name: str, value: str) -> None:
    ui.go("policies")
    ui.button("New policy").click()
    ui.field("Name", ui.dialog).fill("nonsense")
    ui.field("Pattern (regular expression)", ui.dialog).fill(pattern)
    fill(ui, 0, name, value)
    ui.button("Create policy").click()
    ui.says(re.compile("Validation failed", re.IGNORECASE))
    expect(ui.dialog).to_be_visible()  # what was written is not lost
    assert api("GET", "policies") == []


def test_deleting_one(ui: Ui, api: Api, ruled: str) -> None:
    api("PUT", "policies/%2F/bounded", {"pattern": "^rul", "definition": {"max-length": 5}})
    ui.go("policies")
    ui.row("bounded").get_by_role("button", name="Delete…").click()
    expect(ui.dialog).to_contain_text("bounded sets for names like ^rul")
    ui.button("Delete policy").click()
    ui.says("The policy bounded is deleted.")
    expect(ui.page.get_by_text("No policies")).to_be_visible()
    assert api("GET", "policies") == []


def test_operator_policies(ui: Ui, api: Api, ruled: str) -> None:
    api("PUT", "policies/%2F/generous", {"pattern": "^rul", "definition": {"max-length": 50}})
    ui.go("policies")
    ui.page.get_by_role("link", name="Operator policies").click()
    expect(ui.page.get_by_text("No operator policies")).to_be_visible()
    ui.button("New policy").click()
    expect(ui.dialog).to_contain_text("New operator policy")
    # Exchanges are not for operators.
    choices = ui.field("Applies to", ui.dialog).get_by_role("option").all_inner_texts()
    assert not [one for one in choices if "exchanges" in one]
    ui.field("Name", ui.dialog).fill("bound")
    ui.field("Pattern (regular expression)", ui.dialog).fill(".*")
    fill(ui, 0, "max-length", "20")
    ui.button("Create policy").click()
    ui.says("The policy bound is in effect.")
    there = api("GET", f"queues/%2F/{ruled}")
    assert (there["policy"], there["operator_policy"]) == ("generous", "bound")
    assert there["effective_policy_definition"] == {"max-length": 20}
    ui.row("bound").get_by_role("button", name="Change…").click()
    ui.field("Definition: value", ui.dialog).fill("10")
    ui.button("Save policy").click()
    ui.says("The policy bound is in effect.")
    assert api("GET", "operator-policies/%2F/bound")["definition"] == {"max-length": 10}
    ui.row("bound").get_by_role("button", name="Delete…").click()
    ui.button("Delete policy").click()
    ui.says("The policy bound is deleted.")
    assert api("GET", "operator-policies") == []
    assert api("GET", f"queues/%2F/{ruled}")["effective_policy_definition"] == {"max-length": 50}


def test_policymakers_make_those_of_users_only(browser: Browser, url: str, api: Api, ruled: str) -> None:
    api("PUT", "users/paula", {"password": "paula", "tags": "policymaker"})
    api("PUT", "permissions/%2F/paula", {"configure": ".*", "write": ".*", "read": ".*"})
    api("PUT", "operator-policies/%2F/bound", {"pattern": ".*", "definition": {"max-length": 5}, "apply-to": "queues"})
    with Ui.opened(browser, url, "paula") as ui:
        ui.go("policies")
        ui.button("New policy").click()
        ui.field("Name", ui.dialog).fill("by paula")
        fill(ui, 0, "max-length", "3")
        ui.button("Create policy").click()
        ui.says("The policy by paula is in effect.")
        ui.page.get_by_role("link", name="Operator policies").click()
        expect(ui.row("bound")).to_be_visible()
        expect(ui.page.locator("main").get_by_role("button")).to_have_count(0)
    assert [one["name"] for one in api("GET", "policies")] == ["by paula"]
    api("DELETE", "users/paula")
