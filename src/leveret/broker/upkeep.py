"""Upkeep: what leaves queues by itself, because it expired or is too much (RabbitMQ pages "Time-To-Live and
Expiration", "Queue Length Limit").

Queues that something may have to leave are *attended* to, one extent at a time, so that others have their turn between.
Expiry needs no scan: lanes know when the first message of each extent expires, and a queue has one tick for the first
of them. Where there is a dead-letter exchange, extents on disk are read first.

As in RabbitMQ, consumers that can take messages come first: with a time to live of 0 a message reaches those, or dies.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from ..limits import EXPIRY_GRAIN_MS, FETCH_RETRY_MS
from ..wire.records import EXPIRED, OVERFLOWED
from . import deaths
from .admission import excess
from .change import Change
from .delaying import exchange_of
from .lease import Lease
from .queue import NEVER

if TYPE_CHECKING:
    from ..wire import Extent, Selection
    from .broker import Broker
    from .lane import Lane
    from .queue import Queue
    from .ticks import Ticks


_EXTENTS_AT_ONCE: Final = 4
"""Of one queue that is over its length limit, before others have their turn."""


class Upkeep:
    """One per broker."""

    __slots__ = ("_broker", "_running", "_ticks", "_waiting")

    def __init__(self, broker: Broker, ticks: Ticks) -> None:
        self._broker = broker
        self._ticks = ticks
        self._waiting: deque[Queue] = deque()
        self._running = False

    @property
    def pending(self) -> bool:
        """Whether any queue is to be looked at."""
        return bool(self._waiting)

    def attend(self, queue: Queue) -> None:
        """Something may have to leave this queue."""
        if not queue.attended:
            queue.attended = True
            if not self._waiting:
                self._broker.wake()
            self._waiting.append(queue)

    def run(self, budget_ms: int, wall_ms: int) -> None:
        """Look at the queues that are waiting for it, for about so many milliseconds; at each one once at least that
        waits now. `wall_ms`: the time that counts, which is that of the messages that have just come.
        """
        if self._running:
            return
        self._running = True
        try:
            now_ms = self._broker.clock.monotonic_ms
            end_ms = now_ms() + budget_ms
            first = len(self._waiting)
            while self._waiting and (first > 0 or now_ms() < end_ms):
                first -= 1
                queue = self._waiting.popleft()
                queue.attended = False
                if not queue.deleted and self._look_after(queue, wall_ms):
                    self.attend(queue)
        finally:
            self._running = False

    def watch(self, queue: Queue) -> None:
        """The first message of this queue expires at `next_expiry_ms`. If that is not now, it is looked for when some
        time has passed: messages that expire one after the other go together.
        """
        delay_ms = queue.next_expiry_ms - self._broker.clock.wall_ms()
        if delay_ms > 0:
            self._ticks.after(max(delay_ms, EXPIRY_GRAIN_MS), queue)
        else:
            self.attend(queue)

    def lease(self, queue: Queue) -> None:
        """How long the queue may be unused is another time now."""
        if queue.lease is not None:
            queue.lease.end()
            queue.lease = None
        if queue.settings.expires_ms is not None:
            broker = self._broker
            delete = broker.vhosts[queue.vhost].expire_queue
            queue.lease = Lease(queue, queue.settings.expires_ms, broker.clock, self._ticks, delete)

    def gone(self, queue: Queue) -> None:
        """It is deleted."""
        self._ticks.forget(queue)
        if queue.lease is not None:
            queue.lease.end()
            queue.lease = None

    # -- one queue -----------------------------------------------------------------------------------------------

    def _look_after(self, queue: Queue, now_ms: int) -> bool:
        """One portion; True when there is more to do at once."""
        if queue.next_expiry_ms < now_ms:
            self._expire(queue, now_ms - 1)
        too_much = queue.limited and max(excess(queue)) > 0
        if too_much or queue.next_expiry_ms <= now_ms:
            self.hand_out(queue, now_ms)
        if queue.next_expiry_ms <= now_ms and 0 not in (queue.settings.max_length, queue.settings.max_length_bytes):
            self._expire(queue, now_ms)  # one by one they would have been gone before they were too many
        more = too_much and self.enforce(queue, extents=_EXTENTS_AT_ONCE)
        if queue.next_expiry_ms <= now_ms:
            self._expire(queue, now_ms)
        if queue.next_expiry_ms == NEVER or queue.tick_at_ms is not None:
            return more
        if queue.next_expiry_ms > now_ms:  # the two clocks do not count their milliseconds together
            self.watch(queue)
            return more
        return True

    def hand_out(self, queue: Queue, now_ms: int) -> None:
        """Consumers take what they can, now."""
        before = 0
        while queue.ring and (count := queue.message_count) and count != before:
            before = count
            if queue.next_expiry_ms < now_ms:
                self.expire_head(queue, now_ms - 1)
            queue.pump()

    def requeued(self, queue: Queue, now_ms: int) -> None:
        """Messages came back. Before they are delivered they push out what is first, or expire (RabbitMQ)."""
        if queue.limited:
            self.enforce(queue)
        if queue.next_expiry_ms != NEVER:
            self.expire_head(queue, now_ms)

    def enforce(self, queue: Queue, extents: int = -1) -> bool:
        """Messages over the length limit leave at the head, of so many extents; True when there are more."""
        while max(excess(queue)) > 0:
            if not extents:
                return True
            extents -= 1
            lane = queue.first_lane()
            if not lane.ready:
                break
            extent = lane.head()
            rows, size = excess(queue)
            if not self._drop(queue, lane, extent, extent.select_head(max(rows, 0), max(size, 0)), deaths.MAXLEN):
                break  # once it is read
        return False

    def expire_head(self, queue: Queue, now_ms: int) -> None:
        """What comes next must not be expired: at least that much is done before anything is delivered."""
        lane = queue.first_lane()
        while lane.ready:
            extent = lane.head()
            if not 0 < extent.next_expiry <= now_ms:
                break
            expired = extent.select_expired(now_ms)
            if not len(expired) or not self._drop(queue, lane, extent, expired, deaths.EXPIRED) or extent.ready:
                break
            lane = queue.first_lane()

    def _expire(self, queue: Queue, now_ms: int) -> None:
        """Messages of the extent with the first to expire, in each lane, unless it has to be read first."""
        done = True
        for lane in queue.lanes:
            expiring = lane.expiring
            base = None if expiring is None else expiring.take_due(now_ms)
            if expiring is None or base is None:
                continue
            extent = lane.at(base)
            if extent is None or not extent.ready:
                continue
            expired = extent.select_expired(now_ms)
            if len(expired) and not self._drop(queue, lane, extent, expired, deaths.EXPIRED):
                done = False
            if extent.ready and extent.next_expiry:
                expiring.watch(base, extent.next_expiry)
        self._watch_next(queue, done, now_ms)

    def _watch_next(self, queue: Queue, done: bool, now_ms: int) -> None:
        queue.next_expiry_ms = min(
            [
                first_ms
                for lane in queue.lanes
                if lane.expiring is not None and (first_ms := lane.expiring.first_ms) is not None
            ],
            default=NEVER,
        )
        if not done:
            self._ticks.after(FETCH_RETRY_MS, queue)
        elif queue.next_expiry_ms > now_ms:
            self._ticks.forget(queue)
            if queue.next_expiry_ms != NEVER:
                self.watch(queue)
        else:
            self._ticks.forget(queue)  # more is due: `run` comes back to it

    def _drop(self, queue: Queue, lane: Lane, extent: Extent, rows: Selection, reason: str) -> bool:
        """Take ready messages out; False when they have to be read first."""
        broker = self._broker
        vhost = broker.vhosts[queue.vhost]
        exchange = exchange_of(queue.name) if queue.delays else queue.settings.dead_letter_exchange
        if exchange is not None and exchange in vhost.router.exchanges and not extent.resident:
            broker.pager.fetch(lane, extent)
            return False
        change = Change(broker, vhost.router)
        cause = EXPIRED if reason is deaths.EXPIRED else OVERFLOWED
        if not extent.resident:  # it has nowhere to go: else it would have been read
            change.died(queue, reason, len(rows))
        change.drop(queue, lane, extent, rows, cause, reason if extent.resident else "")
        change.commit()
        queue.head_gone()
        return True
