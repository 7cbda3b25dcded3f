"""Export: what a broker has, as a definition file. Exclusive queues, what the broker itself makes, and messages are not
in it, as with RabbitMQ.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..broker.names import is_reserved
from . import definitions as file

if TYPE_CHECKING:
    from ..access.accounts import Accounts
    from ..broker.binding import Destination
    from ..broker.broker import Broker
    from ..broker.vhost import VHost
    from ..wire.fields import Arguments


def export(broker: Broker, accounts: Accounts, vhost: str | None = None) -> file.Definitions:
    """Of the whole broker, or of one virtual host (which is there): then without users and permissions."""
    going = exporting(broker, accounts, vhost)
    while True:
        try:
            next(going)
        except StopIteration as end:
            told: file.Definitions = end.value
            return told


def exporting(broker: Broker, accounts: Accounts, vhost: str | None = None) -> Generator[None, None, file.Definitions]:
    """The same; it pauses after every object. What comes or goes meanwhile may be in it or not."""
    told = file.Definitions()
    if vhost is None:
        yield from _tell_users(told, accounts)
        told.vhosts = [_vhost(each) for each in broker.vhosts.values()]
        told.global_parameters = [
            file.GlobalParameter(op.name, op.value) for op in broker.parameters.all() if not op.vhost
        ]
    else:
        told.rabbitmq_definition_format = "single_virtual_host"
        told.original_vhost_name = vhost
    for each in [*broker.vhosts.values()] if vhost is None else [broker.vhosts[vhost]]:
        yield from _tell_vhost(told, broker, each, each.name if vhost is None else None)
    return told


def _tell_users(told: file.Definitions, accounts: Accounts) -> Iterator[None]:
    for user in [*accounts.users.values()]:
        yield
        told.users.append(
            file.User(
                user.name,
                password_hash=user.password_hash,
                hashing_algorithm=user.hashing,
                tags=[*user.tags],
                limits={**accounts.limits(user.name)},
            )
        )
        for may in accounts.permissions(user.name).values():
            told.permissions.append(file.Permission(user.name, may.configure, may.write, may.read, may.vhost))
        for topics in accounts.topic_permissions(user.name).values():
            told.topic_permissions.append(
                file.TopicPermission(user.name, topics.exchange, topics.write, topics.read, topics.vhost)
            )


def _vhost(vhost: VHost) -> file.VHost:
    said = vhost.definition
    metadata: dict[str, Any] = {"description": said.description, "tags": [*said.tags]}
    queue_type = said.default_queue_type or "classic"
    metadata["default_queue_type"] = queue_type
    return file.VHost(said.name, said.description, [*said.tags], queue_type, said.protected, metadata)


def _tell_vhost(told: file.Definitions, broker: Broker, vhost: VHost, name: str | None) -> Iterator[None]:
    """Without a name queues, exchanges and bindings do not say where they are; the others do (RabbitMQ)."""
    for parameter in broker.parameters.all():
        if parameter.vhost == vhost.name:
            told.parameters.append(file.Parameter(parameter.component, parameter.name, parameter.value, vhost.name))
    for policy in vhost.policies.all():
        op = policy.op
        if op.operator:
            value = {
                "pattern": op.pattern,
                "definition": op.definition,
                "priority": op.priority,
                "apply-to": op.apply_to,
            }
            told.parameters.append(file.Parameter("operator_policy", op.name, value, vhost.name))
        else:
            told.policies.append(file.Policy(op.name, op.pattern, op.definition, op.priority, op.apply_to, vhost.name))
    for queue in [*vhost.queues.values()]:
        yield
        if not queue.exclusive:
            arguments = plain_arguments(queue.arguments)
            told.queues.append(
                file.Queue(queue.name, queue.durable, queue.auto_delete, arguments, queue_type(arguments), name)
            )
    for exchange in [*vhost.router.exchanges.values()]:
        yield
        if not is_reserved(exchange.name):
            told.exchanges.append(
                file.Exchange(
                    exchange.name,
                    exchange.type,
                    exchange.durable,
                    exchange.auto_delete,
                    exchange.internal,
                    plain_arguments(exchange.arguments),
                    name,
                )
            )
    for exchange in [*vhost.router.exchanges.values()]:
        for binding in [*vhost.router.bindings_from(exchange)] if exchange.name in vhost.router.exchanges else ():
            yield
            if _is_told(binding.destination):
                told.bindings.append(
                    file.Binding(
                        exchange.name,
                        binding.destination.name,
                        binding.destination_type,
                        binding.routing_key,
                        plain_arguments(binding.arguments),
                        name,
                    )
                )


def _is_told(target: Destination) -> bool:
    """A destination that a file can name: what the broker makes is there after an import as well."""
    return not getattr(target, "exclusive", False)


def queue_type(arguments: Mapping[str, Any]) -> str:
    """As RabbitMQ says it beside the arguments."""
    found = arguments.get("x-queue-type", "classic")
    return found if isinstance(found, str) else "classic"


def plain_arguments(arguments: Arguments) -> dict[str, Any]:
    return {plain(name): plain(value) for name, value in arguments.items()}


def plain(value: Any) -> Any:
    """As JSON has it; letters that are none are replaced: a message's properties may have any bytes."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode(errors="surrogateescape").decode(errors="replace")
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, Mapping):
        return {plain(name): plain(each) for name, each in value.items()}
    if isinstance(value, Sequence):
        return [plain(each) for each in value]
    return value if value is None or isinstance(value, bool | float) else int(value)
