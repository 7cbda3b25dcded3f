"""How long things take: a histogram of fixed size with four buckets per octave, so that adding costs little.

bucket of v microseconds:  4 * (number of bits of v) + the two bits after the highest
"""

from __future__ import annotations

from typing import Final

_OCTAVES: Final = 40


class Lengths:
    """Microseconds, counted in buckets."""

    __slots__ = ("_buckets", "count", "max_us")

    def __init__(self) -> None:
        self._buckets = [0] * (4 * _OCTAVES)
        self.count = 0
        self.max_us = 0

    def add(self, length_us: int) -> None:
        """Count one."""
        self.count += 1
        if length_us > self.max_us:
            self.max_us = length_us
        bits = length_us.bit_length()
        quarter = (length_us >> (bits - 3)) & 3 if bits > 2 else 0
        self._buckets[bits * 4 + quarter] += 1

    def quantile_us(self, share: float) -> int:
        """The length that this share of all stays within (the upper end of its bucket); 0 when nothing was counted."""
        wanted = self.count * share
        seen = 0
        for bucket, count in enumerate(self._buckets):
            seen += count
            if count and seen >= wanted:
                bits, quarter = divmod(bucket, 4)
                if bits < 3:
                    return min(self.max_us, (1 << bits) - 1)
                return min(self.max_us, ((4 + quarter + 1) << (bits - 3)) - 1)
        return 0
