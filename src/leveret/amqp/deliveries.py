"""Messages out, on one channel: deliveries to its consumers, gets, and what of them is not settled yet.

Owns the consumers by tag, the counter of delivery tags and the ledger. It is what the brain sees of a channel that
consumes (`ports.Deliveries`); a channel makes one when it first consumes, gets or settles something.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..broker.consumer import Consumer
from ..broker.credit import Credit
from ..errors import PreconditionFailed
from ..limits import OUTPUT_HIGH
from ..wire import ACK, REQUEUE, Ledger, Settlement, render_deliver, render_get_ok
from ..wire.frames import method_frame
from ..wire.methods import BasicCancel

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..broker.counts import Counts
    from ..broker.vhost import Got, Portion, VHost
    from ..ports import Origin
    from ..wire import Extent, Selection
    from ..wire.fields import Arguments
    from .output import Output
    from .watching import Timeouts

_ALL = [(0, True)]
"""Delivery tag 0 with `multiple`: everything that is outstanding."""


class TaggedConsumer(Consumer):
    """A consumer with its tag as it goes into frames."""

    __slots__ = ("tag_bytes",)

    def __init__(
        self,
        tag: str,
        channel: Deliveries,
        *,
        no_ack: bool,
        exclusive: bool,
        prefetch: int,
        shared: Credit | None,
        arguments: Arguments,
    ) -> None:
        super().__init__(
            tag, channel, no_ack=no_ack, exclusive=exclusive, prefetch=prefetch, shared=shared, arguments=arguments
        )
        self.tag_bytes = tag.encode()


class Deliveries:
    """The consuming side of one channel."""

    __slots__ = (
        "_getter",
        "_notify",
        "_number",
        "_origin",
        "_output",
        "_taken_back",
        "_timeouts",
        "_vhost",
        "consumers",
        "counts",
        "credit",
        "ledger",
        "next_tag",
    )

    def __init__(
        self,
        number: int,
        output: Output,
        vhost: VHost,
        timeouts: Timeouts,
        notify: bool,
        origin: Callable[[int], Origin],
        counts: Counts,
    ) -> None:
        """`notify`: the client wants basic.cancel when the broker ends a consumer; `origin` says who a channel is;
        `counts` are its channel's.
        """
        self._origin = origin
        self.counts = counts
        self._number = number
        self._output = output
        self._vhost = vhost
        self._timeouts = timeouts
        self._notify = notify
        self._taken_back = 0  # no tag from here on was taken back from a consumer that had it too long
        self.next_tag = 1
        """The delivery tag of the next message."""
        self._getter: Consumer | None = None
        self.ledger = Ledger()
        self.consumers: dict[str, Consumer] = {}
        self.credit: Credit | None = None
        """What basic.qos with `global` allows the consumers of the channel together."""

    # -- what the brain calls ------------------------------------------------------------------------------------

    @property
    def room(self) -> int:
        """Bytes that the connection takes now."""
        output = self._output
        return OUTPUT_HIGH - output.size - output.unwritten

    @property
    def origin(self) -> Origin:
        """Which channel this is."""
        return self._origin(self._number)

    def when_room(self, callback: Callable[[], None]) -> None:
        """Call once when the peer has read some."""
        self._output.when_room(callback)

    def deliver(self, consumer: Consumer, extent: Extent, selection: Selection) -> None:
        """basic.deliver for each row."""
        tag = self.next_tag
        count = len(selection)
        self.next_tag = tag + count
        if consumer.no_ack:
            self.counts.deliver_no_ack += count
        else:
            self.counts.deliver += count
            self.ledger.add(tag, consumer, extent, selection)
        output = self._output
        assert isinstance(consumer, TaggedConsumer)
        output.send(render_deliver(extent, selection, self._number, consumer.tag_bytes, tag, output.frame_max))
        if self._vhost.tracer is not None:
            self._trace(consumer, extent, selection)

    def _trace(self, consumer: Consumer, extent: Extent, selection: Selection) -> None:
        tracer, queue = self._vhost.tracer, consumer.queue
        if tracer is not None and queue is not None:
            tracer.delivered(queue.name, extent, selection, self._origin(self._number))

    def cancelled(self, consumer: Consumer) -> None:
        """The broker ended the consumer (RabbitMQ "Consumer Cancel Notification")."""
        self._output.forget(consumer.ready_again)
        if self.consumers.pop(consumer.tag, None) is not None and self._notify:
            self._output.send(method_frame(self._number, BasicCancel(consumer_tag=consumer.tag, no_wait=True)))

    def timeout_set(self, consumer: Consumer) -> None:
        """How long the consumer's queue lets messages be outstanding is another time now."""
        self._timeouts.changed(self._number, consumer)

    # -- what the channel calls ----------------------------------------------------------------------------------

    def add(self, consumer: Consumer) -> None:
        """The consumer was accepted by its queue."""
        self.consumers[consumer.tag] = consumer
        self._timeouts.watch(self._number, consumer)

    def remove(self, tag: str) -> None:
        """basic.cancel; an unknown tag is nothing to complain about (spec 1.8.3.5)."""
        consumer = self.consumers.pop(tag, None)
        if consumer is not None:
            self._output.forget(consumer.ready_again)
            self._vhost.cancel(consumer)

    def limit(self, prefetch_count: int) -> None:
        """basic.qos with `global`: this much together, for the consumers that are here as well."""
        if self.credit is None:
            if not prefetch_count:
                return
            self.credit = Credit()
            for consumer in self.consumers.values():
                consumer.shared = self.credit
                self.credit.used += consumer.unacked
        self.credit.limit = prefetch_count

    @property
    def getter(self) -> Consumer:
        """Who asks when the channel gets."""
        if self._getter is None:
            self._getter = Consumer("", self, no_ack=False)
        return self._getter

    def got(self, got: Got, no_ack: bool) -> None:
        """basic.get-ok."""
        tag = self.next_tag
        self.next_tag = tag + 1
        extent, selection = got.extent, got.selection
        frame_max = self._output.frame_max
        self._output.send(render_get_ok(extent, selection[0], self._number, tag, got.message_count, frame_max))
        if self._vhost.tracer is not None:
            self._trace(got.owner, extent, selection)
        if no_ack:
            self.counts.get_no_ack += 1
            self._vhost.got(got)
        else:
            self.counts.get += 1
            self.ledger.add(tag, got.owner, extent, selection)
            queue = got.owner.queue
            assert queue is not None
            if self._timeouts.default_ms is not None or queue.settings.consumer_timeout_ms is not None:
                self._timeouts.watch(self._number, got.owner)

    def settle(self, settlement: Settlement) -> None:
        """Acks, nacks or rejects. Those before an unknown delivery tag are done."""
        outstanding = len(self.ledger)
        settled: Any = self.ledger.settle(settlement) if not self._taken_back else self._settle_late(settlement)
        portions, unknown = settled  # owners are consumers, which a ledger does not know
        if portions:
            if settlement.kind == ACK:
                self.counts.ack += outstanding - len(self.ledger)
            self._vhost.settle(portions, settlement.kind)
        if unknown is not None:
            raise unknown_tag(unknown)

    def hold(self, settlement: Settlement) -> list[Portion]:
        """Like `settle`, but for a transaction: what it touches is set aside until the ledger commits or rolls back."""
        late = self._taken_back > 0
        settled: Any = self._settle_late(settlement, True) if late else self.ledger.settle(settlement, True)
        portions: list[Portion]
        portions, unknown = settled
        if unknown is not None:
            raise unknown_tag(unknown)
        return portions

    def _settle_late(self, settlement: Settlement, hold: bool = False) -> tuple[list[Any], int | None]:
        """The same when messages were taken back: a client may still answer for them, which says nothing (RabbitMQ)."""
        ledger = self.ledger
        if all(tag >= self._taken_back for tag, _ in settlement.items):
            return ledger.settle(settlement, hold)
        found: list[Any] = []
        for tag, multiple in settlement.items:
            portions, unknown = ledger.settle(self._alone(settlement, tag, multiple), hold)
            found += portions
            if unknown is None:
                continue
            if not 0 < tag < self._taken_back:
                return found, unknown
            while multiple and 0 < (oldest := ledger.oldest) < tag:
                found += ledger.settle(self._alone(settlement, oldest, False), hold)[0]
        return found, None

    def _alone(self, settlement: Settlement, tag: int, multiple: bool) -> Settlement:
        return Settlement(self._number, settlement.kind, [(tag, multiple)], settlement.method)

    def time_out(self, consumer: Consumer) -> None:
        """It did not settle in time: it is over, and what it has outstanding goes back."""
        if not consumer.cancelled:
            self._vhost.cancel(consumer)
            self.cancelled(consumer)
        portions: Any = self.ledger.withdraw(consumer)
        self._taken_back = self.next_tag
        if portions:
            self._vhost.settle(portions, REQUEUE)

    def recover(self) -> None:
        """basic.recover: everything outstanding goes back to its place."""
        self.settle(Settlement(self._number, REQUEUE, _ALL))

    def release(self) -> None:
        """The channel is gone: its consumers go, and what they hold goes back.

        Afterwards nothing refers back to it, so that it is freed at once: brokers run without the cycle collector.
        """
        self._timeouts.forget(self._number)
        consumers, self.consumers = self.consumers, {}
        for consumer in consumers.values():
            self._output.forget(consumer.ready_again)
            self._vhost.cancel(consumer)
        portions: Any = self.ledger.drain()
        if portions:
            self._vhost.settle(portions, REQUEUE)
        self._getter = None
        if self.credit is not None:
            self.credit.limit = 0  # who waits for it is let go


def unknown_tag(tag: int) -> PreconditionFailed:
    """RabbitMQ's answer to an ack of what is not outstanding."""
    return PreconditionFailed(f"unknown delivery tag {tag}")
