"""One queue against a naive model: publish, consume, ack in any order, nack, get, purge, cancel, close of several
channels.

The model keeps one Python object per message and does everything one message at a time. Batches are split at random:
the broker must behave as if the messages had come one by one.

A second machine does the same over a simulated disk while messages leave memory and come back at any moment, while
checkpoints are taken, and through restarts. Live it must behave as one that keeps everything in memory.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from random import Random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from leveret.broker.broker import Broker
from leveret.broker.consumer import Consumer
from leveret.broker.queue import Queue
from leveret.store.memory import MemoryLog
from leveret.wire import ACK, REJECT, REQUEUE

from ..broker.support import PERSISTENT, TRANSIENT, Channel, batch, make_broker, pump
from ..simulation.world import World

CHANNELS = 3

pytestmark = pytest.mark.timeout(1800)


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

    def pump(self, count: int) -> None:
        """Hand out the next so many messages."""
        for _ in range(count):
            assert self.ready, "more was delivered than there is"
            assert self.ring, "something was delivered to nobody who could take it"
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
        self.durable = durable
        self.persistent: set[int] = set()
        self.published = 0
        self.tags = 0
        self.begin(make_broker(MemoryLog()))

    def begin(self, broker: Broker) -> None:
        """A life of the broker; nothing is in the queue yet."""
        self.broker = broker
        self.vhost = broker.vhosts["/"]
        self.vhost.declare_queue("q", durable=self.durable)
        self.channels = [Channel(self.vhost) for _ in range(CHANNELS)]
        self.consumers: dict[int, Consumer] = {}
        self.model = Model()

    @property
    def queue(self) -> Queue:
        return self.vhost.queues["q"]

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
        self.follow()
        assert not self.model.ready or not self.model.ring, "somebody waits for what is there"

    def follow(self) -> None:
        """The model hands out as many messages as the broker did."""
        delivered = sum(len(channel.deliveries) for channel in self.channels)
        self.model.pump(delivered - sum(len(entries) for entries in self.model.delivered))

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
        self.take(channel, no_ack)

    def take(self, channel: int, no_ack: bool) -> None:
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
        count = len(self.model.ready)
        self.model.ready.clear()  # whoever waits is answered at once
        assert self.vhost.purge_queue("q").message_count == count

    @rule(channel=st.integers(0, CHANNELS - 1))
    def close(self, channel: int) -> None:
        self.let_go(channel)
        self.deliver()

    def let_go(self, channel: int) -> None:
        for number in [n for n, other in self.model.channel_of.items() if other == channel]:
            self.forget(number)
        self.vhost.settle(self.channels[channel].ledger.drain(), REQUEUE)
        self.model.settle(channel, sorted(t for c, t in self.model.outstanding if c == channel), requeue=True)

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
        queue = self.queue
        assert queue.ready == len(self.model.ready)
        assert queue.unacked == len(self.model.outstanding)
        assert queue.ready == sum(extent.ready for extent in queue.extents)
        assert queue.unacked == sum(extent.unacked for extent in queue.extents)


class StoredQueueMachine(QueueMachine):
    """Messages leave memory as soon as they can, or do not, by turns. Nothing waits for the disks to be done, so that
    whatever clients do happens in the middle of evictions, fetches and checkpoints.
    """

    @initialize(durable=st.booleans(), segment_size=st.sampled_from([1024, 16 * 1024]))
    def start(self, durable: bool, segment_size: int = 1024) -> None:
        self.durable = durable
        self.persistent = set()
        self.published = 0
        self.tags = 0
        self.segment_size = segment_size
        self.getting = 0
        self.pace = 1
        self.begin_over({})

    def begin_over(self, files: Mapping[str, bytes]) -> None:
        """A life of the broker over these files."""
        self.world = World(files, paging_budget=0, segment_size=self.segment_size, record_size=100)
        self.begin(self.world.broker)

    def deliver(self) -> None:
        if self.pace:
            self.queue.close_tail()
        for _ in range(self.pace):
            self.world.turn()
            self.world.disk.step()
            self.world.spill_disk.step()
        self.world.turn()
        self.follow()

    def settle_down(self) -> None:
        """Until nothing is on its way; then everybody who can take a message has got one."""
        while True:
            self.world.run(1)
            self.follow()
            if (
                not (self.world.disk.step() or self.world.spill_disk.step() or self.queue.active)
                and self.world.log.idle
            ):
                break
        self.world.turn()
        self.follow()
        assert not self.getting, "a basic.get waits for what is there"
        assert not self.model.ready or not self.model.ring, "somebody waits for what is there"

    # -- the disks -----------------------------------------------------------------------------------------------

    @rule()
    def everything_is_done(self) -> None:
        self.settle_down()

    @rule(batches=st.integers(0, 3), spilled=st.integers(0, 3), reads=st.booleans())
    def disks_work(self, batches: int, spilled: int, reads: bool) -> None:
        self.world.disk.step(batches, None if reads else 0)
        self.world.spill_disk.step(spilled, None if reads else 0)
        self.deliver()

    @rule()
    def tick(self) -> None:
        self.world.log.tick()

    @rule(pace=st.integers(0, 3))
    def disks_get_faster_or_slower(self, pace: int) -> None:
        """0: they only work when they are told to, and all that is new goes to one extent."""
        self.pace = pace

    @rule(budget=st.sampled_from([0, 0, 1000, 1 << 40]))
    def memory(self, budget: int) -> None:
        self.broker.pager.budget = budget

    @precondition(lambda self: self.queue.stored)
    @rule(data=st.data())
    def fetch(self, data: st.DataObject) -> None:
        stored = [extent for extent in self.queue.extents if not extent.resident]
        self.broker.pager.fetch(self.queue, data.draw(st.sampled_from(stored)))

    @rule(steps=st.integers(1, 5))
    def checkpoint(self, steps: int) -> None:
        for _ in range(steps):
            self.world.checkpointing.step(0)

    # -- basic.get may have to wait ------------------------------------------------------------------------------

    def take(self, channel: int, no_ack: bool) -> None:
        if not self.queue.head_stored:
            super().take(channel, no_ack)
            return
        queue = self.queue
        self.getting += 1

        def again() -> None:
            if queue.head_stored:
                queue.when_loaded(again)
                return
            self.getting -= 1
            if queue.deleted:
                return
            self.follow()
            QueueMachine.take(self, channel, no_ack)

        queue.when_loaded(again)

    @rule()
    def delete(self) -> None:
        """And declare it again."""
        for channel in range(CHANNELS):
            self.let_go(channel)
        queue = self.queue
        count = len(self.model.ready)
        self.model.ready.clear()
        assert self.vhost.delete_queue("q").message_count == count
        assert (queue.ready, queue.unacked, queue.stored) == (0, 0, 0)
        self.vhost.declare_queue("q", durable=self.durable)
        self.deliver()

    # -- restarts ------------------------------------------------------------------------------------------------

    @rule()
    def restart(self) -> None:
        """In good order: everything is as it was, but for transient messages."""
        self.settle_down()
        for channel in range(CHANNELS):
            self.let_go(channel)
        self.survive(self.world.stop(), self.model.redelivered)

    @rule(seed=st.integers(0, 99), keep=st.sampled_from([0.0, 1.0]))
    def crash(self, seed: int, keep: float) -> None:
        """Everything was on disk: only what had been delivered is not known."""
        self.settle_down()
        self.world.sync()
        self.follow()
        for number in [*self.consumers]:
            self.forget(number)
        self.model.ready = sorted([*self.model.ready, *(n for _, n in self.model.outstanding.values())])
        self.survive(self.world.disk.crash(Random(seed), keep), set(self.model.ready))

    def survive(self, files: Mapping[str, bytes], redelivered: set[int]) -> None:
        self.same_deliveries()
        ready = [number for number in self.model.ready if self.durable and number in self.persistent]
        self.begin_over(files)
        self.model.ready = ready
        self.model.redelivered = redelivered & set(ready)
        assert self.queue.ready == len(ready)

    # -- what must always be true --------------------------------------------------------------------------------

    @invariant()
    def stored_are_counted(self) -> None:
        assert self.queue.stored == sum(not extent.resident for extent in self.queue.extents)
        assert not self.queue.quarantined

    def teardown(self) -> None:
        """When the queue is gone nobody remembers its extents, and nothing of it is in the spill."""
        if not hasattr(self, "world"):
            return
        self.settle_down()
        self.vhost.delete_queue("q")
        self.world.run()
        assert not len(self.broker.pager)
        assert len(self.world.spill_disk.files) <= 1, "files of the spill stay"
        self.world.checkpoint()
        self.world.checkpoint()


EXAMPLES = 2000 if os.environ.get("LEVERET_LONG") else 150

TestQueue = QueueMachine.TestCase
TestQueue.settings = settings(max_examples=EXAMPLES, stateful_step_count=40, deadline=None)
TestStoredQueue = StoredQueueMachine.TestCase
TestStoredQueue.settings = settings(max_examples=EXAMPLES, stateful_step_count=60, deadline=None)
