"""Paging: which extents leave memory and when, how they come back, and what may happen while they are on their way.

That nobody notices any of it is tested in tests/properties/test_queue_model.py.
"""

from __future__ import annotations

import errno

import pytest

from leveret.broker.queue import Queue
from leveret.limits import READ_AHEAD_EXTENTS, SPILLING_BYTES_MAX
from leveret.wire import ACK, REQUEUE

from ..simulation.world import World
from .support import PERSISTENT, TRANSIENT, Channel, batch

UNLIMITED = 1 << 40


def publish(world: World, *bodies: bytes, key: str = "q", properties: bytes = PERSISTENT) -> None:
    world.vhost.publish(batch(world.broker, *bodies, key=key, properties=properties), Channel(world.vhost))


def extents(world: World, count: int, *, key: str = "q", properties: bytes = PERSISTENT) -> None:
    """So many closed extents with two messages each: 0a, 0b, 1a ..."""
    for number in range(count):
        publish(world, b"%da" % number, b"%db" % number, key=key, properties=properties)
        world.vhost.queues[key].close_tail()


def resident(queue: Queue) -> list[bool]:
    """Of all but the last extent, which is always empty here."""
    return [extent.resident for extent in queue.extents][:-1]


def taken(world: World, name: str = "q") -> list[bytes]:
    channel = Channel(world.vhost)
    channel.consume(name, "taker", no_ack=True)
    world.run(30)
    world.vhost.cancel(channel.consumers[0])
    return channel.bodies()


def spill_files(world: World) -> list[str]:
    return [*world.spill_disk.files]


@pytest.fixture
def world() -> World:
    world = World(paging_budget=UNLIMITED, segment_size=1 << 20)
    world.vhost.declare_queue("q", durable=True)
    return world


@pytest.fixture
def queue(world: World) -> Queue:
    return world.vhost.queues["q"]


@pytest.fixture
def stored(world: World, queue: Queue) -> Queue:
    """Four extents on disk."""
    extents(world, 4)
    world.broker.pager.budget = 0
    world.run()
    assert resident(queue) == [False] * 4
    assert queue.stored == 4
    return queue


class TestOut:
    def test_nothing_leaves_within_the_budget(self, world: World, queue: Queue) -> None:
        extents(world, 4)
        world.run()
        assert resident(queue) == [True] * 4

    def test_the_newest_go_first(self, world: World, queue: Queue) -> None:
        extents(world, 4)
        world.run()
        world.broker.pager.budget = world.broker.pager.used - 1
        world.run()
        assert resident(queue) == [True, True, True, False]

    def test_not_before_the_log_can_give_them_back(self, world: World, queue: Queue) -> None:
        world.broker.pager.budget = 0
        extents(world, 2)
        for _ in range(3):
            world.turn()
        assert resident(queue) == [True, True]
        world.run()
        assert resident(queue) == [False, False]

    def test_what_waits_for_the_log_counts_as_gone(self, world: World, queue: Queue) -> None:
        """Else everything else would go in its place."""
        extents(world, 2)
        world.run()
        publish(world, bytes(1 << 20))
        queue.close_tail()
        world.broker.pager.budget = 1_700_000
        world.turn()
        assert resident(queue) == [True, True, True]
        world.run()
        assert resident(queue) == [True, True, False]

    def test_transient_messages_go_to_the_spill(self, world: World, queue: Queue) -> None:
        world.broker.pager.budget = 0
        extents(world, 3, properties=TRANSIENT)
        world.run()
        assert resident(queue) == [False] * 3
        assert spill_files(world)
        assert taken(world) == [b"0a", b"0b", b"1a", b"1b", b"2a", b"2b"]

    def test_both_kinds_keep_their_order(self, world: World, queue: Queue) -> None:
        world.broker.pager.budget = 0
        for number in range(6):
            publish(world, b"%d" % number, properties=TRANSIENT if number % 2 else PERSISTENT)
        queue.close_tail()
        world.run()
        assert resident(queue) == [False]
        world.sync()
        later = World(world.disk.files, paging_budget=0)
        assert taken(world) == [b"0", b"1", b"2", b"3", b"4", b"5"]
        assert taken(later) == [b"0", b"2", b"4"]

    def test_outstanding_messages_keep_their_extent(self, world: World, queue: Queue) -> None:
        channel = Channel(world.vhost)
        extents(world, 2)
        channel.get("q")
        world.broker.pager.budget = 0
        world.run()
        assert resident(queue) == [True, False]

    @pytest.mark.parametrize("kind", [ACK, REQUEUE])
    def test_it_leaves_when_they_were_given_back(self, world: World, queue: Queue, kind: int) -> None:
        channel = Channel(world.vhost)
        extents(world, 2)
        channel.get("q")
        world.broker.pager.budget = 0
        world.run()
        channel.settle(1, kind=kind)
        world.run()
        assert resident(queue) == [False, False]
        assert taken(world) == ([b"0a"] if kind == REQUEUE else []) + [b"0b", b"1a", b"1b"]

    def test_many_queues_whose_last_extents_hold_the_memory(self, world: World) -> None:
        names = [f"q{number}" for number in range(200)]
        for name in names:
            world.vhost.declare_queue(name, durable=True)
            publish(world, bytes(5000), key=name)
        publish(world, b"small")
        world.broker.pager.budget = 0
        world.run(10)
        assert all(world.vhost.queues[name].stored == 1 for name in names)
        assert world.vhost.queues["q"].stored == 0, "a small one costs more than it gives"

    def test_a_last_extent_with_outstanding_messages_stays_the_last(self, world: World, queue: Queue) -> None:
        """To close it would give nothing back, over and over."""
        world.broker.pager.budget = 0
        channel = Channel(world.vhost)
        publish(world, bytes(5000), bytes(5000))
        channel.get("q")
        for _ in range(5):
            publish(world, bytes(5000))
            world.run()
        assert len(queue.extents) == 1

    def test_nothing_leaves_without_a_spill(self) -> None:
        from .support import make_broker

        broker = make_broker()
        broker.vhosts["/"].declare_queue("q")
        broker.vhosts["/"].publish(batch(broker, bytes(5000)), Channel(broker.vhosts["/"]))
        broker.vhosts["/"].queues["q"].close_tail()
        broker.pump(1000)
        assert broker.vhosts["/"].queues["q"].stored == 0
        assert not len(broker.pager)


