"""A broker on a disk that somebody else filled: consumers alone make space."""

from __future__ import annotations

from random import Random

import pytest

from leveret.wire import Batch

from ..broker.support import PERSISTENT, Channel
from .world import SEGMENT_SIZE, World


def publish(world: World, count: int) -> None:
    rows = [("", "q", PERSISTENT, b"%d" % number + b"x" * 500, False) for number in range(count)]
    world.vhost.publish(Batch.build(world.pool, rows, 1), Channel(world.vhost))


def relieve(world: World) -> None:
    """What time brings on a disk that is short."""
    world.log.tick()
    world.run(2)
    world.checkpointing.reclaim()
    if world.checkpointing.running:
        world.checkpoint()


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("flood", [0, 20])
def test_consumers_alone_make_space(seed: int, flood: int) -> None:
    world = World()
    world.vhost.declare_queue("q", durable=True)
    for _ in range(10):
        publish(world, 20)
        world.run()
    world.disk.capacity = sum(map(len, world.disk.files.values()))
    for _ in range(3):  # until it is blocked
        if not world.log.full:
            publish(world, 15)
            world.run(2)
            world.log.tick()
    publish(world, flood)  # what was in the sockets
    world.run()
    assert world.log.full
    count = world.vhost.queues["q"].ready
    consumer = Channel(world.vhost)
    consumer.consume("q", "c")
    world.run()
    for at in range(0, count, 10):
        tags = [delivery.tag for delivery in consumer.deliveries[at : at + 10]]
        consumer.settle(*tags)
        declared = world.vhost.declare_queue(f"q{at}", durable=True)
        assert declared.position is not None
        world.log.want(declared.position)
        world.run()
        for _ in range(4):
            relieve(world)
        assert world.log.durable >= declared.position, "it is not answered"
        image = world.disk.crash(Random(seed))
        left = World(image).vhost.queues["q"]
        assert left.ready >= count - at - 10, "lost"
    assert world.failure is None
    assert not world.log.full, "no space came back"
    assert world.log.segments.size <= 4 * SEGMENT_SIZE


def test_acknowledgements_that_come_one_by_one_leave_room_for_a_checkpoint() -> None:
    world = World()
    world.vhost.declare_queue("q", durable=True)
    consumer = Channel(world.vhost)
    consumer.consume("q", "c")
    for _ in range(50):
        publish(world, 20)
        world.run()
    world.disk.capacity = sum(map(len, world.disk.files.values()))
    while not world.log.full:
        publish(world, 1)
        world.run()
    count = len(consumer.deliveries)
    for at, delivery in enumerate(consumer.deliveries):
        consumer.settle(delivery.tag)
        world.run(1)
        if at % 100 == 0:
            world.log.tick()
    assert world.vhost.queues["q"].unacked == 0
    for _ in range(4):
        relieve(world)
    assert count > 1000
    assert not world.log.full, "no space came back"
    assert world.log.durable == world.log.end
    assert World(world.disk.crash(Random(1), 0)).vhost.queues["q"].ready == 0


def test_a_checkpoint_for_which_there_is_no_room_is_not_taken() -> None:
    world = World()
    for number in range(100):
        world.vhost.declare_queue(f"queue {number}", durable=True)
    world.sync()
    world.disk.capacity = 0
    for number in range(500):
        if world.log.full:
            break
        world.vhost.declare_queue(f"more {number}", durable=True)
        world.sync()
        world.log.tick()
    room = world.log.room
    assert room < 2 * 256 * 100
    world.checkpointing.finish()
    world.sync()
    assert world.log.room == room
    assert world.log.durable == world.log.end
