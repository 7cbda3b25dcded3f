"""What becomes of batches: executed in order, synced together, and stopped by a failure until somebody resumes.

What a file is it does not know: the twin gives it real ones, tests give it files in memory.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from enum import Enum, auto
from typing import Protocol, TypeAlias

from ..errors import SyncError
from ..ports import DiskOp

Batch: TypeAlias = tuple[int, Sequence[DiskOp], bool]
"""Ticket, ops, sync."""

KINDS = frozenset({"write", "create", "cut", "rename", "remove", "replace"})


class Files(Protocol):
    """Each may raise OSError; SyncError when it was a sync that failed."""

    def write(self, name: str, offset: int, parts: Sequence[bytes]) -> None: ...
    def create(self, name: str, size: int) -> None: ...
    def cut(self, name: str, size: int, full: int) -> None: ...
    def rename(self, old: str, new: str) -> None: ...
    def remove(self, name: str) -> None: ...
    def replace(self, name: str, data: bytes) -> None: ...

    def sync(self) -> None:
        """Everything since the last sync."""
        ...


class State(Enum):
    RUNNING = auto()
    FAILED = auto()  # until it is resumed
    LOST = auto()  # a sync failed


def checked(ops: Sequence[DiskOp]) -> Sequence[DiskOp]:
    """A copy of them. Raises ValueError for what is no op."""
    for op in ops:
        if op[0] not in KINDS:
            raise ValueError(f"there is no disk operation {op[0]!r}")
    return tuple(ops)


def named(error: OSError, name: str) -> OSError:
    """The same with the name that the caller knows."""
    return OSError(error.errno, error.strerror, name)


class Executor:
    """Batches in, outcomes out."""

    __slots__ = ("_files", "_state")

    def __init__(self, files: Files) -> None:
        self._files = files
        self._state = State.RUNNING

    def execute(self, requests: Sequence[Batch | None]) -> list[tuple[int, OSError | None]]:
        """All of these, with one sync at the end for those that ask for it. None stands for a `resume`."""
        outcomes: list[tuple[int, OSError | None]] = []
        waiting: list[int] = []  # indices of outcomes that the sync decides
        for request in requests:
            if request is None:
                if self._state is State.FAILED:
                    self._state = State.RUNNING
                continue
            ticket, ops, sync = request
            outcome = self._apply(ops)
            if outcome is None and sync:
                waiting.append(len(outcomes))
            outcomes.append((ticket, outcome))
        if waiting:
            try:
                self._files.sync()
            except OSError as error:
                self._fail(error)
                for index in waiting:
                    outcomes[index] = (outcomes[index][0], error)
        return outcomes

    def _apply(self, ops: Sequence[DiskOp]) -> OSError | None:
        if self._state is not State.RUNNING:
            return OSError(errno.ECANCELED, os.strerror(errno.ECANCELED))
        for op in ops:
            try:
                self._apply_op(op)
            except OSError as error:
                self._fail(error)
                return error if isinstance(error, SyncError) else named(error, op[1])
        return None

    def _fail(self, error: OSError) -> None:
        if isinstance(error, SyncError):
            self._state = State.LOST
        elif self._state is State.RUNNING:
            self._state = State.FAILED

    def _apply_op(self, op: DiskOp) -> None:
        match op:
            case ("write", name, offset, parts):
                self._files.write(name, offset, parts)
            case ("create", name, size):
                self._files.create(name, size)
            case ("cut", name, size, full):
                self._files.cut(name, size, full)
            case ("rename", old, new):
                self._files.rename(old, new)
            case ("remove", name):
                self._files.remove(name)
            case ("replace", name, data):
                self._files.replace(name, data)
