"""Reading back: ranges of bytes that lie in parts of files, asked of a disk, and told when all of them are there."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..ports import Disk, Fetched

    Piece = tuple[str | None, int, int]
    """File (None: there is none, its bytes are zeros), offset, size."""

logger = logging.getLogger("leveret.store")


class _Fetch:
    """What somebody asked for at once."""

    __slots__ = ("_callback", "_failed", "left", "ranges")

    def __init__(self, callback: Fetched) -> None:
        self._callback = callback
        self._failed = False
        self.ranges: list[tuple[int, list[bytes]]] = []
        self.left = 0

    def arrived(self, number: int, part: int, result: bytes | OSError | None) -> None:
        position, parts = self.ranges[number]
        if isinstance(result, bytes):
            parts[part] = result.ljust(len(parts[part]), b"\0")
        else:
            logger.error("cannot read what is at position %d: %s", position, result)
            self._failed = True
        self.left -= 1

    def tell(self) -> None:
        found = [(position, parts[0] if len(parts) == 1 else b"".join(parts)) for position, parts in self.ranges]
        self._callback(None if self._failed else found)


class Reads:
    """Fetches that are under way. `tickets` are those of the disk, shared with who writes."""

    __slots__ = ("_complete", "_disk", "_fetches", "_tickets")

    def __init__(self, disk: Disk, tickets: Iterator[int]) -> None:
        self._disk = disk
        self._tickets = tickets
        self._fetches: dict[int, tuple[_Fetch, int, int]] = {}  # by ticket: which range of it, which part
        self._complete: deque[_Fetch] = deque()  # who asked is not told yet

    def __len__(self) -> int:
        """Parts that are on their way, and fetches that are not told yet."""
        return len(self._fetches) + len(self._complete)

    def fetch(self, ranges: Sequence[tuple[int, Sequence[Piece]]], callback: Fetched) -> None:
        """Read (position, where its bytes are) each; `callback` gets (position, bytes) each, later, or None when the
        disk refuses one. What a file does not have any more is zeros.
        """
        fetch = _Fetch(callback)
        for position, pieces in ranges:
            parts: list[bytes] = []
            fetch.ranges.append((position, parts))
            for name, offset, size in pieces:
                parts.append(bytes(size))
                if name is not None:
                    ticket = next(self._tickets)
                    self._fetches[ticket] = (fetch, len(fetch.ranges) - 1, len(parts) - 1)
                    fetch.left += 1
                    self._disk.read(ticket, name, offset, size)
        if not fetch.left:
            self._complete.append(fetch)

    def completed(self, ticket: int, result: bytes | OSError | None) -> bool:
        """The disk says what became of this ticket; False when it is of something else. Nobody is told in here: what
        else the disk says is heard first.
        """
        found = self._fetches.pop(ticket, None)
        if found is None:
            return False
        fetch, number, part = found
        fetch.arrived(number, part, result)
        if not fetch.left:
            self._complete.append(fetch)
        return True

    def tell(self) -> None:
        """Tell those for whom all is there. One that fails does not take the answer from the others: they are told
        next time.
        """
        for _ in range(len(self._complete)):
            if not self._complete:
                break  # one of them told the others
            self._complete.popleft().tell()
