"""Ops: what records are made of.

    kind:u8  length:u32  op

    1 PUBLISH     targets:u32  targets*( queue:u64  first:u64 )  offsets  body_bytes:u64  features:u32  block
    2 SETTLE      queue:u64  base:u64  reason:u8  rows
    3 DEFINITION  anything
    4 RELOCATE    queue:u64  base:u64  rows  block
    5 EXTENT      queue:u64  state, anything
    6 EXPIRY      queue:u64  first:u64  expiries

`offsets` and `rows` are selections as in `compact`, `expiries` as in the file of that name; what they mean is said
where ops are objects, in `wire/records.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from struct import pack
from typing import TYPE_CHECKING, Final, NamedTuple

from .block import Outline, encode_block, outline
from .compact import decode_selection, encode_selection
from .constants import EXTENT_ROWS, U32_MAX, U64_MAX
from .expiries import Expiries
from .reader import Reader

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from .batch import Batch
    from .selection import Selection

PUBLISH: Final = 1
SETTLE: Final = 2
DEFINITION: Final = 3
RELOCATE: Final = 4
EXTENT: Final = 5
EXPIRY: Final = 6


class Publish(NamedTuple):
    targets: list[tuple[int, int]]
    offsets: Selection
    body_bytes: int
    features: int
    block: Outline


class Settle(NamedTuple):
    queue: int
    base: int
    reason: int
    selection: Selection


class Definition(NamedTuple):
    data: bytes


class Relocate(NamedTuple):
    queue: int
    base: int
    selection: Selection
    block: Outline


class Extent(NamedTuple):
    queue: int
    state: bytes


class Expiry(NamedTuple):
    queue: int
    first: int
    expiries: Expiries


Op = Publish | Settle | Definition | Relocate | Extent | Expiry

# -- out ---------------------------------------------------------------------------------------------------------------


def encode_publish(
    targets: Sequence[tuple[int, int]], batch: Batch, selection: Selection | None, offsets: Selection | None
) -> tuple[bytes, int, int]:
    """The op, and offset and length of its block."""
    rows = batch.rows if selection is None else [batch.rows[row] for row in selection]
    if offsets is not None and len(offsets) not in (0, len(rows)):
        raise ValueError("there are more or fewer rows than offsets")
    _check_numbers(targets, offsets, len(rows))
    features = 0
    for row in rows:
        features |= row[3]
    front = b"".join(
        (
            pack(">I", len(targets)),
            *(_u64(queue) + _u64(first) for queue, first in targets),
            b"\x00" if offsets is None else encode_selection(offsets),
            pack(">QI", sum(len(row[2]) for row in rows), features),
        )
    )
    return _with_block(PUBLISH, front, encode_block(batch, selection))


def encode_settle(queue: int, base: int, reason: int, selection: Selection) -> bytes:
    if not 0 <= reason <= 0xFF:
        raise OverflowError("a reason is over 8 bits")
    _check_rows(base, selection)
    return encode_op(SETTLE, _u64(queue) + _u64(base) + bytes((reason,)) + encode_selection(selection))


def encode_relocate(queue: int, base: int, selection: Selection, batch: Batch) -> tuple[bytes, int, int]:
    """The op, and offset and length of its block."""
    if len(selection) != len(batch):
        raise ValueError("there are more or fewer rows than said")
    _check_rows(base, selection)
    return _with_block(RELOCATE, _u64(queue) + _u64(base) + encode_selection(selection), encode_block(batch))


def encode_op(kind: int, body: Buffer) -> bytes:
    """Any op of which the body is known."""
    data = bytes(memoryview(body))
    if not 0 <= kind <= 0xFF:
        raise OverflowError("a kind is over 8 bits")
    if len(data) > U32_MAX:
        raise ValueError("an op is too large")
    return pack(">BI", kind, len(data)) + data


def _with_block(kind: int, front: bytes, block: bytes) -> tuple[bytes, int, int]:
    op = encode_op(kind, front + block)
    return op, len(op) - len(block), len(block)


def _u64(number: int) -> bytes:
    return number.to_bytes(8, "big")  # OverflowError, as of the kernel


# -- in ----------------------------------------------------------------------------------------------------------------


def decode_ops(body: bytes) -> Iterator[tuple[Op, int]]:
    """The ops of a record, each with the offset of its end. Raises ValueError for anything malformed."""
    reader = Reader(body)
    while reader.left:
        kind = reader.number(1)
        yield _decode(kind, Reader(reader.take(reader.number(4)))), reader.position


def _decode(kind: int, reader: Reader) -> Op:
    match kind:
        case 1:
            targets = [(reader.number(8), reader.number(8)) for _ in range(_count(reader, 16))]
            offsets = decode_selection(reader)
            body_bytes, features = reader.number(8), reader.number(4)
            block = outline(reader.rest(), body_bytes)
            if len(offsets) not in (0, block.rows):
                raise ValueError("there are more or fewer rows than offsets")
            _check_numbers(targets, offsets, block.rows)
            return Publish(targets, offsets, body_bytes, features, block)
        case 2:
            settle = Settle(reader.number(8), reader.number(8), reader.number(1), decode_selection(reader))
            reader.end()
            _check_rows(settle.base, settle.selection)
            return settle
        case 3:
            return Definition(reader.rest())
        case 4:
            queue, base, selection = reader.number(8), reader.number(8), decode_selection(reader)
            block = outline(reader.rest(), 0)
            if len(selection) != block.rows:
                raise ValueError("there are more or fewer rows than said")
            _check_rows(base, selection)
            return Relocate(queue, base, selection, block)
        case 5:
            return Extent(reader.number(8), reader.rest())
        case 6:
            expiry = Expiry(reader.number(8), reader.number(8), Expiries.decode(reader.rest()))
            if expiry.first + len(expiry.expiries) > U64_MAX:
                raise ValueError("the number of a row is over 64 bits")
            return expiry
    raise ValueError(f"unknown kind of op {kind}")


def _count(reader: Reader, size: int) -> int:
    """How many items of `size` bytes come now: never more than there is data for."""
    count = reader.number(4)
    if count * size > reader.left:
        raise ValueError("data ends too early")
    return count


def _check_numbers(targets: Sequence[tuple[int, int]], offsets: Selection | None, count: int) -> None:
    numbers = offsets[len(offsets) - 1] + 1 if offsets is not None and len(offsets) else count
    if any(first + numbers > U64_MAX for _, first in targets):
        raise ValueError("the number of a row is over 64 bits")


def _check_rows(base: int, selection: Selection) -> None:
    last = selection[len(selection) - 1] if len(selection) else 0
    if last >= EXTENT_ROWS:
        raise ValueError("a row is not below EXTENT_ROWS")
    if base + last > U64_MAX:
        raise ValueError("the number of a row is over 64 bits")
