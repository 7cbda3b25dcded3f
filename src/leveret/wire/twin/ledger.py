"""What is unacknowledged on one channel: runs of consecutive delivery tags.

A run is what one delivery added: tag `first + i` stands for row `selection[i]` of its extent. A byte per tag says
whether it is outstanding, held for a transaction, or gone; a run goes when all its tags are gone.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from operator import attrgetter
from typing import Final

from .constants import U64_MAX
from .events import Settlement
from .extent import Extent
from .selection import Selection, of_rows

_OUTSTANDING: Final = 0
_HELD: Final = 1
_GONE: Final = 2

Portion = tuple[object, Extent, Selection]


class _Run:
    __slots__ = ("extent", "first", "live", "owner", "selection", "states")

    def __init__(self, first: int, owner: object, extent: Extent, selection: Selection) -> None:
        self.first = first
        self.owner = owner
        self.extent = extent
        self.selection = selection
        self.states = bytearray(len(selection))
        self.live = len(selection)
        """Tags that are not gone."""

    @property
    def last(self) -> int:
        return self.first + len(self.states) - 1

    def outstanding(self) -> Iterator[int]:
        return (tag for tag, state in enumerate(self.states, self.first) if state == _OUTSTANDING)


class Ledger:
    """`owner` is any object (the consumer, or what a get stands for); settled rows come back with it."""

    __slots__ = ("_last_tag", "_outstanding", "_runs")

    def __init__(self) -> None:
        self._runs: list[_Run] = []
        self._outstanding = 0
        self._last_tag = 0

    def __len__(self) -> int:
        """Messages unacknowledged, held ones not counted."""
        return self._outstanding

    def add(self, first_tag: int, owner: object, extent: Extent, selection: Selection) -> None:
        """Tags must ascend from run to run. Raises ValueError otherwise."""
        last = first_tag + len(selection) - 1
        if first_tag <= self._last_tag or last > U64_MAX:
            raise ValueError("delivery tags must ascend")
        if not len(selection):
            return
        self._last_tag = last
        self._runs.append(_Run(first_tag, owner, extent, selection))
        self._outstanding += len(selection)

    def settle(self, settlement: Settlement, hold: bool = False) -> tuple[list[Portion], int | None]:
        """Resolve tags to rows, item by item in order; then the first unknown tag, or None."""
        touched: dict[_Run, list[int]] = {}
        unknown = None
        for tag, multiple in settlement.items:
            if multiple and tag == 0:
                self._settle_up_to(None, hold, touched)
                continue
            run = self._find(tag)
            if run is None:
                unknown = tag
                break
            if multiple:
                self._settle_up_to(tag, hold, touched)
            else:
                self._settle_one(run, tag - run.first, hold, touched)
        self._drop_empty(touched)
        runs = sorted(touched, key=attrgetter("first"))
        return [(run.owner, run.extent, _pick(run, touched[run])) for run in runs], unknown

    def _find(self, tag: int) -> _Run | None:
        """The run in which this tag is outstanding."""
        index = bisect_right(self._runs, tag, key=attrgetter("first")) - 1
        if index < 0:
            return None
        run = self._runs[index]
        return run if tag <= run.last and run.states[tag - run.first] == _OUTSTANDING else None

    def _settle_up_to(self, tag: int | None, hold: bool, touched: dict[_Run, list[int]]) -> None:
        for run in self._runs:
            stop = len(run.states) if tag is None else min(len(run.states), tag + 1 - run.first)
            if stop <= 0:
                return
            index = run.states.find(_OUTSTANDING, 0, stop)
            while index >= 0:
                self._settle_one(run, index, hold, touched)
                index = run.states.find(_OUTSTANDING, index, stop)

    def _settle_one(self, run: _Run, index: int, hold: bool, touched: dict[_Run, list[int]]) -> None:
        run.states[index] = _HELD if hold else _GONE
        run.live -= not hold
        self._outstanding -= 1
        touched.setdefault(run, []).append(index)

    def _drop_empty(self, touched: dict[_Run, list[int]]) -> None:
        if any(not run.live for run in touched):
            self._runs = [run for run in self._runs if run.live]

    @property
    def oldest(self) -> int:
        """The lowest outstanding tag, held ones not counted; 0 if there is none."""
        return next((tag for run in self._runs for tag in run.outstanding()), 0)

    def owners_before(self, tag: int) -> list[object]:
        """Those who have a tag < `tag` outstanding, each once, in tag order."""
        if not 0 <= tag <= U64_MAX:
            raise OverflowError("a tag is over 64 bits")
        owners = [run.owner for run in self._runs if next(run.outstanding(), U64_MAX) < tag]
        return list({id(owner): owner for owner in owners}.values())

    def withdraw(self, owner: object) -> list[Portion]:
        """Everything outstanding of this owner, in tag order. What is held stays held."""
        touched: dict[_Run, list[int]] = {}
        for run in self._runs:
            for tag in list(run.outstanding()) if run.owner is owner else ():
                self._settle_one(run, tag - run.first, False, touched)
        self._drop_empty(touched)
        return [(run.owner, run.extent, _pick(run, indices)) for run, indices in touched.items()]

    def commit(self) -> None:
        """Forget what is held."""
        for run in self._runs:
            run.live -= run.states.count(_HELD)
            run.states = run.states.replace(bytes((_HELD,)), bytes((_GONE,)))
        self._runs = [run for run in self._runs if run.live]

    def rollback(self) -> None:
        """What is held is outstanding again, under its old tags."""
        for run in self._runs:
            self._outstanding += run.states.count(_HELD)
            run.states = run.states.replace(bytes((_HELD,)), bytes((_OUTSTANDING,)))

    def drain(self) -> list[Portion]:
        """Everything outstanding and held, in tag order; the ledger is empty afterwards."""
        portions = [
            (run.owner, run.extent, _pick(run, [i for i, state in enumerate(run.states) if state != _GONE]))
            for run in self._runs
        ]
        self._runs = []
        self._outstanding = 0
        return portions


def _pick(run: _Run, indices: list[int]) -> Selection:
    if len(indices) == len(run.states):
        return run.selection
    return of_rows([run.selection[index] for index in sorted(indices)])
