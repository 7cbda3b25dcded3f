"""Declaring, deleting and binding: which answer, in which order of checks, with which text, under which flags."""

from __future__ import annotations

import pytest

from leveret.wire.fields import Arguments, Timestamp
from leveret.wire.methods import (
    BasicConsume,
    BasicConsumeOk,
    BasicGet,
    ChannelClose,
    ConnectionClose,
    ConnectionCloseOk,
    ExchangeBind,
    ExchangeBindOk,
    ExchangeDeclare,
    ExchangeDeclareOk,
    ExchangeDelete,
    ExchangeDeleteOk,
    ExchangeUnbind,
    ExchangeUnbindOk,
    Method,
    QueueBind,
    QueueBindOk,
    QueueDeclare,
    QueueDeclareOk,
    QueueDelete,
    QueueDeleteOk,
    QueuePurge,
    QueueUnbind,
    QueueUnbindOk,
)

from ..amqp.support import Content, World
from .support import args, bodies_in, client, refused, reopen, routed

LOCKED = (
    "RESOURCE_LOCKED - cannot obtain exclusive access to locked queue 'q' in vhost '/'. It could be originally declared"
    " on another connection or the exclusive property value does not match that of the original declaration."
)
DEFAULT = "ACCESS_REFUSED - operation not permitted on the default exchange"


