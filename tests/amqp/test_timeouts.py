"""Deliveries that are not settled in time."""

from __future__ import annotations

import pytest

from leveret.amqp import Settings, watching
from leveret.broker.settings import QueueSettings
from leveret.limits import TIMEOUTS_PER_LOOK
from leveret.wire.fields import Arguments
from leveret.wire.frames import PROTOCOL_HEADER, method_frame
from leveret.wire.methods import (
    BasicAck,
    BasicCancel,
    BasicCancelOk,
    BasicConsume,
    BasicDeliver,
    BasicGet,
    BasicNack,
    BasicQos,
    BasicQosOk,
    ChannelClose,
    ChannelCloseOk,
    ConnectionOpen,
    ConnectionStartOk,
    ConnectionTuneOk,
    QueueDeclare,
    QueueDelete,
    TxCommit,
    TxCommitOk,
    TxRollback,
    TxSelect,
)

from .samples import prepared
from .support import Content, Link, World

SECOND = Arguments.of({"x-consumer-timeout": 1000})
MINUTE = Arguments.of({"x-consumer-timeout": 60_000})
LATE = 1300
"""Milliseconds after which a second is over for sure: two looks more."""


def too_late(milliseconds: int, channel: int = 1) -> ChannelClose:
    text = (
        f"PRECONDITION_FAILED - delivery acknowledgement on channel {channel} timed out. Timeout value used:"
        f" {milliseconds} ms. This timeout value can be configured, see consumers doc guide to learn more"
    )
    return ChannelClose(406, text, 0, 0)


def deliveries(link: Link, channel: int = 1) -> list[tuple[str, bytes, bool]]:
    return [
        (what.method.consumer_tag, what.body, what.method.redelivered)
        for what in link.take(channel)
        if isinstance(what, Content) and isinstance(what.method, BasicDeliver)
    ]


def pass_time(world: World, milliseconds: int) -> None:
    """As a shell would let it pass: with all the ticks that are asked for."""
    end = world.clock.monotonic_ms() + milliseconds
    while (now := world.clock.monotonic_ms()) < end:
        wanted = [when for link in world.links if (when := link.session.tick(now)) is not None]
        world.run()
        world.clock.advance(max(min([*wanted, end]) - now, 1))
    for link in world.links:
        link.session.tick(end)
    world.run()


def open_plain(world: World) -> Link:
    """A client that does not understand basic.cancel from the broker."""
    link = world.link()
    link.feed(PROTOCOL_HEADER)
    link.send(ConnectionStartOk(Arguments.EMPTY, "PLAIN", b"\0guest\0guest", "en_US"), channel=0)
    link.send(ConnectionTuneOk(2047, 131072, 0), ConnectionOpen("/"), channel=0)
    link.open_channel(1)
    link.received.clear()
    return link


