"""Bytes from front to back."""

from __future__ import annotations


class Reader:
    """Raises ValueError where the data ends too early."""

    __slots__ = ("data", "position")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0

    @property
    def left(self) -> int:
        return len(self.data) - self.position

    def take(self, size: int) -> bytes:
        start = self.position
        if size > self.left:
            raise ValueError("data ends too early")
        self.position += size
        return self.data[start : self.position]

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def rest(self) -> bytes:
        return self.take(self.left)

    def end(self) -> None:
        """Raises ValueError unless everything was read."""
        if self.left:
            raise ValueError("data is followed by something else")
