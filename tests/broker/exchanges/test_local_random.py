"""The local random exchange: what it refuses; what it picks is the random exchange's."""

from __future__ import annotations

import pytest

from leveret.broker.exchanges import FanoutExchange, LocalRandomExchange, RandomExchange
from leveret.errors import PreconditionFailed

from .support import FakeQueue, bind, binding, make
from .test_random import picks


def test_it_picks_a_queue() -> None:
    exchange = make(LocalRandomExchange)
    for name in "ab":
        bind(exchange, FakeQueue(name))
    assert isinstance(exchange, RandomExchange)
    assert picks(exchange) == ["a", "b"]


def test_a_binding_key_is_refused() -> None:
    with pytest.raises(PreconditionFailed) as caught:
        binding(make(LocalRandomExchange), FakeQueue("a"), "key")
    assert caught.value.explanation == "Non empty binding 'key' key not permitted"


def test_a_binding_to_an_exchange_is_refused() -> None:
    exchange = make(LocalRandomExchange)
    with pytest.raises(PreconditionFailed) as caught:
        binding(exchange, make(FanoutExchange, "y"))
    assert caught.value.explanation == "Destination not found"
    with pytest.raises(PreconditionFailed, match="Non empty binding 'key' key not permitted"):
        binding(exchange, make(FanoutExchange, "y"), "key")
