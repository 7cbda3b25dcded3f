"""What a file system may have on disk after a loss of power, as far as ext4 (data=ordered) allows it.

    data   leaves the page cache page by page (4 KiB), at any time and in any order. On disk is of each page what it
           held after one of the writes since the last sync, or what it held at the last sync; the page that was under
           way is torn: at a byte, or with any of its sectors (512 bytes) old and the others new. Bytes that did not
           change do not suffer.
    size   grows with the pages that made it; a gap reads as zeros. Truncating and reserving are in the journal: of a
           file's those survive that were first. Pages behind a truncation that did not survive are the old ones.
    names  are in the journal, too: of all links, unlinks and renames the first few survive, at least those up to the
           last one in a directory that was synced since.

What was synced stays.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field
from random import Random
from typing import Literal, TypeAlias

PAGE = 4096
SECTOR = 512

NameEvent: TypeAlias = (
    tuple[Literal["link"], str, int] | tuple[Literal["unlink"], str] | tuple[Literal["rename"], str, str]
)
FileEvent: TypeAlias = tuple[Literal["write"], int, int, bytes] | tuple[Literal["resize"], int, int]
Event: TypeAlias = (
    NameEvent  # names, and the number of the file
    | FileEvent  # the file, offset and data; the file and its size
    | tuple[Literal["sync"], int]  # the file
    | tuple[Literal["sync directory"], str]
    | tuple[Literal["done"], int]  # the ticket of a batch that succeeded; nothing happens on the disk
)


@dataclass(slots=True)
class File:
    """As it is seen, as it was at its last sync, and what happened between."""

    seen: bytearray = field(default_factory=bytearray)
    durable: bytearray = field(default_factory=bytearray)
    changes: list[FileEvent] = field(default_factory=list)

    def change(self, event: FileEvent) -> None:
        """Seen at once, durable later."""
        _change(self.seen, event)
        self.changes.append(event)

    def sync(self) -> None:
        for event in self.changes:
            _change(self.durable, event)
        self.changes.clear()

    def crashed(self, rng: Random, keep: float) -> bytes:
        """What may be on disk."""
        if not self.changes:
            return bytes(self.durable)
        resizes = sum(event[0] == "resize" for event in self.changes)
        surviving = _prefix(rng, keep, resizes)
        seen = bytearray(self.durable)
        disk = bytearray(self.durable)
        cached: dict[
            int, list[tuple[bytes, int]]
        ] = {}  # of each page: what it held after each write, and the file's size
        lost_from: int | None = None  # behind a truncation that did not survive
        for event in self.changes:
            if event[0] == "resize":
                if surviving == 0:
                    lost_from = min(event[2], len(seen)) if lost_from is None else min(lost_from, event[2])
                    continue
                surviving -= 1
                _change(seen, event)
                _change(disk, event)
                cached = _cut_pages(cached, event[2])
                continue
            _, _, offset, data = event
            if lost_from is not None:
                data = data[: max(0, lost_from - offset)]
                if not data:
                    continue
            _change(seen, ("write", 0, offset, data))
            for page in range(offset // PAGE, (offset + len(data) - 1) // PAGE + 1):
                cached.setdefault(page, []).append((_page(seen, page), len(seen)))
        for page, versions in cached.items():
            _write_back(rng, keep, disk, page, versions)
        return bytes(disk)


class Volume:
    """Files and their names, in flat directories that are always there."""

    def __init__(self) -> None:
        self.files: dict[int, File] = {}
        self.names: dict[str, int] = {}
        self._durable_names: dict[str, int] = {}
        self._name_events: list[NameEvent] = []  # not yet durable

    def apply(self, event: Event) -> None:
        match event:
            case ("write" | "resize", number, *_):
                self.files[number].change(event)
            case ("sync", number):
                self.files[number].sync()
            case ("sync directory", directory):
                self._sync_directory(directory)
            case ("done", _):
                pass
            case _:
                if event[0] == "link":
                    self.files.setdefault(event[2], File())
                _rename(self.names, event)
                self._name_events.append(event)

    def crashed(self, rng: Random, keep: float | None = None) -> dict[str, bytes]:
        """The directory after a crash now. `keep`: how likely it is for each unsynced thing to be on disk all the same;
        None: drawn, often all or nothing.
        """
        likely = rng.choice((0.0, 0.5, 1.0, rng.random())) if keep is None else keep
        names = dict(self._durable_names)
        for event in self._name_events[: _prefix(rng, likely, len(self._name_events))]:
            _rename(names, event)
        return {name: self.files[number].crashed(rng, likely) for name, number in sorted(names.items())}

    def _sync_directory(self, directory: str) -> None:
        """The journal is written in order: with the last change in this directory all that were made before it."""
        within = [
            index + 1
            for index, event in enumerate(self._name_events)
            if any(posixpath.dirname(name) == directory for name in event[1:] if isinstance(name, str))
        ]
        count = within[-1] if within else 0
        for event in self._name_events[:count]:
            _rename(self._durable_names, event)
        del self._name_events[:count]
        used = {*self.names.values(), *self._durable_names.values()}
        used.update(event[2] for event in self._name_events if event[0] == "link")
        self.files = {number: file for number, file in self.files.items() if number in used}


def _rename(names: dict[str, int], event: NameEvent) -> None:
    match event:
        case ("link", name, number):
            names[name] = number
        case ("unlink", name):
            del names[name]
        case ("rename", old, new):
            names[new] = names.pop(old)


def _change(data: bytearray, event: FileEvent) -> None:
    if event[0] == "write":
        _, _, offset, written = event
        data.extend(bytes(max(0, offset - len(data))))
        data[offset : offset + len(written)] = written
    else:
        size = event[2]
        del data[size:]
        data.extend(bytes(size - len(data)))


def _prefix(rng: Random, keep: float, count: int) -> int:
    """How many of the first survive."""
    kept = 0
    while kept < count and rng.random() < keep:
        kept += 1
    return kept


def _page(data: bytearray, page: int) -> bytes:
    return bytes(data[page * PAGE : (page + 1) * PAGE]).ljust(PAGE, b"\0")


def _cut_pages(cached: dict[int, list[tuple[bytes, int]]], size: int) -> dict[int, list[tuple[bytes, int]]]:
    """Truncating drops pages, and fills the last one with zeros. Growing changes no page."""
    return {
        page: [(data[: max(0, size - page * PAGE)].ljust(PAGE, b"\0"), min(size, seen)) for data, seen in versions]
        for page, versions in cached.items()
        if page * PAGE < size
    }


def _write_back(rng: Random, keep: float, disk: bytearray, page: int, versions: list[tuple[bytes, int]]) -> None:
    """One page of those that are not synced reaches the disk, or does not."""
    if rng.random() >= keep:
        return
    start = page * PAGE
    old = _page(disk, page)
    # Keeping all means that nothing is lost; otherwise any version may be the last one that was written.
    last = len(versions) - 1 if keep == 1.0 or rng.random() < 0.5 else rng.randrange(len(versions))
    data, size = versions[last]
    if keep < 1.0 and rng.random() < 0.3:
        before = rng.randrange(last + 1)
        data = _torn(rng, versions[before - 1][0] if before else old, data)
    end = min(size, start + PAGE)
    disk.extend(bytes(max(0, end - len(disk))))
    end = min(len(disk), start + PAGE)
    disk[start:end] = data[: end - start]


def _torn(rng: Random, old: bytes, new: bytes) -> bytes:
    if rng.random() < 0.5:
        # Near what changed: elsewhere it makes no difference.
        changed = [index for index in range(PAGE) if old[index] != new[index]]
        cut = rng.choice(changed) + rng.randrange(2) if changed else 0
        return new[:cut] + old[cut:]
    sectors = range(0, PAGE, SECTOR)
    return b"".join((new if rng.random() < 0.5 else old)[at : at + SECTOR] for at in sectors)
