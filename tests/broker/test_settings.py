from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from leveret.broker.settings import PLAIN, QueueSettings, merge_policies, queue_settings
from leveret.wire.fields import Arguments

if TYPE_CHECKING:
    from leveret.wire.fields import Value

ALL: dict[str, Value] = {
    "x-message-ttl": 1,
    "x-expires": 2,
    "x-max-length": 3,
    "x-max-length-bytes": 4,
    "x-overflow": "reject-publish",
    "x-dead-letter-exchange": "dlx",
    "x-dead-letter-routing-key": "key",
    "x-delivery-limit": 5,
    "x-max-priority": 6,
    "x-single-active-consumer": True,
    "x-consumer-timeout": 7,
}
SET = QueueSettings(1, 2, 3, 4, "reject-publish", "dlx", "key", 5, 6, True, 7)


def test_arguments_alone() -> None:
    assert queue_settings(Arguments.EMPTY) is PLAIN
    assert queue_settings(Arguments.of({"mine": 1})) == PLAIN
    assert queue_settings(Arguments.of(ALL)) == SET


def test_a_policy_alone() -> None:
    """What a policy cannot set has no effect there."""
    policy = {name.removeprefix("x-"): value for name, value in ALL.items()}
    expected = QueueSettings(1, 2, 3, 4, "reject-publish", "dlx", "key", 5, 0, False, 7)
    assert queue_settings(Arguments.EMPTY, policy) == expected
    assert queue_settings(Arguments.EMPTY, None, policy) == expected


@pytest.mark.parametrize(
    ("key", "argument", "policy", "operator", "field", "expected"),
    [
        ("message-ttl", 5, 3, None, "message_ttl_ms", 3),
        ("message-ttl", 3, 5, None, "message_ttl_ms", 3),
        ("message-ttl", 3, 5, 2, "message_ttl_ms", 2),
        ("message-ttl", None, 5, 7, "message_ttl_ms", 5),
        ("expires", 9, None, 8, "expires_ms", 8),
        ("max-length", 0, 1, 2, "max_length", 0),
        ("max-length-bytes", None, 10, 5, "max_length_bytes", 5),
        ("consumer-timeout", 60, 50, None, "consumer_timeout_ms", 50),
        ("overflow", "reject-publish", "drop-head", None, "overflow", "reject-publish"),
        ("overflow", "reject-publish", "drop-head", "reject-publish-dlx", "overflow", "reject-publish"),
        ("overflow", None, "drop-head", "reject-publish-dlx", "overflow", "reject-publish-dlx"),
        ("dead-letter-exchange", "", "other", None, "dead_letter_exchange", ""),
        ("dead-letter-exchange", None, "other", None, "dead_letter_exchange", "other"),
        ("dead-letter-routing-key", "mine", "other", None, "dead_letter_routing_key", "mine"),
        ("delivery-limit", 20, 5, 10, "delivery_limit", 5),
        ("delivery-limit", -1, 5, None, "delivery_limit", 5),
        ("delivery-limit", 5, -1, None, "delivery_limit", 5),
        ("delivery-limit", -1, -1, None, "delivery_limit", None),
        ("delivery-limit", None, -1, 10, "delivery_limit", 10),
        ("delivery-limit", None, 10, -1, "delivery_limit", 10),
    ],
)
def test_merging(key: str, argument: Value, policy: Value, operator: Value, field: str, expected: object) -> None:
    settings = queue_settings(
        Arguments.of({} if argument is None else {"x-" + key: argument}),
        None if policy is None else {key: policy},
        None if operator is None else {key: operator},
    )
    assert getattr(settings, field) == expected


def test_the_merged_definition_of_two_policies() -> None:
    assert merge_policies(None, None) == {}
    assert merge_policies({"expires": 1}, None) == {"expires": 1}
    assert merge_policies(None, {"expires": 1}) == {"expires": 1}
    assert merge_policies(
        {"expires": 5, "overflow": "drop-head", "dead-letter-exchange": "x"},
        {"expires": 6, "overflow": "reject-publish", "max-length": 1},
    ) == {"expires": 5, "overflow": "reject-publish", "dead-letter-exchange": "x", "max-length": 1}


def test_what_was_never_validated_does_no_harm() -> None:
    """Logs are older than the rules."""
    odd: dict[str, Value] = {name: True for name in ALL if name not in ("x-single-active-consumer", "x-max-priority")}
    assert queue_settings(Arguments.of(odd)) == PLAIN
    assert queue_settings(Arguments.of({"x-message-ttl": -5, "x-single-active-consumer": 1})) == PLAIN


def test_names_that_no_exchange_or_key_can_have() -> None:
    settings = queue_settings(
        Arguments.of({"x-dead-letter-exchange": b"\xff", "x-dead-letter-routing-key": "\u20ac" * 100})
    )
    assert settings.dead_letter_exchange == "\ufffd"
    assert settings.dead_letter_routing_key == "\u20ac" * 85
