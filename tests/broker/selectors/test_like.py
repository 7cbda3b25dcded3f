"""LIKE."""

from __future__ import annotations

import re
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leveret.broker.selectors.like import Like
from leveret.limits import LIKE_STEPS_MAX, SELECTOR_SIZE_MAX


@pytest.mark.parametrize(
    ("pattern", "escape", "yes", "no"),
    [
        ("", None, [""], ["a"]),
        ("a", None, ["a"], ["", "ab", "ba", "A"]),
        ("_", None, ["a", "é", "\n", "%"], ["", "ab"]),
        ("%", None, ["", "a", "a\nb"], []),
        ("%%", None, ["", "a"], []),
        ("a%", None, ["a", "ab"], ["", "ba"]),
        ("%a", None, ["a", "ba"], ["ab"]),
        ("a%a", None, ["aa", "aba"], ["a"]),
        ("a_%c", None, ["abc", "abbc"], ["ac"]),
        ("%b_d%", None, ["abcd", "bbcde", "bbbdbcd"], ["bd", "abc"]),
        ("a.c", None, ["a.c"], ["abc"]),
        ("12%3", None, ["123", "12993"], ["1234"]),
        (r"\_%", "\\", ["_", "_a"], ["a"]),
        ("!%!!!a", "!", ["%!a"], ["x!a"]),
        ("a!", "!", ["a!"], ["a"]),
        ("%%%x%%%", None, ["x", "axb"], ["y"]),
    ],
)
def test_patterns(pattern: str, escape: str | None, yes: list[str], no: list[str]) -> None:
    like = Like(pattern, escape)
    assert [text for text in yes + no if like.matches(text)] == yes


@given(st.text("ab_%!", max_size=12), st.text("ab%", max_size=24), st.sampled_from([None, "!", "a"]))
def test_it_is_what_a_regular_expression_says(pattern: str, text: str, escape: str | None) -> None:
    made = []
    characters = iter(pattern)
    for character in characters:
        if character == escape:
            made.append(re.escape(next(characters, character)))
        else:
            made.append({"_": ".", "%": ".*"}.get(character) or re.escape(character))
    expected = re.fullmatch("".join(made), text, re.DOTALL) is not None
    assert Like(pattern, escape).matches(text) == expected


@pytest.mark.parametrize(
    "pattern", ["%_" * 8_000 + "X", "%a" * 8_000 + "X%", "%" + "a" * 8_000 + "_b%", "%" + "_a" * 4_000 + "b%" * 4]
)
def test_no_pattern_takes_long(pattern: str) -> None:
    like = Like(pattern[:SELECTOR_SIZE_MAX])
    start = process_time()
    assert not like.matches("a" * 100_000)
    assert process_time() - start < 0.5


def test_what_takes_too_long_does_not_match() -> None:
    wild = "%" + "_a" * 50 + "b%"
    text = "a" * (LIKE_STEPS_MAX // 101 - 200) + "xa" * 50 + "b"
    assert Like(wild).matches(text)
    assert not Like(wild).matches("a" * LIKE_STEPS_MAX + text)
