"""A broker that is killed under load keeps what it promised."""

from __future__ import annotations

from pathlib import Path

import pytest

from .kill import run


@pytest.mark.timeout(300)
def test_what_was_promised_survives_10_kills(disk_path: Path) -> None:
    model = run(disk_path / "data", cycles=10, seed=1)
    assert model.confirms > 1000
    assert model.deliveries > 100


@pytest.mark.long
@pytest.mark.timeout(7200)
def test_what_was_promised_survives_1000_kills(disk_path: Path) -> None:
    run(disk_path / "data", cycles=1000, seed=2)
