"""The fanout exchange."""

from __future__ import annotations

from leveret.broker.exchanges import FanoutExchange

from .support import FakeQueue, bind, make, reached


def test_everybody_gets_everything_in_the_order_of_binding() -> None:
    exchange = make(FanoutExchange)
    for name in "cab":
        bind(exchange, FakeQueue(name), "ignored" if name == "a" else "")
    assert reached(exchange, "any.key") == ["c", "a", "b"]
    assert reached(exchange) == ["c", "a", "b"]


def test_unbind() -> None:
    exchange = make(FanoutExchange)
    first = bind(exchange, FakeQueue("a"))
    bind(exchange, FakeQueue("b"))
    exchange.unbind(first)
    assert reached(exchange) == ["b"]


def test_two_keys_of_one_queue_are_two_bindings() -> None:
    exchange = make(FanoutExchange)
    queue = FakeQueue("a")
    first = bind(exchange, queue, "1")
    bind(exchange, queue, "2")
    exchange.unbind(first)
    assert reached(exchange) == ["a"]
