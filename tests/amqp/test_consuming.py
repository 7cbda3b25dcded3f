"""basic.qos, consume, cancel, get, recover, ack, nack and reject on the wire."""

from __future__ import annotations

import gc

import pytest

from leveret.amqp import Settings
from leveret.amqp.deliveries import TaggedConsumer
from leveret.limits import OUTPUT_HIGH
from leveret.wire.fields import Arguments
from leveret.wire.frames import PROTOCOL_HEADER
from leveret.wire.methods import (
    BasicAck,
    BasicCancel,
    BasicCancelOk,
    BasicConsume,
    BasicConsumeOk,
    BasicDeliver,
    BasicGet,
    BasicGetEmpty,
    BasicGetOk,
    BasicNack,
    BasicQos,
    BasicQosOk,
    BasicRecover,
    BasicRecoverAsync,
    BasicRecoverOk,
    BasicReject,
    ChannelClose,
    ChannelCloseOk,
    ChannelFlow,
    ChannelFlowOk,
    ChannelOpen,
    ConnectionClose,
    ConnectionOpen,
    ConnectionStartOk,
    ConnectionTuneOk,
    Method,
    QueueDeclare,
    QueueDelete,
    QueueDeleteOk,
    QueuePurge,
)

from .samples import prepared
from .support import Content, Link, World


def deliveries(link: Link, channel: int = 1) -> list[tuple[str, int, bytes, bool]]:
    """(consumer tag, delivery tag, body, redelivered) of what came; then everything is forgotten."""
    found = []
    for what in link.take(channel):
        if isinstance(what, Content) and isinstance(what.method, BasicDeliver):
            method = what.method
            found.append((method.consumer_tag, method.delivery_tag, what.body, method.redelivered))
    return found


# -- consume -----------------------------------------------------------------------------------------------------------


def test_consume_ok_comes_before_the_first_delivery() -> None:
    link = prepared(World())
    link.publish(b"a", b"b")
    link.send(BasicConsume("q", "tag"))
    assert link.take() == [
        BasicConsumeOk("tag"),
        Content(BasicDeliver("tag", 1, False, "", "q"), b"\0\0", b"a"),
        Content(BasicDeliver("tag", 2, False, "", "q"), b"\0\0", b"b"),
    ]


def test_nowait_consume_delivers_without_an_answer() -> None:
    link = prepared(World())
    link.publish(b"a")
    link.send(BasicConsume("q", "tag", no_wait=True))
    assert [type(what) for what in link.take()] == [Content]


def test_the_broker_makes_a_tag() -> None:
    link = prepared(World())
    first, second = link.call(BasicConsume("q")), link.call(BasicConsume("q"))
    assert isinstance(first, BasicConsumeOk)
    assert isinstance(second, BasicConsumeOk)
    assert first.consumer_tag.startswith("amq.ctag-")
    assert first.consumer_tag != second.consumer_tag


def test_a_tag_in_use_costs_the_connection() -> None:
    link = prepared(World())
    link.send(BasicConsume("q", "tag"), BasicConsume("q", "tag"))
    assert link.on(0) == [ConnectionClose(530, "NOT_ALLOWED - attempt to reuse consumer tag 'tag'", 60, 20)]


def test_a_tag_is_free_after_cancel_and_on_another_channel() -> None:
    link = prepared(World())
    link.open_channel(2)
    link.send(BasicConsume("q", "tag"), BasicCancel("tag"), BasicConsume("q", "tag"))
    link.send(BasicConsume("q", "tag"), channel=2)
    assert link.on(0) == []


def test_more_consumers_than_allowed() -> None:
    link = World(settings=Settings(consumers_per_channel_max=2)).channel()
    link.send(QueueDeclare("q"), BasicConsume("q"), BasicConsume("q"), BasicConsume("q"))
    assert link.on(0) == [ConnectionClose(530, "NOT_ALLOWED - reached maximum (2) of consumers per channel", 60, 20)]


def test_a_used_tag_comes_before_a_missing_queue() -> None:
    link = prepared(World())
    link.open_channel(2)
    link.send(BasicConsume("q", "tag"), BasicConsume("", "tag"), channel=2)
    assert link.on(0) == [ConnectionClose(530, "NOT_ALLOWED - attempt to reuse consumer tag 'tag'", 60, 20)]


def test_an_exclusive_consumer_is_alone() -> None:
    link = prepared(World())
    link.send(BasicConsume("q", "tag", exclusive=True))
    assert link.call(BasicConsume("q", "other")) == ChannelClose(
        403, "ACCESS_REFUSED - queue 'q' in vhost '/' in exclusive use", 60, 20
    )


