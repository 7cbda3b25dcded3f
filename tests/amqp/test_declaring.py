"""exchange.*, queue.* and access.request on the wire: replies, empty names, nowait, waiting for the log, errors."""

from __future__ import annotations

import pytest

from leveret.wire.fields import Arguments
from leveret.wire.methods import (
    AccessRequest,
    AccessRequestOk,
    BasicGet,
    BasicQos,
    BasicQosOk,
    ChannelClose,
    ConnectionClose,
    ExchangeBind,
    ExchangeBindOk,
    ExchangeDeclare,
    ExchangeDeclareOk,
    ExchangeDelete,
    ExchangeDeleteOk,
    ExchangeUnbind,
    Method,
    QueueBind,
    QueueBindOk,
    QueueDeclare,
    QueueDeclareOk,
    QueueDelete,
    QueueDeleteOk,
    QueuePurge,
    QueuePurgeOk,
    QueueUnbind,
    QueueUnbindOk,
)

from .samples import prepared
from .support import Content, World

NO_WAIT: list[Method] = [
    ExchangeDeclare("new", no_wait=True),
    ExchangeDelete("x", no_wait=True),
    ExchangeBind("amq.fanout", "x", no_wait=True),
    ExchangeUnbind("amq.fanout", "x", no_wait=True),
    QueueDeclare("new", no_wait=True),
    QueueBind("q", "x", no_wait=True),
    QueuePurge("q", no_wait=True),
    QueueDelete("q", no_wait=True),
]


@pytest.mark.parametrize("method", NO_WAIT, ids=lambda method: method.name)
def test_nowait_is_not_answered(method: Method) -> None:
    link = prepared(World())
    link.send(method, BasicQos(0, 1))
    assert link.take() == [BasicQosOk()]


def test_a_ticket_for_old_clients() -> None:
    assert prepared(World()).call(AccessRequest("/data", write=True)) == AccessRequestOk(1)


# -- empty names -------------------------------------------------------------------------------------------------------


def test_a_name_from_the_broker_is_remembered() -> None:
    link = World().channel()
    declared = link.call(QueueDeclare(""))
    assert isinstance(declared, QueueDeclareOk)
    assert declared.queue.startswith("amq.gen-")
    link.publish(b"a", key=declared.queue)
    got = link.call(BasicGet(""))
    assert isinstance(got, Content)
    assert got.body == b"a"
    assert link.call(QueuePurge("")) == QueuePurgeOk(0)
    assert link.call(QueueDelete("")) == QueueDeleteOk(0)


@pytest.mark.parametrize(
    "method",
    [QueueBind("", "amq.direct"), QueueUnbind("", "amq.direct"), QueuePurge(""), QueueDelete(""), BasicGet("")],
    ids=lambda method: method.name,
)
def test_no_queue_was_declared_yet(method: Method) -> None:
    link = World().channel()
    text = "NOT_FOUND - no previously declared queue"
    assert link.call(method) == ChannelClose(404, text, method.id >> 16, method.id & 0xFFFF)


def test_the_last_queue_belongs_to_the_channel() -> None:
    link = prepared(World())
    link.open_channel(2)
    assert isinstance(link.call(QueuePurge(""), 2), ChannelClose)
    assert link.call(QueuePurge("")) == QueuePurgeOk(0)


def test_a_passive_declare_is_remembered_too() -> None:
    link = prepared(World())
    link.open_channel(2)
    link.send(QueueDeclare("q", passive=True), QueuePurge(""), channel=2)
    assert link.take(2) == [QueueDeclareOk("q", 0, 0), QueuePurgeOk(0)]


@pytest.mark.parametrize(
    ("bind", "key"),
    [
        (QueueBind("", "amq.direct", ""), "q"),
        (QueueBind("", "amq.direct", "k"), "k"),
        (QueueBind("q", "amq.direct", ""), ""),
        (QueueBind("q", "amq.direct", "k"), "k"),
    ],
    ids=["both empty", "no queue", "no key", "none empty"],
)
def test_without_queue_and_key_the_key_is_the_name(bind: QueueBind, key: str) -> None:
    link = prepared(World())
    assert link.call(bind) == QueueBindOk()
    link.publish(b"a", exchange="amq.direct", key=key)
    assert isinstance(link.call(BasicGet("q")), Content)
    assert link.call(QueueUnbind(bind.queue, "amq.direct", bind.routing_key)) == QueueUnbindOk()
    link.publish(b"a", exchange="amq.direct", key=key)
    assert not isinstance(link.call(BasicGet("q")), Content)


# -- waiting for the log -----------------------------------------------------------------------------------------------


def test_what_must_be_kept_is_answered_when_it_is() -> None:
    world = World()
    link = world.channel()
    world.held = True
    steps: list[tuple[Method, Method]] = [
        (QueueDeclare("q", durable=True), QueueDeclareOk("q", 0, 0)),
        (ExchangeDeclare("x", "fanout", durable=True), ExchangeDeclareOk()),
        (QueueBind("q", "x"), QueueBindOk()),
        (ExchangeBind("amq.fanout", "x"), ExchangeBindOk()),
        (QueueUnbind("q", "x"), QueueUnbindOk()),
        (QueueDelete("q"), QueueDeleteOk(0)),
        (ExchangeDelete("x"), ExchangeDeleteOk()),
    ]
    for position, (method, reply) in enumerate(steps, 1):
        link.send(method)
        assert link.take() == []
        assert len(world.log.records) == position
        world.log.sync()
        world.run()
        assert link.take() == [reply]


