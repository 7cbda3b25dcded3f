"""The default exchange."""

from __future__ import annotations

from leveret.broker.exchange import EXCHANGE_TYPES
from leveret.broker.exchanges import DefaultExchange

from .support import FakeQueue, make, reached


def test_routes_to_the_queue_of_that_name() -> None:
    exchange = make(DefaultExchange, "", durable=True)
    queue = FakeQueue("jobs")
    exchange.queues["jobs"] = (queue,)  # type: ignore[assignment]
    assert reached(exchange, "jobs") == ["jobs"]
    assert reached(exchange, "job") == []
    assert exchange.type == "direct"


def test_clients_cannot_declare_one() -> None:
    assert DefaultExchange not in EXCHANGE_TYPES.values()
