"""The direct exchange."""

from __future__ import annotations

from leveret.broker.exchanges import DirectExchange

from .support import FakeQueue, bind, make, reached


def test_key_equals_binding_key() -> None:
    exchange = make(DirectExchange)
    for name, key in [("a", "red"), ("b", "blue"), ("c", "red"), ("d", "")]:
        bind(exchange, FakeQueue(name), key)
    assert reached(exchange, "red") == ["a", "c"]
    assert reached(exchange, "blue") == ["b"]
    assert reached(exchange, "") == ["d"]
    assert reached(exchange, "Red") == []
    assert reached(exchange, "re") == []


def test_wildcards_are_text() -> None:
    exchange = make(DirectExchange)
    bind(exchange, FakeQueue("a"), "#")
    bind(exchange, FakeQueue("b"), "*.*")
    assert reached(exchange, "x.y") == []
    assert reached(exchange, "#") == ["a"]
    assert reached(exchange, "*.*") == ["b"]


def test_same_key_and_queue_with_other_arguments_stays_until_the_last_goes() -> None:
    exchange = make(DirectExchange)
    queue = FakeQueue("a")
    one = bind(exchange, queue, "k")
    two = bind(exchange, queue, "k", {"n": 1})
    assert [destination.name for destination in exchange.match("k", ())] == ["a", "a"]
    exchange.unbind(one)
    assert reached(exchange, "k") == ["a"]
    exchange.unbind(two)
    assert reached(exchange, "k") == []


def test_nothing_stays_of_keys_that_are_unbound() -> None:
    exchange = make(DirectExchange)
    bindings = [bind(exchange, FakeQueue("a"), str(number)) for number in range(100)]
    for one in bindings:
        exchange.unbind(one)
    assert not exchange._by_key


def test_it_looks_at_the_key_only() -> None:
    assert make(DirectExchange).needs == ()
