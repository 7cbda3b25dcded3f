from __future__ import annotations

import pytest

from leveret.broker.policy_keys import _VALID, OPERATOR_KEYS, problem_of, problem_of_pattern, shown

GOOD: dict[str, list[object]] = {
    "alternate-exchange": ["", "x"],
    "consumer-disconnected-timeout": [0],
    "consumer-timeout": [60_000],
    "dead-letter-exchange": ["", "x"],
    "dead-letter-routing-key": ["", "key"],
    "dead-letter-strategy": ["at-most-once", "at-least-once"],
    "delayed-retry-max": [5],
    "delayed-retry-min": [5],
    "delayed-retry-type": ["disabled", "all", "failed", "returned"],
    "delivery-limit": [-1, 0, 20],
    "expires": [1],
    "federation-upstream": ["u"],
    "federation-upstream-pattern": ["^u"],
    "federation-upstream-set": ["all"],
    "initial-cluster-size": [3],
    "max-age": ["7D", "10Y", "1h"],
    "max-in-memory-bytes": [0],
    "max-in-memory-length": [0],
    "max-length": [0, (1 << 63) - 1],
    "max-length-bytes": [0],
    "member-placement-tag": ["zone-a"],
    "message-ttl": [0],
    "overflow": ["drop-head", "reject-publish", "reject-publish-dlx"],
    "queue-leader-locator": ["client-local", "balanced"],
    "queue-master-locator": ["min-masters"],
    "queue-mode": ["default", "lazy"],
    "queue-version": [2],
    "shards-per-node": [2],
    "stream-filter-size-bytes": [16, 255],
    "stream-max-segment-size-bytes": [500_000_000],
    "target-group-size": [3],
}


@pytest.mark.parametrize("key", [key for key in _VALID if key != "routing-key"])
def test_values_that_are_fine(key: str) -> None:
    for value in GOOD[key]:
        assert problem_of({key: value}, operator=False) is None
        if key in OPERATOR_KEYS:
            assert problem_of({key: value}, operator=True) is None


@pytest.mark.parametrize("key", _VALID)
def test_no_key_takes_what_cannot_be_meant(key: str) -> None:
    for value in (None, True, 1.5, [], {}, -(1 << 63) - 1, 1 << 63):
        problem = problem_of({key: value}, operator=False)
        assert problem is not None
        assert shown(value) in problem


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("alternate-exchange", 5, "5 is not a valid alternate exchange name"),
        ("dead-letter-exchange", True, "true is not a valid dead letter exchange name"),
        ("dead-letter-routing-key", None, "null is not a valid dead letter routing key"),
        ("message-ttl", "5", '<<"5">> is not a valid message TTL'),
        ("message-ttl", -1, "-1 is not a valid message TTL"),
        ("expires", 0, "0 is not a valid queue expiry"),
        ("max-length", 1.5, "1.5 is not a valid maximum length"),
        ("max-length-bytes", [1, {"a": None}], '[1,#{<<"a">> => null}] is not a valid maximum length in bytes'),
        ("max-in-memory-length", -1, "-1 is not a valid maximum memory in bytes"),
        ("queue-mode", "", "<<>> is not a valid queue-mode value"),
        ("queue-version", 1, "1 is not a valid queue-version value"),
        ("overflow", "drop", '<<"drop">> is not a valid overflow value'),
        ("delivery-limit", "1", '<<"1">> is not a valid delivery limit'),
        ("max-age", "0D", '<<"0D">> is not a valid max age'),
        ("max-age", "5w", '<<"5w">> is not a valid max age'),
        ("queue-leader-locator", "here", '<<"here">> is not a valid queue leader locator value'),
        ("stream-filter-size-bytes", 15, "15 is not a valid filter size. Valid range is 16-255"),
        ("federation-upstream-set", 1, "federation-upstream-set should be binary, actually was 1"),
        ("ha-mode", "all", '[{<<"ha-mode">>,<<"all">>}] are not recognised policy settings'),
        ("max-priority", 5, '[{<<"max-priority">>,5}] are not recognised policy settings'),
        ("routing-key", "k", "shards-per-node must be specified"),
    ],
)
def test_texts(key: str, value: object, text: str) -> None:
    assert problem_of({key: value}, operator=False) == text


def test_what_is_said_of_a_whole_definition() -> None:
    assert problem_of({}, operator=False) == "no policy provided"
    assert problem_of({"x": 1, "max-length": -1, "expires": 0}, operator=False) == "0 is not a valid queue expiry"
    both = {"federation-upstream": "a", "federation-upstream-set": "b"}
    assert str(problem_of(both, operator=False)).startswith("cannot specify federation-upstream, ")
    assert problem_of({"federation-upstream-pattern": "("}, operator=False) == (
        'federation-upstream-pattern should be regular expression but is invalid: {"missing )",1}'
    )


def test_operator_policies_set_less() -> None:
    assert problem_of({"max-length": 1, "dead-letter-exchange": "x"}, operator=True) == (
        '[{<<"dead-letter-exchange">>,<<"x">>}] are not recognised policy settings'
    )


def test_patterns() -> None:
    assert problem_of_pattern("pattern", "^a") is None
    assert problem_of_pattern("pattern", 5) == "pattern should be a binary but was 5"
    assert problem_of_pattern("pattern", "a{99999}") == (
        'pattern should be regular expression but is invalid: {"regular expression is too large",0}'
    )
