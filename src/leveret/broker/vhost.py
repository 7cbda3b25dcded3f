"""A virtual host: messages in and out of its queues. Its objects are in `objects`.

What changes durable state is decided here, becomes ops, goes to the log, and is then applied; recovery calls `apply_*`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ..errors import AccessRefused, AmqpError
from ..wire import ACK, PERSISTENT, REQUEUE, Batch, Extent, Selection
from ..wire.records import PURGED, Op, Publish
from .consumer import Consumer
from .objects import Objects
from .placement import place
from .settlement import settle_op, settle_ops

if TYPE_CHECKING:
    from collections.abc import Hashable

    from ..ports import Position, Publisher
    from .placement import Cells
    from .queue import Queue
    from .settlement import Portion as Portion


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

    def purge_queue(self, name: str, *, owner: Hashable = None) -> QueuePurged:
        """queue.purge: ready messages go, outstanding ones stay."""
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

    def publish(self, batch: Batch, publisher: Publisher, limit: int | None = None) -> None:
        """Route what one channel sent in one read, and tell the publisher what became of it, in order.

        With `limit` only that many rows are published. Raises the error of the first bad row after those before it
        are done.
        """
        cells = self.router.routes(batch)
        if limit is None and not batch.features & PERSISTENT and _one_queue_each(cells):
            slow = False
            for queues, rows in cells:  # nearly every batch: the same as below, in fewer steps
                slow |= queues[0].append(batch, rows)  # type: ignore[index]
            if slow:
                publisher.slow_down()
            publisher.published(len(batch), None, None)
            return
        placement = place(cells, batch, limit)
        ops = placement.publish_ops()
        position = self._broker.log.append([*ops]) if ops else None
        if placement.apply():
            publisher.slow_down()
        if placement.returned is not None:
            publisher.returned(batch, placement.returned)
        publisher.published(placement.count, position, None)
        if placement.error is not None:
            raise placement.error

    def check_publish(self, batch: Batch) -> None:
        """What `publish` would refuse of a batch that waits for its transaction. Raises the first row's error."""
        for queues, _ in self.router.routes(batch):
            if isinstance(queues, AmqpError):
                raise queues

    def transact(
        self, batches: list[Batch], settlements: list[tuple[list[Portion], int]], publisher: Publisher
    ) -> Position | None:
        """tx.commit: everything becomes one record, or (an exchange is gone) nothing happens and it raises."""
        placements = []
        ops: list[Op] = []
        taken: dict[int, int] = {}
        for batch in batches:
            placement = place(self.router.routes(batch), batch)
            if placement.error is not None:
                raise placement.error
            placements.append(placement)
            for op in placement.publish_ops():
                _shift(op, taken)
                ops.append(op)
            for queues, selection in placement.queues:
                for queue in queues:
                    taken[queue.id] = taken.get(queue.id, 0) + (len(batch) if selection is None else len(selection))
        for portions, kind in settlements:
            ops += settle_ops(portions, kind)
        position = self._broker.log.append(ops) if ops else None
        slow = False
        for placement in placements:
            slow |= placement.apply()
            if placement.returned is not None:
                publisher.returned(placement.batch, placement.returned)
        for portions, kind in settlements:
            self._apply_settled(portions, kind)
        if slow:
            publisher.slow_down()
        return position

    # -- messages out --------------------------------------------------------------------------------------------

    def get(self, name: str, *, no_ack: bool, owner: Hashable, consumer: Consumer) -> Got | Queue | None:
        """basic.get; `consumer` says which channel asks. A queue when its first message has to be read from disk: ask
        again when it is loaded (`Queue.when_loaded`).
        """
        queue = self.queue(name, owner)
        if queue.first_lane().head_stored:
            return queue
        taken = queue.take_one()
        if taken is None:
            return None
        extent, rows = taken
        getter = Consumer(consumer.tag, consumer.channel, no_ack=no_ack)
        getter.queue = queue
        getter.cancelled = True
        return Got(getter, extent, rows, queue.message_count)

    def got(self, got: Got) -> None:
        """A no_ack get was rendered: its message is settled now."""
        self.settle([(got.owner, got.extent, got.selection)], ACK)

    def consume(self, name: str, consumer: Consumer, *, owner: Hashable) -> None:
        """basic.consume. An exclusive consumer is alone on its queue."""
        queue = self.queue(name, owner)
        if queue.consumers and (consumer.exclusive or queue.consumers[0].exclusive):
            raise AccessRefused(f"{queue} in exclusive use")
        queue.add_consumer(consumer)

    def cancel(self, consumer: Consumer) -> None:
        """basic.cancel; what it has outstanding stays with its channel. The last takes an auto-delete queue along."""
        queue = consumer.queue
        if queue is None or consumer.cancelled:
            return
        queue.remove_consumer(consumer)
        if queue.auto_delete and not queue.consumers and not queue.deleted:
            self._delete(queue)

    def settle(self, portions: list[Portion], kind: int) -> None:
        """Acks, rejects and requeues (ACK, REJECT, REQUEUE), resolved to rows by the channel's ledger."""
        ops = settle_ops(portions, kind)
        if ops:
            self._broker.log.settle(ops)
        self._apply_settled(portions, kind)

    def _apply_settled(self, portions: list[Portion], kind: int) -> None:
        for consumer, extent, rows in portions:
            queue = consumer.queue
            assert queue is not None
            if not queue.deleted:
                lane = queue.lane_of(extent)
                if kind == REQUEUE:
                    lane.requeue(extent, rows)
                else:
                    lane.settle(extent, rows)
            if not consumer.no_ack:
                consumer.gave_back(len(rows))


def _one_queue_each(cells: Cells) -> bool:
    """Whether every row goes to one queue; then no two cells have the same, and nothing is returned or refused."""
    for queues, _ in cells:  # noqa: SIM110 (a generator costs more than what it looks at)
        if queues.__class__ is not tuple or len(queues) != 1:
            return False
    return True


def _shift(op: Publish, taken: dict[int, int]) -> None:
    """Earlier batches of the same record come first in the queue."""
    op.targets = [(queue, first + taken.get(queue, 0)) for queue, first in op.targets]
