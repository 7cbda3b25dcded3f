"""One timer for all connections: a heap of when each wants its next tick, and one handle of the loop for the earliest.

A connection that wants its tick at another time, or is gone, leaves the old entry behind, which says nothing when its
time comes. When more than half of the heap was left behind, it is made anew.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    import asyncio

    from ..ports import Clock

_STALE_MIN: Final = 1024
"""So few entries left behind are not worth making the heap anew."""

TICKS_AT_ONCE: Final = 128
"""Ticks in one go; when more are due (thousands of connections opened in one second) the loop serves others between."""


class Ticking(Protocol):
    """Who wants ticks."""

    tick_at_ms: int | None
    """When the next one is due; None: none is wanted."""

    def tick(self, now_ms: int) -> None:
        """It is time. `tick_at_ms` is None; to have another tick, ask `Timers.at` again."""
        ...


class Timers:
    """Ticks in monotonic milliseconds."""

    __slots__ = ("_clock", "_handle", "_handle_at_ms", "_heap", "_loop", "_sequence", "_stale")

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: Clock) -> None:
        self._loop = loop
        self._clock = clock
        self._heap: list[tuple[int, int, Ticking]] = []
        self._sequence = 0
        self._stale = 0  # entries left behind
        self._handle: asyncio.TimerHandle | None = None
        self._handle_at_ms = 0

    def __len__(self) -> int:
        """Entries, left-behind ones too."""
        return len(self._heap)

    def at(self, when_ms: int, ticking: Ticking) -> None:
        """The next tick of this one is then, instead of when it was."""
        if ticking.tick_at_ms == when_ms:
            return
        if ticking.tick_at_ms is not None:
            self.forget(ticking)
        ticking.tick_at_ms = when_ms
        self._sequence += 1
        heappush(self._heap, (when_ms, self._sequence, ticking))
        if self._handle is None or when_ms < self._handle_at_ms:
            self._arm()

    def forget(self, ticking: Ticking) -> None:
        """No tick for this one."""
        if ticking.tick_at_ms is None:
            return
        ticking.tick_at_ms = None
        self._stale += 1
        if self._stale > _STALE_MIN and self._stale > len(self._heap) // 2:
            self._heap = [entry for entry in self._heap if entry[2].tick_at_ms == entry[0]]
            heapify(self._heap)
            self._stale = 0

    def stop(self) -> None:
        """No more ticks."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        self._heap.clear()

    def _arm(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
        self._handle_at_ms = self._heap[0][0]
        delay_ms = max(0, self._handle_at_ms - self._clock.monotonic_ms())
        self._handle = self._loop.call_later(delay_ms / 1000, self._fire)

    def _fire(self) -> None:
        self._handle = None
        now_ms = self._clock.monotonic_ms()
        try:
            for _ in range(TICKS_AT_ONCE):
                if not self._heap or self._heap[0][0] > now_ms:
                    break
                when_ms, _, ticking = heappop(self._heap)
                if ticking.tick_at_ms == when_ms:
                    ticking.tick_at_ms = None
                    ticking.tick(now_ms)
                elif self._stale:
                    self._stale -= 1
        finally:  # one that fails must not stop the time of all others
            if self._heap and self._handle is None:
                self._arm()
