"""Messages in: refusals in mid-batch, returns, user-id, transactions."""

from __future__ import annotations

import pytest

from leveret.wire.fields import Arguments
from leveret.wire.frames import content_frames
from leveret.wire.methods import (
    BasicAck,
    BasicConsume,
    BasicGet,
    BasicGetEmpty,
    BasicNack,
    BasicPublish,
    BasicQos,
    BasicReturn,
    ChannelClose,
    ConfirmSelect,
    ConnectionClose,
    ExchangeDeclare,
    ExchangeDelete,
    Method,
    QueueBind,
    QueueDeclare,
    QueueDelete,
    TxCommit,
    TxCommitOk,
    TxRollback,
    TxRollbackOk,
    TxSelect,
    TxSelectOk,
)
from leveret.wire.properties import Properties, encode_properties

from .samples import prepared
from .support import PERSISTENT, TRANSIENT, Content, Link, World


def ready(world: World, queue: str = "q") -> int:
    return world.broker.vhosts["/"].queues[queue].ready


def contents(*publishes: BasicPublish, properties: bytes = TRANSIENT) -> bytes:
    return b"".join(content_frames(1, publish, properties, b"body", 131072) for publish in publishes)


# -- refusals ----------------------------------------------------------------------------------------------------------


def test_a_missing_exchange_costs_the_channel_but_not_the_messages_before() -> None:
    link = prepared(World())
    good = BasicPublish("", "q")
    link.feed(contents(good, good, BasicPublish("missing", "q"), good))
    assert link.take() == [ChannelClose(404, "NOT_FOUND - no exchange 'missing' in vhost '/'", 60, 40)]
    assert ready(link.world) == 2


def test_an_internal_exchange() -> None:
    link = prepared(World())
    link.send(ExchangeDeclare("inner", internal=True))
    link.received.clear()
    link.publish(b"a", exchange="inner")
    text = "ACCESS_REFUSED - cannot publish to internal exchange 'inner' in vhost '/'"
    assert link.take() == [ChannelClose(403, text, 60, 40)]


@pytest.mark.parametrize("before", [0, 2])
def test_immediate_is_not_implemented(before: int) -> None:
    link = prepared(World())
    publishes = [BasicPublish("", "q")] * before + [BasicPublish("", "q", False, True), BasicPublish("", "q")]
    link.feed(contents(*publishes))
    assert link.received == [(0, ConnectionClose(540, "NOT_IMPLEMENTED - immediate=true", 60, 40))]
    assert ready(link.world) == before


def test_whichever_refusal_comes_first_counts() -> None:
    link = prepared(World())
    link.feed(contents(BasicPublish("", "q"), BasicPublish("missing", "q"), BasicPublish("", "q", False, True)))
    assert [type(method) for _, method in link.received] == [ChannelClose]
    assert ready(link.world) == 1


def user_id(name: str) -> bytes:
    return encode_properties(Properties(user_id=name))


def test_a_user_id_has_to_be_ones_own() -> None:
    link = prepared(World())
    link.publish(b"a", properties=user_id("guest"))
    link.push(contents(BasicPublish("", "q")))
    link.feed(contents(BasicPublish("", "q"), properties=user_id("root")))
    text = "PRECONDITION_FAILED - user_id property set to 'root' but authenticated user was 'guest'"
    assert link.take() == [ChannelClose(406, text, 60, 40)]
    assert ready(link.world) == 2


def test_a_wrong_user_id_in_mid_batch() -> None:
    link = prepared(World())
    one = content_frames(1, BasicPublish("", "q"), user_id("guest"), b"a", 131072)
    other = content_frames(1, BasicPublish("", "q"), user_id("root"), b"a", 131072)
    link.feed(one + one + other + one + other)
    assert isinstance(link.last(1), ChannelClose)
    assert ready(link.world) == 2


def test_who_may_impersonate_may() -> None:
    world = World()
    link = world.link()
    link.open("federator", "secret")
    link.open_channel(1)
    link.send(QueueDeclare("q"))
    link.received.clear()
    link.publish(b"a", properties=user_id("root"))
    assert link.take() == []
    assert ready(world) == 1


