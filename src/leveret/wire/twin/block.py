"""Blocks: packed rows with their length and checksum, as they lie in the log and in the spill.

length:u32 (of the rows)  crc:u32 (of the rows)  rows as `pack` lays them out
"""

from __future__ import annotations

from struct import pack as pack_numbers
from typing import TYPE_CHECKING, NamedTuple

from .crc32c import crc32c
from .pack import pack, unpack
from .reader import Reader

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from .batch import Batch
    from .pool import Pool
    from .selection import Selection

_ROW_SIZE_MIN = 2 + 1 + 4 + 4
"""The fewest bytes of a packed row: two empty names, flags, no properties, no body."""


class Outline(NamedTuple):
    """How large a block is and how many rows it says to have; what the rows are nobody looked at."""

    length: int
    rows: int


def encode_block(batch: Batch, selection: Selection | None = None) -> bytes:
    """These rows (None: all) as a block. Raises IndexError for rows that are not there."""
    rows = pack(batch, selection)
    return pack_numbers(">II", len(rows), crc32c(rows)) + rows


def unpack_block(pool: Pool, data: Buffer) -> Batch:
    """The inverse. Raises ValueError for anything malformed or damaged."""
    reader = Reader(bytes(memoryview(data)))
    length, crc = reader.number(4), reader.number(4)
    rows = reader.take(length)
    reader.end()
    if crc32c(rows) != crc:
        raise ValueError("a block does not have the checksum that it says")
    return unpack(pool, rows)


def outline(data: bytes, body_bytes: int) -> Outline:
    """Of a block that is all that `data` has. Raises ValueError if it has no room for its rows and their bodies."""
    reader = Reader(data)
    length, _ = reader.number(4), reader.number(4)
    rows = int.from_bytes(Reader(reader.take(length)).take(4), "big")
    reader.end()
    if 4 + rows * _ROW_SIZE_MIN + body_bytes > length:
        raise ValueError("a block has no room for its rows")
    return Outline(len(data), rows)
