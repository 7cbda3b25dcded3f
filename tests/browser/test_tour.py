"""The tour of README: a queue grows, is looked into, and is purged; its pictures are made here (`make screenshots`)."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from ..process import BrokerProcess
from .support import SCREENSHOTS, Ui, management_url

ROOT = Path(__file__).parents[2]
TOUR = (ROOT / "README.md").read_text().split("## A tour\n")[1].split("\n## ")[0]
PICTURES = re.findall(r"\(docs/images/(tour-.+?)\.png\)", TOUR)


@pytest.fixture(scope="module")
def own() -> Iterator[BrokerProcess]:
    """A broker with nothing in it, as a newcomer has it."""
    with BrokerProcess("--port", "0", "--management", "--management-port", "0", "--ephemeral") as process:
        assert process.port
        yield process
        assert process.stop() == 0, process.log


def test_the_tour(browser: Browser, own: BrokerProcess) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", TOUR, re.DOTALL)
    code = code.replace('("localhost")', f'("127.0.0.1", {own.port})')
    with Ui.opened(browser, management_url(own), user="", viewport={"width": 1200, "height": 720}) as ui:
        ui.page.goto(ui.url)
        ui.page.get_by_label("User").fill("guest")
        ui.page.get_by_label("Password").fill("guest")
        ui.button("Log in").click()
        pages = ui.page.get_by_role("navigation", name="Pages")

        with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL) as publisher:
            try:
                pages.get_by_role("link", name="Queues and streams").click()
                ui.row("orders").get_by_role("link", name="orders").click()
                ready = ui.page.locator(".stat", has_text="Ready").first
                expect(ready).to_be_visible()
                expect(ui.page.get_by_text("Collecting samples")).to_have_count(0, timeout=30_000)
                ui.shot("tour-growing")
            finally:
                publisher.terminate()  # enough for this test; a reader sees it to its end

        ui.page.get_by_label("Parts of this page").get_by_role("link", name="Messages").click()
        ui.page.get_by_text('{"number": 3}').click()
        expect(ui.page.get_by_text("customer")).to_be_visible()
        ui.shot("tour-messages")

        ui.page.get_by_label("Parts of this page").get_by_role("link", name="Overview").click()
        ui.button("Purge…").click()
        expect(ui.dialog).to_contain_text("orders")
        ui.shot("tour-purge")
        ui.button("Purge queue", ui.dialog).click()
        expect(ready.locator("b")).to_have_text("0")
    assert all((SCREENSHOTS / f"{name}.png").exists() for name in PICTURES)
    assert all((ROOT / f"docs/images/{name}.png").exists() for name in PICTURES)
