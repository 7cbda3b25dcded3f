"""A queue: messages in order, and the consumers they are dealt to.

The messages are in lanes: one, which the queue is itself, or with priorities one more for each level above the lowest.
What is outstanding with whom is the channels' business (their ledgers), not the queue's. A queue whose first message is
on disk only waits until the pager has brought it back.
"""

from __future__ import annotations

from collections import deque
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, ClassVar, Final

from ..limits import FLOW_BYTES, FLOW_MESSAGES, OUTPUT_STOP_READING
from ..wire import Selection
from .lane import Lane
from .settings import PLAIN

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..wire import Batch, Extent
    from ..wire.fields import Arguments
    from .consumer import Consumer
    from .lane import Place
    from .paging import Pager
    from .settings import QueueSettings

_FEW: Final = 16
"""Ready messages that are no backlog, however large they are."""


class Level(Lane):
    """The messages of one priority above the lowest."""

    __slots__ = ("_queue", "priority")

    def __init__(self, queue: Queue, priority: int, pager: Pager) -> None:
        super().__init__(queue.id + priority, durable=queue.durable, pager=pager)
        self.priority = priority
        self._queue = queue

    def __str__(self) -> str:
        return f"{self._queue}, priority {self.priority}"

    def stir(self) -> None:
        self._queue.stir()

    def loaded(self) -> None:
        self._queue.loaded()

    def is_about_to_deliver(self, extent: Extent) -> bool:
        return self._queue.is_about_to_deliver(extent)


