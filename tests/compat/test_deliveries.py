"""Messages out: order, the redelivered flag, delivery tags, prefetch, and consumers that come and go."""

from __future__ import annotations

import pytest

from leveret.amqp import Settings
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
    BasicRecover,
    BasicRecoverAsync,
    BasicRecoverOk,
    BasicReject,
    ChannelClose,
    ChannelCloseOk,
    ConnectionClose,
    Method,
    QueueDeclare,
    QueueDeclareOk,
    QueueDelete,
    QueueDeleteOk,
    QueuePurge,
    QueuePurgeOk,
)

from ..amqp.support import Content, Link, World
from .support import args, bodies_in, client, refused, reopen


def get(link: Link, no_ack: bool = False) -> tuple[int, bytes, bool] | None:
    """Delivery tag, body and redelivered flag of the next message of `q`."""
    answer = link.call(BasicGet("q", no_ack))
    if isinstance(answer, BasicGetEmpty):
        return None
    assert isinstance(answer, Content)
    assert isinstance(answer.method, BasicGetOk)
    return answer.method.delivery_tag, answer.body, answer.method.redelivered


def delivered(link: Link, channel: int = 1) -> list[tuple[str, int, bytes, bool]]:
    """Consumer tag, delivery tag, body and redelivered flag of what was delivered since the last look."""
    found = []
    for what in link.take(channel):
        if isinstance(what, Content):
            assert isinstance(what.method, BasicDeliver)
            found.append((what.method.consumer_tag, what.method.delivery_tag, what.body, what.method.redelivered))
    return found


def filled(*bodies: bytes) -> Link:
    """A queue `q` with these messages."""
    link = client()
    link.send(QueueDeclare("q"))
    link.publish(*bodies)
    link.received.clear()
    return link


# -- settling ----------------------------------------------------------------------------------------------------------


def test_requeued_messages_take_their_old_places() -> None:
    link = filled(*[b"%d" % n for n in range(6)])
    for n in range(4):
        assert get(link) == (n + 1, b"%d" % n, False)
    link.send(BasicNack(2, requeue=True), BasicNack(4, requeue=True), BasicReject(1, requeue=True))
    assert [got[1:] for _ in range(6) if (got := get(link))] == [
        (b"0", True),
        (b"1", True),
        (b"3", True),
        (b"4", False),
        (b"5", False),
    ]


def test_multiple_settles_what_is_left_up_to_a_tag() -> None:
    link = filled(*[b"%d" % n for n in range(4)])
    for _ in range(4):
        get(link)
    link.send(BasicAck(2), BasicAck(3, multiple=True))
    assert link.call(QueueDeclare("q")) == QueueDeclareOk("q", 0, 0)
    link.send(BasicNack(0, multiple=True, requeue=True))
    assert get(link) == (5, b"3", True)
    link.received.clear()
    link.send(BasicAck(1))
    assert link.take() == [ChannelClose(406, "PRECONDITION_FAILED - unknown delivery tag 1", 60, 80)]


@pytest.mark.parametrize(
    "method",
    [
        BasicAck(0),
        BasicAck(3),
        BasicAck(9, multiple=True),
        BasicNack(0, requeue=True),
        BasicNack(3, multiple=True, requeue=True),
        BasicReject(0, requeue=True),
        BasicReject(3, requeue=False),
    ],
    ids=repr,
)
def test_a_tag_that_is_not_outstanding(method: BasicAck | BasicNack | BasicReject) -> None:
    link = filled(b"a", b"b", b"c")
    get(link), get(link), get(link, no_ack=True)
    link.received.clear()
    link.send(method)
    text = f"PRECONDITION_FAILED - unknown delivery tag {method.delivery_tag}"
    assert link.take() == [ChannelClose(406, text, 60, method.id & 0xFFFF)]
    reopen(link)
    assert bodies_in(link, "q") == [b"a", b"b"]


def test_tag_0_with_multiple_is_never_unknown() -> None:
    link = filled(b"a")
    link.send(BasicAck(0, multiple=True), BasicNack(0, multiple=True), BasicNack(0, multiple=True, requeue=True))
    get(link)
    link.received.clear()
    link.send(BasicAck(0, multiple=True), BasicAck(0, multiple=True))
    assert link.take() == []


