"""Paging: which messages are in memory when there are more than it should hold.

Beyond the budget extents are stored: their messages are dropped from memory, since the log has them, or (transient
ones) after the spill got them. The newest go first, because the oldest are delivered first. They come back ahead of
consumers.

    closed (full, not the last one) -> candidates -> over budget: evict (spill first where need be) -> stored
    the head is stored, or will be soon -> fetch -> loaded, and a candidate again, as the last to go

Owns the order of eviction and what is on its way in either direction. Where bytes lie is known to the extents. When all
candidates are stored and it is still too much, it is in the last extents of many queues: these are closed, some per
turn.
"""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING, Final

from ..limits import FETCH_GAP, FETCH_SIZE_MAX, READ_AHEAD_BYTES, READ_AHEAD_EXTENTS, SPILLING_BYTES_MAX
from ..wire import SPILL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ..ports import Log, Spill
    from ..wire import Extent, Pool, Selection
    from .queue import Queue

_TAILS_PER_TURN: Final = 64
_TAIL_MIN: Final = 4096
"""A last extent with fewer bytes ready stays: a stored one costs memory, too."""

logger = logging.getLogger("leveret.broker")


class Pager:
    """One per broker. Without a spill nothing is ever stored."""

    __slots__ = (
        "_candidates",
        "_fetching",
        "_loaded",
        "_log",
        "_pool",
        "_queues",
        "_spill",
        "_spilled",
        "_spilling",
        "_tails",
        "_waiting",
        "budget",
    )

    def __init__(
        self,
        log: Log,
        pool: Pool,
        queues: Callable[[], Iterable[Queue]],
        spill: Spill | None = None,
        budget: int = 0,
    ) -> None:
        """`budget`: bytes of payload in memory beyond which extents are stored; `queues`: all there are."""
        self._log = log
        self._pool = pool
        self._queues = queues
        self._spill = spill
        self.budget = budget
        self._candidates: dict[Extent, Queue] = {}  # the newest is the first to go
        self._loaded: dict[Extent, Queue] = {}  # candidates that were brought back: the last to go
        self._waiting: deque[tuple[Queue, Extent]] = deque()  # to go as soon as the log is written that far
        self._fetching: dict[Extent, None] = {}
        self._spilled: dict[Extent, int] = {}  # where the spill has what the log has not
        self._spilling: dict[Extent, int] = {}  # bytes on their way
        self._tails: list[Queue] = []  # whose last extents are to be closed

    # -- what queues say -----------------------------------------------------------------------------------------

    def closed(self, queue: Queue, extent: Extent) -> None:
        """Nothing more is added to this extent."""
        if self._spill is not None:
            self._candidates[extent] = queue

    def gone(self, extent: Extent) -> None:
        """Nothing is left in this extent."""
        if self._spill is not None:
            self._candidates.pop(extent, None)
            self._loaded.pop(extent, None)
            place = self._spilled.pop(extent, None)
            if place is not None:
                self._spill.release(place)

    def forget(self, queue: Queue) -> None:
        """The queue is deleted."""
        for extent in queue.extents:
            self.gone(extent)

    # -- out -----------------------------------------------------------------------------------------------------

    @property
    def behind(self) -> bool:
        """Whether more is published than can leave memory."""
        return self._spill is not None and self._spill.backlog > SPILLING_BYTES_MAX

    def step(self) -> None:
        """Once per turn: store what is over the budget."""
        if self._spill is None or self._pool.allocated <= self.budget:
            return
        for _ in range(len(self._waiting)):
            self._store(*self._waiting.popleft())
        leaving = sum(self._spilling.values())
        while self._pool.allocated - leaving > self.budget and not self.behind:
            candidates = self._candidates or self._loaded
            if not candidates:
                self._close_tails()
                break
            extent, queue = candidates.popitem()
            leaving += self._store(queue, extent)

    def _close_tails(self) -> None:
        if not self._tails:
            self._tails = [*self._queues()]
        for queue in self._tails[-_TAILS_PER_TURN:]:
            if not queue.deleted and queue.extents[-1].ready_bytes >= _TAIL_MIN:
                queue.close_tail()
        del self._tails[-_TAILS_PER_TURN:]

    def _store(self, queue: Queue, extent: Extent) -> int:
        """Store an extent, now or when it can be; bytes that are on their way."""
        if queue.deleted or not extent.ready or extent.unacked or not extent.resident or extent in self._spilling:
            return 0
        unstored = extent.unstored()
        if len(unstored):
            return self._write(queue, extent, unstored)
        if extent.log_end > self._log.written:
            self._waiting.append((queue, extent))
            return 0
        extent.evict()
        queue.stored += 1
        return 0

    def _write(self, queue: Queue, extent: Extent, rows: Selection) -> int:
        """Give the spill what is nowhere else."""
        spill = self._spill
        assert spill is not None
        size = extent.ready_bytes
        self._spilling[extent] = size
        batch = extent.batch(self._pool, rows)

        def written(place: tuple[int, int] | None) -> None:
            del self._spilling[extent]
            if place is None:
                return  # no room on the disk: it stays in memory
            if queue.deleted or extent.unacked or not extent.ready:
                spill.release(place[0])
                return
            extent.store(*place, rows)
            self._spilled[extent] = place[0]
            self._store(queue, extent)

        spill.write(batch, written)
        return size

    # -- in ------------------------------------------------------------------------------------------------------

    def need(self, queue: Queue) -> None:
        """The queue's first ready message is in a stored extent."""
        self.ahead(queue)

    def ahead(self, queue: Queue) -> None:
        """Fetch the stored ones among the queue's next extents."""
        size = 0
        extents = queue.extents
        for at in range(queue.cursor, min(queue.cursor + READ_AHEAD_EXTENTS, len(extents))):
            extent = extents[at]
            if not extent.ready:
                continue
            size += extent.ready_bytes
            if not extent.resident:
                self.fetch(queue, extent)
            if size > READ_AHEAD_BYTES:
                break

    def is_fetching(self, extent: Extent) -> bool:
        """Whether it is on its way."""
        return extent in self._fetching

    def fetch(self, queue: Queue, extent: Extent) -> None:
        """Bring a stored extent back."""
        if extent in self._fetching:
            return
        self._fetching[extent] = None
        ranges = extent.ranges(FETCH_GAP, FETCH_SIZE_MAX)
        spilled = [part for part in ranges if part[0] & SPILL]
        logged = [part for part in ranges if not part[0] & SPILL]
        found: list[tuple[int, bytes]] = []
        left = 1

        def arrived(parts: list[tuple[int, bytes]] | None) -> None:
            nonlocal left
            left -= 1
            found.extend(parts or ())
            if not left:
                self._load(queue, extent, found)

        if spilled:
            assert self._spill is not None
            left += bool(logged)
            self._spill.fetch(spilled, arrived)
        if logged:
            self._log.fetch(logged, arrived)

    def _load(self, queue: Queue, extent: Extent, parts: list[tuple[int, bytes]]) -> None:
        del self._fetching[extent]
        if queue.deleted or not extent.ready or extent in queue.quarantined:
            return
        try:
            extent.load(self._pool, parts)
        except ValueError as damage:
            logger.error("%s: %d messages cannot be read and are set aside: %s", queue, extent.ready, damage)
            queue.quarantine(extent)
        else:
            queue.stored -= 1
            extent.forget_spill()
            self.gone(extent)
            self._loaded[extent] = queue
        queue.loaded()