# -- exchanges ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("again", "difference"),
    [
        (ExchangeDeclare("x", "fanout"), "'type'|'fanout'|'topic'"),
        (ExchangeDeclare("x", "topic", durable=True), "'durable'|'true'|'false'"),
        (ExchangeDeclare("x", "topic", auto_delete=True), "'auto_delete'|'true'|'false'"),
        (ExchangeDeclare("x", "topic", internal=True), "'internal'|'true'|'false'"),
        (ExchangeDeclare("x", "topic"), "'alternate-exchange'|none|the value 'y' of type 'longstr'"),
        (ExchangeDeclare("x", "topic", arguments=args(alternate_exchange="z")), "'alternate-exchange'|'z'|'y'"),
        (ExchangeDeclare("x", "topic", arguments=args(alternate_exchange=5)), "'alternate-exchange'|'5'|'y'"),
        (ExchangeDeclare("x", "fanout", durable=True, internal=True), "'type'|'fanout'|'topic'"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_redeclaring_an_exchange_names_the_first_difference(again: ExchangeDeclare, difference: str) -> None:
    link = client()
    alternate = args(alternate_exchange="y")
    assert link.call(ExchangeDeclare("x", "topic", arguments=alternate)) == ExchangeDeclareOk()
    key, new, old = difference.split("|")
    text = f"inequivalent arg {key} for exchange 'x' in vhost '/': received {new} but current is {old}"
    assert refused(link, again) == (406, f"PRECONDITION_FAILED - {text}")
    other = args(alternate_exchange="y", mine=1)
    assert link.call(ExchangeDeclare("x", "topic", arguments=other)) == ExchangeDeclareOk()


@pytest.mark.parametrize("type", ["nonsense", "Direct", "x-nonsense"])
@pytest.mark.parametrize("name", ["new", "amq.new", "amq.direct", ""])
def test_an_unknown_type_comes_before_anything_about_the_name(name: str, type: str) -> None:
    text = f"PRECONDITION_FAILED - unknown exchange type '{type}'"
    assert refused(client(), ExchangeDeclare(name, type)) == (406, text)


def test_an_exchange_without_a_type() -> None:
    assert refused(client(), ExchangeDeclare("x", "")) == (406, "PRECONDITION_FAILED - invalid exchange type ''")


def test_a_passive_declare_looks_at_the_name_only() -> None:
    link = client()
    link.send(ExchangeDeclare("x", "topic"))
    for same in (ExchangeDeclare("x", "nonsense", passive=True), ExchangeDeclare("x", "", passive=True, durable=True)):
        assert link.call(same) == ExchangeDeclareOk()
    missing = "NOT_FOUND - no exchange 'missing' in vhost '/'"
    assert refused(link, ExchangeDeclare("missing", "nonsense", passive=True)) == (404, missing)


@pytest.mark.parametrize("value", [5, True, None])
def test_an_alternate_exchange_is_a_name(value: int | None) -> None:
    kind = {5: "signedint", True: "bool", None: "void"}[value]
    text = f"PRECONDITION_FAILED - invalid type '{kind}' for arg 'alternate-exchange' in exchange 'x' in vhost '/'"
    assert refused(client(), ExchangeDeclare("x", arguments=args(alternate_exchange=value))) == (406, text)


@pytest.mark.parametrize(
    "method",
    [
        ExchangeDeclare("", "direct", durable=True),
        ExchangeDeclare("", "direct", passive=True),
        ExchangeDeclare("\r\n", "direct", passive=True),
        ExchangeDelete(""),
        ExchangeDelete("", if_unused=True),
        ExchangeBind("", "amq.direct"),
        ExchangeBind("amq.direct", ""),
        ExchangeUnbind("", "amq.direct"),
        ExchangeUnbind("amq.direct", ""),
        QueueBind("q", ""),
        QueueBind("missing", ""),
        QueueUnbind("q", "", "q"),
        QueueUnbind("missing", "", "q"),
    ],
    ids=repr,
)
def test_the_default_exchange_is_nobodys(method: Method) -> None:
    link = client()
    link.send(QueueDeclare("q"))
    assert refused(link, method) == (403, DEFAULT)


@pytest.mark.parametrize("name", ["amq.direct", "amq.topic", "amq.rabbitmq.trace", "amq.never-was", "amq."])
def test_exchanges_of_the_broker_cannot_be_deleted(name: str) -> None:
    text = f"ACCESS_REFUSED - deletion of system exchange '{name}' in vhost '/' not allowed"
    for if_unused in (False, True):
        assert refused(client(), ExchangeDelete(name, if_unused=if_unused)) == (403, text)


@pytest.mark.parametrize(
    ("name", "type", "internal"),
    [
        ("amq.direct", "direct", False),
        ("amq.fanout", "fanout", False),
        ("amq.topic", "topic", False),
        ("amq.headers", "headers", False),
        ("amq.match", "headers", False),
        ("amq.rabbitmq.trace", "topic", True),
    ],
)
def test_exchanges_of_the_broker_are_there_and_durable(name: str, type: str, internal: bool) -> None:
    link = client()
    assert link.call(ExchangeDeclare(name, type, durable=True, internal=internal)) == ExchangeDeclareOk()
    text = f"inequivalent arg 'durable' for exchange '{name}' in vhost '/': received 'false' but current is 'true'"
    again = ExchangeDeclare(name, type, internal=internal)
    assert refused(link, again) == (406, f"PRECONDITION_FAILED - {text}")


def test_names_that_only_look_reserved_are_free() -> None:
    link = client()
    for name in ("amq", "AMQ.x", "amqp.x"):
        assert link.call(ExchangeDeclare(name)) == ExchangeDeclareOk()
        assert link.call(QueueDeclare(name)) == QueueDeclareOk(name, 0, 0)
    for method in (ExchangeDeclare("amq."), ExchangeDeclare("a\nmq.x")):
        name = method.exchange.replace("\n", "")
        text = f"ACCESS_REFUSED - exchange name '{name}' contains reserved prefix 'amq.*'"
        assert refused(link, method) == (403, text)


def test_if_unused_counts_what_leaves_an_exchange_only() -> None:
    link = client()
    link.send(ExchangeDeclare("from"), ExchangeDeclare("to"), ExchangeBind("to", "from", "k"))
    text = "PRECONDITION_FAILED - exchange 'from' in vhost '/' in use"
    assert refused(link, ExchangeDelete("from", if_unused=True)) == (406, text)
    assert link.call(ExchangeDelete("to", if_unused=True)) == ExchangeDeleteOk()
    assert link.call(ExchangeDelete("from", if_unused=True)) == ExchangeDeleteOk()
    assert link.call(ExchangeDelete("from", if_unused=True)) == ExchangeDeleteOk()


def test_an_internal_exchange_takes_from_exchanges_only() -> None:
    link = client()
    link.send(ExchangeDeclare("in", "fanout", internal=True), QueueDeclare("q"), QueueBind("q", "in"))
    link.send(ExchangeDeclare("out", "fanout"), ExchangeBind("in", "out"))
    link.publish(b"a", exchange="out")
    assert bodies_in(link, "q") == [b"a"]
    for name in ("in", "amq.rabbitmq.trace"):
        link.publish(b"a", exchange=name)
        text = f"ACCESS_REFUSED - cannot publish to internal exchange '{name}' in vhost '/'"
        assert link.take() == [ChannelClose(403, text, 60, 40)]
        reopen(link)


# -- auto-delete exchanges ---------------------------------------------------------------------------------------------


def test_an_auto_delete_exchange_goes_with_its_last_binding() -> None:
    link = client()
    link.send(ExchangeDeclare("x", "fanout", auto_delete=True), QueueDeclare("q"))
    found, missing = ExchangeDeclareOk(), (404, "NOT_FOUND - no exchange 'x' in vhost '/'")
    look = ExchangeDeclare("x", passive=True)
    assert link.call(look) == found  # not before it had one
    link.send(QueueBind("q", "x", "1"), QueueBind("q", "x", "2"), QueueUnbind("q", "x", "1"))
    assert link.call(look) == found
    assert link.call(QueueUnbind("q", "x", "2")) == QueueUnbindOk()
    assert refused(link, look) == missing
    link.send(ExchangeDeclare("x", "fanout", auto_delete=True), QueueBind("q", "x"), QueueDelete("q"))
    assert refused(link, look) == missing


def test_auto_delete_exchanges_go_in_chains_but_not_for_what_reaches_them() -> None:
    link = client()
    link.send(*[ExchangeDeclare(name, "fanout", auto_delete=True) for name in "ab"], QueueDeclare("q"))
    link.send(ExchangeBind("b", "a"), QueueBind("q", "b"), QueueUnbind("q", "b"))
    for name in "ab":
        text = f"NOT_FOUND - no exchange '{name}' in vhost '/'"
        assert refused(link, ExchangeDeclare(name, passive=True)) == (404, text)
    link.send(ExchangeDeclare("a", "fanout", auto_delete=True))
    link.send(ExchangeBind("a", "amq.fanout"), ExchangeUnbind("a", "amq.fanout"))
    assert link.call(ExchangeDeclare("a", passive=True)) == ExchangeDeclareOk()


# -- queues ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ({"x-expires": 100_000}, {}, "none but current is the value '100000' of type 'signedint'"),
        ({}, {"x-overflow": "drop-head"}, "the value 'drop-head' of type 'longstr' but current is none"),
        ({"x-expires": 100_000}, {"x-expires": 100_001}, "'100001' but current is '100000'"),
        ({"x-max-length": 1}, {"x-max-length": 1.0}, "'1.0' but current is '1'"),
        ({"x-max-length": 1}, {"x-max-length": Timestamp(1)}, None),
        ({"mine": 1}, {"mine": 2, "x-unknown": 3}, None),
        ({"x-queue-type": "classic"}, {}, None),
        ({}, {"x-queue-type": "classic"}, None),
        ({}, {"x-queue-type": "quorum"}, "the value 'quorum' of type 'longstr' but current is none"),
    ],
)
def test_redeclaring_a_queue_compares_the_arguments_that_mean_something(
    old: dict[str, int], new: dict[str, int], text: str | None
) -> None:
    link = client()
    link.send(QueueDeclare("q", arguments=Arguments.of(old)))
    again = QueueDeclare("q", arguments=Arguments.of(new))
    if text is None:
        assert link.call(again) == QueueDeclareOk("q", 0, 0)
    else:
        name = next(iter(old | new))
        start = f"PRECONDITION_FAILED - inequivalent arg '{name}' for queue 'q' in vhost '/': received "
        assert refused(link, again) == (406, start + text)


