"""Other clients of the HTTP API take the same tour with RabbitMQ and with Leveret: rabbit-hole (Go), Hop (Java)
and AMQPStorm (Python). Each is a program in `api_clients/` that prints what every step came to.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import pytest

from ..builds import Build, Toolchain
from .tour import Pair, Side, both

FOLDER: Final = Path(__file__).with_name("api_clients")
GO: Final = FOLDER / "go"
JAVA: Final = FOLDER / "java"
TOUR_S: Final = 300

pytestmark = pytest.mark.timeout(900)

MISSING: Final = "404, as for everything else that is not there"
WORDS: Final = "other words"
ENCODED: Final = "a space in a path is %20, not +"

Steps = Mapping[str, Mapping[str, Any]]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with both(tmp_path_factory.mktemp("clients")) as brokers:
        yield brokers


def take(pair: Pair, command: Sequence[str | Path], name: str) -> Mapping[str, Steps]:
    """Side -> step -> what it came to."""
    with ThreadPoolExecutor(2) as pool:
        return dict(zip(pair, pool.map(lambda side: _take(side, command, name), pair.values()), strict=True))


def _take(side: Side, command: Sequence[str | Path], name: str) -> Steps:
    with side.consuming(name, "taken"):
        done = subprocess.run(
            [*map(str, command), side.url.rstrip("/"), str(side.port), name],
            capture_output=True,
            text=True,
            check=False,
            timeout=TOUR_S,
        )
    assert done.returncode == 0, f"{side.name}: {done.stderr}"
    lines = [json.loads(side.plain(line)) for line in done.stdout.splitlines()]
    steps = {line["step"]: line for line in lines}
    assert len(steps) == len(lines), "two steps have one name"
    return steps


def check(found: Mapping[str, Steps], differences: Mapping[str, str]) -> None:
    theirs, ours = found["rabbitmq"], found["leveret"]
    assert [*ours] == [*theirs]
    assert len(ours) > 80
    different = {step: (theirs[step], ours[step]) for step in ours if theirs[step] != ours[step]}
    assert {step: both for step, both in different.items() if step not in differences} == {}
    assert differences.keys() <= different.keys(), "some are the same now"


@pytest.mark.builds
def test_rabbit_hole(pair: Pair, toolchain: Toolchain, build_once: Build) -> None:
    toolchain("go", "version", at_least=(1, 20))
    build_once(GO, ["go.*", "*.go"], [["go", "build", "-mod=readonly", "-o", "build/tour", "."]], "build/tour")
    differences = {
        "no node": "404, not 500",
        "bind e": ENCODED,
        "bind nobody": WORDS,
        "put wrong policy": "not escaped for HTML",
        "certificates in seconds": WORDS,
        "upload": "it lacks something: refused with a text, not a list",
    }
    check(take(pair, [GO / "build" / "tour"], "go"), differences)


@pytest.mark.builds
def test_hop(pair: Pair, toolchain: Toolchain, build_once: Build) -> None:
    toolchain("javac", "-version", at_least=(11,))
    toolchain("mvn", "--version", at_least=(3, 6))
    build_once(
        JAVA,
        ["pom.xml", "src/*.java"],
        [
            ["mvn", "-q", "-B", "dependency:copy-dependencies"],
            ["javac", "-encoding", "UTF-8", "-d", "build/classes", "-cp", "build/lib/*", "src/Tour.java"],
        ],
        "build/classes/Tour.class",
    )
    check(take(pair, ["java", "-cp", f"{JAVA}/build/classes:{JAVA}/build/lib/*", "Tour"], "java"), {})


def test_amqpstorm(pair: Pair) -> None:
    check(take(pair, [sys.executable, FOLDER / "amqpstorm_tour.py"], "python"), {"publish to nobody": MISSING})
