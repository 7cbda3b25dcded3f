"""Time is passed in. Wall time goes into records; monotonic time drives timers. Nothing below `net` reads a clock
itself.
"""

from __future__ import annotations

import time


def worked_ns() -> int:
    """How long this thread has worked so far, in nanoseconds; waiting and what others do are not in it. For bounds on
    work, never for the time of day.
    """
    return time.thread_time_ns()


class SystemClock:
    """The machine's clocks."""

    __slots__ = ()

    def wall_ms(self) -> int:
        """Milliseconds since the epoch."""
        return time.time_ns() // 1_000_000

    def monotonic_ms(self) -> int:
        """Milliseconds that never go back."""
        return time.monotonic_ns() // 1_000_000


class ManualClock:
    """A clock that stands still until told: for tests and simulations."""

    __slots__ = ("_monotonic_ms", "_wall_ms")

    def __init__(self, wall_ms: int = 1_700_000_000_000) -> None:
        self._wall_ms = wall_ms
        self._monotonic_ms = 0

    def wall_ms(self) -> int:
        return self._wall_ms

    def monotonic_ms(self) -> int:
        return self._monotonic_ms

    def advance(self, milliseconds: int) -> None:
        """Let time pass."""
        assert milliseconds >= 0
        self._wall_ms += milliseconds
        self._monotonic_ms += milliseconds
