from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leveret.clock import ManualClock
from leveret.net.timers import TICKS_AT_ONCE, Timers


class Handle:
    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        self.callback = None


class Loop(asyncio.AbstractEventLoop):
    """An event loop with a clock that is moved by hand."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.handles: list[tuple[int, Handle]] = []

    def call_later(self, delay: float, callback: Callable[[], None], *args: object, context: object = None) -> Handle:  # type: ignore[override]
        handle = Handle(callback)
        self.handles.append((self.clock.monotonic_ms() + round(delay * 1000), handle))
        return handle

    @property
    def live(self) -> list[int]:
        return [when for when, handle in self.handles if handle.callback is not None]

    def advance(self, milliseconds: int) -> None:
        self.clock.advance(milliseconds)
        due = [handle for when, handle in self.handles if when <= self.clock.monotonic_ms()]
        self.handles = [(when, handle) for when, handle in self.handles if when > self.clock.monotonic_ms()]
        for handle in due:
            if handle.callback is not None:
                handle.callback()


class Ticker:
    def __init__(self, timers: Timers, every_ms: int | None = None) -> None:
        self.timers, self.every_ms = timers, every_ms
        self.tick_at_ms: int | None = None
        self.ticks: list[int] = []

    def tick(self, now_ms: int) -> None:
        assert self.tick_at_ms is None
        self.ticks.append(now_ms)
        if self.every_ms is not None:
            self.timers.at(now_ms + self.every_ms, self)


def make() -> tuple[Loop, Timers]:
    clock = ManualClock()
    loop = Loop(clock)
    return loop, Timers(loop, clock)


def test_many_tickers_one_handle() -> None:
    loop, timers = make()
    tickers = [Ticker(timers, every_ms=1000) for _ in range(100)]
    for offset, ticker in enumerate(tickers):
        timers.at(1000 - offset, ticker)
        assert loop.live == [1000 - offset]
    for _ in range(3000):
        loop.advance(1)
        assert len(loop.live) == 1
    assert all(len(ticker.ticks) == 3 for ticker in tickers)
    assert len(timers) == 100


def test_another_time_replaces_the_first() -> None:
    loop, timers = make()
    ticker = Ticker(timers)
    timers.at(10_000, ticker)
    timers.at(500, ticker)
    timers.at(500, ticker)
    loop.advance(499)
    assert ticker.ticks == []
    loop.advance(1)
    assert ticker.ticks == [500]
    loop.advance(20_000)
    assert ticker.ticks == [500]
    assert len(timers) == 0
    assert loop.live == []


def test_a_later_time_replaces_an_earlier_one() -> None:
    loop, timers = make()
    ticker = Ticker(timers)
    timers.at(500, ticker)
    timers.at(900, ticker)
    loop.advance(500)
    assert ticker.ticks == []
    loop.advance(400)
    assert ticker.ticks == [900]


def test_a_crowd_is_served_in_parts() -> None:
    loop, timers = make()
    tickers = [Ticker(timers) for _ in range(TICKS_AT_ONCE * 2 + 1)]
    for ticker in tickers:
        timers.at(10, ticker)
    seen = []
    for _ in range(4):
        loop.advance(10 if not seen else 0)
        seen.append(sum(len(ticker.ticks) for ticker in tickers))
    assert seen == [TICKS_AT_ONCE, TICKS_AT_ONCE * 2, TICKS_AT_ONCE * 2 + 1, TICKS_AT_ONCE * 2 + 1]


def test_what_is_forgotten_has_no_tick_and_takes_no_room() -> None:
    loop, timers = make()
    stays = Ticker(timers)
    timers.at(20_000, stays)
    for when in range(10_000, 20_000):
        gone = Ticker(timers)
        timers.at(when, gone)
        timers.forget(gone)
        timers.forget(gone)
        assert len(timers) < 3000
    loop.advance(30_000)
    while loop.live:
        loop.advance(0)
    assert stays.ticks == [30_000]


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 50) | st.none()), max_size=60))
def test_each_is_ticked_once_at_the_last_time_asked_for(asked: list[tuple[int, int | None]]) -> None:
    loop, timers = make()
    tickers = [Ticker(timers) for _ in range(6)]
    expected: dict[int, int] = {}
    for number, when in asked:
        if when is None:
            timers.forget(tickers[number])
            expected.pop(number, None)
        else:
            timers.at(when, tickers[number])
            expected[number] = when
    loop.advance(0)
    for _ in range(51):
        loop.advance(1)
    assert {number: ticker.ticks[0] for number, ticker in enumerate(tickers) if ticker.ticks} == expected
    assert all(len(ticker.ticks) <= 1 for ticker in tickers)


def test_no_tick_after_stop() -> None:
    loop, timers = make()
    ticker = Ticker(timers)
    timers.at(10, ticker)
    timers.stop()
    loop.advance(100)
    assert ticker.ticks == []


def test_one_that_fails_does_not_stop_the_others() -> None:
    class Failing(Ticker):
        def tick(self, now_ms: int) -> None:
            raise RuntimeError("our fault")

    loop, timers = make()
    after = Ticker(timers)
    timers.at(10, Failing(timers))
    timers.at(10, after)
    with pytest.raises(RuntimeError):
        loop.advance(10)
    loop.advance(0)
    assert after.ticks == [10]