class TestWhoUnderstands:
    def test_a_consumer_is_cancelled_and_what_it_had_goes_back(self) -> None:
        world = World()
        link = prepared(world)
        link.send(BasicConsume("q", "slow", arguments=SECOND))
        link.publish(b"a", b"b")
        link.received.clear()
        pass_time(world, 900)
        assert link.take() == []
        pass_time(world, LATE - 900)
        assert link.take() == [BasicCancel("slow", True)]
        other = world.channel()
        other.send(BasicConsume("q", "fast"))
        assert deliveries(other) == [("fast", b"a", True), ("fast", b"b", True)]
        assert link.call(BasicQos(0, 1)) == BasicQosOk()

    def test_who_settles_in_time_is_left_alone(self) -> None:
        world = World()
        link = prepared(world)
        link.send(BasicQos(0, 1), BasicConsume("q", "good", arguments=SECOND))
        link.publish(*[b"%d" % number for number in range(10)])
        for tag in range(1, 11):
            pass_time(world, 700)
            link.send(BasicAck(tag))
        assert BasicCancel("good", True) not in link.take()

    def test_the_tag_is_free_again(self) -> None:
        world = World()
        link = prepared(world)
        link.send(BasicConsume("q", "tag", arguments=SECOND))
        link.publish(b"a")
        pass_time(world, LATE)
        link.received.clear()
        link.send(BasicConsume("q", "tag"))
        assert deliveries(link) == [("tag", b"a", True)]
        link.send(BasicAck(2))
        assert world.broker.vhosts["/"].queues["q"].unacked == 0

    def test_other_consumers_of_the_channel_go_on(self) -> None:
        world = World()
        link = prepared(world)
        link.send(QueueDeclare("r"), BasicConsume("q", "slow", arguments=SECOND), BasicConsume("r", "other"))
        link.publish(b"a")
        link.publish(b"b", key="r")
        link.received.clear()
        pass_time(world, 10_000)
        assert link.take() == [BasicCancel("slow", True)]
        link.send(BasicAck(2))
        assert link.call(BasicQos(0, 1)) == BasicQosOk()
        queues = world.broker.vhosts["/"].queues
        assert (queues["q"].ready, queues["r"].unacked) == (1, 0)

    def test_each_has_its_own_time(self) -> None:
        world = World()
        link = prepared(world)
        link.send(QueueDeclare("r"), BasicConsume("q", "second", arguments=SECOND))
        link.send(BasicConsume("r", "minute", arguments=MINUTE))
        link.publish(b"a", key="r")
        pass_time(world, 30_000)
        link.publish(b"b")
        link.received.clear()
        pass_time(world, LATE)
        assert link.take() == [BasicCancel("second", True)]
        pass_time(world, 28_000)
        assert link.take() == []
        pass_time(world, 16_000)
        assert link.take() == [BasicCancel("minute", True)]

    def test_a_consumer_that_is_cancelled_already_loses_what_it_had(self) -> None:
        world = World()
        link = prepared(world)
        link.send(BasicConsume("q", "tag", arguments=SECOND))
        link.publish(b"a")
        assert link.call(BasicCancel("tag")) == BasicCancelOk("tag")
        link.received.clear()
        pass_time(world, LATE)
        assert link.take() == []
        assert world.broker.vhosts["/"].queues["q"].ready == 1

    def test_a_queue_that_is_gone(self) -> None:
        world = World()
        link = prepared(world)
        link.send(BasicConsume("q", "tag", arguments=SECOND))
        link.publish(b"a")
        link.send(QueueDelete("q"))
        link.received.clear()
        pass_time(world, LATE)
        assert link.take() == []

    def test_the_next_of_a_single_active_consumer_follows_with_what_it_had(self) -> None:
        world = World()
        link, other = world.channel(), world.channel()
        link.send(QueueDeclare("q", arguments=Arguments.of({"x-single-active-consumer": True})))
        link.send(BasicQos(0, 1), BasicConsume("q", "first", arguments=SECOND))
        other.send(BasicConsume("q", "second", arguments=SECOND))
        link.publish(b"a", b"b")
        pass_time(world, LATE)
        assert deliveries(other) == [("second", b"a", True), ("second", b"b", False)]

    def test_an_auto_delete_queue_goes_with_its_last_consumer(self) -> None:
        world = World()
        link = world.channel()
        link.send(QueueDeclare("q", auto_delete=True), BasicConsume("q", "tag", arguments=SECOND))
        link.publish(b"a")
        link.received.clear()
        pass_time(world, LATE)
        assert link.take() == [BasicCancel("tag", True)]
        assert "q" not in world.broker.vhosts["/"].queues


class TestLateAnswers:
    """What was taken back may still be answered for: that says nothing (RabbitMQ)."""

    def late(self, *bodies: bytes, transactional: bool = False) -> Link:
        world = World()
        link = prepared(world)
        if transactional:
            link.send(TxSelect())
        link.send(QueueDeclare("r"), BasicConsume("q", "slow", arguments=SECOND), BasicConsume("r", "other"))
        other = world.channel()
        for number, body in enumerate(bodies):
            other.publish(body, key="qr"[number % 2])
        pass_time(world, LATE)
        link.received.clear()
        return link

    def counts(self, link: Link) -> tuple[int, int, int]:
        queues = link.world.broker.vhosts["/"].queues
        return queues["q"].ready, queues["r"].ready, queues["r"].unacked

    def test_they_are_ignored(self) -> None:
        link = self.late(b"1", b"2", b"3", b"4")
        link.send(BasicAck(1), BasicAck(2), BasicNack(3, requeue=False))
        assert link.take() == []
        assert self.counts(link) == (2, 0, 1)

    def test_one_for_many(self) -> None:
        link = self.late(b"1", b"2", b"3", b"4", b"5", b"6")
        link.send(BasicAck(5, True))
        assert link.take() == []
        assert self.counts(link) == (3, 0, 1)

    def test_those_for_later_deliveries_count(self) -> None:
        link = self.late(b"1")
        link.publish(b"2", key="r")
        link.send(BasicAck(1), BasicAck(2))
        assert self.counts(link) == (1, 0, 0)

    def test_what_was_never_there_is_unknown_all_the_same(self) -> None:
        link = self.late(b"1", b"2")
        link.send(BasicAck(1), BasicAck(2), BasicAck(3))
        assert link.take() == [ChannelClose(406, "PRECONDITION_FAILED - unknown delivery tag 3", 60, 80)]
        assert self.counts(link) == (1, 0, 0)

    def test_0_is_unknown(self) -> None:
        link = self.late(b"1")
        assert link.call(BasicAck(0)) == ChannelClose(406, "PRECONDITION_FAILED - unknown delivery tag 0", 60, 80)

    def test_in_a_transaction(self) -> None:
        link = self.late(b"1", b"2", b"3", b"4", transactional=True)
        link.send(BasicAck(3, True))
        assert link.call(TxCommit()) == TxCommitOk()
        assert self.counts(link) == (2, 0, 1)