def test_a_refused_consumer_is_not_kept() -> None:
    link = prepared(World())
    assert isinstance(link.call(BasicConsume("missing", "tag")), ChannelClose)
    link.send(ChannelCloseOk())
    link.open_channel(1)
    assert link.call(BasicConsume("q", "tag")) == BasicConsumeOk("tag")


def test_the_last_queue_is_consumed() -> None:
    link = prepared(World())
    link.send(BasicConsume("", "tag"))
    link.received.clear()
    link.publish(b"a")
    assert deliveries(link) == [("tag", 1, b"a", False)]


def test_without_acks_nothing_is_outstanding() -> None:
    link = prepared(World())
    link.send(BasicConsume("q", "tag", no_ack=True))
    link.publish(b"a", b"b")
    assert len(deliveries(link)) == 2
    assert link.call(BasicAck(1)) == ChannelClose(406, "PRECONDITION_FAILED - unknown delivery tag 1", 60, 80)


def test_large_bodies_are_split_by_frame_max() -> None:
    link = World().channel(frame_max=8192)
    link.send(QueueDeclare("q"), BasicConsume("q", "tag"))
    link.received.clear()
    link.publish(b"x" * 50_000)
    assert link.bodies() == [b"x" * 50_000]


# -- cancel ------------------------------------------------------------------------------------------------------------


def test_cancel_stops_deliveries_and_keeps_what_is_outstanding() -> None:
    link = prepared(World())
    link.send(BasicConsume("q", "tag"))
    link.publish(b"a")
    link.received.clear()
    assert link.call(BasicCancel("tag")) == BasicCancelOk("tag")
    link.publish(b"b")
    assert link.take() == [BasicCancelOk("tag")]
    link.send(BasicNack(1, requeue=True), BasicConsume("q", "again"))
    assert deliveries(link) == [("again", 2, b"a", True), ("again", 3, b"b", False)]


def test_cancelling_what_is_not_there() -> None:
    assert prepared(World()).call(BasicCancel("who")) == BasicCancelOk("who")


def test_nowait_cancel() -> None:
    link = prepared(World())
    link.send(BasicConsume("q", "tag"), BasicCancel("tag", no_wait=True), BasicQos(0, 1))
    assert link.take() == [BasicConsumeOk("tag"), BasicQosOk()]


def test_clients_that_understand_are_told_when_their_queue_is_gone() -> None:
    world = World()
    link = prepared(world)
    link.send(BasicConsume("q", "tag"))
    other = world.channel()
    link.received.clear()
    other.send(QueueDelete("q"))
    assert link.take() == [BasicCancel("tag", True)]
    assert link.call(BasicCancel("tag")) == BasicCancelOk("tag")


def test_clients_that_do_not_understand_are_not_told() -> None:
    world = World()
    link = world.link()
    link.feed(PROTOCOL_HEADER)
    link.send(ConnectionStartOk(Arguments.EMPTY, "PLAIN", b"\0guest\0guest", "en_US"), channel=0)
    link.send(ConnectionTuneOk(2047, 131072, 0), ConnectionOpen("/"), channel=0)
    link.open_channel(1)
    link.send(QueueDeclare("q"), BasicConsume("q", "tag"))
    link.received.clear()
    link.send(QueueDelete("q"))
    assert link.take() == [QueueDeleteOk(0)]


def test_a_consumer_hears_of_its_queue_before_who_deleted_it() -> None:
    link = prepared(World())
    link.send(BasicConsume("q", "tag"), QueueDelete("q"))
    assert link.take() == [BasicConsumeOk("tag"), BasicCancel("tag", True), QueueDeleteOk(0)]


# -- get ---------------------------------------------------------------------------------------------------------------


def test_get() -> None:
    link = prepared(World())
    link.publish(b"a", b"b")
    assert link.call(BasicGet("q")) == Content(BasicGetOk(1, False, "", "q", 1), b"\0\0", b"a")
    assert link.call(BasicGet("q", no_ack=True)) == Content(BasicGetOk(2, False, "", "q", 0), b"\0\0", b"b")
    assert link.call(BasicGet("q")) == BasicGetEmpty()
    link.send(BasicNack(1, requeue=True))
    assert link.call(BasicGet("q")) == Content(BasicGetOk(3, True, "", "q", 0), b"\0\0", b"a")
    assert link.call(BasicAck(2)) == ChannelClose(406, "PRECONDITION_FAILED - unknown delivery tag 2", 60, 80)


def test_gets_of_several_queues_share_their_tags() -> None:
    link = prepared(World())
    link.send(QueueDeclare("r"))
    link.publish(b"a")
    link.publish(b"b", key="r")
    link.send(BasicGet("q"), BasicGet("r"))
    assert link.bodies() == [b"a", b"b"]
    link.send(BasicNack(2, multiple=True, requeue=True), BasicGet("r"), BasicGet("q"))
    assert link.bodies() == [b"b", b"a"]


