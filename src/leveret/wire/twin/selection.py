"""An index list into a batch or extent.

A run of consecutive rows stays a `range`; anything else is a list. Both are sequences, so the rest need not care.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import overload

from .constants import U32_MAX


class Selection:
    """Ascending row indices without duplicates."""

    __slots__ = ("_rows",)
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, rows: Iterable[int]) -> None:
        """Raises ValueError unless strictly ascending and within u32."""
        listed = list(rows)
        last = -1
        for row in listed:
            if row <= last:
                raise ValueError("rows of a selection must ascend")
            last = row
        if last > U32_MAX:
            raise ValueError("row is over 32 bits")
        self._rows: Sequence[int] = _shortest(listed)

    @staticmethod
    def range(start: int, stop: int) -> Selection:
        """The rows from `start` to before `stop`. Raises ValueError unless they are within u32."""
        if not (0 <= start <= U32_MAX and 0 <= stop <= U32_MAX):
            raise ValueError("row is over 32 bits")
        return _of(range(start, stop))

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[int]:
        return iter(self._rows)

    @overload
    def __getitem__(self, index: int) -> int: ...
    @overload
    def __getitem__(self, index: slice) -> Selection: ...
    def __getitem__(self, index: int | slice) -> int | Selection:
        if not isinstance(index, slice):
            return self._rows[index]
        if index.step not in (None, 1):
            raise ValueError("a selection is sliced in steps of 1 only")
        return _of(self._rows[index])

    def __eq__(self, other: object) -> bool:
        return list(self._rows) == list(other._rows) if isinstance(other, Selection) else NotImplemented

    def __repr__(self) -> str:
        return f"Selection({list(self._rows)})"

    def window(self, start: int, stop: int, shift: int = 0) -> Selection:
        """The rows in `start..stop`, each minus `shift`. Raises ValueError when one is no u32 then."""
        rows = [row - shift for row in self._rows if start <= row < stop]
        if rows and rows[0] < 0:
            raise ValueError("row is below 0")
        return Selection(rows)

    @staticmethod
    def merge(parts: Sequence[Selection]) -> Selection:
        """The union of any number of selections."""
        return of_rows(sorted(dict.fromkeys(row for part in parts for row in part._rows)))

    def union(self, other: Selection) -> Selection:
        return Selection.merge((self, other))

    def difference(self, other: Selection) -> Selection:
        gone = frozenset(other._rows)
        return of_rows([row for row in self._rows if row not in gone])


def _of(rows: Sequence[int]) -> Selection:
    selection = Selection.__new__(Selection)
    selection._rows = rows
    return selection


def _shortest(rows: list[int]) -> Sequence[int]:
    if rows and rows[-1] - rows[0] == len(rows) - 1:
        return range(rows[0], rows[-1] + 1)
    return rows


def of_rows(rows: list[int]) -> Selection:
    """A selection of rows that are known to ascend; owns the list."""
    return _of(_shortest(rows))


def of_range(start: int, stop: int) -> Selection:
    return _of(range(start, stop))


def of_stride(first: int, step: int, count: int) -> Selection:
    return _of(range(first, first + step * count, step))