def test_tags_count_per_channel_over_gets_and_deliveries() -> None:
    link = filled(b"1", b"2", b"3", b"4")
    assert get(link, no_ack=True) == (1, b"1", False)
    assert get(link) == (2, b"2", False)
    link.received.clear()
    link.send(BasicConsume("q", "t"))
    assert delivered(link) == [("t", 3, b"3", False), ("t", 4, b"4", False)]
    link.open_channel(2)
    link.send(BasicAck(2), channel=2)
    assert link.take(2) == [ChannelClose(406, "PRECONDITION_FAILED - unknown delivery tag 2", 60, 80)]


def test_recover_returns_everything_to_its_place() -> None:
    link = filled(b"1", b"2", b"3")
    assert link.call(BasicRecover(True)) == BasicRecoverOk()
    get(link), get(link)
    assert link.call(BasicRecover(True)) == BasicRecoverOk()
    assert [get(link), get(link), get(link)] == [(3, b"1", True), (4, b"2", True), (5, b"3", False)]
    link.send(BasicRecoverAsync(True))
    assert bodies_in(link, "q") == [b"1", b"2", b"3"]


@pytest.mark.parametrize("method", [BasicRecover(False), BasicRecoverAsync(False)], ids=repr)
def test_recover_without_requeue_costs_the_connection(method: Method) -> None:
    link = client()
    link.send(method)
    text = "NOT_IMPLEMENTED - requeue=false"
    assert link.received == [(0, ConnectionClose(540, text, 60, method.id & 0xFFFF))]


def test_what_a_deleted_queue_had_outstanding_may_still_be_settled() -> None:
    link = filled(b"a", b"b")
    get(link), get(link)
    assert link.call(QueueDelete("q")) == QueueDeleteOk(0)
    assert link.call(QueueDeclare("q")) == QueueDeclareOk("q", 0, 0)
    link.send(BasicAck(1), BasicNack(2, requeue=True))
    assert link.call(QueueDeclare("q")) == QueueDeclareOk("q", 0, 0)


def test_purging_leaves_what_is_outstanding() -> None:
    link = filled(b"1", b"2", b"3")
    get(link)
    assert link.call(QueuePurge("q")) == QueuePurgeOk(2)
    link.send(BasicNack(1, requeue=True))
    assert link.call(QueuePurge("q")) == QueuePurgeOk(1)


def test_what_is_requeued_together_is_redelivered_in_order_within_the_prefetch() -> None:
    """RabbitMQ requeues consumer by consumer, so that some may be redelivered out of order, or over the prefetch."""
    link = filled(*[b"%d" % n for n in range(6)])
    for _ in range(3):
        get(link)
    link.received.clear()
    link.send(BasicQos(0, 2), BasicConsume("q", "t"))
    assert [body for _, _, body, _ in delivered(link)] == [b"3", b"4"]
    link.send(BasicNack(0, multiple=True, requeue=True))
    assert [(body, again) for _, _, body, again in delivered(link)] == [(b"0", True), (b"1", True)]


# -- consumers ---------------------------------------------------------------------------------------------------------


def test_consumers_of_a_channel_take_turns_in_the_queues_order() -> None:
    link = filled()
    for tag in "abc":
        link.send(BasicConsume("q", tag))
    link.received.clear()
    link.publish(*[b"%d" % n for n in range(7)])
    assert delivered(link) == [("abc"[n % 3], n + 1, b"%d" % n, False) for n in range(7)]


def test_what_a_channel_held_is_redelivered_in_its_place() -> None:
    link = filled(*[b"%d" % n for n in range(5)])
    link.open_channel(2)
    link.send(BasicQos(0, 3), BasicConsume("q", "t"), channel=2)
    link.send(BasicAck(2), channel=2)
    link.send(ChannelClose(200), channel=2)
    assert link.last(2) == ChannelCloseOk()
    assert [got[1:] for _ in range(4) if (got := get(link))] == [
        (b"0", True),
        (b"2", True),
        (b"3", True),  # the ack had made room for it
        (b"4", False),
    ]


def test_a_cancelled_consumers_messages_stay_outstanding() -> None:
    link = filled(b"1", b"2")
    link.send(BasicConsume("q", "t"))
    assert link.call(BasicCancel("t")) == BasicCancelOk("t")
    assert link.call(QueueDeclare("q")) == QueueDeclareOk("q", 0, 0)
    link.send(BasicNack(1, requeue=True))
    assert get(link) == (3, b"1", True)
    link.send(BasicAck(2))
    assert link.call(BasicCancel("t")) == BasicCancelOk("t")


