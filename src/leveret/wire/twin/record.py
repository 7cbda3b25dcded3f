"""Records: what is in the log whole or not at all.

    crc:u32  length:u32  position:u64  synced:u64  body[length]  zeros up to the next multiple of 8

The crc is over all that follows it but the zeros. `position` is the record's own. Everything before `synced` was on
disk when the record was made. Without a body a record seals its segment. What a body holds is in `ops`.
"""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct
from typing import TYPE_CHECKING, Final, NamedTuple

from .constants import U32_MAX
from .crc32c import crc32c

if TYPE_CHECKING:
    from typing_extensions import Buffer

RECORD_HEADER: Final = 24
POSITION_END: Final = 1 << 63

_HEAD: Final = Struct(">IIQQ")
_SUMMED: Final = Struct(">IQQ")


class Record(NamedTuple):
    synced: int
    body: bytes
    size: int
    """With header and padding."""


class Cut(NamedTuple):
    """The data ends before a record would; it is whole with so many bytes."""

    need: int


def check_position(position: int) -> int:
    if position < 0:
        raise OverflowError("a position is negative")
    if position >= POSITION_END:
        raise ValueError("a position is over 63 bits")
    return position


def _padded(length: int) -> int:
    return (RECORD_HEADER + length + 7) // 8 * 8


def seal_record(position: int, synced: int, ops: Sequence[bytes]) -> bytes:
    """The record of these ops; of none: the end of a segment."""
    if synced < 0:
        raise OverflowError("a position is negative")
    if synced > check_position(position):
        raise ValueError("what comes after a record is not on disk before it")
    body = b"".join(ops)
    if len(body) > U32_MAX:
        raise ValueError("a record is too large")
    summed = _SUMMED.pack(len(body), position, synced) + body
    return (crc32c(summed).to_bytes(4, "big") + summed).ljust(_padded(len(body)), b"\x00")


def read_record(data: bytes, at: int, position: int) -> Record | Cut | None:
    """What is at `data[at:]`, which is this position of the log."""
    if len(data) - at < RECORD_HEADER:
        return Cut(RECORD_HEADER)
    crc, length, own, synced = _HEAD.unpack_from(data, at)
    size = _padded(length)
    if own != position or synced > position or position + size >= POSITION_END:
        return None
    if len(data) - at < size:
        return Cut(size)
    end = at + RECORD_HEADER + length
    if crc32c(data[at + 4 : end]) != crc:
        return None
    return Record(synced, data[at + RECORD_HEADER : end], size)


def find_record(data: Buffer, start: int, after: int) -> tuple[int, int] | None:
    """The first record at a position after `after`: (position, its `synced`)."""
    if start < 0 or after < 0:
        raise OverflowError("a position is negative")
    raw = bytes(memoryview(data))
    for position in range((max(start, after + 1) + 7) // 8 * 8, start + len(raw), 8):
        found = read_record(raw, position - start, position)
        if isinstance(found, Record):
            return position, found.synced
    return None
