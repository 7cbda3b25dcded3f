"""Messages in: returns, confirms, transactions, and what is refused of a message."""

from __future__ import annotations

import pytest

from leveret.wire.frames import content_frames, method_frame
from leveret.wire.methods import (
    BasicAck,
    BasicConsume,
    BasicGet,
    BasicGetEmpty,
    BasicNack,
    BasicPublish,
    BasicQos,
    BasicQosOk,
    BasicRecover,
    BasicReject,
    BasicReturn,
    ChannelClose,
    ChannelCloseOk,
    ChannelOpen,
    ConfirmSelect,
    ConfirmSelectOk,
    ConnectionClose,
    ExchangeDeclare,
    ExchangeDelete,
    Method,
    QueueBind,
    QueueDeclare,
    QueueDeclareOk,
    QueueDelete,
    TxCommit,
    TxCommitOk,
    TxRollback,
    TxRollbackOk,
    TxSelect,
    TxSelectOk,
)
from leveret.wire.properties import Properties, encode_properties

from ..amqp.support import PERSISTENT, TRANSIENT, Content, Link, World
from .support import bodies_in, client, refused, reopen


def content(body: bytes, *, exchange: str = "", key: str = "q", mandatory: bool = False) -> bytes:
    return content_frames(1, BasicPublish(exchange, key, mandatory), TRANSIENT, body, 131072)


def with_queue(durable: bool = False) -> Link:
    link = client()
    link.send(QueueDeclare("q", durable=durable))
    link.received.clear()
    return link


# -- returns -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("exchange", ["", "amq.direct", "amq.fanout", "amq.topic", "amq.headers"])
@pytest.mark.parametrize("body", [b"", b"body", b"x" * 300_000])
def test_a_returned_message_is_as_it_was(exchange: str, body: bytes) -> None:
    link = client()
    properties = encode_properties(Properties(content_type="text/plain", message_id="1", priority=9))
    link.publish(body, exchange=exchange, key="nobody's", mandatory=True, properties=properties)
    assert link.take() == [Content(BasicReturn(312, "NO_ROUTE", exchange, "nobody's"), properties, body)]


def test_what_is_not_mandatory_is_dropped() -> None:
    link = client()
    link.publish(b"a", key="nobody's")
    assert link.take() == []


def test_a_missing_exchange_is_an_error_even_for_a_mandatory_message() -> None:
    link = client()
    link.publish(b"a", exchange="missing", mandatory=True)
    assert link.take() == [ChannelClose(404, "NOT_FOUND - no exchange 'missing' in vhost '/'", 60, 40)]


def test_immediate_costs_the_connection() -> None:
    link = with_queue()
    link.publish(b"a", immediate=True)
    assert link.received == [(0, ConnectionClose(540, "NOT_IMPLEMENTED - immediate=true", 60, 40))]


@pytest.mark.parametrize("user", ["other", "it's", ""])
def test_a_user_id_that_is_not_ones_own(user: str) -> None:
    link = with_queue()
    link.publish(b"a", properties=encode_properties(Properties(user_id="guest")))
    link.publish(b"b", properties=encode_properties(Properties(user_id=user)))
    text = f"PRECONDITION_FAILED - user_id property set to '{user}' but authenticated user was 'guest'"
    assert link.take() == [ChannelClose(406, text, 60, 40)]
    reopen(link)
    assert bodies_in(link, "q") == [b"a"]


# -- confirms ----------------------------------------------------------------------------------------------------------


def test_selecting_twice_changes_nothing() -> None:
    link = with_queue()
    assert link.call(ConfirmSelect()) == ConfirmSelectOk()
    link.received.clear()
    link.publish(b"1")
    link.send(ConfirmSelect(no_wait=True))
    link.publish(b"2")
    assert link.take() == [BasicAck(1), BasicAck(2)]


def test_numbers_begin_with_the_select() -> None:
    link = with_queue()
    link.publish(b"before")
    link.send(ConfirmSelect())
    link.received.clear()
    link.publish(b"after")
    assert link.take() == [BasicAck(1)]