class TestTransactions:
    def test_what_was_answered_is_not_overdue(self) -> None:
        world = World()
        link = prepared(world)
        link.publish(b"a")
        link.send(TxSelect(), BasicConsume("q", "tag", arguments=SECOND))
        link.send(BasicAck(1))
        link.received.clear()
        pass_time(world, 10_000)
        assert link.take() == []
        assert link.call(TxCommit()) == TxCommitOk()
        assert world.broker.vhosts["/"].queues["q"].unacked == 0

    def test_what_is_rolled_back_has_its_time_again(self) -> None:
        world = World()
        link = prepared(world)
        link.publish(b"a")
        link.send(TxSelect(), BasicConsume("q", "tag", arguments=SECOND))
        link.send(BasicAck(1))
        pass_time(world, 10_000)
        link.send(TxRollback())
        link.received.clear()
        pass_time(world, LATE)
        assert link.take() == [BasicCancel("tag", True)]
        assert world.broker.vhosts["/"].queues["q"].ready == 1


class TestOthers:
    def test_a_client_that_does_not_understand_loses_its_channel(self) -> None:
        world = World()
        link = open_plain(world)
        link.send(QueueDeclare("q"), BasicConsume("q", "tag", arguments=SECOND))
        link.open_channel(2)
        link.publish(b"a")
        link.received.clear()
        pass_time(world, LATE)
        assert link.take() == [too_late(1000)]
        assert link.call(BasicQos(0, 1), 2) == BasicQosOk()
        assert world.broker.vhosts["/"].queues["q"].ready == 1
        link.send(ChannelCloseOk())
        link.open_channel(1)
        link.received.clear()
        pass_time(world, LATE)
        assert link.take() == []

    def test_who_gets_a_message_by_a_get_as_well(self) -> None:
        world = World()
        link = world.channel()
        link.send(QueueDeclare("q", arguments=SECOND))
        link.publish(b"a", b"b")
        link.send(BasicGet("q"), BasicGet("q", no_ack=True))
        link.received.clear()
        pass_time(world, LATE)
        assert link.take() == [too_late(1000)]
        assert world.broker.vhosts["/"].queues["q"].ready == 1

    def test_a_channel_that_waits_for_an_answer_is_closed_after_it(self) -> None:
        world = World()
        link = world.channel()
        link.send(QueueDeclare("q", arguments=SECOND))
        link.publish(b"a")
        link.send(BasicGet("q"))
        link.received.clear()
        world.held = True
        link.send(QueueDeclare("durable", durable=True))
        pass_time(world, 5000)
        assert link.take() == []
        world.held = False
        world.run()
        pass_time(world, 200)
        assert [type(what).__name__ for what in link.take()] == ["QueueDeclareOk", "ChannelClose"]


