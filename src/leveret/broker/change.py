"""A change: what becomes of messages by one decision, as one record of the log.

New messages, dead letters, what is settled, requeued or taken out, all together: it happens whole or not at all. Ops
are made while the change is put together, nothing is touched before `commit`.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from ..wire import ACK, REJECT, REQUEUE, Extent, Selection
from ..wire.records import ACKED, Settle
from ..wire.records import REJECTED as BY_REJECT
from .counts import AT_MOST_ONCE, DISABLED
from .dead_letters import dead_letters, without_cycles
from .deaths import DELIVERY_LIMIT, MAXLEN, REJECTED
from .delaying import exchange_of, when_due
from .placement import Taken, place
from .settlement import settle_op

if TYPE_CHECKING:
    from ..ports import Position
    from ..wire import Batch
    from ..wire.records import Op
    from .broker import Broker
    from .lane import Lane
    from .placement import Placement
    from .queue import Queue
    from .routing import Router
    from .settlement import Portion


class Change:
    """One, put together and committed within a call. `router`: of its virtual host."""

    __slots__ = ("_broker", "_dropped", "_ops", "_placements", "_router", "_settled", "_taken", "congested", "now_ms")

    def __init__(self, broker: Broker, router: Router) -> None:
        self._broker = broker
        self._router = router
        self._ops: list[Op] = []
        self._placements: list[Placement] = []
        self._settled: list[tuple[Portion, int]] = []
        self._dropped: list[tuple[Lane, Extent, Selection]] = []
        self._taken = Taken()
        self.now_ms = broker.clock.wall_ms()
        """When it happens."""
        self.congested = False
        """After `commit`: a queue has more than its consumers keep up with."""

    # -- messages in ---------------------------------------------------------------------------------------------

    def publish(self, placement: Placement) -> None:
        """Messages go where they were placed. Those that a queue refuses may be dead letters."""
        letters = deque((placement,))
        while letters:
            placement = letters.popleft()
            if self._placements:
                self._taken.count(self._placements[-1])
            placement.admit(self.now_ms, self._taken)
            self._ops += placement.ops(self._taken)
            self._placements.append(placement)
            for queue, rows in placement.refused:
                self.died(queue, MAXLEN, len(rows))
                if queue.settings.overflow == "reject-publish-dlx":
                    letters += [
                        letter
                        for part in _parts(self._broker, placement.batch, rows)
                        if (letter := self._letters(queue, part, MAXLEN)) is not None
                    ]

    def dead_letter(self, queue: Queue, batch: Batch, reason: str) -> None:
        """These messages died in a queue: all go to its dead-letter exchange, if it has one that is there."""
        letter = self._letters(queue, batch, reason)
        if letter is not None:
            self.publish(letter)

    def _letters(self, queue: Queue, batch: Batch, reason: str) -> Placement | None:
        name = queue.settings.dead_letter_exchange
        exchange = None if name is None else self._router.exchanges.get(name)
        if exchange is None:
            return None
        batch, cycles = dead_letters(queue, batch, reason, self._broker.pool, self.now_ms)
        return place(without_cycles(queue, self._router.routes_from(exchange, batch), cycles), batch)

    # -- messages out --------------------------------------------------------------------------------------------

    def drop(self, queue: Queue, lane: Lane, extent: Extent, rows: Selection, cause: int, reason: str = "") -> None:
        """Ready messages are done with; those of a resident extent are dead letters if there is a `reason`."""
        op = settle_op(lane, extent, rows, cause)
        if op is not None:
            self._ops.append(op)
        self._dropped.append((lane, extent, rows))
        if reason:
            self.died(queue, reason, len(rows))
        if reason and queue.delays:
            self._go_on(queue, extent.batch(self._broker.pool, rows))
        elif reason and queue.settings.dead_letter_exchange is not None:
            self.dead_letter(queue, extent.batch(self._broker.pool, rows), reason)

    def died(self, queue: Queue, reason: str, count: int) -> None:
        """So many died in a queue; `drop` and `settle` count by themselves what they have a reason for."""
        if not queue.delays:
            strategy = DISABLED if queue.settings.dead_letter_exchange is None else AT_MOST_ONCE
            self._broker.deaths.add(reason, strategy, count)

    def _go_on(self, queue: Queue, batch: Batch) -> None:
        """They have waited long enough for their exchange."""
        exchange = self._router.exchanges.get(exchange_of(queue.name) or "")
        if exchange is not None:
            batch = when_due(batch, self._broker.pool)
            self.publish(place(self._router.routes_from(exchange, batch), batch))

    def settle(self, portions: list[Portion], kind: int) -> None:
        """Acks, rejects and requeues (ACK, REJECT, REQUEUE), resolved to rows by the channel's ledger."""
        for portion in portions:
            if kind == REQUEUE:
                self._requeue(portion)
            else:
                self._done(portion, kind, REJECTED)

    def _done(self, portion: Portion, kind: int, reason: str) -> None:
        consumer, extent, rows = portion
        queue = consumer.queue
        assert queue is not None
        self._settled.append((portion, kind))
        if queue.deleted:
            return
        if kind != ACK:
            self.died(queue, reason, len(rows))
        op = settle_op(queue.lane_of(extent), extent, rows, ACKED if kind == ACK else BY_REJECT)
        if op is not None:
            self._ops.append(op)
        if kind != ACK and queue.settings.dead_letter_exchange is not None:
            self.dead_letter(queue, extent.batch(self._broker.pool, rows), reason)

    def _requeue(self, portion: Portion) -> None:
        consumer, extent, rows = portion
        queue = consumer.queue
        assert queue is not None
        limit = queue.settings.delivery_limit
        if limit is not None and not queue.deleted:
            over = queue.lane_of(extent).count_returns(extent, rows, limit)
            if len(over):
                self._done((consumer, extent, over), REJECT, DELIVERY_LIMIT)
                rows = rows.difference(over)
                if not len(rows):
                    return
        self._settled.append(((consumer, extent, rows), REQUEUE))

    # -- commit --------------------------------------------------------------------------------------------------

    def commit(self, *, wait: bool = False) -> Position | None:
        """It is in the log, and happens. When it is durable: for settlements alone only if somebody will `wait`."""
        position = None
        ops = self._ops
        settlements = [op for op in ops if isinstance(op, Settle)]
        if len(settlements) < len(ops) or (wait and ops):
            position = self._broker.log.append(ops)
        elif ops:
            self._broker.log.settle(settlements)
        for lane, extent, rows in self._dropped:
            lane.drop(extent, rows)
        for placement in self._placements:
            self.congested |= placement.apply()
            self._record(placement)
        for (consumer, extent, rows), kind in self._settled:
            queue = consumer.queue
            assert queue is not None
            if not queue.deleted:
                lane = queue.lane_of(extent)
                if kind == REQUEUE:
                    lane.requeue(extent, rows)
                    queue.counts.redeliver += len(rows)
                    self._broker.upkeep.requeued(queue, self.now_ms)
                else:
                    lane.settle(extent, rows)
            if kind == ACK:
                queue.counts.ack += len(rows)
            if not consumer.no_ack:
                consumer.gave_back(len(rows))
        return position

    def _record(self, placement: Placement) -> None:
        for exchange, rows in placement.recorded:
            before = exchange.kept_bytes
            exchange.record(placement.batch, rows)
            self._broker.recorded_bytes += exchange.kept_bytes - before


def _parts(broker: Broker, batch: Batch, rows: Selection) -> list[Batch]:
    """Some rows of a batch as batches of their own."""
    batches = []
    done = 0
    while done < len(rows):
        extent = Extent(0)
        done += extent.append(batch, rows, done)
        batches.append(extent.batch(broker.pool, Selection.range(0, len(extent))))
    return batches
