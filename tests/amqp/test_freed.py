"""What is freed when a connection or a channel ends: by reference counts alone."""

from __future__ import annotations

import gc
import sys
import weakref
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from leveret.amqp import Session
from leveret.wire.frames import HEARTBEAT_FRAME
from leveret.wire.methods import (
    BasicConsume,
    BasicGet,
    BasicQos,
    ChannelClose,
    ConfirmSelect,
    ConnectionClose,
    QueueBind,
    QueueDeclare,
    QueueDeclareOk,
    TxSelect,
)

from .support import World


@contextmanager
def without_collector() -> Iterator[None]:
    """Reference counts only."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


class Watched(Session):
    """A session whose end can be seen."""

    __slots__ = ("__weakref__",)


@pytest.mark.parametrize("clean", [True, False])
def test_reference_counts_free_a_connection(clean: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.amqp.support.Session", Watched)
    world = World()
    kept = world.channel()
    kept.send(QueueDeclare("q"))
    with without_collector():
        link = world.channel()
        link.open_channel(2)
        link.open_channel(3)
        link.publish(*[b"a"] * 10)
        link.send(BasicQos(0, 2, True), BasicConsume("q", "one"), BasicConsume("q", "two"), BasicQos(0, 1))
        link.send(ConfirmSelect(), BasicGet("q"), BasicGet("q"), channel=2)
        link.send(TxSelect(), channel=3)
        link.publish(b"a", channel=2)
        link.publish(b"a", channel=3)
        link.send(QueueDeclare("mine", exclusive=True, durable=True), channel=3)
        session = weakref.ref(link.session)
        if clean:
            link.send(ConnectionClose(200), channel=0)
        link.session.lost()
        world.links.remove(link)
        world.run()
        del link
        assert session() is None
    assert kept.call(QueueDeclare("q", passive=True)) == QueueDeclareOk("q", 11, 0)


def test_who_remembers_an_exclusive_queue_keeps_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """A publisher's keys remember their queues until they are used again."""
    monkeypatch.setattr("tests.amqp.support.Session", Watched)
    world = World()
    publisher = world.channel()
    with without_collector():
        link = world.channel()
        link.send(QueueDeclare("mine", exclusive=True), QueueBind("mine", "amq.direct", "key"))
        publisher.publish(b"a", exchange="amq.direct", key="key")
        assert link.call(QueueDeclare("mine", passive=True)) == QueueDeclareOk("mine", 1, 0)
        session = weakref.ref(link.session)
        link.session.lost()
        world.links.remove(link)
        world.run()
        del link
        assert session() is None


@pytest.mark.parametrize("transactional", [False, True])
@pytest.mark.parametrize(
    "changes", [{"exchange": "none"}, {"properties": b"\x00\x10\x05other"}, {"immediate": True}], ids=str
)
def test_a_refused_message_is_freed_at_once(changes: dict[str, object], transactional: bool) -> None:
    """An error knows the calls that it came through, and these know the error and the message."""
    world = World()
    link = world.channel()
    if transactional:
        link.send(TxSelect())
    link.received.clear()
    with without_collector():
        link.publish(bytes(100_000), **changes)  # type: ignore[arg-type]
        (answer,) = link.received
        assert isinstance(answer[1], ChannelClose | ConnectionClose)
        link.feed(HEARTBEAT_FRAME)
        assert world.pool.allocated == 0


def test_an_idle_connection_is_small() -> None:
    """Counted without what the kernel holds and what all connections share."""
    world = World()
    for _ in range(3):
        world.channel()
    gc.collect()
    before = sum(map(sys.getsizeof, gc.get_objects()))
    count = 50
    sessions = []
    for _ in range(count):
        link = world.channel()
        sessions.append(link.session)
        world.links.remove(link)
    gc.collect()
    size = (sum(map(sys.getsizeof, gc.get_objects())) - before) / count
    assert size < 6_000