# -- returns -----------------------------------------------------------------------------------------------------------


def test_returns_hold_the_message() -> None:
    link = prepared(World())
    properties = encode_properties(Properties(content_type="text/plain", headers={"a": 1}))
    link.publish(b"", b"x" * 200_000, exchange="amq.topic", key="no.body", mandatory=True, properties=properties)
    returned = BasicReturn(312, "NO_ROUTE", "amq.topic", "no.body")
    assert link.take() == [Content(returned, properties, b""), Content(returned, properties, b"x" * 200_000)]


def test_only_mandatory_messages_are_returned() -> None:
    link = prepared(World())
    link.feed(contents(BasicPublish("", "no"), BasicPublish("", "no", True), BasicPublish("", "q", True)))
    assert [type(what) for what in link.take()] == [Content]
    assert ready(link.world) == 1


# -- transactions ------------------------------------------------------------------------------------------------------


def transacting(world: World) -> Link:
    link = prepared(world)
    assert link.call(TxSelect()) == TxSelectOk()
    link.received.clear()
    return link


@pytest.mark.parametrize(
    ("first", "second", "text"),
    [
        (ConfirmSelect(), TxSelect(), "cannot switch from confirm to tx mode"),
        (TxSelect(), ConfirmSelect(), "cannot switch from tx to confirm mode"),
    ],
)
def test_modes_exclude_each_other(first: Method, second: Method, text: str) -> None:
    link = prepared(World())
    link.send(first)
    close = ChannelClose(406, f"PRECONDITION_FAILED - {text}", second.id >> 16, second.id & 0xFFFF)
    assert link.call(second) == close


@pytest.mark.parametrize("method", [TxCommit(), TxRollback()], ids=lambda method: method.name)
def test_without_select(method: Method) -> None:
    text = "PRECONDITION_FAILED - channel is not transactional"
    assert prepared(World()).call(method) == ChannelClose(406, text, 90, method.id & 0xFFFF)


def test_publishes_appear_at_commit() -> None:
    link = transacting(World())
    link.publish(b"a", b"b")
    assert ready(link.world) == 0
    assert link.call(TxCommit()) == TxCommitOk()
    assert ready(link.world) == 2
    assert link.call(TxCommit()) == TxCommitOk()
    assert ready(link.world) == 2


def test_publishes_disappear_at_rollback() -> None:
    link = transacting(World())
    link.publish(b"a", b"b")
    assert link.call(TxRollback()) == TxRollbackOk()
    assert link.call(TxCommit()) == TxCommitOk()
    assert ready(link.world) == 0


def test_select_in_a_transaction_keeps_it() -> None:
    link = transacting(World())
    link.publish(b"a")
    assert link.call(TxSelect()) == TxSelectOk()
    link.send(TxCommit())
    assert ready(link.world) == 1


def test_acks_count_at_commit() -> None:
    link = transacting(World())
    link.publish(b"a", b"b", b"c")
    link.send(TxCommit(), BasicGet("q"), BasicGet("q"), BasicGet("q"))
    link.send(BasicAck(1), BasicNack(2, requeue=True), TxRollback())
    assert ready(link.world) == 0
    link.received.clear()
    link.send(BasicAck(1), BasicNack(2, requeue=False), BasicNack(3, requeue=True))
    assert ready(link.world) == 0
    assert link.call(TxCommit()) == TxCommitOk()
    assert ready(link.world) == 1
    assert world_unacked(link.world) == 0


def world_unacked(world: World) -> int:
    return world.broker.vhosts["/"].queues["q"].unacked


def test_a_tag_cannot_be_settled_twice_in_a_transaction() -> None:
    link = transacting(World())
    link.publish(b"a")
    link.send(TxCommit(), BasicGet("q"), BasicAck(1))
    assert link.call(BasicAck(1)) == ChannelClose(406, "PRECONDITION_FAILED - unknown delivery tag 1", 60, 80)
    assert ready(link.world) == 1


