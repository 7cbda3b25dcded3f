"""Extents that are on disk only, where several things happen to them at once."""

from __future__ import annotations

from leveret.wire import ACK

from ..simulation.world import World
from .support import PERSISTENT, Channel, batch


def declare(world: World, *names: str) -> None:
    for name in names:
        world.vhost.declare_queue(name, durable=True)


def publish(world: World, key: str, *bodies: bytes) -> None:
    """In an extent of their own."""
    world.vhost.publish(batch(world.broker, *bodies, key=key, properties=PERSISTENT), Channel(world.vhost))
    world.vhost.queues[key].close_tail()
    world.run(2)


def test_segments_are_emptied_however_short_memory_is() -> None:
    world = World(paging_budget=0)
    declare(world, "kept", "churn")
    churn = Channel(world.vhost)
    churn.consume("churn", "c", no_ack=True)
    for number in range(40):
        publish(world, "kept", b"%d" % number)
        publish(world, "churn", b"x" * 8000)
    assert len(world.log.segments) > 15
    assert world.vhost.queues["kept"].stored == 40
    for _ in range(4):
        world.checkpoint()
        publish(world, "churn", b"x" * 8000)
    assert len(world.log.segments) <= 5
    reader = Channel(world.vhost)
    reader.consume("kept", "r")
    world.run(60)
    assert reader.bodies() == [b"%d" % number for number in range(40)]


def test_a_checkpoint_that_waits_for_the_disk_leaves_the_turn_to_others() -> None:
    world = World(paging_budget=0)
    declare(world, "kept", "churn")
    for number in range(4):
        publish(world, "kept", b"%d" % number)
        publish(world, "churn", *[b"x" * 4000] * 3)
    world.vhost.purge_queue("churn")
    world.checkpoint()
    world.vhost.declare_queue("another", durable=True)
    assert world.checkpointing.step(1000)
    assert world.checkpointing.step(1000), "time stands still: it says itself that it has to wait"
    world.checkpointing.finish()
    world.run()
    assert world.vhost.queues["kept"].stored == 4, "what it held is stored again"


def test_the_next_message_of_a_queue_stays_until_its_turn_has_come() -> None:
    world = World()
    names = [f"q{number}" for number in range(20)]
    declare(world, *names)
    for name in names:
        publish(world, name, b"x" * 100)
    world.broker.pager.budget = 0
    world.run()
    assert all(world.vhost.queues[name].stored for name in names)
    readers = [Channel(world.vhost) for _ in names]
    for name, reader in zip(names, readers, strict=True):
        reader.consume(name, "c")
    while world.broker.pump(0):  # no more than a few queues in a turn
        pass
    world.disk.run()
    reads = 0
    for _ in range(4):
        world.log.run_callbacks()
        world.broker.pump(0)
        reads += len(world.disk._reads)
        world.disk.run()
    assert reads == 0, "all were there when their turn came"
    assert all(len(reader.deliveries) == 1 for reader in readers)


def test_an_extent_that_is_settled_between_two_records_of_a_checkpoint_leaves_nothing_behind() -> None:
    world = World(record_size=0)
    declare(world, "q")
    for number in range(3):
        publish(world, "q", b"%d" % number)
    queue = world.vhost.queues["q"]
    world.checkpointing.step(0)
    while not world.checkpointing._told or len(queue.extents) < 4:
        world.checkpointing.step(0)
    channel = Channel(world.vhost)
    assert channel.get("q", no_ack=True) == b"0"
    world.run()
    world.checkpoint()
    again = World(world.disk.files).vhost.queues["q"]
    assert (again.ready, again.stored) == (2, 2)
    assert [extent.ready for extent in again.extents] == [1, 1, 0]


def test_requeueing_looks_only_as_far_back_as_it_has_to() -> None:
    world = World()
    declare(world, "q")
    for number in range(6):
        publish(world, "q", b"%d" % number)
    queue = world.vhost.queues["q"]
    channel = Channel(world.vhost)
    for _ in range(5):
        channel.get("q")
    assert queue.cursor == 4
    channel.settle(4, kind=1)
    assert queue.cursor == 3
    channel.settle(2, kind=ACK)
    assert queue.cursor == 2
    assert channel.get("q") == b"3"
    channel.settle(3, kind=ACK)
    assert channel.get("q") == b"5"
    channel.settle(1, kind=ACK)
    assert channel.settle(6, kind=1) is None
    assert channel.get("q") == b"3"
