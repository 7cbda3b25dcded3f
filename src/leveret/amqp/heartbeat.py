"""Heartbeats of one open connection (spec 4.2.7; RabbitMQ "Heartbeats").

A frame goes out every half timeout in which nothing else did. The peer is dead after two timeouts without a byte from
it; time in which we do not read does not count, since its heartbeats wait in the socket.
"""

from __future__ import annotations

from ..wire.frames import HEARTBEAT_FRAME


class Heartbeat:
    """When to send a heartbeat, and whether the peer is still there. Times are monotonic milliseconds."""

    __slots__ = ("_dead_ms", "_half_ms", "_next_ms", "_seen", "timeout_s")

    def __init__(self, timeout_s: int, now_ms: int) -> None:
        """`timeout_s` is what the client chose, at least 1."""
        self.timeout_s = timeout_s
        self._half_ms = timeout_s * 500
        self._dead_ms = timeout_s * 2000
        self._next_ms = now_ms + self._half_ms
        self._seen = 0  # bytes that had left when last looked, the heartbeat that followed included

    def is_dead(self, now_ms: int, last_received_ms: int) -> bool:
        """Whether two timeouts went by since the peer's last byte."""
        return now_ms - last_received_ms >= self._dead_ms

    def is_due(self, now_ms: int, sent: int) -> bool:
        """Whether a frame has to go out now; `sent`: bytes that have left so far."""
        if now_ms < self._next_ms:
            return False
        self._next_ms = now_ms + self._half_ms
        due = sent == self._seen
        self._seen = sent + len(HEARTBEAT_FRAME) if due else sent
        return due

    @property
    def next_ms(self) -> int:
        """When to look again."""
        return self._next_ms
