from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leveret.access.scopes import _glob, parse, split, tags, without_prefix


@pytest.mark.parametrize(
    ("scope", "yes", "no"),
    [
        ("read:*/*", [("read", "/", "q", "k")], [("write", "/", "q", "k")]),
        ("read:*/*/*", [("read", "/", "q", "k")], []),
        (
            "write:shop/orders",
            [("write", "shop", "orders", "k")],
            [("write", "shop", "order", "k"), ("write", "/", "orders", "k")],
        ),
        ("write:shop/x/news.*", [("write", "shop", "x", "news.a")], [("write", "shop", "x", "sport.a")]),
        (
            "configure:%2F/a*c",
            [("configure", "/", "abc", ""), ("configure", "/", "ac", "")],
            [("configure", "/", "ab", "")],
        ),
        ("read:*/a%2Fb", [("read", "v", "a/b", "")], [("read", "v", "a", "")]),
        ("read:v", [("read", "v", "anything", "any")], [("read", "w", "q", "")]),
    ],
)
def test_scopes(scope: str, yes: list[tuple[str, str, str, str]], no: list[tuple[str, str, str, str]]) -> None:
    found = parse(scope)
    assert found is not None
    for permission, vhost, name, key in yes:
        assert found.permission == permission
        assert found.vhost(vhost)
        assert found.name(name)
        assert found.routing_key(key)
    for permission, vhost, name, key in no:
        matches = found.permission == permission and found.vhost(vhost) and found.name(name) and found.routing_key(key)
        assert not matches


@pytest.mark.parametrize(
    "scope", ["", "read", "read:", "tag:administrator", "own:*/*", "Read:*/*", "read:" + "a" * 2000]
)
def test_what_is_no_permission(scope: str) -> None:
    assert parse(scope) is None


@given(st.text("ab*", max_size=8), st.text("ab", max_size=8))
def test_patterns_are_globs(pattern: str, name: str) -> None:
    expected = re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), name) is not None
    assert _glob(pattern)(name) is expected


def test_a_long_pattern_takes_no_time() -> None:
    assert not _glob("*a" * 400 + "b")("a" * 10_000)


def test_tags() -> None:
    assert tags(["tag:administrator", "read:*/*", "tag:own", "tag:", "tag:own"]) == ("administrator", "own")


def test_prefixes() -> None:
    assert without_prefix(["rabbitmq.read:*/*", "other.read:*/*", "read:*/*"], "rabbitmq.") == ["read:*/*"]
    assert without_prefix(["read:*/*"], "") == ["read:*/*"]


@pytest.mark.parametrize(
    ("claim", "found"),
    [("a b  c", ["a", "b", "c"]), ("", []), (["a b", "c", 1], ["a", "b", "c"]), (None, []), ({"a": 1}, []), (3, [])],
)
def test_claims(claim: object, found: list[str]) -> None:
    assert split(claim) == found