def test_one_ack_speaks_for_what_was_sent_together_and_returns_come_first() -> None:
    link = with_queue()
    link.send(ConfirmSelect())
    link.received.clear()
    link.feed(content(b"1") + content(b"2", key="nobody's", mandatory=True) + content(b"3", key="nobody's"))
    returned = Content(BasicReturn(312, "NO_ROUTE", "", "nobody's"), TRANSIENT, b"2")
    assert link.take() == [returned, BasicAck(3, multiple=True)]


def test_persistent_messages_of_durable_queues_wait_for_the_log_and_others_wait_behind_them() -> None:
    world = World()
    link = world.channel()
    link.send(QueueDeclare("kept", durable=True), QueueDeclare("q"), ConfirmSelect())
    link.received.clear()
    world.held = True
    link.publish(b"fleeting")
    link.publish(b"kept", key="kept", properties=PERSISTENT)
    link.publish(b"fleeting", key="kept")
    assert link.take() == [BasicAck(1)]
    world.held = False
    world.run()
    assert link.take() == [BasicAck(3, multiple=True)]


@pytest.mark.parametrize("bad", [True, False])
def test_what_was_published_before_the_channel_ends_is_confirmed(bad: bool) -> None:
    """RabbitMQ drops confirms that it has not sent when a channel ends; here the publisher knows what arrived."""
    link = with_queue()
    link.send(ConfirmSelect())
    link.received.clear()
    end = content(b"bad", exchange="missing") + content(b"late") if bad else method_frame(1, ChannelClose(200))
    link.feed(content(b"1") + content(b"2") + end)
    confirmed, ended = link.take()
    assert confirmed == BasicAck(2, multiple=True)
    assert isinstance(ended, ChannelClose if bad else ChannelCloseOk)
    if bad:
        link.send(ChannelCloseOk())
    link.send(ChannelOpen())
    assert bodies_in(link, "q") == [b"1", b"2"]


# -- modes -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "second", "text"),
    [
        (None, TxCommit(), "channel is not transactional"),
        (None, TxRollback(), "channel is not transactional"),
        (TxSelect(), ConfirmSelect(), "cannot switch from tx to confirm mode"),
        (ConfirmSelect(), TxSelect(), "cannot switch from confirm to tx mode"),
        (ConfirmSelect(), TxCommit(), "channel is not transactional"),
    ],
)
def test_what_a_mode_excludes(first: Method | None, second: Method, text: str) -> None:
    link = client()
    if first is not None:
        link.send(first)
    assert refused(link, second) == (406, f"PRECONDITION_FAILED - {text}")


# -- transactions ------------------------------------------------------------------------------------------------------


def transactional(*bodies: bytes) -> Link:
    """`q` holds these; channel 1 is in tx mode, channel 2 is not."""
    link = with_queue()
    link.publish(*bodies)
    link.open_channel(2)
    assert link.call(TxSelect()) == TxSelectOk()
    link.received.clear()
    return link


def count(link: Link) -> int:
    answer = link.call(QueueDeclare("q", passive=True), 2)
    assert isinstance(answer, QueueDeclareOk)
    return answer.message_count


def test_publishes_count_at_commit_in_their_order() -> None:
    link = transactional()
    link.publish(b"1")
    link.publish(b"2", exchange="amq.topic", key="nowhere")
    link.publish(b"3")
    assert count(link) == 0
    assert link.call(TxCommit()) == TxCommitOk()
    link.publish(b"forgotten")
    assert link.call(TxRollback()) == TxRollbackOk()
    assert link.call(TxCommit()) == TxCommitOk()
    assert bodies_in(link, "q") == [b"1", b"3"]


def test_unroutable_messages_come_back_before_commit_ok() -> None:
    link = transactional()
    link.publish(b"a", key="nobody's", mandatory=True)
    assert link.take() == []
    link.send(TxCommit())
    assert link.take() == [Content(BasicReturn(312, "NO_ROUTE", "", "nobody's"), TRANSIENT, b"a"), TxCommitOk()]


def test_settlements_count_at_commit() -> None:
    link = transactional(b"1", b"2", b"3")
    for _ in range(3):
        link.send(BasicGet("q"))
    link.send(BasicAck(1), BasicNack(2, requeue=True), BasicReject(3, requeue=False))
    assert isinstance(link.call(BasicGet("q")), BasicGetEmpty)
    assert count(link) == 0
    assert link.call(TxCommit()) == TxCommitOk()
    assert bodies_in(link, "q") == [b"2"]


