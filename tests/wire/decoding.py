"""Records decoded op by op, as nothing but a test does: recovery reads joined steps (`Replay`)."""

from __future__ import annotations

from collections.abc import Iterator

from leveret.wire import Pool, Selection, unpack_block
from leveret.wire.records import ExtentState, Op, Publish, Relocate, Settle, decode_definition, encode_op
from leveret.wire.twin import ops


def encode_record(record: list[Op]) -> bytes:
    """The body of a record."""
    return b"".join([encode_op(op)[0] for op in record])


def decode_record(pool: Pool, data: bytes) -> Iterator[Op]:
    """The ops of a record's body, rows too. Raises ValueError for anything malformed."""
    for op, end in ops.decode_ops(data):
        match op:
            case ops.Publish(targets, offsets, _, _, block):
                batch = unpack_block(pool, data[end - block.length : end])
                yield Publish(targets, batch, None, Selection(offsets) if len(offsets) else None)
            case ops.Settle(queue, base, reason, selection):
                yield Settle(queue, base, Selection(selection), reason)
            case ops.Relocate(queue, base, selection, block):
                batch = unpack_block(pool, data[end - block.length : end])
                yield Relocate(queue, base, Selection(selection), batch)
            case ops.Extent(queue, state):
                yield ExtentState(queue, state)
            case ops.Definition(definition):
                yield decode_definition(definition)