def test_a_get_of_a_queue_that_is_deleted_meanwhile_can_be_settled() -> None:
    link = prepared(World())
    link.publish(b"a")
    link.send(BasicGet("q"), QueueDelete("q"), BasicNack(1, requeue=True), BasicQos(0, 1))
    assert link.take()[-1] == BasicQosOk()


def test_prefetch_does_not_limit_gets() -> None:
    link = prepared(World())
    link.publish(b"a", b"b", b"c")
    link.send(BasicQos(0, 1, True), BasicQos(0, 1), BasicGet("q"), BasicGet("q"), BasicGet("q"))
    assert link.bodies() == [b"a", b"b", b"c"]


# -- settling ----------------------------------------------------------------------------------------------------------


def test_acks_in_one_read() -> None:
    link = prepared(World())
    link.send(BasicConsume("q", "tag"))
    link.publish(*[b"%d" % n for n in range(10)])
    link.received.clear()
    link.send(
        *[BasicAck(tag) for tag in (3, 1, 2, 5)], BasicAck(8, True), BasicReject(9, False), BasicNack(0, True, True)
    )
    assert [(tag, body) for _, tag, body, _ in deliveries(link)] == [(11, b"9")]


@pytest.mark.parametrize("method", [BasicAck(5), BasicAck(5, True), BasicNack(5), BasicReject(5), BasicAck(0)])
def test_unknown_tags(method: Method) -> None:
    link = prepared(World())
    link.send(BasicConsume("q", "tag"))
    link.publish(b"a")
    link.received.clear()
    tag = method.delivery_tag  # type: ignore[attr-defined]
    text = f"PRECONDITION_FAILED - unknown delivery tag {tag}"
    assert link.call(method) == ChannelClose(406, text, 60, method.id & 0xFFFF)


def test_settlements_before_an_unknown_tag_count() -> None:
    link = prepared(World())
    link.send(BasicConsume("q", "tag"))
    link.publish(b"a", b"b")
    link.send(BasicAck(1), BasicAck(1))
    assert link.world.broker.vhosts["/"].queues["q"].ready == 1


def test_zero_with_multiple_means_all_and_is_never_unknown() -> None:
    link = prepared(World())
    link.send(BasicAck(0, True), BasicNack(0, True), BasicQos(0, 1))
    assert link.take() == [BasicQosOk()]


def test_requeued_messages_come_again_in_their_place() -> None:
    link = prepared(World())
    link.send(BasicQos(0, 2), BasicConsume("q", "tag"))
    link.publish(b"a", b"b", b"c")
    assert [entry[1:] for entry in deliveries(link)] == [(1, b"a", False), (2, b"b", False)]
    link.send(BasicReject(1, True))
    assert [entry[1:] for entry in deliveries(link)] == [(3, b"a", True)]
    link.send(BasicReject(2, False))
    assert [entry[1:] for entry in deliveries(link)] == [(4, b"c", False)]


def test_recover() -> None:
    link = prepared(World())
    link.publish(b"a", b"b")
    link.send(BasicGet("q"), BasicGet("q"), BasicRecover(True))
    assert link.take()[-1] == BasicRecoverOk()
    link.send(BasicGet("q"), BasicRecoverAsync(True), BasicGet("q"))
    assert [what.method.redelivered for what in link.take() if isinstance(what, Content)] == [True, True]  # type: ignore[attr-defined]


@pytest.mark.parametrize("method", [BasicRecover(False), BasicRecoverAsync(False)], ids=lambda method: method.name)
def test_recover_without_requeue(method: Method) -> None:
    link = prepared(World())
    link.send(method)
    assert link.on(0) == [ConnectionClose(540, "NOT_IMPLEMENTED - requeue=false", 60, method.id & 0xFFFF)]


# -- qos and flow ------------------------------------------------------------------------------------------------------


def test_prefetch_holds_for_later_consumers() -> None:
    link = prepared(World())
    link.publish(*[b"%d" % n for n in range(6)])
    link.send(BasicConsume("q", "before"))
    assert len(deliveries(link)) == 6
    link.send(BasicCancel("before"), BasicNack(0, True, True), BasicQos(0, 2), BasicConsume("q", "after"))
    assert [body for _, _, body, _ in deliveries(link)] == [b"0", b"1"]
    link.send(BasicAck(7))
    assert [body for _, _, body, _ in deliveries(link)] == [b"2"]


