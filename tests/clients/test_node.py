"""amqplib, the client of Node.js."""

from __future__ import annotations

from pathlib import Path

import pytest

FOLDER = Path(__file__).with_name("node")


@pytest.mark.builds
@pytest.mark.timeout(900)
def test_every_step(toolchain, build_once, launch, steps):
    toolchain("node", "--version", at_least=(18,))
    toolchain("npm", "--version", at_least=(9,))
    build_once(FOLDER, ["package.json", "package-lock.json"], [["npm", "ci", "--silent"]], "node_modules/amqplib")
    program = launch("node", "client.js", cwd=FOLDER)
    assert program.finish() == [f"ok {step}" for step in steps]
