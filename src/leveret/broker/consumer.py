"""A consumer: who gets a queue's messages, and how many at most are outstanding with it.

It is in its queue's ring (that of its priority) while it can take something. It leaves the ring when its credit is
used up or its channel has no room, and comes back at the ring's end (as in RabbitMQ, where a blocked consumer rejoins
last).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..wire.fields import Arguments
from .arguments import CONSUMER_TIMEOUT, PRIORITY
from .credit import UNLIMITED

if TYPE_CHECKING:
    from ..ports import Deliveries
    from .credit import Credit
    from .queue import Queue


class Consumer:
    """One basic.consume. A basic.get has one too, cancelled from the start, as the owner of its message."""

    __slots__ = (
        "arguments",
        "cancelled",
        "channel",
        "exclusive",
        "no_ack",
        "prefetch",
        "priority",
        "queue",
        "ringed",
        "shared",
        "tag",
        "timeout_ms",
        "unacked",
    )

    def __init__(
        self,
        tag: str,
        channel: Deliveries,
        *,
        no_ack: bool,
        exclusive: bool = False,
        prefetch: int = 0,
        shared: Credit | None = None,
        arguments: Arguments = Arguments.EMPTY,
    ) -> None:
        self.tag = tag
        self.channel = channel
        self.no_ack = no_ack
        self.exclusive = exclusive
        self.prefetch = prefetch
        self.shared = shared
        self.arguments = arguments
        self.priority = _number(arguments, PRIORITY) or 0
        """Higher ones are served first."""
        self.timeout_ms = _number(arguments, CONSUMER_TIMEOUT)
        """By when it has to settle what it gets, if it asked for that itself."""
        self.queue: Queue | None = None
        self.unacked = 0
        self.ringed = False
        self.cancelled = False

    @property
    def credit(self) -> int:
        """Messages it may be given now."""
        if self.no_ack:
            return UNLIMITED
        own = self.prefetch - self.unacked if self.prefetch else UNLIMITED
        return own if self.shared is None else min(own, self.shared.left)

    @property
    def own_credit(self) -> int:
        """The same without the limit that its channel's consumers share."""
        return UNLIMITED if self.no_ack or not self.prefetch else self.prefetch - self.unacked

    @property
    def limited_by_channel(self) -> bool:
        """Whether it shares a limit with other consumers: then it is dealt one message at a time."""
        return self.shared is not None and self.shared.limit > 0 and not self.no_ack

    def took(self, messages: int) -> None:
        """So many are outstanding with it now."""
        self.unacked += messages
        if self.shared is not None:
            self.shared.used += messages

    def gave_back(self, messages: int) -> None:
        """So many of its messages were settled or requeued."""
        self.unacked -= messages
        if self.shared is not None:
            self.shared.give_back(messages)
        if not self.ringed and not self.cancelled:
            self.ready_again()

    def ready_again(self) -> None:
        """It may be able to take messages: back into the ring."""
        if self.queue is not None:
            self.queue.rejoin(self)


def _number(arguments: Arguments, name: str) -> int | None:
    """Trusts that a consumer with other values there is refused (`validate_consume_arguments`)."""
    value = arguments.get(name) if arguments else None
    return value if isinstance(value, int) else None
