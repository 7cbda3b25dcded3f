"""The port `Disk` in memory: it works when it is told to, fails when it is told to, and knows what a crash leaves.

disk = SimulatedDisk()
log = ...(disk)
disk.run()                                  # all that was submitted
disk.fail("write", errno.ENOSPC, nth=3)     # the third write from now on
for image in disk.images(seed):             # a crash after each single step of the disk so far
    ...(SimulatedDisk(image))
"""

from __future__ import annotations

import errno
import os
import posixpath
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from random import Random

from leveret.disk.batches import Batch, Executor, checked
from leveret.errors import SyncError
from leveret.ports import DiskOp

from .volume import Event, Volume


class Image(dict[str, bytes]):
    """Contents of the directory after a crash, by name."""

    def __init__(self, files: Mapping[str, bytes], done: frozenset[int]) -> None:
        super().__init__(files)
        self.done = done
        """Tickets of batches that had succeeded before."""


class SimulatedDisk:
    """See `ports.Disk`. Starts with these files, on disk; with `capacity` bytes of files it is full."""

    def __init__(self, files: Mapping[str, bytes] | None = None, *, capacity: int | None = None) -> None:
        self._files = SimulatedFiles(files or {}, capacity)
        self._executor = Executor(self._files)
        self._batches: deque[Batch | None] = deque()
        self._reads: deque[tuple[int, str, int, int]] = deque()
        self._completions: list[tuple[int, bytes | OSError | None]] = []
        self.closed = False

    # What the store uses.

    def submit(self, ticket: int, ops: Sequence[DiskOp], sync: bool) -> None:
        self._check()
        self._batches.append((ticket, checked(ops), sync))

    def read(self, ticket: int, name: str, offset: int, size: int) -> None:
        self._check()
        self._reads.append((ticket, name, offset, size))

    def poll(self) -> list[tuple[int, bytes | OSError | None]]:
        completions, self._completions = self._completions, []
        return completions

    def resume(self) -> None:
        self._check()
        self._batches.append(None)

    def fileno(self) -> int:
        return -1

    def close(self) -> None:
        self.run()
        self.closed = True

    # What tests use.

    def step(self, batches: int = 1, reads: int | None = None) -> bool:
        """The next so many reads (None: all), then the next so many batches as one group with one sync; True when
        there is more.

        Reads come first although they were asked for last: nobody may count on a write that is not complete.
        """
        for _ in range(len(self._reads) if reads is None else min(reads, len(self._reads))):
            ticket, name, offset, size = self._reads.popleft()
            self._completions.append((ticket, self._files.read(name, offset, size)))
        group: list[Batch | None] = []
        while batches and self._batches:
            group.append(self._batches.popleft())
            batches -= group[-1] is not None
        outcomes = self._executor.execute(group)
        for ticket, failure in outcomes:
            if failure is None:
                self._files.record(("done", ticket))
        self._completions += outcomes
        return bool(self._batches or self._reads)

    def run(self) -> None:
        """All that was submitted, batch by batch."""
        while self.step():
            pass

    def fail(self, kind: str, error: int = errno.EIO, nth: int = 1, *, written: int = 0) -> None:
        """The nth from now on of this kind fails: an op's, "read", or "sync" (each file and directory counts). So many
        bytes of a write are written before.
        """
        self._files.faults.append([kind, nth, error, written])

    @property
    def files(self) -> dict[str, bytes]:
        """As they are seen now."""
        return self._files.seen()

    @property
    def unsynced(self) -> dict[str, list[tuple[int, int]]]:
        """(offset, size) of what was written and is not synced, by name."""
        return self._files.unsynced()

    @property
    def history(self) -> Sequence[Event]:
        """What happened on the disk, step by step."""
        return self._files.history

    @property
    def capacity(self) -> int | None:
        return self._files.capacity

    @capacity.setter
    def capacity(self, size: int | None) -> None:
        self._files.capacity = size

    def crash(self, rng: Random, keep: float | None = None) -> Image:
        """A crash now. With `keep` 0 nothing is left but what was synced, with 1 everything is; None: by chance."""
        return Image(self._files.volume.crashed(rng, keep), _done(self.history))

    def images(self, seed: int, keep: float | None = None) -> Iterator[Image]:
        """A crash at the start, and after each step of the history."""
        rng = Random(seed)
        files = SimulatedFiles(self._files.first, None)
        done: set[int] = set()
        yield Image(files.volume.crashed(rng, keep), frozenset())
        for event in tuple(self.history):
            files.volume.apply(event)
            if event[0] == "done":
                done.add(event[1])
            yield Image(files.volume.crashed(rng, keep), frozenset(done))

    def _check(self) -> None:
        if self.closed:
            raise ValueError("the disk is closed")


