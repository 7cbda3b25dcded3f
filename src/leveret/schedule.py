"""A schedule: who wants a tick when, in monotonic milliseconds. It runs nothing and reads no clock.

Who wants its tick at another time, or none any more, leaves the old entry behind, which says nothing when its time
comes. When more than half of the heap was left behind, it is made anew.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import Final, Protocol

_STALE_MIN: Final = 1024
"""So few entries left behind are not worth making the heap anew."""


class Ticking(Protocol):
    """Who wants ticks."""

    tick_at_ms: int | None
    """When the next one is due; None: none is wanted."""

    def tick(self, now_ms: int) -> None:
        """It is time. `tick_at_ms` is None; to have another tick, ask `Schedule.at` again."""
        ...


class Schedule:
    """A heap of ticks."""

    __slots__ = ("_heap", "_sequence", "_stale")

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Ticking]] = []
        self._sequence = 0
        self._stale = 0  # entries left behind

    def __len__(self) -> int:
        """Entries, left-behind ones too."""
        return len(self._heap)

    @property
    def first_ms(self) -> int | None:
        """When to look again: not later than the first tick is due."""
        return self._heap[0][0] if self._heap else None

    def at(self, when_ms: int, ticking: Ticking) -> None:
        """The next tick of this one is then, instead of when it was."""
        if ticking.tick_at_ms == when_ms:
            return
        if ticking.tick_at_ms is not None:
            self.forget(ticking)
        ticking.tick_at_ms = when_ms
        self._sequence += 1
        heappush(self._heap, (when_ms, self._sequence, ticking))

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

    def take_due(self, now_ms: int) -> Ticking | None:
        """The next one whose time has come; its `tick_at_ms` is None from now on."""
        while self._heap and self._heap[0][0] <= now_ms:
            when_ms, _, ticking = heappop(self._heap)
            if ticking.tick_at_ms == when_ms:
                ticking.tick_at_ms = None
                return ticking
            if self._stale:
                self._stale -= 1
        return None

    def clear(self) -> None:
        """Forget all."""
        self._heap.clear()
