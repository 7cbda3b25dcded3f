"""What a redeclaration must agree on with the object that is there (RabbitMQ "Queues", section Declaration and Property
Equivalence).
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final, NoReturn

from ..errors import PreconditionFailed

if TYPE_CHECKING:
    from ..wire.fields import Arguments
    from .exchange import Exchange
    from .queue import Queue

QUEUE_TYPE: Final = "x-queue-type"
CLASSIC: Final = "classic"

CLASSIC_ARGUMENTS: Final = (
    "x-expires",
    "x-message-ttl",
    "x-dead-letter-exchange",
    "x-dead-letter-routing-key",
    "x-max-length",
    "x-max-length-bytes",
    "x-max-priority",
    "x-overflow",
    "x-queue-mode",
    "x-queue-version",
    "x-single-active-consumer",
    QUEUE_TYPE,
    "x-queue-master-locator",
    "x-queue-leader-locator",
    "x-delivery-limit",
    "x-consumer-timeout",
)
"""What is compared, in RabbitMQ's order: the first that differs is named. The last two it has for quorum
queues only.
"""
EXCHANGE_ARGUMENTS: Final = ("alternate-exchange",)


def _shown(value: object) -> str:
    if value is None:
        return "none"
    return f"'{str(value).lower()}'" if isinstance(value, bool) else f"'{value}'"


def _refuse(name: str, thing: object, new: str, old: str) -> NoReturn:
    raise PreconditionFailed(f"inequivalent arg '{name}' for {thing}: received {new} but current is {old}")


def _require(name: str, thing: object, new: object, old: object) -> None:
    if new != old:
        _refuse(name, thing, _shown(new), _shown(old))


def _shown_argument(arguments: Arguments, name: str) -> str:
    if name not in arguments:
        return "none"
    return f"the value {_shown(arguments[name])} of type '{arguments.types[name]}'"


def _comparable(value: object) -> object:
    """Equal exactly when RabbitMQ takes two values for equal: integers of all widths are, integers and floats never."""
    return (type(value), value) if isinstance(value, bool | float | Decimal) else value


def _require_arguments(thing: object, new: Arguments, old: Arguments, known: tuple[str, ...]) -> None:
    for name in known:
        if name in new and name in old:
            if _comparable(new[name]) != _comparable(old[name]):
                _refuse(name, thing, _shown(new[name]), _shown(old[name]))
        elif name in new or name in old:
            given = new if name in new else old
            if (name, given[name]) != (QUEUE_TYPE, CLASSIC):
                _refuse(name, thing, _shown_argument(new, name), _shown_argument(old, name))


def require_same_queue(queue: Queue, durable: bool, auto_delete: bool, arguments: Arguments) -> None:
    """Raises PreconditionFailed. An exclusive queue is kept as transient, so either `durable` matches it."""
    if not queue.exclusive:
        _require("durable", queue, durable, queue.durable)
    _require("auto_delete", queue, auto_delete, queue.auto_delete)
    _require_arguments(queue, arguments, queue.arguments, CLASSIC_ARGUMENTS)


def require_same_exchange(
    exchange: Exchange, type: str, durable: bool, auto_delete: bool, internal: bool, arguments: Arguments
) -> None:
    """Raises PreconditionFailed."""
    _require("type", exchange, type, exchange.type)
    _require("durable", exchange, durable, exchange.durable)
    _require("auto_delete", exchange, auto_delete, exchange.auto_delete)
    _require("internal", exchange, internal, exchange.internal)
    _require_arguments(exchange, arguments, exchange.arguments, EXCHANGE_ARGUMENTS)
