"""Queues whose messages leave by themselves: `python bench/expiry.py`.

    limits      transient-16 through a queue with a time to live and a length limit, beside one without (target: 70 %)
    letters     a million messages expire and become dead letters (target: under 5 s), while a quiet queue of 1,000
                messages a second goes on (target: p99 under 50 ms)

The broker runs in a process of its own; messages and the load come from others.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import socket
import subprocess
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path

from run import LOGIN
from side_by_side import build

import leveret
from leveret.wire.frames import content_frames, method_frame
from leveret.wire.methods import BasicPublish, QueueDeclare

TTL_MS = 4_000
CHUNK = 1_000


def serve(pipe: Connection, policies: dict[str, tuple[str, dict[str, object]]]) -> None:
    """A broker with these policies, until the other end of the pipe says something."""

    async def run() -> None:
        async with leveret.Broker() as broker:
            for name, (pattern, definition) in policies.items():
                await broker.set_policy(name, pattern, definition)
            pipe.send(broker.port)
            stopped = asyncio.Event()
            asyncio.get_running_loop().add_reader(pipe.fileno(), stopped.set)
            await stopped.wait()

    asyncio.run(run())


class Served:
    """The broker's process."""

    def __init__(self, **policies: tuple[str, dict[str, object]]) -> None:
        self._pipe, end = multiprocessing.Pipe()
        self._process = multiprocessing.get_context("fork").Process(target=serve, args=(end, policies))

    def __enter__(self) -> int:
        self._process.start()
        return int(self._pipe.recv())

    def __exit__(self, *_: object) -> None:
        self._pipe.send("stop")
        self._process.join()


def load(binary: Path, port: int, *options: str) -> dict[str, float]:
    """What the load generator found."""
    done = subprocess.run([str(binary), "-p", str(port), *options], check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def limits(binary: Path, seconds: float, rounds: int) -> None:
    policy = {"message-ttl": 60_000, "max-length": 1_000_000}
    with Served(limited=("^limited", policy)) as port:
        rates: dict[str, list[float]] = {"plain": [], "limited": []}
        for _ in range(rounds):
            for name, found in rates.items():
                found.append(load(binary, port, "-s", "16", "-d", str(seconds), "-x", name)["consume_per_s"])
        plain, limited = (sorted(found)[rounds // 2] for found in rates.values())
        print(f"limits   plain {plain:12,.0f}/s   with TTL and max-length {limited:12,.0f}/s   {limited / plain:.0%}")


class Publisher:
    """A connection that publishes as fast as it can."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.settimeout(60)
        for part in LOGIN:
            self.send(part)
            self._socket.recv(65536)
        for name in ("source", "dead"):
            self.send(method_frame(1, QueueDeclare(queue=name)))
            self._socket.recv(65536)

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def count(self, queue: str) -> int:
        self.send(method_frame(1, QueueDeclare(queue=queue, passive=True)))
        answer = self._socket.recv(65536)
        return int.from_bytes(answer[-9:-5], "big")


def letters(binary: Path, messages: int) -> None:
    definition = {"message-ttl": TTL_MS, "dead-letter-exchange": "", "dead-letter-routing-key": "dead"}
    with Served(letters=("^source$", definition)) as port:
        publisher = Publisher(port)
        one = content_frames(1, BasicPublish(routing_key="source"), b"\x00\x00", b"x" * 100, 131072)
        began = time.monotonic()
        for _ in range(messages // CHUNK):
            publisher.send(one * CHUNK)
        count = publisher.count("source")
        assert count == messages, f"{count:,} of {messages:,} are there after {time.monotonic() - began:.1f} s"
        published = time.monotonic()
        with subprocess.Popen(
            [str(binary), "-p", str(port), "-s", "100", "-r", "1000", "-d", "12", "-W", "0.5", "-x", "quiet"],
            stdout=subprocess.PIPE,
            text=True,
        ) as quiet:
            first = last = 0.0
            while not last:
                dead = publisher.count("dead")
                now = time.monotonic()
                first = first or (now if dead else 0.0)
                last = now if dead == messages else 0.0
                time.sleep(0.02)
            output, _ = quiet.communicate()
        found = json.loads(output)
        print(
            f"letters  {messages:,} published in {published - began:.2f} s, dead letters in {last - first:.2f} s;"
            f" quiet queue: p99 {found['p99_us'] / 1000:.1f} ms, p99.9 {found['p999_us'] / 1000:.1f} ms"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--messages", type=int, default=1_000_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        binary = build(Path(folder))
        limits(binary, arguments.seconds, arguments.rounds)
        letters(binary, arguments.messages)


if __name__ == "__main__":
    main()
