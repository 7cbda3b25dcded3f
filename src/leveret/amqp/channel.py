"""One channel: its state, its two sides (publishing, deliveries), and what its methods share.

Rule: the table below is the only thing that moves a channel's state. What each method does is in `declaring`,
`consuming` and `modes`; errors become frames in `ending`.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ..broker.counts import Counts
from ..errors import NotFound
from ..ports import Origin, Wait
from ..wire.methods import (
    AccessRequest,
    BasicAck,
    BasicCancel,
    BasicConsume,
    BasicGet,
    BasicNack,
    BasicPublish,
    BasicQos,
    BasicRecover,
    BasicRecoverAsync,
    BasicReject,
    ChannelClose,
    ChannelCloseOk,
    ChannelFlow,
    ChannelOpen,
    ConfirmSelect,
    ExchangeBind,
    ExchangeDeclare,
    ExchangeDelete,
    ExchangeUnbind,
    QueueBind,
    QueueDeclare,
    QueueDelete,
    QueuePurge,
    QueueUnbind,
    TxCommit,
    TxRollback,
    TxSelect,
)
from .deliveries import Deliveries
from .publishing import Publishing

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..authorize import Rights
    from ..broker.paging import Pager
    from ..broker.permits import Permits
    from ..broker.vhost import VHost
    from ..ports import Log, Position, Randomness, User
    from ..wire import Batch, Settlement
    from ..wire.methods import Method
    from .output import Output
    from .settings import Settings
    from .throttle import Throttle
    from .watching import Timeouts

    Reply = Method | Wait | None
    """What a method is answered with: a method, later, or not at all."""


class ChannelState(enum.Enum):
    """Where a channel is in its life (spec 1.5)."""

    UNOPENED = enum.auto()
    OPEN = enum.auto()
    CLOSING = enum.auto()  # we sent channel.close
    CLOSED = enum.auto()


UNOPENED, OPEN, CLOSING, CLOSED = ChannelState


_GONE: Final = -1


def recv(method: type[Method]) -> int:
    """A method from the peer, as the tables know it."""
    return method.id


def send(method: type[Method]) -> int:
    """A method to the peer, as the tables know it."""
    return -method.id


SERVED: Final = (
    AccessRequest,
    ExchangeDeclare,
    ExchangeDelete,
    ExchangeBind,
    ExchangeUnbind,
    QueueDeclare,
    QueueBind,
    QueueUnbind,
    QueuePurge,
    QueueDelete,
    BasicQos,
    BasicConsume,
    BasicCancel,
    BasicPublish,
    BasicGet,
    BasicAck,
    BasicNack,
    BasicReject,
    BasicRecover,
    BasicRecoverAsync,
    ChannelFlow,
    ConfirmSelect,
    TxSelect,
    TxCommit,
    TxRollback,
)
"""What a client may send on an open channel, beside closing it."""

CHANNEL: Final[dict[ChannelState, dict[int, ChannelState]]] = {
    UNOPENED: {recv(ChannelOpen): OPEN},
    OPEN: {
        recv(ChannelClose): CLOSED,
        send(ChannelClose): CLOSING,
        **{recv(method): OPEN for method in SERVED},
    },
    CLOSING: {recv(ChannelCloseOk): CLOSED, recv(ChannelClose): CLOSING},
    CLOSED: {},
}


@dataclass(slots=True, eq=False)
class Connection:
    """What the channels of one open connection share. `owner` is who exclusive queues belong to."""

    output: Output
    vhost: VHost
    owner: object
    user: User
    rights: Rights
    permits: Permits
    log: Log
    pager: Pager
    randomness: Randomness
    throttle: Throttle
    settings: Settings
    cancel_notify: bool
    timeouts: Timeouts
    park: Callable[[Channel], Wait]
    """The channel's reply comes later; nothing else is done on it until then."""
    resume: Callable[[int, object], None]
    name: str = ""
    """Its two ends."""
    flow: bool = False
    """The last read brought messages that consumers do not keep up with."""

    def origin(self, channel: int) -> Origin:
        """One of its channels, as traces tell of it."""
        return Origin(self.name, channel, self.user.name)


