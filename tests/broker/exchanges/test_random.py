"""The random exchange."""

from __future__ import annotations

from leveret.broker.exchange import Chance
from leveret.broker.exchanges import RandomExchange

from .support import FakeQueue, bind, make, reached


def picks(exchange: RandomExchange, key: str = "") -> list[str]:
    """What each choice leads to."""
    [need] = exchange.needs
    assert isinstance(need, Chance)
    found = []
    for choice in range(need.choices):
        [destination] = exchange.match(key, (choice,))
        found.append(destination.name)
    return found


def test_each_binding_is_a_choice_and_keys_do_not_matter() -> None:
    exchange = make(RandomExchange)
    for name in "cab":
        bind(exchange, FakeQueue(name), name)
    assert picks(exchange, "any.key") == ["c", "a", "b"]


def test_one_binding_is_no_choice_and_none_reaches_nothing() -> None:
    exchange = make(RandomExchange)
    assert exchange.needs == ()
    assert reached(exchange) == []
    bind(exchange, FakeQueue("a"))
    assert exchange.needs == ()
    assert reached(exchange) == ["a"]


def test_a_queue_that_is_bound_twice_is_chosen_twice_as_often() -> None:
    exchange = make(RandomExchange)
    queue = FakeQueue("a")
    bind(exchange, queue, "1")
    bind(exchange, FakeQueue("b"))
    bind(exchange, queue, "2")
    assert picks(exchange) == ["a", "b", "a"]


def test_unbind() -> None:
    exchange = make(RandomExchange)
    bindings = [bind(exchange, FakeQueue(name)) for name in "abc"]
    assert picks(exchange) == ["a", "b", "c"]
    exchange.unbind(bindings[1])
    assert picks(exchange) == ["a", "c"]


def test_two_exchanges_of_the_same_size_draw_apart() -> None:
    needs = []
    for name in "xy":
        exchange = make(RandomExchange, name)
        for queue in "ab":
            bind(exchange, FakeQueue(queue))
        needs += exchange.needs
    assert needs[0] != needs[1]