@pytest.mark.parametrize("type", ["quorum", "stream"])
def test_queue_types_that_are_not_implemented(type: str) -> None:
    declare = QueueDeclare("q", durable=True, arguments=args(x_queue_type=type))
    text = f"NOT_IMPLEMENTED - queue 'q' in vhost '/' of type '{type}': only classic queues are implemented"
    link = client()
    link.send(declare)
    assert link.received == [(0, ConnectionClose(540, text, 50, 10))]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (args(x_max_priority=256), "invalid arg 'x-max-priority' for {}: {{max_value_exceeded,256}}"),
        (args(x_message_ttl="1"), "invalid arg 'x-message-ttl' for {}: \"expected integer, got longstr\""),
        (args(x_max_age="1D"), "invalid arg 'x-max-age' for {} of queue type rabbit_classic_queue"),
        (args(x_dead_letter_exchange=1), "invalid type 'signedint' for arg 'x-dead-letter-exchange' in {}"),
    ],
)
def test_arguments_of_queues_are_checked(arguments: Arguments, text: str) -> None:
    link = client()
    declare = QueueDeclare("q", arguments=arguments)
    assert refused(link, declare) == (406, "PRECONDITION_FAILED - " + text.format("queue 'q' in vhost '/'"))
    assert refused(link, QueueDeclare("q", passive=True))[0] == 404


@pytest.mark.parametrize("type", ["nonsense", ""])
def test_a_queue_type_that_is_not_there(type: str) -> None:
    text = f"invalid arg 'x-queue-type' for queue 'q' in vhost '/': \"unsupported queue type '{type}'\""
    declare = QueueDeclare("q", durable=True, arguments=args(x_queue_type=type))
    assert refused(client(), declare) == (406, f"PRECONDITION_FAILED - {text}")