class Channel:
    """One channel of an open connection."""

    __slots__ = (
        "_deliveries",
        "_publishing",
        "connection",
        "counts",
        "generated",
        "last_queue",
        "number",
        "parked",
        "prefetch",
        "ready",
        "state",
    )

    def __init__(self, number: int, connection: Connection) -> None:
        self.number = number
        self.connection = connection
        self.state = UNOPENED
        self.ready = False
        """Open and not parked: events go straight to it."""
        self.parked = 0
        """The token that it waits for; 0: none, -1: it is gone and never goes on."""
        self.generated = ""
        """The name of a queue that is being declared without one."""
        self.last_queue = ""
        """The queue that was declared last: what an empty name means (spec 1.7.2.1)."""
        self.prefetch = connection.settings.consumer_prefetch
        """basic.qos without `global`: what the next consumers get."""
        self.counts: Counts | None = None
        """Messages, from the first one on."""
        self._deliveries: Deliveries | None = None
        self._publishing: Publishing | None = None

    def inspected(self) -> tuple[Deliveries | None, Publishing | None]:
        """Its two sides, as far as they are there: looking makes none."""
        return self._deliveries, self._publishing

    def move(self, moved: int) -> bool:
        """Let a method move the state; False when it has no place in this state."""
        state = CHANNEL[self.state].get(moved)
        if state is None:
            return False
        self.state = state
        self.go_on()
        return True

    def go_on(self) -> None:
        """See whether events may go straight to it."""
        self.ready = self.state is OPEN and not self.parked

    # -- the two sides -------------------------------------------------------------------------------------------

    @property
    def deliveries(self) -> Deliveries:
        """Its consuming side."""
        if self._deliveries is None:
            shared = self.connection
            self._deliveries = Deliveries(
                self.number,
                shared.output,
                shared.vhost,
                shared.timeouts,
                shared.cancel_notify,
                shared.origin,
                self._counted,
            )
        return self._deliveries

    @property
    def publishing(self) -> Publishing:
        """Its publishing side."""
        if self._publishing is None:
            shared = self.connection
            self._publishing = Publishing(self.number, shared, self._counted)
        return self._publishing

    @property
    def _counted(self) -> Counts:
        """Of both sides."""
        if self.counts is None:
            self.counts = Counts()
        return self.counts

    def publish(self, batch: Batch) -> None:
        """basic.publish, many at once. While a resource is short these are the last that are read."""
        throttle = self.connection.throttle
        if throttle.alarms.short:
            throttle.block()
        (self._publishing or self.publishing).publish(batch)

    def settle(self, settlement: Settlement) -> None:
        """basic.ack, nack or reject, many at once."""
        publishing = self._publishing
        if publishing is None or publishing.transaction is None:
            (self._deliveries or self.deliveries).settle(settlement)
        else:
            portions = self.deliveries.hold(settlement)
            publishing.transaction.settlements.append((portions, settlement.kind))

    @property
    def gone(self) -> bool:
        """Whether it was released."""
        return self.parked == _GONE

    def release(self) -> None:
        """The channel is gone: everything it holds goes back."""
        self.ready = False
        self.parked = _GONE
        if self._deliveries is not None:
            self._deliveries.release()
        if self._publishing is not None:
            self._publishing.release()

    # -- what methods share --------------------------------------------------------------------------------------

    def queue_name(self, name: str) -> str:
        """The queue that a method means. Raises NotFound when it means the last one and there is none."""
        name = name or self.last_queue
        if not name:
            raise NotFound("no previously declared queue")
        return name

    def once_durable(self, position: Position | None, reply: Method | None) -> Reply:
        """Answer when the log holds what was done."""
        shared = self.connection
        if reply is None or position is None or position <= shared.log.durable:
            return reply
        wait = shared.park(self)
        shared.log.when_durable(position, lambda: shared.resume(wait.token, reply))
        return wait