class SimulatedFiles:
    """`leveret.disk.batches.Files` on a volume in memory."""

    def __init__(self, files: Mapping[str, bytes], capacity: int | None) -> None:
        self.first = dict(files)
        self.capacity = capacity
        self.volume = Volume()
        self.history: list[Event] = []
        self.faults: list[list[str | int]] = []
        self._next_number = 0
        self._unsynced: set[int] = set()
        self._changed: set[str] = set()
        for name, data in sorted(files.items()):
            number = self._link(name)
            self.record(("write", number, 0, data))
            self.record(("sync", number))
            self.record(("sync directory", posixpath.dirname(name)))
        self.history.clear()

    def record(self, event: Event) -> None:
        """It happens now."""
        self.history.append(event)
        self.volume.apply(event)

    def seen(self) -> dict[str, bytes]:
        return {name: bytes(self.volume.files[number].seen) for name, number in sorted(self.volume.names.items())}

    def unsynced(self) -> dict[str, list[tuple[int, int]]]:
        found = {}
        for name, number in sorted(self.volume.names.items()):
            changes = self.volume.files[number].changes
            if writes := [(event[2], len(event[3])) for event in changes if event[0] == "write"]:
                found[name] = writes
        return found

    def read(self, name: str, offset: int, size: int) -> bytes | OSError:
        try:
            self._fail("read", name)
            return bytes(self.volume.files[self._number(name)].seen[offset : offset + size])
        except OSError as error:
            return error

    def write(self, name: str, offset: int, parts: Sequence[bytes]) -> None:
        number = self._number(name)
        data = b"".join(parts)
        self._unsynced.add(number)
        try:
            self._fail("write", name)
        except Fault as fault:
            self._write(number, offset, data[: fault.written])
            raise
        fitting = max(0, len(self.volume.files[number].seen) + self._free() - offset)
        self._write(number, offset, data[:fitting])
        if fitting < len(data):
            raise _error(errno.ENOSPC, name)

    def create(self, name: str, size: int) -> None:
        self._fail("create", name)
        if name in self.volume.names:
            self.record(("unlink", name))
        number = self._link(name)
        try:
            self._reserve(number, size, name)
            self._sync(number, name)
        except OSError:
            self.record(("unlink", name))
            raise
        self._sync_directory(posixpath.dirname(name))

    def cut(self, name: str, size: int, full: int) -> None:
        number = self._number(name)
        self._fail("cut", name)
        there = max(size, min(len(self.volume.files[number].seen), full))
        self._write(number, size, bytes(there - size))
        self.record(("resize", number, there))
        if full > there:
            self._reserve(number, full, name)
        self._sync(number, name)

    def rename(self, old: str, new: str) -> None:
        self._number(old)
        self._fail("rename", old)
        self.record(("rename", old, new))
        self._changed.update({posixpath.dirname(old), posixpath.dirname(new)})

    def remove(self, name: str) -> None:
        self._fail("remove", name)
        if name not in self.volume.names:
            return
        self.record(("unlink", name))
        self._changed.add(posixpath.dirname(name))

    def replace(self, name: str, data: bytes) -> None:
        self._fail("replace", name)
        new = name + ".new"
        number = self._link(new)
        try:
            if len(data) > self._free():
                raise _error(errno.ENOSPC, name)
            self._write(number, 0, data)
            self._sync(number, name)
            self.record(("rename", new, name))
        except OSError:
            self.record(("unlink", new))
            raise
        self._sync_directory(posixpath.dirname(name))

    def sync(self) -> None:
        for name, number in sorted(self.volume.names.items()):
            if number in self._unsynced:
                self._sync(number, name)
        self._unsynced.clear()
        for directory in sorted(self._changed):
            self._sync_directory(directory)

    def _write(self, number: int, offset: int, data: bytes) -> None:
        if data:
            self.record(("write", number, offset, data))

    def _reserve(self, number: int, size: int, name: str) -> None:
        if size - len(self.volume.files[number].seen) > self._free():
            raise _error(errno.ENOSPC, name)
        if size:
            self.record(("resize", number, size))

    def _sync(self, number: int, name: str) -> None:
        try:
            self._fail("sync", name)
        except Fault as fault:
            raise SyncError(fault.errno, fault.strerror, name) from None
        self.record(("sync", number))

    def _sync_directory(self, directory: str) -> None:
        try:
            self._fail("sync", directory)
        except Fault as fault:
            raise SyncError(fault.errno, fault.strerror, directory) from None
        self.record(("sync directory", directory))
        self._changed.discard(directory)

    def _link(self, name: str) -> int:
        self._next_number += 1
        self.record(("link", name, self._next_number))
        return self._next_number

    def _number(self, name: str) -> int:
        if name not in self.volume.names:
            raise _error(errno.ENOENT, name)
        return self.volume.names[name]

    def _free(self) -> int:
        if self.capacity is None:
            return 1 << 62
        used = sum(len(self.volume.files[number].seen) for number in self.volume.names.values())
        return max(0, self.capacity - used)

    def _fail(self, kind: str, name: str) -> None:
        failing = None
        for fault in self.faults:
            if fault[0] == kind:
                assert isinstance(fault[1], int)
                fault[1] -= 1
                if fault[1] == 0:
                    failing = fault
        if failing is not None:
            self.faults.remove(failing)
            _, _, error, written = failing
            assert isinstance(error, int)
            assert isinstance(written, int)
            raise Fault(error, os.strerror(error), name, written)


class Fault(OSError):
    """What a test asked for."""

    def __init__(self, error: int, text: str, name: str, written: int) -> None:
        super().__init__(error, text, name)
        self.written = written


def _error(error: int, name: str) -> OSError:
    return OSError(error, os.strerror(error), name)


def _done(history: Sequence[Event]) -> frozenset[int]:
    return frozenset(event[1] for event in history if event[0] == "done")
