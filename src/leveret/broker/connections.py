"""Who is connected: for limits, and to close the connections of a user or virtual host that is gone.

Whatever protocol a client speaks, its connection is admitted here when it opens a virtual host, and leaves when it
ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from ..errors import NotAllowed
from .events import NODE
from .parameters import MAX_CONNECTIONS

if TYPE_CHECKING:
    from .counts import Churn, Counts
    from .parameters import Parameters


class Connected(Protocol):
    """A connection that is open."""

    @property
    def name(self) -> str:
        """What others call it."""
        ...

    def close(self, text: str) -> None:
        """End it with 320 (connection forced) and this text. May come at any time, more than once."""
        ...

    def __hash__(self) -> int: ...

    def describe(self) -> dict[str, Any]:
        """As the management API shows it."""
        ...

    def describe_channels(self) -> list[dict[str, Any]]:
        """Its channels, likewise."""
        ...

    def traffic(self) -> tuple[int, int]:
        """Bytes received and sent."""
        ...

    def channel_counts(self) -> dict[str, Counts]:
        """Messages by the names of its channels, as far as they had any."""
        ...


class Limits(Protocol):
    """The limits of users."""

    def user_limit(self, user: str, limit: str) -> int | None:
        """`max-connections` or `max-channels`; None: no limit."""
        ...


MAX_CHANNELS = "max-channels"


class Connections:
    """All that are open, of one node."""

    __slots__ = (
        "_by_user",
        "_by_vhost",
        "_channels",
        "_churn",
        "_limits",
        "_parameters",
        "channels",
        "channels_max",
        "gone_traffic",
        "open_max",
    )

    def __init__(self, parameters: Parameters, limits: Limits, churn: Churn) -> None:
        self._parameters = parameters
        self._limits = limits
        self._churn = churn
        self._by_vhost: dict[str, dict[Connected, None]] = {}
        self._by_user: dict[str, dict[Connected, None]] = {}
        self._channels: dict[str, int] = {}
        """Open channels by user."""
        self.channels = 0
        self.gone_traffic = (0, 0)
        """Bytes received from and sent to connections that are gone."""
        self.open_max: int | None = None
        """`connection_max` of the node."""
        self.channels_max: int | None = None
        """`channel_max_per_node`."""

    def __len__(self) -> int:
        return sum(map(len, self._by_vhost.values()))

    def all(self) -> list[Connected]:
        """Every one."""
        return [connection for there in self._by_vhost.values() for connection in there]

    def of_vhost(self, vhost: str) -> list[Connected]:
        """Those of a virtual host."""
        return [*self._by_vhost.get(vhost, ())]

    def of_user(self, user: str) -> list[Connected]:
        """Those of a user."""
        return [*self._by_user.get(user, ())]

    def count(self, vhost: str) -> int:
        """How many a virtual host has."""
        return len(self._by_vhost.get(vhost, ()))

    def check(self, user: str, vhost: str) -> None:
        """Raises NotAllowed when there are as many as there may be; the node's limit comes first (RabbitMQ)."""
        if self.open_max is not None and len(self) >= self.open_max:
            raise NotAllowed(f"connection refused: node connection limit ({self.open_max}) is reached")
        limit = self._parameters.vhost_limit(vhost, MAX_CONNECTIONS)
        if limit is not None and self.count(vhost) >= limit:
            raise NotAllowed(
                f"access to vhost '{vhost}' refused for user '{user}': connection limit ({limit}) is reached"
            )
        limit = self._limits.user_limit(user, MAX_CONNECTIONS)
        if limit is not None and len(self._by_user.get(user, ())) >= limit:
            raise NotAllowed(f"connection refused for user '{user}': user connection limit ({limit}) is reached")

    def admit(self, connection: Connected, user: str, vhost: str) -> None:
        """One more. Raises as `check` does."""
        self.check(user, vhost)
        self._by_vhost.setdefault(vhost, {})[connection] = None
        self._churn.connection_created += 1
        self._by_user.setdefault(user, {})[connection] = None

    def leave(self, connection: Connected, user: str, vhost: str) -> None:
        """It is over; nothing when it was not admitted."""
        if connection in self._by_vhost.get(vhost, ()):
            self._churn.connection_closed += 1
            received, sent = connection.traffic()
            self.gone_traffic = (self.gone_traffic[0] + received, self.gone_traffic[1] + sent)
        for table, name in ((self._by_vhost, vhost), (self._by_user, user)):
            there = table.get(name)
            if there is not None:
                there.pop(connection, None)
                if not there:
                    del table[name]

    def check_channel(self, user: str) -> None:
        """Raises NotAllowed when the user, or the node, has as many as there may be."""
        limit = self._limits.user_limit(user, MAX_CHANNELS)
        if limit is not None and self._channels.get(user, 0) >= limit:
            raise NotAllowed(
                f"number of channels opened for user '{user}' has reached the maximum allowed user limit of {limit}"
            )
        if self.channels_max is not None and self.channels >= self.channels_max:
            raise NotAllowed(
                f"number of channels opened on node '{NODE}' has reached the maximum allowed limit of"
                f" {self.channels_max}"
            )

    def open_channel(self, user: str) -> None:
        """One more."""
        self._channels[user] = self._channels.get(user, 0) + 1
        self.channels += 1
        self._churn.channel_created += 1

    def close_channels(self, user: str, count: int) -> None:
        """So many channels of the user's are closed."""
        left = self._channels.get(user, 0) - count
        if left > 0:
            self._channels[user] = left
        else:
            self._channels.pop(user, None)
        self.channels -= count
        self._churn.channel_closed += count

    def close_vhost(self, vhost: str, text: str) -> None:
        """End those of a virtual host."""
        for connection in [*self._by_vhost.get(vhost, ())]:
            connection.close(text)

    def close_user(self, user: str, text: str) -> None:
        """End those of a user."""
        for connection in [*self._by_user.get(user, ())]:
            connection.close(text)
