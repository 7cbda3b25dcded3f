"""Connections that publish while a resource is short, or while the log is behind, are not read (RabbitMQ "Blocked
Connection Notifications", "Flow Control")."""

from __future__ import annotations

import pytest

from leveret.amqp import Settings
from leveret.broker.paging import Pager
from leveret.errors import ConnectionForced
from leveret.wire.fields import Arguments
from leveret.wire.frames import content_frames, method_frame
from leveret.wire.methods import (
    BasicConsume,
    BasicDeliver,
    BasicPublish,
    ChannelClose,
    ChannelOpen,
    ChannelOpenOk,
    ConfirmSelect,
    ConnectionBlocked,
    ConnectionClose,
    ConnectionCloseOk,
    ConnectionUnblocked,
    QueueDeclare,
    QueueDeclareOk,
    TxCommit,
    TxSelect,
)

from .support import PERSISTENT, TRANSIENT, Content, Link, World


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def publisher(world: World) -> Link:
    link = world.channel()
    link.call(QueueDeclare("q", durable=True))
    link.received.clear()
    return link


class TestAlarms:
    def test_who_publishes_is_told_and_not_read_until_it_is_over(self, world: World, publisher: Link) -> None:
        world.short(memory=True)
        assert publisher.session.reading
        assert publisher.take(0) == []
        publisher.publish(b"the last")
        assert publisher.take(0) == [ConnectionBlocked("low on memory")]
        assert not publisher.session.reading
        awake = publisher.shell.count
        world.short()
        assert publisher.shell.count > awake, "the shell looks whether to read"
        assert publisher.take(0) == [ConnectionUnblocked()]
        assert publisher.session.reading

    def test_what_had_come_is_accepted(self, world: World, publisher: Link) -> None:
        publisher.call(ConfirmSelect())
        world.short(disk=True)
        publisher.publish(b"one", b"two")
        publisher.publish(b"was read already")
        world.short()
        assert publisher.call(QueueDeclare("q", passive=True)) == QueueDeclareOk("q", 3, 0)

    @pytest.mark.parametrize(
        ("short", "reason"),
        [
            ({"memory": True}, "low on memory"),
            ({"disk": True}, "low on disk"),
            ({"memory": True, "disk": True}, "low on disk & memory"),
        ],
    )
    def test_the_reason(self, world: World, publisher: Link, short: dict[str, bool], reason: str) -> None:
        world.short(**short)
        publisher.publish(b"x")
        assert publisher.take(0) == [ConnectionBlocked(reason)]

    def test_one_is_told_once_and_goes_on_when_nothing_is_short(self, world: World, publisher: Link) -> None:
        world.short(memory=True)
        publisher.publish(b"x")
        publisher.publish(b"x")
        world.short(memory=True, disk=True)
        world.short(disk=True)
        assert publisher.take(0) == [ConnectionBlocked("low on memory")]
        assert not publisher.session.reading
        world.short()
        assert publisher.take(0) == [ConnectionUnblocked()]

    def test_it_is_told_again_the_next_time(self, world: World, publisher: Link) -> None:
        for _ in range(2):
            world.short(memory=True)
            assert publisher.session.reading, "until it publishes again (RabbitMQ: state blocking)"
            publisher.publish(b"x")
            world.short()
        assert publisher.take(0) == [ConnectionBlocked("low on memory"), ConnectionUnblocked()] * 2

    def test_a_client_that_does_not_understand_is_not_told_but_stopped(self, world: World) -> None:
        link = world.link()
        link.open(properties=Arguments.of({"capabilities": {"connection.blocked": False}}))
        link.open_channel(1)
        world.short(memory=True)
        link.publish(b"x")
        assert not link.session.reading
        world.short()
        assert link.session.reading
        assert link.take(0) == []

    def test_who_does_not_publish_goes_on(self, world: World, publisher: Link) -> None:
        consumer = world.channel()
        consumer.send(BasicConsume("q", "c", no_ack=True))
        world.short(memory=True)
        consumer.received.clear()
        publisher.publish(b"x")
        assert consumer.bodies() == [b"x"]
        assert consumer.session.reading
        assert isinstance(consumer.call(QueueDeclare("other")), QueueDeclareOk)
        newcomer = world.connect()
        assert newcomer.call(ChannelOpen(), 1) == ChannelOpenOk()
        newcomer.publish(b"y")
        assert newcomer.take(0) == [ConnectionBlocked("low on memory")]

    def test_deliveries_to_who_is_blocked_go_on(self, world: World, publisher: Link) -> None:
        publisher.send(BasicConsume("q", "c", no_ack=True))
        world.short(memory=True)
        publisher.publish(b"x")
        other = world.channel()
        other.publish(b"y")
        came = [what.body for what in publisher.on(1) if isinstance(what, Content)]
        assert came == [b"x", b"y"]

    def test_what_waits_for_its_channel_counts_when_it_comes(self, world: World) -> None:
        link = world.channel()
        world.held = True
        world.short(memory=True)
        link.push(method_frame(1, QueueDeclare("q", durable=True)))
        link.feed(content_frames(1, BasicPublish("", "q"), TRANSIENT, b"x", 131072))
        assert link.session.held_events
        assert link.take(0) == [ConnectionBlocked("low on memory")]
        assert not link.session.reading
        world.held = False
        world.short()
        assert link.take(0) == [ConnectionUnblocked()]
        assert link.call(QueueDeclare("q", passive=True)) == QueueDeclareOk("q", 1, 0)

    def test_heartbeats_go_out_and_silence_is_no_death(self, world: World) -> None:
        link = world.link()
        link.open(heartbeat=10)
        link.open_channel(1)
        world.short(memory=True)
        link.publish(b"x")
        link.received.clear()
        for _ in range(20):
            world.tick(5_000)
        assert link.take(0) in ([None] * 19, [None] * 20), "one every half timeout in which nothing else was said"
        assert not link.session.finished
        world.short()
        for _ in range(4):
            assert not link.session.finished
            world.tick(5_000)
        assert link.session.finished, "now it has to speak again"

    def test_the_server_can_close_it_and_hears_the_answer(self, world: World, publisher: Link) -> None:
        world.short(memory=True)
        publisher.publish(b"x")
        publisher.received.clear()
        publisher.session.shutdown("the end")
        world.run()
        (close,) = publisher.take(0)
        assert isinstance(close, ConnectionClose)
        assert close.reply_code == ConnectionForced.code
        assert publisher.session.reading
        publisher.send(ConnectionCloseOk(), channel=0)
        assert publisher.session.finished
        world.short()
        assert publisher.take(0) == []

    def test_content_after_the_servers_close_blocks_nothing(self, world: World, publisher: Link) -> None:
        world.short(memory=True)
        publisher.session.shutdown("the end")
        world.run()
        publisher.received.clear()
        publisher.publish(b"crosses")
        assert publisher.session.reading
        assert publisher.take(0) == []

    def test_who_is_gone_is_forgotten(self, world: World, publisher: Link) -> None:
        world.short(memory=True)
        publisher.publish(b"x")
        publisher.session.lost()
        world.short()
        assert publisher.on(0) == [ConnectionBlocked("low on memory")]

    def test_an_error_of_the_message_comes_too(self, world: World, publisher: Link) -> None:
        world.short(memory=True)
        publisher.publish(b"x", exchange="nowhere")
        (closed,) = publisher.on(1)
        assert isinstance(closed, ChannelClose)
        assert publisher.take(0) == [ConnectionBlocked("low on memory")]
        assert not publisher.session.reading

    def test_a_message_half_received_is_completed(self, world: World, publisher: Link) -> None:
        frames = content_frames(1, BasicPublish("", "q"), TRANSIENT, bytes(300_000), 131072)
        publisher.feed(frames[:150_000])
        world.short(memory=True)
        assert publisher.session.reading
        publisher.feed(frames[150_000:])
        assert not publisher.session.reading