class TestIn:
    def test_they_come_back_for_consumers(self, world: World, stored: Queue) -> None:
        assert taken(world) == [b"0a", b"0b", b"1a", b"1b", b"2a", b"2b", b"3a", b"3b"]
        assert stored.stored == 0
        assert not len(world.broker.pager)

    def test_ahead_of_them_while_there_is_room(self, world: World, stored: Queue) -> None:
        world.broker.pager.budget = UNLIMITED
        Channel(world.vhost).consume("q", "c", prefetch=1)
        world.run()
        assert resident(stored) == [True] * 4

    def test_only_the_first_when_there_is_none(self, world: World, stored: Queue) -> None:
        Channel(world.vhost).consume("q", "c", prefetch=1)
        world.run()
        assert resident(stored) == [True, False, False, False]

    def test_never_the_whole_queue(self, world: World, queue: Queue) -> None:
        world.broker.pager.budget = 0
        extents(world, 2 * READ_AHEAD_EXTENTS)
        world.run()
        world.broker.pager.budget = UNLIMITED
        Channel(world.vhost).consume("q", "c", prefetch=1)
        world.run()
        assert resident(queue).count(True) == READ_AHEAD_EXTENTS

    def test_not_for_consumers_that_cannot_take_any(self, world: World, stored: Queue) -> None:
        channel = Channel(world.vhost)
        channel.consume("q", "c", prefetch=1)
        world.run()
        asked = len(world.disk.history)
        for _ in range(5):
            world.turn()
            assert not world.disk.step()
        assert len(world.disk.history) == asked
        assert len(channel.deliveries) == 1

    def test_a_block_in_the_spill_is_released(self, world: World, queue: Queue) -> None:
        world.broker.pager.budget = 0
        extents(world, 2, properties=TRANSIENT)
        world.run()
        assert len(world.broker.pager) == 2
        assert len(taken(world)) == 4
        assert not len(world.broker.pager)


