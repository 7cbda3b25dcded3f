"""Restoring: steps of a log applied to a new broker. What clients do before is random in tests/properties."""

from __future__ import annotations

import pytest

from leveret.broker.queue import Queue
from leveret.broker.restoring import Restoring
from leveret.limits import EXTENT_BYTES
from leveret.wire import EXTENT_ROWS, Batch, Replay, Selection, seal_record
from leveret.wire.records import (
    ACKED,
    BeginCheckpoint,
    DeclareQueue,
    DeleteQueue,
    EndCheckpoint,
    ExtentState,
    Op,
    Publish,
    QueueEnd,
    QueueState,
    Settle,
    encode_op,
)

from .support import PERSISTENT, make_broker

QUEUE = 100
DECLARED = DeclareQueue(QUEUE, "/", "q", True, False, False, b"")


class Life:
    """Records, and the broker that comes of them."""

    def __init__(self, begin: int = 0) -> None:
        self.broker = make_broker()
        self.restoring = Restoring(self.broker, begin)
        self.end = 0

    def say(self, *ops: Op) -> int:
        """One record; its position."""
        position = self.end
        data = seal_record(position, position, [encode_op(op)[0] for op in ops])
        replay = Replay(position)
        for step in replay.read(data, position):
            self.restoring.apply(step)
        self.end = replay.position
        assert self.end == position + len(data)
        return position

    def publish(self, first: int, count: int = 1, size: int = 1) -> None:
        rows = [("", "q", PERSISTENT, b"x" * size, False)] * count
        self.say(Publish([(QUEUE, first)], Batch.build(self.broker.pool, rows), None))

    def settle(self, base: int, *rows: int) -> None:
        self.say(Settle(QUEUE, base, Selection(rows), ACKED))

    @property
    def queue(self) -> Queue:
        queue = self.broker.objects[QUEUE]
        assert isinstance(queue, Queue)
        return queue

    def numbers(self) -> list[int]:
        return [extent.base + row for extent, rows in self.queue.ready_rows() for row in rows]


@pytest.fixture
def life() -> Life:
    life = Life(begin=1 << 40)
    life.say(DECLARED)
    return life


def test_messages_without_those_that_are_settled(life: Life) -> None:
    life.publish(0, 5)
    life.settle(0, 1, 3)
    life.publish(5)
    assert life.restoring.finish() == 4
    assert life.numbers() == [0, 2, 4, 5]
    assert life.queue.next_sequence == 6


def test_numbers_that_were_never_kept_leave_gaps(life: Life) -> None:
    life.publish(3, 2)
    life.publish(10 * EXTENT_ROWS, 2)
    life.restoring.finish()
    assert life.numbers() == [3, 4, 10 * EXTENT_ROWS, 10 * EXTENT_ROWS + 1]


def test_a_settlement_may_count_from_another_base_than_the_restored_extent(life: Life) -> None:
    life.publish(100, 10)
    life.settle(50, 49, 50, 55, 60)
    life.settle(105, 0)
    life.restoring.finish()
    assert life.numbers() == [101, 102, 103, 104, 106, 107, 108, 109]


