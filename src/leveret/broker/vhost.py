"""A virtual host: messages in and out of its queues. Its objects are in `objects`.

What changes durable state is decided here, becomes ops, goes to the log, and is then applied; recovery calls `apply_*`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from ..authorize import EVERYTHING, authorize
from ..errors import AccessRefused, AmqpError, NotImplemented_, PreconditionFailed
from ..wire import ACK, EXPIRATION, PERSISTENT, Batch, Extent, Selection
from ..wire.records import PURGED, Op
from . import replies
from .arguments import validate_consume_arguments
from .change import Change
from .consumer import Consumer
from .copies import without_bcc
from .events import about_consumer
from .objects import Objects
from .passages import count_passages
from .permits import NotWritable
from .placement import place
from .queue import Queue
from .settlement import settle_op, settle_ops
from .tracing import NAME as TRACE_EXCHANGE
from .tracing import Tracer

if TYPE_CHECKING:
    from collections.abc import Hashable

    from ..authorize import Rights
    from ..ports import Position, Publisher
    from ..wire import Pool
    from .binding import Destination
    from .exchange import Exchange
    from .placement import Cells, Placement
    from .settlement import Portion as Portion

_KEPT: Final = PERSISTENT | EXPIRATION
_BEFORE_EXCHANGE: Final = (NotImplemented_, NotWritable)
"""For this a message is refused before its exchange is looked for."""


class QueuePurged(NamedTuple):
    """Messages that were ready, and when their removal is durable."""

    message_count: int
    position: Position | None


class Got(NamedTuple):
    """One message for basic.get. `owner` is what the channel's ledger keeps; `message_count` is what stays ready."""

    owner: Consumer
    extent: Extent
    selection: Selection
    message_count: int


