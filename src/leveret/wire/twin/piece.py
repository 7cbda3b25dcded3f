"""Pieces: which messages of a queue lie where in the log, as recovery finds it."""

from __future__ import annotations

from collections.abc import Sequence

Piece = tuple[int, int, int, int, int, int, int]
"""First message, count, position and length of the block, the first one's number in it, body bytes, features."""


class Pieces:
    """Pieces in ascending order, taken from the front."""

    __slots__ = ("_pieces",)

    def __init__(self, pieces: Sequence[Piece] = ()) -> None:
        """Raises ValueError unless they ascend."""
        self._pieces: list[Piece] = []
        end = 0
        for piece in pieces:
            if piece[0] < end:
                raise ValueError("no such piece, or not behind the others")
            self._pieces.append(piece)
            end = piece[0] + piece[1]

    def __len__(self) -> int:
        return sum(piece[1] for piece in self._pieces)

    @property
    def next(self) -> int | None:
        """The number of the next row."""
        return self._pieces[0][0] if self._pieces else None

    def __repr__(self) -> str:
        return f"Pieces({self._pieces})"
