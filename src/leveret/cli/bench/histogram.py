"""How long things took, in buckets that are 1.6 % wide at most."""

from __future__ import annotations

from collections.abc import Mapping

Buckets = dict[int, int]
"""How many by number of the bucket."""


class Histogram:
    """Microseconds, counted."""

    __slots__ = ("buckets", "max_us")

    def __init__(self) -> None:
        self.buckets: Buckets = {}
        self.max_us = 0

    def add(self, us: int, count: int = 1) -> None:
        """`count` things took so long."""
        us = max(us, 0)
        if us > self.max_us:
            self.max_us = us
        bucket = _bucket(us)
        self.buckets[bucket] = self.buckets.get(bucket, 0) + count

    def merge(self, buckets: Mapping[int, int], max_us: int) -> None:
        """What another one counted, too."""
        for bucket, count in buckets.items():
            self.buckets[bucket] = self.buckets.get(bucket, 0) + count
        self.max_us = max(self.max_us, max_us)

    def take(self) -> tuple[Buckets, int]:
        """What was counted since the last time."""
        taken = self.buckets, self.max_us
        self.buckets, self.max_us = {}, 0
        return taken

    def __len__(self) -> int:
        return sum(self.buckets.values())

    def quantiles(self, *shares: float) -> list[float]:
        """Microseconds in which these shares (ascending, 0..1) were done; zeros if there is nothing."""
        total, seen, found = len(self), 0, []
        buckets = iter(sorted(self.buckets.items()))
        bucket = 0
        for share in shares:
            while seen < share * total:
                bucket, count = next(buckets)
                seen += count
            found.append(min(_middle(bucket), float(self.max_us)))
        return found


def _bucket(us: int) -> int:
    """Exact up to 127, then 64 for each power of two."""
    shift = max(us.bit_length() - 7, 0)
    return (shift << 6) + (us >> shift)


def _middle(bucket: int) -> float:
    if bucket < 128:
        return float(bucket)
    shift = (bucket >> 6) - 1
    return (bucket - (shift << 6) + 0.5) * (1 << shift)