def test_a_tag_in_use_costs_the_connection_even_for_a_queue_that_is_not_there() -> None:
    link = filled()
    assert link.call(BasicConsume("q", "t")) == BasicConsumeOk("t")
    link.received.clear()
    link.send(BasicConsume("missing", "t"))
    text = "NOT_ALLOWED - attempt to reuse consumer tag 't'"
    assert link.received == [(0, ConnectionClose(530, text, 60, 20))]


def test_exclusive_consumers_in_either_order() -> None:
    text = "ACCESS_REFUSED - queue 'q' in vhost '/' in exclusive use"
    link = filled()
    link.open_channel(2)
    assert link.call(BasicConsume("q", "t", exclusive=True)) == BasicConsumeOk("t")
    for exclusive in (False, True):
        assert refused(link, BasicConsume("q", "u", exclusive=exclusive), 2) == (403, text)
    link.send(BasicCancel("t"))
    assert link.call(BasicConsume("q", "t"), 2) == BasicConsumeOk("t")
    assert refused(link, BasicConsume("q", "u", exclusive=True)) == (403, text)


def test_a_get_of_a_queue_with_an_exclusive_consumer() -> None:
    link = filled(b"a", b"b")
    link.open_channel(2)
    link.send(BasicQos(0, 1), BasicConsume("q", "t", exclusive=True), channel=2)
    assert get(link) == (1, b"b", False)


def test_consumers_of_higher_priority_are_served_while_they_can_take_some() -> None:
    link = filled()
    for tag, priority in (("low", -1), ("none", 0), ("high", 10)):
        link.send(BasicQos(0, 2), BasicConsume("q", tag, arguments=args(x_priority=priority)))
    link.publish(*[b"%d" % number for number in range(7)])
    assert [(tag, body) for tag, _, body, _ in delivered(link)] == [
        ("high", b"0"),
        ("high", b"1"),
        ("none", b"2"),
        ("none", b"3"),
        ("low", b"4"),
        ("low", b"5"),
    ]
    link.send(BasicAck(1))
    assert delivered(link) == [("high", 7, b"6", False)]


def test_what_a_priority_of_a_consumer_may_be() -> None:
    link = filled()
    for number, priority in enumerate((0, -5, 1 << 40)):
        assert link.call(BasicConsume("q", f"{number}", arguments=args(x_priority=priority))) == BasicConsumeOk(
            f"{number}"
        )
    code, text = refused(link, BasicConsume("q", "t", arguments=args(x_priority="1")))
    problem = '"expected integer, got longstr"'
    assert (code, text) == (
        406,
        f"PRECONDITION_FAILED - invalid arg 'x-priority' for queue 'q' in vhost '/': {problem}",
    )


def single(*bodies: bytes) -> Link:
    """A queue `q` with a single active consumer, and two channels."""
    link = client()
    link.send(QueueDeclare("q", arguments=args(x_single_active_consumer=True)))
    link.open_channel(2)
    link.publish(*bodies)
    link.received.clear()
    return link


def test_the_single_active_consumer_is_followed_by_the_highest() -> None:
    link = single()
    link.send(BasicConsume("q", "first"))
    link.send(BasicConsume("q", "second"), BasicConsume("q", "high", arguments=args(x_priority=1)), channel=2)
    link.received.clear()
    link.publish(b"a", b"b")
    assert delivered(link) == [("first", 1, b"a", False), ("first", 2, b"b", False)]
    link.send(BasicAck(1), ChannelClose(200))
    assert delivered(link, 2) == [("high", 1, b"b", True)]


def test_a_single_active_consumer_is_never_exclusive() -> None:
    text = "ACCESS_REFUSED - queue 'q' in vhost '/' in exclusive use"
    assert refused(single(), BasicConsume("q", "t", exclusive=True)) == (403, text)


def test_a_get_of_a_queue_with_a_single_active_consumer() -> None:
    link = single(b"a", b"b")
    link.send(BasicQos(0, 1), BasicConsume("q", "t"), channel=2)
    assert get(link) == (1, b"b", False)


def test_no_local_means_nothing() -> None:
    link = filled(b"a")
    link.send(BasicConsume("q", "t", no_local=True))
    assert delivered(link) == [("t", 1, b"a", False)]


def test_consumers_hear_that_their_queue_is_gone_if_they_listen() -> None:
    world = World()
    one, other = world.channel(), world.channel()
    one.send(QueueDeclare("q"))
    for tag in "ab":
        other.send(BasicConsume("q", tag))
    other.received.clear()
    assert one.call(QueueDelete("q")) == QueueDeleteOk(0)
    assert other.take() == [BasicCancel("a", no_wait=True), BasicCancel("b", no_wait=True)]
    assert other.call(BasicCancel("a")) == BasicCancelOk("a")
    one.send(QueueDeclare("q"))
    assert other.call(BasicConsume("q", "a")) == BasicConsumeOk("a")


