"""A lane: messages in order, in a deque of extents.

New messages go to the last extent; `cursor` is the first that may hold ready ones. Messages keep their place by
construction: requeueing sets their ready bits again. An extent goes when all of it is settled. What is outstanding with
whom is the channels' business (their ledgers), not the lane's.

A queue is a lane; with priorities it is several, one per level, of which it is the lowest itself. Each lane has an id
of its own in the log, and numbers its messages by itself.

Extents in the middle of a long lane may be *stored*: their messages are on disk only. The pager stores them and brings
them back ahead of consumers.

Extents with messages that expire are watched, from the first such message on.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from typing import TYPE_CHECKING, Final

from ..limits import EXTENT_BYTES
from ..wire import EXTENT_ROWS, Extent, Selection
from .expiry import Expiring

if TYPE_CHECKING:
    from ..wire import Batch, Expiries, Pieces
    from .paging import Pager

    Place = tuple[int, int]
    """Position and length of a block in the log."""

_RECYCLE_ROWS: Final = 256
"""A lone extent with this many settled rows and nothing else is started anew, so that an idle lane is small."""


def _base(extent: Extent) -> int:
    return extent.base


class Lane:
    """Messages of a queue that have their turn in the order in which they came."""

    __slots__ = (
        "_closed_bytes",
        "_pager",
        "cursor",
        "deleted",
        "durable",
        "expiring",
        "extents",
        "id",
        "noted",
        "quarantined",
        "ready",
        "returns",
        "stored",
        "unacked",
    )

    def __init__(self, id: int, *, durable: bool, pager: Pager) -> None:
        """`pager` brings extents back."""
        self.id = id
        self.durable = durable
        self.extents: deque[Extent] = deque((Extent(0, id),))
        self.cursor = 0
        self.ready = 0
        self._closed_bytes = 0  # `ready_bytes` of all extents but the last, which changes most
        self.unacked = 0
        self.deleted = False
        self.stored = 0
        """Extents whose messages are on disk only."""
        self.quarantined: list[Extent] = []
        """Extents whose messages are damaged on disk."""
        self.expiring: Expiring | None = None
        """Extents by when their first message expires."""
        self.returns: dict[int, int] = {}
        """How often messages were requeued, by their numbers; only where that is limited."""
        self.noted = False
        """Whether there was ever anything in these two."""
        self._pager = pager

    # -- what a queue does about it ------------------------------------------------------------------------------

    def stir(self) -> None:
        """Something is ready that was not: whoever can take it should."""
        raise NotImplementedError

    def loaded(self) -> None:
        """Extents were brought back, given up, or emptied."""
        raise NotImplementedError

    def is_about_to_deliver(self, extent: Extent) -> bool:
        """Whether this is where the next message comes from, in this turn or the next."""
        raise NotImplementedError

    def expires(self, when_ms: int) -> None:
        """A message expires then, or later: the first of this lane."""
        raise NotImplementedError

    @property
    def ready_bytes(self) -> int:
        """Of the bodies of ready messages; of stored extents with settled rows an estimate (`Extent.ready_bytes`)."""
        return self._closed_bytes + self.extents[-1].ready_bytes

    # -- messages in ---------------------------------------------------------------------------------------------

    @property
    def next_sequence(self) -> int:
        """The number that the next message gets."""
        tail = self.extents[-1]
        return tail.base + len(tail)

    def add(self, batch: Batch, selection: Selection | None, place: Place | None) -> None:
        """Rows of a batch (None: all) go to the end; `place`: where the log has the persistent ones."""
        count = len(batch) if selection is None else len(selection)
        tail = self.extents[-1]
        if tail.ready_bytes > EXTENT_BYTES:
            tail = self._new_tail(tail.base + len(tail))
        done = tail.append(batch, selection) if place is None else tail.append(batch, selection, 0, *place)
        while done < count:
            tail = self._new_tail(tail.base + len(tail))
            done += tail.append(batch, selection, done, *(place or (-1, 0)))
        self.ready += count

    def add_expiring(self, batch: Batch, selection: Selection | None, place: Place | None, expiries: Expiries) -> None:
        """The same for rows that expire."""
        count = len(batch) if selection is None else len(selection)
        position, length = place or (-1, 0)
        done = 0
        while done < count:
            tail = self.extents[-1]
            if tail.full or tail.ready_bytes > EXTENT_BYTES:
                tail = self._new_tail(tail.base + len(tail))
            done += tail.append(batch, selection, done, position, length, expiries)
            self.watch(tail)
        self.ready += count

    def _new_tail(self, base: int) -> Extent:
        """In the place of the last extent when nothing is left in it: while it was the last, nobody took it away."""
        tail = self.extents[-1]
        if not tail.ready and not tail.unacked:
            self.extents.pop()
            self.cursor = min(self.cursor, len(self.extents))
        else:
            self._closed_bytes += tail.ready_bytes
            self._pager.closed(self, tail)
        tail = Extent(base, self.id)
        self.extents.append(tail)
        return tail

    def close_tail(self) -> None:
        """Nothing more goes to the last extent, so that it can be stored."""
        if self.extents[-1].ready:
            self._new_tail(self.next_sequence)

    # -- messages out --------------------------------------------------------------------------------------------

    def head(self) -> Extent:
        """The first extent with something ready; call only when `ready`."""
        extent = self.extents[self.cursor]
        while not extent.ready:
            self.cursor += 1
            extent = self.extents[self.cursor]
        return extent

    @property
    def head_stored(self) -> bool:
        """Whether the first ready message is on disk only."""
        return self.stored > 0 and self.ready > 0 and not self.head().resident

    def take(self, extent: Extent, limit: int, room: int = -1) -> Selection:
        """Up to so many of an extent's ready messages are outstanding now (`Extent.take`)."""
        if len(self.extents) == 1:
            rows = extent.take(limit, room)
        else:
            before = extent.ready_bytes
            rows = extent.take(limit, room)
            self._closed(extent, extent.ready_bytes - before)
        count = len(rows)
        self.ready -= count
        self.unacked += count
        return rows

    def deal(self, extent: Extent, credits: list[int], rooms: list[int]) -> tuple[list[Selection], int]:
        """The same for several consumers in turns (`Extent.deal`)."""
        before = extent.ready_bytes
        parts, turn = extent.deal(credits, rooms, 0)
        self._closed(extent, extent.ready_bytes - before)
        count = sum(map(len, parts))
        self.ready -= count
        self.unacked += count
        return parts, turn

    def _closed(self, extent: Extent, size: int) -> None:
        """So many more bytes are ready in this extent."""
        if extent is not self.extents[-1]:
            self._closed_bytes += size

    # -- what became of them -------------------------------------------------------------------------------------

    def settle(self, extent: Extent, rows: Selection) -> None:
        """Outstanding rows are done with."""
        extent.settle(rows)
        self.unacked -= len(rows)
        if extent.unacked:
            return
        if not extent.ready:
            self._tidy(extent)
        elif extent is not self.extents[-1]:
            self._pager.given_back(self, extent)

    def requeue(self, extent: Extent, rows: Selection) -> None:
        """Outstanding rows are ready again, at their old place."""
        before = extent.ready_bytes
        extent.requeue(rows)
        self._closed(extent, extent.ready_bytes - before)
        self.unacked -= len(rows)
        self.ready += len(rows)
        extents = self.extents
        if extent.base < extents[self.cursor].base:
            self.cursor = self._index(extent)
        if extent is not extents[-1]:
            self._pager.given_back(self, extent)
        if self.expiring is not None:
            self.watch(extent)
        self.stir()

    def drop(self, extent: Extent, rows: Selection) -> None:
        """Ready rows are done with, without having been taken."""
        before, bytes_before = extent.ready, extent.ready_bytes
        extent.drop(rows)
        self.ready -= before - extent.ready
        self._closed(extent, extent.ready_bytes - bytes_before)
        if not extent.ready and not extent.unacked:
            self._tidy(extent)

    def _tidy(self, extent: Extent) -> None:
        """An extent with nothing left in it goes, or starts anew if it is the last one."""
        extents = self.extents
        if self.noted:
            self._forget(extent)
        if not extent.resident:
            self.stored -= 1
        if len(extents) > 1 and extent is not extents[-1]:
            self._pager.gone(extent)
            if extent is extents[0]:
                extents.popleft()
                self.cursor = max(self.cursor - 1, 0)
            else:
                at = self._index(extent)
                del extents[at]
                if at < self.cursor:
                    self.cursor -= 1
        elif len(extents) == 1 and len(extent) >= _RECYCLE_ROWS:
            extent.recycle()

    def _index(self, extent: Extent) -> int:
        """Where it is; there may be thousands."""
        return bisect_right(self.extents, extent.base, key=_base) - 1

    def discard(self) -> None:
        """The queue is deleted: forget its messages. Channels that have some outstanding keep their extents, and only
        these messages in them.
        """
        for extent in self.extents:
            if extent.unacked and extent.ready:
                extent.drop(extent.select_ready())
        self._pager.forget(self)
        self.extents = deque((Extent(self.next_sequence, self.id),))
        self.expiring = None
        self.returns.clear()
        self.quarantined.clear()
        self.cursor = self.ready = self.unacked = self.stored = self._closed_bytes = 0
        self.loaded()

    def ready_rows(self) -> list[tuple[Extent, Selection]]:
        """All that is ready, by extent."""
        return [(extent, extent.select_ready()) for extent in self.extents if extent.ready]

    def at(self, base: int) -> Extent | None:
        """The extent that begins with this number, if it is still there."""
        at = bisect_right(self.extents, base, key=_base) - 1
        return self.extents[at] if at >= 0 and self.extents[at].base == base else None

    # -- what expires, and what comes back too often -------------------------------------------------------------

    def watch(self, extent: Extent) -> None:
        """Messages of this extent may expire earlier than was known."""
        when_ms = extent.next_expiry
        if when_ms:
            if self.expiring is None:
                self.expiring = Expiring()
                self.noted = True
            if self.expiring.watch(extent.base, when_ms):
                self.expires(when_ms)

    def count_returns(self, extent: Extent, rows: Selection, limit: int) -> Selection:
        """These rows come back once more: those of them that did so more often than they may."""
        self.noted = True
        returns, base = self.returns, extent.base
        over = []
        for row in rows:
            number = base + row
            times = returns.get(number, 0) + 1
            if times > limit:
                returns.pop(number, None)
                over.append(row)
            else:
                returns[number] = times
        return Selection(over)

    def _forget(self, extent: Extent) -> None:
        """Nothing is left in it."""
        base, end = extent.base, extent.base + len(extent)
        if self.expiring is not None:
            self.expiring.forget(base)
        for number in [number for number in self.returns if base <= number < end]:
            del self.returns[number]

    # -- on disk -------------------------------------------------------------------------------------------------

    def brought_back(self, extent: Extent, before: int) -> None:
        """A stored extent is in memory again; `before`: its `ready_bytes` until then, which were an estimate."""
        self.stored -= 1
        self._closed(extent, extent.ready_bytes - before)

    def quarantine(self, extent: Extent) -> None:
        """The extent's messages are damaged on disk: the others are served."""
        self._pager.gone(extent)
        self.extents.remove(extent)
        self.quarantined.append(extent)
        self.cursor = 0
        self.stored -= 1
        self.ready -= extent.ready
        self._closed_bytes -= extent.ready_bytes

    # -- recovery ------------------------------------------------------------------------------------------------

    def restore(self, pieces: Pieces) -> None:
        """Messages that the log holds, after those that are there; numbers that are skipped were never kept."""
        while (number := pieces.next) is not None:
            tail = self.extents[-1]
            if number - tail.base >= EXTENT_ROWS or tail.ready_bytes > EXTENT_BYTES or not len(tail):
                tail = self._new_tail(number)
            self.ready += tail.restore(pieces, EXTENT_BYTES)

    def restore_extent(self, extent: Extent) -> None:
        """An extent as a checkpoint holds it, after those that are there."""
        if not extent.ready:
            return  # only transient messages were left in it
        last = self.extents[-1]
        if not last.ready:  # nothing was ever in it, or it is settled since the checkpoint told of it
            self.extents.pop()
        self.extents.append(extent)
        self.ready += extent.ready

    def skip_to(self, sequence: int) -> None:
        """The next message gets this number."""
        tail = self.extents[-1]
        if tail.base + len(tail) != sequence:
            self._new_tail(sequence)

    def drop_numbers(self, base: int, rows: Selection) -> None:
        """Messages `base + row` are done with, those that are there."""
        for extent, part, _ in self._parts(base, rows):
            self.drop(extent, part)

    def drop_from(self, number: int) -> None:
        """Messages from this number on are said again, those that are left of them."""
        if number < self.next_sequence:
            for extent in [*self.extents]:
                start = max(number - extent.base, 0)
                if start < len(extent):
                    self.drop(extent, Selection.range(start, len(extent)))

    def relocate(self, base: int, rows: Selection, place: Place) -> None:
        """Messages `base + row` lie elsewhere now, in this order."""
        for extent, part, skip in self._parts(base, rows):
            extent.store(*place, part, skip)

    def expire_numbers(self, first: int, expiries: Expiries) -> None:
        """Messages from this number on expire so, those that are there."""
        end = first + len(expiries)
        extents = self.extents
        at = max(bisect_right(extents, first, key=_base) - 1, 0)  # there may be thousands
        while at < len(extents) and (extent := extents[at]).base < end:
            at += 1
            start, stop = max(first, extent.base), min(end, extent.base + len(extent))
            if start < stop:
                extent.set_expiries(start - extent.base, expiries[start - first : stop - first])

    def _parts(self, base: int, rows: Selection) -> list[tuple[Extent, Selection, int]]:
        """By extent: which of its rows `base + row` are, and how many came before."""
        parts: list[tuple[Extent, Selection, int]] = []
        if not len(rows):
            return parts
        first, last = base + rows[0], base + rows[-1]
        extents = self.extents
        at = max(bisect_right(extents, first, key=_base) - 1, 0)  # there may be thousands
        while at < len(extents) and (extent := extents[at]).base <= last:
            at += 1
            end = extent.base + len(extent)
            if end > first:
                shift = extent.base - base
                part = rows.window(max(shift, 0), end - base, shift)
                if len(part):
                    parts.append((extent, part, len(rows.window(0, max(shift, 0)))))
        return parts

    def restored(self, *, exact: bool) -> None:
        """Recovery is done. Unless it is exact, every message may have been delivered before."""
        if len(self.extents[-1]):
            self._new_tail(self.next_sequence)
        self.stored = len(self.extents) - 1
        self.cursor = 0
        self._closed_bytes = sum([extent.ready_bytes for extent in self.extents]) - self.extents[-1].ready_bytes
        if not exact:
            for extent in self.extents:
                extent.mark_all_redelivered()
        for extent in self.extents:
            self.watch(extent)
