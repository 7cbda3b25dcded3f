"""How routing takes many bindings: `python bench/topics.py`. Microseconds per message whose way is not remembered.

The target (P11) is an uncached key in under 50 us among 100,000 bindings of a topic exchange, and a headers exchange
whose time does not grow from 10 to 1,000 bindings. Each message is a batch of its own, as from a publisher that sends
one by one; the keys of one load and size are all different.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from random import Random
from time import perf_counter_ns

from routing import Setup, batch

from leveret.broker.exchanges import (
    HeadersExchange,
    JmsTopicExchange,
    RandomExchange,
    RecentHistoryExchange,
    TopicExchange,
)
from leveret.wire import IMPLEMENTATION, Batch
from leveret.wire.properties import Properties

MESSAGES = 4_000
WORDS = [f"w{number}" for number in range(40)]


def words(random: Random, count: int) -> str:
    return ".".join(random.choice(WORDS) for _ in range(count))


def exact(random: Random, number: int) -> str:
    return f"site.{number}.{words(random, 2)}"


def one_wildcard(random: Random, number: int) -> str:
    return random.choice([f"site.{number}.*.*", f"site.*.{number}", f"site.{number}.#", f"#.{number}"])


def tangled(random: Random, number: int) -> str:
    """Of few words, wildcards anywhere: many patterns are alive at each word of a key."""
    pattern = [random.choice([*WORDS[:8], "*"]) for _ in range(random.randint(3, 6))]
    pattern[random.randrange(len(pattern))] = "#"
    return ".".join(pattern) + f".x{number % 1_000}"


def measure(name: str, setup: Setup, batches: Iterable[Batch]) -> None:
    """Print the middle, the 99th percentile and the worst of the microseconds that each batch takes."""
    took = []
    for each in batches:
        start = perf_counter_ns()
        setup.router.routes(each)
        took.append(perf_counter_ns() - start)
    took.sort()
    middle, late, worst = took[len(took) // 2], took[len(took) * 99 // 100], took[-1]
    print(f"{name:<58} p50 {middle / 1e3:7.1f}  p99 {late / 1e3:7.1f}  max {worst / 1e3:8.1f} us")


def topics() -> None:
    keys: list[tuple[str, Callable[[Random, int], str], Callable[[Random, int], str]]] = [
        ("exact patterns", exact, lambda random, n: f"site.{n}.{words(random, 2)}.{n}"),
        ("one wildcard", one_wildcard, lambda random, n: f"site.{n}.{words(random, 1)}.{n * 7}"),
        ("tangled wildcards", tangled, lambda random, n: f"{words(random, 5)}.{n}.x{n % 1_000}"),
    ]
    for name, pattern, key in keys:
        for size in (100, 10_000, 100_000):
            random = Random(1)
            setup = Setup(TopicExchange)
            for number in range(size):
                setup.bind(f"q{number}", pattern(random, number))
            made = (batch([("x", key(random, n), Properties())]) for n in range(MESSAGES))
            measure(f"topic, {name}, {size:,} bindings", setup, made)


def headers() -> None:
    for kind, name in ((HeadersExchange, "headers"), (JmsTopicExchange, "jms topic, selectors")):
        for size in (10, 1_000):
            setup = Setup(kind)
            for number in range(size):
                arguments = {"type": "report", "customer": f"c{number}"}
                if kind is JmsTopicExchange:
                    arguments = {"rjms_selector": f"type = 'report' AND customer = 'c{number}'"}
                setup.bind(f"q{number}", "", arguments)
            made = (
                batch([("x", "", Properties(headers={"type": "report", "customer": f"c{n % size}", "id": n}))])
                for n in range(MESSAGES // (10 if kind is JmsTopicExchange else 1))
            )
            measure(f"{name}, {size:,} bindings", setup, made)


def others() -> None:
    setup = Setup(RandomExchange)
    for number in range(10):
        setup.bind(f"q{number}")
    measure("random, 10 queues, one message", setup, (batch([("x", "k", Properties())]) for _ in range(MESSAGES)))
    measure("random, 10 queues, 1,000 messages", setup, (batch([("x", "k", Properties())] * 1_000) for _ in range(40)))
    setup = Setup(RecentHistoryExchange)
    setup.bind("q")
    for rows in (1, 1_000):
        made = batch([("x", "k", Properties())] * rows)
        start = perf_counter_ns()
        for _ in range(1_000):
            setup.exchange.record(made, None)
        print(f"recent history, to keep {rows:,} messages{'':<25} {(perf_counter_ns() - start) / 1e6:7.1f} us")


if __name__ == "__main__":
    print(f"kernel or twin: {IMPLEMENTATION}")
    topics()
    headers()
    others()
