"""Consumers: whose turn it is among priorities, the single active one, exclusive ones, shared limits."""

from __future__ import annotations

import pytest

from leveret.broker.broker import Broker
from leveret.broker.consumer import Consumer
from leveret.broker.credit import Credit
from leveret.broker.queue import Queue
from leveret.broker.ring import Ring
from leveret.errors import AccessRefused, PreconditionFailed
from leveret.wire import REQUEUE
from leveret.wire.fields import Arguments, Value

from .support import Channel, batch, make_broker, pump

SINGLE = Arguments.of({"x-single-active-consumer": True})


def args(**fields: Value) -> Arguments:
    return Arguments.of({f"x-{name.replace('_', '-')}": value for name, value in fields.items()})


class Setting:
    """A broker with queue `q`, and a channel."""

    def __init__(self, arguments: Arguments = Arguments.EMPTY) -> None:
        self.broker: Broker = make_broker()
        self.vhost = self.broker.vhosts["/"]
        self.vhost.declare_queue("q", arguments=arguments)
        self.channel = self.open()

    def open(self) -> Channel:
        return Channel(self.vhost)

    @property
    def queue(self) -> Queue:
        return self.vhost.queues["q"]

    def publish(self, *bodies: str) -> None:
        self.vhost.publish(batch(self.broker, *[body.encode() for body in bodies]), self.open())
        pump(self.broker)

    def settle(self, channel: Channel, *tags: int, requeue: bool = False, multiple: bool = False) -> None:
        kind = {"kind": REQUEUE} if requeue else {}
        assert channel.settle(*tags, multiple=multiple, **kind) is None
        pump(self.broker)

    def close(self, channel: Channel) -> None:
        for consumer in channel.consumers:
            self.vhost.cancel(consumer)
        self.vhost.settle(channel.ledger.drain(), REQUEUE)
        pump(self.broker)


def took(channel: Channel) -> list[tuple[str, str]]:
    """(consumer, body) of what was delivered since the last call."""
    seen = [(delivery.consumer, delivery.body.decode()) for delivery in channel.deliveries]
    channel.deliveries.clear()
    return seen


def got(channel: Channel, consumer: str) -> str:
    """The bodies that one consumer was given since `took`, joined."""
    return "".join(delivery.body.decode() for delivery in channel.deliveries if delivery.consumer == consumer)


# -- rings -------------------------------------------------------------------------------------------------------------


class TestRing:
    def consumer(self, priority: int) -> Consumer:
        return Consumer(f"{priority}", Setting().channel, no_ack=False, arguments=args(priority=priority))

    def test_the_highest_with_somebody_in_it_is_looked_at(self) -> None:
        ring = Ring()
        consumers = [self.consumer(priority) for priority in (0, 5, -3, 5, 2)]
        for consumer in consumers:
            ring = ring.joined(consumer)
        order = []
        while ring:
            order.append([consumer.tag for consumer in ring])
            for consumer in [*ring]:
                ring = ring.left(consumer)
        assert order == [["5", "5"], ["2"], ["0"], ["-3"]]

    def test_an_empty_ring_takes_any_priority(self) -> None:
        ring = Ring().joined(first := self.consumer(7))
        assert ring.priority == 7
        ring = ring.left(first).joined(self.consumer(-7))
        assert (ring.priority, len(ring), ring.lower) == (-7, 1, None)

    def test_leaving_a_lower_ring(self) -> None:
        low, middle, high = (self.consumer(priority) for priority in (1, 2, 3))
        ring = Ring().joined(high).joined(low).joined(middle)
        assert [lower.priority for lower in ring.lower or []] == [1, 2]
        ring = ring.left(low)
        assert [lower.priority for lower in ring.lower or []] == [2]
        assert [*ring.left(high)] == [middle]


# -- priorities --------------------------------------------------------------------------------------------------------


