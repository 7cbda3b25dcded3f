"""What one turn may do: a session's step, its inboxes, its output, and what is read when."""

from __future__ import annotations

import pytest

from leveret.clock import ManualClock
from leveret.limits import OUTPUT_STOP_READING
from leveret.wire.frames import method_frame
from leveret.wire.methods import (
    BasicGet,
    BasicQos,
    BasicQosOk,
    QueueDeclare,
)

from .samples import prepared
from .support import World


def let_time_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """A millisecond goes by between any two looks at the clock."""
    times = iter(range(100_000))
    monkeypatch.setattr(ManualClock, "monotonic_ms", lambda _: next(times))


def test_a_step_ends_when_its_budget_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    link = prepared(world)
    let_time_run(monkeypatch)
    link.push(method_frame(1, BasicQos(0, 1)) * 100)
    steps = 1
    while link.session.step(2):
        steps += 1
    assert 5 < steps < 20
    link.flush()
    assert link.take() == [BasicQosOk()] * 100


def test_an_inbox_is_served_within_the_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    link = prepared(world)
    world.held = True
    link.send(QueueDeclare("kept", durable=True), *[BasicQos(0, 1)] * 100)
    let_time_run(monkeypatch)
    world.log.sync()
    steps = 1
    while link.session.step(2):
        steps += 1
    assert 5 < steps < 100
    link.flush()
    assert len(link.take()) == 101


def test_late_answers_go_on_when_the_output_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """The shell is only woken; taking the output is all that it does then."""
    world = World()
    link = prepared(world)
    world.held = True
    link.send(QueueDeclare("kept", durable=True), *[BasicQos(0, 1)] * 100)
    let_time_run(monkeypatch)
    woken = link.shell.count
    world.log.sync()
    assert link.shell.count == woken + 1
    while link.shell.count > woken:
        woken = link.shell.count
        link.flush()
    assert len(link.take()) == 101


def test_a_peer_that_asks_and_does_not_read() -> None:
    world = World()
    link = prepared(world)
    link.send(BasicQos(0, 1))
    link.publish(*[b"x" * 100_000] * 100)
    link.reads = False
    for _ in range(100):
        link.send(BasicGet("q"))
    served = world.broker.vhosts["/"].queues["q"].unacked
    assert served == OUTPUT_STOP_READING // 100_000 + 1
    assert not link.session.reading
    link.reads = True
    world.run()
    assert link.session.reading
    assert len(link.bodies()) == 100


def test_asking_from_an_inbox_without_reading() -> None:
    world = World()
    link = prepared(world)
    link.publish(*[b"x" * 100_000] * 100)
    world.held = True
    link.send(QueueDeclare("kept", durable=True), *[BasicGet("q")] * 100)
    link.reads = False
    world.held = False
    world.run()
    assert world.broker.vhosts["/"].queues["q"].unacked == OUTPUT_STOP_READING // 100_000 + 1
    link.reads = True
    world.run()
    assert len(link.bodies()) == 100
    assert link.session.inboxes == {}


def test_returns_to_a_peer_that_does_not_read() -> None:
    link = prepared(World())
    link.reads = False
    while link.session.reading:
        link.publish(*[b"x" * 100_000] * 10, key="nowhere", mandatory=True)
    assert OUTPUT_STOP_READING < link.session.unwritten < OUTPUT_STOP_READING + 1_100_000
    link.reads = True
    link.world.run()
    assert link.session.reading