def test_a_global_prefetch_is_shared() -> None:
    link = prepared(World())
    link.send(BasicQos(0, 3, True), BasicConsume("q", "one"), BasicConsume("q", "two"))
    link.publish(*[b"%d" % n for n in range(6)])
    assert len(deliveries(link)) == 3
    link.send(BasicAck(3, True))
    assert len(deliveries(link)) == 3


def test_a_global_prefetch_counts_what_is_outstanding_already() -> None:
    link = prepared(World())
    link.send(BasicConsume("q", "tag"))
    link.publish(b"a", b"b", b"c")
    link.received.clear()
    link.send(BasicQos(0, 2, True))
    link.publish(b"d")
    assert deliveries(link) == []
    link.send(BasicAck(1))
    assert deliveries(link) == []
    link.send(BasicAck(2))
    assert [body for _, _, body, _ in deliveries(link)] == [b"d"]


def test_a_global_prefetch_ends() -> None:
    link = prepared(World())
    link.send(BasicQos(0, 1, True), BasicConsume("q", "tag"))
    link.publish(b"a", b"b", b"c")
    assert len(deliveries(link)) == 1
    link.send(BasicQos(0, 0, True))
    assert len(deliveries(link)) == 2


def test_a_size_is_not_implemented() -> None:
    link = prepared(World())
    link.send(BasicQos(1024, 1))
    assert link.on(0) == [ConnectionClose(540, "NOT_IMPLEMENTED - prefetch_size!=0 (1024)", 60, 10)]


def test_flow() -> None:
    link = prepared(World())
    assert link.call(ChannelFlow(True)) == ChannelFlowOk(True)
    link.send(ChannelFlow(False))
    assert link.on(0) == [ConnectionClose(540, "NOT_IMPLEMENTED - active=false", 20, 20)]


# -- room --------------------------------------------------------------------------------------------------------------


def test_deliveries_stop_when_the_client_does_not_read() -> None:
    world = World()
    link = prepared(world)
    link.send(BasicConsume("q", "tag", no_ack=True))
    link.reads = False
    publisher = world.channel()
    for _ in range(30):
        publisher.publish(*[b"x" * 10_000] * 10)
    queue = world.broker.vhosts["/"].queues["q"]
    assert OUTPUT_HIGH <= link.session.unwritten < OUTPUT_HIGH + 120_000
    assert queue.ready > 150
    link.reads = True
    world.run()
    assert queue.ready == 0
    assert len(link.bodies()) == 300


def test_more_than_the_output_holds_in_one_turn() -> None:
    """The socket takes everything at once, so nobody says `drained`: whoever waits for room goes on all the same."""
    world = World()
    link = prepared(world)
    for _ in range(30):
        link.publish(*[b"x" * 10_000] * 10)
    link.send(BasicConsume("q", "tag", no_ack=True))
    assert len(link.bodies()) == 300


def test_consumers_that_go_wait_for_no_room() -> None:
    """However many come and go while the client reads nothing."""
    world = World()
    link = prepared(world)
    link.publish(*[b"x" * 100_000] * 20)
    link.send(BasicConsume("q", "stays", no_wait=True))
    link.reads = False
    world.run()
    link.publish(*[b"x" * 100_000] * 20)
    assert link.session.unwritten > OUTPUT_HIGH
    for number in range(10):
        link.send(BasicConsume("q", f"{number}", no_wait=True))
        link.send(BasicCancel(f"{number}", no_wait=True))
        link.send(ChannelOpen(), BasicConsume("q", "tag", no_wait=True), channel=2)
        link.send(ChannelClose(200), channel=2)
        link.send(BasicNack(1 + number, requeue=True))
    queue = world.broker.vhosts["/"].queues["q"]
    kept = [thing for thing in gc.get_objects() if isinstance(thing, TaggedConsumer) and thing.queue is queue]
    assert [consumer.tag for consumer in kept] == ["stays"]
    link.reads = True
    world.run()
    assert len(link.bodies()) == 50


def test_two_connections_do_not_share_their_room() -> None:
    world = World()
    slow, fast = prepared(world), world.channel()
    slow.send(BasicConsume("q", "slow", no_ack=True))
    fast.send(BasicConsume("q", "fast", no_ack=True))
    slow.reads = False
    for _ in range(60):
        fast.publish(*[b"x" * 10_000] * 10)
    assert world.broker.vhosts["/"].queues["q"].ready == 0
    assert len(fast.bodies()) > 400


def test_purging_while_messages_are_outstanding() -> None:
    link = prepared(World())
    link.publish(b"a", b"b")
    link.send(BasicGet("q"), QueuePurge("q"), BasicNack(1, requeue=True), BasicGet("q"))
    assert link.bodies() == [b"a", b"a"]
