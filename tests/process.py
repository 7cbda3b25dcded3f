"""A real broker process, for tests that need one: started on a free port, its log lines kept."""

from __future__ import annotations

import os
import queue
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Self

PATIENCE_S = 30.0
"""How long to wait for a line or an end; only a broken broker takes that long."""


class BrokerProcess:
    """`leveret serve` with these arguments; what it says is in `lines`. Options in our own environment do not count.

    Without a management interface, unless `env` says so: most tests need none, and it has a port of its own.
    """

    def __init__(self, *arguments: str, env: Mapping[str, str] | None = None) -> None:
        environment = {
            name: value
            for name, value in os.environ.items()
            if name == "LEVERET_TWIN" or not name.startswith("LEVERET_")
        }
        self.lines: list[str] = []
        self._arriving: queue.Queue[str | None] = queue.Queue()
        self._process = subprocess.Popen(
            [sys.executable, "-X", "faulthandler", "-W", "error", "-m", "leveret", "serve", *arguments],
            env={"LEVERET_MANAGEMENT": "false", "LEVERET_METRICS_PORT": "0"} | environment | dict(env or {}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        self.pid = self._process.pid
        self.host = "127.0.0.1"
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as output:
            for line in output:
                self._arriving.put(line.rstrip("\n"))
        self._arriving.put(None)

    def _take(self, patience_s: float) -> str | None:
        try:
            line = self._arriving.get(timeout=patience_s)
        except queue.Empty:
            raise AssertionError("the broker says nothing; before:\n" + self.log) from None
        if line is not None:
            self.lines.append(line)
        return line

    @property
    def log(self) -> str:
        """All that it said, as far as it was looked at."""
        return "\n".join(self.lines)

    def expect(self, pattern: str) -> re.Match[str]:
        """The first line, from where the last look ended, in which the pattern is found."""
        end = time.monotonic() + PATIENCE_S
        while (line := self._take(end - time.monotonic())) is not None:
            if found := re.search(pattern, line):
                return found
        raise AssertionError(f"no line like {pattern!r}; the broker said:\n{self.log}")

    @property
    def port(self) -> int:
        """Where it listens for AMQP; waits until it is ready."""
        if not any(" ready in " in line for line in self.lines):
            self.expect(r" ready in \d+ ms$")
        found = re.search(r"listening for AMQP on \S+:(\d+)$", self.log, re.MULTILINE)
        assert found, self.log
        return int(found[1])

    def connect(self) -> socket.socket:
        """A TCP connection to it."""
        return socket.create_connection((self.host, self.port), timeout=PATIENCE_S)

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def wait(self) -> int:
        """Its exit code, when it ended by itself; all lines are there then."""
        while self._take(PATIENCE_S) is not None:
            pass
        self._reader.join(PATIENCE_S)
        return self._process.wait(PATIENCE_S)

    def stop(self) -> int:
        """SIGTERM, and its exit code."""
        self.signal(signal.SIGTERM)
        return self.wait()

    def kill(self) -> None:
        """End it, whatever it does; safe to repeat."""
        self._process.kill()
        self._process.wait(PATIENCE_S)
        self._reader.join(PATIENCE_S)
        while not self._arriving.empty():
            if (line := self._arriving.get()) is not None:
                self.lines.append(line)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.kill()
        if error is None:
            assert "Traceback" not in self.log, self.log
