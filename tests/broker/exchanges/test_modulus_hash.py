"""The modulus hash exchange."""

from __future__ import annotations

import pytest

from leveret.broker.exchanges import FanoutExchange, ModulusHashExchange
from leveret.broker.exchanges.modulus_hash import phash2

from .support import FakeQueue, bind, make, reached


@pytest.mark.parametrize(
    ("key", "hash"),
    [
        ("", 38220213),
        ("a", 53691870),
        ("ab", 84176382),
        ("hello world", 100059412),
        ("123456789012", 19581925),
        ("1234567890123", 36917331),
        ("the quick brown fox jumps over the lazy dog", 92974328),
        ("é", 61451803),
        ("x" * 255, 69398923),
    ],
)
def test_the_hash_is_erlangs(key: str, hash: int) -> None:
    """Recorded from `erlang:phash2([Key], 134217728)` of OTP 25."""
    assert phash2(key.encode()) == hash


def test_a_key_takes_one_of_the_sorted_destinations() -> None:
    exchange = make(ModulusHashExchange)
    for name in "cab":
        bind(exchange, FakeQueue(name), name)
    for key in ("", "a", "ab", "hello world"):
        assert reached(exchange, key) == ["abc"[phash2(key.encode()) % 3]]


def test_exchanges_come_before_queues_and_names_are_compared_as_bytes() -> None:
    exchange = make(ModulusHashExchange)
    for destination in (FakeQueue("é"), FakeQueue("z"), make(FanoutExchange, "x")):
        bind(exchange, destination)
    found = {phash2(f"{n}".encode()) % 3: reached(exchange, f"{n}") for n in range(30)}
    assert found == {0: ["x"], 1: ["z"], 2: ["é"]}


def test_a_queue_that_is_bound_twice_counts_twice() -> None:
    exchange = make(ModulusHashExchange)
    queue = FakeQueue("a")
    bind(exchange, queue, "1")
    second = bind(exchange, queue, "2")
    bind(exchange, FakeQueue("b"))
    found = {phash2(f"{n}".encode()) % 3: reached(exchange, f"{n}") for n in range(30)}
    assert found == {0: ["a"], 1: ["a"], 2: ["b"]}
    exchange.unbind(second)
    found = {phash2(f"{n}".encode()) % 2: reached(exchange, f"{n}") for n in range(30)}
    assert found == {0: ["a"], 1: ["b"]}


def test_nothing_is_bound() -> None:
    exchange = make(ModulusHashExchange)
    assert reached(exchange, "a") == []
    exchange.unbind(bind(exchange, FakeQueue("a")))
    assert reached(exchange, "a") == []
