"""What a policy may set, and what its values are refused for (RabbitMQ page "Policies").

Keys of things that are not there yet are taken and have no effect; nothing but known keys is. Values are what JSON
has, shown in texts as Erlang shows them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from ..patterns import compile_pattern
from .arguments import LOCATORS, QUEUE_MODES, QUEUE_VERSION
from .exchange import ALTERNATE_EXCHANGE, erlang_term
from .settings import OVERFLOWS

if TYPE_CHECKING:
    from collections.abc import Callable

    from .settings import Definition

    _Check = Callable[[object], bool]

NUMBER_MAX: Final = (1 << 63) - 1
_MAX_AGE: Final = re.compile(r"0*[1-9][0-9]*[YMDhms]")


def shown(value: object) -> str:
    """A value of JSON as Erlang shows it: `<<"text">>`, `[1,2]`, `#{<<"key">> => true}`."""
    if value is None:
        return "null"
    if isinstance(value, Mapping):
        return f"#{{{','.join(f'{shown(key)} => {shown(of)}' for key, of in value.items())}}}"
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return f"[{','.join(map(shown, value))}]"
    return erlang_term(value)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _from(lowest: int, highest: int = NUMBER_MAX) -> _Check:
    def check(value: object) -> bool:
        return isinstance(value, int) and not isinstance(value, bool) and lowest <= value <= highest

    return check


def _one_of(*known: object) -> _Check:
    return lambda value: isinstance(value, str | int) and not isinstance(value, bool) and value in known


def _is_max_age(value: object) -> bool:
    return isinstance(value, str) and _MAX_AGE.fullmatch(value) is not None


_A_NUMBER: Final = _from(0)

_VALID: Final[dict[str, tuple[_Check, str]]] = {
    ALTERNATE_EXCHANGE: (_is_text, "{} is not a valid alternate exchange name"),
    "consumer-disconnected-timeout": (_A_NUMBER, "{} is not a valid consumer disconnected timeout"),
    "consumer-timeout": (_A_NUMBER, "{} is not a valid consumer timeout"),
    "dead-letter-exchange": (_is_text, "{} is not a valid dead letter exchange name"),
    "dead-letter-routing-key": (_is_text, "{} is not a valid dead letter routing key"),
    "dead-letter-strategy": (_one_of("at-most-once", "at-least-once"), "{} is not a valid dead letter strategy"),
    "delayed-retry-max": (_A_NUMBER, "{} is not a valid delayed retry maximum"),
    "delayed-retry-min": (_A_NUMBER, "{} is not a valid delayed retry minimum"),
    "delayed-retry-type": (_one_of("disabled", "all", "failed", "returned"), "{} is not a valid delayed retry type"),
    "delivery-limit": (_from(-NUMBER_MAX), "{} is not a valid delivery limit"),
    "expires": (_from(1), "{} is not a valid queue expiry"),
    "federation-upstream": (_is_text, "federation-upstream should be binary, actually was {}"),
    "federation-upstream-pattern": (_is_text, "federation-upstream-pattern should be a binary but was {}"),
    "federation-upstream-set": (_is_text, "federation-upstream-set should be binary, actually was {}"),
    "initial-cluster-size": (_A_NUMBER, "{} is not a valid cluster size"),
    "max-age": (_is_max_age, "{} is not a valid max age"),
    "max-in-memory-bytes": (_A_NUMBER, "{} is not a valid maximum memory in bytes"),
    "max-in-memory-length": (_A_NUMBER, "{} is not a valid maximum memory in bytes"),
    "max-length": (_A_NUMBER, "{} is not a valid maximum length"),
    "max-length-bytes": (_A_NUMBER, "{} is not a valid maximum length in bytes"),
    "member-placement-tag": (_is_text, "{} is not a valid member placement tag"),
    "message-ttl": (_A_NUMBER, "{} is not a valid message TTL"),
    "overflow": (_one_of(*OVERFLOWS), "{} is not a valid overflow value"),
    "queue-leader-locator": (_one_of(*LOCATORS), "{} is not a valid queue leader locator value"),
    "queue-master-locator": (_one_of(*LOCATORS), "{} is not a valid master locator"),
    "queue-mode": (_one_of(*QUEUE_MODES), "{} is not a valid queue-mode value"),
    "queue-version": (_one_of(QUEUE_VERSION), "{} is not a valid queue-version value"),
    "routing-key": (_is_text, "routing-key should be binary, actually was {}"),
    "shards-per-node": (_A_NUMBER, "shards-per-node should be greater than 0, actually was {}"),
    "stream-filter-size-bytes": (_from(16, 255), "{} is not a valid filter size. Valid range is 16-255"),
    "stream-max-segment-size-bytes": (_A_NUMBER, "{} is not a valid segment size"),
    "target-group-size": (_from(1), "{} is not a valid target group size"),
}
"""By key: what is right, and what is said of anything else."""

OPERATOR_KEYS: Final = frozenset(
    {
        "delivery-limit",
        "expires",
        "max-in-memory-bytes",
        "max-in-memory-length",
        "max-length",
        "max-length-bytes",
        "member-placement-tag",
        "message-ttl",
        "overflow",
        "queue-master-locator",
        "queue-version",
        "target-group-size",
    }
)
"""What an operator policy may set of them."""

NOT_FOR_CLASSIC_QUEUES: Final = frozenset(
    {
        "dead-letter-strategy",
        "initial-cluster-size",
        "max-age",
        "max-in-memory-bytes",
        "max-in-memory-length",
        "stream-max-segment-size-bytes",
        "target-group-size",
    }
)
"""A policy with one of these passes over classic queues, with all that it sets (RabbitMQ)."""


def problem_of(definition: Definition, *, operator: bool) -> str | None:
    """What is wrong with a definition: the first thing that RabbitMQ would name."""
    if not definition:
        return "no policy provided"
    known = OPERATOR_KEYS if operator else _VALID.keys()
    for key in sorted(definition.keys() & known):
        is_valid, text = _VALID[key]
        if not is_valid(definition[key]):
            return text.format(shown(definition[key]))
    if others := [key for key in definition if key not in known]:
        terms = ",".join(f"{{{shown(key)},{shown(definition[key])}}}" for key in others)
        return f"[{terms}] are not recognised policy settings"
    if "routing-key" in definition and "shards-per-node" not in definition:
        return "shards-per-node must be specified"
    return _problem_of_federation(definition)


def _problem_of_federation(definition: Definition) -> str | None:
    if len([key for key in definition if key.startswith("federation-upstream")]) > 1:
        return "cannot specify federation-upstream, federation-upstream-set or federation-upstream-pattern together"
    pattern = definition.get("federation-upstream-pattern")
    return None if pattern is None else problem_of_pattern("federation-upstream-pattern", pattern)


def problem_of_pattern(name: str, pattern: object) -> str | None:
    """What is wrong with a regular expression."""
    if not isinstance(pattern, str):
        return f"{name} should be a binary but was {shown(pattern)}"
    try:
        compile_pattern(pattern)
    except ValueError as error:
        text, offset = error.args
        return f'{name} should be regular expression but is invalid: {{"{text}",{offset}}}'
    return None
