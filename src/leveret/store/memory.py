"""A log in memory: for tests, and for a broker that is meant to forget (`--ephemeral`).

It is durable at once: nothing is on disk, and nothing more will ever be done for a record. With `lag` a record is
durable when `sync` was called, as with a disk; so a test can take the path on which answers wait.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ..ports import Position
from .waiting import Waiting

if TYPE_CHECKING:
    from ..ports import Fetched, Scheduler
    from ..wire.records import Op, Settle


class MemoryLog:
    """The port `Log`. Positions count records from 1."""

    __slots__ = (
        "_caught_up",
        "_durable",
        "_lag",
        "_lagging",
        "_last",
        "_scheduler",
        "_waiting",
    )

    def __init__(self, *, lag: bool = False, scheduler: Scheduler | None = None) -> None:
        """`scheduler` is woken when callbacks are due."""
        self._lag = lag
        self._lagging = False
        self._caught_up: list[Callable[[], None]] = []  # called when it is not lagging any more
        self._scheduler = scheduler
        self._last = 0
        self._durable = 0
        self._waiting = Waiting()

    @property
    def durable(self) -> Position:
        """Everything up to here counts as being on disk."""
        return Position(self._durable)

    def append(self, record: list[Op]) -> Position:
        """Add a record; it is durable when `durable` has reached the returned position. Calls no callback."""
        self._last += 1
        if not self._lag:
            self._durable = self._last
        return Position(self._last)

    @property
    def backlog(self) -> int:
        """Nothing is ever written."""
        return 0

    @property
    def written(self) -> int:
        """Nothing is read back from here."""
        return self._last

    def settle(self, ops: list[Settle]) -> None:
        """Add settlements, for which nobody waits."""
        self.append([*ops])

    def want(self, position: Position) -> None:
        """Nothing is delayed here."""

    def fetch(self, ranges: Sequence[tuple[int, int]], callback: Fetched) -> None:
        """Nobody asks: without a spill nothing leaves memory."""
        raise AssertionError("a log in memory cannot be read back")

    def when_durable(self, position: Position, callback: Callable[[], None]) -> None:
        """Call once when `durable >= position`: in `run_callbacks`, or now when there is no lag."""
        assert position <= self._last, "waits for a record that was not appended"
        if not self._lag:
            callback()
            return
        self._waiting.add(position, callback)
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
            for callback in self._caught_up:
                self._waiting.add(Position(self._durable), callback)
            self._caught_up.clear()
            self._wake()

    def sync(self) -> None:
        """Make durable what was appended. Calls no callback."""
        self._durable = self._last
        self._wake()

    def run_callbacks(self) -> bool:
        """Call those that are due, in the order of positions, then of asking; True when more became due meanwhile."""
        self._waiting.run(self._durable)
        self._wake()
        return self._waiting.is_due(self._durable)

    def _wake(self) -> None:
        if self._scheduler is not None and self._waiting.is_due(self._durable):
            self._scheduler.wake()