class TestWhoSaysHowLong:
    def overdue_after(self, node_ms: int | None, queue_ms: int | None, consumer_ms: int | None) -> int | None:
        """Seconds until the consumer is cancelled, as far as a tick of one shows."""
        world = World(settings=Settings(consumer_timeout_ms=node_ms))
        link = world.channel()
        queue = Arguments.EMPTY if queue_ms is None else Arguments.of({"x-consumer-timeout": queue_ms})
        consumer = Arguments.EMPTY if consumer_ms is None else Arguments.of({"x-consumer-timeout": consumer_ms})
        link.send(QueueDeclare("q", arguments=queue), BasicConsume("q", "tag", arguments=consumer))
        link.publish(b"a")
        for second in range(100):
            if BasicCancel("tag", True) in link.take():
                return second
            pass_time(world, 1000)
        return None

    @pytest.mark.parametrize(
        ("node_ms", "queue_ms", "consumer_ms", "seconds"),
        [
            (None, None, None, None),
            (10_000, None, None, 10),
            (None, 10_000, None, 10),
            (None, None, 10_000, 10),
            (20_000, 10_000, 30_000, 10),
            (10_000, 30_000, 20_000, 10),
            (20_000, 30_000, 10_000, 10),
            (None, None, 0, 1),
        ],
    )
    def test_the_least_holds(
        self, node_ms: int | None, queue_ms: int | None, consumer_ms: int | None, seconds: int | None
    ) -> None:
        assert self.overdue_after(node_ms, queue_ms, consumer_ms) == seconds

    def test_a_policy_may_set_it_later(self) -> None:
        world = World()
        link = prepared(world)
        link.send(BasicConsume("q", "tag"))
        link.publish(b"a")
        pass_time(world, 60_000)
        queue = world.broker.vhosts["/"].queues["q"]
        queue.configure(QueueSettings(consumer_timeout_ms=5000))
        link.received.clear()
        pass_time(world, 4900)
        assert link.take() == []  # nobody knows how old it is
        pass_time(world, 2000)
        assert link.take() == [BasicCancel("tag", True)]

    def test_a_policy_may_take_it_away(self) -> None:
        world = World()
        link = prepared(world)
        queue = world.broker.vhosts["/"].queues["q"]
        queue.configure(QueueSettings(consumer_timeout_ms=5000))
        link.send(BasicConsume("q", "tag"))
        link.publish(b"a")
        queue.configure(QueueSettings())
        link.received.clear()
        pass_time(world, 60_000)
        assert link.take() == []
        assert link.session.connection is not None
        assert link.session.connection.timeouts.watched == {}

    def test_who_does_not_acknowledge_is_never_late(self) -> None:
        world = World(settings=Settings(consumer_timeout_ms=1000))
        link = prepared(world)
        link.send(BasicConsume("q", "tag", no_ack=True))
        link.publish(b"a")
        link.received.clear()
        pass_time(world, 5000)
        assert link.take() == []


class TestMany:
    def many(self, count: int, *arguments: Arguments) -> Link:
        """A channel with so many consumers, each with a message."""
        link = World(late=False).channel()
        link.send(QueueDeclare("q"), BasicQos(0, 1))
        link.send(*[BasicConsume("q", f"{n}", arguments=arguments[n % len(arguments)]) for n in range(count)])
        link.publish(*[b"%d" % number for number in range(count)])
        link.received.clear()
        return link

    def test_they_go_some_at_a_time(self) -> None:
        link = self.many(3 * TIMEOUTS_PER_LOOK, SECOND)
        pass_time(link.world, LATE + 300)
        assert link.take() == [BasicCancel(f"{number}", True) for number in range(3 * TIMEOUTS_PER_LOOK)]

    def test_those_who_have_more_time_hide_nobody(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(watching, "TIMEOUT_OWNERS_PER_LOOK", 4)
        link = self.many(50, *[MINUTE] * 24, SECOND)
        pass_time(link.world, LATE + 1300)
        assert link.take() == [BasicCancel("24", True), BasicCancel("49", True)]
        pass_time(link.world, 20_000)
        assert link.take() == []


def test_the_shell_is_asked_for_a_tick_at_once() -> None:
    """Also when nothing is answered."""
    link = prepared(World())
    link.open_channel(2)
    for channel in (1, 2):
        deadline_ms, woken = link.session.deadline_ms, link.shell.count
        link.push(method_frame(channel, BasicConsume("q", "tag", no_wait=True, arguments=SECOND)))
        link.session.step(2)
        assert link.session.deadline_ms != deadline_ms
        assert link.shell.count > woken
        link.world.run()


def test_a_channel_without_timeouts_is_not_watched() -> None:
    link = prepared(World())
    link.send(BasicConsume("q", "tag"), BasicGet("q"))
    assert link.session.connection is not None
    assert link.session.connection.timeouts.watched == {}


def test_a_channel_is_watched_until_nobody_has_anything() -> None:
    world = World()
    link = prepared(world)
    link.send(BasicConsume("q", "tag", arguments=SECOND))
    link.publish(b"a")
    assert link.session.connection is not None
    timeouts = link.session.connection.timeouts
    pass_time(world, 500)
    assert [*timeouts.watched] == [1]
    link.send(BasicAck(1), BasicCancel("tag"))
    pass_time(world, 500)
    assert timeouts.watched == {}
