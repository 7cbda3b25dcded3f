"""Messages that are moved, copied and deleted where they are, over crashes and checkpoints: a message that was moved is
in one queue or the other, never in both and never in none.
"""

from __future__ import annotations

import os
from collections import Counter
from itertools import islice
from random import Random

import pytest

from leveret.broker import browsing
from leveret.broker.queue import Queue
from leveret.wire import Batch, Patch, Selection
from leveret.wire.properties import Properties, encode_properties

from ..simulation.world import World

SEEDS = 2000 if os.environ.get("LEVERET_LONG") else 60
NAMES = ("a", "b", "c")
PERSISTENT = encode_properties(Properties(delivery_mode=2))


class Mover:
    """Publishes, moves, copies and deletes; knows which messages have to be there, and how often they may be."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.world = World(record_size=self.random.choice([0, 300, 1 << 20]))
        for name in NAMES:
            self.world.vhost.declare_queue(name, durable=True)
        self.sent = 0
        self.deleted: set[int] = set()
        self.copied: set[int] = set()

    def act(self, steps: int) -> None:
        for _ in range(steps):
            self.random.choice([self.publish, self.publish, self.move, self.move, self.copy, self.delete, self.rest])()

    def publish(self) -> None:
        world, name = self.world, self.random.choice(NAMES)
        bodies = range(self.sent, self.sent + self.random.choice([1, 7, 50]))
        self.sent = bodies.stop
        batch = Batch.build(world.pool, [("", name, PERSISTENT, b"%d" % body, False) for body in bodies])
        world.vhost.publish_from(world.vhost.router.exchanges[""], batch)

    def move(self) -> None:
        self._republish(keep=False)

    def copy(self) -> None:
        self._republish(keep=True)

    def _republish(self, keep: bool) -> None:
        world, (source, target) = self.world, self.random.sample(NAMES, 2)
        queue = world.vhost.queues[source]
        chosen = self._some(queue)
        if chosen is None:
            return
        level, extent, rows = chosen
        batch = extent.batch(world.pool, rows)
        if keep:
            self.copied |= {int(message.body) for message in batch}
        patch = Patch(exchange="", routing_key=target, clear_mandatory=True)
        batch = batch.rewrite(world.pool, [(Selection.range(0, len(rows)), patch)])
        moved = browsing.republish(world.broker, world.vhost, queue, level, extent, [*rows], batch, keep=keep)
        assert moved.count == len(rows)

    def delete(self) -> None:
        queue = self.world.vhost.queues[self.random.choice(NAMES)]
        chosen = self._some(queue)
        if chosen is not None:
            level, extent, rows = chosen
            self.deleted |= {int(extent[row].body) for row in rows}
            browsing.delete(self.world.broker, self.world.vhost, queue, level, extent, rows)

    def _some(self, queue: Queue) -> tuple[int, browsing.Extent, Selection] | None:
        places = [
            browsing.Place(level, extent.base + row)
            for level, extent in browsing.extents(queue)
            for row in extent.select_ready()
        ]
        if not places:
            return None
        chosen = self.random.sample(places, min(len(places), self.random.choice([1, 5, 40])))
        found = browsing.locate(queue, chosen)
        assert sum(len(rows) for _, _, rows in found) == len(chosen)
        return self.random.choice(found)

    def rest(self) -> None:
        world = self.world
        self.random.choice([world.sync, lambda: world.checkpointing.step(0), lambda: world.run(1), world.turn])()


def contents(world: World) -> list[int]:
    """What all queues have, together."""
    for lane in world.broker.lanes.values():
        for extent in [*lane.extents]:
            if not extent.resident:
                world.broker.pager.fetch(lane, extent)
    world.run()
    return sorted(
        int(extent[row].body)
        for queue in world.vhost.queues.values()
        for _, extent in browsing.extents(queue)
        for row in extent.select_ready()
    )


@pytest.mark.parametrize("seed", range(SEEDS))
def test_over_a_crash_at_any_step_of_the_disk(seed: int) -> None:
    mover = Mover(seed)
    mover.act(mover.random.choice([20, 60]))
    mover.world.sync()
    sent, deleted, disk = mover.sent, {*mover.deleted}, mover.world.disk
    live = contents(mover.world)
    assert contents(World(disk.files)) == live
    before = len(disk.history)
    mover.act(30)
    for image in [*islice(disk.images(seed), before + 1, None)][:: mover.random.choice([1, 2, 3])]:
        found = contents(World(image))
        assert {*range(sent)} - mover.deleted <= {*found}
        assert not {*found} & (deleted - mover.copied)
        assert {one for one, times in Counter(found).items() if times > 1} <= mover.copied
