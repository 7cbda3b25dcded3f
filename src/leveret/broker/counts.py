"""Messages counted, for the management interface and metrics: once per batch, never per message.

What is gone takes its counts along to its virtual host, so that sums never go down.
"""

from __future__ import annotations

from typing import Final

MESSAGES: Final = (
    "publish",
    "confirm",
    "return_unroutable",
    "drop_unroutable",
    "deliver",
    "deliver_no_ack",
    "get",
    "get_no_ack",
    "get_empty",
    "redeliver",
    "ack",
)
"""RabbitMQ's names. `redeliver` are those that came back to be delivered again."""


class Counts:
    """Since the broker started."""

    __slots__ = MESSAGES

    def __init__(self) -> None:
        self.publish = 0
        self.confirm = 0
        self.return_unroutable = 0
        self.drop_unroutable = 0
        self.deliver = 0
        self.deliver_no_ack = 0
        self.get = 0
        self.get_no_ack = 0
        self.get_empty = 0
        self.redeliver = 0
        self.ack = 0

    def add(self, other: Counts) -> None:
        """And those."""
        for name in MESSAGES:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    @property
    def deliver_get(self) -> int:
        """What left queues, in whatever way."""
        return self.deliver + self.deliver_no_ack + self.get + self.get_no_ack


AT_MOST_ONCE: Final = "at_most_once"
DISABLED: Final = "disabled"
"""Strategies for dead letters, as metrics call them: the second when they go nowhere."""


class Deaths:
    """Messages that died, by reason and by what became of them."""

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str], int] = {}

    def add(self, reason: str, strategy: str, count: int) -> None:
        """So many more."""
        self._counts[reason, strategy] = self._counts.get((reason, strategy), 0) + count

    def of(self, reason: str, strategy: str) -> int:
        """How many so far."""
        return self._counts.get((reason, strategy), 0)


class Churn:
    """What came and went since the broker started."""

    __slots__ = (
        "channel_closed",
        "channel_created",
        "connection_closed",
        "connection_created",
        "queue_created",
        "queue_declared",
        "queue_deleted",
    )

    def __init__(self) -> None:
        self.connection_created = 0
        self.connection_closed = 0
        self.channel_created = 0
        self.channel_closed = 0
        self.queue_declared = 0
        self.queue_created = 0
        self.queue_deleted = 0
