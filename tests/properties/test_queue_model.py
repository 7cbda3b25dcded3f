"""One queue against a naive model: publish, consume, ack in any order, nack, get, purge, cancel, close of several
channels.

The model keeps one Python object per message and does everything one message at a time. Batches are split at random:
the broker must behave as if the messages had come one by one.
"""

from __future__ import annotations

import os

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from leveret.broker.consumer import Consumer
from leveret.wire import ACK, REJECT, REQUEUE

from ..broker.support import PERSISTENT, TRANSIENT, Channel, batch, pump
from ..simulation.world import World

CHANNELS = 3


class Model:
    """Messages are numbers. `ready` is kept in publishing order; `outstanding` maps (channel, tag) to (consumer,
    number).
    """

    def __init__(self) -> None:
        self.ready: list[int] = []
        self.redelivered: set[int] = set()
        self.outstanding: dict[tuple[int, int], tuple[int | None, int]] = {}
        self.ring: list[int] = []
        self.prefetch: dict[int, int] = {}
        self.no_ack: set[int] = set()
        self.channel_of: dict[int, int] = {}
        self.next_tag = [1] * CHANNELS
        self.delivered: list[list[tuple[int, int, int, bool]]] = [[] for _ in range(CHANNELS)]

    def unacked(self, consumer: int) -> int:
        return sum(1 for owner, _ in self.outstanding.values() if owner == consumer)

    def has_credit(self, consumer: int) -> bool:
        limit = self.prefetch[consumer]
        return consumer in self.no_ack or not limit or self.unacked(consumer) < limit

    def pump(self) -> None:
        while self.ready:
            if not self.ring:
                return
            consumer = self.ring.pop(0)
            self.ring.append(consumer)
            number = self.ready.pop(0)
            channel = self.channel_of[consumer]
            tag = self.next_tag[channel]
            self.next_tag[channel] += 1
            self.delivered[channel].append((tag, consumer, number, number in self.redelivered))
            if consumer not in self.no_ack:
                self.outstanding[channel, tag] = (consumer, number)
            if not self.has_credit(consumer):
                self.ring.remove(consumer)

    def let_back(self, consumer: int | None) -> None:
        if consumer in self.channel_of and consumer not in self.ring:
            self.ring.append(consumer)

    def settle(self, channel: int, tags: list[int], requeue: bool) -> None:
        owners = []
        for tag in tags:
            owner, number = self.outstanding.pop((channel, tag))
            owners.append(owner)
            if requeue:
                self.redelivered.add(number)
                self.ready = sorted([*self.ready, number])
        for owner in dict.fromkeys(owners):
            self.let_back(owner)


