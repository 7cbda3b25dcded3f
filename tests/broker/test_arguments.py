from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from leveret.broker.arguments import erlang_string, validate_consume_arguments, validate_queue_arguments
from leveret.errors import NotImplemented_, PreconditionFailed
from leveret.limits import EXPIRY_MAX_MS
from leveret.wire.fields import Arguments

if TYPE_CHECKING:
    from leveret.wire.fields import Value

QUEUE = "queue 'q' in vhost '/'"


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"mine": 1, "x-unknown": [1, {"a": None}]},
        {"x-expires": 1},
        {"x-expires": EXPIRY_MAX_MS},
        {"x-message-ttl": 0},
        {"x-max-length": 0, "x-max-length-bytes": 2**40},
        {"x-overflow": "drop-head"},
        {"x-overflow": "reject-publish"},
        {"x-overflow": "reject-publish-dlx"},
        {"x-dead-letter-exchange": ""},
        {"x-dead-letter-exchange": "dlx", "x-dead-letter-routing-key": "key"},
        {"x-max-priority": 0},
        {"x-max-priority": 255},
        {"x-single-active-consumer": False},
        {"x-queue-mode": "default"},
        {"x-queue-mode": "lazy"},
        {"x-queue-version": 2},
        {"x-queue-type": "classic"},
        {"x-delivery-limit": -1},
        {"x-delivery-limit": 5},
        {"x-consumer-timeout": 60_000},
        {"x-queue-leader-locator": "balanced"},
        {"x-queue-master-locator": 5},
    ],
)
def test_arguments_that_are_fine(fields: dict[str, Value]) -> None:
    validate_queue_arguments(QUEUE, Arguments.of(fields))


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("x-expires", 0, "{value_zero,0}"),
        ("x-expires", -1, "{value_negative,-1}"),
        ("x-expires", EXPIRY_MAX_MS + 1, f"{{value_too_large,{EXPIRY_MAX_MS + 1}}}"),
        ("x-expires", "1", '"expected integer, got longstr"'),
        ("x-message-ttl", -1, "{value_negative,-1}"),
        ("x-message-ttl", EXPIRY_MAX_MS + 1, f"{{value_too_large,{EXPIRY_MAX_MS + 1}}}"),
        ("x-message-ttl", 1.5, '"expected integer, got double"'),
        ("x-message-ttl", None, '"expected integer, got void"'),
        ("x-max-length", True, '"expected integer, got bool"'),
        ("x-max-length", -2, "{value_negative,-2}"),
        ("x-max-length-bytes", Decimal(5), '"expected integer, got decimal"'),
        ("x-max-length-bytes", -(2**40), f"{{value_negative,{-(2**40)}}}"),
        ("x-max-priority", 256, "{max_value_exceeded,256}"),
        ("x-max-priority", -1, "{value_negative,-1}"),
        ("x-overflow", "drop-tail", "invalid_overflow"),
        ("x-overflow", 1, "{unacceptable_type,signedint}"),
        ("x-dead-letter-routing-key", "key", "routing_key_but_no_dlx_defined"),
        ("x-dead-letter-routing-key", 5, "{unacceptable_type,signedint}"),
        ("x-single-active-consumer", "true", "{unacceptable_type,longstr}"),
        ("x-queue-mode", "eager", "\"unsupported queue mode 'eager'\""),
        ("x-queue-mode", 1, "{unacceptable_type,signedint}"),
        ("x-queue-version", 1, "\"unsupported queue version '1'\""),
        ("x-queue-version", -1, "{value_negative,-1}"),
        ("x-queue-version", "2", '"expected integer, got longstr"'),
        ("x-queue-type", "nonsense", "\"unsupported queue type 'nonsense'\""),
        ("x-queue-type", 2**40, "{unacceptable_type,long}"),
        ("x-queue-leader-locator", "here", "invalid_queue_locator_arg"),
        ("x-queue-leader-locator", [], "{unacceptable_type,array}"),
        ("x-delivery-limit", {}, '"expected integer, got table"'),
        ("x-consumer-timeout", -1, "{value_negative,-1}"),
    ],
)
def test_arguments_that_are_refused(name: str, value: Value, problem: str) -> None:
    with pytest.raises(PreconditionFailed) as refusal:
        validate_queue_arguments(QUEUE, Arguments.of({"a": 1, name: value}))
    assert refusal.value.explanation == f"invalid arg '{name}' for {QUEUE}: {problem}"


def test_a_dead_letter_exchange_that_is_no_name() -> None:
    """RabbitMQ's channel sees it before anything else."""
    with pytest.raises(PreconditionFailed) as refusal:
        validate_queue_arguments(QUEUE, Arguments.of({"x-queue-type": 1, "x-dead-letter-exchange": 5}))
    assert refusal.value.explanation == f"invalid type 'signedint' for arg 'x-dead-letter-exchange' in {QUEUE}"


@pytest.mark.parametrize("name", ["x-max-age", "x-quorum-initial-group-size", "x-dead-letter-strategy"])
def test_arguments_of_other_queue_types(name: str) -> None:
    with pytest.raises(PreconditionFailed) as refusal:
        validate_queue_arguments(QUEUE, Arguments.of({name: "1D"}))
    assert refusal.value.explanation == f"invalid arg '{name}' for {QUEUE} of queue type rabbit_classic_queue"


@pytest.mark.parametrize("type", ["quorum", "stream"])
def test_other_queue_types(type: str) -> None:
    with pytest.raises(NotImplemented_, match=f"of type '{type}'"):
        validate_queue_arguments(QUEUE, Arguments.of({"x-expires": 0, "x-queue-type": type}))


def test_the_first_in_rabbitmqs_order_is_named() -> None:
    with pytest.raises(PreconditionFailed, match="x-expires"):
        validate_queue_arguments(QUEUE, Arguments.of({"x-max-age": 1, "x-overflow": 1, "x-expires": 0}))


@pytest.mark.parametrize(
    ("name", "value", "end"),
    [
        ("x-priority", "1", ': "expected integer, got longstr"'),
        ("x-consumer-timeout", -5, ": {value_negative,-5}"),
        ("x-stream-offset", "first", " of queue type rabbit_classic_queue"),
    ],
)
def test_arguments_of_consumers(name: str, value: Value, end: str) -> None:
    validate_consume_arguments(QUEUE, Arguments.of({"x-priority": -5, "x-consumer-timeout": 0, "mine": 1}))
    with pytest.raises(PreconditionFailed) as refusal:
        validate_consume_arguments(QUEUE, Arguments.of({name: value}))
    assert refusal.value.explanation == f"invalid arg '{name}' for {QUEUE}{end}"


@pytest.mark.parametrize(("text", "shown"), [('a"\\', '"a\\"\\\\"'), ("\xfc", '"\xfc"'), ("\u20aca", "[8364,97]")])
def test_erlang_strings(text: str, shown: str) -> None:
    assert erlang_string(text) == shown
