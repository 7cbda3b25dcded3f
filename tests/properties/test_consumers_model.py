"""The consumers of one queue against a naive model: priorities, a single active one, own and shared limits, channels
without room, timeouts.

The model hands out one message at a time, and looks at one consumer at a time. The broker deals whole batches.
"""

from __future__ import annotations

import os
from bisect import insort

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from leveret.broker.consumer import Consumer
from leveret.broker.credit import Credit
from leveret.wire import ACK, REJECT, REQUEUE, Batch
from leveret.wire.fields import Arguments

from ..broker.support import TRANSIENT, Channel, make_broker, pump

CHANNELS = 3

pytestmark = pytest.mark.timeout(1800)


class Taker:
    """What the model knows of a consumer."""

    def __init__(self, number: int, channel: int, priority: int, prefetch: int, no_ack: bool) -> None:
        self.number = number
        self.channel = channel
        self.priority = priority
        self.prefetch = prefetch
        self.no_ack = no_ack
        self.unacked = 0
        self.gone = False


class Model:
    def __init__(self, single: bool) -> None:
        self.single = single
        self.ready: list[int] = []
        self.redelivered: set[int] = set()
        self.takers: list[Taker] = []
        """In the order in which they came."""
        self.active: Taker | None = None
        self.ring: list[Taker] = []
        """Of all priorities; among equals in the order of their turns."""
        self.limits = [0] * CHANNELS
        self.used = [0] * CHANNELS
        self.waiting: list[list[Taker]] = [[] for _ in range(CHANNELS)]
        """For the limit of their channel."""
        self.room = [True] * CHANNELS
        self.roomless: list[list[Taker]] = [[] for _ in range(CHANNELS)]
        self.delivered: list[list[tuple[int, int, bool]]] = [[] for _ in range(CHANNELS)]

    # who can take messages

    def add(self, taker: Taker) -> None:
        self.takers.append(taker)
        if not self.single:
            self.join(taker)
        elif self.active is None:
            self.active = taker
            self.join(taker)

    def remove(self, taker: Taker) -> None:
        taker.gone = True
        self.takers.remove(taker)
        for where in (self.ring, self.waiting[taker.channel]):
            if taker in where:
                where.remove(taker)
        if self.active is taker:
            self.active = max(self.takers, key=lambda other: other.priority, default=None)
            if self.active is not None:
                self.join(self.active)

    def join(self, taker: Taker) -> None:
        if taker not in self.ring and not taker.gone:
            self.ring.append(taker)

    def leave(self, taker: Taker) -> None:
        self.ring.remove(taker)
        if self.shared_left(taker) <= 0:
            self.waiting[taker.channel].append(taker)

    def own_left(self, taker: Taker) -> int:
        return 1 if taker.no_ack or not taker.prefetch else taker.prefetch - taker.unacked

    def shared_left(self, taker: Taker) -> int:
        limit = self.limits[taker.channel]
        return max(limit - self.used[taker.channel], 0) if limit else 1

    def let_in(self, channel: int) -> None:
        waiting, self.waiting[channel] = self.waiting[channel], []
        for taker in waiting:
            self.join(taker)

    # messages

    def pump(self) -> None:
        while self.ready and self.ring:
            taker = max(self.ring, key=lambda other: other.priority)
            if not taker.no_ack and (self.own_left(taker) <= 0 or self.shared_left(taker) <= 0):
                self.leave(taker)
            elif not self.room[taker.channel]:
                self.leave(taker)
                self.roomless[taker.channel].append(taker)
            else:
                self.deliver(taker)

    def deliver(self, taker: Taker) -> None:
        number = self.ready.pop(0)
        self.delivered[taker.channel].append((taker.number, number, number in self.redelivered))
        self.ring.remove(taker)
        self.ring.append(taker)
        if not taker.no_ack:
            taker.unacked += 1
            self.used[taker.channel] += 1
            if self.own_left(taker) <= 0:
                self.leave(taker)

    def give_back(self, taker: Taker | None, number: int, requeue: bool) -> None:
        if requeue:
            self.redelivered.add(number)
            insort(self.ready, number)
        if taker is not None:
            taker.unacked -= 1
            self.used[taker.channel] -= 1
            self.let_in(taker.channel)
            self.join(taker)


