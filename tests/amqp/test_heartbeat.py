"""Heartbeats both ways, at the client's choice."""

from __future__ import annotations

import pytest

from leveret.amqp.heartbeat import Heartbeat
from leveret.limits import INBOX_EVENTS_MAX
from leveret.wire.frames import HEARTBEAT_FRAME
from leveret.wire.methods import BasicConsume, BasicQos, QueueDeclare

from .support import Link, World


def connected(world: World, heartbeat: int) -> Link:
    link = world.link()
    link.open(heartbeat=heartbeat)
    link.open_channel(1)
    return link


def test_the_client_may_do_without() -> None:
    world = World()
    link = connected(world, 0)
    assert link.session.heartbeat is None
    for _ in range(100):
        world.tick(60_000)
    assert link.received == []
    assert not link.session.finished


@pytest.mark.parametrize("timeout_s", [1, 10, 60, 600])
def test_one_goes_out_every_half_timeout(timeout_s: int) -> None:
    world = World()
    link = connected(world, timeout_s)
    world.tick(timeout_s * 500)  # the handshake was sent in this one
    for beats in range(1, 10):
        link.received.clear()
        link.push(HEARTBEAT_FRAME)
        world.tick(timeout_s * 500)
        assert link.received == [(0, None)], beats


def test_not_when_something_else_went_out() -> None:
    world = World()
    link = connected(world, 10)
    world.tick(5_000)
    for _ in range(5):
        link.send(BasicQos(0, 1))
        link.received.clear()
        world.tick(5_000)
        assert link.received == []
    link.push(HEARTBEAT_FRAME)
    world.tick(5_000)
    assert link.received == [(0, None)]


def test_the_session_says_when_it_wants_the_next_tick() -> None:
    world = World()
    link = connected(world, 10)
    now = world.clock.monotonic_ms()
    assert link.session.tick(now) == now + 5_000
    world.clock.advance(1_000)
    assert link.session.tick(now + 1_000) == now + 5_000


def test_a_silent_peer_is_dead_after_two_timeouts(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    link = connected(world, 10)
    for _ in range(3):
        world.tick(5_000)
    world.tick(4_999)
    assert not link.session.finished
    world.tick(1)
    assert link.session.finished
    assert "missed heartbeats from client, timeout: 10s" in caplog.text
    assert link.session.take_output() is None


def test_any_byte_is_a_sign_of_life() -> None:
    world = World()
    link = connected(world, 10)
    for byte in HEARTBEAT_FRAME * 3:
        link.push(bytes((byte,)))
        world.tick(19_999)
        assert not link.session.finished


def test_what_a_dead_peer_held_goes_back() -> None:
    world = World()
    link = connected(world, 1)
    link.send(QueueDeclare("q"), BasicConsume("q", "tag"))
    link.publish(b"a")
    queue = world.broker.vhosts["/"].queues["q"]
    assert queue.unacked == 1
    world.tick(2_000)
    assert (queue.ready, queue.unacked, queue.consumers) == (1, 0, [])


def test_a_peer_that_is_not_read_is_not_dead() -> None:
    world = World()
    link = connected(world, 1)
    world.held = True
    link.send(QueueDeclare("kept", durable=True))
    link.send(*[BasicQos(0, 1)] * INBOX_EVENTS_MAX)
    assert not link.session.reading
    for _ in range(20):
        world.tick(1_000)
        assert not link.session.finished
    world.held = False
    world.tick(1_000)
    assert link.session.reading
    assert not link.session.finished
    world.tick(2_000)
    assert link.session.finished


def test_a_heartbeat_does_not_count_as_something_sent() -> None:
    beat = Heartbeat(10, 0)
    assert not beat.is_due(4_999, 0)
    assert beat.is_due(5_000, 0)
    assert beat.is_due(10_000, len(HEARTBEAT_FRAME))
    assert not beat.is_due(15_000, 2 * len(HEARTBEAT_FRAME) + 1)
    assert beat.is_due(20_000, 2 * len(HEARTBEAT_FRAME) + 1)
