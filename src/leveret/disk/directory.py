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
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from ..errors import ConfigError, DamageError

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence

FORMAT: Final = 1
"""What this version reads and writes."""
FOLDERS: Final = ("log", "spill")
KNOWN: Final = frozenset({"LOCK", "FORMAT", "FORMAT.new", *FOLDERS, "lost+found"})
"""What may be in a directory without a FORMAT: a start that did not come far, or a file system's root."""


class Directory:
    """A data directory, locked: by us alone, or together with others who only look at it. Open until `close`. Raises
    ConfigError.
    """

    def __init__(self, path: Path, *, exclusive: bool) -> None:
        self.path = Path(os.path.abspath(path))
        self._lock = -1
        try:
            if exclusive or (self.path / "LOCK").exists():
                self._lock = self._take_lock(exclusive)
        except OSError as error:
            raise self._error(error) from error

    @classmethod
    def existing(cls, path: Path, *, exclusive: bool) -> Self:
        """One that a broker has made. Nothing in it is changed, but for the lock that is exclusive."""
        if not (path / "log").is_dir():
            found = "it has no folder 'log'" if path.exists() else "there is nothing"
            raise ConfigError(f"{path} is no data directory of Leveret: {found}")
        return cls(path, exclusive=exclusive)

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

    def format(self) -> int | None:
        """The version that the files are of; None when nothing says it. Raises OSError."""
        match = re.fullmatch(rb"leveret ([1-9][0-9]{0,8})\n", self.read("FORMAT", 0, 64))
        return None if match is None else int(match[1])

    def write_format(self) -> None:
        """Say that the files are of the version that this Leveret writes. Raises OSError."""
        new = self.path / "FORMAT.new"
        with open(new, "wb", opener=_open_private) as file:
            file.write(b"leveret %d\n" % FORMAT)
            file.flush()
            os.fsync(file.fileno())
        os.rename(new, self.path / "FORMAT")
        _sync_directory(self.path)

    def set_aside(self, names: Sequence[str], changing: Container[str]) -> Path:
        """Keep these files as they are, in a new folder. Those that will not change any more need no space: they get a
        second name there. Raises OSError.
        """
        number = 1
        while (self.path / f"damaged-{number}").exists():
            number += 1
        folder = self.path / f"damaged-{number}"
        part = self.path / f"damaged-{number}.part"  # all or none is seen under the name
        shutil.rmtree(part, ignore_errors=True)
        for name in names:
            source, target = self.path / name, part / name
            _make(target.parent)
            if name in changing or not _link(source, target):
                shutil.copy2(source, target)
                self._sync(target)
            _sync_directory(target.parent)
        os.rename(part, folder)
        _sync_directory(self.path)
        return folder

    def sync(self, names: Iterable[str]) -> None:
        """What anybody wrote to these files outlives a loss of power. Raises OSError."""
        for name in names:
            self._sync(self.path / name)

    @staticmethod
    def _sync(path: Path) -> None:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def close(self) -> None:
        """Another process may have it. May be called twice."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _take_lock(self, exclusive: bool) -> int:
        flags = os.O_RDWR | os.O_CREAT if exclusive else os.O_RDONLY
        lock = os.open(self.path / "LOCK", flags | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
            if exclusive:
                process_id = f"{os.getpid()}\n".encode()
                os.pwrite(lock, process_id, 0)  # in place first: a full disk gives no new space
                os.ftruncate(lock, len(process_id))
        except BlockingIOError:
            process = os.pread(lock, 20, 0).decode(errors="replace").strip() or "unknown"
            os.close(lock)
            raise ConfigError(f"data directory {self.path} is in use by process {process}") from None
        except OSError:
            os.close(lock)
            raise
        return lock

    def _error(self, error: OSError) -> ConfigError:
        where = "" if error.filename in (None, str(self.path)) else f" ({error.filename})"
        return ConfigError(f"cannot use data directory {self.path}: {error.strerror}{where}")


class DataDirectory(Directory):
    """A broker's own: made if it is not there, of the right format, without the spill of the broker before."""

    def __init__(self, path: Path) -> None:
        path = Path(os.path.abspath(path))
        try:
            _make(path)
        except OSError as error:
            where = "" if error.filename in (None, str(path)) else f" ({error.filename})"
            raise ConfigError(f"cannot use data directory {path}: {error.strerror}{where}") from error
        super().__init__(path, exclusive=True)
        try:
            self._check_format()
            made = [_make(self.path / name) for name in FOLDERS]
            if any(made):
                _sync_directory(self.path)
            self._erase_spill()
        except OSError as error:
            self.close()
            raise self._error(error) from error
        except ConfigError:
            self.close()
            raise

    def _check_format(self) -> None:
        if not (self.path / "FORMAT").exists():
            self._refuse_others()
            self.write_format()
            return
        found = self.format()
        if found is None:
            raise DamageError("the file says nothing that Leveret knows", "FORMAT", 0, self.path)
        if found != FORMAT:
            raise ConfigError(
                f"data directory {self.path} has format {found} of a newer Leveret; this one knows {FORMAT}"
            )

    def _refuse_others(self) -> None:
        segments = self.sizes("log") if (self.path / "log").exists() else {}
        if any(size and re.fullmatch(r"log/[0-9a-f]{16}\.log", name) for name, size in segments.items()):
            raise DamageError("the file is missing", "FORMAT", 0, self.path)
        strange = sorted(set(os.listdir(self.path)) - KNOWN) or ["log"] * bool(segments)
        if strange:
            raise ConfigError(f"{self.path} is no data directory of Leveret: it has no FORMAT file, but {strange[0]!r}")

    def _erase_spill(self) -> None:
        with os.scandir(self.path / "spill") as entries:
            for entry in entries:
                if not entry.is_dir(follow_symlinks=False):
                    os.unlink(entry.path)


def _name(entry: os.DirEntry[str]) -> str:
    return entry.name


def _link(source: Path, target: Path) -> bool:
    try:
        os.link(source, target)
    except FileNotFoundError:
        raise
    except OSError:  # not every file system can
        return False
    return True


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
