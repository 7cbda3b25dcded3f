"""Segments: the files that a log is made of, and where a position is in them.

A position is a byte of the log. A segment is named by its first position and made at its full size; the next one begins
where it ends, so that it can be made ahead of time.

    magic "LVRTLOG1"   base:u64   12 zero bytes   crc:u32 of the 28 bytes before      then records, 8-byte aligned
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from typing import Final, NamedTuple

from ..wire import crc32c

MAGIC: Final = b"LVRTLOG1"
FOLDER: Final = "log"
SPARE: Final = f"{FOLDER}/spare"
"""An empty file of a segment's size, to become one when the disk has no room for it. Nothing is ever written to it."""
_SUFFIX: Final = ".log"
_HEADER: Final = struct.Struct(">8sQ12xI")
SEGMENT_HEADER: Final = _HEADER.size
"""Bytes before the first record."""
ALIGNMENT: Final = 8
"""Records begin at multiples of it."""


class Segment(NamedTuple):
    """One file: its first position and its size in bytes."""

    base: int
    size: int

    @property
    def name(self) -> str:
        """The file, in the data directory."""
        return name_at(self.base)

    @property
    def end(self) -> int:
        """The first position behind it."""
        return self.base + self.size

    @property
    def first_record(self) -> int:
        """Where its records begin."""
        return self.base + SEGMENT_HEADER


def name_at(base: int) -> str:
    """The file of the segment that begins there."""
    return f"{FOLDER}/{base:016x}{_SUFFIX}"


def encode_header(base: int) -> bytes:
    """The first bytes of a segment."""
    head = _HEADER.pack(MAGIC, base, 0)[:-4]
    return head + crc32c(head).to_bytes(4, "big")


def is_header(data: bytes, base: int) -> bool:
    """Whether a file that begins so is the segment of this base."""
    return data[:SEGMENT_HEADER] == encode_header(base)


def header_base(data: bytes) -> int | None:
    """The base that a segment says it has, which begins so; None when that is damaged."""
    if len(data) < SEGMENT_HEADER:
        return None
    base: int = _HEADER.unpack_from(data)[1]
    return base if is_header(data, base) else None


def base_of(name: str) -> int | None:
    """The base that a file is named by; None when it is no segment's name."""
    stem = name.removeprefix(f"{FOLDER}/").removesuffix(_SUFFIX)
    try:
        base = int(stem, 16)
    except ValueError:
        return None
    return base if base >= 0 and Segment(base, 0).name == name else None


class Segments:
    """The segments of a log in ascending order; records are appended to the last one."""

    __slots__ = ("_bases", "_list")

    def __init__(self, segments: list[Segment]) -> None:
        self._list = sorted(segments)
        self._bases = [segment.base for segment in self._list]

    def __len__(self) -> int:
        return len(self._list)

    def __contains__(self, segment: Segment) -> bool:
        return segment in self._list

    @property
    def last(self) -> Segment:
        return self._list[-1]

    @property
    def bases(self) -> list[int]:
        """Their first positions, a new list."""
        return self._bases.copy()

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(segment.size for segment in self._list)

    def all(self) -> list[Segment]:
        """A new list."""
        return self._list.copy()

    def add(self, segment: Segment) -> None:
        """A new last one."""
        assert not self._list or segment.base >= self._list[-1].end
        self._list.append(segment)
        self._bases.append(segment.base)

    def remove(self, segment: Segment) -> None:
        at = self._list.index(segment)
        del self._list[at]
        del self._bases[at]

    def pieces(self, position: int, size: int) -> list[tuple[str | None, int, int]]:
        """Where bytes of the log are: (file, offset, size) each; what is in no segment has None for a file."""
        found: list[tuple[str | None, int, int]] = []
        while size > 0:
            at = bisect_right(self._bases, position)
            segment = self._list[at - 1] if at else Segment(0, 0)
            if position < segment.end:
                part = min(size, segment.end - position)
                found.append((segment.name, position - segment.base, part))
            else:
                part = min(size, self._bases[at] - position) if at < len(self._bases) else size
                found.append((None, position, part))
            position += part
            size -= part
        return found
