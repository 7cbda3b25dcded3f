"""A tour: the same commands, one after the other, at two brokers, and what is left of their output when what has to
differ is taken out.
"""

from __future__ import annotations

import html
import json
import os
import re
import shlex
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import quote, urlsplit

import httpx
import pika
import pika.exceptions
import pytest

from ..process import BrokerProcess
from .rabbitmq import SERVER, RabbitMQ

PATIENCE_S: Final = 60.0
"""RabbitMQ's statistics are some seconds late."""
COMMAND_S: Final = 60.0
EVENTS: Final = "amq.rabbitmq.event"
"""An exchange that RabbitMQ has with a plugin only."""


class Done(NamedTuple):
    """How a command ended, and what it printed."""

    code: int
    output: str
    error: str


@dataclass
class Side:
    """One of the two brokers: where it listens, and a folder for its files."""

    name: str
    url: str
    port: int
    folder: Path
    host: str = "127.0.0.1"
    connections: list[pika.BlockingConnection] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.node: str = self.get("nodes")[0]["name"]
        self.cluster: str = self.get("cluster-name")["name"]

    @property
    def api_port(self) -> int:
        port = urlsplit(self.url).port
        assert port is not None
        return port

    def get(self, path: str) -> Any:
        """What the API says at a path."""
        response = httpx.get(f"{self.url}api/{path}", auth=("guest", "guest"), timeout=30)
        assert response.status_code == 200, response.text
        return response.json()

    def connect(self, name: str) -> pika.BlockingConnection:
        """A connection that calls itself so."""
        parameters = pika.ConnectionParameters(
            self.host, self.port, heartbeat=0, client_properties={"connection_name": name}
        )
        connection = pika.BlockingConnection(parameters)
        self.connections.append(connection)
        return connection

    def consume(self, name: str, queue: str) -> None:
        """Such a connection that consumes from a queue which it declares."""
        channel = self.connect(name).channel()
        channel.queue_declare(queue)
        channel.basic_qos(prefetch_count=5)
        channel.basic_consume(queue, lambda *_: None, consumer_tag="taker")

    @contextmanager
    def consuming(self, name: str, queue: str) -> Iterator[None]:
        """Such a connection that answers whatever it is told, meanwhile."""
        self.consume(name, queue)
        connection, over = self.connections.pop(), threading.Event()

        def answer() -> None:
            with suppress(pika.exceptions.AMQPError):
                while connection.is_open and not over.is_set():
                    connection.process_data_events(0.1)
            with suppress(pika.exceptions.AMQPError):
                connection.close()

        answering = threading.Thread(target=answer)
        answering.start()
        try:
            yield
        finally:
            over.set()
            answering.join()

    def connection(self, name: str) -> str:
        """What the API calls that connection."""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            for one in self.get("connections"):
                if (one.get("client_properties") or {}).get("connection_name") == name:
                    return str(one["name"])
            time.sleep(0.1)
        raise AssertionError(f"no connection {name}")

    def fill(self, words: str) -> str:
        """`{port}`, `{node}`, `{folder}` and `{connection:NAME}` replaced."""
        words = re.sub(r"\{connection:(\w+)\}", lambda found: self.connection(found[1]), words)
        for name in ("port", "api_port", "node", "folder"):
            words = words.replace(f"{{{name}}}", str(getattr(self, name)))
        return words

    def plain(self, text: str) -> str:
        """Without what has to differ."""
        text = re.sub(r"\x1b\[[\d;]*m", "", text)
        text = (
            text.replace(self.cluster, "CLUSTER")
            .replace(str(self.folder), "FOLDER")
            .replace(self.node, "NODE")
            .replace(quote(self.node), "NODE")
        )
        text = re.sub(rf"(?<!\d){self.port}(?!\d)", "PORT", text)
        text = re.sub(rf"(?<!\d){self.api_port}(?!\d)", "API", text)
        text = re.sub(r"127\.0\.0\.1:\d+ -> 127\.0\.0\.1:PORT", "CONNECTION", text)
        with suppress(ValueError):
            return json.dumps(_plain(json.loads(text)), indent=1, sort_keys=True)
        # Columns are as wide as what is in them, and texts are for HTML there.
        text = html.unescape(re.sub(r"[-─═]{2,}", "--", re.sub(r" {2,}", " ", text)))
        text = re.sub(r"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{48}(?![A-Za-z0-9+/])", "HASH", text)
        text = re.sub(r"\b1[6-9]\d{11}\b", "TIME", re.sub(r"127\.0\.0\.1 ([|│]) \d{4,5}\b", r"127.0.0.1 \1 PEER", text))
        lines = [line.strip() for line in text.splitlines()]
        return "\n".join(line for line in lines if line and EVENTS not in line)


