"""What a queue does with its messages and consumers: its arguments, a policy and an operator policy made one
(RabbitMQ pages "Queues", section Optional Arguments, and "Policies").
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from ..limits import SHORTSTR_MAX
from ..wire.fields import Arguments
from .levels import max_priority

if TYPE_CHECKING:
    from ..wire.fields import Value

Overflow = Literal["drop-head", "reject-publish", "reject-publish-dlx"]
Definition = Mapping[str, "Value"]
"""What a policy sets, by its keys: `message-ttl` is what `x-message-ttl` is among arguments."""

OVERFLOWS: Final[dict[str, Overflow]] = {
    "drop-head": "drop-head",
    "reject-publish": "reject-publish",
    "reject-publish-dlx": "reject-publish-dlx",
}
_NOTHING: Final[Definition] = {}


@dataclass(frozen=True, slots=True)
class QueueSettings:
    """None: not limited, not set. A `dead_letter_exchange` of "" is the default exchange."""

    message_ttl_ms: int | None = None
    expires_ms: int | None = None
    max_length: int | None = None
    max_length_bytes: int | None = None
    overflow: Overflow = "drop-head"
    dead_letter_exchange: str | None = None
    dead_letter_routing_key: str | None = None
    delivery_limit: int | None = None
    max_priority: int = 0
    """The highest level; 0: there are no priorities."""
    single_active_consumer: bool = False
    consumer_timeout_ms: int | None = None


PLAIN: Final = QueueSettings()
"""Of a queue for which nobody set anything: most are."""


def merge_policies(policy: Definition | None, operator: Definition | None) -> Definition:
    """What both set together. Where both set a number the lower one holds, otherwise the operator's value."""
    if not policy or not operator:
        return policy or operator or _NOTHING
    merged = dict(policy)
    for key, value in operator.items():
        merged[key] = _merge(key, merged[key], value) if key in merged else value
    return merged


def queue_settings(
    arguments: Arguments, policy: Definition | None = None, operator: Definition | None = None
) -> QueueSettings:
    """The settings in effect. Where argument and policy both set a number the lower one holds, otherwise the argument.

    Trusts that they were validated, but what has the wrong type all the same counts as not set.
    """
    if not arguments and not policy and not operator:
        return PLAIN
    effective = merge_policies(policy, operator)

    def number(key: str) -> int | None:
        both = [value for value in (effective.get(key), arguments.get("x-" + key)) if _is_number(value)]
        return _lower(key, both)

    def text(key: str) -> str | None:
        for value in (arguments.get("x-" + key), effective.get(key)):
            if isinstance(value, str | bytes):
                return value if isinstance(value, str) else value.decode(errors="replace")
        return None

    key = text("dead-letter-routing-key")
    return QueueSettings(
        message_ttl_ms=number("message-ttl"),
        expires_ms=number("expires"),
        max_length=number("max-length"),
        max_length_bytes=number("max-length-bytes"),
        overflow=OVERFLOWS.get(text("overflow") or "", PLAIN.overflow),
        dead_letter_exchange=text("dead-letter-exchange"),
        # A longstr may be longer than any routing key can.
        dead_letter_routing_key=key and key.encode(errors="replace")[:SHORTSTR_MAX].decode(errors="ignore"),
        delivery_limit=number("delivery-limit"),
        max_priority=max_priority(arguments),
        single_active_consumer=arguments.get("x-single-active-consumer") is True,
        consumer_timeout_ms=number("consumer-timeout"),
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _merge(key: str, value: Value, operator: Value) -> Value:
    if _is_number(value) and _is_number(operator):
        assert isinstance(value, int)
        assert isinstance(operator, int)
        if key == "delivery-limit" and (value < 0 or operator < 0):
            return max(value, operator)
        return min(value, operator)
    return operator


def _lower(key: str, values: list[Value]) -> int | None:
    """The lowest that limits anything: a negative delivery limit is none (RabbitMQ), others are never negative."""
    numbers = [value for value in values if isinstance(value, int) and value >= 0]
    return min(numbers, default=None)
