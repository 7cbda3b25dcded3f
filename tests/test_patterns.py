from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest
import regex

from leveret import patterns
from leveret.limits import PATTERN_LENGTH_MAX, PATTERN_SIZE_MAX, PATTERN_TIMEOUT_S
from leveret.patterns import compile_pattern

UUID = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        ("", ["", "a"], []),
        (".*", ["", "a"], []),
        ("a", ["a", "bab"], ["", "b", "A"]),
        ("^orders\\.", ["orders.eu"], ["orders", "my.orders.eu"]),
        ("^(?!amq\\.).*", ["orders", "my.amq.gen"], ["amq.gen-x"]),
        ("(?i)^A$", ["a", "A"], ["aa"]),
        ("^(a|b)++c", ["abac"], ["c"]),
        ("^[[:alpha:]]+$", ["abc"], ["a1", ""]),
        ("^(?<n>a)\\1$", ["aa"], ["a"]),
        (UUID, ["01234567-89ab-cdef-0123-456789abcdef"], ["01234567-89ab-cdef-0123-456789abcde"]),
        ("caf\u00e9", ["caf\u00e9 noir"], ["cafe"]),
        ("^.{5}$", ["cafe5", "caf\u00e9"], ["cafe"]),  # RabbitMQ sees bytes
        ("^[^\\](]{3}[(){100}]$", ["abc{", "abc1"], ["ab](", "abc"]),
    ],
)
def test_patterns_match_as_in_rabbitmq(pattern: str, matching: list[str], others: list[str]) -> None:
    matches = compile_pattern(pattern)
    assert [name for name in [*matching, *others] if matches(name)] == matching


@pytest.mark.parametrize(
    ("pattern", "problem", "offset"),
    [("a(b", "missing )", 3), ("*", "nothing to repeat", 0), ("a\\", "bad escape (end of pattern)", 2)],
)
def test_patterns_that_are_none(pattern: str, problem: str, offset: int) -> None:
    with pytest.raises(ValueError, match=r".") as refusal:
        compile_pattern(pattern)
    assert refusal.value.args == (problem, offset)


@pytest.mark.parametrize(
    "pattern",
    [
        "a" * (PATTERN_LENGTH_MAX + 1),
        "a{1000000}",
        "(?:(?:a{1000}){1000}){1000}",
        "(?:(?:[ab]{100}){100}){100,}",
        "((a|b){200}c){200}",
        "(?:a{1000}[[:alpha:])(]){1000}",  # brackets in a class are none
        "(?:a{1000}\\)(\\)){1000}",
        "(?x)(?:a{1000} # )(\n){1000}",
        "(?:a{1000}(?#)){1000})",
        "(?V1)(?:a{1000}[[]]){1000}",
    ],
)
def test_patterns_that_cost_too_much_are_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=r".") as refusal:
        compile_pattern(pattern)
    assert refusal.value.args[0] in ("regular expression is too large", "missing )")


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(ValueError, match="too deeply nested"):
        compile_pattern("(" * (PATTERN_LENGTH_MAX // 2) + ")" * (PATTERN_LENGTH_MAX // 2))


def test_a_pattern_just_within_its_bounds() -> None:
    assert compile_pattern(f"(a{{100}}){{{PATTERN_SIZE_MAX // 100}}}")("a" * PATTERN_SIZE_MAX)
    assert compile_pattern("a" * PATTERN_LENGTH_MAX)("a" * PATTERN_LENGTH_MAX)


def test_a_search_that_goes_on_for_ever_finds_nothing() -> None:
    assert compile_pattern("^(a|aa)+$")("aaa")
    assert not compile_pattern("^(a|aa)+$")("a" * 250 + "b")


class _Preempted:
    """A pattern that matches, once it was given up so many times."""

    def __init__(self, times: int) -> None:
        self.times = times

    def search(self, data: bytes, timeout: float) -> bytes | None:
        self.times -= 1
        if self.times >= 0:
            raise TimeoutError
        return data


def _ticking(step_ns: int) -> Iterator[int]:
    return count(0, step_ns)


@pytest.mark.parametrize(("step_ns", "found"), [(1000, True), (round(PATTERN_TIMEOUT_S * 1e9), False)])
def test_only_our_own_time_counts(monkeypatch: pytest.MonkeyPatch, step_ns: int, found: bool) -> None:
    """On a busy machine a search may be over its time and have done nothing; it is not the pattern's fault."""
    spent = _ticking(step_ns)
    monkeypatch.setattr(patterns, "worked_ns", lambda: next(spent))
    monkeypatch.setattr(regex, "compile", lambda data: _Preempted(20))
    assert compile_pattern("^a$")("a") is found


def test_a_search_that_lasts_ends() -> None:
    assert not compile_pattern("^(a|aa)+$")("a" * 60 + "b")
