"""Definitions: a tour of export, another broker, import."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, expect

from ..process import BrokerProcess
from .support import Api, Ui, management_url


@pytest.fixture
def other() -> Iterator[Api]:
    """Another broker."""
    with BrokerProcess("--port", "0", "--management", "--management-port", "0", "--ephemeral") as process:
        assert process.port
        with httpx.Client(base_url=management_url(process) + "api/", auth=("guest", "guest")) as client:
            yield Api(client)


def exported(ui: Ui, where: Path) -> tuple[Path, Any]:
    """What the page downloads."""
    with ui.page.expect_download() as download:
        ui.button("Download definitions").click()
    ui.says("The definitions are in your downloads.")
    path = where / download.value.suggested_filename
    download.value.save_as(path)
    return path, json.loads(path.read_text())


def imported(ui: Ui, path: Path) -> None:
    ui.field("File").set_input_files(path)
    ui.button("Import definitions…").click()
    expect(ui.dialog).to_contain_text(f"What {path.name} defines is made or changed")
    ui.button("Import", ui.dialog).click()


def test_everything_moves_to_another_broker(ui: Ui, api: Api, other: Api, browser: Browser, tmp_path: Path) -> None:
    api("PUT", "vhosts/moving house", {"description": "Boxes"})
    api("PUT", "permissions/moving%20house/guest", {"configure": ".*", "write": ".*", "read": ".*"})
    api("PUT", "users/mover", {"password": "mover", "tags": "management"})
    api("PUT", "permissions/moving%20house/mover", {"configure": "^box", "write": ".*", "read": ""})
    api.queue("box/1", {"x-max-length": 10}, "moving house")
    api("PUT", "exchanges/moving%20house/van", {"type": "topic"})
    api("POST", "bindings/moving%20house/e/van/q/box%2F1", {"routing_key": "fragile.#"})
    api("PUT", "policies/moving%20house/careful", {"pattern": "^box", "definition": {"message-ttl": 1000}})
    ui.go("definitions")
    path, definitions = exported(ui, tmp_path)
    assert re.fullmatch(r"definitions-\d{4}-\d\d-\d\d\.json", path.name)
    assert "box/1" in [one["name"] for one in definitions["queues"]]
    assert "mover" not in json.dumps([one["password_hash"] for one in definitions["users"]])

    with Ui.opened(browser, str(other.client.base_url).removesuffix("api/")) as there:
        there.go("definitions")
        imported(there, path)
        there.says("The definitions are imported.")
        there.page.get_by_role("combobox", name="Virtual host").first.select_option("moving house")
        there.go("queues")
        there.row("box/1").get_by_role("link").click()
        expect(there.page.get_by_text("careful")).to_be_visible()
    queue = other("GET", "queues/moving%20house/box%2F1")
    assert (queue["arguments"]["x-max-length"], queue["policy"]) == (10, "careful")
    assert other("GET", "users/mover/permissions")[0]["configure"] == "^box"
    (_, binding) = sorted(other("GET", "queues/moving%20house/box%2F1/bindings"), key=lambda one: one["source"])
    assert (binding["source"], binding["routing_key"]) == ("van", "fragile.#")
    assert other("GET", "vhosts/moving%20house")["description"] == "Boxes"
    other.client.get("whoami", auth=("mover", "mover")).raise_for_status()
    api("DELETE", "vhosts/moving%20house")
    api("DELETE", "users/mover")


def test_one_virtual_host_alone(ui: Ui, api: Api, tmp_path: Path) -> None:
    api("PUT", "vhosts/left")
    api("PUT", "vhosts/right")
    for vhost in ("left", "right"):
        api("PUT", f"permissions/{vhost}/guest", {"configure": ".*", "write": ".*", "read": ".*"})
    api.queue("only this", vhost="left")
    api("PUT", "policies/left/bounded", {"pattern": "^only", "definition": {"max-length": 5}})
    ui.go("definitions")
    ui.field("Definitions of").select_option("virtual host left")
    path, definitions = exported(ui, tmp_path)
    assert path.name.startswith("definitions-left-")
    assert [one["name"] for one in definitions["queues"]] == ["only this"]
    assert definitions.get("users", []) == []
    ui.field("Definitions of").select_option("virtual host right")
    imported(ui, path)
    ui.says("The definitions are imported.")
    (queue,) = api("GET", "queues/right")
    assert (queue["name"], queue["policy"]) == ("only this", "bounded")
    for vhost in ("left", "right"):
        api("DELETE", f"vhosts/{vhost}")


@pytest.mark.parametrize("text", ["{", '{"queues": [{"name": "half", "vhost": "nowhere"}]}', "[]"])
def test_what_cannot_be_imported_is_said(ui: Ui, api: Api, tmp_path: Path, text: str) -> None:
    before = api("GET", "definitions")
    path = tmp_path / "broken.json"
    path.write_text(text)
    ui.go("definitions")
    imported(ui, path)
    expect(ui.page.locator(".toast.bad")).to_be_visible()
    expect(ui.button("Import definitions…")).to_be_enabled()
    assert api("GET", "definitions") == before


def test_a_file_is_asked_for(ui: Ui) -> None:
    ui.go("definitions")
    ui.button("Import definitions…").click()
    assert ui.field("File").evaluate("one => one.validity.valueMissing")
    expect(ui.dialog).to_have_count(0)
