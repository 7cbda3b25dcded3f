"""The broker as a whole: its name, its node, its configuration, feature flags."""

from __future__ import annotations

import re

from playwright.sync_api import Browser, expect

from .support import Api, Ui


def test_the_name(ui: Ui, api: Api) -> None:
    before = api("GET", "cluster-name")["name"]
    ui.go("cluster")
    name = ui.field("Name of the cluster")
    expect(name).to_have_value(before)
    name.fill("meadow")
    ui.button("Rename").click()
    ui.says("This is meadow now.")
    assert api("GET", "cluster-name")["name"] == "meadow"
    ui.go("overview")
    expect(ui.page.get_by_role("heading", name="meadow")).to_be_visible()
    api("PUT", "cluster-name", {"name": before})


def test_the_node_and_its_configuration(ui: Ui, api: Api) -> None:
    node = api("GET", "nodes")[0]
    ui.go("cluster")
    card = ui.card(node["name"])
    expect(card).to_contain_text("running")
    expect(card).to_contain_text(str(node["os_pid"]))
    expect(card).to_contain_text(f"of {node['fd_total']:,}")
    options = ui.card("Configuration in effect")
    expect(options.get_by_text("ephemeral", exact=True)).to_be_visible()
    # No secrets.
    expect(options.locator("dt:text-is('default-pass') + dd")).to_have_text(re.compile(r"^\*+$"))


def test_who_only_watches(browser: Browser, url: str, api: Api) -> None:
    api("PUT", "users/watcher", {"password": "watcher", "tags": "monitoring"})
    with Ui.opened(browser, url, "watcher") as ui:
        ui.go("cluster")
        expect(ui.field("Name of the cluster")).to_be_disabled()
        expect(ui.button("Rename")).to_have_count(0)
        expect(ui.page.get_by_role("heading", name="Configuration in effect")).to_have_count(0)
    api("DELETE", "users/watcher")


def test_feature_flags(ui: Ui, api: Api) -> None:
    flags = api("GET", "feature-flags")
    assert flags
    ui.go("flags")
    for flag in flags:
        row = ui.page.get_by_role("row").filter(has=ui.page.get_by_role("cell", name=flag["name"], exact=True))
        expect(row).to_contain_text(flag["state"])
        expect(row).to_contain_text(flag["desc"])
