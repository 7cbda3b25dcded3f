"""com.rabbitmq.jms:rabbitmq-jms, RabbitMQ's JMS client: topics, and selectors by the x-jms-topic exchange."""

from __future__ import annotations

from pathlib import Path

import pytest

FOLDER = Path(__file__).with_name("jms")


@pytest.mark.builds
@pytest.mark.timeout(900)
def test_subscriptions_with_selectors(toolchain, build_once, launch):
    toolchain("javac", "-version", at_least=(11,))
    toolchain("mvn", "--version", at_least=(3, 6))
    build_once(
        FOLDER,
        ["pom.xml", "src/*.java"],
        [
            ["mvn", "-q", "-B", "dependency:copy-dependencies"],
            ["javac", "-encoding", "UTF-8", "-d", "build/classes", "-cp", "build/lib/*", "src/Selecting.java"],
        ],
        "build/classes/Selecting.class",
    )
    program = launch("java", "-cp", "build/classes:build/lib/*", "Selecting", cwd=FOLDER)
    steps = ("connect", "subscribe", "publish", "select", "unsubscribe", "nonsense", "close")
    assert program.finish() == [f"ok {step}" for step in steps]