# -- prefetch ----------------------------------------------------------------------------------------------------------


def test_prefetch_is_of_each_later_consumer() -> None:
    link = filled(*[b"%d" % n for n in range(7)])
    link.send(BasicQos(0, 1), BasicConsume("q", "a"), BasicQos(0, 3), BasicConsume("q", "b"), BasicQos(0, 0))
    tags = [tag for tag, _, _, _ in delivered(link)]
    assert (tags.count("a"), tags.count("b")) == (1, 3)


def test_without_acks_there_is_no_prefetch() -> None:
    link = filled(*[b"%d" % n for n in range(5)])
    link.send(BasicQos(0, 1), BasicConsume("q", "t", no_ack=True))
    assert len(delivered(link)) == 5
    link.send(BasicAck(1))
    assert link.take() == [ChannelClose(406, "PRECONDITION_FAILED - unknown delivery tag 1", 60, 80)]


def test_a_global_prefetch_is_of_the_channel_and_holds_for_all_its_consumers() -> None:
    link = filled(*[b"%d" % n for n in range(7)])
    link.send(BasicConsume("q", "a"))
    assert len(delivered(link)) == 7
    link.send(BasicQos(0, 2, global_=True))
    link.publish(b"7", b"8")
    assert delivered(link) == []
    link.send(BasicAck(6, multiple=True))
    assert [body for _, _, body, _ in delivered(link)] == [b"7"]
    link.send(BasicQos(0, 0, global_=True))
    assert [body for _, _, body, _ in delivered(link)] == [b"8"]


def test_gets_do_not_use_up_a_global_prefetch() -> None:
    """In RabbitMQ what is outstanding when the limit is set counts, gets included, and never stops counting."""
    link = filled(b"1", b"2", b"3")
    get(link)
    link.received.clear()
    link.send(BasicQos(0, 1, global_=True), BasicConsume("q", "t"))
    assert [body for _, _, body, _ in delivered(link)] == [b"2"]


def test_both_kinds_of_prefetch_bound_together() -> None:
    link = filled(*[b"%d" % n for n in range(7)])
    link.send(BasicQos(0, 2), BasicQos(0, 3, global_=True), BasicConsume("q", "a"), BasicConsume("q", "b"))
    tags = [tag for tag, _, _, _ in delivered(link)]
    assert len(tags) == 3
    assert tags.count("a") <= 2
    assert tags.count("b") <= 2


def test_whose_turn_it_was_is_next_when_a_global_prefetch_allows_it() -> None:
    link = filled()
    link.send(BasicQos(0, 3, True), BasicConsume("q", "a"), BasicConsume("q", "b"))
    link.received.clear()
    link.publish(*[b"%d" % number for number in range(6)])
    assert [(tag, body) for tag, _, body, _ in delivered(link)] == [("a", b"0"), ("b", b"1"), ("a", b"2")]
    link.send(BasicAck(2))
    assert delivered(link) == [("b", 4, b"3", False)]


def test_a_node_may_have_a_prefetch_of_its_own() -> None:
    link = World(settings=Settings(consumer_prefetch=2)).channel()
    link.send(QueueDeclare("q"), BasicConsume("q", "t"))
    link.publish(b"a", b"b", b"c")
    assert [body for _, _, body, _ in delivered(link)] == [b"a", b"b"]
    link.send(BasicCancel("t"), BasicNack(0, True, True), BasicQos(0, 0), BasicConsume("q", "u"))
    assert [body for _, _, body, _ in delivered(link)] == [b"a", b"b", b"c"]


def test_a_later_prefetch_per_consumer_ends_the_global_one() -> None:
    link = filled(b"1", b"2", b"3")
    link.send(BasicQos(0, 1, global_=True), BasicConsume("q", "a"))
    assert len(delivered(link)) == 1
    link.send(BasicQos(0, 5))
    assert len(delivered(link)) == 2


@pytest.mark.parametrize("shared", [False, True])
def test_a_prefetch_in_bytes_costs_the_connection(shared: bool) -> None:
    link = client()
    link.send(BasicQos(1, 0, shared))
    assert link.received == [(0, ConnectionClose(540, "NOT_IMPLEMENTED - prefetch_size!=0 (1)", 60, 10))]