def test_extents_are_not_larger_than_live(life: Life) -> None:
    for number in range(6):
        life.publish(number, size=EXTENT_BYTES // 2)
    life.publish(6, 2 * EXTENT_ROWS)
    life.restoring.finish()
    assert all(len(extent) <= EXTENT_ROWS and extent.ready_bytes <= 2 * EXTENT_BYTES for extent in life.queue.extents)
    assert life.numbers() == [*range(6 + 2 * EXTENT_ROWS)]


def test_a_long_queue_in_which_few_are_settled(life: Life) -> None:
    life.publish(0, 20 * EXTENT_ROWS)
    for number in range(19, -1, -1):
        life.settle(number * EXTENT_ROWS, 7)
    life.restoring.finish()
    assert len(life.queue.extents) == 21
    assert life.queue.ready == 20 * (EXTENT_ROWS - 1)


def test_messages_are_on_disk_only_and_new_ones_are_not_added_to_them(life: Life) -> None:
    life.publish(0, 5)
    life.restoring.finish()
    assert [extent.resident for extent in life.queue.extents] == [False, True]
    assert life.queue.stored == 1
    assert life.queue.next_sequence == 5


def test_what_is_said_of_an_unknown_queue_is_skipped() -> None:
    life = Life()
    life.publish(0)
    life.settle(0, 0)
    life.say(DeleteQueue(QUEUE, "/"))
    assert life.restoring.finish() == 0


class TestRedelivered:
    def test_after_any_end_but_a_stop_in_good_order(self, life: Life) -> None:
        life.publish(0, 2)
        life.restoring.finish()
        assert life.queue.extents[0].is_redelivered(0)

    @pytest.mark.parametrize("clean", [False, True])
    def test_after_a_checkpoint(self, life: Life, clean: bool) -> None:
        life.publish(0, 2)
        life.say(EndCheckpoint(life.say(BeginCheckpoint()), QUEUE, clean))
        life.restoring.finish()
        assert life.queue.extents[0].is_redelivered(0) is not clean

    def test_a_stop_that_is_not_the_last_thing_that_was_said(self, life: Life) -> None:
        life.publish(0, 2)
        life.say(EndCheckpoint(life.say(BeginCheckpoint()), QUEUE, True))
        life.say(BeginCheckpoint())
        life.restoring.finish()
        assert life.queue.extents[0].is_redelivered(0)


class TestCheckpoint:
    def state(self, first: int, count: int) -> bytes:
        """An extent as a checkpoint tells it."""
        other = Life(begin=1 << 40)
        other.say(DECLARED)
        other.publish(first, count)
        return other.queue.extents[0].state()

    def test_what_is_told_counts_from_where_it_is_told(self) -> None:
        life = Life(begin=0)
        life.say(BeginCheckpoint())
        life.publish(2)  # not told of yet: in what is told
        life.say(QueueState(DECLARED), ExtentState(QUEUE, self.state(0, 3)))
        life.publish(3)  # told in the middle: in what follows
        life.settle(0, 1)
        life.say(ExtentState(QUEUE, self.state(3, 2)), QueueEnd(QUEUE, 8))
        life.publish(8)
        life.say(EndCheckpoint(0, QUEUE + 5, False))
        life.restoring.finish()
        assert life.numbers() == [0, 2, 3, 4, 8]
        assert life.broker.last_id == QUEUE + 5

    def test_a_queue_that_is_deleted_while_it_is_told(self) -> None:
        life = Life(begin=0)
        life.say(BeginCheckpoint())
        life.say(QueueState(DECLARED), ExtentState(QUEUE, self.state(0, 3)))
        life.say(DeleteQueue(QUEUE, "/"))
        life.say(EndCheckpoint(0, QUEUE, False))
        assert life.restoring.finish() == 0
        assert "q" not in life.broker.vhosts["/"].queues

    def test_another_one_is_skipped(self, life: Life) -> None:
        life.publish(0, 2)
        begin = life.say(BeginCheckpoint())
        life.say(QueueState(DECLARED), ExtentState(QUEUE, self.state(0, 2)), QueueEnd(QUEUE, 2))
        life.say(EndCheckpoint(begin, QUEUE, False))
        life.restoring.finish()
        assert life.numbers() == [0, 1]

    def test_an_extent_that_was_settled_since_it_was_told_leaves_nothing(self) -> None:
        life = Life(begin=0)
        life.say(BeginCheckpoint())
        life.say(QueueState(DECLARED), ExtentState(QUEUE, self.state(0, 2)))
        life.settle(0, 0, 1)
        life.say(ExtentState(QUEUE, self.state(2, 2)), QueueEnd(QUEUE, 4))
        life.say(EndCheckpoint(0, QUEUE, False))
        life.restoring.finish()
        assert life.numbers() == [2, 3]
        assert len(life.queue.extents) == 2
        assert life.queue.stored == 1