class VHost(Objects):
    """One virtual host of a broker."""

    __slots__ = ()

    @property
    def pool(self) -> Pool:
        """Where messages are in memory."""
        return self._broker.pool

    def purge_queue(self, name: str, *, owner: Hashable = None, rights: Rights = EVERYTHING) -> QueuePurged:
        """queue.purge: ready messages go, outstanding ones stay."""
        authorize(rights, "queue.purge", self.name, queue=name)
        queue = self.queue(name, owner)
        count = queue.message_count
        ready = [(lane, extent, rows) for lane in queue.lanes for extent, rows in lane.ready_rows()]
        ops: list[Op] = [
            op for lane, extent, rows in ready if (op := settle_op(lane, extent, rows, PURGED)) is not None
        ]
        position = self._broker.log.append(ops) if ops else None
        for lane, extent, rows in ready:
            lane.drop(extent, rows)
        queue.loaded()  # who waits for its first message waits in vain
        return QueuePurged(count, position)

    # -- messages in ---------------------------------------------------------------------------------------------

    def publish(
        self, batch: Batch, publisher: Publisher, limit: int | None = None, refusal: AmqpError | None = None
    ) -> None:
        """Route what one channel sent in one read, and tell the publisher what became of it, in order.

        With `limit` only that many rows are published, and the next one is refused with `refusal`, unless there is
        something wrong with its exchange, which comes first. Raises the error of the first bad row after those before
        it are done.
        """
        cells = self.router.routes(batch)
        if self.tracer is not None:
            self._trace(self.tracer, cells, batch, publisher, limit)
        came = batch  # what is counted by its keys
        batch = without_bcc(batch, self._broker.pool)
        if limit is None and not batch.features & _KEPT and _one_queue_each(cells):
            slow = False
            for queues, rows in cells:  # nearly every batch: the same as below, in fewer steps
                slow |= queues[0].append(batch, rows)  # type: ignore[index]
            if slow:
                publisher.slow_down()
            self.counts.publish += len(batch)
            count_passages(self.router, came, len(came), None)
            publisher.published(len(batch), None, None)
            return
        placement = place(cells, batch, limit)
        routed = placement.queues
        change = Change(self._broker, self.router)
        change.publish(placement)
        position = change.commit()
        if change.congested:
            publisher.slow_down()
        self.counts.publish += placement.count
        count_passages(self.router, came, placement.count, routed)
        self._unroutable(placement)
        if placement.returned is not None:
            publisher.returned(batch, placement.returned)
        publisher.published(placement.count, position, placement.rejected)
        if self._broker.upkeep.pending:
            self._broker.upkeep.run(0, change.now_ms)
        if placement.error is not None:
            raise placement.error
        if limit is not None:
            if refusal is None:
                return
            error = None if isinstance(refusal, _BEFORE_EXCHANGE) else _error_at(cells, limit)
            raise error or refusal

    def _unroutable(self, placement: Placement) -> None:
        if placement.unroutable:
            returned = 0 if placement.returned is None else len(placement.returned)
            self.counts.return_unroutable += returned
            self.counts.drop_unroutable += placement.unroutable - returned

    def check_publish(self, batch: Batch, limit: int | None = None, refusal: AmqpError | None = None) -> None:
        """What `publish` would refuse of a batch that waits for its transaction. Raises the first row's error."""
        last = len(batch) if limit is None else limit - isinstance(refusal, _BEFORE_EXCHANGE)
        for queues, rows in self.router.routes(batch):
            if isinstance(queues, AmqpError) and (0 if rows is None else rows[0]) <= last:
                raise queues
        if refusal is not None:
            raise refusal

    def transact(
        self, batches: list[Batch], settlements: list[tuple[list[Portion], int]], publisher: Publisher
    ) -> Position | None:
        """tx.commit: everything becomes one record, or (an exchange is gone) nothing happens and it raises."""
        routed = [self.router.routes(batch) for batch in batches]
        placements = [
            place(cells, without_bcc(batch, self._broker.pool)) for cells, batch in zip(routed, batches, strict=True)
        ]
        for placement in placements:
            if placement.error is not None:
                raise placement.error
        if self.tracer is not None:
            for cells, batch in zip(routed, batches, strict=True):
                self._trace(self.tracer, cells, batch, publisher, None)
        queues = [placement.queues for placement in placements]
        change = Change(self._broker, self.router)
        for placement in placements:
            change.publish(placement)
        for portions, kind in settlements:
            change.settle(portions, kind)
        position = change.commit(wait=True)
        for batch, placement, reached in zip(batches, placements, queues, strict=True):
            self.counts.publish += placement.count
            count_passages(self.router, batch, placement.count, reached)
            self._unroutable(placement)
            if placement.returned is not None:
                publisher.returned(placement.batch, placement.returned)
        if change.congested:
            publisher.slow_down()
        if self._broker.upkeep.pending:
            self._broker.upkeep.run(0, change.now_ms)
        if any(placement.refused for placement in placements):
            raise PreconditionFailed("partial tx completion")
        return position

    def publish_from(self, exchange: Exchange, batch: Batch) -> None:
        """The broker's own messages, from this exchange on, internal or not."""
        self._publish_to(self.router.routes_from(exchange, batch), batch)
        if self._broker.upkeep.pending:
            self._broker.upkeep.run(0, self._broker.clock.wall_ms())

    def _publish_to(self, cells: Cells, batch: Batch) -> Position | None:
        change = Change(self._broker, self.router)
        change.publish(place(cells, batch))
        return change.commit()

    def trace(self, on: bool) -> None:
        """Whether what is published and delivered from here on is traced."""
        self.tracer = Tracer(self.router.exchanges[TRACE_EXCHANGE], self._broker.notices) if on else None

    def _trace(self, tracer: Tracer, cells: Cells, batch: Batch, publisher: Publisher, limit: int | None) -> None:
        count = len(batch) if limit is None else limit
        for found, rows in cells:
            if isinstance(found, AmqpError):
                count = min(count, 0 if rows is None else rows[0])
        tracer.published(batch, cells, count, publisher.origin)

    def _bound(self, source: Exchange, destination: Destination) -> Position | None:
        """Give the destination of a new binding what the exchange has recorded."""
        batch = source.history(self._broker.pool) if source.records else None
        if batch is None:
            return None
        cells: Cells
        if isinstance(destination, Queue):
            cells = [((destination,), None)]
        else:
            cells = self.router.routes_from(destination, batch)
        return self._publish_to(cells, batch)

    # -- messages out --------------------------------------------------------------------------------------------

    def get(
        self, name: str, *, no_ack: bool, owner: Hashable, consumer: Consumer, rights: Rights = EVERYTHING
    ) -> Got | Queue | None:
        """basic.get; `consumer` says which channel asks. A queue when its first message has to be read from disk: ask
        again when it is loaded (`Queue.when_loaded`).
        """
        authorize(rights, "basic.get", self.name, queue=name)
        queue = self._used(self.queue(name, owner))
        now_ms = self._broker.clock.wall_ms()
        if queue.next_expiry_ms <= now_ms:
            self._broker.upkeep.expire_head(queue, now_ms)
        if queue.first_lane().head_stored:
            return queue
        taken = queue.take_one()
        if taken is None:
            queue.counts.get_empty += 1
            return None
        if no_ack:
            queue.counts.get_no_ack += 1
        else:
            queue.counts.get += 1
        extent, rows = taken
        getter = Consumer(consumer.tag, consumer.channel, no_ack=no_ack)
        getter.queue = queue
        getter.cancelled = True
        return Got(getter, extent, rows, queue.message_count)

    def got(self, got: Got) -> None:
        """A no_ack get was rendered: its message is settled now."""
        self.settle([(got.owner, got.extent, got.selection)], ACK)

    def consume(self, name: str, consumer: Consumer, *, owner: Hashable, rights: Rights = EVERYTHING) -> None:
        """basic.consume. An exclusive consumer is alone on its queue, which a single active one must never be."""
        authorize(rights, "basic.consume", self.name, queue=name)
        queue = self.queue(name, owner)
        validate_consume_arguments(queue, consumer.arguments)
        if queue.settings.single_active_consumer:
            refused = consumer.exclusive
        else:
            refused = len(queue.consumers) > 0 and (consumer.exclusive or queue.consumers[0].exclusive)
        if refused:
            raise AccessRefused(f"{queue} in exclusive use")
        queue.add_consumer(consumer)
        if self._broker.events.wanted:
            self._broker.events.emit("consumer.created", about_consumer(consumer))

    def consume_replies(self, consumer: Consumer) -> None:
        """Direct reply-to: what is published to the name of the consumer's queue goes to it as long as it consumes."""
        replies.open(self._broker, self.router, self.name).add_consumer(consumer)

    def cancel(self, consumer: Consumer) -> None:
        """basic.cancel; what it has outstanding stays with its channel. The last takes an auto-delete queue along."""
        queue = consumer.queue
        if queue is None or consumer.cancelled:
            return
        if self._broker.events.wanted and not replies.is_reply_queue(queue):
            self._broker.events.emit("consumer.deleted", about_consumer(consumer))
        queue.remove_consumer(consumer)
        if replies.is_reply_queue(queue):
            replies.close(self._broker, self.router, queue)
        elif queue.auto_delete and not queue.consumers and not queue.deleted:
            self._delete(queue)

    def settle(self, portions: list[Portion], kind: int) -> None:
        """Acks, rejects and requeues (ACK, REJECT, REQUEUE), resolved to rows by the channel's ledger."""
        if kind != ACK:
            change = Change(self._broker, self.router)
            change.settle(portions, kind)
            change.commit()
            return
        ops = settle_ops(portions)  # nearly always: the same as the change would do, in fewer steps
        if ops:
            self._broker.log.settle(ops)
        for consumer, extent, rows in portions:
            queue = consumer.queue
            assert queue is not None
            if not queue.deleted:
                queue.lane_of(extent).settle(extent, rows)
            if not consumer.no_ack:
                count = len(rows)
                queue.counts.ack += count
                consumer.gave_back(count)


def _error_at(cells: Cells, row: int) -> AmqpError | None:
    """What routing says against this row."""
    for queues, rows in cells:
        if isinstance(queues, AmqpError) and (rows is None or len(rows.window(row, row + 1))):
            return queues
    return None


def _one_queue_each(cells: Cells) -> bool:
    """Whether every row goes to one queue that takes all; then no two cells have the same, and nothing is returned or
    refused.
    """
    for queues, _ in cells:  # noqa: SIM110 (a generator costs more than what it looks at)
        if queues.__class__ is not tuple or len(queues) != 1 or queues[0].special:
            return False
    return True