def _plain(value: Any) -> Any:
    """JSON without that exchange; tables of text show the order of lists."""
    if isinstance(value, list):
        found = [_plain(one) for one in value if not (isinstance(one, dict) and one.get("name") == EVENTS)]
        return sorted(found, key=lambda one: json.dumps(one, sort_keys=True))
    return {name: _plain(one) for name, one in value.items()} if isinstance(value, dict) else value


Pair = Mapping[str, Side]
"""`rabbitmq` and `leveret`."""


@contextmanager
def both(folder: Path) -> Iterator[Pair]:
    """The two brokers with their management, nothing in them; skips where there is no RabbitMQ."""
    if not SERVER.exists():
        assert os.environ.get("CI") != "true", "continuous integration must have rabbitmq-server"
        pytest.skip("rabbitmq-server is not on this machine")
    environment = {"LEVERET_MANAGEMENT": "true", "LEVERET_MANAGEMENT_PORT": "0"}
    with RabbitMQ(management=True) as rabbitmq, BrokerProcess("--port", "0", "--ephemeral", env=environment) as leveret:
        port = leveret.port
        url = leveret.expect(r"management: (http://\S+)")[1]
        rabbitmq.ready()
        sides = {}
        for name, where, at in (("rabbitmq", rabbitmq.management_url, rabbitmq.port), ("leveret", url, port)):
            (folder / name).mkdir()
            sides[name] = Side(name, where, at, folder / name)
        yield sides
        for side in sides.values():
            for connection in side.connections:
                with suppress(pika.exceptions.AMQPError):
                    connection.close()
        assert leveret.stop() == 0, leveret.log


Command = Callable[[Side, Sequence[str]], Sequence[str]]
"""The command line for these words at this side."""


def commands(file: str) -> list[str]:
    """The lines of a tour, each with its number before it."""
    lines = (Path(__file__).parent / file).read_text().splitlines()
    return [f"{number} {line}" for number, line in enumerate(lines, 1) if line and not line.startswith("#")]


class Tour:
    """The commands of a tool, and what each did at both sides.

    A line is words as in a shell. `~` before it: figures in it may be late, so it is repeated until both agree, in
    vain for at most `PATIENCE_S`. `!` before it: RabbitMQ 3.10 cannot, so it is for Leveret only. `<<< text` at its
    end is its standard input.
    """

    def __init__(self, pair: Pair, command: Command, environment: Mapping[str, str] | None = None) -> None:
        self._pair = pair
        self._command = command
        self._environment = {
            name: value for name, value in os.environ.items() if not name.startswith("RABBITMQ")
        } | dict(environment or {})
        self._pool = ThreadPoolExecutor(2)

    def run(self, line: str) -> Mapping[str, Done]:
        """Run one line at both; output is made plain."""
        late, line = line.startswith("~"), line.removeprefix("~")
        if line.startswith("!"):
            return {"leveret": self._at(self._pair["leveret"], line[1:])}
        end = time.monotonic() + PATIENCE_S
        while True:
            done = dict(
                zip(self._pair, self._pool.map(lambda side: self._at(side, line), self._pair.values()), strict=True)
            )
            if not late or done["rabbitmq"] == done["leveret"] or time.monotonic() > end:
                return done
            time.sleep(0.3)

    def _at(self, side: Side, line: str) -> Done:
        for connection in side.connections:  # they answer when they are closed
            if connection.is_open:
                with suppress(pika.exceptions.AMQPError):
                    connection.process_data_events(0)
        words, _, said = line.partition("<<<")
        ended = subprocess.run(
            self._command(side, shlex.split(side.fill(words))),
            env=self._environment | {"HOME": str(side.folder)},
            cwd=side.folder,
            input=said.strip(),
            capture_output=True,
            text=True,
            check=False,
            timeout=COMMAND_S,
        )
        return Done(ended.returncode, side.plain(ended.stdout), side.plain(ended.stderr))
