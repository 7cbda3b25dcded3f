"""What the brain's tests share: a broker over a log in memory, a channel that remembers, and shorthand for messages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from leveret.broker.broker import Broker
from leveret.broker.consumer import Consumer
from leveret.broker.credit import Credit
from leveret.broker.vhost import Got, VHost
from leveret.clock import ManualClock
from leveret.ports import Origin, Position
from leveret.store.memory import MemoryLog
from leveret.wire import ACK, Batch, Extent, Ledger, Pool, Selection, Settlement
from leveret.wire.fields import Arguments

TRANSIENT = b"\x00\x00"
PERSISTENT = b"\x10\x00\x02"
"""Properties with nothing but delivery-mode = 2."""


class CountingNames:
    """Names instead of chance."""

    def __init__(self) -> None:
        self.count = 0

    def token(self, size: int) -> str:
        self.count += 1
        return f"{self.count:0{size}d}"

    def numbers(self, count: int) -> list[int]:
        """Spread evenly, the same in every run."""
        first = self.count + 1
        self.count += count
        return [number * 0x9E3779B97F4A7C15 % 2**64 for number in range(first, first + count)]


class Wakes:
    """A scheduler that only counts."""

    def __init__(self) -> None:
        self.count = 0

    def wake(self) -> None:
        self.count += 1

    def wake_at(self, when_ms: int) -> None:
        pass


def make_broker(log: MemoryLog | None = None) -> Broker:
    return Broker(log or MemoryLog(), ManualClock(), CountingNames(), Wakes(), Pool())


@dataclass
class Delivery:
    tag: int
    consumer: str
    body: bytes
    redelivered: bool


@dataclass(eq=False)
class Channel:
    """A channel without a wire: what it got is in `deliveries`, what it published in `outcomes`."""

    vhost: VHost
    room: int = 1 << 20
    deliveries: list[Delivery] = field(default_factory=list)
    cancels: list[str] = field(default_factory=list)
    timeouts: list[str] = field(default_factory=list)
    returns: list[bytes] = field(default_factory=list)
    outcomes: list[tuple[int, Position | None, list[int]]] = field(default_factory=list)
    room_waiters: list[Callable[[], None]] = field(default_factory=list)
    next_tag: int = 1
    slowed: int = 0

    def __post_init__(self) -> None:
        self.ledger = Ledger()
        self.consumers: list[Consumer] = []

    # Deliveries
    def deliver(self, consumer: Consumer, extent: Extent, selection: Selection) -> None:
        if not consumer.no_ack:
            self.ledger.add(self.next_tag, consumer, extent, selection)
        for row in selection:
            message = extent[row]
            self.deliveries.append(Delivery(self.next_tag, consumer.tag, message.body, extent.is_redelivered(row)))
            self.next_tag += 1

    def when_room(self, callback: Callable[[], None]) -> None:
        self.room_waiters.append(callback)

    def cancelled(self, consumer: Consumer) -> None:
        self.cancels.append(consumer.tag)

    def timeout_set(self, consumer: Consumer) -> None:
        self.timeouts.append(consumer.tag)

    # Publisher
    origin = Origin("test", 1, "me")

    def returned(self, batch: Batch, selection: Selection) -> None:
        self.returns += [batch[row].body for row in selection]

    def slow_down(self) -> None:
        self.slowed += 1

    def published(self, count: int, position: Position | None, rejected: Selection | None) -> None:
        self.outcomes.append((count, position, [] if rejected is None else [*rejected]))

    # what tests do
    def consume(
        self,
        queue: str,
        tag: str,
        *,
        no_ack: bool = False,
        prefetch: int = 0,
        exclusive: bool = False,
        shared: Credit | None = None,
        arguments: Arguments = Arguments.EMPTY,
    ) -> Consumer:
        consumer = Consumer(
            tag, self, no_ack=no_ack, prefetch=prefetch, exclusive=exclusive, shared=shared, arguments=arguments
        )
        self.vhost.consume(queue, consumer, owner=self)
        self.consumers.append(consumer)
        return consumer

    def get(self, queue: str, *, no_ack: bool = False) -> bytes | None:
        got: Got | None = self.vhost.get(queue, no_ack=no_ack, owner=self, consumer=Consumer("", self, no_ack=no_ack))
        if got is None:
            return None
        body = got.extent[got.selection[0]].body
        if no_ack:
            self.vhost.got(got)
        else:
            self.ledger.add(self.next_tag, got.owner, got.extent, got.selection)
        self.next_tag += 1
        return body

    def settle(self, *tags: int, kind: int = ACK, multiple: bool = False) -> int | None:
        portions, unknown = self.ledger.settle(Settlement(1, kind, [(tag, multiple) for tag in tags]))
        self.vhost.settle(portions, kind)
        return unknown

    def bodies(self) -> list[bytes]:
        """What was delivered since the last call."""
        bodies = [delivery.body for delivery in self.deliveries]
        self.deliveries.clear()
        return bodies


def batch(
    broker: Broker,
    *bodies: bytes,
    exchange: str = "",
    key: str = "q",
    properties: bytes = TRANSIENT,
    mandatory: bool = False,
) -> Batch:
    return Batch.build(broker.pool, [(exchange, key, properties, body, mandatory) for body in bodies], 1)


def pump(broker: Broker) -> None:
    """Let everything happen that can."""
    while broker.pump(1000):
        pass
