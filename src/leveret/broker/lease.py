"""Leases: a queue with `x-expires` is deleted when nobody used it for so long (RabbitMQ page "Time-To-Live and
Expiration", section Queue TTL). Consumers use it all the time, basic.get and queue.declare for a moment.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..ports import Clock
    from .queue import Queue
    from .ticks import Ticks


class Lease:
    """Of one queue. Use costs no timer: when the time is up it is looked at when that was."""

    __slots__ = ("_clock", "_delete", "_queue", "_ticks", "_used_at_ms", "expires_ms", "tick_at_ms")

    def __init__(
        self, queue: Queue, expires_ms: int, clock: Clock, ticks: Ticks, delete: Callable[[Queue], object]
    ) -> None:
        self._queue = queue
        self._clock = clock
        self._ticks = ticks
        self._delete = delete
        self.expires_ms = expires_ms
        self.tick_at_ms: int | None = None
        self._used_at_ms = clock.monotonic_ms()
        self._wait()

    def renew(self) -> None:
        """The queue is used, or its last consumer is gone."""
        self._used_at_ms = self._clock.monotonic_ms()
        if self.tick_at_ms is None:
            self._wait()

    def end(self) -> None:
        """The queue is deleted, or does not expire any more."""
        self._ticks.forget(self)

    def tick(self, now_ms: int) -> None:
        """The time may be up."""
        if self._queue.consumers:
            return  # the last one of them renews it
        if now_ms >= self._used_at_ms + self.expires_ms:
            self._delete(self._queue)
        else:
            self._wait()

    def _wait(self) -> None:
        self._ticks.after(self._used_at_ms + self.expires_ms - self._clock.monotonic_ms(), self)