class Queue(Lane):
    """A classic queue. `owner` is the connection that an exclusive queue belongs to."""

    __slots__ = (
        "_activate",
        "_getters",
        "_settled",
        "active",
        "arguments",
        "auto_delete",
        "consumers",
        "exclusive",
        "levels",
        "name",
        "owner",
        "ring",
        "settings",
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
        settled: Callable[[Lane, Extent, Selection], None],
        pager: Pager,
        max_priority: int = 0,
    ) -> None:
        """`activate` asks for a `pump` in the next turn; `settled` is told of what no_ack consumers took, before it is
        gone; `pager` brings extents back. The ids up to `id + max_priority` are the queue's.
        """
        super().__init__(id, durable=durable, pager=pager)
        self.vhost = vhost
        self.name = name
        self.exclusive = exclusive
        self.auto_delete = auto_delete
        self.arguments = arguments
        self.owner = owner
        self.settings = PLAIN
        self._activate = activate
        self._settled = settled
        self.levels = tuple(Level(self, priority, pager) for priority in range(1, max_priority + 1))
        """The lanes of the priorities from 1 on."""
        self.consumers: list[Consumer] = []
        self.ring: deque[Consumer] = deque()
        self.active = False
        self._getters: list[Callable[[], None]] = []

    def __str__(self) -> str:
        return f"queue '{self.name}' in vhost '{self.vhost}'"

    def configure(self, settings: QueueSettings) -> None:
        """What arguments and policies set, at the start and whenever a policy changes it."""
        self.settings = settings

    # -- lanes ---------------------------------------------------------------------------------------------------

    @property
    def lanes(self) -> tuple[Lane, ...]:
        """All of them, the lowest priority first."""
        return (self, *self.levels)

    def lane_of(self, extent: Extent) -> Lane:
        """The one that an extent is in."""
        if self.levels:
            for lane in self.levels:
                if any(other is extent for other in lane.extents):
                    return lane
        return self

    @property
    def message_count(self) -> int:
        """Ready messages of all priorities."""
        return self.ready + sum([lane.ready for lane in self.levels]) if self.levels else self.ready

    @property
    def message_bytes(self) -> int:
        """Of their bodies."""
        return sum([lane.ready_bytes for lane in self.lanes])

    @property
    def unacked_count(self) -> int:
        """Outstanding messages of all priorities."""
        return sum([lane.unacked for lane in self.lanes])

    def first_lane(self) -> Lane:
        """The lane that the next message comes from."""
        for lane in reversed(self.levels):
            if lane.ready:
                return lane
        return self

    # -- messages in ---------------------------------------------------------------------------------------------

    def append(self, batch: Batch, selection: Selection | None, place: Place | None = None) -> bool:
        """Rows of a batch (None: all) go to the end; `place`: where the log has the persistent ones. True: its
        consumers are behind, publishers better slow down.
        """
        self.add(batch, selection, place)
        if self.ring and not self.active:
            self._activate(self)
        ready = self.ready
        if ready < _FEW or not self.consumers:  # without consumers it is a store
            return False
        return ready > FLOW_MESSAGES or self._newest_bytes > FLOW_BYTES

    @property
    def _newest_bytes(self) -> int:
        """Ready bytes of the last two extents: the last one may have been begun just now."""
        extents = self.extents
        return extents[-1].ready_bytes + (extents[-2].ready_bytes if len(extents) > 1 else 0)

    def stir(self) -> None:
        if self.ring and not self.active:
            self._activate(self)

    # -- messages out --------------------------------------------------------------------------------------------

    def is_about_to_deliver(self, extent: Extent) -> bool:
        lane = self.first_lane()
        return self.active and lane.ready > 0 and lane.head() is extent

    def when_loaded(self, callback: Callable[[], None]) -> None:
        """The first ready message is on disk only: call once when it is in memory, or the queue is gone."""
        self._getters.append(callback)
        self._pager.need(self.first_lane())

    def loaded(self) -> None:
        getters, self._getters = self._getters, []
        for getter in getters:
            getter()
        if self.ring and not self.active and self.message_count:
            self._activate(self)

    def take_one(self) -> tuple[Extent, Selection] | None:
        """The first ready message, now outstanding (basic.get); not when `head_stored`."""
        lane = self.first_lane() if self.levels else self
        if not lane.ready:
            return None
        extent = lane.head()
        before = extent.ready_bytes
        rows = extent.take(1)
        lane.took(1, before - extent.ready_bytes)
        if lane.stored:
            self._pager.ahead(lane)
        return extent, rows

    def pump(self) -> None:
        """Hand ready messages of one extent to the consumers that can take some; once more later while that helps."""
        lane = self.first_lane() if self.levels else self
        if not lane.ready:
            return
        if lane.stored:
            if not lane.head().resident:
                self._pager.need(lane)
                return
            self._pager.ahead(lane)
        ring = self.ring
        if len(ring) == 1 and ring[0].shared is None:
            # Most queues have one consumer: the same as `_deal`, in fewer steps.
            taker = ring[0]
            room = taker.channel.room
            if room <= 0:
                self._wait_for_room(taker)
                return
            extent = lane.head()
            before = extent.ready_bytes
            rows = extent.take(taker.credit, room)
            lane.took(len(rows), before - extent.ready_bytes)
            self._deliver(taker, lane, extent, rows)
            if taker.prefetch and taker.credit <= 0:
                self._leave_ring(taker)
        else:
            self._deal(lane)
        if ring and not self.active and (lane.ready or self.message_count):
            self._activate(self)

    def _deal(self, lane: Lane) -> None:
        """Deal to all in the ring, in turns.

        Where consumers share their channel's limit it goes message by message: one for the first lessens what the
        next may get.
        """
        takers = self._takers(lane.ready)
        if not takers:
            return
        extent = lane.head()
        before = extent.ready_bytes
        if any(taker.limited_by_channel for taker in takers):
            takers = takers[:1]
            rows = extent.take(1)
            lane.took(1, before - extent.ready_bytes)
            self._deliver(takers[0], lane, extent, rows)
            self.ring.rotate(-1)
        elif len(takers) == 1:
            taker = takers[0]
            rows = extent.take(taker.credit, taker.channel.room)
            lane.took(len(rows), before - extent.ready_bytes)
            self._deliver(taker, lane, extent, rows)
            self.ring.rotate(-1)
        else:
            credits = [taker.credit for taker in takers]
            rooms = [taker.channel.room for taker in takers]
            if before > OUTPUT_STOP_READING:
                # They may share a connection, and so its room: at once no more rounds than that much holds.
                fit = max(OUTPUT_STOP_READING * extent.ready // before, 1)
                del takers[fit:], credits[fit:], rooms[fit:]
                credits = [min(credit, fit // len(takers)) for credit in credits]
            parts, turn = extent.deal(credits, rooms, 0)
            lane.took(sum(map(len, parts)), before - extent.ready_bytes)
            if len({id(taker.channel) for taker in takers}) < len(takers):
                self._deliver_in_order(takers, lane, extent, parts)
            else:
                for taker, rows in zip(takers, parts, strict=True):
                    if len(rows):
                        self._deliver(taker, lane, extent, rows)
            self.ring.rotate(-(turn or len(takers)))
        for taker in takers:
            if taker.credit <= 0:
                self._leave_ring(taker)

    def _takers(self, wanted: int) -> list[Consumer]:
        """From the ring's start, those that can take at least one message; no more than there are messages for."""
        ring = self.ring
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

    def _deliver_in_order(self, takers: list[Consumer], lane: Lane, extent: Extent, parts: list[Selection]) -> None:
        """What leaves on one channel leaves in the queue's order, also to several consumers of it (spec 4.7)."""
        dealt = sorted((row, place) for place, rows in enumerate(parts) for row in rows)
        for place, run in groupby(dealt, itemgetter(1)):
            self._deliver(takers[place], lane, extent, Selection([row for row, _ in run]))

    def _deliver(self, consumer: Consumer, lane: Lane, extent: Extent, rows: Selection) -> None:
        if consumer.no_ack:
            consumer.channel.deliver(consumer, extent, rows)
            if self.durable:
                self._settled(lane, extent, rows)
            lane.settle(extent, rows)
        else:
            consumer.took(len(rows))
            consumer.channel.deliver(consumer, extent, rows)

    def forget_all(self) -> None:
        """The queue is deleted, and its messages with it."""
        for lane in self.lanes:
            lane.discard()
        self.levels = ()  # they know the queue, which is a circle

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
        if not self.active and self.message_count:
            self._activate(self)

    def _wait_for_room(self, consumer: Consumer) -> None:
        self._leave_ring(consumer)
        consumer.channel.when_room(consumer.ready_again)

    def _leave_ring(self, consumer: Consumer) -> None:
        self.ring.remove(consumer)
        consumer.ringed = False
        if consumer.shared is not None and consumer.shared.left <= 0 and not consumer.cancelled:
            consumer.shared.wait(consumer)
