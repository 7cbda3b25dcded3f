"""Records of the log: what comes out is what went in, and nothing malformed is taken for a record."""

from __future__ import annotations

import pytest

from leveret.wire import Batch, Expiries, Pool, Selection, unpack_block
from leveret.wire.records import (
    REJECTED,
    BeginCheckpoint,
    Bind,
    BindingState,
    DeclareExchange,
    DeclareQueue,
    DeleteExchange,
    DeletePolicy,
    DeleteQueue,
    EndCheckpoint,
    ExchangeState,
    Expire,
    ExtentState,
    Op,
    PolicyState,
    Publish,
    QueueEnd,
    QueueState,
    Relocate,
    SetPolicy,
    Settle,
    Unbind,
    decode_definition,
    encode_op,
)

from .support import decode_record, encode_record

DEFINITIONS: list[Op] = [
    DeclareExchange(1, "/", "x", "topic", True, False, True, b"\x01aI\0\0\0\x01"),
    DeclareQueue(1 << 40, "/", "q\N{SNOWMAN}", True, True, False, b""),
    Bind("/", 1, 2, "key", b""),
    Unbind("/", 1, 2, "", b""),
    DeleteExchange(1, "/"),
    DeleteQueue(2, "/"),
    SetPolicy("/", "p", False, "^q", {"max-length": 1 << 62, "overflow": "drop-head"}, -5, "queues"),
    DeletePolicy("/", "p", True),
    BeginCheckpoint(),
    PolicyState(SetPolicy("/", "p\N{SNOWMAN}", True, "", {}, 0, "all")),
    ExchangeState(DeclareExchange(1, "/", "x", "topic", True, False, True, b"")),
    QueueState(DeclareQueue(1 << 40, "/", "q\N{SNOWMAN}", True, True, False, b"x")),
    BindingState(Bind("/", 1, 2, "key", b"")),
    QueueEnd(1 << 40, 1 << 50),
    EndCheckpoint(1 << 50, 1 << 40, True),
]


@pytest.fixture
def batch() -> Batch:
    rows = [("x", "key", b"\x10\0\x02", b"%d" % number, number == 1) for number in range(4)]
    return Batch.build(Pool(), rows)


def again(*ops: Op) -> list[Op]:
    return [*decode_record(Pool(), encode_record([*ops]))]


def test_definitions() -> None:
    assert again(*DEFINITIONS) == DEFINITIONS
    for op in DEFINITIONS:
        data, offset, length = encode_op(op)
        assert (offset, length) == (0, 0)
        assert decode_definition(memoryview(data)[5:]) == op


@pytest.mark.parametrize("offsets", [None, Selection([0, 7])])
def test_publish(batch: Batch, offsets: Selection | None) -> None:
    (op,) = again(Publish([(1, 100), (2, 1 << 40)], batch, Selection([1, 3]), offsets))
    assert isinstance(op, Publish)
    assert op.targets == [(1, 100), (2, 1 << 40)]
    assert op.selection is None, "only what was selected is kept"
    assert op.offsets == offsets
    assert [op.batch[row].body for row in range(len(op.batch))] == [b"1", b"3"]
    assert op.batch[0].properties == b"\x10\0\x02"
    assert (op.batch[0].exchange, op.batch[0].routing_key) == ("x", "key")


def test_a_fanout_to_more_queues_than_a_short_counts(batch: Batch) -> None:
    targets = [(number, number) for number in range(70_000)]
    (op,) = again(Publish(targets, batch, None))
    assert isinstance(op, Publish)
    assert op.targets == targets


def test_settle() -> None:
    op = Settle(1 << 40, 1 << 41, Selection([0, 5, 4095]), REJECTED)
    assert again(op) == [op]


def test_relocate(batch: Batch) -> None:
    (op,) = again(Relocate(1 << 40, 1 << 41, Selection([0, 5, 7, 4095]), batch))
    assert isinstance(op, Relocate)
    assert (op.queue, op.base, list(op.selection)) == (1 << 40, 1 << 41, [0, 5, 7, 4095])
    assert [op.batch[row].body for row in range(len(op.batch))] == [b"0", b"1", b"2", b"3"]


def test_state_of_an_extent() -> None:
    op = ExtentState(1 << 40, b"anything")
    assert again(op) == [op]


def test_expire() -> None:
    op = Expire(1 << 40, 1 << 41, Expiries([(2, 1 << 40), (1, 0)]))
    assert again(op) == [op]


def test_an_op_says_where_its_block_is(batch: Batch) -> None:
    for op in (Publish([(1, 0)], batch, None), Relocate(1, 0, Selection([0, 2, 3, 9]), batch)):
        data, offset, length = encode_op(op)
        assert len(unpack_block(Pool(), data[offset : offset + length])) == 4
        assert offset + length == len(data)
    assert encode_op(Settle(1, 0, Selection([1])))[1:] == (0, 0)


def test_nothing_that_is_cut_off_is_a_record(batch: Batch) -> None:
    for op in (Publish([(1, 0)], batch, None, Selection([0, 1, 2, 5])), Settle(1, 0, Selection([1, 2])), *DEFINITIONS):
        data = encode_record([op])
        for size in range(1, len(data)):
            with pytest.raises(ValueError, match=r"."):
                [*decode_record(Pool(), data[:size])]
        kind, body = data[:1], data[5:]
        for size in range(len(body)):
            with pytest.raises(ValueError, match=r"."):
                [*decode_record(Pool(), kind + size.to_bytes(4, "big") + body[:size])]


def test_an_unknown_kind() -> None:
    with pytest.raises(ValueError, match="unknown kind of op 9"):
        [*decode_record(Pool(), b"\x09\0\0\0\0")]
