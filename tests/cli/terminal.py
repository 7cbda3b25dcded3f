"""A program in a terminal: keys go in, and its screen is seen as a person would see it."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

import pyte

PATIENCE_S = 30.0
"""Only what is broken takes that long."""


class Terminal:
    """`leveret` with these arguments in a terminal of this size."""

    def __init__(
        self, *arguments: str, columns: int = 80, rows: int = 24, env: Mapping[str, str] | None = None
    ) -> None:
        self._leader, self.follower = pty.openpty()
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self.output = b""
        self.resize(columns, rows)
        self.before = termios.tcgetattr(self.follower)
        environment = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "LINES", "NO_COLOR")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "leveret", *arguments],
            env=environment | {"TERM": "xterm-256color"} | dict(env or {}),
            stdin=self.follower,
            stdout=self.follower,
            stderr=self.follower,
            start_new_session=True,
            preexec_fn=self._own,
        )

    def _own(self) -> None:
        """Ctrl-C of this terminal is the program's."""
        fcntl.ioctl(self.follower, termios.TIOCSCTTY, 0)

    def resize(self, columns: int, rows: int) -> None:
        """As a window is."""
        self._screen.resize(rows, columns)
        fcntl.ioctl(self.follower, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def press(self, keys: str) -> None:
        os.write(self._leader, keys.encode())

    @property
    def lines(self) -> list[str]:
        """What is on the screen now."""
        return [line.rstrip() for line in self._screen.display]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def _read(self, patience_s: float) -> bool:
        if not select.select([self._leader], [], [], max(0.0, patience_s))[0]:
            return False
        try:
            data = os.read(self._leader, 65536)
        except OSError:  # nobody has the other end any more
            return False
        self.output += data
        self._stream.feed(data)
        return bool(data)

    def until(self, shown: str | Callable[[list[str]], object]) -> list[str]:
        """Wait for a text on the screen, or for what is true of its lines."""
        end = time.monotonic() + PATIENCE_S
        while True:
            lines = self.lines
            if shown in self.text if isinstance(shown, str) else shown(lines):
                return lines
            if not self._read(end - time.monotonic()):
                raise AssertionError(f"not seen: {shown!r}; on the screen:\n{self.text}")

    def ended(self) -> int:
        """Its exit code."""
        end = time.monotonic() + PATIENCE_S
        while self.process.poll() is None and time.monotonic() < end:
            self._read(0.05)
        code = self.process.wait(0.1)
        while self._read(0):
            pass
        return code

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        os.close(self._leader)
        os.close(self.follower)
