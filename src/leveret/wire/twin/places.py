"""Where rows lie on disk: a place per row, the runs that places make, and runs as bytes.

run   = flags:u8  [gap]  [count]  [skip]  [length]  [distance]       each a varint that its flag announces
flags = 1 gap       rows between the run before and this one; otherwise none
        2 count     otherwise 1
        4 skip      the first row's number in the block; otherwise 0
        8 length    of the block; otherwise as before in the same file
       16 distance  from the end of the block before in the same file; otherwise as that was
       32 the distance is backwards
       64 the file is the spill, not the log
varint = 7 bits per octet, the lowest first, 128 added to all but the last
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from .constants import EXTENT_ROWS, SPILL, U32_MAX, U64_MAX
from .crc32c import crc32c
from .pack import unpack
from .piece import is_place
from .pool import Pool, Row

if TYPE_CHECKING:
    from typing_extensions import Buffer

Place = tuple[int, int, int]
"""Position and length of the block, the row's number in it."""
Run = tuple[int, int, int, int, int]
"""First row, count, position and length of the block, the first row's number in it."""
Block = tuple[int, int, int, int]
"""Position, length, live rows, rows that it has at least."""

_GAP: Final = 1
_COUNT: Final = 2
_SKIP: Final = 4
_LENGTH: Final = 8
_DISTANCE: Final = 16
_BACKWARDS: Final = 32
_SPILLED: Final = 64
END: Final = 128
"""No flags: what stands here is something else."""


def runs_of(places: Sequence[Place | None]) -> list[Run]:
    """Rows that lie in one block one after the other, joined."""
    runs: list[Run] = []
    for row, place in enumerate(places):
        if place is None:
            continue
        position, length, number = place
        if runs:
            first, count, *block, skip = runs[-1]
            if first + count == row and block == [position, length] and skip + count == number:
                runs[-1] = (first, count + 1, position, length, skip)
                continue
        runs.append((row, 1, position, length, number))
    return runs


def blocks_of(places: Sequence[Place | None], live: Sequence[bool]) -> list[Block]:
    """The blocks that live rows lie in, ascending."""
    found: dict[tuple[int, int], tuple[int, int]] = {}
    for first, count, position, length, skip in runs_of(places):
        alive = sum(live[first : first + count])
        if alive:
            before, rows = found.get((position, length), (0, 0))
            found[position, length] = (before + alive, max(rows, skip + count))
    return [(*block, *found[block]) for block in sorted(found)]


def ranges_of(blocks: Sequence[Block], gap: int, limit: int) -> list[tuple[int, int]]:
    """(position, size) to read for these blocks; see `Extent.ranges`."""
    ranges: list[tuple[int, int]] = []
    for position, length, _, _ in blocks:
        if ranges:
            start, size = ranges[-1]
            joined = max(start + size, position + length) - start
            same_file = position // SPILL == start // SPILL
            if max(position - (start + size), 0) < gap and joined <= limit and same_file:
                ranges[-1] = (start, joined)
                continue
        ranges.append((position, length))
    return ranges


def read_block(ranges: Sequence[tuple[int, Buffer]], position: int, length: int, pool: Pool) -> list[Row]:
    """The rows of a block. Raises ValueError if it is missing or damaged."""
    where = f"block at position {position}: "
    for start, data in ranges:
        block = bytes(data)[position - start :][:length] if position >= start else b""
        if len(block) == length:
            break
    else:
        raise ValueError(where + "it was not read whole")
    payload = block[8:]
    if int.from_bytes(block[:4], "big") != len(payload):
        raise ValueError(where + "another length was written")
    if int.from_bytes(block[4:8], "big") != crc32c(payload):
        raise ValueError(where + "the checksum is wrong")
    try:
        return unpack(pool, payload).rows
    except ValueError as fault:
        raise ValueError(where + str(fault)) from None


# -- runs as bytes -----------------------------------------------------------------------------------------------------


class _File:
    """The block before, in one of the two files."""

    __slots__ = ("distance", "end", "length")

    def __init__(self) -> None:
        self.end = self.distance = self.length = 0

    def go_on(self, position: int, length: int, distance: int) -> None:
        self.end, self.length, self.distance = position % SPILL + length, length, distance


def pack_runs(runs: Sequence[Run]) -> bytes:
    out = bytearray()
    files = (_File(), _File())
    row = 0
    for first, count, position, length, skip in runs:
        file = files[position // SPILL]
        distance = position % SPILL - file.end
        fields = (
            (_GAP, first - row, 0),
            (_COUNT, count, 1),
            (_SKIP, skip, 0),
            (_LENGTH, length, file.length),
            (_DISTANCE, distance, file.distance),
        )
        told = [(flag, value) for flag, value, usual in fields if value != usual]
        flags = sum(flag for flag, _ in told) | _SPILLED * (position // SPILL)
        if flags & _DISTANCE and distance < 0:
            flags |= _BACKWARDS
        out.append(flags)
        for _, value in told:
            out += _varint(abs(value))
        file.go_on(position, length, distance)
        row = first + count
    return bytes(out)


def _varint(value: int) -> bytes:
    octets = bytearray()
    while value >= 128:
        octets.append(value % 128 + 128)
        value //= 128
    octets.append(value)
    return bytes(octets)


def take_runs(data: bytes, rows: int) -> tuple[list[Place | None], bytes]:
    """The inverse: a place per row; and what follows them, which begins with `END`. Raises ValueError for anything
    malformed.
    """
    places: list[Place | None] = []
    files = (_File(), _File())
    octets = iter(data)
    rest = b""
    for flags in octets:
        if flags == END:
            rest = bytes((END, *octets))
            break
        if flags >= 128:
            raise ValueError("unknown flags")
        spilled = bool(flags & _SPILLED)
        file = files[spilled]
        gap = _number(octets) if flags & _GAP else 0
        count = _number(octets) if flags & _COUNT else 1
        skip = _number(octets) if flags & _SKIP else 0
        length = _number(octets) if flags & _LENGTH else file.length
        distance = file.distance
        if flags & _DISTANCE:
            distance = -_number(octets) if flags & _BACKWARDS else _number(octets)
        offset = file.end + distance
        position = offset + SPILL * spilled
        if not 0 <= offset < SPILL or not is_place(position, length):
            raise ValueError("no block can lie there")
        if count == 0 or len(places) + gap + count > min(rows, EXTENT_ROWS) or skip + count > U32_MAX:
            raise ValueError("no such rows")
        places += [None] * gap + [(position, length, skip + index) for index in range(count)]
        file.go_on(position, length, distance)
    return places + [None] * (rows - len(places)), rest


def _number(octets: Iterator[int]) -> int:
    value = 0
    for shift in range(0, 70, 7):
        octet = next(octets, 255)
        value |= octet % 128 << shift
        if octet < 128 and value <= U64_MAX:
            return value
    raise ValueError("no such number")
