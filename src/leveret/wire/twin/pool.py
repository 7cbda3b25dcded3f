"""Where payload bytes live, and the account of them.

The kernel's arenas are chunks of memory that rows point into. Here a row keeps its own `bytes`, and an `Arena` is only
their account: each row refers to the arena it came with, and the arena's bytes are given back when the last such row is
gone, as a chunk's would be.
"""

from __future__ import annotations


class Pool:
    """The account of all payload bytes that decoders and extents hold."""

    __slots__ = ("_allocated", "chunk_size")

    def __init__(self, chunk_size: int = 262144) -> None:
        self.chunk_size = chunk_size
        self._allocated = 0

    @property
    def allocated(self) -> int:
        """Bytes of all arenas that something still refers to."""
        return self._allocated


class Arena:
    """The bytes of the rows that one push, build or compaction made."""

    __slots__ = ("_pool", "size")

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self.size = 0

    def add(self, size: int) -> None:
        self.size += size
        self._pool._allocated += size

    def __del__(self) -> None:
        self._pool._allocated -= self.size


Row = tuple[bytes, bytes, bytes, int, Arena]
"""One message: names (exchange and routing key, two shortstrings), properties, body, features, arena."""


def row_size(row: Row) -> int:
    return len(row[0]) + len(row[1]) + len(row[2])
