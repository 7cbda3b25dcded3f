"""A disk of either kind, and waiting for it without sleeping."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import leveret.disk
from leveret.disk.threaded import ThreadedDisk
from leveret.ports import Disk, DiskOp

TIMEOUT_MS = 30_000


def make(kind: str, directory: Path) -> Disk | None:
    """`kernel` or `twin`; None where the kernel is not built."""
    if kind == "twin":
        return ThreadedDisk(str(directory))
    try:
        from leveret import _kernel
    except ImportError:
        return None
    return _kernel.Disk(str(directory))


class Driver:
    """Counts tickets, and waits for them."""

    def __init__(self, disk: Disk, directory: Path) -> None:
        self.disk = disk
        self.directory = directory
        self.done: list[tuple[int, bytes | OSError | None]] = []
        self._tickets = 0
        self._seen = 0

    def submit(self, *ops: DiskOp, sync: bool = True) -> int:
        self._tickets += 1
        self.disk.submit(self._tickets, ops, sync)
        return self._tickets

    def read(self, name: str, offset: int = 0, size: int = 1 << 20) -> int:
        self._tickets += 1
        self.disk.read(self._tickets, name, offset, size)
        return self._tickets

    def wait(self, count: int) -> list[tuple[int, bytes | OSError | None]]:
        """The next so many completions."""
        poll = select.poll()
        poll.register(self.disk.fileno(), select.POLLIN)
        while len(self.done) - self._seen < count:
            assert poll.poll(TIMEOUT_MS), f"nothing came after {self.done}"
            self.done += self.disk.poll()
        found = self.done[self._seen : self._seen + count]
        self._seen += count
        return found

    def do(self, *ops: DiskOp, sync: bool = True) -> bytes | OSError | None:
        """One batch, to its end."""
        ticket = self.submit(*ops, sync=sync)
        ((found, outcome),) = self.wait(1)
        assert found == ticket
        return outcome

    def outcomes(self, count: int) -> list[int | None]:
        """Error numbers of the next so many batches."""
        return [outcome.errno if isinstance(outcome, OSError) else None for _, outcome in self.wait(count)]


class Hold:
    """Keeps the thread that writes from going on: it opens a pipe that nobody reads. The batch fails when it is let go,
    and the disk is resumed.
    """

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._pipe = driver.directory / "hold.new"

    def __enter__(self) -> Self:
        os.mkfifo(self._pipe)
        self._driver.submit(("replace", "hold", b"x"))
        self._driver.disk.resume()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.let_go()

    def let_go(self) -> None:
        """The open succeeds, and writing at an offset of a pipe does not."""
        with open(self._pipe, "rb"):
            pass


def parts(data: bytes, sizes: Sequence[int]) -> list[bytes]:
    """The data in pieces of these sizes, the rest as the last one."""
    found = []
    for size in sizes:
        found.append(data[:size])
        data = data[size:]
    return [*found, data]


def run(code: str, kind: str, directory: Path) -> str:
    """A program with a disk of its own."""
    lines = [line.removeprefix(" " * 12) for line in code.splitlines()]
    where = "leveret._kernel import Disk" if kind == "kernel" else "leveret.disk.threaded import ThreadedDisk as Disk"
    head = ["import os, resource, sys", f"from {where}", "disk = Disk('.')"]
    command = [sys.executable, "-c", "\n".join([*head, *lines])]
    source = Path(leveret.disk.__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(source)}
    done = subprocess.run(
        command, cwd=directory, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