def test_a_second_declare_has_nothing_to_wait_for() -> None:
    world = World()
    link = world.channel()
    link.send(QueueDeclare("q", durable=True))
    link.received.clear()
    world.held = True
    assert link.call(QueueDeclare("q", durable=True)) == QueueDeclareOk("q", 0, 0)


# -- errors ------------------------------------------------------------------------------------------------------------

EXCLUSIVE = (
    "RESOURCE_LOCKED - cannot obtain exclusive access to locked queue 'mine' in vhost '/'. It could be originally"
    " declared on another connection or the exclusive property value does not match that of the original declaration."
)

ERRORS: list[tuple[Method, int, str]] = [
    (QueueDeclare("missing", passive=True), 404, "NOT_FOUND - no queue 'missing' in vhost '/'"),
    (ExchangeDeclare("missing", passive=True), 404, "NOT_FOUND - no exchange 'missing' in vhost '/'"),
    (QueueBind("missing", "x"), 404, "NOT_FOUND - no queue 'missing' in vhost '/'"),
    (QueueBind("q", "missing"), 404, "NOT_FOUND - no exchange 'missing' in vhost '/'"),
    (QueuePurge("missing"), 404, "NOT_FOUND - no queue 'missing' in vhost '/'"),
    (QueuePurge("mine"), 405, EXCLUSIVE),
    (QueueDelete("mine"), 405, EXCLUSIVE),
    (QueueDeclare("mine"), 405, EXCLUSIVE),
    (
        QueueDeclare("q", durable=True),
        406,
        "PRECONDITION_FAILED - inequivalent arg 'durable' for queue 'q' in vhost '/':"
        " received 'true' but current is 'false'",
    ),
    (
        ExchangeDeclare("x", "direct"),
        406,
        "PRECONDITION_FAILED - inequivalent arg 'type' for exchange 'x' in vhost '/':"
        " received 'direct' but current is 'topic'",
    ),
    (ExchangeDeclare("y", "nonsense"), 406, "PRECONDITION_FAILED - unknown exchange type 'nonsense'"),
    (QueueDeclare("amq.q"), 403, "ACCESS_REFUSED - queue name 'amq.q' contains reserved prefix 'amq.*'"),
    (ExchangeDeclare("amq.x"), 403, "ACCESS_REFUSED - exchange name 'amq.x' contains reserved prefix 'amq.*'"),
    (ExchangeDeclare(""), 403, "ACCESS_REFUSED - operation not permitted on the default exchange"),
    (QueueBind("q", ""), 403, "ACCESS_REFUSED - operation not permitted on the default exchange"),
    (
        ExchangeDelete("amq.topic"),
        403,
        "ACCESS_REFUSED - deletion of system exchange 'amq.topic' in vhost '/' not allowed",
    ),
    (QueueDelete("full", if_empty=True), 406, "PRECONDITION_FAILED - queue 'full' in vhost '/' not empty"),
    (ExchangeDelete("bound", if_unused=True), 406, "PRECONDITION_FAILED - exchange 'bound' in vhost '/' in use"),
]


@pytest.mark.parametrize(("method", "code", "text"), ERRORS, ids=lambda value: getattr(value, "name", None))
def test_errors_close_the_channel_with_their_text(method: Method, code: int, text: str) -> None:
    world = World()
    other = world.channel()
    other.send(
        QueueDeclare("mine", exclusive=True),
        QueueDeclare("full"),
        ExchangeDeclare("bound", "fanout"),
        QueueBind("full", "bound"),
    )
    other.publish(b"a", key="full")
    link = prepared(world)
    assert link.call(method) == ChannelClose(code, text[:255], method.id >> 16, method.id & 0xFFFF)
    assert link.on(0) == []


def test_a_mismatch_under_nowait_closes_the_channel_all_the_same() -> None:
    link = prepared(World())
    assert isinstance(link.call(QueueDeclare("q", durable=True, no_wait=True)), ChannelClose)


def test_malformed_arguments_cost_the_connection() -> None:
    link = prepared(World())
    link.send(QueueDeclare("new", arguments=Arguments(b"\x01aZ")))
    (close,) = link.on(0)
    assert isinstance(close, ConnectionClose)
    assert close.reply_code == 502
    assert (close.class_id, close.method_id) == (50, 10)
    assert "new" not in link.world.broker.vhosts["/"].queues


def test_exclusive_queues_go_with_their_connection() -> None:
    world = World()
    link = world.channel()
    link.send(QueueDeclare("mine", exclusive=True))
    link.send(ConnectionClose(200), channel=0)
    assert "mine" not in world.broker.vhosts["/"].queues