class ConsumersMachine(RuleBasedStateMachine):
    @initialize(single=st.booleans())
    def start(self, single: bool) -> None:
        self.broker = make_broker()
        self.vhost = self.broker.vhosts["/"]
        arguments = {"x-single-active-consumer": True} if single else {}
        self.vhost.declare_queue("q", arguments=Arguments.of(arguments))
        self.channels = [Channel(self.vhost) for _ in range(CHANNELS)]
        self.credits = [Credit() for _ in range(CHANNELS)]
        self.consumers: dict[int, Consumer] = {}
        self.takers: dict[int, Taker] = {}
        """Those that are gone, too."""
        self.outstanding: dict[tuple[int, int], tuple[int | None, int]] = {}
        """By channel and tag: whose, and which message."""
        self.model = Model(single)
        self.published = 0

    def deliver(self) -> None:
        pump(self.broker)
        self.model.pump()
        for index, (channel, expected) in enumerate(zip(self.channels, self.model.delivered, strict=True)):
            seen = [(int(d.consumer), int(d.body), d.redelivered) for d in channel.deliveries]
            assert sorted(seen) == sorted(expected)
            for number in sorted({number for number, _, _ in seen}):
                assert [d for d in seen if d[0] == number] == [d for d in expected if d[0] == number]
            for delivery in channel.deliveries:
                number = int(delivery.consumer)
                if not self.takers[number].no_ack:
                    self.outstanding[index, delivery.tag] = (number, int(delivery.body))
            channel.deliveries.clear()
            expected.clear()

    @rule(sizes=st.lists(st.integers(1, 30), min_size=1, max_size=3))
    def publish(self, sizes: list[int]) -> None:
        for size in sizes:
            numbers = range(self.published, self.published + size)
            self.published += size
            rows = [("", "q", TRANSIENT, b"%d" % number, False) for number in numbers]
            self.vhost.publish(Batch.build(self.broker.pool, rows, 1), self.channels[0])
            self.model.ready += numbers
        self.deliver()

    @rule(
        channel=st.integers(0, CHANNELS - 1),
        priority=st.sampled_from([0, 0, 0, 1, 1, -1, 7]),
        prefetch=st.integers(0, 5),
        no_ack=st.sampled_from([False, False, True]),
    )
    def consume(self, channel: int, priority: int, prefetch: int, no_ack: bool) -> None:
        number = len(self.takers)
        self.takers[number] = taker = Taker(number, channel, priority, prefetch, no_ack)
        self.consumers[number] = self.channels[channel].consume(
            "q",
            f"{number}",
            no_ack=no_ack,
            prefetch=prefetch,
            shared=self.credits[channel],
            arguments=Arguments.of({"x-priority": priority} if priority else {}),
        )
        self.model.add(taker)
        self.deliver()

    @precondition(lambda self: self.consumers)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        self.forget(data.draw(st.sampled_from(sorted(self.consumers))))
        self.deliver()

    def forget(self, number: int) -> None:
        self.vhost.cancel(self.consumers.pop(number))
        self.model.remove(self.takers[number])

    @precondition(lambda self: self.consumers)
    @rule(data=st.data())
    def time_out(self, data: st.DataObject) -> None:
        """It is cancelled, and all that it has goes back."""
        number = data.draw(st.sampled_from(sorted(self.consumers)))
        consumer, taker = self.consumers[number], self.takers[number]
        self.forget(number)
        self.vhost.settle(self.channels[taker.channel].ledger.withdraw(consumer), REQUEUE)
        self.settled([key for key, (owner, _) in sorted(self.outstanding.items()) if owner == number], requeue=True)

    @precondition(lambda self: self.outstanding)
    @rule(data=st.data(), kind=st.sampled_from([ACK, ACK, REQUEUE, REJECT]), multiple=st.booleans())
    def settle(self, data: st.DataObject, kind: int, multiple: bool) -> None:
        channel = data.draw(st.sampled_from(sorted({channel for channel, _ in self.outstanding})))
        mine = sorted(tag for other, tag in self.outstanding if other == channel)
        if multiple:
            last = data.draw(st.sampled_from([0, *mine]))
            tags = mine if last == 0 else [tag for tag in mine if tag <= last]
            assert self.channels[channel].settle(last, kind=kind, multiple=True) is None
        else:
            tags = data.draw(st.lists(st.sampled_from(mine), min_size=1, unique=True))
            assert self.channels[channel].settle(*tags, kind=kind) is None
        self.settled([(channel, tag) for tag in sorted(tags)], requeue=kind == REQUEUE)

    def settled(self, keys: list[tuple[int, int]], *, requeue: bool) -> None:
        for key in keys:
            owner, number = self.outstanding.pop(key)
            self.model.give_back(None if owner is None else self.takers[owner], number, requeue)
        self.deliver()

    @rule(channel=st.integers(0, CHANNELS - 1))
    def get(self, channel: int) -> None:
        tag = self.channels[channel].next_tag
        got = self.channels[channel].get("q")
        if self.model.ready:
            number = self.model.ready.pop(0)
            assert got == b"%d" % number
            self.outstanding[channel, tag] = (None, number)
        else:
            assert got is None

    @rule(channel=st.integers(0, CHANNELS - 1), limit=st.integers(0, 6))
    def limit(self, channel: int, limit: int) -> None:
        """basic.qos with `global`."""
        self.credits[channel].limit = self.model.limits[channel] = limit
        self.model.let_in(channel)
        self.deliver()

    @rule(channel=st.integers(0, CHANNELS - 1))
    def full(self, channel: int) -> None:
        self.channels[channel].room = 0
        self.model.room[channel] = False

    @rule(channel=st.integers(0, CHANNELS - 1))
    def room(self, channel: int) -> None:
        self.channels[channel].room = 1 << 20
        self.model.room[channel] = True
        waiters, self.channels[channel].room_waiters = self.channels[channel].room_waiters, []
        for waiter in waiters:
            waiter()
        roomless, self.model.roomless[channel] = self.model.roomless[channel], []
        for taker in roomless:
            self.model.join(taker)
        self.deliver()

    @rule(channel=st.integers(0, CHANNELS - 1))
    def close(self, channel: int) -> None:
        for number in [number for number in self.consumers if self.takers[number].channel == channel]:
            self.forget(number)
        self.vhost.settle(self.channels[channel].ledger.drain(), REQUEUE)
        self.settled(sorted(key for key in self.outstanding if key[0] == channel), requeue=True)

    @invariant()
    def same_counts(self) -> None:
        queue = self.vhost.queues["q"]
        assert queue.ready == len(self.model.ready)
        assert queue.unacked == len(self.outstanding)
        assert [credit.used for credit in self.credits] == self.model.used
        active = queue.active_consumer
        assert (None if active is None else active.tag) == (self.model.active and f"{self.model.active.number}")

    @invariant()
    def who_can_take_a_message_gets_it(self) -> None:
        """While there is one, whoever has credit and room waits for his turn behind nobody."""
        if self.model.ready:
            assert self.model.ring == []
            assert len(self.vhost.queues["q"].ring) == 0


EXAMPLES = 2000 if os.environ.get("LEVERET_LONG") else 150

TestConsumers = ConsumersMachine.TestCase
TestConsumers.settings = settings(max_examples=EXAMPLES, stateful_step_count=50, deadline=None)
