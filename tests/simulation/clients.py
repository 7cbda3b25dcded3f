"""Random clients of a broker over a simulated disk, and a checker that remembers what they were promised.

What was told to be durable has to be there after a crash; what was asked for may be there or not; nothing else may.
"""

from __future__ import annotations

import errno
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random

from leveret.broker.vhost import Got
from leveret.wire import ACK, REJECT, REQUEUE, Batch
from leveret.wire.fields import Arguments
from leveret.wire.records import SetPolicy

from ..broker.support import PERSISTENT, TRANSIENT, Channel
from .world import World

QUEUES = [f"q{number}" for number in range(5)]
POLICIES = ["0", "1", "operator"]
EXCHANGES = [f"x{number}" for number in range(3)]
_LATER = 1 << 62
"""The position of what was not flushed yet."""


@dataclass
class Sent:
    """A message in a queue."""

    persistent: bool
    position: int
    settled_at: int | None = None
    """From this position on it is gone."""
    group: int = 0
    """Of one transaction; 0: none."""


@dataclass
class History:
    """Whether an object of this name is there, and since which position."""

    events: list[tuple[int, int | None]] = field(default_factory=list)
    """(position, id; None: it is not there)"""

    def possible(self, durable: int) -> set[int | None]:
        """What may be found when everything up to `durable` is on disk."""
        settled: int | None = None
        open_: set[int | None] = set()
        for position, id in self.events:
            if position <= durable:
                settled, open_ = id, set()
            else:
                open_.add(id)
        return {settled, *open_}


