"""Messages in, on one channel: what the front door itself checks of them, confirms, returns, the open transaction.

It is what the brain sees of a channel that publishes (`ports.Publisher`); a channel makes one when it first publishes
or selects a mode. A batch behaves as its messages one by one: a refused message ends its batch, those before it count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..errors import AmqpError, NoRoute, NotImplemented_, PreconditionFailed
from ..wire import COLUMN_PROPERTY, IMMEDIATE, USER_ID, render_return
from .confirms import Confirms

if TYPE_CHECKING:
    from ..broker.vhost import Portion
    from ..ports import Log, Position
    from ..wire import Batch, Selection
    from .channel import Connection

_CHECKED: Final = IMMEDIATE | USER_ID
_IMPERSONATOR: Final = "impersonator"
"""A user with this tag may publish with any user-id (RabbitMQ "Validated User-ID")."""


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

    __slots__ = ("_connection", "_number", "_output", "_user", "_vhost", "confirms", "transaction")

    def __init__(self, number: int, connection: Connection) -> None:
        self._number = number
        self._connection = connection
        self._output = connection.output
        self._vhost = connection.vhost
        self._user = connection.user
        self.confirms: Confirms | None = None
        self.transaction: Transaction | None = None

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
        if batch.features & _CHECKED:
            self._publish_checked(batch)
        elif self.transaction is None:
            self._vhost.publish(batch, self)
        else:
            self._hold(batch)

    def _hold(self, batch: Batch) -> None:
        assert self.transaction is not None
        self._vhost.check_publish(batch)
        self.transaction.batches.append(batch)

    def _publish_checked(self, batch: Batch) -> None:
        limit, error = self._refused(batch)
        if self.transaction is not None:
            if error is not None:
                raise error
            self._hold(batch)
        elif error is None:
            self._vhost.publish(batch, self)
        else:
            if limit:
                self._vhost.publish(batch, self, limit)
            raise error

    def _refused(self, batch: Batch) -> tuple[int, AmqpError | None]:
        """The first row that the front door refuses, and why."""
        first = len(batch)
        error: AmqpError | None = None
        if batch.features & IMMEDIATE:
            first, error = batch.select(IMMEDIATE)[0], NotImplemented_("immediate=true")
        if batch.features & USER_ID and _IMPERSONATOR not in self._user.tags:
            own = self._user.name.encode()
            for value, rows in batch.partition(COLUMN_PROPERTY, batch.select(USER_ID), "user_id"):
                assert isinstance(value, bytes)
                if value != own and rows[0] < first:
                    other = value.decode(errors="replace")
                    text = f"user_id property set to '{other}' but authenticated user was '{self._user.name}'"
                    first, error = rows[0], PreconditionFailed(text)
        return first, error

    # -- what the brain calls ------------------------------------------------------------------------------------

    def returned(self, batch: Batch, selection: Selection) -> None:
        """basic.return for mandatory messages that reached no queue."""
        output = self._output
        output.send(render_return(batch, selection, self._number, NoRoute.code, NoRoute.name, output.frame_max))

    def published(self, count: int, position: Position | None, rejected: Selection | None) -> None:
        """What became of the next `count` messages."""
        connection = self._connection
        if position is not None:
            connection.throttle.follow(connection.log)
        if connection.pager.lagging:
            connection.throttle.follow(connection.pager)
        if self.confirms is not None:
            self.confirms.add(count, position, rejected)

    def slow_down(self) -> None:
        """Consumers are behind: the connection is read after others."""
        self._connection.flow = True

    def release(self) -> None:
        """The channel is gone; an open transaction with it (spec 1.9: there is no implicit commit)."""
        if self.confirms is not None:
            self.confirms.close()
