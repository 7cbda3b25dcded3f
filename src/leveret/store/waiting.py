"""Who waits for which position of a log to be durable, and the order in which they are told."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from heapq import heappop, heappush
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..ports import Position


class Waiting:
    """Callbacks in the order of positions, then of asking."""

    __slots__ = ("_due", "_heap", "_serial")

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Callable[[], None]]] = []  # (position, serial number, callback)
        self._due: deque[Callable[[], None]] = deque()  # what `run` has under way
        self._serial = 0

    def add(self, position: Position, callback: Callable[[], None]) -> None:
        """Call once in a `run` whose `durable` is at least `position`."""
        self._serial += 1
        heappush(self._heap, (position, self._serial, callback))

    def is_due(self, durable: int) -> bool:
        """Whether `run` has something to call."""
        return bool(self._due) or (bool(self._heap) and self._heap[0][0] <= durable)

    def run(self, durable: int) -> None:
        """Call those that are due. What they ask for themselves has to wait for the next run, so that no chain of them
        can hold up a turn.
        """
        while self._heap and self._heap[0][0] <= durable:
            self._due.append(heappop(self._heap)[2])
        for _ in range(len(self._due)):
            if not self._due:
                break  # one of them ran the others
            self._due.popleft()()
