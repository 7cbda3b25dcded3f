"""Figures over time: samples of counters, and the rates between them (RabbitMQ page "HTTP API Reference", statistics).

Every object is sampled every SAMPLE_INTERVAL_MS. While its figures do not change it has two samples, so that a
broker with many quiet queues remembers little.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ..broker.counts import MESSAGES, Churn
from ..limits import SAMPLES_MAX, SAMPLES_TOTAL_MAX

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Hashable, Iterable, Mapping, Sequence

    from ..broker.broker import Broker
    from ..broker.counts import Counts
    from ..broker.exchange import Exchange
    from ..broker.queue import Queue
    from ..broker.vhost import VHost

Values = tuple[int, ...]

LENGTHS: Final = ("messages", "messages_ready", "messages_unacknowledged")
STATS: Final = (*MESSAGES, "deliver_get")
QUEUE_STATS: Final = ("publish", *MESSAGES[MESSAGES.index("deliver") :], "deliver_get")
EXCHANGE_STATS: Final = ("publish_in", "publish_out")
CHURN: Final = Churn.__slots__
DATA: Final = ("recv_oct", "send_oct")


class Span(NamedTuple):
    """How much of the past is wanted, in seconds."""

    age_s: int
    step_s: int


class Series:
    """Samples of the figures of one object, oldest first."""

    __slots__ = ("samples",)

    def __init__(self) -> None:
        self.samples: deque[tuple[int, Values]] = deque(maxlen=SAMPLES_MAX)

    def record(self, now_ms: int, values: Values) -> None:
        """They are this now; of a time in which nothing changes the first and the last are kept."""
        samples = self.samples
        if len(samples) > 1 and samples[-1][1] == values == samples[-2][1]:
            samples[-1] = (now_ms, values)
        else:
            samples.append((now_ms, values))

    def rate(self, index: int) -> float:
        """Of one figure in the last interval, a second."""
        if len(self.samples) < 2:
            return 0.0
        (before_ms, before), (now_ms, now) = self.samples[-2], self.samples[-1]
        return (now[index] - before[index]) * 1000 / (now_ms - before_ms) if now_ms > before_ms else 0.0

    @property
    def newest(self) -> Values:
        """The last sample; empty before the first."""
        return self.samples[-1][1] if self.samples else ()

    def _samples(self, index: int, times: Iterable[int]) -> list[dict[str, int]]:
        """One figure at these times, newest first, as far as it is known."""
        found: list[dict[str, int]] = []
        going = reversed(self.samples)
        when_ms, values = next(going)
        for ms in times:
            while when_ms > ms:
                if (before := next(going, None)) is None:
                    return found
                when_ms, values = before
            found.append({"sample": values[index], "timestamp": ms})
        return found

    def history(self, index: int, span: Span) -> dict[str, Any]:
        """One figure at so many times, newest first, and averages over them."""
        if not self.samples:
            return {"avg": 0.0, "avg_rate": 0.0, "samples": []}
        newest_ms = self.samples[-1][0]
        step_ms = max(span.step_s, 1) * 1000
        newest_ms -= newest_ms % step_ms
        times = range(newest_ms, newest_ms - span.age_s * 1000 - 1, -step_ms)
        samples = self._samples(index, times)
        if not samples:
            return {"avg": 0.0, "avg_rate": 0.0, "samples": []}
        lasted_ms = samples[0]["timestamp"] - samples[-1]["timestamp"]
        change = samples[0]["sample"] - samples[-1]["sample"]
        return {
            "avg": sum(one["sample"] for one in samples) / len(samples),
            "avg_rate": change * 1000 / lasted_ms if lasted_ms else 0.0,
            "samples": samples,
        }


_NONE: Final = Series()
_NO_RATE: Final = {"rate": 0.0}


def lengths(queue: Queue) -> Values:
    """LENGTHS of a queue."""
    ready, unacked = queue.message_count, queue.unacked_count
    return ready + unacked, ready, unacked


def queue_values(queue: Queue) -> Values:
    """LENGTHS and QUEUE_STATS of a queue."""
    return lengths(queue) + queue_stats(queue)


def queue_stats(queue: Queue) -> Values:
    """QUEUE_STATS of a queue."""
    c = queue.counts
    return (
        queue.published,
        c.deliver,
        c.deliver_no_ack,
        c.get,
        c.get_no_ack,
        c.get_empty,
        c.redeliver,
        c.ack,
        c.deliver_get,
    )


def exchange_stats(exchange: Exchange) -> Values:
    """EXCHANGE_STATS of an exchange."""
    return exchange.published_in, exchange.published_out


def stats(counts: Counts) -> Values:
    """STATS as they were counted."""
    return (*(getattr(counts, name) for name in MESSAGES), counts.deliver_get)


def sum_up(
    vhosts: Iterable[VHost], each: Callable[[Queue | VHost, Values], None] | None = None
) -> Generator[None, None, Values]:
    """LENGTHS and STATS over virtual hosts; queues that are gone count, too. It pauses after every object, and tells
    `each` its own figures.
    """
    sums = [0] * (len(LENGTHS) + len(STATS))
    for vhost in vhosts:
        own = vhost.counts
        gone = [getattr(own, name) for name in QUEUE_STATS[1:]]  # first: a queue that goes meanwhile counts once
        queues = [0] * (len(LENGTHS) + len(QUEUE_STATS))
        for queue in [*vhost.queues.values()]:
            values = queue_values(queue)
            queues = [a + b for a, b in zip(queues, values, strict=True)]
            if each is not None:
                each(queue, values)
            yield
        first = len(LENGTHS)
        left = [a + b for a, b in zip(gone, queues[first + 1 :], strict=True)]
        values = (*queues[:first], own.publish, own.confirm, own.return_unroutable, own.drop_unroutable, *left)
        if each is not None:
            each(vhost, values)
        sums = [a + b for a, b in zip(sums, values, strict=True)]
        yield
    return tuple(sums)


@dataclass(frozen=True, slots=True)
class View:
    """What of the past a request wants to see."""

    statistics: Statistics
    lengths: Span | None = None
    messages: Span | None = None
    data: Span | None = None

    def lengths_of(self, key: Hashable, values: Values) -> dict[str, Any]:
        """LENGTHS with their rates."""
        return _told(self.statistics.of(key), LENGTHS, values, 0, self.lengths)

    def stats_of(self, key: Hashable, names: Sequence[str], values: Values, first: int) -> dict[str, Any]:
        """Message counts with their rates, which begin at `first` in the samples; nothing when there was nothing."""
        return _told(self.statistics.of(key), names, values, first, self.messages) if any(values) else {}

    def data_of(self, key: Hashable, names: Sequence[str], values: Values, first: int = 0) -> dict[str, Any]:
        """Other figures with their rates."""
        return _told(self.statistics.of(key), names, values, first, self.data)


def _told(series: Series, names: Sequence[str], values: Values, first: int, span: Span | None) -> dict[str, Any]:
    told: dict[str, Any] = {}
    moves = len(series.samples) > 1
    for index, name in enumerate(names):
        told[name] = values[index]
        details: Mapping[str, Any] = {"rate": series.rate(first + index)} if moves else _NO_RATE
        if span is not None:
            details = {**details, **series.history(first + index, span)}
        told[f"{name}_details"] = details
    return told


NODE: Final = "node"
"""The key of the node's own figures: `Statistics.of_node`."""
ALL: Final = "all"
"""The key of the sums over all virtual hosts."""
CHURNED: Final = "churn"