def test_closing_is_a_rollback() -> None:
    link = transacting(World())
    link.publish(b"a")
    link.send(TxCommit(), BasicGet("q"), BasicAck(1))
    link.publish(b"b")
    link.send(ChannelClose(200))
    assert ready(link.world) == 1


def test_a_held_settlement_frees_prefetch_at_commit_only() -> None:
    link = transacting(World())
    link.publish(b"a", b"b")
    link.send(TxCommit(), BasicQos(0, 1), BasicConsume("q", "tag"))
    assert link.bodies() == [b"a"]
    link.send(BasicAck(1))
    assert link.bodies() == []
    link.send(TxCommit())
    assert link.bodies() == [b"b"]


def test_commit_waits_for_the_log() -> None:
    world = World()
    link = transacting(world)
    link.send(QueueDeclare("kept", durable=True))
    link.received.clear()
    world.held = True
    link.publish(b"a", key="kept", properties=PERSISTENT)
    link.send(TxCommit(), BasicGet("q"))
    assert link.take() == []
    world.held = False
    world.run()
    assert link.take() == [TxCommitOk(), BasicGetEmpty()]


def test_a_transaction_is_one_record() -> None:
    world = World()
    link = transacting(world)
    link.send(QueueDeclare("kept", durable=True), QueueDeclare("too", durable=True))
    before = len(world.log.records)
    link.publish(b"a", key="kept", properties=PERSISTENT)
    link.publish(b"b", key="too", properties=PERSISTENT)
    link.send(TxCommit())
    assert len(world.log.records) == before + 1


def test_unroutable_messages_of_a_transaction_are_returned_at_commit() -> None:
    link = transacting(World())
    link.publish(b"a", key="nowhere", mandatory=True)
    assert link.take() == []
    link.send(TxCommit())
    assert [type(what) for what in link.take()] == [Content, TxCommitOk]


@pytest.mark.parametrize("immediate", [False, True])
def test_bad_publishes_are_refused_before_the_commit(immediate: bool) -> None:
    link = transacting(World())
    link.publish(b"a")
    link.publish(b"b", exchange="missing" if not immediate else "", immediate=immediate)
    assert isinstance(link.last(0 if immediate else 1), ConnectionClose if immediate else ChannelClose)
    assert ready(link.world) == 0


def test_own_user_id_in_a_transaction() -> None:
    link = transacting(World())
    link.publish(b"a", properties=user_id("guest"))
    assert link.call(TxCommit()) == TxCommitOk()
    assert ready(link.world) == 1


def test_an_exchange_that_is_gone_at_commit() -> None:
    world = World()
    link = transacting(world)
    link.send(QueueBind("q", "x", "key"))
    link.received.clear()
    link.publish(b"a", exchange="x", key="key")
    world.channel().send(ExchangeDelete("x"))
    assert link.call(TxCommit()) == ChannelClose(404, "NOT_FOUND - no exchange 'x' in vhost '/'", 90, 20)


def test_a_queue_that_is_gone_at_commit() -> None:
    world = World()
    link = transacting(world)
    link.publish(b"a")
    link.send(TxCommit(), BasicGet("q"), BasicAck(1))
    world.channel().send(QueueDelete("q"))
    link.received.clear()
    assert link.call(TxCommit()) == TxCommitOk()


def test_what_was_acknowledged_is_when_a_queue_refuses_the_rest() -> None:
    """RabbitMQ: a commit is done as far as it can be, then it fails."""
    world = World()
    link = transacting(world)
    link.send(QueueDeclare("full", arguments=Arguments.of({"x-max-length": 0, "x-overflow": "reject-publish"})))
    link.publish(b"a", b"b")
    link.send(TxCommit(), BasicGet("q"), BasicGet("q"), BasicAck(1))
    link.publish(b"c", key="full")
    assert link.call(TxCommit()) == ChannelClose(406, "PRECONDITION_FAILED - partial tx completion", 90, 20)
    queue = world.broker.vhosts["/"].queues["q"]
    assert (queue.ready, queue.unacked) == (1, 0)
    other = world.channel()
    got = other.call(BasicGet("q"))
    assert isinstance(got, Content)
    assert got.body == b"b"
