#!/usr/bin/env python3
"""Backlogs larger than memory, and starts from them: what a queue does when it is deep.

    backlog.py --directory DIR          DIR on the disk to be measured (it is made, and emptied afterwards)
    backlog.py --directory DIR --messages 2000000 --gigabytes 1     smaller

Prints the disk's own bandwidth and the rates of a shallow queue of the same run beside those of the deep ones, the
memory that was used at the most, and how long starts take. Needs a C compiler for amqpload.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from side_by_side import build

CHUNK = bytes(1 << 20)
BUDGET_MB = 200


def bandwidth(directory: Path, megabytes: int) -> float:
    """MB/s of one sequential write of so much with a sync at its end."""
    path = directory / "probe"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT)
    began = time.perf_counter()
    for _ in range(megabytes):
        os.write(descriptor, CHUNK)
    os.fdatasync(descriptor)
    seconds = time.perf_counter() - began
    os.close(descriptor)
    path.unlink()
    return megabytes / seconds


class Broker:
    """A broker process on a data directory, whose memory is looked at."""

    def __init__(self, directory: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        options = ["--port", str(self.port), "--data-dir", str(directory), "--paging-budget", f"{BUDGET_MB}MB"]
        began = time.perf_counter()
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "leveret",
                "serve",
                "--management-port",
                "0",
                "--metrics-port",
                "0",
                *options,
                "--log-level",
                "error",
            ]
        )
        while socket.socket().connect_ex(("127.0.0.1", self.port)):
            if self.process.poll() is not None:
                raise SystemExit("the broker did not start")
            time.sleep(0.005)
        self.started_ms = (time.perf_counter() - began) * 1000
        self.rss_max_mb = 0
        self._watching = True
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while self._watching:
            try:
                status = Path(f"/proc/{self.process.pid}/status").read_text()
                self.rss_max_mb = max(self.rss_max_mb, int(status.split("VmRSS:")[1].split()[0]) // 1024)
            except (OSError, IndexError):
                return
            time.sleep(0.05)

    def end(self, number: signal.Signals) -> None:
        self._watching = False
        self.process.send_signal(number)
        self.process.wait(timeout=60)


def load(binary: Path, broker: Broker, arguments: str, prefix: str) -> dict[str, float]:
    """Fill, then drain; what amqpload says."""
    broker.rss_max_mb = 0
    command = [str(binary), "-p", str(broker.port), "-x", prefix, *arguments.split()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1200, check=True)
    figures: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return figures


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--directory", type=Path, required=True)
    parser.add_argument("--messages", type=int, default=20_000_000)
    parser.add_argument("--gigabytes", type=int, default=8)
    options = parser.parse_args()
    options.directory.mkdir()
    try:
        binary = build(options.directory)
        megabytes_per_s = bandwidth(options.directory, options.gigabytes * 1000)
        print(f"disk: {megabytes_per_s:.0f} MB/s sequential; paging budget {BUDGET_MB} MB")
        broker = Broker(options.directory / "data")
        big = options.gigabytes * 1_000_000
        for name, arguments in (
            ("shallow, transient", "-n 1000000 -s 100"),
            ("shallow, persistent", "-n 1000000 -s 100 -D -f"),
            ("deep, transient", f"-n {options.messages} -s 100"),
            ("deep, persistent", f"-n {options.messages} -s 100 -D -f"),
            ("shallow, 1 kB", "-n 100000 -s 1000 -D -f"),
            ("large, transient", f"-n {big} -s 1000"),
            ("large, persistent", f"-n {big} -s 1000 -D -f"),
        ):
            figures = load(binary, broker, arguments, name.replace(", ", "-").replace(" ", ""))
            print(
                f"{name:20} in {figures['publish_per_s']:12,.0f}/s   out {figures['drain_per_s']:12,.0f}/s"
                f"   memory at most {broker.rss_max_mb} MB",
                flush=True,
            )
        broker.end(signal.SIGTERM)
    finally:
        shutil.rmtree(options.directory, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
