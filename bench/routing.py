"""How long routing takes: `python bench/routing.py`. One line per load; microseconds of CPU, the best of several runs.

Batches are made beforehand: what is measured is `Router.routes`, with the kernel's partitions in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import count
from time import process_time
from typing import Any

from leveret.app import SystemRandomness
from leveret.broker.binding import Binding
from leveret.broker.exchange import Exchange
from leveret.broker.exchanges import (
    ConsistentHashExchange,
    DirectExchange,
    FanoutExchange,
    HeadersExchange,
    TopicExchange,
)
from leveret.broker.routing import Router, predeclared
from leveret.wire import IMPLEMENTATION, Batch, Pool
from leveret.wire.fields import Arguments, Value
from leveret.wire.properties import Properties, encode_properties

ROUNDS = 5
PATTERNS = ["sensor.{}.*", "sensor.*.{}", "#.alarm-{}", "sensor.{}.#"]
_ids = count(1)


class Queue:
    """As much of a queue as the router sees."""

    is_queue = True

    def __init__(self, name: str) -> None:
        self.id = next(_ids)
        self.name = name


class Setup:
    """A router with one exchange, x."""

    def __init__(self, kind: type[Exchange], arguments: Mapping[str, Value] | None = None) -> None:
        self.router = Router("/", SystemRandomness())
        for exchange in predeclared("/", lambda: next(_ids)):
            self.router.add(exchange)
        self.exchange = kind(next(_ids), "/", "x", arguments=Arguments.of(arguments or {}))
        self.router.add(self.exchange)

    def bind(self, name: str, key: str = "", arguments: Mapping[str, Value] | None = None) -> None:
        queue: Any = Queue(name)
        self.router.queue_added(queue)
        self.router.bind(Binding(self.exchange, queue, key, Arguments.of(arguments or {})))


def batch(rows: list[tuple[str, str, Properties]]) -> Batch:
    return Batch.build(Pool(), [(name, key, encode_properties(each), b"body", False) for name, key, each in rows])


def measure(name: str, unit: str, per: int, work: Callable[[], object], times: int) -> None:
    """Print the microseconds of one of `per` units of one call of `work`."""
    best = float("inf")
    for _ in range(ROUNDS):
        start = process_time()
        for _ in range(times):
            work()
        best = min(best, (process_time() - start) / times)
    print(f"{name:<62} {best / per * 1e6:10.2f} us per {unit}")


def one_key() -> None:
    setup = Setup(DirectExchange)
    setup.bind("q", "k")
    for name, messages in [
        ("one key, cached, direct exchange", batch([("x", "k", Properties())] * 100)),
        ("one key, default exchange", batch([("", "q", Properties())] * 100)),
    ]:
        measure(name, "batch", 1, lambda messages=messages: setup.router.routes(messages), 20_000)


def thousand_keys() -> None:
    setup = Setup(DirectExchange)
    for number in range(1_000):
        setup.bind(f"q{number}", f"k{number}")
    few = Setup(TopicExchange)
    for number in range(10):
        few.bind(f"q{number}", f"*.{number}")
    same = Setup(TopicExchange)
    same.bind("q", "#")
    for name, router, messages in [
        ("1,000 keys, default exchange, a queue each", setup.router, [("", f"q{n}") for n in range(1_000)]),
        ("1,000 keys, cached, direct exchange, a queue each", setup.router, [("x", f"k{n}") for n in range(1_000)]),
        ("1,000 keys, cached, topic exchange, 10 queues", few.router, [("x", f"{n}.{n % 10}") for n in range(1_000)]),
        ("1,000 keys, cached, topic exchange, one queue", same.router, [("x", f"{n}") for n in range(1_000)]),
    ]:
        made = batch([(*message, Properties()) for message in messages])
        router.routes(made)
        measure(name, "key", 1_000, lambda router=router, made=made: router.routes(made), 200)


def topic() -> None:
    for size in (100, 100_000):
        setup = Setup(TopicExchange)
        for number in range(size):
            setup.bind(f"q{number}", PATTERNS[number % 4].format(number))
        batches = iter([batch([("x", f"sensor.{n % size}.t.{n}", Properties())]) for n in range(ROUNDS * 4_000)])
        name = f"topic, {size:,} bindings, a new key in each batch"
        measure(name, "batch", 1, lambda setup=setup, batches=batches: setup.router.routes(next(batches)), 4_000)


def headers() -> None:
    for size in (10, 1_000):
        for names in ("two names", "a name each"):
            setup = Setup(HeadersExchange)
            for number in range(size):
                mine = {"customer": f"c{number}"} if names == "two names" else {f"h{number}": number}
                setup.bind(f"q{number}", "", {"type": "report", **mine})
            rows = [
                ("x", "", Properties(headers={"type": "report", "customer": f"c{n % size}", f"h{n % size}": n % size}))
                for n in range(1_000)
            ]
            made = batch(rows)
            name = f"headers, {size:,} bindings, {names}, 1,000 messages"
            measure(name, "message", 1_000, lambda setup=setup, made=made: setup.router.routes(made), 5)
    setup = Setup(HeadersExchange)
    setup.bind("pdf", "", {"format": "pdf"})
    setup.bind("zip", "", {"format": "zip"})
    rows = [("x", "", Properties(headers={"format": "pdf" if n % 3 else "zip", "trace": str(n)})) for n in range(1_000)]
    made = batch(rows)
    measure("headers, 2 bindings, other headers differ", "message", 1_000, lambda: setup.router.routes(made), 20)


def consistent_hash() -> None:
    for size in (10, 1_000):
        setup = Setup(ConsistentHashExchange, {"hash-property": "message_id"})
        for number in range(size):
            setup.bind(f"q{number}", "1")
        made = batch([("x", "", Properties(message_id=f"id-{n}")) for n in range(1_000)])
        name = f"consistent hash, {size:,} queues, 1,000 message ids"
        start = process_time()
        setup.router.routes(made)
        print(f"{name + ', first time':<62} {(process_time() - start) * 1e3:10.2f} us per message")
        measure(name, "message", 1_000, lambda setup=setup, made=made: setup.router.routes(made), 20)


def bindings() -> None:
    kinds = [(DirectExchange, "key.{}"), (TopicExchange, "key.{}.#"), (FanoutExchange, "{}"), (HeadersExchange, "")]
    for kind, key in kinds:
        start = process_time()
        setup = Setup(kind)
        for number in range(20_000):
            setup.bind("q", key.format(number), {"n": number} if kind is HeadersExchange else None)
        middle = process_time()
        setup.router.remove(setup.exchange)
        end = process_time()
        took, gone = (middle - start) / 20_000 * 1e6, (end - middle) / 20_000 * 1e6
        name = f"bind, and delete with the exchange: {kind.type_name}"
        print(f"{name:<62} {took:10.2f} us, {gone:.2f} us per binding")


if __name__ == "__main__":
    print(f"kernel or twin: {IMPLEMENTATION}")
    for part in (one_key, thousand_keys, topic, headers, consistent_hash, bindings):
        part()
