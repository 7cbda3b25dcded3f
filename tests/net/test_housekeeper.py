"""Housekeeping has a short step every now and then, whatever becomes of it."""

from __future__ import annotations

import logging

import pytest

from leveret.clock import ManualClock
from leveret.limits import HOUSEKEEPING_MS, HOUSEKEEPING_PAUSE_MS, HOUSEKEEPING_STEP_MS
from leveret.net import Housekeeper
from leveret.net.timers import Timers

from .test_timers import Loop


class Steps:
    """Says what it is told to."""

    def __init__(self, *answers: bool | Exception) -> None:
        self.answers = list(answers)
        self.budgets: list[int] = []

    def __call__(self, budget_ms: int) -> bool:
        self.budgets.append(budget_ms)
        answer = self.answers.pop(0) if self.answers else False
        if isinstance(answer, Exception):
            raise answer
        return answer


def make(*answers: bool | Exception) -> tuple[Loop, Timers, Steps]:
    clock = ManualClock()
    loop = Loop(clock)
    timers = Timers(loop, clock)
    steps = Steps(*answers)
    Housekeeper(timers, steps).start(clock.monotonic_ms())
    return loop, timers, steps


def test_a_pass_is_many_short_steps_and_then_there_is_a_pause() -> None:
    loop, _, steps = make(True, True, False)
    loop.advance(HOUSEKEEPING_MS - 1)
    assert steps.budgets == []
    loop.advance(1)
    loop.advance(HOUSEKEEPING_PAUSE_MS)
    loop.advance(HOUSEKEEPING_PAUSE_MS)
    assert steps.budgets == [HOUSEKEEPING_STEP_MS] * 3
    loop.advance(HOUSEKEEPING_MS - 1)
    assert len(steps.budgets) == 3
    loop.advance(1)
    assert len(steps.budgets) == 4


def test_it_goes_on_after_a_failure(caplog: pytest.LogCaptureFixture) -> None:
    loop, _, steps = make(ValueError("broken"))
    with caplog.at_level(logging.ERROR):
        loop.advance(HOUSEKEEPING_MS)
    assert "housekeeping failed" in caplog.text
    loop.advance(HOUSEKEEPING_MS)
    assert len(steps.budgets) == 2


def test_it_ends_with_the_timers() -> None:
    loop, timers, steps = make()
    timers.stop()
    loop.advance(10 * HOUSEKEEPING_MS)
    assert steps.budgets == []
    assert loop.live == []
