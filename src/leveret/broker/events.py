"""Events: what happens to objects, connections and users, as messages of the exchange `amq.rabbitmq.event` (RabbitMQ
plugin rabbitmq_event_exchange).

The routing key is the event's name, the headers tell about it, the body is empty. As long as nothing is bound to the
exchange nothing is made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..wire.definitions import (
    ClearParameter,
    ClearPermission,
    ClearTopicPermission,
    DeleteUser,
    DeleteVHost,
    SetParameter,
    SetPermission,
    SetTopicPermission,
    SetUser,
    SetVHost,
)
from ..wire.fields import Arguments, Long, Timestamp, decode_table
from ..wire.properties import Properties
from ..wire.records import (
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
from .exchanges import TopicExchange

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from ..wire.fields import Value
    from ..wire.records import DefinitionOp, ObjectOp
    from .binding import Binding, Destination
    from .broker import Broker
    from .consumer import Consumer
    from .objects import Objects

NAME: Final = "amq.rabbitmq.event"
VHOST: Final = "/"
NODE: Final = "leveret"
"""What the node is called in events and traces."""
_ID: Final = 0
"""Of the exchange in the log; other ids begin with 1."""


class Events:
    """One per broker; to be made when it has its virtual host."""

    __slots__ = ("_bindings", "_broker", "_exchange", "listeners")

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self.listeners: dict[Callable[[str, Mapping[str, Value]], None], None] = {}
        """Told of every event, beside the exchange."""
        self._bindings: Collection[Binding] = ()
        broker.alarms.on_change = self._alarm

    def attach(self, vhost: Objects) -> None:
        """A virtual host is new: the default one has the exchange."""
        if vhost.name == VHOST:
            self._exchange = TopicExchange(_ID, VHOST, NAME, durable=True, internal=True)
            vhost.router.add(self._exchange)
            self._broker.objects[_ID] = self._exchange
            self._bindings = vhost.router.bindings_from(self._exchange)

    def detach(self, vhost: Objects) -> None:
        """A virtual host is gone."""
        if vhost.name == VHOST:
            self._bindings = ()

    @property
    def wanted(self) -> bool:
        """Whether anything is bound to the exchange, or anybody listens."""
        return len(self._bindings) > 0 or len(self.listeners) > 0

    def _alarm(self, resource: str, is_short: bool) -> None:
        if self.wanted:
            self.emit("alarm.set" if is_short else "alarm.cleared", {"source": resource, "node": NODE})

    def emit(self, name: str, about: Mapping[str, Value]) -> None:
        """This happened. Ask first whether it is `wanted`. Its own integers are 64 bits wide, as in RabbitMQ."""
        for listener in [*self.listeners]:
            listener(name, about)
        if not self._bindings:
            return
        now_ms = self._broker.clock.wall_ms()
        told = {key: Long(value) if type(value) is int else value for key, value in about.items()}
        headers = {"timestamp_in_ms": Long(now_ms), **told}
        properties = Properties(headers=headers, delivery_mode=2, timestamp=Timestamp(now_ms // 1000))
        self._broker.notices.add(self._exchange, name, properties)

    def of_ops(self, ops: list[ObjectOp]) -> list[tuple[str, dict[str, Value]]]:
        """What these ops are going to do, in the order in which RabbitMQ tells it: to be emitted when it is done."""
        found: list[tuple[str, dict[str, Value]]] = []
        gone: dict[Binding, None] = {}
        for op in ops:
            if isinstance(op, DeleteQueue | DeleteExchange) and (target := self._broker.objects.get(op.id)) is not None:
                router = self._broker.vhosts[op.vhost].router
                dropped = [*router.bindings_to(target)]
                if isinstance(op, DeleteExchange):
                    dropped += router.bindings_from(target)  # type: ignore[arg-type]
                    found.append(("exchange.deleted", _about(target)))
                else:
                    found += [("consumer.deleted", about_consumer(consumer)) for consumer in target.consumers]  # type: ignore[union-attr]
                    found.append(("queue.deleted", _about(target)))
                found += [("binding.deleted", _about_binding(each)) for each in dropped if each not in gone]
                gone.update(dict.fromkeys(dropped))
            else:
                found += self.of_op(op)
        return found

    def of_op(self, op: DefinitionOp) -> list[tuple[str, dict[str, Value]]]:
        """What this op is going to do; for a deletion of an object see `of_ops`."""
        match op:
            case DeclareExchange():
                about: dict[str, Value] = {"name": op.name, "vhost": op.vhost, "type": op.type, "durable": op.durable}
                about |= {
                    "auto_delete": op.auto_delete,
                    "internal": op.internal,
                    "arguments": decode_table(op.arguments),
                }
                return [("exchange.created", about)]
            case DeclareQueue():
                about = {"name": op.name, "vhost": op.vhost, "durable": op.durable, "auto_delete": op.auto_delete}
                about |= {"exclusive": op.exclusive, "arguments": decode_table(op.arguments)}
                return [("queue.created", about | {"type": "classic"})]
            case Bind() | Unbind():
                source, destination = self._broker.objects[op.source], self._broker.objects[op.destination]
                about = _binding(source, destination, op.routing_key, Arguments(op.arguments))
                return [("binding.created" if isinstance(op, Bind) else "binding.deleted", about)]
            case SetPolicy():
                about = {"name": op.name, "vhost": op.vhost, "pattern": op.pattern, "apply-to": op.apply_to}
                about |= {"priority": op.priority, "definition": op.definition}
                return [("policy.set", about)]
            case PauseQueue():
                queue = self._broker.objects[op.id]
                return [("queue.paused" if op.paused else "queue.resumed", {"name": queue.name, "vhost": op.vhost})]
            case DeletePolicy():
                return [("policy.cleared", {"name": op.name, "vhost": op.vhost})]
            case SetVHost():
                return [] if op.name in self._broker.vhosts else [("vhost.created", {"name": op.name})]
            case DeleteVHost():
                return [("vhost.deleted", {"name": op.name})]
            case SetUser():
                return [("user.created", {"name": op.name})]
            case DeleteUser():
                return [("user.deleted", {"name": op.name})]
            case SetPermission():
                about = {"user": op.user, "vhost": op.vhost}
                about |= {"configure": op.configure, "write": op.write, "read": op.read}
                return [("permission.created", about)]
            case ClearPermission():
                return [("permission.deleted", {"user": op.user, "vhost": op.vhost})]
            case SetTopicPermission():
                about = {"user": op.user, "vhost": op.vhost, "exchange": op.exchange}
                return [("topic.permission.created", about | {"write": op.write, "read": op.read})]
            case ClearTopicPermission():
                about = {"user": op.user, "vhost": op.vhost}
                return [
                    ("topic.permission.deleted", about | ({} if op.exchange is None else {"exchange": op.exchange}))
                ]
            case SetParameter():
                return [("parameter.set", {"component": op.component, "name": op.name, "vhost": op.vhost})]
            case ClearParameter():
                return [("parameter.cleared", {"component": op.component, "name": op.name, "vhost": op.vhost})]
            case _:
                return []


def about_consumer(consumer: Consumer) -> dict[str, Value]:
    """What is told when it comes and goes."""
    queue = consumer.queue
    assert queue is not None
    return {
        "consumer_tag": consumer.tag,
        "queue": queue.name,
        "vhost": queue.vhost,
        "exclusive": consumer.exclusive,
        "ack_required": not consumer.no_ack,
        "prefetch_count": consumer.prefetch,
        "arguments": dict(consumer.arguments),
    }


def _about(target: Destination) -> dict[str, Value]:
    return {"name": target.name, "vhost": target.vhost}


def _about_binding(binding: Binding) -> dict[str, Value]:
    return _binding(binding.source, binding.destination, binding.routing_key, binding.arguments)


def _binding(source: Destination, destination: Destination, routing_key: str, arguments: Arguments) -> dict[str, Value]:
    return {
        "source_name": source.name,
        "source_kind": "exchange",
        "destination_name": destination.name,
        "destination_kind": "queue" if destination.is_queue else "exchange",
        "routing_key": routing_key,
        "arguments": dict(arguments),
        "vhost": source.vhost,
    }
