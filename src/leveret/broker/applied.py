"""The objects of a virtual host as ops make them: after the log has them, and again in recovery.

Nothing is refused here: that an op is right was decided before it was written (`objects`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..wire.fields import Arguments
from ..wire.records import (
    ACKED,
    Bind,
    DeclareExchange,
    DeclareQueue,
    DeleteExchange,
    DeletePolicy,
    DeleteQueue,
    PauseQueue,
    SetPolicy,
    Unbind,
)
from .binding import Binding
from .counts import Counts
from .delaying import DelayStore, exchange_of
from .exchange import make_exchange
from .exchanges import DelayedMessageExchange
from .levels import max_priority
from .policies import Policies
from .predeclared import predeclared
from .queue import Queue
from .reapplying import configure_exchange, configure_queue
from .routing import Router
from .settlement import settle_op

if TYPE_CHECKING:
    from collections.abc import Hashable

    from ..ports import Position
    from ..wire import Extent, Selection
    from ..wire.definitions import SetVHost
    from .binding import Destination
    from .broker import Broker
    from .lane import Lane
    from .tracing import Tracer


class Applied:
    """Exchanges, queues, bindings and policies of one virtual host, as ops made them."""

    __slots__ = (
        "_broker",
        "_defined",
        "_exclusive",
        "closing",
        "counts",
        "definition",
        "name",
        "objects",
        "policies",
        "queues",
        "router",
        "tracer",
    )

    def __init__(self, broker: Broker, definition: SetVHost) -> None:
        self._broker = broker
        self.definition = definition
        """What is said of it."""
        self.name = name = definition.name
        self.closing = False
        """It is being deleted: nobody opens it any more."""
        self.router = Router(name, broker.randomness)
        self.queues: dict[str, Queue] = {}
        self.policies = Policies()
        self.counts = Counts()
        """What is published here, and what queues counted that are gone."""
        self.tracer: Tracer | None = None
        """While what is published and delivered is traced."""
        self.objects: dict[int, Destination] = broker.objects
        """Exchanges and queues by their id, also those of other virtual hosts."""
        self._exclusive: dict[Hashable, dict[int, Queue]] = {}
        self._defined: Position | None = None
        """The newest record about objects: who finds a durable one there waits until it is durable, too."""
        for exchange in predeclared(name, definition.first_id):
            self.router.add(exchange)
            self.objects[exchange.id] = exchange

    def defined(self, position: Position) -> None:
        """Objects were declared by this record."""
        self._defined = position

    def discard(self) -> None:
        """The virtual host is gone, with all that is left in it."""
        for queue in [*self.queues.values()]:
            self.apply_delete_queue(DeleteQueue(queue.id, self.name))
        for exchange in [*self.router.exchanges.values()]:
            if (store := getattr(exchange, "store", None)) is not None:
                self.apply_delete_queue(DeleteQueue(store.id, self.name))
            self.apply_delete_exchange(DeleteExchange(exchange.id, self.name))

    def apply_declare_exchange(self, op: DeclareExchange) -> None:
        exchange = make_exchange(op)
        configure_exchange(exchange, self.policies)
        self.router.add(exchange)
        self.objects[op.id] = exchange

    def apply_delete_exchange(self, op: DeleteExchange) -> None:
        exchange = self.objects.pop(op.id)
        assert not isinstance(exchange, Queue)
        self._broker.recorded_bytes -= exchange.kept_bytes
        self.router.remove(exchange)

    def apply_declare_queue(self, op: DeclareQueue) -> int:
        """The last of its ids."""
        arguments = Arguments(op.arguments)
        delayed = exchange_of(op.name)
        queue = (Queue if delayed is None else DelayStore)(
            op.id,
            self.name,
            op.name,
            durable=op.durable,
            exclusive=op.exclusive,
            auto_delete=op.auto_delete,
            arguments=arguments,
            owner=None,
            activate=self._broker.activate,
            settled=self._settled_unseen,
            pager=self._broker.pager,
            upkeep=self._broker.upkeep,
            max_priority=max_priority(arguments),
        )
        self.objects[op.id] = queue
        self._broker.lanes.update({lane.id: lane for lane in queue.lanes})
        if isinstance(queue, DelayStore):
            queue.configure(queue.settings)
            exchange = self.router.exchanges.get(delayed or "")
            if isinstance(exchange, DelayedMessageExchange):
                exchange.store = queue
            return queue.id
        configure_queue(queue, self.policies)
        self.queues[op.name] = queue
        self.router.queue_added(queue)
        return queue.lanes[-1].id

    def apply_pause_queue(self, op: PauseQueue) -> None:
        queue = self.objects[op.id]
        assert isinstance(queue, Queue)
        queue.pause(op.paused)

    def apply_delete_queue(self, op: DeleteQueue) -> None:
        queue = self.objects.pop(op.id)
        assert isinstance(queue, Queue)
        for lane in queue.lanes:
            lane.deleted = True
            del self._broker.lanes[lane.id]
        self._broker.upkeep.gone(queue)
        if isinstance(queue, DelayStore):
            queue.forget_all()
            return
        self.counts.add(queue.counts)
        self._broker.churn.queue_deleted += 1
        del self.queues[queue.name]
        if queue.owner is not None:
            if queue.owner in self._exclusive:
                self._exclusive[queue.owner].pop(queue.id, None)
            queue.owner = None  # publishers may remember the queue for long: not the connection as well
        self.router.queue_removed(queue)
        self.router.remove_destination(queue)
        for consumer in [*queue.consumers]:
            queue.remove_consumer(consumer)
            consumer.channel.cancelled(consumer)
        queue.forget_all()

    def apply_bind(self, op: Bind) -> None:
        source = self.objects[op.source]
        assert not isinstance(source, Queue)
        self.router.bind(Binding(source, self.objects[op.destination], op.routing_key, Arguments(op.arguments)))

    def apply_unbind(self, op: Unbind) -> None:
        source = self.objects[op.source]
        assert not isinstance(source, Queue)
        self.router.unbind(Binding(source, self.objects[op.destination], op.routing_key, Arguments(op.arguments)))

    def apply_set_policy(self, op: SetPolicy) -> None:
        self.policies.set(op)
        self._broker.reapplying.begin(self)

    def apply_delete_policy(self, op: DeletePolicy) -> None:
        self.policies.remove(op.name, operator=op.operator)
        self._broker.reapplying.begin(self)

    def _settled_unseen(self, lane: Lane, extent: Extent, rows: Selection) -> None:
        """no_ack consumers took these rows: gone from the log too."""
        op = settle_op(lane, extent, rows, ACKED)
        if op is not None:
            self._broker.log.settle([op])
