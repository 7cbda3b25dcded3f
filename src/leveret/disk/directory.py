"""A data directory on disk: made, locked, and read when a broker starts. What happens in it later is a `Disk`'s.

LOCK      held with flock while a broker runs; holds its process id
FORMAT    "leveret 1"
log/      segments
spill/    messages that left memory; of no use to the next broker, so it is emptied
"""

from __future__ import annotations

import fcntl
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from ..errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable

FORMAT: Final = 1
"""What this version reads and writes."""
FOLDERS: Final = ("log", "spill")
KNOWN: Final = frozenset({"LOCK", "FORMAT", "FORMAT.new", *FOLDERS, "lost+found"})
"""What may be in a directory without a FORMAT: a start that did not come far, or a file system's root."""


class DataDirectory:
    """Open until `close`. Raises ConfigError for whatever is wrong with it."""

    def __init__(self, path: Path) -> None:
        self.path = Path(os.path.abspath(path))
        try:
            made = _make(self.path)
            self._lock = self._take_lock()
        except OSError as error:
            raise self._error(error) from error
        try:
            self._check_format()
            for name in FOLDERS:
                made |= _make(self.path / name)
            if made:
                _sync_directory(self.path)
            self._erase_spill()
        except OSError as error:
            self.close()
            raise self._error(error) from error
        except ConfigError:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def sizes(self, folder: str) -> dict[str, int]:
        """The files in a folder: name (with the folder) and size in bytes, ascending. Raises OSError."""
        with os.scandir(self.path / folder) as entries:
            return {f"{folder}/{entry.name}": entry.stat().st_size for entry in sorted(entries, key=_name)}

    def read(self, name: str, offset: int = 0, size: int = -1) -> bytes:
        """Part of a file: fewer than `size` (-1: all) bytes at its end; none when there is no such file. Raises
        OSError.
        """
        try:
            with open(self.path / name, "rb") as file:
                file.seek(offset)
                return file.read(size)
        except FileNotFoundError:
            return b""

    def sync(self, names: Iterable[str]) -> None:
        """What anybody wrote to these files outlives a loss of power. Raises OSError."""
        for name in names:
            descriptor = os.open(self.path / name, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def close(self) -> None:
        """Another process may have it. May be called twice."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _take_lock(self) -> int:
        lock = os.open(self.path / "LOCK", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(lock, 0)
            os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
        except BlockingIOError:
            process = os.pread(lock, 20, 0).decode(errors="replace").strip() or "unknown"
            os.close(lock)
            raise ConfigError(f"data directory {self.path} is in use by process {process}") from None
        except OSError:
            os.close(lock)
            raise
        return lock

    def _check_format(self) -> None:
        if not (self.path / "FORMAT").exists():
            self._write_format()
            return
        text = self.read("FORMAT", 0, 64)
        match = re.fullmatch(rb"leveret ([1-9][0-9]{0,8})\n", text)
        if match is None:
            raise ConfigError(f"data directory {self.path}: its FORMAT file says nothing that Leveret knows")
        if int(match[1]) != FORMAT:
            raise ConfigError(
                f"data directory {self.path} has format {int(match[1])} of a newer Leveret; this one knows {FORMAT}"
            )

    def _write_format(self) -> None:
        strange = sorted(set(os.listdir(self.path)) - KNOWN)
        if strange or ((self.path / "log").exists() and self.sizes("log")):
            found = strange[0] if strange else "log"
            raise ConfigError(f"{self.path} is no data directory of Leveret: it has no FORMAT file, but {found!r}")
        new = self.path / "FORMAT.new"
        with open(new, "wb", opener=_open_private) as file:
            file.write(b"leveret %d\n" % FORMAT)
            file.flush()
            os.fsync(file.fileno())
        os.rename(new, self.path / "FORMAT")
        _sync_directory(self.path)

    def _erase_spill(self) -> None:
        with os.scandir(self.path / "spill") as entries:
            for entry in entries:
                if not entry.is_dir(follow_symlinks=False):
                    os.unlink(entry.path)

    def _error(self, error: OSError) -> ConfigError:
        return ConfigError(f"data directory {self.path}: {error.strerror}: {error.filename or self.path}")


def _name(entry: os.DirEntry[str]) -> str:
    return entry.name


def _make(path: Path) -> bool:
    """Whether it was not there."""
    if path.is_dir():
        return False
    missing = [path, *(parent for parent in path.parents if not parent.exists())]
    for directory in reversed(missing):
        directory.mkdir(mode=0o700)
        _sync_directory(directory.parent)
    return True


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
