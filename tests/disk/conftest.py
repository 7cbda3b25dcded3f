"""Every test that asks for `driver` runs over the kernel's disk and its twin."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .support import Driver, make


@pytest.fixture(params=["kernel", "twin"])
def kind(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def driver(kind: str, tmp_path: Path) -> Iterator[Driver]:
    directory = tmp_path / "files"
    (directory / "log").mkdir(parents=True)
    disk = make(kind, directory)
    if disk is None:
        pytest.skip("the kernel is not built")
    yield Driver(disk, directory)
    disk.close()
