"""The brain's timer: who of it wants to be called when, in monotonic milliseconds. It is looked at once per turn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..schedule import Schedule

if TYPE_CHECKING:
    from ..ports import Clock, Scheduler
    from ..schedule import Ticking

_AT_ONCE: Final = 256
"""Ticks of one turn; when more are due others have their turn between."""


class Ticks:
    """One per broker."""

    __slots__ = ("_clock", "_schedule", "_scheduler")

    def __init__(self, clock: Clock, scheduler: Scheduler) -> None:
        self._clock = clock
        self._scheduler = scheduler
        self._schedule = Schedule()

    def after(self, delay_ms: int, ticking: Ticking) -> None:
        """The next tick of this one is then, instead of when it was."""
        when_ms = self._clock.monotonic_ms() + delay_ms
        self._schedule.at(when_ms, ticking)
        if self._schedule.first_ms == when_ms:
            self._scheduler.wake_at(when_ms)

    def forget(self, ticking: Ticking) -> None:
        """No tick for this one."""
        self._schedule.forget(ticking)

    def step(self, now_ms: int) -> bool:
        """Once per turn; True when more is due than was done."""
        schedule = self._schedule
        first_ms = schedule.first_ms
        if first_ms is None:
            return False
        if first_ms > now_ms:
            self._scheduler.wake_at(first_ms)
            return False
        try:
            for _ in range(_AT_ONCE):
                ticking = schedule.take_due(now_ms)
                if ticking is None:
                    return False
                ticking.tick(now_ms)
        finally:
            first_ms = schedule.first_ms
            if first_ms is not None and first_ms > now_ms:
                self._scheduler.wake_at(first_ms)
        return True
