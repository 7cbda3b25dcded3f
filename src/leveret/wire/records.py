"""Records and ops: what the log is made of.

A *record* is a list of *ops* applied all or none. Objects are named by ids that are never used twice, so an op means
the same whenever it is replayed. Layout of an encoded record, all integers big-endian:

    record   = 1*( kind:u8  length:u32  body )
    PUBLISH  = count:u32  count*( queue:u64  first:u64 )  offsets  packed rows (`pack`)
    SETTLE   = queue:u64  base:u64  reason:u8  rows:u32*
    others   = msgpack of the op (definitions are few; their encoding may be comfortable)

`first + offsets[i]` is the sequence number of packed row i in that queue; `offsets` is `size:u32 rows:u32*`, size 0
when they count up from 0.
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

from . import Selection, pack, unpack

if TYPE_CHECKING:
    from . import Batch, Pool

_HEAD: Final = struct.Struct(">BI")
_QUEUE: Final = struct.Struct(">QQ")
_SETTLE: Final = struct.Struct(">QQB")

PUBLISH: Final = 1
SETTLE: Final = 2
DEFINITION: Final = 3

# Why messages were settled.
ACKED: Final = 0
REJECTED: Final = 1
PURGED: Final = 2


class Definition(msgspec.Struct, frozen=True, tag=True, tag_field="op"):
    """An op that creates, changes or removes an object."""


class DeclareExchange(Definition, frozen=True, tag="exchange"):
    id: int
    vhost: str
    name: str
    type: str
    durable: bool
    auto_delete: bool
    internal: bool
    arguments: bytes


class DeleteExchange(Definition, frozen=True, tag="delete exchange"):
    id: int
    vhost: str


class DeclareQueue(Definition, frozen=True, tag="queue"):
    id: int
    vhost: str
    name: str
    durable: bool
    auto_delete: bool
    exclusive: bool
    arguments: bytes


class DeleteQueue(Definition, frozen=True, tag="delete queue"):
    id: int
    vhost: str


class Bind(Definition, frozen=True, tag="bind"):
    """`source` is an exchange's id, `destination` a queue's or an exchange's."""

    vhost: str
    source: int
    destination: int
    routing_key: str
    arguments: bytes


class Unbind(Definition, frozen=True, tag="unbind"):
    vhost: str
    source: int
    destination: int
    routing_key: str
    arguments: bytes


@dataclass(slots=True)
class Publish:
    """Rows of a batch that some queues took. `targets` are (queue id, first sequence number); row i of `selection` has
    number `first + offsets[i]` (None: `first + i`).
    """

    targets: list[tuple[int, int]]
    batch: Batch
    selection: Selection | None
    offsets: Selection | None = None


@dataclass(slots=True)
class Settle:
    """Messages `base + row` of a queue are done with."""

    queue: int
    base: int
    selection: Selection
    reason: int = ACKED


DefinitionOp = DeclareExchange | DeleteExchange | DeclareQueue | DeleteQueue | Bind | Unbind
Op = Publish | Settle | DefinitionOp

_definition_encoder: Final = msgspec.msgpack.Encoder()
_definition_decoder: Final = msgspec.msgpack.Decoder(DefinitionOp)


def _rows_to_bytes(selection: Selection) -> bytes:
    rows = array("I", selection)
    if sys.byteorder == "little":
        rows.byteswap()
    return rows.tobytes()


def _rows_from_bytes(data: bytes) -> Selection:
    rows = array("I")
    rows.frombytes(data)
    if sys.byteorder == "little":
        rows.byteswap()
    return Selection(rows)


def _encode_publish(op: Publish) -> bytes:
    offsets = b"" if op.offsets is None else _rows_to_bytes(op.offsets)
    targets = b"".join(_QUEUE.pack(queue, first) for queue, first in op.targets)
    return b"".join(
        (
            len(op.targets).to_bytes(4, "big"),
            targets,
            len(offsets).to_bytes(4, "big"),
            offsets,
            pack(op.batch, op.selection),
        )
    )


def _decode_publish(pool: Pool, body: bytes) -> Publish:
    end = 4 + int.from_bytes(body[:4], "big") * _QUEUE.size
    if len(body) < end + 4:
        raise ValueError(f"publish op of {len(body)} bytes")
    targets = [*_QUEUE.iter_unpack(body[4:end])]
    size = int.from_bytes(body[end : end + 4], "big")
    offsets = _rows_from_bytes(body[end + 4 : end + 4 + size]) if size else None
    return Publish(targets, unpack(pool, body[end + 4 + size :]), None, offsets)


def encode_record(record: list[Op]) -> bytes:
    """The bytes of a record."""
    parts: list[bytes] = []
    for op in record:
        if isinstance(op, Publish):
            kind, body = PUBLISH, _encode_publish(op)
        elif isinstance(op, Settle):
            kind, body = SETTLE, _SETTLE.pack(op.queue, op.base, op.reason) + _rows_to_bytes(op.selection)
        else:
            kind, body = DEFINITION, _definition_encoder.encode(op)
        parts += (_HEAD.pack(kind, len(body)), body)
    return b"".join(parts)


def decode_record(pool: Pool, data: bytes) -> Iterator[Op]:
    """The ops of a record. Raises ValueError (msgspec's errors are ones) for anything malformed."""
    at = 0
    while at < len(data):
        try:
            kind, size = _HEAD.unpack_from(data, at)
        except struct.error as problem:
            raise ValueError(f"op header cut off at byte {at}") from problem
        at += _HEAD.size
        body = data[at : at + size]
        if len(body) != size:
            raise ValueError(f"op of {size} bytes cut off at byte {at}")
        at += size
        if kind == PUBLISH:
            yield _decode_publish(pool, body)
        elif kind == SETTLE:
            if size < _SETTLE.size or (size - _SETTLE.size) % 4:
                raise ValueError(f"settle op of {size} bytes")
            queue, base, reason = _SETTLE.unpack_from(body)
            yield Settle(queue, base, _rows_from_bytes(body[_SETTLE.size :]), reason)
        elif kind == DEFINITION:
            yield _definition_decoder.decode(body)
        else:
            raise ValueError(f"unknown kind of op {kind}")
