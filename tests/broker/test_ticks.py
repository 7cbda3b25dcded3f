"""The brain's timer."""

from __future__ import annotations

from leveret.broker.ticks import Ticks
from leveret.clock import ManualClock


class Alarm:
    """A scheduler that remembers when it is to wake."""

    def __init__(self) -> None:
        self.at: list[int] = []

    def wake(self) -> None:
        raise AssertionError("nobody asked")

    def wake_at(self, when_ms: int) -> None:
        self.at.append(when_ms)


class Ticker:
    def __init__(self) -> None:
        self.tick_at_ms: int | None = None
        self.ticks: list[int] = []

    def tick(self, now_ms: int) -> None:
        self.ticks.append(now_ms)


def test_a_tick_comes_at_its_time_and_the_next_is_asked_for() -> None:
    clock, alarm = ManualClock(), Alarm()
    ticks = Ticks(clock, alarm)
    first, second = Ticker(), Ticker()
    ticks.after(50, second)
    ticks.after(20, first)
    assert alarm.at == [50, 20]
    assert not ticks.step(19)
    assert alarm.at[-1] == 20, "who woke too early is woken again"
    clock.advance(20)
    assert not ticks.step(clock.monotonic_ms())
    assert (first.ticks, second.ticks) == ([20], [])
    assert alarm.at[-1] == 50


def test_another_time_takes_the_place_of_the_one_before() -> None:
    clock, alarm = ManualClock(), Alarm()
    ticks, ticker = Ticks(clock, alarm), Ticker()
    ticks.after(20, ticker)
    ticks.after(40, ticker)
    ticks.step(30)
    assert ticker.ticks == []
    ticks.step(40)
    assert ticker.ticks == [40]


def test_none_after_it_was_forgotten() -> None:
    ticks, ticker = Ticks(ManualClock(), Alarm()), Ticker()
    ticks.after(20, ticker)
    ticks.forget(ticker)
    ticks.step(100)
    assert ticker.ticks == []


def test_many_at_once_leave_others_their_turn() -> None:
    ticks = Ticks(ManualClock(), Alarm())
    tickers = [Ticker() for _ in range(1000)]
    for ticker in tickers:
        ticks.after(5, ticker)
    steps = 1
    while ticks.step(10):
        steps += 1
    assert steps > 3
    assert all(ticker.ticks == [10] for ticker in tickers)
