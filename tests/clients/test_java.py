"""com.rabbitmq:amqp-client, the client of Java."""

from __future__ import annotations

from pathlib import Path

import pytest

FOLDER = Path(__file__).with_name("java")


@pytest.mark.builds
@pytest.mark.timeout(900)
def test_every_step(toolchain, build_once, launch, steps):
    toolchain("javac", "-version", at_least=(11,))
    toolchain("mvn", "--version", at_least=(3, 6))
    build_once(
        FOLDER,
        ["pom.xml", "src/*.java"],
        [
            ["mvn", "-q", "-B", "dependency:copy-dependencies"],
            ["javac", "-encoding", "UTF-8", "-d", "build/classes", "-cp", "build/lib/*", "src/Client.java"],
        ],
        "build/classes/Client.class",
    )
    program = launch("java", "-cp", "build/classes:build/lib/*", "Client", cwd=FOLDER)
    assert program.finish() == [f"ok {step}" for step in steps]
