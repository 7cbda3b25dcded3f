"""A program run as a process of its own, whose printed lines tell how far it is; nothing here waits by the clock."""

from __future__ import annotations

import os
import queue
import re
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

PATIENCE_S = 30.0
"""How long a program may take to print a line; only a broken run waits for it."""


class Program:
    """A process whose printed lines tell how far it is."""

    def __init__(self, command: Sequence[str | Path], *, cwd: Path | None, env: dict[str, str]) -> None:
        self.command = " ".join(str(part) for part in command)
        self.lines: list[str] = []
        self._arriving: queue.Queue[str | None] = queue.Queue()
        self._process = subprocess.Popen(
            [str(part) for part in command],
            cwd=cwd,
            env=os.environ | {"PYTHONUNBUFFERED": "1"} | env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        stdout = self._process.stdout
        assert stdout is not None
        with stdout:
            for line in stdout:
                self._arriving.put(line.rstrip("\n"))
        self._arriving.put(None)

    def _next_line(self, end: float, wanted: str) -> str | None:
        try:
            line = self._arriving.get(timeout=max(0.0, end - time.monotonic()))
        except queue.Empty:
            pytest.fail(f"{self}: no {wanted} in time; it printed:\n" + "\n".join(self.lines))
        if line is not None:
            self.lines.append(line)
        return line

    def expect(self, pattern: str, *, patience_s: float = PATIENCE_S) -> re.Match[str]:
        """The next line that the pattern matches from its start; lines before it are passed over."""
        end = time.monotonic() + patience_s
        while (line := self._next_line(end, f"line like {pattern!r}")) is not None:
            if found := re.match(pattern, line):
                return found
        pytest.fail(f"{self} ended without a line like {pattern!r}; it printed:\n" + "\n".join(self.lines))

    def finish(self, *, patience_s: float = PATIENCE_S) -> list[str]:
        """All lines, when the program ended by itself and with success."""
        end = time.monotonic() + patience_s
        while self._next_line(end, "end") is not None:
            pass
        code = self._process.wait(PATIENCE_S)
        assert code == 0, f"{self} ended with {code}; it printed:\n" + "\n".join(self.lines)
        return self.lines

    def interrupt(self) -> list[str]:
        """All lines, when the program was told to end as by Ctrl-C and did so with success."""
        self._process.send_signal(signal.SIGINT)
        return self.finish()

    def kill(self) -> None:
        """End it at once, with all that it started; safe to repeat."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._reader.join(PATIENCE_S)

    def __repr__(self) -> str:
        return f"<{self.command}>"
