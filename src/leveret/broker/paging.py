"""Paging: which messages are in memory when there are more than it should hold.

Beyond the budget extents are stored: their messages are dropped from memory, since the log has them, or (transient
ones) after the spill got them. The newest go first, because the oldest are delivered first. They come back ahead of
consumers.

    closed (full, not the last one) -> candidates -> over budget: evict (spill first where need be) -> stored
    the head is stored, or will be soon -> fetch -> next: candidates, too, and the last to go
    what the disk refused -> refused, unread -> tried again some time later

Owns the order of eviction and what is on its way in either direction. Where bytes lie is known to the extents. An
extent with outstanding rows cannot go; it is a candidate again when they are settled or requeued. When all candidates
are stored and it is still too much, it is in the last extents of many lanes: these are closed, some per turn.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from ..limits import (
    FETCH_GAP,
    FETCH_SIZE_MAX,
    READ_AHEAD_BYTES,
    READ_AHEAD_EXTENTS,
    READS_MAX,
    ROWS_BYTES,
    SPILLING_BYTES_MAX,
)
from ..wire import SPILL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ..ports import Log, Spill
    from ..wire import Extent, Pool, Selection
    from .lane import Lane

_TAILS_PER_TURN: Final = 64
_SPARED_PER_TURN: Final = 64
_TAIL_MIN: Final = 4096
"""A last extent with fewer bytes ready stays: a stored one costs memory, too."""

logger = logging.getLogger("leveret.broker")


class Pager:
    """One per broker. Without a spill nothing is ever stored."""

    __slots__ = (
        "_candidates",
        "_caught_up",
        "_fetching",
        "_held",
        "_lanes",
        "_leaving",
        "_log",
        "_next",
        "_pool",
        "_refused",
        "_spill",
        "_spilled",
        "_spilling",
        "_tails",
        "_unread",
        "_waiting",
        "budget",
        "lagging",
    )

    def __init__(
        self,
        log: Log,
        pool: Pool,
        lanes: Callable[[], Iterable[Lane]],
        spill: Spill | None = None,
        budget: int = 0,
    ) -> None:
        """`budget`: bytes of payload in memory beyond which extents are stored; `lanes`: all there are."""
        self._log = log
        self._pool = pool
        self._lanes = lanes
        self._spill = spill
        self.budget = budget
        self._candidates: dict[Extent, Lane] = {}  # the newest is the first to go
        self._next: OrderedDict[Extent, Lane] = OrderedDict()  # candidates that consumers come to next: the last to go
        self._waiting: dict[Extent, tuple[Lane, int]] = {}  # to go when the log is written that far; bytes
        self._spilling: dict[Extent, int] = {}  # to go when the spill has them; bytes
        self._leaving = 0  # bytes of these two
        self._refused: dict[Extent, Lane] = {}  # the spill did not take them
        self._spilled: dict[Extent, int] = {}  # where the spill has what the log has not
        self._fetching: dict[Extent, None] = {}
        self._unread: dict[Extent, tuple[Lane, int]] = {}  # could not be read, so many times
        self._held: Extent | None = None
        self._tails: list[Lane] = []  # whose last extents are to be closed
        self._caught_up: dict[Callable[[], None], None] = {}
        self.lagging = False
        """Whether more is published than can leave memory: who publishes should wait."""

    # -- what lanes say ------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        """Extents that it has to do with."""
        groups = (
            self._candidates,
            self._next,
            self._waiting,
            self._spilling,
            self._refused,
            self._spilled,
            self._fetching,
            self._unread,
        )
        return len({extent for group in groups for extent in group})

    def closed(self, lane: Lane, extent: Extent) -> None:
        """Nothing more is added to this extent."""
        if self._spill is not None:
            self._candidates[extent] = lane

    def given_back(self, lane: Lane, extent: Extent) -> None:
        """Of a closed extent nothing is outstanding any more, and something ready: its queue delivers it next."""
        if self._spill is not None and extent not in self._candidates:
            self._next[extent] = lane

    def gone(self, extent: Extent) -> None:
        """Nothing is left in this extent."""
        if self._spill is not None:
            self._candidates.pop(extent, None)
            self._next.pop(extent, None)
            self._refused.pop(extent, None)
            self._unread.pop(extent, None)
            waiting = self._waiting.pop(extent, None)
            if waiting is not None:
                self._leaving -= waiting[1]
            self._release(extent)

    def _release(self, extent: Extent) -> None:
        place = self._spilled.pop(extent, None)
        if place is not None:
            assert self._spill is not None
            self._spill.release(place)

    def forget(self, lane: Lane) -> None:
        """Its queue is deleted."""
        for extent in lane.extents:
            self.gone(extent)

    # -- out -----------------------------------------------------------------------------------------------------

    @property
    def used(self) -> int:
        """Bytes of messages in memory, of the rows of closed extents, and of what waits to be written."""
        waiting = self._log.backlog + (0 if self._spill is None else self._spill.backlog)
        return self._pool.allocated + ROWS_BYTES * (len(self._candidates) + len(self._next)) + waiting

    def when_caught_up(self, callback: Callable[[], None]) -> None:
        """Call once, on a later turn, when it is not lagging any more."""
        self._caught_up[callback] = None

    def step(self) -> None:
        """Once per turn: store what is over the budget."""
        spill = self._spill
        if spill is None:
            return
        if self.lagging:
            if spill.backlog <= SPILLING_BYTES_MAX // 2 and not self._overflows(16):
                self.lagging = False
                caught_up, self._caught_up = self._caught_up, {}
                for callback in caught_up:
                    callback()
        elif spill.backlog > SPILLING_BYTES_MAX or self._overflows(8):
            self.lagging = True
        if self._waiting:
            self._store_waiting()
        if self.used > self.budget:
            self._shrink()

    def _overflows(self, part: int) -> bool:
        """Whether what is on its way out of memory keeps it over the budget by more than this part of it."""
        return self._leaving > 0 and self.used > self.budget + self.budget // part

    def try_again(self) -> None:
        """Some time has passed: what a disk refused may work now."""
        refused, self._refused = self._refused, {}
        self._candidates.update(refused)
        unread, self._unread = self._unread, {}
        for extent, (lane, reads) in unread.items():
            if not extent.resident:
                self.fetch(lane, extent, reads)

    def _store_waiting(self) -> None:
        """The newest came first: when it is written, so are the others."""
        while self._waiting:
            extent, (lane, size) = next(iter(self._waiting.items()))
            if extent.log_end > self._log.written:
                return
            del self._waiting[extent]
            self._leaving -= size
            self._store(lane, extent)

    def _shrink(self) -> None:
        spared = 0
        while self.used - self._leaving > self.budget and not self.lagging:
            candidates = self._candidates or self._next
            if not candidates:
                self._close_tails()
                break
            extent, lane = candidates.popitem()
            if candidates is self._next and lane.is_about_to_deliver(extent):  # it was just read for that
                self._next[extent] = lane
                self._next.move_to_end(extent, last=False)
                spared += 1
                if spared == _SPARED_PER_TURN:
                    break
            else:
                self._store(lane, extent)

    def _close_tails(self) -> None:
        if not self._tails:
            self._tails = [*self._lanes()]
        for lane in self._tails[-_TAILS_PER_TURN:]:
            tail = lane.extents[-1]
            if not lane.deleted and tail.ready_bytes >= _TAIL_MIN and not tail.unacked:
                lane.close_tail()
        del self._tails[-_TAILS_PER_TURN:]

    def _store(self, lane: Lane, extent: Extent) -> None:
        """Store an extent, now or when it can be."""
        if lane.deleted or not extent.ready or extent.unacked or not extent.resident:
            return
        if extent in self._spilling or extent is self._held:
            return
        unstored = extent.unstored()
        if len(unstored):
            self._write(lane, extent, unstored)
        elif extent.log_end > self._log.written:
            size = extent.ready_bytes
            self._waiting[extent] = (lane, size)
            self._leaving += size
        else:
            self._candidates.pop(extent, None)
            self._next.pop(extent, None)
            extent.evict()
            lane.stored += 1

    def _write(self, lane: Lane, extent: Extent, rows: Selection) -> None:
        """Give the spill what is nowhere else."""
        spill = self._spill
        assert spill is not None
        self._spilling[extent] = size = extent.ready_bytes
        self._leaving += size

        def written(place: tuple[int, int] | None) -> None:
            del self._spilling[extent]
            self._leaving -= size
            if place is None:  # no room on the disk: it stays in memory for now
                if not lane.deleted and extent.ready:
                    self._refused[extent] = lane
                return
            if lane.deleted or extent.unacked or not extent.ready:
                spill.release(place[0])
                return
            extent.store(*place, rows)
            self._spilled[extent] = place[0]
            self._store(lane, extent)

        spill.write(extent.batch(self._pool, rows), written)

    # -- in ------------------------------------------------------------------------------------------------------

    def need(self, lane: Lane) -> None:
        """The lane's first ready message is in a stored extent."""
        self.ahead(lane)

    def ahead(self, lane: Lane) -> None:
        """Fetch the stored ones among the lane's next extents; only the first when another would be the next to go."""
        room = READ_AHEAD_BYTES if self._candidates or self.used <= self.budget else 0
        extents = lane.extents
        for at in range(lane.cursor, min(lane.cursor + READ_AHEAD_EXTENTS, len(extents))):
            extent = extents[at]
            if not extent.ready:
                continue
            if not extent.resident:
                self.fetch(lane, extent)
            room -= extent.ready_bytes
            if room <= 0:
                break

    def hold(self, lane: Lane, extent: Extent) -> None:
        """Somebody has to do with this extent: bring it back if it is stored, and keep it until `let_go`."""
        self._held = extent
        if not extent.resident:
            self.fetch(lane, extent)

    def let_go(self, lane: Lane, extent: Extent) -> None:
        """It may be stored again."""
        self._held = None
        if lane.deleted or extent is lane.extents[-1]:
            return
        if extent.resident and extent.ready and not extent.unacked:
            self.given_back(lane, extent)

    def is_fetching(self, extent: Extent) -> bool:
        """Whether it is on its way."""
        return extent in self._fetching

    def fetch(self, lane: Lane, extent: Extent, reads: int = 0) -> None:
        """Bring a stored extent back; so many times it could not be read."""
        if extent in self._fetching or extent in self._unread:
            return
        self._fetching[extent] = None
        ranges = extent.ranges(FETCH_GAP, FETCH_SIZE_MAX)
        spilled = [part for part in ranges if part[0] & SPILL]
        logged = [part for part in ranges if not part[0] & SPILL]
        found: list[tuple[int, bytes]] = []
        left = bool(spilled) + bool(logged)
        failed = False

        def arrived(parts: list[tuple[int, bytes]] | None) -> None:
            nonlocal left, failed
            left -= 1
            if parts is None:
                failed = True
            else:
                found.extend(parts)
            if not left:
                self._arrived(lane, extent, None if failed else found, reads + 1)

        if spilled:
            assert self._spill is not None
            self._spill.fetch(spilled, arrived)
        if logged:
            self._log.fetch(logged, arrived)

    def _arrived(self, lane: Lane, extent: Extent, parts: list[tuple[int, bytes]] | None, reads: int) -> None:
        del self._fetching[extent]
        if lane.deleted or not extent.ready or extent in lane.quarantined:
            return
        if parts is None and reads < READS_MAX:  # which says nothing about what is there
            self._unread[extent] = lane, reads
            return
        try:
            before = extent.ready_bytes
            extent.load(self._pool, parts or ())
        except ValueError as damage:
            logger.error("%s: %d messages cannot be read and are set aside: %s", lane, extent.ready, damage)
            lane.quarantine(extent)
        else:
            lane.brought_back(extent, before)
            extent.forget_spill()
            self._release(extent)
            self._next[extent] = lane
        lane.loaded()
