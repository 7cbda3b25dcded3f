"""Pieces: which messages of a queue lie where in the log, as recovery finds it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from .constants import SPILL, U32_MAX, U64_MAX

Piece = tuple[int, int, int, int, int, int, int]
"""First message, count, position and length of the block, the first one's number in it, body bytes, features."""

BLOCK_MIN: Final = 12
"""A block has at least its length, its checksum and the number of its rows."""


def is_place(position: int, length: int) -> bool:
    """Whether a block can lie there."""
    return 0 <= position <= U64_MAX and BLOCK_MIN <= length <= U32_MAX and position % SPILL + length < SPILL


class Pieces:
    """Pieces in ascending order, taken from the front."""

    __slots__ = ("_pieces",)

    def __init__(self, pieces: Sequence[Piece] = ()) -> None:
        """Raises ValueError unless they ascend and can be."""
        self._pieces: list[Piece] = []
        end = 0
        for piece in pieces:
            first, count, position, length, skip, body_bytes, _ = piece
            if (
                first < end
                or count <= 0
                or first + count > U64_MAX
                or skip + count > U32_MAX
                or not is_place(position, length)
                or body_bytes > count * U32_MAX
            ):
                raise ValueError("no such piece, or not behind the others")
            self._pieces.append(piece)
            end = first + count

    def __len__(self) -> int:
        return sum(piece[1] for piece in self._pieces)

    def __repr__(self) -> str:
        return f"Pieces({self._pieces})"

    @property
    def next(self) -> int | None:
        """The number of the next row."""
        return self._pieces[0][0] if self._pieces else None

    def take_before(self, end: int) -> Piece | None:
        """The next rows if they begin before the number `end`, no further than that."""
        if not self._pieces or self._pieces[0][0] >= end:
            return None
        first, count, position, length, skip, body_bytes, features = self._pieces.pop(0)
        taken = min(count, end - first)
        share = body_bytes * taken // count
        if taken < count:
            rest = (first + taken, count - taken, position, length, skip + taken, body_bytes - share, features)
            self._pieces.insert(0, rest)
        return first, taken, position, length, skip, share, features
