"""Replay equals live, and a checkpoint with what follows equals the whole log.

Random clients use a broker; then a second broker reads what is on the disk.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import pytest

from leveret.broker.broker import Broker
from leveret.broker.checkpoint import Checkpointing
from leveret.broker.lane import Lane
from leveret.broker.queue import Queue
from leveret.broker.settings import QueueSettings
from leveret.store.checkpoints import NAME
from leveret.store.log import DiskLog
from leveret.wire import PERSISTENT, REQUEUE
from leveret.wire.records import EndCheckpoint, SetPolicy

from ..simulation.clients import Clients
from ..simulation.special import SpecialClients
from ..simulation.world import World

SEEDS = 3000 if os.environ.get("LEVERET_LONG") else 100

Messages = dict[int, tuple[bytes, bool]]
"""By sequence number: body, redelivered."""


class State(NamedTuple):
    exchanges: set[tuple[int, str, str]]
    queues: dict[tuple[int, str], Messages]
    bindings: set[tuple[int, int, str]]
    policies: list[SetPolicy]
    settings: dict[str, tuple[QueueSettings, str | None, str | None]]
    """By queue: what is in effect, and by which policies."""
    expiries: dict[int, int]
    """By lane: when its first message expires."""


class KeepingLog:
    """The log, but no segment ever goes."""

    def __init__(self, log: DiskLog) -> None:
        self.log = log

    def __getattr__(self, name: str) -> Any:
        return getattr(self.log, name)

    def end_checkpoint(self, op: EndCheckpoint, usage: dict[int, int], done: Callable[[], None]) -> None:
        self.log.end_checkpoint(op, dict.fromkeys(usage, 1), done)

    def drop(self, bases: Sequence[int]) -> bool:
        return False


class KeepingClients(Clients):
    """Clients of a broker whose log is kept from its first byte."""

    def start(self, files: Mapping[str, bytes]) -> None:
        super().start(files)
        log: Any = KeepingLog(self.world.log)
        self.world.checkpointing = Checkpointing(self.world.broker, log, self.random.choice([0, 300, 1 << 20]))


class KeepingSpecialClients(KeepingClients, SpecialClients):
    """The same with queues whose messages leave by themselves."""


def state(world: World) -> State:
    """What outlives the process."""
    broker = world.broker
    exchanges = {
        (known.id, known.name, known.type)
        for known in broker.objects.values()
        if not isinstance(known, Queue) and known.durable
    }
    queues = [known for known in broker.objects.values() if isinstance(known, Queue) and known.durable]
    bindings = {
        (source.id, binding.destination.id, binding.routing_key)
        for source in broker.objects.values()
        if not isinstance(source, Queue) and source.durable
        for binding in world.vhost.router.bindings_from(source)
        if binding.destination.durable
    }
    policies = sorted((policy.op for policy in world.vhost.policies.all()), key=lambda op: op.name)
    broker.reapplying.finish()
    settings = {
        queue.name: (
            queue.settings,
            queue.policy and queue.policy.name,
            queue.operator_policy and queue.operator_policy.name,
        )
        for queue in queues
    }
    contents = {(lane.id, queue.name): messages(world, lane) for queue in queues for lane in queue.lanes}
    expiries = {lane.id: first for queue in queues for lane in queue.lanes if (first := first_expiry(lane))}
    return State(exchanges, contents, bindings, policies, settings, expiries)


def first_expiry(lane: Lane) -> int:
    """When the first ready message expires; 0: none does."""
    for extent in lane.extents:
        extent.select_expired(0)  # it is exact then
    return min([extent.next_expiry for extent in lane.extents if extent.next_expiry], default=0)


def messages(world: World, lane: Lane) -> Messages:
    """The persistent ones that are not settled."""
    world.broker.pager.budget = 1 << 40
    for extent in [*lane.extents]:
        if not extent.resident:
            world.broker.pager.fetch(lane, extent)
    world.run()
    found: Messages = {}
    for extent in lane.extents:
        assert extent.resident
        for row in range(len(extent)):
            try:
                message = extent[row]
            except IndexError:
                continue  # settled
            if message.features & PERSISTENT:
                found[extent.base + row] = (message.body, extent.is_redelivered(row))
    return found


def all_redelivered(found: State) -> State:
    queues = {
        key: {number: (body, True) for number, (body, _) in content.items()} for key, content in found.queues.items()
    }
    return found._replace(queues=queues)


def lived(seed: int) -> KeepingClients:
    """A life or two, after which everything is on disk."""
    clients = (KeepingSpecialClients if seed % 2 else KeepingClients)(seed)
    for _ in range(clients.random.choice([0, 0, 1, 2])):
        clients.act(clients.random.choice([20, 60]))
        clients.recover(clients.crash())
    clients.act(clients.random.choice([20, 60, 150]))
    for _ in range(20):  # the disk may have been full
        clients.world.log.tick()
        clients.world.sync()
    world = clients.world
    assert world.log.durable == world.log.end
    assert world.log.idle
    return clients


def require_sound(broker: Broker) -> None:
    """What is counted is there."""
    for lane in broker.lanes.values():
        assert lane.ready == sum(extent.ready for extent in lane.extents)
        assert lane.ready_bytes == sum(extent.ready_bytes for extent in lane.extents)
        assert lane.unacked == sum(extent.unacked for extent in lane.extents)
        assert lane.stored == sum(not extent.resident for extent in lane.extents)
        assert all(extent.ready or extent.unacked for extent in [*lane.extents][:-1])
        bases = [extent.base for extent in lane.extents]
        assert bases == sorted(set(bases))
        assert not lane.quarantined


@pytest.mark.parametrize("first", range(0, SEEDS, 20))
def test_replay_equals_live(first: int) -> None:
    for seed in range(first, first + 20):
        clients = lived(seed)
        again = World(clients.world.disk.files)
        require_sound(clients.world.broker)
        require_sound(again.broker)
        live = state(clients.world)
        assert state(again) == all_redelivered(live), f"seed {seed}"
        for key, content in live.queues.items():
            lane = again.broker.lanes[key[0]]
            assert lane.next_sequence > max(content, default=-1), f"seed {seed}"


@pytest.mark.parametrize("first", range(0, SEEDS, 20))
def test_after_a_stop_in_good_order_replay_is_exact(first: int) -> None:
    for seed in range(first, first + 20):
        clients = lived(seed)
        for channel in clients.channels:
            for consumer in channel.consumers:
                clients.world.vhost.cancel(consumer)
            clients.world.vhost.settle(channel.ledger.drain(), REQUEUE)
        live = state(clients.world)
        again = World(clients.world.stop())
        assert state(again) == live, f"seed {seed}"


@pytest.mark.parametrize("first", range(0, SEEDS, 20))
def test_a_checkpoint_with_what_follows_equals_the_whole_log(first: int) -> None:
    checkpoints = 0
    for seed in range(first, first + 20):
        files = lived(seed).world.disk.files
        whole = World({name: data for name, data in files.items() if name != NAME})
        assert whole.recovered.begin < 100
        tail = World(files)
        checkpoints += tail.recovered.begin > whole.recovered.begin
        require_sound(tail.broker)
        require_sound(whole.broker)
        assert state(tail) == state(whole), f"seed {seed}"
        assert tail.broker.last_id == whole.broker.last_id, f"seed {seed}"
    assert checkpoints