def test_a_long_text_is_cut() -> None:
    name = "q" * 250
    text = f"NOT_FOUND - no queue '{name}' in vhost '/'"
    assert refused(client(), QueueDeclare(name, passive=True)) == (404, text[:252] + "...")


def test_a_failed_redeclaration_changes_nothing() -> None:
    link = client()
    link.send(QueueDeclare("q"))
    link.publish(b"a")
    refused(link, QueueDeclare("q", durable=True))
    assert link.call(QueueDeclare("q", passive=True)) == QueueDeclareOk("q", 1, 0)


def test_counts_are_of_ready_messages_and_consumers() -> None:
    link = client()
    link.send(QueueDeclare("q"))
    link.publish(b"1", b"2", b"3")
    assert isinstance(link.call(BasicGet("q")), Content)
    assert link.call(QueueDeclare("q")) == QueueDeclareOk("q", 2, 0)
    link.send(BasicConsume("q", "t"))
    assert link.call(QueueDeclare("q", passive=True)) == QueueDeclareOk("q", 0, 1)


def test_every_exclusive_queue_is_kept_as_transient() -> None:
    link = client()
    for durable in (True, False, True):
        assert link.call(QueueDeclare("q", durable=durable, exclusive=True)) == QueueDeclareOk("q", 0, 0)
    assert refused(link, QueueDeclare("q", durable=True)) == (405, LOCKED)
    text = (
        "PRECONDITION_FAILED - inequivalent arg 'auto_delete' for queue 'q' in vhost '/': received 'true' but current"
    )
    assert refused(link, QueueDeclare("q", exclusive=True, auto_delete=True)) == (406, f"{text} is 'false'")


@pytest.mark.parametrize(
    "method",
    [
        QueueDeclare("q"),
        QueueDeclare("q", exclusive=True),
        QueueDeclare("q", passive=True),
        QueueDeclare("q", durable=True, auto_delete=True),
        QueueBind("q", "amq.direct", "new"),
        QueueUnbind("q", "amq.direct", "bound"),
        QueuePurge("q"),
        QueueDelete("q"),
        QueueDelete("q", if_unused=True, if_empty=True),
        BasicConsume("q", "t"),
        BasicConsume("q", "t", exclusive=True),
        BasicGet("q"),
    ],
    ids=repr,
)
def test_an_exclusive_queue_is_locked_for_others(method: Method) -> None:
    world = World()
    owner, other = world.channel(), world.channel()
    owner.send(QueueDeclare("q", exclusive=True), QueueBind("q", "amq.direct", "bound"))
    assert refused(other, method) == (405, LOCKED)


def test_what_others_may_do_with_an_exclusive_queue() -> None:
    world = World()
    owner, other = world.channel(), world.channel()
    owner.send(QueueDeclare("q", exclusive=True))
    assert routed(other, "", "q")
    assert bodies_in(owner, "q") == [b"?"]
    assert other.call(QueueUnbind("q", "amq.direct", "never bound")) == QueueUnbindOk()
    text = "NOT_FOUND - no exchange 'missing' in vhost '/'"
    assert refused(other, QueueBind("q", "missing", "k")) == (404, text)
    owner.send(ConnectionClose(200), channel=0)
    assert owner.last(0) == ConnectionCloseOk()
    assert other.call(QueueDeclare("q")) == QueueDeclareOk("q", 0, 0)


def test_a_queue_that_is_not_exclusive_is_not_taken_over() -> None:
    link = client()
    link.send(QueueDeclare("q"))
    for durable in (False, True):
        assert refused(link, QueueDeclare("q", exclusive=True, durable=durable)) == (405, LOCKED)


def test_an_auto_delete_queue_goes_with_its_last_consumer_only() -> None:
    link = client()
    link.open_channel(2)
    missing = (404, "NOT_FOUND - no queue 'q' in vhost '/'")
    look = QueueDeclare("q", passive=True)
    link.send(QueueDeclare("q", auto_delete=True))
    link.publish(b"a")
    assert bodies_in(link, "q") == [b"a"]  # a get is no consumer
    assert link.call(look) == QueueDeclareOk("q", 0, 0)
    assert link.call(BasicConsume("q", "a")) == BasicConsumeOk("a")
    assert link.call(BasicConsume("q", "b"), 2) == BasicConsumeOk("b")
    link.send(ChannelClose(200))
    assert link.call(look, 2) == QueueDeclareOk("q", 0, 1)
    link.send(ChannelClose(200), channel=2)
    link.open_channel(1)
    assert refused(link, look) == missing


