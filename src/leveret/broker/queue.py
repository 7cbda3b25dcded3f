"""A queue: messages in order, and the consumers they are dealt to.

It is a deque of extents. New messages go to the last one; `cursor` is the first that may hold ready ones. Messages keep
their place by construction: requeueing sets their ready bits again. An extent goes when all of it is settled. What is
outstanding with whom is the channels' business (their ledgers), not the queue's.

Extents in the middle of a long queue may be *stored*: their messages are on disk only. The pager stores them and brings
them back ahead of consumers; a queue whose head is stored waits for it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, ClassVar, Final

from ..limits import EXTENT_BYTES, FLOW_BYTES, FLOW_MESSAGES, OUTPUT_STOP_READING
from ..wire import EXTENT_ROWS, Extent, Selection

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..wire import Batch, Pieces
    from ..wire.fields import Arguments
    from .consumer import Consumer
    from .paging import Pager

    Place = tuple[int, int]
    """Position and length of a block in the log."""

_RECYCLE_ROWS: Final = 256
"""A lone extent with this many settled rows and nothing else is started anew, so that an idle queue is small."""


_FEW: Final = 16
"""Ready messages that are no backlog, however large they are."""


def _base(extent: Extent) -> int:
    return extent.base


class Queue:
    """A classic queue. `owner` is the connection that an exclusive queue belongs to."""

    __slots__ = (
        "_activate",
        "_getters",
        "_pager",
        "_settled",
        "active",
        "arguments",
        "auto_delete",
        "consumers",
        "cursor",
        "deleted",
        "durable",
        "exclusive",
        "extents",
        "id",
        "name",
        "owner",
        "quarantined",
        "ready",
        "ring",
        "stored",
        "unacked",
        "vhost",
    )
    is_queue: ClassVar[bool] = True

    def __init__(
        self,
        id: int,
        vhost: str,
        name: str,
        *,
        durable: bool,
        exclusive: bool,
        auto_delete: bool,
        arguments: Arguments,
        owner: object,
        activate: Callable[[Queue], None],
        settled: Callable[[Queue, Extent, Selection], None],
        pager: Pager,
    ) -> None:
        """`activate` asks for a `pump` in the next turn; `settled` is told of what no_ack consumers took, before it is
        gone; `pager` brings extents back.
        """
        self.id = id
        self.vhost = vhost
        self.name = name
        self.durable = durable
        self.exclusive = exclusive
        self.auto_delete = auto_delete
        self.arguments = arguments
        self.owner = owner
        self._activate = activate
        self._settled = settled
        self.extents: deque[Extent] = deque((Extent(0),))
        self.cursor = 0
        self.ready = 0
        self.unacked = 0
        self.consumers: list[Consumer] = []
        self.ring: deque[Consumer] = deque()
        self.active = False
        self.deleted = False
        self.stored = 0
        """Extents whose messages are on disk only."""
        self.quarantined: list[Extent] = []
        """Extents whose messages are damaged on disk."""
        self._pager = pager
        self._getters: list[Callable[[], None]] = []

    def __str__(self) -> str:
        return f"queue '{self.name}' in vhost '{self.vhost}'"

    # -- messages in ---------------------------------------------------------------------------------------------

    @property
    def next_sequence(self) -> int:
        """The number that the next message gets."""
        tail = self.extents[-1]
        return tail.base + len(tail)

    def append(self, batch: Batch, selection: Selection | None, place: Place | None = None) -> bool:
        """Rows of a batch (None: all) go to the end; `place`: where the log has the persistent ones. True: its
        consumers are behind, publishers better slow down.
        """
        count = len(batch) if selection is None else len(selection)
        tail = self.extents[-1]
        if tail.ready_bytes > EXTENT_BYTES:
            tail = self._new_tail(tail.base + len(tail))
        if place is None:
            done = tail.append(batch, selection)
            while done < count:
                tail = self._new_tail(tail.base + len(tail))
                done += tail.append(batch, selection, done)
        else:
            done = tail.append(batch, selection, 0, *place)
            while done < count:
                tail = self._new_tail(tail.base + len(tail))
                done += tail.append(batch, selection, done, *place)
        self.ready = ready = self.ready + count
        if self.ring and not self.active:
            self._activate(self)
        if ready < _FEW or not self.consumers:  # without consumers it is a store
            return False
        return ready > FLOW_MESSAGES or self._newest_bytes > FLOW_BYTES

    @property
    def _newest_bytes(self) -> int:
        """Ready bytes of the last two extents: the last one may have been begun just now."""
        extents = self.extents
        return extents[-1].ready_bytes + (extents[-2].ready_bytes if len(extents) > 1 else 0)

    def _new_tail(self, base: int) -> Extent:
        """In the place of the last extent when nothing is left in it: while it was the last, nobody took it away."""
        tail = self.extents[-1]
        if not tail.ready and not tail.unacked:
            self.extents.pop()
            self.cursor = min(self.cursor, len(self.extents))
        else:
            self._pager.closed(self, tail)
        tail = Extent(base)
        self.extents.append(tail)
        return tail

    def close_tail(self) -> None:
        """Nothing more goes to the last extent, so that it can be stored."""
        if self.extents[-1].ready:
            self._new_tail(self.next_sequence)

    # -- messages out --------------------------------------------------------------------------------------------

    def _head(self) -> Extent:
        """The first extent with something ready; call only when `ready`."""
        extent = self.extents[self.cursor]
        while not extent.ready:
            self.cursor += 1
            extent = self.extents[self.cursor]
        return extent

    def is_about_to_deliver(self, extent: Extent) -> bool:
        """Whether this is where the next message comes from, in this turn or the next."""
        return self.active and self.ready > 0 and self._head() is extent

    @property
    def head_stored(self) -> bool:
        """Whether the first ready message is on disk only."""
        return self.stored > 0 and self.ready > 0 and not self._head().resident

    def when_loaded(self, callback: Callable[[], None]) -> None:
        """The first ready message is on disk only: call once when it is in memory, or the queue is gone."""
        self._getters.append(callback)
        self._pager.need(self)

    def loaded(self) -> None:
        """Extents were brought back, given up, or emptied."""
        getters, self._getters = self._getters, []
        for getter in getters:
            getter()
        if self.ready and self.ring and not self.active:
            self._activate(self)

    def take_one(self) -> tuple[Extent, Selection] | None:
        """The first ready message, now outstanding (basic.get); not when `head_stored`."""
        if not self.ready:
            return None
        extent = self._head()
        rows = extent.take(1)
        self.ready -= 1
        self.unacked += 1
        if self.stored:
            self._pager.ahead(self)
        return extent, rows

    def pump(self) -> None:
        """Hand ready messages of one extent to the consumers that can take some; once more later while that helps."""
        if not self.ready:
            return
        if self.stored:
            if not self._head().resident:
                self._pager.need(self)
                return
            self._pager.ahead(self)
        ring = self.ring
        if len(ring) == 1 and ring[0].shared is None:
            # Most queues have one consumer: the same as `_deal`, in fewer steps.
            taker = ring[0]
            room = taker.channel.room
            if room <= 0:
                self._wait_for_room(taker)
                return
            extent = self._head()
            self._deliver(taker, extent, extent.take(taker.credit, room))
            if taker.prefetch and taker.credit <= 0:
                self._leave_ring(taker)
        else:
            self._deal()
        if self.ready and ring and not self.active:
            self._activate(self)

    def _deal(self) -> None:
        """Deal to all in the ring, in turns.

        Where consumers share their channel's limit it goes message by message: one for the first lessens what the
        next may get.
        """
        takers = self._takers()
        if not takers:
            return
        extent = self._head()
        if any(taker.limited_by_channel for taker in takers):
            takers = takers[:1]
            self._deliver(takers[0], extent, extent.take(1))
            self.ring.rotate(-1)
        elif len(takers) == 1:
            taker = takers[0]
            self._deliver(taker, extent, extent.take(taker.credit, taker.channel.room))
            self.ring.rotate(-1)
        else:
            credits = [taker.credit for taker in takers]
            rooms = [taker.channel.room for taker in takers]
            if extent.ready_bytes > OUTPUT_STOP_READING:
                # They may share a connection, and so its room: at once no more rounds than that much holds.
                fit = max(OUTPUT_STOP_READING * extent.ready // extent.ready_bytes, 1)
                del takers[fit:], credits[fit:], rooms[fit:]
                credits = [min(credit, fit // len(takers)) for credit in credits]
            parts, turn = extent.deal(credits, rooms, 0)
            if len({id(taker.channel) for taker in takers}) < len(takers):
                self._deliver_in_order(takers, extent, parts)
            else:
                for taker, rows in zip(takers, parts, strict=True):
                    if len(rows):
                        self._deliver(taker, extent, rows)
            self.ring.rotate(-(turn or len(takers)))
        for taker in takers:
            if taker.credit <= 0:
                self._leave_ring(taker)

    def _takers(self) -> list[Consumer]:
        """From the ring's start, those that can take at least one message; no more than there are messages for."""
        ring = self.ring
        wanted = min(len(ring), self.ready)
        takers: list[Consumer] = []
        while len(takers) < min(wanted, len(ring)):
            consumer = ring[len(takers)]
            if consumer.credit <= 0:  # another consumer of its channel used it up
                self._leave_ring(consumer)
            elif consumer.channel.room <= 0:
                self._wait_for_room(consumer)
            else:
                takers.append(consumer)
        return takers

    def _deliver_in_order(self, takers: list[Consumer], extent: Extent, parts: list[Selection]) -> None:
        """What leaves on one channel leaves in the queue's order, also to several consumers of it (spec 4.7)."""
        dealt = sorted((row, place) for place, rows in enumerate(parts) for row in rows)
        for place, run in groupby(dealt, itemgetter(1)):
            self._deliver(takers[place], extent, Selection([row for row, _ in run]))

    def _deliver(self, consumer: Consumer, extent: Extent, rows: Selection) -> None:
        count = len(rows)
        self.ready -= count
        if consumer.no_ack:
            consumer.channel.deliver(consumer, extent, rows)
            if self.durable:
                self._settled(self, extent, rows)
            self.unacked += count
            self.settle(extent, rows)
        else:
            self.unacked += count
            consumer.took(count)
            consumer.channel.deliver(consumer, extent, rows)

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
        extent.requeue(rows)
        self.unacked -= len(rows)
        self.ready += len(rows)
        extents = self.extents
        if extent.base < extents[self.cursor].base:
            self.cursor = self._index(extent)
        if extent is not extents[-1]:
            self._pager.given_back(self, extent)
        if self.ring and not self.active:
            self._activate(self)

    def _tidy(self, extent: Extent) -> None:
        """An extent with nothing left in it goes, or starts anew if it is the last one."""
        extents = self.extents
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
        self.extents = deque((Extent(self.next_sequence),))
        self.quarantined.clear()
        self.cursor = 0
        self.ready = 0
        self.unacked = 0
        self.stored = 0
        self.loaded()

    def ready_rows(self) -> list[tuple[Extent, Selection]]:
        """All that is ready, by extent."""
        return [(extent, extent.select_ready()) for extent in self.extents if extent.ready]

    def drop(self, extent: Extent, rows: Selection) -> None:
        """Ready rows are done with, without having been taken."""
        before = extent.ready
        extent.drop(rows)
        self.ready -= before - extent.ready
        if not extent.ready and not extent.unacked:
            self._tidy(extent)

    def quarantine(self, extent: Extent) -> None:
        """The extent's messages are damaged on disk: the others are served."""
        self._pager.gone(extent)
        self.extents.remove(extent)
        self.quarantined.append(extent)
        self.cursor = 0
        self.stored -= 1
        self.ready -= extent.ready

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
        if not exact:
            for extent in self.extents:
                extent.mark_all_redelivered()

    # -- consumers -----------------------------------------------------------------------------------------------

    def add_consumer(self, consumer: Consumer) -> None:
        consumer.queue = self
        self.consumers.append(consumer)
        self.rejoin(consumer)

    def remove_consumer(self, consumer: Consumer) -> None:
        self.consumers.remove(consumer)
        consumer.cancelled = True
        if consumer.ringed:
            self._leave_ring(consumer)
        if consumer.shared is not None:
            consumer.shared.forget(consumer)

    def rejoin(self, consumer: Consumer) -> None:
        """The consumer can take messages (again)."""
        if consumer.ringed or consumer.cancelled or self.deleted:
            return
        consumer.ringed = True
        self.ring.append(consumer)
        if self.ready and not self.active:
            self._activate(self)

    def _wait_for_room(self, consumer: Consumer) -> None:
        self._leave_ring(consumer)
        consumer.channel.when_room(consumer.ready_again)

    def _leave_ring(self, consumer: Consumer) -> None:
        self.ring.remove(consumer)
        consumer.ringed = False
        if consumer.shared is not None and consumer.shared.left <= 0 and not consumer.cancelled:
            consumer.shared.wait(consumer)
