"""A log in memory: for tests, and for a broker that is meant to forget (`--ephemeral`).

It is durable at once: nothing is on disk, and nothing more will ever be done for a record. With `lag` a record is
durable when `sync` was called, as with a disk; so a test can take the path on which answers wait.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from heapq import heappop, heappush
from typing import TYPE_CHECKING

from ..ports import Position

if TYPE_CHECKING:
    from ..ports import Scheduler
    from ..wire.records import Op


class MemoryLog:
    """The port `Log`. Positions count records from 1."""

    __slots__ = (
        "_caught_up",
        "_due",
        "_durable",
        "_encode",
        "_lag",
        "_lagging",
        "_last",
        "_records",
        "_scheduler",
        "_serial",
        "_waiting",
    )

    def __init__(self, keep: bool = False, *, lag: bool = False, scheduler: Scheduler | None = None) -> None:
        """With `keep`, records are kept for `replay`, without a bound. `scheduler` is woken when callbacks are due."""
        self._lag = lag
        self._lagging = False
        self._caught_up: list[Callable[[], None]] = []  # called when it is not lagging any more
        self._scheduler = scheduler
        self._last = 0
        self._durable = 0
        self._waiting: list[tuple[int, int, Callable[[], None]]] = []  # a heap of (position, serial number, callback)
        self._due: deque[Callable[[], None]] = deque()  # what `run_callbacks` has under way
        self._serial = 0
        self._records: list[bytes] = []
        self._encode: Callable[[list[Op]], bytes] | None = None
        if keep:
            from ..wire.records import encode_record  # whoever keeps nothing needs no encoding

            self._encode = encode_record

    @property
    def durable(self) -> Position:
        """Everything up to here counts as being on disk."""
        return Position(self._durable)

    def append(self, record: list[Op]) -> Position:
        """Add a record; it is durable when `durable` has reached the returned position. Calls no callback."""
        if self._encode is not None:
            self._records.append(self._encode(record))
        self._last += 1
        if not self._lag:
            self._durable = self._last
        return Position(self._last)

    def when_durable(self, position: Position, callback: Callable[[], None]) -> None:
        """Call once when `durable >= position`: in `run_callbacks`, or now when there is no lag."""
        assert position <= self._last, "waits for a record that was not appended"
        if not self._lag:
            callback()
            return
        self._serial += 1
        heappush(self._waiting, (position, self._serial, callback))
        self._wake()

    @property
    def lagging(self) -> bool:
        """Never, unless a test says so."""
        return self._lagging

    @lagging.setter
    def lagging(self, lagging: bool) -> None:
        self._lagging = lagging
        self._call_caught_up()

    def when_caught_up(self, callback: Callable[[], None]) -> None:
        """Call once, in `run_callbacks`, when it is not lagging."""
        self._caught_up.append(callback)
        self._call_caught_up()

    def _call_caught_up(self) -> None:
        if not self._lagging:
            self._due.extend(self._caught_up)
            self._caught_up.clear()
            self._wake()

    def sync(self) -> None:
        """Make durable what was appended. Calls no callback."""
        self._durable = self._last
        self._wake()

    def run_callbacks(self) -> bool:
        """Call those that are due, in the order of positions, then of asking; True when more became due meanwhile."""
        while self._waiting and self._waiting[0][0] <= self._durable:
            self._due.append(heappop(self._waiting)[2])
        # What callbacks ask for has to wait for the next turn, so that no chain of them can hold this one up.
        for _ in range(len(self._due)):
            if not self._due:
                break  # one of them ran the others
            self._due.popleft()()
        self._wake()
        return self._is_due()

    def replay(self) -> Iterator[bytes]:
        """The durable records, encoded. Only of a log that keeps them."""
        assert self._encode is not None, "this log keeps nothing"
        yield from self._records[: self._durable]

    def _is_due(self) -> bool:
        return bool(self._due) or (bool(self._waiting) and self._waiting[0][0] <= self._durable)

    def _wake(self) -> None:
        if self._scheduler is not None and self._is_due():
            self._scheduler.wake()
