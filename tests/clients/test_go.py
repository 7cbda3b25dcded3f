"""amqp091-go, the client of Go."""

from __future__ import annotations

from pathlib import Path

import pytest

FOLDER = Path(__file__).with_name("go")


@pytest.mark.builds
@pytest.mark.timeout(900)
def test_every_step(toolchain, build_once, launch, steps):
    toolchain("go", "version", at_least=(1, 20))
    build_once(FOLDER, ["go.*", "*.go"], [["go", "build", "-mod=readonly", "-o", "build/client", "."]], "build/client")
    program = launch(FOLDER / "build" / "client")
    assert program.finish() == [f"ok {step}" for step in steps]