class TestLag:
    def test_who_outruns_the_log_waits_alone(self, world: World, publisher: Link) -> None:
        other = world.channel()
        world.log.lagging = True
        publisher.publish(b"x", properties=PERSISTENT)
        other.publish(b"y", properties=TRANSIENT)
        assert not publisher.session.reading
        assert other.session.reading
        assert publisher.take(0) == [], "RabbitMQ does not tell: it is over soon"
        awake = publisher.shell.count
        world.log.lagging = False
        world.run()
        world.log.sync()
        assert publisher.session.reading
        assert publisher.shell.count > awake

    def test_only_once_it_is_lagging(self, world: World, publisher: Link) -> None:
        publisher.publish(b"x", properties=PERSISTENT)
        assert publisher.session.reading

    def test_messages_that_nobody_keeps_do_not_count(self, world: World) -> None:
        link = world.channel()
        link.call(QueueDeclare("transient", exclusive=True))
        world.log.lagging = True
        link.publish(b"x", key="transient", properties=PERSISTENT)
        assert link.session.reading

    def test_a_commit_counts(self, world: World, publisher: Link) -> None:
        publisher.call(TxSelect())
        world.log.lagging = True
        publisher.publish(b"x", properties=PERSISTENT)
        assert publisher.session.reading
        publisher.send(TxCommit())
        assert not publisher.session.reading

    def test_a_commit_of_what_goes_to_the_spill_counts(
        self, world: World, publisher: Link, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        publisher.call(TxSelect())
        monkeypatch.setattr(Pager, "lagging", True)
        publisher.publish(b"x", properties=TRANSIENT)
        assert publisher.session.reading
        publisher.send(TxCommit())
        assert not publisher.session.reading

    def test_confirms_come_meanwhile(self, world: World, publisher: Link) -> None:
        publisher.call(ConfirmSelect())
        publisher.received.clear()
        world.log.lagging = True
        publisher.publish(b"x", properties=PERSISTENT)
        assert len(publisher.take(1)) == 1
        assert not publisher.session.reading

    def test_both_reasons_have_to_be_over(self, world: World, publisher: Link) -> None:
        world.log.lagging = True
        world.short(memory=True)
        publisher.publish(b"x", properties=PERSISTENT)
        publisher.publish(b"x", properties=PERSISTENT)
        world.short()
        assert publisher.take(0) == [ConnectionBlocked("low on memory"), ConnectionUnblocked()]
        assert not publisher.session.reading
        world.log.lagging = False
        world.log.sync()
        assert publisher.session.reading

    def test_the_end_comes_first(self, world: World, publisher: Link) -> None:
        world.log.lagging = True
        publisher.publish(b"x", properties=PERSISTENT)
        publisher.session.lost()
        world.log.lagging = False
        world.log.sync()
        world.run()
        assert publisher.session.finished

    def test_silence_is_no_death(self) -> None:
        world = World(settings=Settings())
        link = world.link()
        link.open(heartbeat=1)
        link.open_channel(1)
        link.call(QueueDeclare("q", durable=True))
        world.log.lagging = True
        link.publish(b"x", properties=PERSISTENT)
        world.tick(60_000)
        assert not link.session.finished


def test_consumers_are_served_while_publishers_wait(world: World, publisher: Link) -> None:
    consumer = world.channel()
    consumer.send(BasicConsume("q", "c", no_ack=True))
    consumer.received.clear()
    world.log.lagging = True
    publisher.publish(b"x", properties=PERSISTENT)
    (delivery,) = consumer.take(1)
    assert isinstance(delivery, Content)
    assert isinstance(delivery.method, BasicDeliver)
