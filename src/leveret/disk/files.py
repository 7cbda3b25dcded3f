"""The files of one directory, for the twin: open ones are kept by name. What the system does by halves (short writes)
is finished here. Python itself repeats what a signal interrupted.
"""

from __future__ import annotations

import errno
import os
import posixpath
from collections.abc import Sequence
from contextlib import contextmanager, suppress
from threading import Lock
from typing import TYPE_CHECKING, Final

from ..errors import SyncError
from ..limits import FILES_OPEN_MAX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PARTS_MAX = 1024  # the system's IOV_MAX


_ZEROS_SIZE: Final = 1 << 20
"""Written at once."""


class OsFiles:
    """Used by a thread that writes and one that reads; the lock is for what is open, the rest belongs to the writer."""

    def __init__(self, directory: str) -> None:
        self._directory = os.path.abspath(directory)
        self._lock = Lock()
        self._open: dict[str, int] = {}  # what was used last is last
        self._unsynced: set[str] = set()
        self._changed: set[str] = set()  # directories in which something was renamed or removed

    def __del__(self) -> None:
        for descriptor in self._open.values():
            os.close(descriptor)

    def read(self, name: str, offset: int, size: int) -> bytes:
        """Up to the end of the file."""
        with self._descriptor(name) as descriptor:
            found = bytearray()
            while len(found) < size and (data := os.pread(descriptor, size - len(found), offset + len(found))):
                found += data
        return bytes(found)

    def write(self, name: str, offset: int, parts: Sequence[bytes]) -> None:
        """Into a file that is there."""
        with self._descriptor(name) as descriptor:
            self._unsynced.add(name)
            _write(descriptor, offset, parts)

    def create(self, name: str, size: int) -> None:
        """Of zeros, on disk. What had that name is gone: the same may be tried again."""
        path = self._path(name)
        if os.path.exists(path):
            self.remove(name)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            if size:
                os.posix_fallocate(descriptor, 0, size)
            _sync(descriptor, name, os.fsync)
        except OSError:
            with suppress(OSError):
                os.unlink(path)
            raise
        finally:
            os.close(descriptor)
        self._sync_directory(posixpath.dirname(name))

    def cut(self, name: str, size: int, full: int) -> None:
        """Zeros from `size` to `full`, on disk."""
        with self._descriptor(name) as descriptor:
            # In place where there is something: space that was given back might not be had again.
            there = max(size, min(os.fstat(descriptor).st_size, full))
            for at in range(size, there, _ZEROS_SIZE):
                _write(descriptor, at, [bytes(min(_ZEROS_SIZE, there - at))])
            os.ftruncate(descriptor, there)
            if full > there:
                os.posix_fallocate(descriptor, there, full - there)
            _sync(descriptor, name, os.fsync)

    def rename(self, old: str, new: str) -> None:
        with self._lock:
            os.rename(self._path(old), self._path(new))
            self._forget(old)
            self._forget(new)
        unsynced = old in self._unsynced
        self._unsynced -= {old, new}
        if unsynced:
            self._unsynced.add(new)
        self._changed.update({posixpath.dirname(old), posixpath.dirname(new)})

    def remove(self, name: str) -> None:
        with self._lock:
            with suppress(FileNotFoundError):  # it may be tried again after a failure behind it
                os.unlink(self._path(name))
            self._forget(name)
        self._unsynced.discard(name)
        self._changed.add(posixpath.dirname(name))

    def replace(self, name: str, data: bytes) -> None:
        """On disk under another name first."""
        new = self._path(name + ".new")
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            _write(descriptor, 0, [data])
            _sync(descriptor, name, os.fsync)
            with self._lock:
                os.rename(new, self._path(name))
                self._forget(name)
        except OSError:
            with suppress(OSError):
                os.unlink(new)
            raise
        finally:
            os.close(descriptor)
        self._unsynced.discard(name)
        self._sync_directory(posixpath.dirname(name))

    def sync(self) -> None:
        """Files first: a file that is renamed when it is whole has to be whole."""
        for name in sorted(self._unsynced):
            with self._descriptor(name) as descriptor:
                _sync(descriptor, name, os.fdatasync)
        self._unsynced.clear()
        for directory in sorted(self._changed):
            self._sync_directory(directory)

    def _sync_directory(self, directory: str) -> None:
        descriptor = os.open(self._path(directory), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            _sync(descriptor, directory, os.fsync)
        finally:
            os.close(descriptor)
        self._changed.discard(directory)

    @contextmanager
    def _descriptor(self, name: str) -> Iterator[int]:
        """A copy, so that the other thread may close what is kept."""
        with self._lock:
            kept = self._open.pop(name, None)
            if kept is None:
                if len(self._open) == FILES_OPEN_MAX:
                    self._forget(next(iter(self._open)))
                kept = os.open(self._path(name), os.O_RDWR | os.O_CLOEXEC)
            self._open[name] = kept
            descriptor = os.dup(kept)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def _forget(self, name: str) -> None:
        """An open file that is no more would keep its space."""
        descriptor = self._open.pop(name, None)
        if descriptor is not None:
            os.close(descriptor)

    def _path(self, name: str) -> str:
        return os.path.join(self._directory, name)


def _write(descriptor: int, offset: int, parts: Sequence[bytes]) -> None:
    rest = [memoryview(part) for part in parts if part]
    while rest:
        written = os.pwritev(descriptor, rest[:PARTS_MAX], offset)
        if written == 0:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        offset += written
        while rest and written >= len(rest[0]):
            written -= len(rest.pop(0))
        if written:
            rest[0] = rest[0][written:]


def _sync(descriptor: int, name: str, sync: Callable[[int], None]) -> None:
    try:
        sync(descriptor)
    except OSError as error:
        raise SyncError(error.errno, error.strerror, name) from None
