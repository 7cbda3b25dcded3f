"""Messages in, on one channel: what the front door itself checks of them, confirms, returns, the open transaction.

It is what the brain sees of a channel that publishes (`ports.Publisher`); a channel makes one when it first publishes
or selects a mode. A batch behaves as its messages one by one: a refused message ends its batch, those before it count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import NoRoute, PreconditionFailed
from ..wire import REPLY_TO, render_return
from .checking import CHECKED, first_refused, with_reply_name
from .confirms import Confirms

if TYPE_CHECKING:
    from ..broker.consumer import Consumer
    from ..broker.counts import Counts
    from ..broker.vhost import Portion
    from ..ports import Log, Origin, Position
    from ..wire import Batch, Selection
    from .channel import Connection


class Transaction:
    """What a channel in tx mode has done since tx.select, the last commit or rollback."""

    __slots__ = ("batches", "settlements")

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.settlements: list[tuple[list[Portion], int]] = []

    def clear(self) -> None:
        self.batches.clear()
        self.settlements.clear()


class Publishing:
    """The publishing side of one channel."""

    __slots__ = (
        "_connection",
        "_number",
        "_output",
        "_vhost",
        "confirms",
        "counts",
        "replies",
        "transaction",
    )

    def __init__(self, number: int, connection: Connection, counts: Counts) -> None:
        """`counts`: of its channel."""
        self._number = number
        self._connection = connection
        self._output = connection.output
        self._vhost = connection.vhost
        self.counts = counts
        self.confirms: Confirms | None = None
        self.transaction: Transaction | None = None
        self.replies: Consumer | None = None
        """Who gets replies to messages of this channel, if it consumes them directly."""

    # -- modes ---------------------------------------------------------------------------------------------------

    def confirm(self, log: Log) -> None:
        """confirm.select: outcomes are told from here on."""
        if self.transaction is not None:
            raise PreconditionFailed("cannot switch from tx to confirm mode")
        if self.confirms is None:
            self.confirms = Confirms(self._number, self._output, log)

    def transact(self) -> None:
        """tx.select."""
        if self.confirms is not None:
            raise PreconditionFailed("cannot switch from confirm to tx mode")
        if self.transaction is None:
            self.transaction = Transaction()

    # -- messages ------------------------------------------------------------------------------------------------

    def publish(self, batch: Batch) -> None:
        """Contents of basic.publish."""
        if batch.features & CHECKED or not self._connection.permits.cover(batch):
            self._publish_checked(batch)
        elif self.transaction is None:
            self._vhost.publish(batch, self)
        else:
            self._vhost.check_publish(batch)
            self.transaction.batches.append(batch)

    def _publish_checked(self, batch: Batch) -> None:
        replies = self.replies
        name = "" if replies is None or replies.cancelled or replies.queue is None else replies.queue.name
        row, error = first_refused(batch, self._connection.user, name, self._connection.permits) or (None, None)
        if name and batch.features & REPLY_TO:
            batch = with_reply_name(batch, name, self._vhost.pool)
        if self.transaction is None:
            self._vhost.publish(batch, self, row, error)
        else:
            self._vhost.check_publish(batch, row, error)
            self.transaction.batches.append(batch)

    # -- what the brain calls ------------------------------------------------------------------------------------

    def returned(self, batch: Batch, selection: Selection) -> None:
        """basic.return for mandatory messages that reached no queue."""
        self.counts.return_unroutable += len(selection)
        output = self._output
        output.send(render_return(batch, selection, self._number, NoRoute.code, NoRoute.name, output.frame_max))

    def published(self, count: int, position: Position | None, rejected: Selection | None) -> None:
        """What became of the next `count` messages."""
        connection = self._connection
        if position is not None:
            connection.throttle.follow(connection.log)
        if connection.pager.lagging:
            connection.throttle.follow(connection.pager)
        self.counts.publish += count
        if self.confirms is not None:
            accepted = count if rejected is None else count - len(rejected)
            self.counts.confirm += accepted
            self._vhost.counts.confirm += accepted
            self.confirms.add(count, position, rejected)

    @property
    def origin(self) -> Origin:
        """Which channel this is."""
        return self._connection.origin(self._number)

    def slow_down(self) -> None:
        """Consumers are behind: the connection is read after others."""
        self._connection.flow = True

    def release(self) -> None:
        """The channel is gone; an open transaction with it (spec 1.9: there is no implicit commit)."""
        if self.confirms is not None:
            self.confirms.close()
