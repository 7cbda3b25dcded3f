"""A virtual host: its exchanges and queues, and every operation on them.

Each change of durable state is decided here, becomes ops, goes to the log, and is then applied; recovery calls the same
`apply_*`. Methods raise AmqpError with RabbitMQ's texts and change nothing when they do. Those that change durable state
return the log position at which the change is on disk, or None when nothing has to be waited for.
"""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from ..errors import AccessRefused, AmqpError, NotFound, NotImplemented_, PreconditionFailed, ResourceLocked
from ..wire import ACK, PERSISTENT, REQUEUE, Batch, Extent, Selection
from ..wire.fields import Arguments
from ..wire.records import (
    ACKED,
    PURGED,
    REJECTED,
    Bind,
    DeclareExchange,
    DeclareQueue,
    DefinitionOp,
    DeleteExchange,
    DeleteQueue,
    Op,
    Publish,
    Settle,
    Unbind,
)
from . import names
from .binding import Binding
from .consumer import Consumer
from .equivalence import require_same_exchange, require_same_queue
from .exchange import make_exchange
from .placement import place
from .queue import Queue
from .routing import Router, predeclared

if TYPE_CHECKING:
    from collections.abc import Hashable

    from ..ports import Position, Publisher
    from .broker import Broker
    from .exchange import Exchange

    Portion = tuple[Consumer, Extent, Selection]
    Destination = Exchange | Queue


class QueueDeclared(NamedTuple):
    name: str
    message_count: int
    consumer_count: int
    position: Position | None


class QueueDeleted(NamedTuple):
    message_count: int
    position: Position | None


class QueuePurged(NamedTuple):
    message_count: int
    position: Position | None


class Got(NamedTuple):
    """One message for basic.get. `owner` is what the channel's ledger keeps for it; `message_count` is what stays ready."""

    owner: Consumer
    extent: Extent
    selection: Selection
    message_count: int


