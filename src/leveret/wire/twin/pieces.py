"""Pieces: what recovery knows of a queue's rows without looking at them."""

from __future__ import annotations

from dataclasses import astuple, dataclass


@dataclass(frozen=True, slots=True)
class Piece:
    """Rows `first..first + count` of a queue are rows `skip..skip + count` of the block at `position`."""

    first: int
    count: int
    position: int
    length: int
    skip: int
    body_bytes: int
    features: int


class Pieces:
    """Pieces of one queue, ascending and without overlaps, and a cursor that passes over them."""

    __slots__ = ("_cursor", "_pieces")

    def __init__(self) -> None:
        self._pieces: list[Piece] = []
        self._cursor = 0

    def push(self, piece: Piece) -> None:
        self._pieces.append(piece)

    def __len__(self) -> int:
        """Rows that are left."""
        return sum(piece.count for piece in self._pieces[self._cursor :])

    @property
    def next(self) -> int | None:
        """Sequence number of the next row."""
        return self._pieces[self._cursor].first if self._cursor < len(self._pieces) else None

    def __repr__(self) -> str:
        return f"Pieces({[astuple(piece) for piece in self._pieces[self._cursor :]]})"