class TestPriorities:
    def test_the_higher_ones_are_served_as_long_as_they_can_take_some(self) -> None:
        setting = Setting()
        channel = setting.channel
        channel.consume("q", "low", prefetch=2, arguments=args(priority=-1))
        channel.consume("q", "normal", prefetch=2)
        channel.consume("q", "high", prefetch=2, arguments=args(priority=10))
        setting.publish(*"abcdefg")
        assert (got(channel, "high"), got(channel, "normal"), got(channel, "low")) == ("ab", "cd", "ef")
        assert setting.queue.ready == 1
        took(channel)
        setting.settle(channel, 1)
        assert took(channel) == [("high", "g")]

    def test_equals_take_turns(self) -> None:
        setting = Setting()
        channel = setting.channel
        channel.consume("q", "low")
        for tag in ("a", "b", "c"):
            channel.consume("q", tag, prefetch=2, arguments=args(priority=1))
        setting.publish(*"0123456789")
        assert [got(channel, tag) for tag in ("a", "b", "c", "low")] == ["03", "14", "25", "6789"]

    def test_one_who_can_take_again_is_served_before_the_lower_ones(self) -> None:
        setting = Setting()
        high, low = setting.open(), setting.open()
        low.consume("q", "low")
        high.consume("q", "high", prefetch=1, arguments=args(priority=1))
        setting.publish("a", "b")
        setting.settle(high, 1)
        setting.publish("c", "d")
        assert (took(high), took(low)) == ([("high", "a"), ("high", "c")], [("low", "b"), ("low", "d")])

    def test_a_newcomer_with_a_higher_priority_is_served_first(self) -> None:
        setting = Setting()
        channel = setting.channel
        channel.consume("q", "early", prefetch=1)
        setting.publish("a", "b")
        channel.consume("q", "late", prefetch=5, arguments=args(priority=1))
        pump(setting.broker)
        setting.settle(channel, 1)
        setting.publish("c")
        assert took(channel) == [("early", "a"), ("late", "b"), ("late", "c")]

    def test_without_room_the_lower_ones_are_served(self) -> None:
        setting = Setting()
        full, free = setting.open(), setting.open()
        full.consume("q", "high", arguments=args(priority=1))
        free.consume("q", "low")
        full.room = 0
        setting.publish("a", "b")
        assert (took(full), took(free)) == ([], [("low", "a"), ("low", "b")])
        full.room = 1000
        for waiter in full.room_waiters:
            waiter()
        setting.publish("c")
        assert (took(full), took(free)) == ([("high", "c")], [])

    def test_several_without_room(self) -> None:
        setting = Setting()
        full, free = setting.open(), setting.open()
        for tag in ("high", "higher"):
            full.consume("q", tag, arguments=args(priority=len(tag)))
        free.consume("q", "low")
        full.room = 0
        setting.publish("a")
        assert took(free) == [("low", "a")]

    def test_with_a_limit_that_their_channel_shares(self) -> None:
        setting = Setting()
        channel, shared = setting.channel, Credit(3)
        channel.consume("q", "low", shared=shared)
        channel.consume("q", "high", prefetch=2, shared=shared, arguments=args(priority=1))
        setting.publish(*"abcde")
        assert took(channel) == [("high", "a"), ("high", "b"), ("low", "c")]
        setting.settle(channel, 3)
        assert took(channel) == [("low", "d")]
        setting.settle(channel, 1)
        assert took(channel) == [("high", "e")]

    def test_a_requeued_message_goes_to_the_highest(self) -> None:
        setting = Setting()
        channel = setting.channel
        channel.consume("q", "low")
        setting.publish("a")
        channel.consume("q", "high", arguments=args(priority=1))
        setting.settle(channel, 1, requeue=True)
        assert took(channel) == [("low", "a"), ("high", "a")]

    def test_cancelling_whose_turn_it_is(self) -> None:
        setting = Setting()
        channel = setting.channel
        high = channel.consume("q", "high", arguments=args(priority=2**40))
        channel.consume("q", "low", arguments=args(priority=-(2**40)))
        setting.vhost.cancel(high)
        setting.publish("a")
        assert took(channel) == [("low", "a")]

    @pytest.mark.parametrize(("value", "type"), [("1", "longstr"), (1.5, "double"), (True, "bool"), (None, "void")])
    def test_it_is_an_integer(self, value: Value, type: str) -> None:
        setting = Setting()
        text = f"""invalid arg 'x-priority' for queue 'q' in vhost '/': "expected integer, got {type}\""""
        with pytest.raises(PreconditionFailed) as raised:
            setting.channel.consume("q", "tag", arguments=args(priority=value))
        assert raised.value.explanation == text
        assert setting.queue.consumers == []


# -- a single active consumer ------------------------------------------------------------------------------------------


