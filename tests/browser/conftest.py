"""A real Chromium in front of a real broker. Without Chromium these tests are skipped, but not in CI.

Screenshots go to build/screenshots/.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

playwright = pytest.importorskip("playwright.sync_api")

from playwright.sync_api import Browser, sync_playwright  # noqa: E402

from ..process import BrokerProcess  # noqa: E402
from .support import Api, Ui, management_url  # noqa: E402

ROOT = Path(__file__).parents[2]
UI = ROOT / "src/leveret/management/ui/index.html"
ARGUMENTS = [
    "--no-sandbox",  # tests may run as root
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
]


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Of the package only: Playwright keeps a loop running, beside which no async test can run."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    for missing in [what for what, there in (("chromium", chromium), ("make ui", UI.exists())) if not there]:
        if os.environ.get("CI"):
            pytest.fail(f"{missing} is needed here")
        pytest.skip(f"needs {missing}")
    with sync_playwright() as started:
        one = started.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield one
        one.close()


@pytest.fixture(scope="package")
def managed() -> Iterator[BrokerProcess]:
    """A broker that the tests of this package share; they use names of their own."""
    with BrokerProcess("--port", "0", "--management", "--management-port", "0", "--ephemeral") as process:
        assert process.port
        yield process
        assert process.stop() == 0, process.log


@pytest.fixture(scope="package")
def url(managed: BrokerProcess) -> str:
    """Where its pages are."""
    return management_url(managed)


@pytest.fixture(scope="package")
def api(url: str) -> Iterator[Api]:
    """Its HTTP API, as guest, to prepare and to check."""
    with httpx.Client(base_url=url + "api/", auth=("guest", "guest"), timeout=30) as client:
        yield Api(client)


@pytest.fixture(scope="package")
def tab(browser: Browser, url: str) -> Iterator[Ui]:
    """One that tests share: a new one for each would be half of their time."""
    with Ui.opened(browser, url) as one:
        yield one


@pytest.fixture
def ui(tab: Ui) -> Iterator[Ui]:
    """The pages, logged in as guest, as if nobody had been there. A test fails when a script of theirs fails."""
    tab.log_in()
    yield tab
    failures = tab.leave()
    assert not failures, failures
