"""The arguments of queues and consumers, and what each is refused for (RabbitMQ page "Queues", section Optional
Arguments; "Consumers", section Arguments).

Arguments that nobody knows are kept and have no effect. The texts name what is wrong as Erlang shows it, for that is
what RabbitMQ's clients read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..errors import NotImplemented_, PreconditionFailed
from ..limits import EXPIRY_MAX_MS, PRIORITY_MAX
from .equivalence import CLASSIC, QUEUE_TYPE
from .levels import MAX_PRIORITY
from .settings import OVERFLOWS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..wire.fields import Arguments

    _Check = Callable[[Arguments, str], str | None]
    """Of (arguments, name of one that is there); says what is wrong with it."""

DEAD_LETTER_EXCHANGE: Final = "x-dead-letter-exchange"
PRIORITY: Final = "x-priority"
CONSUMER_TIMEOUT: Final = "x-consumer-timeout"

_OTHER_TYPES: Final = ("quorum", "stream")
"""RabbitMQ's queue types that are not there."""
LOCATORS: Final = ("client-local", "balanced", "random", "least-leaders", "min-masters")
"""Where a queue's leader may be; on one node it is there anyway."""
QUEUE_MODES: Final = ("default", "lazy")
QUEUE_VERSION: Final = 2
"""The only one that RabbitMQ 4.3 knows."""
_INTEGERS: Final = frozenset({"byte", "unsignedbyte", "short", "unsignedshort", "signedint", "unsignedint", "long"})

_OTHER_QUEUE_ARGUMENTS: Final = frozenset(
    {
        "x-consumer-disconnected-timeout",
        "x-dead-letter-strategy",
        "x-delayed-retry-max",
        "x-delayed-retry-min",
        "x-delayed-retry-type",
        "x-initial-cluster-size",
        "x-max-age",
        "x-max-in-memory-bytes",
        "x-max-in-memory-length",
        "x-quorum-initial-group-size",
        "x-stream-filter-size-bytes",
        "x-stream-max-segment-size-bytes",
    }
)
"""Those of quorum queues and streams; classic queues refuse them."""
_OTHER_CONSUMER_ARGUMENTS: Final = frozenset({"x-stream-filter", "x-stream-match-unfiltered", "x-stream-offset"})


def erlang_string(text: str) -> str:
    """A list of characters as Erlang shows it: quoted, or as numbers if one is beyond Latin 1."""
    if any(letter > "\xff" for letter in text):
        return f"[{','.join(str(ord(letter)) for letter in text)}]"
    return '"' + "".join(f"\\{letter}" if letter in '"\\' else letter for letter in text) + '"'


def validate_queue_arguments(queue: object, arguments: Arguments) -> None:
    """The arguments of a new queue; `queue` is how texts name it.

    Raises PreconditionFailed for what RabbitMQ refuses, NotImplemented_ for a queue type that is not there.
    """
    if not arguments:
        return
    if DEAD_LETTER_EXCHANGE in arguments and (type := arguments.types[DEAD_LETTER_EXCHANGE]) != "longstr":
        raise PreconditionFailed(f"invalid type '{type}' for arg '{DEAD_LETTER_EXCHANGE}' in {queue}")
    _validate(queue, arguments, {QUEUE_TYPE: _check_queue_type})
    refuse_queue_type(queue, arguments.get(QUEUE_TYPE, CLASSIC))
    _validate(queue, arguments, _QUEUE_CHECKS)
    _refuse(queue, arguments, _OTHER_QUEUE_ARGUMENTS)


def refuse_queue_type(queue: object, type: object) -> None:
    """Raises NotImplemented_ for a queue type that is not there."""
    if type in _OTHER_TYPES:
        raise NotImplemented_(f"{queue} of type '{type}': only classic queues are implemented")


def validate_consume_arguments(queue: object, arguments: Arguments) -> None:
    """The arguments of basic.consume on a classic queue. Raises PreconditionFailed."""
    if not arguments:
        return
    _validate(queue, arguments, _CONSUMER_CHECKS)
    _refuse(queue, arguments, _OTHER_CONSUMER_ARGUMENTS)


def _validate(queue: object, arguments: Arguments, checks: Mapping[str, _Check]) -> None:
    for name, check in checks.items():
        if name in arguments:
            problem = check(arguments, name)
            if problem is not None:
                raise PreconditionFailed(f"invalid arg '{name}' for {queue}: {problem}")


def _refuse(queue: object, arguments: Arguments, others: frozenset[str]) -> None:
    for name in arguments:
        if name in others:
            raise PreconditionFailed(f"invalid arg '{name}' for {queue} of queue type rabbit_classic_queue")


