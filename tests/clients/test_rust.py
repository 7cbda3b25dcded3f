"""lapin, the client of Rust."""

from __future__ import annotations

from pathlib import Path

import pytest

FOLDER = Path(__file__).with_name("rust")


@pytest.mark.builds
@pytest.mark.timeout(900)
def test_every_step(toolchain, build_once, launch, steps):
    toolchain("rustc", "--version", at_least=(1, 88))
    toolchain("cargo", "--version", at_least=(1, 88))
    build_once(
        FOLDER,
        ["Cargo.*", "src/*.rs"],
        [["cargo", "build", "-q", "--locked"]],
        "build/debug/leveret-client-rust",
        env={"CARGO_TARGET_DIR": "build"},
    )
    program = launch(FOLDER / "build" / "debug" / "leveret-client-rust")
    assert program.finish() == [f"ok {step}" for step in steps]
