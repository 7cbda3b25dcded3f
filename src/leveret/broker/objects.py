"""The objects of a virtual host: exchanges, queues and bindings; declaring, deleting, binding, and what each is refused
for.

Each change is decided here, becomes ops, goes to the log if it is durable, and is then applied (`applied`). Methods
raise AmqpError with RabbitMQ's texts and change nothing when they do. Those that change durable state return the log
position at which the change is on disk, or None when nothing has to be waited for.
"""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from ..authorize import EVERYTHING, READ, authorize, authorize_topic
from ..errors import AccessRefused, NotFound, PolicyError, PreconditionFailed, ResourceLocked
from ..wire.fields import Arguments
from ..wire.records import (
    Bind,
    DeclareExchange,
    DeclareQueue,
    DeleteExchange,
    DeletePolicy,
    DeleteQueue,
    ObjectOp,
    Op,
    PauseQueue,
    SetPolicy,
    Unbind,
)
from . import names
from .applied import Applied
from .arguments import refuse_queue_type, validate_queue_arguments
from .binding import Binding
from .delaying import store_name
from .equivalence import require_same_exchange, require_same_queue
from .exchange import exchange_kind, make_exchange
from .exchanges import DelayedMessageExchange, TopicExchange
from .parameters import MAX_QUEUES
from .queue import Queue
from .replies import NAME as REPLY_NAME
from .replies import is_reply_name

if TYPE_CHECKING:
    from collections.abc import Hashable

    from ..authorize import Rights
    from ..ports import Position
    from .binding import Destination
    from .exchange import Exchange


class QueueDeclared(NamedTuple):
    name: str
    message_count: int
    consumer_count: int
    position: Position | None


class QueueDeleted(NamedTuple):
    message_count: int
    position: Position | None


