from __future__ import annotations

import asyncio

import pytest

from leveret import limits
from leveret.clock import ManualClock
from leveret.net import Turn

from .support import until


class Shell:
    """A connection as far as the turn sees it."""

    def __init__(self, clock: ManualClock, diary: list[str], name: str, steps: int = 0, step_ms: int = 0) -> None:
        self.clock, self.diary, self.name, self.steps, self.step_ms = clock, diary, name, steps, step_ms

    def flush(self) -> None:
        self.diary.append(f"flush {self.name}")

    def go_on(self, budget_ms: int) -> bool:
        self.diary.append(f"step {self.name}")
        self.clock.advance(self.step_ms)
        self.steps -= 1
        return self.steps > 0


class Fixture:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.diary: list[str] = []
        self.more = 0
        self.turn = Turn(asyncio.get_running_loop(), self.clock)
        self.turn.start(self.run_callbacks, self.pump)

    def run_callbacks(self) -> bool:
        self.diary.append("log")
        return False

    def pump(self, budget_ms: int) -> bool:
        assert budget_ms == limits.TURN_BUDGET_MS
        self.diary.append("pump")
        self.more -= 1
        return self.more > 0

    def shell(self, name: str, steps: int = 0, step_ms: int = 0) -> Shell:
        return Shell(self.clock, self.diary, name, steps, step_ms)

    async def settle(self) -> None:
        await until(lambda: not self.turn.scheduled)


async def test_one_turn_in_order_however_often_it_is_asked_for() -> None:
    fixture = Fixture()
    a, b = fixture.shell("a"), fixture.shell("b", steps=1)
    fixture.turn.wake()
    fixture.turn.flush(a)
    fixture.turn.step(b)
    fixture.turn.flush(b)
    fixture.turn.wake()
    assert fixture.diary == []
    await fixture.settle()
    assert fixture.diary == ["log", "step b", "pump", "flush a", "flush b"]
    assert fixture.turn.lengths.count == 1


async def test_queues_that_have_more_get_another_turn() -> None:
    fixture = Fixture()
    fixture.more = 3
    fixture.turn.wake()
    await fixture.settle()
    assert fixture.diary == ["log", "pump"] * 3


async def test_sessions_go_on_in_turns_within_the_budget() -> None:
    fixture = Fixture()
    for shell in (fixture.shell("a", 3, step_ms=1), fixture.shell("b", 2, step_ms=1)):
        fixture.turn.step(shell)
    await fixture.settle()
    assert fixture.diary == [
        *("log", "step a", "step b", "pump"),
        *("log", "step a", "step b", "pump"),
        *("log", "step a", "pump"),
    ]


async def test_what_a_flush_wakes_has_its_turn_next() -> None:
    fixture = Fixture()
    shell = fixture.shell("a")

    class Waking(Shell):
        def flush(self) -> None:
            super().flush()
            fixture.turn.flush(shell)

    fixture.turn.flush(Waking(fixture.clock, fixture.diary, "w"))
    await fixture.settle()
    assert fixture.diary == ["log", "pump", "flush w", "log", "pump", "flush a"]


async def test_a_queue_that_fails_does_not_stop_the_turn(caplog: pytest.LogCaptureFixture) -> None:
    fixture = Fixture()

    def fail(budget_ms: int) -> bool:
        raise RuntimeError("our fault")

    fixture.turn.start(fixture.run_callbacks, fail)
    fixture.turn.flush(fixture.shell("a"))
    await fixture.settle()
    assert fixture.diary == ["log", "flush a"]
    assert caplog.messages == ["a queue failed to deliver"]


async def test_time_is_taken_at_the_begin_of_a_turn() -> None:
    fixture = Fixture()
    fixture.clock.advance(5)
    fixture.turn.wake()
    assert fixture.turn.now_ms == 5
    fixture.clock.advance(1)
    fixture.turn.wake()
    assert fixture.turn.now_ms == 5
    await fixture.settle()