class Clients:
    """One seed: the same things happen in every run."""

    def __init__(self, seed: int, *, paging: bool = True) -> None:
        self.random = Random(seed)
        self.number = 0
        self.group = 0
        self.queues: dict[int, dict[int, Sent]] = {}
        """By queue id: what was sent there."""
        self.history: dict[str, History] = {}
        self.bound: dict[tuple[str, str], History] = {}
        self.policies: dict[str, History] = {}
        """With the max-length that they set in place of an id."""
        self.paging = paging
        self.reclaiming = seed % 3 == 0
        """As on a disk that is short of space."""
        self.start({})

    def start(self, files: Mapping[str, bytes]) -> None:
        """A broker over these files."""
        budget = self.random.choice([0, 20_000, 1 << 40]) if self.paging else 1 << 40
        self.world = World(files, paging_budget=budget, record_size=self.random.choice([0, 300, 1 << 20]))
        self.channels = [Channel(self.world.vhost) for _ in range(3)]
        self.tags: list[list[tuple[int, int, int]]] = [[] for _ in self.channels]  # (tag, queue id, number) outstanding

    # -- what clients do -----------------------------------------------------------------------------------------

    def act(self, steps: int) -> None:
        actions = [
            (self.publish, 10),
            (self.publish_wide, 3),
            (self.transact, 2),
            (self.consume, 2),
            (self.cancel, 1),
            (self.settle, 8),
            (self.get, 3),
            (self.declare, 2),
            (self.delete, 0.3),
            (self.bind, 1),
            (self.unbind, 0.5),
            (self.purge, 0.3),
            (self.set_policy, 0.5),
            (self.clear_policy, 0.3),
            (self.turn, 8),
            (self.work, 8),
            (self.checkpoint, 1),
            (self.fill_disk, 0.3),
        ]
        for _ in range(3):
            self.declare()
        for _ in range(steps):
            action = self.random.choices([a for a, _ in actions], [w for _, w in actions])[0]
            action()
            self.note_deliveries()

    def batch(self, key: str, exchange: str = "") -> tuple[Batch, list[tuple[int, bool]]]:
        kind = self.random.choice(["persistent", "persistent", "transient", "mixed"])
        sent = []
        rows = []
        for _ in range(self.random.choice([1, 1, 3, 20, 100])):
            self.number += 1
            persistent = kind == "persistent" or (kind == "mixed" and self.random.random() < 0.5)
            body = b"%d " % self.number + b"x" * self.random.choice([0, 10, 300])
            rows.append((exchange, key, PERSISTENT if persistent else TRANSIENT, body, False))
            sent.append((self.number, persistent))
        return Batch.build(self.world.pool, rows, 1), sent

    def sent(self, name: str, sent: list[tuple[int, bool]], group: int = 0) -> None:
        queue = self.world.vhost.queues.get(name)
        if queue is not None:
            there = self.queues.setdefault(queue.id, {})
            for number, persistent in sent:
                there[number] = Sent(persistent, self.world.log.end, group=group)

    def publish(self) -> None:
        name = self.random.choice(QUEUES)
        batch, sent = self.batch(name)
        self.world.vhost.publish(batch, self.random.choice(self.channels))
        self.sent(name, sent)

    def publish_wide(self) -> None:
        exchange = self.random.choice(EXCHANGES)
        found = self.world.vhost.router.exchanges.get(exchange)
        if found is None:
            return
        names = {binding.destination.name for binding in self.world.vhost.router.bindings_from(found)}
        batch, sent = self.batch("", exchange)
        self.world.vhost.publish(batch, self.random.choice(self.channels))
        for name in sorted(names):
            self.sent(name, sent)

    def transact(self) -> None:
        self.group += 1
        targets = self.random.sample(QUEUES, 2)
        made = [self.batch(name) for name in targets]
        at = self.random.randrange(len(self.channels))
        channel = self.channels[at]
        mine = self.tags[at]
        acked = mine[: self.random.randrange(len(mine) + 1)]
        del mine[: len(acked)]
        settlements = []
        if acked:
            portions, unknown = channel.ledger.settle(_settlement([tag for tag, _, _ in acked], ACK), True)
            assert unknown is None
            settlements = [(portions, ACK)]
        self.world.vhost.transact([batch for batch, _ in made], settlements, channel)
        channel.ledger.commit()
        for name, (_, sent) in zip(targets, made, strict=True):
            self.sent(name, sent, self.group)
        for _, queue, number in acked:
            self.settled(queue, number, self.world.log.end)

    def consume(self) -> None:
        name = self.random.choice(QUEUES)
        at = self.random.randrange(len(self.channels))
        if name in self.world.vhost.queues and len(self.channels[at].consumers) < 4:
            self.number += 1
            self.channels[at].consume(name, f"c{self.number}", prefetch=self.random.choice([1, 5, 50]))

    def cancel(self) -> None:
        channel = self.random.choice(self.channels)
        if channel.consumers:
            self.world.vhost.cancel(channel.consumers.pop(self.random.randrange(len(channel.consumers))))

    def note_deliveries(self) -> None:
        for channel, tags in zip(self.channels, self.tags, strict=True):
            for delivery in channel.deliveries:
                consumer = next((c for c in channel.consumers if c.tag == delivery.consumer), None)
                assert consumer is None or consumer.queue is not None
                number = int(delivery.body.split()[0])
                tags.append((delivery.tag, self.queue_of(number, channel, delivery.tag), number))
            channel.deliveries.clear()

    def queue_of(self, number: int, channel: Channel, tag: int) -> int:
        """By what the ledger holds."""
        portions, unknown = channel.ledger.settle(_settlement([tag], ACK), True)
        channel.ledger.rollback()
        assert unknown is None
        queue = portions[0][0].queue
        assert number in self.queues[queue.id], f"{queue} delivered {number}, which was not sent there"
        return int(queue.id)

    def settled(self, queue: int, number: int, position: int) -> None:
        sent = self.queues.get(queue, {}).get(number)
        if sent is not None and sent.settled_at is None:
            sent.settled_at = position

    def settle(self) -> None:
        at = self.random.randrange(len(self.channels))
        mine = self.tags[at]
        if not mine:
            return
        some = self.random.sample(mine, self.random.randrange(1, min(len(mine), 30) + 1))
        kind = self.random.choice([ACK, ACK, ACK, REJECT, REQUEUE])
        for entry in some:
            mine.remove(entry)
        assert self.channels[at].settle(*sorted(tag for tag, _, _ in some), kind=kind) is None
        if kind != REQUEUE:
            for _, queue, number in some:
                self.settled(queue, number, _LATER)

    def get(self) -> None:
        name = self.random.choice(QUEUES)
        at = self.random.randrange(len(self.channels))
        if name not in self.world.vhost.queues:
            return
        channel = self.channels[at]
        tag = channel.next_tag
        queue = self.world.vhost.queues[name]
        if queue.head_stored:
            queue.when_loaded(lambda: None)
            return
        body = channel.get(name)
        if body is not None:
            self.tags[at].append((tag, queue.id, int(body.split()[0])))

    def declare(self) -> None:
        name = self.random.choice([*QUEUES, *EXCHANGES])
        vhost = self.world.vhost
        if name in EXCHANGES:
            if name not in vhost.router.exchanges:
                position = vhost.declare_exchange(name, "fanout", durable=True)
                self.note(name, position, vhost.router.exchanges[name].id)
        elif name not in vhost.queues:
            declared = vhost.declare_queue(name, durable=True)
            self.note(name, declared.position, vhost.queues[name].id)

    def note(self, name: str, position: int | None, id: int | None) -> None:
        assert position is not None
        self.history.setdefault(name, History()).events.append((position, id))

    def delete(self) -> None:
        name = self.random.choice([*QUEUES, *EXCHANGES])
        vhost = self.world.vhost
        if name in vhost.queues:
            id = vhost.queues[name].id
            self.note(name, vhost.delete_queue(name).position, None)
            for tags in self.tags:
                tags[:] = [entry for entry in tags if entry[1] != id]
            for channel in self.channels:
                channel.consumers = [consumer for consumer in channel.consumers if not consumer.cancelled]
            self.forget_ledgers(id)
        elif name in vhost.router.exchanges:
            self.note(name, vhost.delete_exchange(name), None)
        else:
            return
        for (source, destination), history in self.bound.items():
            if name in (source, destination):
                history.events.append((self.history[name].events[-1][0], None))

    def forget_ledgers(self, id: int) -> None:
        for channel in self.channels:
            gone = channel.ledger.drain()
            back = [portion for portion in gone if portion[0].queue.id != id]
            for owner, extent, rows in back:
                self.world.vhost.settle([(owner, extent, rows)], REQUEUE)
        for tags in self.tags:
            tags.clear()

    def bind(self) -> None:
        source, destination = self.random.choice(EXCHANGES), self.random.choice(QUEUES)
        vhost = self.world.vhost
        if source in vhost.router.exchanges and destination in vhost.queues:
            known = vhost.router.find(vhost.exchange(source), vhost.queues[destination], "", Arguments.EMPTY)
            position = vhost.bind(source, destination, "", Arguments.EMPTY, to_queue=True, owner=None)
            if known is None:
                assert position is not None
                self.bound.setdefault((source, destination), History()).events.append((position, 1))

    def unbind(self) -> None:
        source, destination = self.random.choice(EXCHANGES), self.random.choice(QUEUES)
        position = self.world.vhost.unbind(source, destination, "", Arguments.EMPTY, to_queue=True, owner=None)
        if position is not None:
            self.bound[source, destination].events.append((position, None))

    def set_policy(self) -> None:
        name, length = self.random.choice(POLICIES), self.random.randrange(1 << 30, 1 << 40)
        op = SetPolicy("/", name, name == "operator", f"^.[{name[0]}34]", {"max-length": length}, 0, "queues")
        position = self.world.vhost.set_policy(op)
        assert position is not None
        self.policies.setdefault(name, History()).events.append((position, length))

    def clear_policy(self) -> None:
        name = self.random.choice(POLICIES)
        if self.world.vhost.policies.get(name, operator=name == "operator") is not None:
            position = self.world.vhost.clear_policy(name, operator=name == "operator")
            assert position is not None
            self.policies[name].events.append((position, None))

    def purge(self) -> None:
        name = self.random.choice(QUEUES)
        if name not in self.world.vhost.queues:
            return
        queue = self.world.vhost.queues[name]
        outstanding = {number for tags in self.tags for _, id, number in tags if id == queue.id}
        position = self.world.vhost.purge_queue(name).position
        for number in self.queues.get(queue.id, {}):
            if number not in outstanding:
                self.settled(queue.id, number, _LATER if position is None else position)

    # -- time and crashes ----------------------------------------------------------------------------------------

    def turn(self) -> None:
        self.world.turn()
        self.note_deliveries()
        if self.world.log.holding:
            return  # the disk is full
        for there in self.queues.values():
            for sent in there.values():
                if sent.settled_at == _LATER:
                    sent.settled_at = self.world.log.end

    def work(self) -> None:
        self.world.disk.step(self.random.choice([1, 1, 2, 10]))
        self.world.spill_disk.step(self.random.choice([1, 10]))
        if self.random.random() < 0.1:
            self.world.log.tick()

    def checkpoint(self) -> None:
        if self.reclaiming:
            self.world.checkpointing.reclaim()
        for _ in range(self.random.choice([1, 3, 100])):
            self.world.checkpointing.step(0)

    def fill_disk(self) -> None:
        kind = self.random.choice(["create", "write"])
        self.world.disk.fail(kind, errno.ENOSPC, self.random.choice([1, 2, 5]), written=self.random.choice([0, 1, 100]))

    def crash(self) -> dict[str, bytes]:
        """What is left of the directory."""
        assert self.world.failure is None
        return self.world.disk.crash(self.random)

    def recover(self, files: Mapping[str, bytes], *, clean: bool = False) -> None:
        """Start over these files, check what was promised, and go on from what is there."""
        durable = _LATER if clean else int(self.world.log.durable)
        self.start(files)
        self.check_definitions(durable)
        self.check_messages(durable, clean)

    def check_definitions(self, durable: int) -> None:
        vhost = self.world.vhost
        for name, history in self.history.items():
            found = vhost.queues.get(name) or vhost.router.exchanges.get(name)
            id = None if found is None else found.id
            assert id in history.possible(durable), f"{name} is {id}, of {history.events}, durable {durable}"
            history.events[:] = [(0, id)]
        for (source, destination), history in self.bound.items():
            found = vhost.router.exchanges.get(source)
            there = found is not None and any(
                binding.destination.name == destination for binding in vhost.router.bindings_from(found)
            )
            wanted = history.possible(durable)
            assert (1 if there else None) in wanted, f"{source} -> {destination}: {there}, {history.events}, {durable}"
            history.events[:] = [(0, 1 if there else None)]

        for name, history in self.policies.items():
            policy = vhost.policies.get(name, operator=name == "operator")
            length = None if policy is None else policy.op.definition["max-length"]
            wanted = history.possible(durable)
            assert length in wanted, f"policy {name}: {length}, of {history.events}, durable {durable}"
            history.events[:] = [(0, length)]

    def check_messages(self, durable: int, clean: bool) -> None:
        world = self.world
        groups: dict[int, set[bool]] = {}
        found: dict[int, dict[int, Sent]] = {}
        for name, queue in [(name, queue) for name, queue in world.vhost.queues.items() if name in QUEUES]:
            reader = Channel(world.vhost, room=1 << 40)
            count = queue.ready
            consumer = reader.consume(name, "reader")
            world.run(4 + 2 * len(queue.extents))
            numbers = [int(delivery.body.split()[0]) for delivery in reader.deliveries]
            assert len(numbers) == count, f"{name}: {len(numbers)} of {count} came"
            assert numbers == sorted(set(numbers)), f"{name}: order {numbers}"
            if not clean:
                assert all(delivery.redelivered for delivery in reader.deliveries)
            there = self.queues.get(queue.id, {})
            for number in numbers:
                assert number in there, f"{name}: {number} was never sent there"
                assert there[number].persistent, f"{name}: {number} was transient"
                settled_at = there[number].settled_at
                assert settled_at is None or settled_at > durable, f"{name}: {number} was settled for good"
            present = set(numbers)
            for number, sent in there.items():
                if sent.persistent and sent.settled_at is None:
                    if sent.position <= durable:
                        assert number in present, f"{name}: {number} at {sent.position} is lost, durable {durable}"
                    if sent.group:
                        groups.setdefault(sent.group, set()).add(number in present)
            found[queue.id] = {number: Sent(True, 0) for number in numbers}
            world.vhost.cancel(consumer)
            world.vhost.settle(reader.ledger.drain(), REQUEUE)
        for group, presences in groups.items():
            assert len(presences) == 1, f"transaction {group} is there in part"
        self.queues = found


def _settlement(tags: list[int], kind: int):  # type: ignore[no-untyped-def]
    from leveret.wire import Settlement

    return Settlement(1, kind, [(tag, False) for tag in sorted(tags)])


__all__ = ["Clients", "Got"]
