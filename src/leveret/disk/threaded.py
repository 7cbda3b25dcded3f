"""The port `Disk` with Python's threads: one executes batches, one reads, so that no read waits behind a sync.

The twin of the kernel's `Disk`; what batches do and how they fail is in `batches`.
"""

from __future__ import annotations

import os
from collections import deque
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Literal, TypeAlias
from weakref import finalize

from .batches import Executor, checked, named
from .files import OsFiles

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..ports import DiskOp
    from .batches import Batch

End: TypeAlias = Literal[False]
BatchQueue: TypeAlias = "SimpleQueue[Batch | End | None]"
ReadQueue: TypeAlias = "SimpleQueue[tuple[int, str, int, int] | End]"


class Completions:
    """What threads hand back. Whoever uses it last closes the descriptor."""

    def __init__(self) -> None:
        self.descriptor = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK) if hasattr(os, "eventfd") else -1
        self._done: deque[tuple[int, bytes | OSError | None]] = deque()

    def __del__(self) -> None:
        if self.descriptor >= 0:
            os.close(self.descriptor)

    def add(self, done: Sequence[tuple[int, bytes | OSError | None]]) -> None:
        """In this order."""
        self._done.extend(done)
        if done and self.descriptor >= 0:
            os.eventfd_write(self.descriptor, 1)

    def take(self) -> list[tuple[int, bytes | OSError | None]]:
        """All; what is added meanwhile makes the descriptor readable again."""
        if self.descriptor >= 0:
            with suppress(BlockingIOError):
                os.eventfd_read(self.descriptor)
        return [self._done.popleft() for _ in range(len(self._done))]


class ThreadedDisk:
    """See `ports.Disk`. The directory has to be there."""

    def __init__(self, directory: str) -> None:
        files = OsFiles(directory)
        self._batches: BatchQueue = SimpleQueue()
        self._reads: ReadQueue = SimpleQueue()
        self._completions = Completions()
        # Neither thread knows this object, so that one that is dropped without `close` ends them.
        self._threads = [
            Thread(target=_execute, args=(self._batches, Executor(files), self._completions), name="disk", daemon=True),
            Thread(target=_read, args=(self._reads, files, self._completions), name="disk reads", daemon=True),
        ]
        for thread in self._threads:
            thread.start()
        self._end = finalize(self, _end, self._batches, self._reads)

    def submit(self, ticket: int, ops: Sequence[DiskOp], sync: bool) -> None:
        self._check()
        self._batches.put((ticket, checked(ops), sync))

    def read(self, ticket: int, name: str, offset: int, size: int) -> None:
        self._check()
        self._reads.put((ticket, name, offset, size))

    def poll(self) -> list[tuple[int, bytes | OSError | None]]:
        return self._completions.take()

    def resume(self) -> None:
        self._check()
        self._batches.put(None)

    def fileno(self) -> int:
        return self._completions.descriptor

    def close(self) -> None:
        self._end()
        for thread in self._threads:
            thread.join()

    def _check(self) -> None:
        if not self._end.alive:
            raise ValueError("the disk is closed")


def _end(batches: BatchQueue, reads: ReadQueue) -> None:
    batches.put(False)
    reads.put(False)


def _execute(queue: BatchQueue, executor: Executor, completions: Completions) -> None:
    while (requests := _waiting(queue))[-1] is not False:
        _complete(requests, executor, completions)
        del requests  # who waits for more holds no buffers
    _complete(requests[:-1], executor, completions)


def _complete(requests: list[Batch | End | None], executor: Executor, completions: Completions) -> None:
    outcomes = executor.execute([request for request in requests if request is not False])
    requests.clear()  # buffers are let go before their batch is complete
    completions.add(outcomes)


def _waiting(queue: BatchQueue) -> list[Batch | End | None]:
    """At least one, and all that are there. Nothing comes after the end."""
    requests = [queue.get()]
    with suppress(Empty):
        while True:
            requests.append(queue.get_nowait())
    return requests


def _read(queue: ReadQueue, files: OsFiles, completions: Completions) -> None:
    while request := queue.get():
        ticket, name, offset, size = request
        found: bytes | OSError
        try:
            found = files.read(name, offset, size)
        except OSError as error:
            found = named(error, name)
        completions.add([(ticket, found)])