class QueueMachine(RuleBasedStateMachine):
    @initialize(durable=st.booleans())
    def start(self, durable: bool) -> None:
        self.world = World()
        self.broker = self.world.broker
        self.vhost = self.broker.vhosts["/"]
        self.vhost.declare_queue("q", durable=durable)
        self.durable = durable
        self.channels = [Channel(self.vhost) for _ in range(CHANNELS)]
        self.consumers: dict[int, Consumer] = {}
        self.model = Model()
        self.persistent: set[int] = set()
        self.published = 0
        self.tags = 0

    @rule(sizes=st.lists(st.integers(1, 40), min_size=1, max_size=4), persistent=st.booleans(), mixed=st.booleans())
    def publish(self, sizes: list[int], persistent: bool, mixed: bool) -> None:
        for size in sizes:
            numbers = range(self.published, self.published + size)
            self.published += size
            keep = [persistent if not mixed else n % 3 == 0 for n in numbers]
            self.persistent.update(n for n, kept in zip(numbers, keep, strict=True) if kept)
            rows = [
                ("", "q", PERSISTENT if kept else TRANSIENT, b"%d" % n, False)
                for n, kept in zip(numbers, keep, strict=True)
            ]
            self.vhost.publish(type(batch(self.broker)).build(self.broker.pool, rows, 1), self.channels[0])
            self.model.ready += numbers
        self.deliver()

    def deliver(self) -> None:
        pump(self.broker)
        self.model.pump()

    @rule(channel=st.integers(0, CHANNELS - 1), prefetch=st.integers(0, 5), no_ack=st.booleans())
    def consume(self, channel: int, prefetch: int, no_ack: bool) -> None:
        self.tags += 1
        consumer = self.channels[channel].consume("q", str(self.tags), no_ack=no_ack, prefetch=prefetch)
        self.consumers[self.tags] = consumer
        self.model.channel_of[self.tags] = channel
        self.model.prefetch[self.tags] = prefetch
        if no_ack:
            self.model.no_ack.add(self.tags)
        self.model.ring.append(self.tags)
        self.deliver()

    @precondition(lambda self: self.consumers)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(sorted(self.consumers)))
        self.forget(number)

    def forget(self, number: int) -> None:
        self.vhost.cancel(self.consumers.pop(number))
        del self.model.channel_of[number]
        if number in self.model.ring:
            self.model.ring.remove(number)

    @precondition(lambda self: self.model.outstanding)
    @rule(data=st.data(), kind=st.sampled_from([ACK, REQUEUE, REJECT]), multiple=st.booleans())
    def settle(self, data: st.DataObject, kind: int, multiple: bool) -> None:
        channel = data.draw(st.sampled_from(sorted({channel for channel, _ in self.model.outstanding})))
        mine = sorted(tag for other, tag in self.model.outstanding if other == channel)
        if multiple:
            last = data.draw(st.sampled_from([0, *mine]))
            tags = mine if last == 0 else [tag for tag in mine if tag <= last]
            assert self.channels[channel].settle(last, kind=kind, multiple=True) is None
        else:
            tags = data.draw(st.lists(st.sampled_from(mine), min_size=1, unique=True))
            assert self.channels[channel].settle(*tags, kind=kind) is None
            tags = sorted(tags)
        self.model.settle(channel, tags, kind == REQUEUE)
        self.deliver()

    @rule(channel=st.integers(0, CHANNELS - 1))
    def ack_what_is_not_there(self, channel: int) -> None:
        tag = self.model.next_tag[channel]
        assert self.channels[channel].settle(tag) == tag

    @rule(channel=st.integers(0, CHANNELS - 1), no_ack=st.booleans())
    def get(self, channel: int, no_ack: bool) -> None:
        got = self.channels[channel].get("q", no_ack=no_ack)
        if not self.model.ready:
            assert got is None
            return
        number = self.model.ready.pop(0)
        assert got == b"%d" % number
        tag = self.model.next_tag[channel]
        self.model.next_tag[channel] += 1
        if not no_ack:
            self.model.outstanding[channel, tag] = (None, number)

    @rule()
    def purge(self) -> None:
        assert self.vhost.purge_queue("q").message_count == len(self.model.ready)
        self.model.ready.clear()

    @rule(channel=st.integers(0, CHANNELS - 1))
    def close(self, channel: int) -> None:
        for number in [n for n, other in self.model.channel_of.items() if other == channel]:
            self.forget(number)
        self.vhost.settle(self.channels[channel].ledger.drain(), REQUEUE)
        self.model.settle(channel, sorted(t for c, t in self.model.outstanding if c == channel), requeue=True)
        self.deliver()

    @invariant()
    def same_deliveries(self) -> None:
        for channel, delivered in zip(self.channels, self.model.delivered, strict=True):
            seen = [(int(d.consumer), int(d.body), d.redelivered) for d in channel.deliveries]
            expected = [entry[1:] for entry in delivered]
            assert sorted(seen) == sorted(expected)
            for consumer in sorted({entry[0] for entry in expected}):
                assert [d for d in seen if d[0] == consumer] == [d for d in expected if d[0] == consumer]
            self.renumber(channel, delivered)
            channel.deliveries.clear()
            delivered.clear()

    def renumber(self, channel: Channel, delivered: list[tuple[int, int, int, bool]]) -> None:
        """Within one turn a channel's consumers may be served in runs: its tags are then in another order than one by
        one.
        """
        index = self.channels.index(channel)
        tag_of = {(int(d.consumer), int(d.body)): d.tag for d in channel.deliveries}
        moved = {}
        for tag, consumer, number, _ in delivered:
            entry = self.model.outstanding.pop((index, tag), None)
            if entry is not None:
                moved[index, tag_of[consumer, number]] = entry
        self.model.outstanding.update(moved)

    @invariant()
    def same_counts(self) -> None:
        queue = self.vhost.queues["q"]
        assert queue.ready == len(self.model.ready)
        assert queue.unacked == len(self.model.outstanding)
        assert queue.ready == sum(extent.ready for extent in queue.extents)
        assert queue.unacked == sum(extent.unacked for extent in queue.extents)

    def teardown(self) -> None:
        """Replay equals live: durable queue, persistent unsettled messages, in order."""
        if not hasattr(self, "world"):
            return
        self.world.sync()
        again = World(self.world.disk.files)
        if not self.durable:
            assert "q" not in again.vhost.queues
            return
        kept = sorted(set(self.model.ready) | {n for _, n in self.model.outstanding.values()})
        channel = Channel(again.vhost, room=1 << 40)
        channel.consume("q", "c", no_ack=True)
        again.run(4 + 2 * len(again.vhost.queues["q"].extents))
        assert [int(body) for body in channel.bodies()] == [n for n in kept if n in self.persistent]


TestQueue = QueueMachine.TestCase
TestQueue.settings = settings(
    max_examples=2000 if os.environ.get("LEVERET_LONG") else 150, stateful_step_count=40, deadline=None
)