def test_settlements_are_forgotten_at_rollback() -> None:
    link = transactional(b"1", b"2")
    link.send(BasicGet("q"), BasicGet("q"), BasicAck(1), BasicNack(2, requeue=True))
    assert link.call(TxRollback()) == TxRollbackOk()
    assert count(link) == 0
    link.send(BasicAck(2, multiple=True))
    assert link.call(TxCommit()) == TxCommitOk()
    link.received.clear()
    link.send(BasicAck(1))
    assert link.take() == [ChannelClose(406, "PRECONDITION_FAILED - unknown delivery tag 1", 60, 80)]


@pytest.mark.parametrize("end", [ChannelClose(200), ConnectionClose(200)], ids=["channel", "connection"])
def test_what_is_not_committed_is_undone_when_its_channel_ends(end: Method) -> None:
    world = World()
    link, other = world.channel(), world.channel()
    other.send(QueueDeclare("q"))
    other.publish(b"1")
    link.send(TxSelect(), BasicGet("q"), BasicAck(1))
    link.publish(b"2")
    link.send(end, channel=0 if isinstance(end, ConnectionClose) else 1)
    assert bodies_in(other, "q") == [b"1"]


def test_recover_leaves_alone_what_the_transaction_settled() -> None:
    link = transactional(b"1", b"2")
    link.send(BasicGet("q"), BasicGet("q"), BasicAck(1), BasicRecover(True))
    assert count(link) == 1
    assert link.call(TxCommit()) == TxCommitOk()
    assert bodies_in(link, "q") == [b"2"]


def test_prefetch_is_given_back_at_commit() -> None:
    link = transactional(b"1", b"2")
    link.send(BasicQos(0, 1), BasicConsume("q", "t"))
    assert link.bodies() == [b"1"]
    link.send(BasicAck(1))
    assert link.bodies() == []
    link.send(TxCommit())
    assert link.bodies() == [b"2"]


def test_a_missing_exchange_is_noticed_at_once() -> None:
    link = transactional()
    link.publish(b"a", exchange="missing")
    assert link.take() == [ChannelClose(404, "NOT_FOUND - no exchange 'missing' in vhost '/'", 60, 40)]


def test_a_transaction_routes_when_it_commits() -> None:
    """RabbitMQ routes when a message is published. Here all of a transaction sees the bindings of one moment."""
    link = transactional()
    link.publish(b"a", exchange="amq.fanout", mandatory=True)
    link.send(QueueBind("q", "amq.fanout"), channel=2)
    assert link.call(TxCommit()) == TxCommitOk()
    assert bodies_in(link, "q") == [b"a"]


def test_a_transaction_is_done_whole_or_not_at_all() -> None:
    """RabbitMQ would deliver both: it has looked at the exchange before it was deleted."""
    link = transactional()
    link.send(ExchangeDeclare("x", "fanout"), QueueBind("q", "x"), channel=2)
    link.publish(b"1")
    link.publish(b"2", exchange="x")
    link.send(ExchangeDelete("x"), channel=2)
    assert refused(link, TxCommit()) == (404, "NOT_FOUND - no exchange 'x' in vhost '/'")
    assert count(link) == 0


def test_a_queue_that_is_gone_at_commit() -> None:
    link = transactional()
    link.publish(b"a", mandatory=True)
    link.send(QueueDelete("q"), channel=2)
    link.send(TxCommit())
    assert link.take() == [Content(BasicReturn(312, "NO_ROUTE", "", "q"), TRANSIENT, b"a"), TxCommitOk()]


def test_what_follows_a_commit_waits_for_it() -> None:
    """RabbitMQ closes the connection of a client that does not wait for commit-ok (504)."""
    world = World()
    link = world.channel()
    link.send(QueueDeclare("kept", durable=True), TxSelect())
    link.publish(b"a", key="kept", properties=PERSISTENT)
    link.received.clear()
    world.held = True
    link.send(TxCommit(), BasicQos(0, 1))
    assert link.take() == []
    world.held = False
    world.run()
    assert link.take() == [TxCommitOk(), BasicQosOk()]
