"""When messages expire: runs of neighbours that expire together, and what an extent knows of its rows.

expiries = runs:u32  runs*( count:u64  when:u64 )       big-endian; runs next to each other differ in `when`

`when` is in milliseconds of wall time; 0 is never.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from struct import iter_unpack, pack
from typing import TYPE_CHECKING, Final

from ...limits import EXPIRATION_MAX_MS
from .constants import U64_MAX
from .selection import Selection, of_rows

if TYPE_CHECKING:
    from typing_extensions import Buffer

NEVER: Final = 0
_ROWS_END: Final = 1 << 63


class Expiries:
    """Immutable; (count, when_ms) of each run."""

    __slots__ = ("_rows", "_runs")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, runs: Iterable[tuple[int, int]]) -> None:
        """Raises ValueError for a run without rows, and for numbers over 64 bits."""
        self._runs: list[tuple[int, int]] = []
        self._rows = 0
        for count, when in runs:
            self._rows += count
            if not (0 < count <= U64_MAX and 0 <= when <= U64_MAX) or self._rows >= _ROWS_END:
                raise ValueError("a run has no rows, or numbers are over 64 bits")
            if self._runs and self._runs[-1][1] == when:
                count += self._runs.pop()[0]
            self._runs.append((count, when))

    def __len__(self) -> int:
        """Rows."""
        return self._rows

    def __getitem__(self, index: slice) -> Expiries:
        """A part; only slices of step 1."""
        if not isinstance(index, slice):
            raise TypeError("only slices")
        start, stop, step = index.indices(self._rows)
        if step != 1:
            raise ValueError("only slices of step 1")
        part, first = [], 0
        for count, when in self._runs:
            begin, end = max(start, first), min(stop, first + count)
            if begin < end:
                part.append((end - begin, when))
            first += count
        return Expiries(part)

    def __eq__(self, other: object) -> bool:
        return self._runs == other._runs if isinstance(other, Expiries) else NotImplemented

    def __repr__(self) -> str:
        return f"Expiries({self._runs})"

    @property
    def runs(self) -> list[tuple[int, int]]:
        return list(self._runs)

    @property
    def none(self) -> bool:
        """Whether all rows stay for ever."""
        return all(when == NEVER for _, when in self._runs)

    def each(self) -> Iterator[int]:
        """One time per row."""
        for count, when in self._runs:
            for _ in range(count):
                yield when

    def encode(self) -> bytes:
        return pack(">I", len(self._runs)) + b"".join(pack(">QQ", *run) for run in self._runs)

    @staticmethod
    def decode(data: Buffer) -> Expiries:
        """What `encode` wrote. Raises ValueError for anything else."""
        raw = bytes(memoryview(data))
        count = int.from_bytes(raw[:4], "big")
        if len(raw) != 4 + 16 * count:
            raise ValueError("expiries are cut off, or followed by something")
        expiries = Expiries(iter_unpack(">QQ", raw[4:]))
        if len(expiries._runs) != count:
            raise ValueError("runs that expire together are one")
        return expiries


def expiries_of(properties: Iterable[bytes | None], now_ms: int, ttl_ms: int) -> Expiries | None:
    """Of messages with these `expiration` properties; `ttl_ms` is an upper bound, -1 none. None if none expires."""
    whens = []
    for raw in properties:
        own = None if raw is None else parse_expiration(raw)
        if ttl_ms >= 0:
            own = ttl_ms if own is None else min(own, ttl_ms)
        whens.append(NEVER if own is None else min(max(now_ms + own, 1), U64_MAX))
    return Expiries((1, when) for when in whens) if any(whens) else None


def parse_expiration(raw: bytes) -> int | None:
    """Milliseconds; None for what is no number, or one that is too large."""
    digits = raw[1:] if raw[:1] in (b"+", b"-") else raw
    if not digits.isdigit() or not 0 <= int(raw) <= EXPIRATION_MAX_MS:
        return None
    return int(raw)


class Whens:
    """When each row of an extent expires; rows behind the last one here never do."""

    __slots__ = ("_next", "_rows")

    def __init__(self, rows: Iterable[int] = ()) -> None:
        self._rows = list(rows)
        self._next = _earliest(self._rows)

    @property
    def next(self) -> int:
        """No ready row expires before this; 0 if none does."""
        return self._next

    def __getitem__(self, row: int) -> int:
        return self._rows[row] if row < len(self._rows) else NEVER

    def put(self, first: int, expiries: Expiries) -> None:
        """The rows from `first` on expire so."""
        whens = list(expiries.each())
        self._rows += [NEVER] * (first - len(self._rows))
        self._rows[first : first + len(whens)] = whens
        self._next = _earliest([self._next, *whens])

    def requeued(self, rows: Iterable[int]) -> None:
        """These are ready again."""
        self._next = _earliest([self._next, *[self[row] for row in rows]])

    def dropped(self, rows: Iterable[int], ready: Selection) -> None:
        """These were ready; now only the others are."""
        if self._next and self._next == _earliest([self[row] for row in rows]):
            self.expired(NEVER, ready)

    def expired(self, now_ms: int, ready: Selection) -> Selection:
        """Those of the ready rows; `next` is exact afterwards."""
        self._next = _earliest([self[row] for row in ready])
        return of_rows([row for row in ready if NEVER < self[row] <= now_ms])


def _earliest(whens: list[int]) -> int:
    return min(filter(None, whens), default=NEVER)
