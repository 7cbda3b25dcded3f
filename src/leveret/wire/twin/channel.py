"""The state of one channel: the content that is being received, and what this push has collected so far."""

from __future__ import annotations

from typing import Final

from .batch import Batch
from .events import Settlement

# What a channel expects next.
AWAIT_METHOD: Final = 0
AWAIT_HEADER: Final = 1
AWAIT_BODY: Final = 2

_METHOD_OVERHEAD: Final = 7
"""What basic.publish has besides the names: its ids, a reserved short, the bits."""


class Channel:
    """One channel: the content that is being received, and what this push has collected so far."""

    __slots__ = (
        "abandoned",
        "batch",
        "body",
        "features",
        "method",
        "number",
        "properties",
        "remaining",
        "settlement",
        "skip",
        "state",
    )

    def __init__(self, number: int) -> None:
        self.number = number
        self.state = AWAIT_METHOD
        self.skip = False
        """Nobody wants the content that is being received: it was too large, or its channel is closed."""
        self.abandoned = False
        """Its channel is closed, so that the peer may as well not finish it."""
        self.batch: Batch | None = None
        self.settlement: Settlement | None = None
        self.method = b""
        self.properties = b""
        self.features = 0
        self.remaining = 0
        self.body = bytearray()

    @property
    def held_bytes(self) -> int:
        if self.state == AWAIT_METHOD or self.skip:
            return 0
        return len(self.method) - _METHOD_OVERHEAD + len(self.properties) + len(self.body)

    def forget(self) -> None:
        self.method = self.properties = b""
        self.body = bytearray()