class VHost:
    """One virtual host of a broker."""

    __slots__ = ("_broker", "_exclusive", "name", "objects", "queues", "router")

    def __init__(self, broker: Broker, name: str) -> None:
        self._broker = broker
        self.name = name
        self.router = Router(name)
        self.queues: dict[str, Queue] = {}
        self.objects: dict[int, Destination] = {}
        """Exchanges and queues by their id."""
        self._exclusive: dict[Hashable, dict[int, Queue]] = {}
        for exchange in predeclared(name, broker.next_id):
            self.router.add(exchange)
            self.objects[exchange.id] = exchange

    # -- exchanges -----------------------------------------------------------------------------------------------

    def exchange(self, name: str) -> Exchange:
        """Raises NotFound."""
        exchange = self.router.exchanges.get(name)
        if exchange is None:
            raise NotFound(f"no exchange '{name}' in vhost '{self.name}'")
        return exchange

    def declare_exchange(
        self,
        name: str,
        type: str,
        *,
        passive: bool = False,
        durable: bool = False,
        auto_delete: bool = False,
        internal: bool = False,
        arguments: Arguments = Arguments.EMPTY,
    ) -> Position | None:
        """exchange.declare. The default exchange can only be looked up."""
        name = names.clean(name)
        if passive:
            self.exchange(name)
            return None
        _refuse_default(name)
        existing = self.router.exchanges.get(name)
        if existing is not None:
            require_same_exchange(existing, type, durable, auto_delete, internal, arguments)
            return None
        op = DeclareExchange(
            self._broker.peek_id(), self.name, name, type, durable, auto_delete, internal, arguments.raw
        )
        make_exchange(op)  # refuses an unknown type or bad arguments before anything is changed
        names.refuse_reserved("exchange", name)
        return self._commit([op], durable)

    def delete_exchange(self, name: str, *, if_unused: bool = False) -> Position | None:
        """exchange.delete. Deleting what is not there succeeds."""
        name = names.clean(name)
        _refuse_default(name)
        exchange = self.router.exchanges.get(name)
        if name.startswith(names.RESERVED_PREFIX):
            if exchange is not None:
                raise AccessRefused(f"deletion of system exchange '{name}' in vhost '{self.name}' not allowed")
        if exchange is None:
            return None
        if if_unused and next(iter(self.router.bindings_from(exchange)), None) is not None:
            raise PreconditionFailed(f"exchange '{name}' in vhost '{self.name}' in use")
        return self._commit(self._deletions(exchange))

    def bind(
        self, source: str, destination: str, routing_key: str, arguments: Arguments, *, to_queue: bool, owner: Hashable
    ) -> Position | None:
        """queue.bind and exchange.bind. Binding twice is one binding."""
        found, target = self._ends(source, destination, to_queue, owner)
        binding = Binding(found, target, routing_key, arguments)
        found.validate_binding(binding)
        if self.router.find(found, target, routing_key, arguments) is not None:
            return None
        op = Bind(self.name, found.id, target.id, routing_key, arguments.raw)
        return self._commit([op], found.durable and target.durable)

    def unbind(
        self, source: str, destination: str, routing_key: str, arguments: Arguments, *, to_queue: bool, owner: Hashable
    ) -> Position | None:
        """queue.unbind and exchange.unbind. Removing what is not there, or from what is not there, succeeds."""
        _refuse_default(names.clean(source))
        try:
            found, target = self._ends(source, destination, to_queue, owner)
        except NotFound:
            return None
        if self.router.find(found, target, routing_key, arguments) is None:
            return None
        op = Unbind(self.name, found.id, target.id, routing_key, arguments.raw)
        durable = found.durable and target.durable
        ops: list[DefinitionOp] = [op]
        if found.auto_delete and len(list(islice(self.router.bindings_from(found), 2))) == 1:
            ops += self._deletions(found)
        return self._commit(ops, durable)

    def _ends(
        self, source: str, destination: str, to_queue: bool, owner: Hashable
    ) -> tuple[Exchange, Destination]:
        source, destination = names.clean(source), names.clean(destination)
        _refuse_default(source)
        if not to_queue:
            _refuse_default(destination)
            target: Destination = self.exchange(destination)
        else:
            target = self.queue(destination, owner)
        return self.exchange(source), target

    # -- queues --------------------------------------------------------------------------------------------------

    def queue(self, name: str, owner: Hashable) -> Queue:
        """Raises NotFound, or ResourceLocked when it is exclusive to another connection."""
        queue = self.queues.get(names.clean(name))
        if queue is None:
            raise NotFound(f"no queue '{name}' in vhost '{self.name}'")
        if queue.exclusive and queue.owner is not owner:
            raise _locked(queue)
        return queue

    def declare_queue(
        self,
        name: str,
        *,
        passive: bool = False,
        durable: bool = False,
        exclusive: bool = False,
        auto_delete: bool = False,
        arguments: Arguments = Arguments.EMPTY,
        owner: Hashable = None,
    ) -> QueueDeclared:
        """queue.declare; without a name the broker makes one."""
        name = names.clean(name)
        if passive:
            return self._declared(self.queue(name, owner), None)
        existing = self.queues.get(name)
        if existing is not None:
            if existing.owner is not (owner if exclusive else None):
                raise _locked(existing)
            require_same_queue(existing, durable, auto_delete, arguments)
            return self._declared(existing, None)
        _refuse_other_types(name, self.name, arguments)
        if not name:
            name = names.generate(self._broker.randomness)
        else:
            names.refuse_reserved("queue", name)
        op = DeclareQueue(
            self._broker.peek_id(),
            self.name,
            name,
            durable and not exclusive,
            auto_delete,
            exclusive,
            arguments.raw,
        )
        position = self._commit([op], op.durable)
        queue = self.queues[name]
        if exclusive:
            queue.owner = owner
            self._exclusive.setdefault(owner, {})[queue.id] = queue
        return self._declared(queue, position)

    @staticmethod
    def _declared(queue: Queue, position: Position | None) -> QueueDeclared:
        return QueueDeclared(queue.name, queue.ready, len(queue.consumers), position)

    def delete_queue(
        self, name: str, *, if_unused: bool = False, if_empty: bool = False, owner: Hashable = None
    ) -> QueueDeleted:
        """queue.delete. Deleting what is not there succeeds with 0 messages."""
        if names.clean(name) not in self.queues:
            return QueueDeleted(0, None)
        queue = self.queue(name, owner)
        if if_unused and queue.consumers:
            raise PreconditionFailed(f"{queue} in use")
        if if_empty and queue.ready:
            raise PreconditionFailed(f"{queue} not empty")
        count = queue.ready
        return QueueDeleted(count, self._delete(queue))

    def _delete(self, queue: Queue) -> Position | None:
        return self._commit(self._deletions(queue))

    def purge_queue(self, name: str, *, owner: Hashable = None) -> QueuePurged:
        """queue.purge: ready messages go, outstanding ones stay."""
        queue = self.queue(name, owner)
        count = queue.ready
        drained = queue.drain_ready()
        ops: list[Op] = [op for extent, rows in drained if (op := _settle_op(queue, extent, rows, PURGED)) is not None]
        position = self._broker.log.append(ops) if ops else None
        for extent, rows in drained:
            queue.settle(extent, rows)
        return QueuePurged(count, position)

    def release(self, owner: Hashable) -> None:
        """The connection is gone: its exclusive queues go with it."""
        for queue in self._exclusive.pop(owner, {}).values():
            if not queue.deleted:
                self._delete(queue)

    # -- messages in ---------------------------------------------------------------------------------------------

    def publish(self, batch: Batch, publisher: Publisher, limit: int | None = None) -> None:
        """Route what one channel sent in one read, and tell the publisher what became of it, in order.

        With `limit` only that many rows are published. Raises the error of the first bad row after those before it are done.
        """
        placement = place(self.router, batch, limit)
        ops = placement.publish_ops()
        position = self._broker.log.append([*ops]) if ops else None
        placement.apply()
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
        """tx.commit: everything becomes one record, or (an exchange is gone meanwhile) nothing happens and it raises."""
        placements = []
        ops: list[Op] = []
        taken: dict[int, int] = {}
        for batch in batches:
            placement = place(self.router, batch)
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
            ops += _settle_ops(portions, kind)
        position = self._broker.log.append(ops) if ops else None
        for placement in placements:
            placement.apply()
            if placement.returned is not None:
                publisher.returned(placement.batch, placement.returned)
        for portions, kind in settlements:
            self._apply_settled(portions, kind)
        return position

    # -- messages out --------------------------------------------------------------------------------------------

    def get(self, name: str, *, no_ack: bool, owner: Hashable, consumer: Consumer) -> Got | None:
        """basic.get; `consumer` says which channel asks."""
        queue = self.queue(name, owner)
        taken = queue.take_one()
        if taken is None:
            return None
        extent, rows = taken
        getter = Consumer(consumer.tag, consumer.channel, no_ack=no_ack)
        getter.queue = queue
        getter.cancelled = True
        return Got(getter, extent, rows, queue.ready)

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
        """basic.cancel; what it has outstanding stays with its channel. The last one takes an auto-delete queue along."""
        queue = consumer.queue
        if queue is None or consumer.cancelled:
            return
        queue.remove_consumer(consumer)
        if queue.auto_delete and not queue.consumers and not queue.deleted:
            self._delete(queue)

    def settle(self, portions: list[Portion], kind: int) -> None:
        """Acks, rejects and requeues (ACK, REJECT, REQUEUE), resolved to rows by the channel's ledger."""
        ops = _settle_ops(portions, kind)
        if ops:
            self._broker.log.append(ops)
        self._apply_settled(portions, kind)

    def _apply_settled(self, portions: list[Portion], kind: int) -> None:
        for consumer, extent, rows in portions:
            queue = consumer.queue
            assert queue is not None
            if not queue.deleted:
                if kind == REQUEUE:
                    queue.requeue(extent, rows)
                else:
                    queue.settle(extent, rows)
            if not consumer.no_ack:
                consumer.gave_back(len(rows))

    # -- ops -----------------------------------------------------------------------------------------------------

    def _commit(self, ops: list[DefinitionOp], durable: bool = True) -> Position | None:
        kept: list[Op] = [op for op in ops if durable and self._is_durable(op)]
        position = self._broker.log.append(kept) if kept else None
        for op in ops:
            self._broker.apply(op)
        return position

    def _is_durable(self, op: DefinitionOp) -> bool:
        """Whether an op says something about an object that outlives the process."""
        if isinstance(op, DeleteExchange | DeleteQueue):
            return self.objects[op.id].durable
        return True

    def _deletions(self, first: Destination) -> list[DefinitionOp]:
        """Deleting an object takes along each auto-delete exchange that loses its last binding by it."""
        gone = {first.id}
        ops: list[DefinitionOp] = []
        doomed: deque[Destination] = deque((first,))
        while doomed:
            target = doomed.popleft()
            delete = DeleteQueue if isinstance(target, Queue) else DeleteExchange
            ops.append(delete(target.id, self.name))
            for binding in self.router.bindings_to(target):
                source = binding.source
                if not source.auto_delete or source.id in gone:
                    continue
                if all(other.destination.id in gone for other in self.router.bindings_from(source)):
                    gone.add(source.id)
                    doomed.append(source)
        return ops

    def apply_declare_exchange(self, op: DeclareExchange) -> None:
        exchange = make_exchange(op)
        self.router.add(exchange)
        self.objects[op.id] = exchange

    def apply_delete_exchange(self, op: DeleteExchange) -> None:
        exchange = self.objects.pop(op.id)
        assert not isinstance(exchange, Queue)
        self.router.remove(exchange)

    def apply_declare_queue(self, op: DeclareQueue) -> None:
        queue = Queue(
            op.id,
            self.name,
            op.name,
            durable=op.durable,
            exclusive=op.exclusive,
            auto_delete=op.auto_delete,
            arguments=Arguments(op.arguments),
            owner=None,
            activate=self._broker.activate,
            settled=self._settled_unseen,
        )
        self.queues[op.name] = queue
        self.objects[op.id] = queue
        self.router.queue_added(queue)

    def apply_delete_queue(self, op: DeleteQueue) -> None:
        queue = self.objects.pop(op.id)
        assert isinstance(queue, Queue)
        queue.deleted = True
        del self.queues[queue.name]
        if queue.owner is not None and queue.owner in self._exclusive:
            self._exclusive[queue.owner].pop(queue.id, None)
        self.router.queue_removed(queue)
        self.router.remove_destination(queue)
        for consumer in [*queue.consumers]:
            queue.remove_consumer(consumer)
            consumer.channel.cancelled(consumer)
        queue.discard()

    def apply_bind(self, op: Bind) -> None:
        source = self.objects[op.source]
        assert not isinstance(source, Queue)
        self.router.bind(Binding(source, self.objects[op.destination], op.routing_key, Arguments(op.arguments)))

    def apply_unbind(self, op: Unbind) -> None:
        source = self.objects[op.source]
        assert not isinstance(source, Queue)
        self.router.unbind(Binding(source, self.objects[op.destination], op.routing_key, Arguments(op.arguments)))

    def apply_publish(self, op: Publish) -> None:
        """Recovery: what durable queues kept of a batch."""
        for id, first in op.targets:
            queue = self.objects.get(id)
            if not isinstance(queue, Queue):
                continue
            rows = _rows(op)
            offsets = rows if op.offsets is None else op.offsets
            for at, offset in enumerate(offsets):
                queue.skip_to(first + (at if op.offsets is None else offset))
                queue.append(op.batch, Selection.range(rows[at], rows[at] + 1))

    def apply_settle(self, op: Settle) -> None:
        """Recovery: messages that were done with."""
        queue = self.objects.get(op.queue)
        assert isinstance(queue, Queue)
        queue.settle_numbers([op.base + row for row in op.selection])

    def _settled_unseen(self, queue: Queue, extent: Extent, rows: Selection) -> None:
        """no_ack consumers took these rows: gone from the log too."""
        op = _settle_op(queue, extent, rows, ACKED)
        if op is not None:
            self._broker.log.append([op])


