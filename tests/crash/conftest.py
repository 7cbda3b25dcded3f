"""Where crash tests keep their data: on a disk, since tmpfs keeps nothing to be kept."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def disk_path() -> Iterator[Path]:
    """An empty directory beside the sources."""
    (ROOT / "build").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ROOT / "build") as directory:
        yield Path(directory)