class Statistics:
    """The samples of a broker."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._series: dict[Hashable, Series] = {}
        self._count = 0

    def of(self, key: Hashable) -> Series:
        """Those of an object, or one of the sums."""
        return self._series.get(key, _NONE)

    def forget(self) -> None:
        """Begin anew."""
        self._series.clear()

    def sample(self, now_ms: int, node: Mapping[str, int]) -> Generator[None, None, None]:
        """Record the figures of everything, at `now_ms` in wall time; between any two of them others may have their
        turn. What is gone is forgotten.
        """
        before = self._series
        now: dict[Hashable, Series] = {}
        is_full = self._count > SAMPLES_TOTAL_MAX
        self._count = 0

        def record(key: Hashable, values: Values) -> None:
            series = before.get(key) or Series()
            if is_full and len(series.samples) > 2:
                series.samples = deque(list(series.samples)[-2:], SAMPLES_MAX)
            series.record(now_ms, values)
            now[key] = series
            self._count += len(series.samples)

        vhosts = [*self._broker.vhosts.values()]
        sums = yield from sum_up(vhosts, record)
        for vhost in vhosts:
            for exchange in [*vhost.router.exchanges.values()]:
                if exchange.published_in:
                    record(exchange, exchange_stats(exchange))
                yield
        for connection in self._broker.connections.all():
            record(connection, connection.traffic())
            for key, counts in connection.channel_counts().items():
                record(key, stats(counts))
            yield
        record(ALL, sums)
        record(CHURNED, churn(self._broker.churn))
        record(NODE, tuple(node.values()))
        self._series = now


def churn(counts: Churn) -> Values:
    """CHURN of a node."""
    return tuple(getattr(counts, name) for name in CHURN)
