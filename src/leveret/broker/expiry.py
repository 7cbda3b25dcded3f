"""When messages of a lane expire: a heap of its extents by the first of their messages to do so.

Messages with a time to live leave a queue wherever they stand in it (RabbitMQ page "Time-To-Live and Expiration"; there
only those at the head do). Times are wall time in milliseconds, since they outlive the process.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import Final

_STALE_MIN: Final = 64
"""So few entries left behind are not worth making the heap anew."""


class Expiring:
    """Extents by their bases. An extent that is watched anew, or forgotten, leaves its old entry behind."""

    __slots__ = ("_heap", "_watched")

    def __init__(self) -> None:
        self._heap: list[tuple[int, int]] = []
        self._watched: dict[int, int] = {}

    @property
    def first_ms(self) -> int | None:
        """When to look again: not later than the first message expires."""
        return self._heap[0][0] if self._heap else None

    def watch(self, base: int, when_ms: int) -> bool:
        """The first message of this extent expires then; True when it is the first of all."""
        known = self._watched.get(base)
        if known is not None and known <= when_ms:
            return False
        self._watched[base] = when_ms
        heappush(self._heap, (when_ms, base))
        return self._heap[0] == (when_ms, base)

    def forget(self, base: int) -> None:
        """Nothing is left in this extent."""
        if self._watched.pop(base, None) is not None and len(self._heap) > 2 * len(self._watched) + _STALE_MIN:
            self._heap = [entry for entry in self._heap if self._watched.get(entry[1]) == entry[0]]
            heapify(self._heap)

    def take_due(self, now_ms: int) -> int | None:
        """The base of an extent whose time has come; it is not watched any more."""
        while self._heap and self._heap[0][0] <= now_ms:
            when_ms, base = heappop(self._heap)
            if self._watched.get(base) == when_ms:
                del self._watched[base]
                return base
        return None