class TestMeanwhile:
    def test_the_queue_is_deleted_while_it_is_read(self, world: World, stored: Queue) -> None:
        Channel(world.vhost).consume("q", "c")
        world.turn()
        assert world.broker.pager.is_fetching(stored.extents[0])
        world.vhost.delete_queue("q")
        world.run()
        assert (stored.ready, stored.stored) == (0, 0)
        assert not len(world.broker.pager)

    def test_the_queue_is_deleted_while_it_is_spilled(self, world: World, queue: Queue) -> None:
        world.broker.pager.budget = 0
        extents(world, 3, properties=TRANSIENT)
        world.turn()
        assert world.spill.backlog
        world.vhost.delete_queue("q")
        world.run()
        assert not len(world.broker.pager)
        assert len(spill_files(world)) == 1

    def test_the_consumer_is_cancelled(self, world: World, stored: Queue) -> None:
        channel = Channel(world.vhost)
        consumer = channel.consume("q", "c")
        world.turn()
        world.vhost.cancel(consumer)
        world.run()
        assert channel.deliveries == []
        assert stored.ready == 8
        assert len(taken(world)) == 8

    def test_the_queue_is_purged(self, world: World, stored: Queue) -> None:
        channel = Channel(world.vhost)
        channel.consume("q", "c")
        world.turn()
        assert world.vhost.purge_queue("q").message_count == 8
        publish(world, b"new")
        world.run()
        assert channel.bodies() == [b"new"]
        assert stored.stored == 0
        assert not len(world.broker.pager)

    def test_some_are_taken_while_the_spill_writes_them(self, world: World, queue: Queue) -> None:
        world.broker.pager.budget = 0
        extents(world, 1, properties=TRANSIENT)
        world.turn()
        channel = Channel(world.vhost)
        assert channel.get("q") == b"0a"
        world.run()
        assert resident(queue) == [True]
        channel.settle(1, kind=REQUEUE)
        world.run()
        assert resident(queue) == [False]
        assert taken(world) == [b"0a", b"0b"]

    def test_requeued_into_a_closed_extent(self, world: World, queue: Queue) -> None:
        channel = Channel(world.vhost)
        extents(world, 2)
        for _ in range(3):
            channel.get("q")
        channel.settle(2, 3, kind=REQUEUE)
        world.broker.pager.budget = 0
        world.run()
        assert resident(queue) == [True, False]
        assert taken(world) == [b"0b", b"1a", b"1b"]


class TestFailures:
    def test_what_the_spill_refused_stays_and_is_tried_again(self, world: World, queue: Queue) -> None:
        world.broker.pager.budget = 0
        world.spill_disk.fail("write", errno.ENOSPC)
        extents(world, 2, properties=TRANSIENT)
        world.run()
        assert resident(queue).count(True) >= 1
        writes = len(world.spill_disk.history)
        world.run()
        assert len(world.spill_disk.history) == writes, "not in each turn"
        world.broker.pager.try_again()
        world.run()
        assert resident(queue) == [False, False]

    def test_what_could_not_be_read_is_tried_again(self, world: World, stored: Queue) -> None:
        world.disk.fail("read", errno.EIO)
        channel = Channel(world.vhost)
        channel.consume("q", "c", no_ack=True)
        world.run()
        assert channel.deliveries == []
        assert not stored.quarantined
        world.broker.pager.try_again()
        world.run(30)
        assert len(channel.deliveries) == 8

    def test_a_queue_that_could_not_be_read_is_purged(self, world: World, stored: Queue) -> None:
        world.disk.fail("read", errno.EIO)
        Channel(world.vhost).consume("q", "c")
        world.run()
        world.vhost.purge_queue("q")
        assert not len(world.broker.pager)

    def test_only_the_damaged_extent_is_set_aside(
        self, world: World, stored: Queue, caplog: pytest.LogCaptureFixture
    ) -> None:
        (name,) = [name for name, data in world.disk.files.items() if b"1b" in data]
        world.disk.submit(1 << 40, [("write", name, world.disk.files[name].index(b"1b"), [b"x"])], False)
        world.disk.run()
        assert taken(world) == [b"0a", b"0b", b"2a", b"2b", b"3a", b"3b"]
        assert [extent.ready for extent in stored.quarantined] == [2]
        assert (stored.ready, stored.stored) == (0, 0)
        assert "set aside" in caplog.text

    def test_publishers_wait_for_a_spill_that_is_behind(self, world: World) -> None:
        world.broker.pager.budget = 0
        told: list[bool] = []
        for _ in range(3):
            publish(world, bytes(SPILLING_BYTES_MAX // 2), properties=TRANSIENT)
            world.vhost.queues["q"].close_tail()
            world.turn()
        world.turn()
        assert world.broker.pager.lagging
        world.broker.pager.when_caught_up(lambda: told.append(True))
        world.turn()
        assert not told
        world.run()
        assert told == [True]
        assert not world.broker.pager.lagging
