#!/usr/bin/env python3
"""`make bench`: this checkout's broker under the loads of side_by_side.py, and what it takes when idle.

    make bench                                              every load, Leveret alone
    make bench ARGS="--rabbitmq --only transient-16"        RabbitMQ from Debian beside it, in turns
    make bench ARGS="--twin --only transient-16"            the pure-Python twin instead of the kernel
    make bench ARGS=--footprint                             only start-up time, idle memory, memory per idle connection

Data is kept in build/, so that is the disk that is measured. For queues that are deeper than memory: bench/backlog.py.

All other arguments go to side_by_side.py.
"""

from __future__ import annotations

import os
import resource
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
BUILD = HERE.parent / "build"
CONNECTIONS = 5_000


def frame(kind: int, channel: int, payload: bytes) -> bytes:
    return struct.pack(">BHI", kind, channel, len(payload)) + payload + b"\xce"


def method(channel: int, class_id: int, method_id: int, arguments: bytes = b"") -> bytes:
    return frame(1, channel, struct.pack(">HH", class_id, method_id) + arguments)


START_OK = method(0, 10, 11, struct.pack(">I", 0) + b"\5PLAIN" + struct.pack(">I", 12) + b"\0guest\0guest" + b"\5en_US")
LOGIN = (
    b"AMQP\0\0\x09\1",
    START_OK,
    method(0, 10, 31, struct.pack(">HIH", 2047, 131072, 60)) + method(0, 10, 40, b"\1/\0\0"),
    method(1, 20, 10, b"\0"),
)
"""What a client sends, each after an answer: header, start-ok, tune-ok and open, channel.open."""


class Broker:
    """A broker process of this checkout."""

    def __init__(self, twin: bool) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        environment = os.environ | ({"LEVERET_TWIN": "1"} if twin else {})
        environment.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed package has its bytecode
        BUILD.mkdir(exist_ok=True)
        self._directory = tempfile.TemporaryDirectory(dir=BUILD)
        command = [
            sys.executable,
            "-m",
            "leveret",
            "serve",
            "--management-port",
            "0",
            "--metrics-port",
            "0",
            "--data-dir",
            f"{self._directory.name}/data",
        ]
        command += ["--log-level", "error"]
        started = time.perf_counter()
        self.process = subprocess.Popen([*command, "--port", str(self.port)], env=environment)
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    break
            if self.process.poll() is not None:
                raise SystemExit("the broker did not start")
            time.sleep(0.002)
        self.started_ms = (time.perf_counter() - started) * 1000

    def rss_kb(self) -> int:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0])

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=10)
        self._directory.cleanup()


def open_connection(port: int) -> socket.socket:
    """A connection with one open channel."""
    client = socket.create_connection(("127.0.0.1", port))
    for part in LOGIN:
        client.sendall(part)
        client.recv(4096)
    return client


def footprint(twin: bool) -> None:
    """Print start-up time, idle memory, memory per idle connection with a channel (targets: 400 ms, 40 MB, 25 kB)."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    times = []
    for _ in range(5):
        broker = Broker(twin)
        times.append(broker.started_ms)
        broker.stop()
    print(f"start to listening       {statistics.median(times):8.0f} ms")
    broker = Broker(twin)
    try:
        open_connection(broker.port).close()
        time.sleep(0.5)
        idle_kb = broker.rss_kb()
        print(f"idle memory              {idle_kb / 1024:8.1f} MB")
        began = time.perf_counter()
        clients = [open_connection(broker.port) for _ in range(CONNECTIONS)]
        seconds = time.perf_counter() - began
        time.sleep(1)
        print(f"per idle connection      {(broker.rss_kb() - idle_kb) / CONNECTIONS:8.1f} kB of {CONNECTIONS}")
        print(f"connections opened       {CONNECTIONS / seconds:8.0f} /s, one after another")
        open_kb = broker.rss_kb()
        for _ in range(3):
            for client in clients:
                client.close()
            time.sleep(1)
            clients = [open_connection(broker.port) for _ in range(CONNECTIONS)]
        print(f"more after 3 such waves  {(broker.rss_kb() - open_kb) / 1024:8.1f} MB")
        for client in clients:
            client.close()
        time.sleep(1)
        print(f"kept after they closed   {(broker.rss_kb() - idle_kb) / 1024:8.1f} MB")
    finally:
        broker.stop()


def main() -> int:
    arguments = sys.argv[1:]
    twin = "--twin" in arguments
    only_footprint = "--footprint" in arguments
    arguments = [argument for argument in arguments if argument not in ("--twin", "--footprint")]
    status = 0
    if not only_footprint:
        broker = Broker(twin)
        try:
            named = ["--broker", f"leveret={broker.port}"]
            status = subprocess.run(
                [sys.executable, HERE / "side_by_side.py", *named, *arguments], check=False
            ).returncode
        finally:
            broker.stop()
    if only_footprint or "--only" not in arguments:
        footprint(twin)
    return status


if __name__ == "__main__":
    sys.exit(main())
