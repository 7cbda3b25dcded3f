"""The topic exchange; tests/properties/test_topic_matcher.py compares it with a naive matcher."""

from __future__ import annotations

from itertools import product

import pytest

from leveret.broker.binding import Binding
from leveret.broker.exchanges import TopicExchange
from leveret.errors import PreconditionFailed

from .support import FakeQueue, bind, binding, make, reached


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        ("a.b", ["a.b"], ["a", "a.b.c", "", "A.b", "a.*", "ab"]),
        ("*", ["a", "*", "#", "word"], ["", "a.b", "."]),
        ("*.*", ["a.b", ".", "a.", ".b"], ["a", "a.b.c", ""]),
        ("#", ["", "a", "a.b.c", ".", "#", "*.#"], []),
        ("a.#", ["a", "a.b", "a.b.c", "a."], ["", "b", "aa", "ab.c"]),
        ("#.a", ["a", "b.a", "a.a", ".a"], ["", "a.b", "ba"]),
        ("a.#.b", ["a.b", "a.x.b", "a.b.b", "a.a.b.b"], ["a", "b", "a.b.x", "ab"]),
        ("a.*.b", ["a.x.b", "a..b"], ["a.b", "a.x.y.b"]),
        ("#.a.#", ["a", "x.a", "a.x", "x.y.a.z", "a.a"], ["", "x", "aa"]),
        ("*.#", ["a", "a.b", "."], [""]),
        ("#.*", ["a", "a.b", "."], [""]),
        ("#.#", ["", "a", "a.b.c"], []),
        ("*.#.*", ["a.b", "a.b.c", "."], ["", "a"]),
        ("", [""], ["a", "."]),
        (".", ["."], ["", "a", "..", "a."]),
        ("a*", ["a*"], ["ab", "a"]),
        ("##", ["##"], ["", "a", "a.b"]),
        ("user.#", ["user", "user.signup", "user.europe.payments"], ["users", "a.user"]),
        ("grün.*", ["grün.ß"], ["grun.ß"]),
    ],
)
def test_patterns(pattern: str, matching: list[str], others: list[str]) -> None:
    exchange = make(TopicExchange)
    bind(exchange, FakeQueue("a"), pattern)
    assert [key for key in matching if not reached(exchange, key)] == []
    assert [key for key in others if reached(exchange, key)] == []


def test_destinations_come_in_the_order_of_binding() -> None:
    exchange = make(TopicExchange)
    for name, pattern in [("c", "#"), ("a", "x.y"), ("b", "*.y"), ("d", "x.#"), ("e", "other"), ("a2", "x.y")]:
        bind(exchange, FakeQueue(name), pattern)
    assert reached(exchange, "x.y") == ["c", "a", "b", "d", "a2"]


def test_same_pattern_and_queue_with_other_arguments_stays_until_the_last_goes() -> None:
    exchange = make(TopicExchange)
    queue = FakeQueue("a")
    one, two = bind(exchange, queue, "a.#"), bind(exchange, queue, "a.#", {"n": 1})
    exchange.unbind(one)
    assert reached(exchange, "a.b") == ["a"]
    exchange.unbind(two)
    assert reached(exchange, "a.b") == []


def test_unbind_prunes_the_trie_as_far_as_nobody_else_needs_it() -> None:
    exchange = make(TopicExchange)
    words = ["a", "b", "*", "#"]
    patterns = [".".join(chosen) for length in range(4) for chosen in product(words, repeat=length)]
    bindings = [bind(exchange, FakeQueue("q"), p) for p in patterns if p.split(".").count("#") <= 2]
    inner = bind(exchange, FakeQueue("inner"), "a.*")
    for one in bindings:
        exchange.unbind(one)
    assert reached(exchange, "a.b") == ["inner"]
    assert reached(exchange, "a") == []
    exchange.unbind(inner)
    assert not exchange._root.has_children
    assert not exchange._root.bindings


@pytest.mark.parametrize("key", ["#.#.#", "a.#.b.#.c.#", "#.*.#.*.#", "#.#.a.#.#"])
def test_more_than_two_hashes_are_refused(key: str) -> None:
    exchange = make(TopicExchange)
    with pytest.raises(PreconditionFailed) as caught:
        binding(exchange, FakeQueue("a"), key)
    count = key.split(".").count("#")
    assert caught.value.explanation == f"Topic binding key '{key}' uses {count} '#' wildcards, at most 2 are allowed"


@pytest.mark.parametrize("key", ["#.#", "*.#.*.#.*", "##.#.#", "a#.b#.c#", "#"])
def test_up_to_two_hashes_are_fine(key: str) -> None:
    binding(make(TopicExchange), FakeQueue("a"), key)


def test_many_hashes_cost_no_more_than_the_nodes_of_the_trie() -> None:
    """An old log may hold such keys; one state per node and word, where a backtracking matcher would never end."""
    exchange = make(TopicExchange)
    exchange.bind(Binding(exchange, FakeQueue("hard"), ".".join(["#", "a"] * 60 + ["b"])))  # type: ignore[arg-type]
    key = ".".join(["a"] * 120)
    walked = exchange._walk(key.split("."))
    assert len(walked) <= 122
    assert reached(exchange, key) == []
    assert reached(exchange, key + ".b") == ["hard"]


def test_time_does_not_depend_on_patterns_that_do_not_match() -> None:
    """Counted in nodes that are looked at, not in seconds."""
    exchange = make(TopicExchange)
    for number in range(2_000):
        bind(exchange, FakeQueue("other"), f"sensor.{number}.temperature")
    bind(exchange, FakeQueue("one"), "sensor.*.humidity")
    assert len(exchange._walk(["sensor", "7", "humidity"])) == 1
    assert reached(exchange, "sensor.7.humidity") == ["one"]
