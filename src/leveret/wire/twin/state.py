"""An extent as bytes, for a checkpoint: the rows that are in the log.

state  = base:u64  rows:u16  features:u32  body bytes:u64  live  redelivered  runs of places  [128  expiries]
bitmap = 0 (none)  |  1 (all)  |  2  ceil(rows / 64) * u64, the first row in the lowest bit

The expiries are those of the live rows, if one of them expires.
"""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct
from typing import Final, NamedTuple

from .constants import EXTENT_ROWS, SPILL, U32_MAX, U64_MAX
from .expiries import NEVER, Expiries
from .places import END, Place, pack_runs, runs_of, take_runs

_HEAD: Final = Struct(">QHIQ")
_NONE: Final = 0
_ALL: Final = 1
_SOME: Final = 2


class State(NamedTuple):
    """What of an extent goes into a checkpoint. A row without a place is settled."""

    base: int
    features: int
    body_bytes: int
    live: list[bool]
    redelivered: list[bool]
    places: Sequence[Place | None]
    whens: list[int]
    """When each row expires; of live ones only."""


def encode(state: State) -> bytes:
    head = _HEAD.pack(state.base, len(state.live), state.features, state.body_bytes)
    runs = [run for run in runs_of(state.places) if any(state.live[run[0] : run[0] + run[1]])]
    expiries = Expiries((1, when) for when, live in zip(state.whens, state.live, strict=True) if live)
    tail = b"" if expiries.none else bytes((END,)) + expiries.encode()
    return head + _bitmap(state.live) + _bitmap(state.redelivered) + pack_runs(runs) + tail


def decode(data: bytes) -> State:
    """Raises ValueError for anything malformed."""
    if len(data) < _HEAD.size:
        raise ValueError("the state of an extent is cut off")
    base, rows, features, body_bytes = _HEAD.unpack_from(data)
    live, rest = _take_bitmap(data[_HEAD.size :], rows)
    redelivered, rest = _take_bitmap(rest, rows)
    places, rest = take_runs(rest, rows)
    if rows > EXTENT_ROWS or base + rows > U64_MAX or body_bytes > sum(live) * U32_MAX:
        raise ValueError("the state of an extent has numbers that cannot be")
    if any(alive and place is None for alive, place in zip(live, places, strict=True)):
        raise ValueError("a live row has no place")
    if any(place is not None and place[0] >= SPILL for place in places):
        raise ValueError("a row is not in the log")
    whens = _whens(rest[1:], live) if rest else [NEVER] * rows
    return State(base, features, body_bytes, live, redelivered, places, whens)


def _whens(data: bytes, live: list[bool]) -> list[int]:
    expiries = Expiries.decode(data)
    if expiries.none or len(expiries) != sum(live):
        raise ValueError("expiries are not those of the live rows")
    each = expiries.each()
    return [next(each) if alive else NEVER for alive in live]


def _bitmap(bits: list[bool]) -> bytes:
    if all(bits) or not any(bits):
        return bytes((_ALL if any(bits) else _NONE,))
    words = [bits[at : at + 64] for at in range(0, len(bits), 64)]
    numbers = [sum(bit << place for place, bit in enumerate(word)) for word in words]
    return bytes((_SOME,)) + b"".join(number.to_bytes(8, "big") for number in numbers)


def _take_bitmap(data: bytes, rows: int) -> tuple[list[bool], bytes]:
    """The bitmap, and what follows it."""
    size = 8 * ((rows + 63) // 64)
    match data[:1]:
        case b"\x00" | b"\x01":
            return [data[0] == _ALL] * rows, data[1:]
        case b"\x02" if len(data) > size:
            words = [int.from_bytes(data[at : at + 8], "big") for at in range(1, 1 + size, 8)]
            bits = [bool(word >> place & 1) for word in words for place in range(64)]
            if not any(bits[rows:]):
                return bits[:rows], data[1 + size :]
    raise ValueError("a bitmap is malformed")