class TestSingleActive:
    def test_the_first_is_served_alone(self) -> None:
        setting = Setting(SINGLE)
        channel = setting.channel
        channel.consume("q", "first", prefetch=2)
        channel.consume("q", "second")
        setting.publish(*"abc")
        assert took(channel) == [("first", "a"), ("first", "b")]
        setting.settle(channel, 1)
        assert took(channel) == [("first", "c")]

    def test_the_next_follows_when_it_is_cancelled(self) -> None:
        setting = Setting(SINGLE)
        channel = setting.channel
        first = channel.consume("q", "first", prefetch=1)
        channel.consume("q", "second", prefetch=1)
        channel.consume("q", "third")
        setting.publish(*"abc")
        setting.vhost.cancel(first)
        pump(setting.broker)
        assert took(channel) == [("first", "a"), ("second", "b")]
        setting.settle(channel, 1)  # what the first still had
        assert took(channel) == []
        setting.settle(channel, 2)
        assert took(channel) == [("second", "c")]

    def test_what_a_channel_that_goes_had_comes_first(self) -> None:
        setting = Setting(SINGLE)
        one, two = setting.open(), setting.open()
        one.consume("q", "first", prefetch=3)
        one.consume("q", "second")
        two.consume("q", "third")
        setting.publish(*"abcde")
        setting.settle(one, 2)
        setting.close(one)
        assert [(delivery.body, delivery.redelivered) for delivery in two.deliveries] == [
            (b"a", True),
            (b"c", True),
            (b"d", True),
            (b"e", False),
        ]

    def test_one_that_waits_may_go(self) -> None:
        setting = Setting(SINGLE)
        channel = setting.channel
        first, second, _ = [channel.consume("q", tag) for tag in ("first", "second", "third")]
        setting.vhost.cancel(second)
        setting.vhost.cancel(first)
        setting.publish("a")
        assert took(channel) == [("third", "a")]

    def test_nobody_is_left(self) -> None:
        setting = Setting(SINGLE)
        channel = setting.channel
        setting.vhost.cancel(channel.consume("q", "first"))
        setting.publish("a")
        channel.consume("q", "again")
        pump(setting.broker)
        assert took(channel) == [("again", "a")]

    def test_the_highest_follows_but_replaces_nobody(self) -> None:
        setting = Setting(SINGLE)
        channel = setting.channel
        first = channel.consume("q", "first")
        channel.consume("q", "second")
        channel.consume("q", "high", arguments=args(priority=1))
        channel.consume("q", "as high", arguments=args(priority=1))
        setting.publish("a")
        setting.vhost.cancel(first)
        setting.publish("b")
        assert took(channel) == [("first", "a"), ("high", "b")]

    def test_the_waiting_ones_wait_also_when_the_active_one_has_no_room(self) -> None:
        setting = Setting(SINGLE)
        full, free = setting.open(), setting.open()
        full.consume("q", "first")
        free.consume("q", "second")
        full.room = 0
        setting.publish("a")
        assert (took(full), took(free)) == ([], [])
        full.room = 1000
        full.room_waiters[0]()
        pump(setting.broker)
        assert took(full) == [("first", "a")]

    def test_it_is_never_exclusive(self) -> None:
        setting = Setting(SINGLE)
        with pytest.raises(AccessRefused, match="queue 'q' in vhost '/' in exclusive use"):
            setting.channel.consume("q", "tag", exclusive=True)
        setting.channel.consume("q", "tag")

    def test_a_get_takes_all_the_same(self) -> None:
        """RabbitMQ's classic queues: only quorum queues refuse it."""
        setting = Setting(SINGLE)
        setting.channel.consume("q", "first", prefetch=1)
        setting.publish("a", "b")
        assert setting.open().get("q") == b"b"

    def test_all_are_told_when_the_queue_goes(self) -> None:
        setting = Setting(SINGLE)
        for tag in ("first", "second", "third"):
            setting.channel.consume("q", tag)
        setting.vhost.delete_queue("q")
        assert setting.channel.cancels == ["first", "second", "third"]

    def test_they_count_as_consumers(self) -> None:
        setting = Setting(SINGLE)
        for tag in ("first", "second"):
            setting.channel.consume("q", tag)
        assert setting.vhost.declare_queue("q", passive=True).consumer_count == 2


# -- exclusive consumers -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("first", "second"), [(True, False), (False, True), (True, True)])
def test_an_exclusive_consumer_is_alone(first: bool, second: bool) -> None:
    setting = Setting()
    consumer = setting.channel.consume("q", "first", exclusive=first)
    with pytest.raises(AccessRefused, match="queue 'q' in vhost '/' in exclusive use"):
        setting.open().consume("q", "second", exclusive=second)
    setting.vhost.cancel(consumer)
    setting.open().consume("q", "second", exclusive=second)


def test_arguments_are_looked_at_before_who_is_there() -> None:
    setting = Setting()
    setting.channel.consume("q", "first", exclusive=True)
    with pytest.raises(PreconditionFailed):
        setting.channel.consume("q", "second", arguments=args(priority="high"))


# -- a limit that consumers share --------------------------------------------------------------------------------------


def test_whose_turn_it_was_is_next_when_the_shared_limit_allows_it() -> None:
    """As RabbitMQ: a b a, then the limit; whoever comes back first is b."""
    setting = Setting()
    channel, shared = setting.channel, Credit(3)
    for tag in ("a", "b"):
        channel.consume("q", tag, shared=shared)
    setting.publish(*"123456")
    assert took(channel) == [("a", "1"), ("b", "2"), ("a", "3")]
    setting.settle(channel, 2)
    assert took(channel) == [("b", "4")]
    setting.settle(channel, 1, 3)
    assert took(channel) == [("a", "5"), ("b", "6")]


def test_a_shared_limit_over_own_ones() -> None:
    setting = Setting()
    channel, shared = setting.channel, Credit(4)
    channel.consume("q", "small", prefetch=1, shared=shared)
    channel.consume("q", "large", prefetch=3, shared=shared)
    channel.consume("q", "none", shared=shared, no_ack=True)
    setting.publish(*"abcd")
    assert took(channel) == [("small", "a"), ("large", "b"), ("none", "c"), ("large", "d")]
    setting.publish(*"efg")
    assert took(channel) == [("none", "e"), ("large", "f"), ("none", "g")]
