"""What the client tests share: where the broker is, programs run as processes of their own, names nobody else uses.

LEVERET_TEST_BROKER=host:port points the tests at a broker that already runs, so that the same tests prove themselves
against RabbitMQ; without it they use the session's `broker`.
"""

from __future__ import annotations

import gc
import itertools
import os
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ..builds import build_once, toolchain  # noqa: F401
from .program import Program


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a broker listens for AMQP; guest/guest on vhost /."""

    host: str
    port: int

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@{self.host}:{self.port}/%2F"

    @property
    def environment(self) -> dict[str, str]:
        """What the programs under this folder read to find the broker."""
        return {"AMQP_HOST": self.host, "AMQP_PORT": str(self.port)}


@pytest.fixture(scope="session")
def endpoint(request: pytest.FixtureRequest) -> Endpoint:
    """The broker under test."""
    if address := os.environ.get("LEVERET_TEST_BROKER"):
        host, _, port = address.rpartition(":")
        return Endpoint(host, int(port))
    broker = request.getfixturevalue("broker")
    return Endpoint(broker.host, broker.port)


Launch = Callable[..., Program]


@pytest.fixture
def launch(endpoint: Endpoint) -> Iterator[Launch]:
    """`launch(command..., cwd=...)` starts a program that finds the broker in its environment; ended with the test."""
    programs: list[Program] = []

    def start(*command: str | Path, cwd: Path | None = None, env: dict[str, str] | None = None) -> Program:
        if Path(command[0]).suffix == ".py":
            command = (sys.executable, *command)
        programs.append(Program(command, cwd=cwd, env=endpoint.environment | (env or {})))
        return programs[-1]

    yield start
    for program in reversed(programs):
        program.kill()


@pytest.fixture
def unique(request: pytest.FixtureRequest) -> Callable[[str], str]:
    """`unique("jobs")` is a name that no other test, nor this one in an earlier run, has used."""
    numbers = itertools.count(1)
    run = uuid.uuid4().hex[:8]

    def name(word: str) -> str:
        return f"{request.node.originalname}.{word}.{next(numbers)}.{run}"

    return name


@pytest.fixture
def collected() -> Iterator[None]:
    """For clients that leave sockets to the garbage collector: the test ignores the warning, and it comes in time."""
    yield
    gc.collect()


@pytest.fixture(scope="session")
def steps() -> tuple[str, ...]:
    """What each program in another language does, in this order, with one line `ok STEP` for each."""
    return (
        "connect",
        "declare",
        "confirm",
        "consume-ack",
        "get",
        "return",
        "redeclare-406",
        "new-channel",
        "large",
        "headers",
        "close",
    )
