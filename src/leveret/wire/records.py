"""Ops: what happened to the broker, as Python objects, and their way into the log.

A *record* is a list of ops applied all or none. Objects are named by ids that are never used twice, so an op means
the same whenever it is replayed. In the log an op is, all integers big-endian:

    kind:u8  length:u32  body

    PUBLISH, SETTLE, RELOCATE, EXTENT, EXPIRY
                  layouts in `twin/ops.py` (and in the kernel, which reads and writes them)
    DEFINITION    msgpack of the op (definitions are few; their encoding may be comfortable)

How records lie in a log is in `twin/record.py`. Where an op carries rows they are a *block* at its end, and the block's
*place* is (its position in the log, its length): whoever knows that can read the rows again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec

from . import Selection, encode_publish, encode_relocate, encode_settle
from . import encode_op as encode_body
from .definitions import BrokerOp, Definition

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from . import Batch, Expiries

PUBLISH: Final = 1
SETTLE: Final = 2
DEFINITION: Final = 3
RELOCATE: Final = 4
EXTENT: Final = 5
EXPIRY: Final = 6

# Why messages were settled.
ACKED: Final = 0
REJECTED: Final = 1
PURGED: Final = 2
EXPIRED: Final = 3
OVERFLOWED: Final = 4


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


class PauseQueue(Definition, frozen=True, tag="pause queue"):
    """Nothing is delivered from it until it is resumed (`paused` is false)."""

    id: int
    vhost: str
    paused: bool


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


class SetPolicy(Definition, frozen=True, tag="policy"):
    """`definition`: values of JSON by key. An operator policy may have the name of another that is none."""

    vhost: str
    name: str
    operator: bool
    pattern: str
    definition: dict[str, Any]
    priority: int
    apply_to: str


class DeletePolicy(Definition, frozen=True, tag="delete policy"):
    vhost: str
    name: str
    operator: bool


class BeginCheckpoint(msgspec.Struct, frozen=True, tag_field="op", tag="begin checkpoint"):
    """From here on everything that the broker has is written down, until the end."""


class EndCheckpoint(msgspec.Struct, frozen=True, tag_field="op", tag="end checkpoint"):
    """The checkpoint that began at position `begin` is complete."""

    begin: int
    last_id: int
    clean: bool


class ExchangeState(msgspec.Struct, frozen=True, tag_field="op", tag="exchange state"):
    """An exchange of a checkpoint."""

    declaration: DeclareExchange


class QueueState(msgspec.Struct, frozen=True, tag_field="op", tag="queue state"):
    """A queue of a checkpoint. Its extents follow."""

    declaration: DeclareQueue
    paused: bool = False


class BindingState(msgspec.Struct, frozen=True, tag_field="op", tag="binding state"):
    """A binding of a checkpoint."""

    binding: Bind


class BrokerState(msgspec.Struct, frozen=True, tag_field="op", tag="broker state"):
    """A virtual host, user, permission or parameter of a checkpoint. Those come first."""

    op: BrokerOp = msgspec.field(name="is")


class PolicyState(msgspec.Struct, frozen=True, tag_field="op", tag="policy state"):
    """A policy of a checkpoint."""

    policy: SetPolicy


class QueueEnd(msgspec.Struct, frozen=True, tag_field="op", tag="queue end"):
    """The extents of this queue are all there; the next message gets this number."""

    id: int
    next_sequence: int


class Mark(msgspec.Struct, frozen=True, tag_field="op", tag="mark"):
    """Nothing happened: the record is there for its header, which says that all before it is on disk."""


@dataclass(slots=True)
class Publish:
    """Rows of a batch that some queues took. `targets` are (queue id, first sequence number); row i of `selection` has
    number `first + offsets[i]` (None: `first + i`).
    """

    targets: list[tuple[int, int]]
    batch: Batch
    selection: Selection | None
    offsets: Selection | None = None
    place: tuple[int, int] | None = None
    """Of its block, once it is in a log."""


@dataclass(slots=True)
class Settle:
    """Messages `base + row` of a queue are done with."""

    queue: int
    base: int
    selection: Selection
    reason: int = ACKED


@dataclass(slots=True)
class Relocate:
    """Messages `base + row` of a queue were copied: they are, in order, the rows of this batch."""

    queue: int
    base: int
    selection: Selection
    batch: Batch
    place: tuple[int, int] | None = None
    """Of its block, once it is in a log."""


@dataclass(slots=True)
class ExtentState:
    """One extent of a queue, in a checkpoint; `data` is what `Extent.state` gave."""

    queue: int
    data: bytes


@dataclass(slots=True)
class Expire:
    """Messages of a queue from number `first` on expire so."""

    lane: int
    first: int
    expiries: Expiries


ObjectOp = (
    DeclareExchange
    | DeleteExchange
    | DeclareQueue
    | DeleteQueue
    | PauseQueue
    | Bind
    | Unbind
    | SetPolicy
    | DeletePolicy
)
"""About the objects of one virtual host."""
DefinitionOp = ObjectOp | BrokerOp
StateOp = BrokerState | PolicyState | ExchangeState | QueueState | QueueEnd | BindingState
CheckpointOp = BeginCheckpoint | EndCheckpoint | StateOp
Op = Publish | Settle | Relocate | ExtentState | Expire | DefinitionOp | CheckpointOp | Mark

_definition_encoder: Final = msgspec.msgpack.Encoder()
_definition_decoder: Final = msgspec.msgpack.Decoder(DefinitionOp | CheckpointOp | Mark)


def encode_op(op: Op) -> tuple[bytes, int, int]:
    """The bytes of an op, and offset and length of the block in them; 0, 0 where there is none."""
    if isinstance(op, Publish):
        return encode_publish(op.targets, op.batch, op.selection, op.offsets)
    if isinstance(op, Settle):
        return encode_settle(op.queue, op.base, op.reason, op.selection), 0, 0
    if isinstance(op, Relocate):
        return encode_relocate(op.queue, op.base, op.selection, op.batch)
    if isinstance(op, ExtentState):
        return encode_body(EXTENT, op.queue.to_bytes(8, "big") + op.data), 0, 0
    if isinstance(op, Expire):
        body = op.lane.to_bytes(8, "big") + op.first.to_bytes(8, "big") + op.expiries.encode()
        return encode_body(EXPIRY, body), 0, 0
    return encode_body(DEFINITION, _definition_encoder.encode(op)), 0, 0


def require_readable(op: Op) -> None:
    """Raises ValueError for an op that could be written and not be read again: one of what people sent."""
    try:
        _definition_decoder.decode(_definition_encoder.encode(op))
    except (TypeError, OverflowError, RecursionError) as error:
        raise ValueError(str(error)) from None


def decode_definition(data: Buffer) -> DefinitionOp | CheckpointOp | Mark:
    """The body of a DEFINITION. Raises ValueError (msgspec's errors are ones) for anything malformed."""
    op: DefinitionOp | CheckpointOp | Mark = _definition_decoder.decode(data)
    return op
