"""One timer for all connections: a schedule of when each wants its next tick, and one handle of the loop for the
earliest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..schedule import Schedule

if TYPE_CHECKING:
    import asyncio

    from ..ports import Clock
    from ..schedule import Ticking

TICKS_AT_ONCE: Final = 128
"""Ticks in one go; when more are due (thousands of connections opened in one second) the loop serves others between."""


class Timers:
    """Ticks in monotonic milliseconds."""

    __slots__ = ("_clock", "_handle", "_handle_at_ms", "_loop", "_schedule")

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: Clock) -> None:
        self._loop = loop
        self._clock = clock
        self._schedule = Schedule()
        self._handle: asyncio.TimerHandle | None = None
        self._handle_at_ms = 0

    def __len__(self) -> int:
        """Entries, left-behind ones too."""
        return len(self._schedule)

    def at(self, when_ms: int, ticking: Ticking) -> None:
        """The next tick of this one is then, instead of when it was."""
        self._schedule.at(when_ms, ticking)
        if self._handle is None or when_ms < self._handle_at_ms:
            self._arm()

    def forget(self, ticking: Ticking) -> None:
        """No tick for this one."""
        self._schedule.forget(ticking)

    def stop(self) -> None:
        """No more ticks."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        self._schedule.clear()

    def _arm(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        first_ms = self._schedule.first_ms
        if first_ms is not None:
            self._handle_at_ms = first_ms
            delay_ms = max(0, first_ms - self._clock.monotonic_ms())
            self._handle = self._loop.call_later(delay_ms / 1000, self._fire)

    def _fire(self) -> None:
        self._handle = None
        now_ms = self._clock.monotonic_ms()
        try:
            for _ in range(TICKS_AT_ONCE):
                ticking = self._schedule.take_due(now_ms)
                if ticking is None:
                    break
                ticking.tick(now_ms)
        finally:  # one that fails must not stop the time of all others
            if self._handle is None:
                self._arm()
