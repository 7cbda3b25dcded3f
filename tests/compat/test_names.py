"""Names: what an empty one means, which ones the broker makes, and what becomes of line breaks."""

from __future__ import annotations

import re
from unittest.mock import ANY

import pytest

from leveret.wire.methods import (
    BasicCancel,
    BasicConsume,
    BasicConsumeOk,
    BasicGet,
    BasicGetEmpty,
    ExchangeDeclare,
    ExchangeDeclareOk,
    ExchangeDelete,
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
)

from ..amqp.support import Content
from .support import bodies_in, client, refused, reopen, routed

NONE = (404, "NOT_FOUND - no previously declared queue")
MADE = re.compile(r"amq\.gen-[\w-]+")


@pytest.mark.parametrize(
    "method",
    [
        QueueBind("", "amq.direct", "k"),
        QueueBind("", "missing", ""),
        QueueUnbind("", "amq.direct", "k"),
        QueuePurge(""),
        QueueDelete(""),
        BasicConsume("", "t"),
        BasicGet(""),
    ],
    ids=repr,
)
def test_the_last_queue_when_there_is_none(method: Method) -> None:
    link = client()
    link.open_channel(2)
    link.send(QueueDeclare("on another channel"), channel=2)
    assert refused(link, method) == NONE


def test_a_passive_declare_without_a_name_finds_nothing() -> None:
    assert refused(client(), QueueDeclare("", passive=True)) == (404, "NOT_FOUND - no queue '' in vhost '/'")


def test_the_key_is_the_last_queue_only_when_both_are_empty() -> None:
    link = client()
    link.send(QueueDeclare("q"), QueueBind("", "amq.direct", ""))
    assert routed(link, "amq.direct", "q")
    assert not routed(link, "amq.direct", "")
    link.send(QueueUnbind("", "amq.direct", ""), QueueBind("q", "amq.direct", ""))
    assert not routed(link, "amq.direct", "q")
    assert routed(link, "amq.direct", "")
    link.send(QueueBind("", "amq.direct", "k"))
    assert routed(link, "amq.direct", "k")


def test_every_method_that_takes_the_last_queue() -> None:
    link = client()
    link.send(QueueDeclare("q", no_wait=True))
    link.publish(b"a", b"b")
    got = link.call(BasicGet("", no_ack=True))
    assert isinstance(got, Content)
    assert link.call(QueuePurge("")) == QueuePurgeOk(1)
    assert link.call(BasicGet("")) == BasicGetEmpty()
    assert link.call(BasicConsume("", "t")) == BasicConsumeOk("t")
    link.send(BasicCancel("t"))
    assert link.call(QueueDelete("")) == QueueDeleteOk(0)


def test_the_last_queue_is_forgotten_with_its_channel_but_not_with_the_queue() -> None:
    link = client()
    link.send(QueueDeclare("q"))
    assert link.call(QueueDelete("")) == QueueDeleteOk(0)
    assert link.call(QueueDelete("")) == QueueDeleteOk(0)  # still its name
    assert refused(link, BasicGet("")) == (404, "NOT_FOUND - no queue 'q' in vhost '/'")
    assert refused(link, BasicGet("")) == NONE


def test_a_passive_declare_makes_it_the_last_queue() -> None:
    link = client()
    link.send(QueueDeclare("a"), QueueDeclare("b"), QueueDeclare("a", passive=True))
    assert link.call(QueueDelete("")) == QueueDeleteOk(0)
    assert refused(link, QueueDeclare("a", passive=True))[0] == 404
    assert link.call(QueueDeclare("b", passive=True)) == QueueDeclareOk("b", 0, 0)


@pytest.mark.parametrize("name", ["", "\n", "\r\n"])
def test_the_broker_makes_a_name(name: str) -> None:
    link = client()
    declared = link.call(QueueDeclare(name, exclusive=True))
    assert isinstance(declared, QueueDeclareOk)
    assert MADE.fullmatch(declared.queue)
    other = link.call(QueueDeclare(name, auto_delete=True))
    assert isinstance(other, QueueDeclareOk)
    assert other.queue != declared.queue


def test_a_name_from_the_broker_can_be_looked_up_but_not_declared() -> None:
    link = client()
    declared = link.call(QueueDeclare(""))
    assert isinstance(declared, QueueDeclareOk)
    name = declared.queue
    assert link.call(QueueDeclare(name, passive=True)) == QueueDeclareOk(name, 0, 0)
    text = f"ACCESS_REFUSED - queue name '{name}' contains reserved prefix 'amq.*'"
    assert refused(link, QueueDeclare(name)) == (403, text)
    assert link.call(QueueDelete(name)) == QueueDeleteOk(0)
    assert refused(link, QueueDeclare(name)) == (403, text)


@pytest.mark.parametrize("name", ["amq.", "amq.foo", "amq.gen-abc", "a\rmq.foo"])
def test_reserved_names_of_queues(name: str) -> None:
    link = client()
    clean = name.replace("\r", "")
    text = f"ACCESS_REFUSED - queue name '{clean}' contains reserved prefix 'amq.*'"
    assert refused(link, QueueDeclare(name)) == (403, text)
    assert refused(link, QueueDeclare(name, passive=True)) == (404, f"NOT_FOUND - no queue '{clean}' in vhost '/'")
    assert link.call(QueueDelete(name)) == QueueDeleteOk(0)


def test_line_breaks_are_taken_out_of_names() -> None:
    link = client()
    assert link.call(QueueDeclare("a\r\nb")) == QueueDeclareOk("ab", 0, 0)
    assert link.call(ExchangeDeclare("x\ny", "fanout")) == ExchangeDeclareOk()
    assert link.call(QueueBind("a\nb", "x\ry")) == QueueBindOk()
    assert routed(link, "xy")
    assert bodies_in(link, "ab") == [b"?"]
    link.send(ExchangeDelete("x\ny"), QueueDelete("a\nb"))
    link.received.clear()
    assert refused(link, QueueDeclare("ab", passive=True))[0] == 404


def test_line_breaks_are_taken_out_of_names_that_are_only_used_too() -> None:
    """Not as in RabbitMQ, which finds a queue "a\\nb" when it is declared and not when it is consumed."""
    link = client()
    link.send(QueueDeclare("ab"))
    link.publish(b"1", b"2", b"3", key="ab")
    link.received.clear()
    assert isinstance(link.call(BasicGet("a\nb", no_ack=True)), Content)
    assert link.call(QueuePurge("a\nb")) == QueuePurgeOk(2)
    assert link.call(BasicConsume("a\nb", "t")) == BasicConsumeOk("t")


def test_line_breaks_stay_in_what_messages_name() -> None:
    link = client()
    link.send(QueueDeclare("ab"))
    assert not routed(link, "", "a\nb")
    link.publish(b"a", exchange="amq.dir\nect", key="k")
    assert [type(what).__name__ for what in link.take()] == ["ChannelClose"]
    reopen(link)


@pytest.mark.parametrize("name", ["a space", "é€'\"\\", "x" * 255, "é" * 127])
def test_any_other_name_will_do(name: str) -> None:
    link = client()
    text = f"NOT_FOUND - no queue '{name}' in vhost '/'"
    assert refused(link, QueueDeclare(name, passive=True)) == (404, text if len(name) < 10 else ANY)
    assert link.call(QueueDeclare(name)) == QueueDeclareOk(name, 0, 0)
    assert routed(link, "", name)