class Objects(Applied):
    """Exchanges, queues and bindings of one virtual host: what is done to them, and what is refused."""

    __slots__ = ()

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
        rights: Rights = EVERYTHING,
    ) -> Position | None:
        """exchange.declare. The default exchange is refused even when it is only looked up (RabbitMQ)."""
        name = names.clean(name)
        if not passive:
            exchange_kind(type)  # RabbitMQ's order: a type that is not there comes before anything about the name
        _refuse_default(name)
        authorize(rights, f"exchange.declare{' passive' if passive else ''}", self.name, exchange=name)
        if passive:
            self.exchange(name)
            return None
        existing = self.router.exchanges.get(name)
        if existing is not None:
            require_same_exchange(existing, type, durable, auto_delete, internal, arguments)
            return self._defined if durable else None
        op = DeclareExchange(
            self._broker.peek_id(), self.name, name, type, durable, auto_delete, internal, arguments.raw
        )
        names.refuse_reserved("exchange", name)
        alternate = arguments.get("alternate-exchange")
        if isinstance(alternate, str):
            authorize(rights, "exchange.declare with alternate-exchange", self.name, exchange=name, alternate=alternate)
        made = make_exchange(op)  # refuses bad arguments before anything is changed
        ops: list[ObjectOp] = [op]
        if isinstance(made, DelayedMessageExchange):
            ops.append(DeclareQueue(op.id + 1, self.name, store_name(name), durable, False, False, b""))
        return self._commit(ops)

    def delete_exchange(self, name: str, *, if_unused: bool = False, rights: Rights = EVERYTHING) -> Position | None:
        """exchange.delete. Deleting what is not there succeeds, unless it is under the broker's own prefix."""
        name = names.clean(name)
        _refuse_default(name)
        exchange = self.router.exchanges.get(name)
        if name.startswith(names.RESERVED_PREFIX):
            raise AccessRefused(f"deletion of system exchange '{name}' in vhost '{self.name}' not allowed")
        authorize(rights, "exchange.delete", self.name, exchange=name)
        if exchange is None:
            return None
        if if_unused and next(iter(self.router.bindings_from(exchange)), None) is not None:
            raise PreconditionFailed(f"exchange '{name}' in vhost '{self.name}' in use")
        return self._commit(self._deletions(exchange))

    def bind(
        self,
        source: str,
        destination: str,
        routing_key: str,
        arguments: Arguments,
        *,
        to_queue: bool,
        owner: Hashable,
        rights: Rights = EVERYTHING,
    ) -> Position | None:
        """queue.bind and exchange.bind. Binding twice is one binding."""
        found, target = self._ends(source, destination, routing_key, to_queue, rights)
        _require_access(target, owner)
        binding = Binding(found, target, routing_key, arguments)
        found.validate_binding(binding)
        if self.router.find(found, target, routing_key, arguments) is not None:
            return self._defined if found.durable and target.durable else None
        op = Bind(self.name, found.id, target.id, routing_key, arguments.raw)
        position = self._commit([op])
        return self._bound(found, target) or position

    def _bound(self, source: Exchange, destination: Destination) -> Position | None:
        """A binding was made, not for the first time when the log is replayed. What it publishes is durable when?"""
        raise NotImplementedError

    def unbind(
        self,
        source: str,
        destination: str,
        routing_key: str,
        arguments: Arguments,
        *,
        to_queue: bool,
        owner: Hashable,
        rights: Rights = EVERYTHING,
    ) -> Position | None:
        """queue.unbind and exchange.unbind. Removing what is not there, or from what is not there, succeeds."""
        try:
            found, target = self._ends(source, destination, routing_key, to_queue, rights)
        except NotFound:
            return None
        if self.router.find(found, target, routing_key, arguments) is None:
            return None
        _require_access(target, owner)
        ops: list[ObjectOp] = [Unbind(self.name, found.id, target.id, routing_key, arguments.raw)]
        if found.auto_delete and len(list(islice(self.router.bindings_from(found), 2))) == 1:
            ops += self._deletions(found)
        return self._commit(ops)

    def _ends(
        self, source: str, destination: str, routing_key: str, to_queue: bool, rights: Rights
    ) -> tuple[Exchange, Destination]:
        """What a binding binds. When both are missing, the source is named (RabbitMQ)."""
        source, destination = names.clean(source), names.clean(destination)
        if to_queue:
            authorize(rights, "queue.bind destination", self.name, queue=destination)
        else:
            authorize(rights, "exchange.bind destination", self.name, destination=destination)
        _refuse_default(source)
        if not to_queue:
            _refuse_default(destination)
        if to_queue and is_reply_name(destination):
            raise AccessRefused("cannot bind or unbind to a volatile (direct reply-to) queue")
        authorize(rights, "bind source", self.name, source=source)
        if isinstance(self.router.exchanges.get(source), TopicExchange):
            authorize_topic(rights, READ, self.name, source, routing_key)
        found = self.exchange(source)
        return found, self._queue(destination) if to_queue else self.exchange(destination)

    # -- queues --------------------------------------------------------------------------------------------------

    def queue(self, name: str, owner: Hashable) -> Queue:
        """Raises NotFound, or ResourceLocked when it is exclusive to another connection."""
        queue = self._queue(name)
        _require_access(queue, owner)
        return queue

    def _queue(self, name: str) -> Queue:
        queue = self.queues.get(names.clean(name))
        if queue is None:
            raise NotFound(f"no queue '{name}' in vhost '{self.name}'")
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
        rights: Rights = EVERYTHING,
        generated: bool = False,
    ) -> QueueDeclared:
        """queue.declare; without a name the broker makes one. `generated`: somebody else has done that."""
        name = names.clean(name)
        if is_reply_name(name):  # RabbitMQ: whatever is asked for, it is looked up
            if name != REPLY_NAME and not self.router.is_reachable(name):
                raise NotFound(f"no queue '{name}' in vhost '{self.name}'")
            return QueueDeclared(name, 0, 1, None)
        if passive:
            authorize(rights, "queue.declare passive", self.name, queue=name)
            return self._declared(self._used(self.queue(name, owner)), None)
        if not name:
            name = names.generate(self._broker.randomness)
        elif not generated:
            names.refuse_reserved("queue", name)  # RabbitMQ: also when it exists, as one that the broker named does
        authorize(rights, "queue.declare", self.name, queue=name)
        self._broker.churn.queue_declared += 1
        existing = self.queues.get(name)
        if existing is not None:
            if existing.owner is not (owner if exclusive else None):
                raise _locked(existing)
            require_same_queue(existing, durable, auto_delete, arguments)
            return self._declared(self._used(existing), self._defined if existing.durable else None)
        dead_letter_exchange = arguments.get("x-dead-letter-exchange")
        if isinstance(dead_letter_exchange, str):
            parts = {"queue": name, "dead_letter_exchange": dead_letter_exchange}
            authorize(rights, "queue.declare with x-dead-letter-exchange", self.name, **parts)
        limit = self._broker.parameters.vhost_limit(self.name, MAX_QUEUES)
        if limit is not None and len(self.queues) >= limit:
            raise PreconditionFailed(
                f"cannot declare queue '{name}': queue limit in vhost '{self.name}' ({limit}) is reached"
            )
        title = f"queue '{name}' in vhost '{self.name}'"
        if durable and not exclusive and not auto_delete and "x-queue-type" not in arguments:
            refuse_queue_type(title, self.definition.default_queue_type)
        validate_queue_arguments(title, arguments)
        op = DeclareQueue(
            self._broker.peek_id(),
            self.name,
            name,
            durable and not exclusive,
            auto_delete,
            exclusive,
            arguments.raw,
        )
        position = self._commit([op])
        self._broker.churn.queue_created += 1
        queue = self.queues[name]
        if exclusive:
            queue.owner = owner
            self._exclusive.setdefault(owner, {})[queue.id] = queue
        return self._declared(queue, position)

    @staticmethod
    def _used(queue: Queue) -> Queue:
        if queue.lease is not None:
            queue.lease.renew()
        return queue

    @staticmethod
    def _declared(queue: Queue, position: Position | None) -> QueueDeclared:
        return QueueDeclared(queue.name, queue.message_count, len(queue.consumers), position)

    def delete_queue(
        self,
        name: str,
        *,
        if_unused: bool = False,
        if_empty: bool = False,
        owner: Hashable = None,
        rights: Rights = EVERYTHING,
    ) -> QueueDeleted:
        """queue.delete. Deleting what is not there succeeds with 0 messages."""
        authorize(rights, "queue.delete", self.name, queue=names.clean(name))
        if names.clean(name) not in self.queues:
            return QueueDeleted(0, None)
        queue = self.queue(name, owner)
        if if_unused and queue.consumers:
            raise PreconditionFailed(f"{queue} in use")
        if if_empty and queue.message_count:
            raise PreconditionFailed(f"{queue} not empty")
        count = queue.message_count
        return QueueDeleted(count, self._delete(queue))

    def _delete(self, queue: Queue) -> Position | None:
        return self._commit(self._deletions(queue))

    def expire_queue(self, queue: Queue) -> None:
        """Nobody used it for as long as it may be unused."""
        if not queue.deleted:
            self._delete(queue)

    def release(self, owner: Hashable) -> None:
        """The connection is gone: its exclusive queues go with it."""
        for queue in self._exclusive.pop(owner, {}).values():
            if not queue.deleted:
                self._delete(queue)

    # -- policies ------------------------------------------------------------------------------------------------

    def set_policy(self, op: SetPolicy) -> Position | None:
        """Set a policy, or change the one with the same name. Raises PolicyError with RabbitMQ's text."""
        self.policies.validate(op)
        return self._commit([op])

    def clear_policy(self, name: str, *, operator: bool = False) -> Position | None:
        """Raises PolicyError when it is not there."""
        if self.policies.get(name, operator=operator) is None:
            raise PolicyError("Parameter does not exist")
        return self._commit([DeletePolicy(self.name, name, operator)])

    # -- ops -----------------------------------------------------------------------------------------------------

    def pause_queue(self, queue: Queue, paused: bool, rights: Rights = EVERYTHING) -> Position | None:
        """Deliver nothing from it, or go on; when that is on disk. Publishing goes on. Who may configure it may."""
        authorize(rights, "queue.pause", self.name, queue=queue.name)
        return None if queue.paused is paused else self._commit([PauseQueue(queue.id, self.name, paused)])

    def drop_queue(self, queue: Queue) -> None:
        """Delete it, whoever has it."""
        self._delete(queue)

    def drop_exchange(self, exchange: Exchange) -> None:
        """Delete it, whatever is bound to it."""
        self._commit(self._deletions(exchange))

    def _commit(self, ops: list[ObjectOp]) -> Position | None:
        kept: list[Op] = [op for op in ops if self._is_durable(op)]
        position = None
        if kept:
            position = self._defined = self._broker.log.append(kept)
        events = self._broker.events
        told = events.of_ops(ops) if events.wanted else ()
        for op in ops:
            self._broker.apply(op)
        for name, about in told:
            events.emit(name, about)
        return position

    def _is_durable(self, op: ObjectOp) -> bool:
        """Whether an op says something about an object that outlives the process; a binding does if both ends do."""
        match op:
            case DeclareExchange() | DeclareQueue():
                return op.durable
            case DeleteExchange() | DeleteQueue() | PauseQueue():
                return self.objects[op.id].durable
            case Bind() | Unbind():
                return self.objects[op.source].durable and self.objects[op.destination].durable
            case SetPolicy() | DeletePolicy():
                return True

    def _deletions(self, first: Destination) -> list[ObjectOp]:
        """Deleting an object takes along each auto-delete exchange that loses its last binding by it."""
        gone = {first.id}
        ops: list[ObjectOp] = []
        doomed: deque[Destination] = deque((first,))
        while doomed:
            target = doomed.popleft()
            delete = DeleteQueue if isinstance(target, Queue) else DeleteExchange
            ops.append(delete(target.id, self.name))
            if isinstance(target, DelayedMessageExchange) and target.store is not None:
                ops.append(DeleteQueue(target.store.id, self.name))
            for binding in self.router.bindings_to(target):
                source = binding.source
                if not source.auto_delete or source.id in gone:
                    continue
                if all(other.destination.id in gone for other in self.router.bindings_from(source)):
                    gone.add(source.id)
                    doomed.append(source)
        return ops


def _refuse_default(name: str) -> None:
    if name == names.DEFAULT_EXCHANGE:
        raise AccessRefused("operation not permitted on the default exchange")


def _require_access(target: Destination, owner: Hashable) -> None:
    """Raises ResourceLocked when it is a queue that is exclusive to another connection."""
    if isinstance(target, Queue) and target.exclusive and target.owner is not owner:
        raise _locked(target)


def _locked(queue: Queue) -> ResourceLocked:
    return ResourceLocked(
        f"cannot obtain exclusive access to locked {queue}. It could be originally declared on another connection or"
        " the exclusive property value does not match that of the original declaration."
    )
