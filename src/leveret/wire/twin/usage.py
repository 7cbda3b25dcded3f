"""How much of the log is live."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise

from .constants import SPILL
from .extent import Extent


class Usage:
    """Live bytes of the log by segment: of each block the share of its rows that is live."""

    __slots__ = ("_bases", "_bytes")

    def __init__(self, bases: Sequence[int]) -> None:
        """Raises ValueError unless the first positions of the segments ascend."""
        if any(base >= after for base, after in pairwise(bases)):
            raise ValueError("positions of segments must ascend")
        self._bases = list(bases)
        self._bytes = [0] * len(bases)

    def add(self, extent: Extent) -> None:
        for position, length, live, rows in extent.blocks():
            segment = bisect_right(self._bases, position) - 1
            if segment >= 0 and position < SPILL:
                self._bytes[segment] += length * live // rows

    @property
    def bytes(self) -> list[int]:
        """In the order of the segments."""
        return list(self._bytes)