def _rows(op: Publish) -> Selection:
    return Selection.range(0, len(op.batch)) if op.selection is None else op.selection


def _shift(op: Publish, taken: dict[int, int]) -> None:
    """Earlier batches of the same record come first in the queue."""
    op.targets = [(queue, first + taken.get(queue, 0)) for queue, first in op.targets]


def _settle_op(queue: Queue, extent: Extent, rows: Selection, reason: int) -> Settle | None:
    """The op for settled rows: of a durable queue, persistent ones."""
    if not queue.durable or queue.deleted or not extent.features & PERSISTENT:
        return None
    kept = extent.select_persistent(rows)
    return Settle(queue.id, extent.base, kept, reason) if len(kept) else None


def _settle_ops(portions: list[Portion], kind: int) -> list[Op]:
    if kind == REQUEUE:
        return []
    reason = ACKED if kind == ACK else REJECTED
    ops: list[Op] = []
    for consumer, extent, rows in portions:
        assert consumer.queue is not None
        op = _settle_op(consumer.queue, extent, rows, reason)
        if op is not None:
            ops.append(op)
    return ops


def _refuse_default(name: str) -> None:
    if name == names.DEFAULT_EXCHANGE:
        raise AccessRefused("operation not permitted on the default exchange")


def _refuse_other_types(name: str, vhost: str, arguments: Arguments) -> None:
    if "x-queue-type" in arguments and (type := arguments["x-queue-type"]) != "classic":
        raise NotImplemented_(f"queue type '{type}' of queue '{name}' in vhost '{vhost}' is not implemented")


def _locked(queue: Queue) -> ResourceLocked:
    return ResourceLocked(
        f"cannot obtain exclusive access to locked {queue}. It could be originally declared on another connection or the"
        " exclusive property value does not match that of the original declaration."
    )
