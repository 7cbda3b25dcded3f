"""What a broker stands from people who mean no good: `python bench/attacks.py`.

    silent    10,000 connections that say nothing are closed within 10 s (target)
    drip      1,000 connections that send a byte a second are closed as early
    announce  100 connections that announce 2 GiB cost 50 MB at the most (target)
    names     1,000,000 names of queues, exchanges and routing keys are used and given up: memory returns (50 MB)
    logins    1,000 logins at once, each with another password to be hashed by argon2id

Meanwhile somebody connects and logs in (target: p99 under 200 ms), and a quiet queue of 200 messages a second goes on
(target: p99 under 50 ms). `--scale 0.1` does a tenth. The broker runs in a process of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import struct
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import aio_pika
from tests.process import BrokerProcess
from tests.rawclient import RawClient

from leveret.wire.frames import content_frames, method_frame
from leveret.wire.methods import (
    BasicPublish,
    BasicQos,
    ChannelOpen,
    ExchangeDeclare,
    ExchangeDelete,
    QueueBind,
    QueueDeclare,
    QueueDelete,
)

PORT_SPAN = 20_000
"""Connections that one local address can make."""


def rss_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    raise AssertionError("no such process")


def p99(values: list[float]) -> float:
    values = sorted(values)
    return values[min(len(values) - 1, len(values) * 99 // 100)] if values else 0.0


class Witness:
    """Somebody who connects again and again, and a quiet queue, in a thread of their own."""

    def __init__(self, broker: BrokerProcess) -> None:
        self.logins: list[float] = []
        self.deliveries: list[float] = []
        self.refused = 0
        self._broker = broker
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=work) for work in (self._connect, self._quiet)]

    def __enter__(self) -> Witness:
        for thread in self._threads:
            thread.start()
        time.sleep(0.5)
        self.logins.clear()
        self.deliveries.clear()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _connect(self) -> None:
        while not self._stop.is_set():
            started = time.perf_counter()
            try:
                client = RawClient(self._broker.connect())
                client.log_in()
                self.logins.append(1000 * (time.perf_counter() - started))
                client.close()
            except (OSError, AssertionError, struct.error):
                self.refused += 1
            time.sleep(0.01)

    def _quiet(self) -> None:
        asyncio.run(self._quiet_queue())

    async def _quiet_queue(self) -> None:
        connection = await aio_pika.connect(f"amqp://guest:guest@127.0.0.1:{self._broker.port}/")
        async with connection:
            channel = await connection.channel(publisher_confirms=False)
            queue = await channel.declare_queue(exclusive=True)

            async def got(message: aio_pika.abc.AbstractIncomingMessage) -> None:
                self.deliveries.append(1000 * (time.perf_counter() - float(message.body)))

            await queue.consume(got, no_ack=True)
            while not self._stop.is_set():
                message = aio_pika.Message(repr(time.perf_counter()).encode())
                await channel.default_exchange.publish(message, queue.name)
                await asyncio.sleep(0.005)


def report(name: str, witness: Witness, more: str) -> None:
    print(
        f"{name:9} {more}; login p99 {p99(witness.logins):6.1f} ms of {len(witness.logins)}"
        f" ({witness.refused} refused), quiet queue p99 {p99(witness.deliveries):5.1f} ms of {len(witness.deliveries)}"
    )


async def _open(port: int, number: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """From as many local addresses as it takes."""
    return await asyncio.open_connection("127.0.0.1", port, local_addr=(f"127.0.{1 + number // PORT_SPAN}.1", 0))


async def closed_in(port: int, count: int, act: Callable[[asyncio.StreamWriter], None]) -> tuple[float, float]:
    """So many connections on which `act` is done every second; when the last was open, and how long one lasted."""
    lasted: list[float] = []

    async def one(number: int) -> None:
        try:
            reader, writer = await _open(port, number)
        except OSError:
            return
        opened = time.perf_counter()

        async def acting() -> None:
            while True:
                act(writer)
                await asyncio.sleep(1)

        task = asyncio.create_task(acting())
        try:
            while await reader.read(4096):
                pass
        except OSError:
            pass
        task.cancel()
        lasted.append(time.perf_counter() - opened)
        writer.close()

    started = time.perf_counter()
    tasks = []
    for number in range(count):
        tasks.append(asyncio.create_task(one(number)))
        if number % 100 == 99:
            await asyncio.sleep(0)
    await asyncio.gather(*tasks)
    return time.perf_counter() - started, max(lasted, default=0.0)


def silent(broker: BrokerProcess, count: int) -> None:
    with Witness(broker) as witness:
        before = rss_mb(broker.pid)
        _, lasted = asyncio.run(closed_in(broker.port, count, lambda writer: None))
        report("silent", witness, f"{count} connections, each closed after {lasted:.1f} s at the most")
        print(f"          memory {rss_mb(broker.pid) - before:+.0f} MB afterwards")


def drip(broker: BrokerProcess, count: int) -> None:
    header = b"AMQP\x00\x00\x09\x01" + b"\x01\x00\x00\x00\x00\x10\x00" * 10
    sent: dict[asyncio.StreamWriter, int] = {}

    def act(writer: asyncio.StreamWriter) -> None:
        at = sent.get(writer, 0)
        sent[writer] = at + 1
        writer.write(header[at : at + 1])

    with Witness(broker) as witness:
        _, lasted = asyncio.run(closed_in(broker.port, count, act))
        report("drip", witness, f"{count} connections, each closed after {lasted:.1f} s at the most")


def announce(broker: BrokerProcess, count: int) -> None:
    with Witness(broker) as witness:
        before = rss_mb(broker.pid)
        clients = []
        for _ in range(count):
            client = RawClient(broker.connect())
            client.log_in()
            channel = struct.pack(">BHI", 1, 1, 5) + b"\x00\x14\x00\x0a\x00\xce"
            publish = b"\x00\x3c\x00\x28\x00\x00\x00\x01q\x00"
            content = struct.pack(">BHI", 1, 1, len(publish)) + publish + b"\xce"
            header = struct.pack(">HHQH", 60, 0, 500 << 20, 0)
            content += struct.pack(">BHI", 2, 1, len(header)) + header + b"\xce"
            content += struct.pack(">BHI", 3, 1, 2 << 30)
            client.socket.sendall(channel + content)
            clients.append(client)
        time.sleep(1)
        most = rss_mb(broker.pid) - before
        report("announce", witness, f"{count} connections, memory {most:+.0f} MB")
        for client in clients:
            client.close()


def names(broker: BrokerProcess, count: int) -> None:
    """Each is declared, bound, published to and deleted; nobody waits for answers but at the end of a thousand."""
    with Witness(broker) as witness:
        before = rss_mb(broker.pid)
        most = before
        client = RawClient(broker.connect())
        client.log_in()
        client.socket.sendall(method_frame(1, ChannelOpen()))
        client.stream.read(16)
        for first in range(0, count, 1000):
            frames = []
            for number in range(first, min(first + 1000, count)):
                name = f"name-{number}-{'x' * 40}"
                frames += [
                    method_frame(1, QueueDeclare(name, no_wait=True)),
                    method_frame(1, ExchangeDeclare(name, "topic", no_wait=True)),
                    method_frame(1, QueueBind(name, name, f"{name}.#", no_wait=True)),
                    content_frames(1, BasicPublish(name, f"{name}.{number}"), b"\0\0", b"", 131072),
                    method_frame(1, ExchangeDelete(name, no_wait=True)),
                    method_frame(1, QueueDelete(name, no_wait=True)),
                ]
            client.socket.sendall(b"".join(frames) + method_frame(1, BasicQos()))
            client.stream.read(12)
            if first % 50_000 == 0:
                most = max(most, rss_mb(broker.pid))
        client.close()
        report("names", witness, f"{count} names, memory {most - before:+.0f} MB at the most")
        print(f"          memory {rss_mb(broker.pid) - before:+.0f} MB afterwards")


def logins(broker: BrokerProcess, count: int) -> None:
    """Every one is another user, so that no password is known already."""

    async def one(number: int) -> float:
        started = time.perf_counter()
        reader, writer = await asyncio.open_connection("127.0.0.1", broker.port)
        writer.write(b"AMQP\x00\x00\x09\x01")
        size = struct.unpack(">BHI", await reader.readexactly(7))[2]
        await reader.readexactly(size + 1)
        response = f"\0user{number}\0password{number}".encode()
        start = b"\x00\x0a\x00\x0b\x00\x00\x00\x00\x05PLAIN" + struct.pack(">I", len(response)) + response
        start += b"\x05en_US"
        writer.write(struct.pack(">BHI", 1, 0, len(start)) + start + b"\xce")
        try:
            await reader.readexactly(7)
        except asyncio.IncompleteReadError:
            return -1.0
        finally:
            writer.close()
        return time.perf_counter() - started

    async def all_() -> list[float]:
        return await asyncio.gather(*[one(number) for number in range(count)])

    with Witness(broker) as witness:
        found = asyncio.run(all_())
        done = [seconds for seconds in found if seconds >= 0]
        report("logins", witness, f"{len(done)} of {count} in {max(done, default=0):.1f} s")


def definitions(count: int) -> str:
    """Users with passwords that were hashed by argon2id (the same hash: only checking it costs)."""
    from argon2 import PasswordHasher

    hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
    users = [
        {
            "name": f"user{number}",
            "password_hash": hasher.hash(f"password{number}", salt=os.urandom(16)),
            "hashing_algorithm": "argon2id",
            "tags": "",
        }
        for number in range(count)
    ]
    users.append({"name": "guest", "password": "guest", "tags": "administrator"})
    everything = {"user": "guest", "vhost": "/", "configure": ".*", "write": ".*", "read": ".*"}
    return json.dumps({"users": users, "permissions": [everything]})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--only", nargs="*", default=["silent", "drip", "announce", "names", "logins"])
    arguments = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    counts = {"silent": 10_000, "drip": 1_000, "announce": 100, "logins": 1_000, "names": 1_000_000}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "users.json"
        count = int(counts["logins"] * arguments.scale)
        file.write_text(definitions(count if "logins" in arguments.only else 0))
        flags = ["--port", "0", "--ephemeral", "--log-level", "critical", "--load-definitions", str(file)]
        for name in arguments.only:
            with BrokerProcess(*flags[:3], "--log-level", "info", *flags[5:]) as broker:
                assert broker.port
                attack = {"silent": silent, "drip": drip, "announce": announce, "names": names, "logins": logins}[name]
                attack(broker, int(counts[name] * arguments.scale))


if __name__ == "__main__":
    main()
