"""Checkpoints: what they tell, what may happen meanwhile, and which segments go."""

from __future__ import annotations

import pytest

from leveret.broker.queue import Queue
from leveret.limits import CHECKPOINT_LOG_MIN
from leveret.wire import REJECT, REQUEUE
from leveret.wire.fields import Arguments

from ..simulation.world import SEGMENT_SIZE, World
from .support import PERSISTENT, TRANSIENT, Channel, batch


def publish(world: World, *bodies: bytes, key: str = "q", properties: bytes = PERSISTENT) -> None:
    world.vhost.publish(batch(world.broker, *bodies, key=key, properties=properties), Channel(world.vhost))


def fill(world: World, segments: int, *, key: str = "q") -> None:
    """Messages over so many segments, a batch in each turn."""
    for number in range(segments * 8):
        publish(world, b"%03d" % number + bytes(SEGMENT_SIZE // 8), key=key)
        world.run(1)
    world.run()


def bind(world: World, exchange: str, queue: str) -> None:
    world.vhost.bind(exchange, queue, "", Arguments.EMPTY, to_queue=True, owner=None)


def bodies(world: World, name: str = "q") -> list[bytes]:
    channel = Channel(world.vhost, room=1 << 40)
    channel.consume(name, "reader")
    world.run(20)
    found = channel.bodies()
    world.vhost.cancel(channel.consumers[0])
    world.vhost.settle(channel.ledger.drain(), REQUEUE)
    return [body.rstrip(b"\0") for body in found]


def log_size(world: World) -> int:
    return world.log.segments.size


def again(world: World) -> World:
    """What is there after everything was synced and the process was killed."""
    world.sync()
    return World(world.disk.files)


def begin(world: World, steps: int = 1) -> None:
    """So many steps of a checkpoint."""
    for _ in range(steps):
        assert world.checkpointing.step(0)


@pytest.fixture
def world() -> World:
    world = World(record_size=0)
    world.vhost.declare_queue("q", durable=True)
    world.vhost.declare_exchange("x", "fanout", durable=True)
    return world


class TestWhen:
    def test_not_due_before_the_log_has_grown(self, world: World) -> None:
        def due() -> bool:
            return world.checkpointing.due

        assert not due()
        publish(world, bytes(CHECKPOINT_LOG_MIN))
        assert due()
        world.checkpoint()
        assert not due()
        assert not world.checkpointing.running

    def test_worthwhile_only_if_something_was_said(self, world: World) -> None:
        def worthwhile() -> bool:
            return world.checkpointing.worthwhile

        assert worthwhile()
        world.checkpoint()
        assert not worthwhile()
        publish(world, b"1")
        assert worthwhile()

    def test_it_takes_steps(self, world: World) -> None:
        begin(world, 2)
        assert world.checkpointing.running
        world.checkpoint()
        assert not world.checkpointing.running


class TestTelling:
    def test_everything_is_there_again(self, world: World) -> None:
        bind(world, "x", "q")
        publish(world, b"1", b"2", b"3")
        channel = Channel(world.vhost)
        assert channel.get("q") == b"1"
        world.checkpoint()
        later = again(world)
        assert later.recovered.begin > 100
        assert [
            binding.destination.name for binding in later.vhost.router.bindings_from(later.vhost.exchange("x"))
        ] == ["q"]
        assert bodies(later) == [b"1", b"2", b"3"]

    def test_what_was_settled_and_what_is_transient_is_not(self, world: World) -> None:
        publish(world, b"1", b"2")
        publish(world, b"t", properties=TRANSIENT)
        publish(world, b"3")
        Channel(world.vhost).get("q", no_ack=True)
        world.vhost.declare_queue("transient")
        publish(world, b"1", key="transient")
        world.checkpoint()
        later = again(world)
        assert [*later.vhost.queues] == ["q"]
        assert bodies(later) == [b"2", b"3"]

    def test_numbers_go_on_behind_what_was_there(self, world: World) -> None:
        """Also if nothing of it is left: the log may still say that old ones are settled."""
        publish(world, b"1", b"2")
        channel = Channel(world.vhost)
        channel.get("q", no_ack=True)
        channel.get("q", no_ack=True)
        world.checkpoint()
        later = again(world)
        assert later.vhost.queues["q"].next_sequence == world.vhost.queues["q"].next_sequence == 2

    def test_ids_are_never_used_again(self, world: World) -> None:
        world.vhost.declare_queue("gone", durable=True)
        last = world.broker.last_id
        world.vhost.delete_queue("gone")
        world.checkpoint()
        assert again(world).broker.last_id == last


class TestMeanwhile:
    @pytest.mark.parametrize("steps", range(1, 8))
    def test_whatever_is_done_between_two_steps_counts(self, world: World, steps: int) -> None:
        bind(world, "x", "q")
        for number in range(3):
            publish(world, b"%d" % number)
            world.vhost.queues["q"].close_tail()
        channel = Channel(world.vhost)
        assert channel.get("q") == b"0"
        for _ in range(steps):
            world.checkpointing.step(0)
        channel.settle(1)
        publish(world, b"3")
        world.vhost.declare_queue("new", durable=True)
        publish(world, b"4", key="new")
        world.vhost.unbind("x", "q", "", Arguments.EMPTY, to_queue=True, owner=None)
        world.checkpoint()
        later = again(world)
        assert bodies(later) == [b"1", b"2", b"3"]
        assert bodies(later, "new") == [b"4"]
        assert not [*later.vhost.router.bindings_from(later.vhost.exchange("x"))]

    @pytest.mark.parametrize("steps", range(1, 8))
    def test_an_exchange_is_declared_and_bound(self, world: World, steps: int) -> None:
        """When it is bound its queue may not have been told yet."""
        for _ in range(steps):
            world.checkpointing.step(0)
        world.vhost.declare_exchange("new", "fanout", durable=True)
        bind(world, "new", "q")
        world.checkpoint()
        later = again(world)
        assert [
            binding.destination.name for binding in later.vhost.router.bindings_from(later.vhost.exchange("new"))
        ] == ["q"]

    @pytest.mark.parametrize("steps", range(1, 8))
    def test_a_queue_is_deleted_and_declared_again(self, world: World, steps: int) -> None:
        for number in range(3):
            publish(world, b"%d" % number)
            world.vhost.queues["q"].close_tail()
        for _ in range(steps):
            world.checkpointing.step(0)
        world.vhost.delete_queue("q")
        world.vhost.declare_queue("q", durable=True)
        publish(world, b"new")
        world.checkpoint()
        assert bodies(again(world)) == [b"new"]

    @pytest.mark.parametrize("steps", range(1, 8))
    def test_a_queue_is_purged(self, world: World, steps: int) -> None:
        for number in range(3):
            publish(world, b"%d" % number)
            world.vhost.queues["q"].close_tail()
        for _ in range(steps):
            world.checkpointing.step(0)
        world.vhost.purge_queue("q")
        world.checkpoint()
        assert bodies(again(world)) == []

    def test_the_broker_stops(self, world: World) -> None:
        """The last checkpoint takes the place of the one that is under way."""
        publish(world, b"1", b"2")
        begin(world, 2)
        later = World(world.stop())
        assert bodies(later) == [b"1", b"2"]

    def test_settlements_that_wait_do_not_spoil_a_stop_in_good_order(self, world: World) -> None:
        publish(world, b"1", b"2")
        channel = Channel(world.vhost)
        channel.get("q")
        world.run()
        channel.settle(1)
        later = World(world.stop())
        channel = Channel(later.vhost)
        channel.consume("q", "c")
        later.run()
        assert [(delivery.body, delivery.redelivered) for delivery in channel.deliveries] == [(b"2", False)]


class TestDiskSpace:
    @pytest.mark.parametrize("budget", [0, 1 << 40])
    @pytest.mark.parametrize("properties", [PERSISTENT, TRANSIENT])
    @pytest.mark.parametrize("deleted", [False, True])
    def test_segments_in_which_nothing_lives_go(
        self, world: World, budget: int, properties: bytes, deleted: bool
    ) -> None:
        world.broker.pager.budget = budget
        publish(world, b"1", bytes(5000), properties=properties)
        fill(world, 6)
        assert bool(world.vhost.queues["q"].stored) is not bool(budget)
        if deleted:
            world.vhost.delete_queue("q")
        else:
            world.vhost.purge_queue("q")
        before = log_size(world)
        world.checkpoint()
        assert log_size(world) < before // 2
        assert len([name for name in world.disk.files if name.startswith("log/")]) <= 3
        assert len(world.spill_disk.files) <= 1
        assert not len(world.broker.pager)

    @pytest.mark.parametrize("budget", [0, 1 << 40])
    def test_a_stuck_message_does_not_keep_segments(self, world: World, budget: int) -> None:
        """It is appended once more; what is on disk only is read for that."""
        publish(world, b"stuck")
        channel = Channel(world.vhost)
        assert channel.get("q") == b"stuck"
        world.vhost.queues["q"].close_tail()
        world.vhost.declare_queue("stored", durable=True)
        publish(world, b"small", key="stored")
        world.vhost.queues["stored"].close_tail()
        world.broker.pager.budget = budget
        fill(world, 6)
        world.vhost.purge_queue("q")
        for _ in range(3):
            world.checkpoint()
        assert len(world.log.segments) <= 3
        assert not world.checkpointing.worthwhile
        later = again(world)
        assert bodies(later) == [b"stuck"]
        assert bodies(later, "stored") == [b"small"]

    def test_what_cannot_be_moved_is_not_tried_over_and_over(self, world: World) -> None:
        publish(world, b"damaged")
        queue = world.vhost.queues["q"]
        queue.close_tail()
        world.broker.pager.budget = 0
        world.run()
        assert queue.stored
        fill(world, 6, key="nowhere")
        world.vhost.declare_queue("filler", durable=True)
        fill(world, 6, key="filler")
        world.vhost.delete_queue("filler")
        name = next(iter(sorted(name for name in world.disk.files if name.startswith("log/"))))
        at = world.disk.files[name].index(b"damaged")
        world.disk.submit(1 << 40, [("write", name, at, [b"D"])], False)
        world.run()
        for _ in range(3):
            world.checkpoint()
        assert [extent.ready for extent in queue.quarantined] == [1]
        assert name in world.disk.files
        assert not world.checkpointing.worthwhile

    def test_what_cannot_be_read_now_does_not_hold_up_a_checkpoint(self, world: World) -> None:
        publish(world, b"1")
        queue = world.vhost.queues["q"]
        queue.close_tail()
        world.broker.pager.budget = 0
        world.vhost.declare_queue("filler", durable=True)
        fill(world, 6, key="filler")
        world.vhost.delete_queue("filler")
        world.checkpoint()
        world.disk.fail("read")
        world.checkpoint()
        assert not world.checkpointing.running
        assert not queue.quarantined
        world.broker.pager.try_again()
        assert bodies(world) == [b"1"]


def test_rejected_is_settled(world: World) -> None:
    publish(world, b"1")
    channel = Channel(world.vhost)
    channel.get("q")
    channel.settle(1, kind=REJECT)
    world.checkpoint()
    queue = again(world).vhost.queues["q"]
    assert isinstance(queue, Queue)
    assert queue.ready == 0
