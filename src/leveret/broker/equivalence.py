"""What a redeclaration must agree on with the object that is there (RabbitMQ "Queues", section Declaration and Property
Equivalence).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..errors import PreconditionFailed

if TYPE_CHECKING:
    from ..wire.fields import Arguments
    from .exchange import Exchange
    from .queue import Queue

CLASSIC_ARGUMENTS: Final = (
    "x-dead-letter-exchange",
    "x-dead-letter-routing-key",
    "x-expires",
    "x-max-length",
    "x-max-length-bytes",
    "x-max-priority",
    "x-message-ttl",
    "x-overflow",
    "x-queue-mode",
    "x-queue-type",
    "x-queue-version",
    "x-single-active-consumer",
)
EXCHANGE_ARGUMENTS: Final = ("alternate-exchange",)


def _shown(value: object) -> str:
    return f"'{str(value).lower()}'" if isinstance(value, bool) else f"'{value}'"


def _require(name: str, thing: object, new: object, old: object) -> None:
    if new != old:
        raise PreconditionFailed(
            f"inequivalent arg '{name}' for {thing}: received {_shown(new)} but current is {_shown(old)}"
        )


def _shown_argument(arguments: Arguments, name: str) -> str:
    if name not in arguments:
        return "none"
    value = arguments[name]
    shown = str(value).lower() if isinstance(value, bool) else value
    return f"the value '{shown}' of type '{arguments.types[name]}'"


def _type_class(arguments: Arguments, name: str) -> object:
    """A value with its class of types: integers of all widths are one class, floats another."""
    if name not in arguments:
        return "classic" if name == "x-queue-type" else None
    value = arguments[name]
    return ("bool", value) if isinstance(value, bool) else value


def _require_arguments(thing: object, new: Arguments, old: Arguments, known: tuple[str, ...]) -> None:
    for name in known:
        if _type_class(new, name) != _type_class(old, name):
            raise PreconditionFailed(
                f"inequivalent arg '{name}' for {thing}: received {_shown_argument(new, name)}"
                f" but current is {_shown_argument(old, name)}"
            )


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