# -- what is wrong with one argument -----------------------------------------------------------------------------


def _check_integer(arguments: Arguments, name: str) -> str | None:
    type = arguments.types[name]
    return None if type in _INTEGERS else erlang_string(f"expected integer, got {type}")


def _number(arguments: Arguments, name: str) -> int:
    """After `_check_integer`."""
    value = arguments[name]
    assert isinstance(value, int)
    return value


def _check_not_negative(arguments: Arguments, name: str) -> str | None:
    problem = _check_integer(arguments, name)
    if problem is None and _number(arguments, name) < 0:
        return f"{{value_negative,{_number(arguments, name)}}}"
    return problem


def _check_expiry(arguments: Arguments, name: str) -> str | None:
    problem = _check_integer(arguments, name)
    if problem is None and _number(arguments, name) > EXPIRY_MAX_MS:
        return f"{{value_too_large,{_number(arguments, name)}}}"
    return problem or _check_not_negative(arguments, name)


def _check_expires(arguments: Arguments, name: str) -> str | None:
    problem = _check_integer(arguments, name)
    if problem is None and arguments[name] == 0:
        return "{value_zero,0}"
    return problem or _check_expiry(arguments, name)


def _check_max_priority(arguments: Arguments, name: str) -> str | None:
    problem = _check_not_negative(arguments, name)
    if problem is None and _number(arguments, name) > PRIORITY_MAX:
        return f"{{max_value_exceeded,{_number(arguments, name)}}}"
    return problem


def _check_version(arguments: Arguments, name: str) -> str | None:
    problem = _check_not_negative(arguments, name)
    if problem is None and arguments[name] != QUEUE_VERSION:
        return erlang_string(f"unsupported queue version '{_number(arguments, name)}'")
    return problem


def _check_type(arguments: Arguments, name: str, wanted: str = "longstr") -> str | None:
    type = arguments.types[name]
    return None if type == wanted else f"{{unacceptable_type,{type}}}"


def _check_flag(arguments: Arguments, name: str) -> str | None:
    return _check_type(arguments, name, "bool")


def _check_dead_letter_routing_key(arguments: Arguments, name: str) -> str | None:
    problem = _check_type(arguments, name)
    if problem is None and DEAD_LETTER_EXCHANGE not in arguments:
        return "routing_key_but_no_dlx_defined"
    return problem


def _check_overflow(arguments: Arguments, name: str) -> str | None:
    problem = _check_type(arguments, name)
    if problem is None and arguments[name] not in OVERFLOWS:
        return "invalid_overflow"
    return problem


def _check_locator(arguments: Arguments, name: str) -> str | None:
    problem = _check_type(arguments, name)
    if problem is None and arguments[name] not in LOCATORS:
        return "invalid_queue_locator_arg"
    return problem


def _check_mode(arguments: Arguments, name: str) -> str | None:
    problem = _check_type(arguments, name)
    if problem is None and arguments[name] not in QUEUE_MODES:
        return erlang_string(f"unsupported queue mode '{_text(arguments, name)}'")
    return problem


def _check_queue_type(arguments: Arguments, name: str) -> str | None:
    problem = _check_type(arguments, name)
    if problem is None and arguments[name] != CLASSIC and arguments[name] not in _OTHER_TYPES:
        return erlang_string(f"unsupported queue type '{_text(arguments, name)}'")
    return problem


def _text(arguments: Arguments, name: str) -> str:
    value = arguments[name]
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


_QUEUE_CHECKS: Final[dict[str, _Check]] = {
    "x-expires": _check_expires,
    "x-message-ttl": _check_expiry,
    "x-dead-letter-routing-key": _check_dead_letter_routing_key,
    "x-max-length": _check_not_negative,
    "x-max-length-bytes": _check_not_negative,
    MAX_PRIORITY: _check_max_priority,
    "x-overflow": _check_overflow,
    "x-queue-mode": _check_mode,
    "x-queue-version": _check_version,
    "x-single-active-consumer": _check_flag,
    "x-queue-leader-locator": _check_locator,
    # RabbitMQ has these for quorum queues only.
    "x-delivery-limit": _check_integer,
    CONSUMER_TIMEOUT: _check_not_negative,
}
"""In RabbitMQ's order: the first that is wrong is named."""
_CONSUMER_CHECKS: Final[dict[str, _Check]] = {PRIORITY: _check_integer, CONSUMER_TIMEOUT: _check_not_negative}
