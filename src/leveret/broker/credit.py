"""Credit: how many messages a consumer may still be given before it settles some (basic.qos).

Per consumer it is `prefetch - unacked`, kept by the consumer itself. With `global=true` the channel has one `Credit`
that its consumers share beside their own (RabbitMQ "Consumer Prefetch").
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from .consumer import Consumer

UNLIMITED: Final = 1 << 30


class Credit:
    """A prefetch limit in messages, shared by the consumers of a channel; 0 is no limit."""

    __slots__ = ("_limit", "_waiting", "used")

    def __init__(self, limit: int = 0) -> None:
        self._limit = limit
        self.used = 0
        self._waiting: dict[Consumer, None] = {}

    @property
    def limit(self) -> int:
        return self._limit

    @limit.setter
    def limit(self, limit: int) -> None:
        self._limit = limit
        self._let_in()

    @property
    def left(self) -> int:
        """Messages that may still be delivered, at least 0."""
        return max(self._limit - self.used, 0) if self._limit else UNLIMITED

    def give_back(self, messages: int) -> None:
        """So many were settled."""
        self.used -= messages
        if self._waiting:
            self._let_in()

    def wait(self, consumer: Consumer) -> None:
        """The consumer found nothing left; it goes on when something is given back."""
        self._waiting[consumer] = None

    def forget(self, consumer: Consumer) -> None:
        """The consumer is cancelled; what it has outstanding still counts."""
        self._waiting.pop(consumer, None)

    def _let_in(self) -> None:
        waiting, self._waiting = self._waiting, {}
        for consumer in waiting:
            consumer.ready_again()