def test_deleting_what_is_not_there_or_in_use() -> None:
    link = client()
    assert link.call(QueueDelete("missing", if_unused=True, if_empty=True)) == QueueDeleteOk(0)
    link.send(QueueDeclare("q"))
    link.publish(b"a")
    not_empty = (406, "PRECONDITION_FAILED - queue 'q' in vhost '/' not empty")
    assert refused(link, QueueDelete("q", if_empty=True)) == not_empty
    link.send(BasicConsume("q", "t"))
    link.received.clear()
    in_use = (406, "PRECONDITION_FAILED - queue 'q' in vhost '/' in use")
    assert refused(link, QueueDelete("q", if_unused=True, if_empty=True)) == in_use
    assert link.call(QueueDelete("q", if_unused=True)) == QueueDeleteOk(1)


def test_outstanding_messages_do_not_make_a_queue_full() -> None:
    link = client()
    link.send(QueueDeclare("q"))
    link.publish(b"a")
    assert isinstance(link.call(BasicGet("q")), Content)
    assert link.call(QueueDelete("q", if_empty=True)) == QueueDeleteOk(0)


# -- bindings ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "missing"),
    [
        (QueueBind("q", "nowhere", "k"), "exchange 'nowhere'"),
        (QueueBind("nobody", "amq.direct", "k"), "queue 'nobody'"),
        (QueueBind("nobody", "nowhere", "k"), "exchange 'nowhere'"),
        (ExchangeBind("amq.direct", "nowhere", "k"), "exchange 'nowhere'"),
        (ExchangeBind("nobody", "amq.direct", "k"), "exchange 'nobody'"),
        (ExchangeBind("nobody", "nowhere", "k"), "exchange 'nowhere'"),
    ],
    ids=repr,
)
def test_the_source_of_a_binding_is_missed_first(method: Method, missing: str) -> None:
    link = client()
    link.send(QueueDeclare("q"))
    assert refused(link, method) == (404, f"NOT_FOUND - no {missing} in vhost '/'")


@pytest.mark.parametrize(
    "method",
    [
        QueueUnbind("q", "amq.direct", "never"),
        QueueUnbind("nobody", "amq.direct", "k"),
        QueueUnbind("q", "nowhere", "k"),
        QueueUnbind("nobody", "nowhere", "k"),
        ExchangeUnbind("nobody", "amq.direct", "k"),
        ExchangeUnbind("amq.direct", "nowhere", "k"),
    ],
    ids=repr,
)
def test_removing_a_binding_that_is_not_there_succeeds(method: Method) -> None:
    link = client()
    link.send(QueueDeclare("q"))
    assert isinstance(link.call(method), QueueUnbindOk | ExchangeUnbindOk)


def test_a_binding_is_its_two_ends_its_key_and_its_arguments() -> None:
    link = client()
    link.send(QueueDeclare("q"))
    for arguments in (args(), args(), args(a=1)):
        assert link.call(QueueBind("q", "amq.direct", "k", arguments=arguments)) == QueueBindOk()
    link.publish(b"once", exchange="amq.direct", key="k")
    assert bodies_in(link, "q") == [b"once"]
    link.send(QueueUnbind("q", "amq.direct", "k"))
    assert routed(link, "amq.direct", "k")
    link.send(QueueUnbind("q", "amq.direct", "k", args(a=1)))
    assert not routed(link, "amq.direct", "k")


def test_arguments_of_a_binding_are_equal_by_value() -> None:
    """Not as in RabbitMQ: clients differ in how wide an integer they send, and any of them may remove the binding."""
    link = client()
    link.send(QueueDeclare("q"), QueueBind("q", "amq.direct", "k", arguments=Arguments(b"\x01aI\0\0\0\x01")))
    link.send(QueueUnbind("q", "amq.direct", "k", Arguments(b"\x01al" + (1).to_bytes(8, "big"))))
    assert not routed(link, "amq.direct", "k")


def test_an_exchange_may_be_bound_to_itself() -> None:
    link = client()
    link.send(ExchangeDeclare("x", "fanout"), QueueDeclare("q"), QueueBind("q", "x"))
    assert link.call(ExchangeBind("x", "x", "k")) == ExchangeBindOk()
    link.publish(b"a", exchange="x")
    assert bodies_in(link, "q") == [b"a"]
    assert link.call(ExchangeDelete("x")) == ExchangeDeleteOk()
