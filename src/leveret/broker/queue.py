"""A queue: messages in order, and the consumers they are dealt to.

The messages are in lanes: one, which the queue is itself, or with priorities one more for each level above the lowest.
What is outstanding with whom is the channels' business (their ledgers), not the queue's. A queue whose first message is
on disk only waits until the pager has brought it back.
"""

from __future__ import annotations

from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, ClassVar, Final

from ..limits import FLOW_BYTES, FLOW_MESSAGES, OUTPUT_STOP_READING
from ..wire import Selection
from .admission import admit
from .counts import Counts
from .lane import Lane
from .levels import Level
from .ring import Ring
from .settings import PLAIN

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..wire import Batch, Expiries, Extent
    from ..wire.fields import Arguments
    from .consumer import Consumer
    from .lane import Place
    from .lease import Lease
    from .paging import Pager
    from .policies import Policy
    from .settings import QueueSettings
    from .upkeep import Upkeep

_FEW: Final = 16
"""Ready messages that are no backlog, however large they are."""
NEVER: Final = 1 << 63


class Queue(Lane):
    """A classic queue. `owner` is the connection that an exclusive queue belongs to."""

    __slots__ = (
        "_activate",
        "_getters",
        "_settled",
        "_upkeep",
        "active",
        "active_consumer",
        "arguments",
        "attended",
        "auto_delete",
        "consumers",
        "counts",
        "cycle_told",
        "exclusive",
        "lease",
        "levels",
        "limited",
        "name",
        "next_expiry_ms",
        "operator_policy",
        "owner",
        "paused",
        "policy",
        "refuses",
        "ring",
        "settings",
        "special",
        "standby",
        "tick_at_ms",
        "vhost",
    )
    is_queue: ClassVar[bool] = True
    delays: ClassVar[bool] = False
    """Whether messages only wait in it for an exchange."""

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
        upkeep: Upkeep,
        max_priority: int = 0,
    ) -> None:
        """`activate` asks for a `pump` in the next turn; `settled` is told of what no_ack consumers took, before it is
        gone; `pager` brings extents back; `upkeep` takes out what expires, or is too much. The ids up to
        `id + max_priority` are the queue's.
        """
        super().__init__(id, durable=durable, pager=pager)
        self.vhost = vhost
        self.name = name
        self.counts = Counts()
        self.paused = False
        """Nothing is delivered."""
        self.exclusive = exclusive
        self.auto_delete = auto_delete
        self.arguments = arguments
        self.owner = owner
        self.settings = PLAIN
        self.policy: Policy | None = None
        """In effect, and what is set by it in `settings`."""
        self.operator_policy: Policy | None = None
        self.special = max_priority > 0
        """Whether new messages are looked at: for limits, a time to live, priorities."""
        self.limited = False
        """Whether messages leave at its head when it has too many."""
        self.refuses = False
        """Whether new ones are refused then."""
        self.lease: Lease | None = None
        """When it expires itself."""
        self.next_expiry_ms = NEVER
        """A message expires then, in wall time; none earlier."""
        self.tick_at_ms: int | None = None
        self.attended = False
        """Whether upkeep is about to look at it."""
        self.cycle_told = False
        self._activate = activate
        self._settled = settled
        self._upkeep = upkeep
        self.levels = tuple(Level(self, priority, pager) for priority in range(1, max_priority + 1))
        """The lanes of the priorities from 1 on."""
        self.consumers: list[Consumer] = []
        self.ring = Ring()
        """Those of the highest priority that can take messages now."""
        self.active_consumer: Consumer | None = None
        """Of a queue with a single active consumer: which one it is."""
        self.standby: Ring | None = None
        """The others, who wait to follow it."""
        self.active = False
        self._getters: list[Callable[[], None]] = []

    def __str__(self) -> str:
        return f"queue '{self.name}' in vhost '{self.vhost}'"

    def configure(self, settings: QueueSettings) -> None:
        """What arguments and policies set, at the start and whenever a policy changes it."""
        before, self.settings = self.settings, settings
        limited = settings.max_length is not None or settings.max_length_bytes is not None
        self.limited = limited and settings.overflow == "drop-head"
        self.refuses = limited and not self.limited
        self.special = limited or settings.message_ttl_ms is not None or bool(self.levels)
        if settings.consumer_timeout_ms != before.consumer_timeout_ms:
            for consumer in self.consumers:
                consumer.channel.timeout_set(consumer)
        if settings.expires_ms != before.expires_ms:
            self._upkeep.lease(self)
        if self.limited:
            self._upkeep.attend(self)

    def pause(self, paused: bool) -> None:
        """Deliver nothing, or go on."""
        self.paused = paused
        if not paused:
            self.stir()

    # -- lanes ---------------------------------------------------------------------------------------------------

    @property
    def lanes(self) -> tuple[Lane, ...]:
        """All of them, the lowest priority first."""
        return (self, *self.levels)

    def lane_of(self, extent: Extent) -> Lane:
        """The one that an extent is in."""
        return self if extent.lane == self.id else self.levels[extent.lane - self.id - 1]

    @property
    def message_count(self) -> int:
        """Ready messages of all priorities."""
        return self.ready + sum([lane.ready for lane in self.levels]) if self.levels else self.ready

    @property
    def message_bytes(self) -> int:
        """Of their bodies."""
        return sum([lane.ready_bytes for lane in self.lanes])

    @property
    def published(self) -> int:
        """Messages that came so far, since it was declared."""
        return sum([lane.next_sequence for lane in self.lanes])

    @property
    def unacked_count(self) -> int:
        """Outstanding messages of all priorities."""
        return sum([lane.unacked for lane in self.lanes])

    @property
    def paged_out_count(self) -> int:
        """Ready messages that are on disk only."""
        return sum(
            [extent.ready for lane in self.lanes if lane.stored for extent in lane.extents if not extent.resident]
        )

    @property
    def unacked_bytes(self) -> int:
        """Of the bodies of outstanding messages."""
        return sum([extent.unacked_bytes for lane in self.lanes if lane.unacked for extent in lane.extents])

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

    def append_to(
        self,
        lane: Lane,
        batch: Batch,
        selection: Selection | None,
        place: Place | None = None,
        expiries: Expiries | None = None,
    ) -> bool:
        """The same for one lane of a special queue, or when messages expire."""
        if expiries is None:
            lane.add(batch, selection, place)
        else:
            lane.add_expiring(batch, selection, place, expiries)
        if self.limited:
            self._upkeep.attend(self)
        if self.ring and not self.active:
            self._activate(self)
        ready = self.ready
        if ready < _FEW or not self.consumers:  # without consumers it is a store
            return False
        return ready > FLOW_MESSAGES or self._newest_bytes > FLOW_BYTES

    def admit(self, batch: Batch, rows: Selection, now_ms: int, ahead: int, ahead_bytes: int) -> Selection:
        """Of these rows, in their order, those that are not over its limits; `ahead` others come before them."""
        self._upkeep.hand_out(self, now_ms)
        return admit(self, batch, rows, now_ms, ahead, ahead_bytes)

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

    def when_read(self, lane: Lane, extent: Extent, callback: Callable[[], None]) -> None:
        """This extent is on disk only: call when it is in memory (then it may go again), or cannot be, or when the
        queue is gone. It may be called earlier, too.
        """
        self._getters.append(callback)
        self._pager.fetch(lane, extent)

    def loaded(self) -> None:
        if self.limited or self.next_expiry_ms != NEVER:
            self._upkeep.attend(self)
        getters, self._getters = self._getters, []
        for getter in getters:
            getter()
        if self.ring and not self.active and self.message_count:
            self._activate(self)

    def head_gone(self) -> None:
        """Ready messages left without having been taken: who waited for the first one to be read asks again."""
        if self._getters:
            self.loaded()

    def take_one(self) -> tuple[Extent, Selection] | None:
        """The first ready message, now outstanding (basic.get); not when `head_stored`. None while it is paused."""
        lane = self.first_lane() if self.levels else self
        if not lane.ready or self.paused:
            return None
        extent = lane.head()
        rows = lane.take(extent, 1)
        if lane.stored:
            self._pager.ahead(lane)
        return extent, rows

    def pump(self) -> None:
        """Hand ready messages of one extent to the consumers that can take some; once more later while that helps."""
        lane = self.first_lane() if self.levels else self
        if not lane.ready or self.paused:
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
            if room > 0:
                extent = lane.head()
                rows = lane.take(extent, taker.credit, room)
                self._deliver(taker, lane, extent, rows)
                if taker.prefetch and taker.credit <= 0:
                    self._leave_ring(taker)
            else:
                self._wait_for_room(taker)
        else:
            self._deal(lane)
        if self.ring and not self.active and (lane.ready or self.message_count):
            self._activate(self)

    def _deal(self, lane: Lane) -> None:
        """Deal to all in the ring, in turns; those of lower priorities are next when nobody is left in it.

        Where consumers share their channel's limit it goes message by message: one for the first lessens what the
        next may get.
        """
        ring = self.ring
        takers = self._takers(ring, lane.ready)
        if not takers:
            return
        extent = lane.head()
        if any(taker.limited_by_channel for taker in takers):
            takers = takers[:1]
            rows = lane.take(extent, 1)
            self._deliver(takers[0], lane, extent, rows)
            ring.rotate(-1)
            if takers[0].own_credit > 0:
                return  # of those who find the shared limit used up, the one whose turn it is leaves first
        elif len(takers) == 1:
            taker = takers[0]
            rows = lane.take(extent, taker.credit, taker.channel.room)
            self._deliver(taker, lane, extent, rows)
            ring.rotate(-1)
        else:
            credits = [taker.credit for taker in takers]
            rooms = [taker.channel.room for taker in takers]
            size = extent.ready_bytes
            if size > OUTPUT_STOP_READING:
                # They may share a connection, and so its room: at once no more rounds than that much holds.
                fit = max(OUTPUT_STOP_READING * extent.ready // size, 1)
                del takers[fit:], credits[fit:], rooms[fit:]
                credits = [min(credit, fit // len(takers)) for credit in credits]
            parts, turn = lane.deal(extent, credits, rooms)
            if len({id(taker.channel) for taker in takers}) < len(takers):
                self._deliver_in_order(takers, lane, extent, parts)
            else:
                for taker, rows in zip(takers, parts, strict=True):
                    if len(rows):
                        self._deliver(taker, lane, extent, rows)
            ring.rotate(-(turn or len(takers)))
        for taker in takers:
            if taker.credit <= 0:
                self._leave_ring(taker)

    def _takers(self, ring: Ring, wanted: int) -> list[Consumer]:
        """From the ring's start, those that can take at least one message; no more than there are messages for."""
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
        count = len(rows)
        if consumer.no_ack:
            self.counts.deliver_no_ack += count
            consumer.channel.deliver(consumer, extent, rows)
            if self.durable:
                self._settled(lane, extent, rows)
            lane.settle(extent, rows)
        else:
            self.counts.deliver += count
            consumer.took(count)
            consumer.channel.deliver(consumer, extent, rows)

    def forget_all(self) -> None:
        """The queue is deleted, and its messages with it."""
        for lane in self.lanes:
            lane.discard()
        self.levels = ()  # they know the queue, which is a circle

    def expiries(self, batch: Batch, rows: Selection | None, now_ms: int) -> Expiries | None:
        """When these rows (None: all) expire if they come now; None: never."""
        ttl_ms = self.settings.message_ttl_ms
        return batch.expiries(rows, now_ms, -1 if ttl_ms is None else ttl_ms)

    # -- what leaves by itself -----------------------------------------------------------------------------------

    def expires(self, when_ms: int) -> None:
        self.noted = True
        if when_ms < self.next_expiry_ms:
            self.next_expiry_ms = when_ms
            self._upkeep.watch(self)

    def tick(self, now_ms: int) -> None:
        """Messages expire."""
        self._upkeep.attend(self)

    # -- consumers -----------------------------------------------------------------------------------------------

    def add_consumer(self, consumer: Consumer) -> None:
        consumer.queue = self
        self.consumers.append(consumer)
        if self.settings.single_active_consumer:
            if self.active_consumer is not None:
                self.standby = (self.standby or Ring()).joined(consumer)
                return
            self.active_consumer = consumer
        self.rejoin(consumer)

    def remove_consumer(self, consumer: Consumer) -> None:
        """What it has outstanding stays so. If it was the single active one, the next takes over: the first of the
        highest priority (RabbitMQ's classic queues: whoever comes later replaces nobody, whatever its priority).
        """
        self.consumers.remove(consumer)
        consumer.cancelled = True
        if consumer.ringed:
            self._leave_ring(consumer)
        if consumer.shared is not None:
            consumer.shared.forget(consumer)
        if consumer is self.active_consumer:
            self.active_consumer = None
            if self.standby:
                self.active_consumer = follower = self.standby[0]
                self.standby = self.standby.left(follower)
                self.rejoin(follower)
        elif self.active_consumer is not None:
            assert self.standby is not None
            self.standby = self.standby.left(consumer)
        if self.lease is not None and not self.consumers:
            self.lease.renew()

    def rejoin(self, consumer: Consumer) -> None:
        """The consumer can take messages (again)."""
        if consumer.ringed or consumer.cancelled or self.deleted:
            return
        consumer.ringed = True
        ring = self.ring
        if consumer.priority == ring.priority:
            ring.append(consumer)
        else:
            self.ring = ring.joined(consumer)
        if not self.active and self.message_count:
            self._activate(self)

    def _wait_for_room(self, consumer: Consumer) -> None:
        self._leave_ring(consumer)
        consumer.channel.when_room(consumer.ready_again)

    def _leave_ring(self, consumer: Consumer) -> None:
        ring = self.ring
        if ring.lower is None:
            ring.remove(consumer)
        else:
            self.ring = ring.left(consumer)
        consumer.ringed = False
        if consumer.shared is not None and consumer.shared.left <= 0 and not consumer.cancelled:
            consumer.shared.wait(consumer)
