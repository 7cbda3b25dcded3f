"""LIKE: `_` stands for one character, `%` for any number of them.

The pieces between the `%` are found from left to right, each at its first place: no pattern makes this go back. What is
left to bound is a piece with `_` in it, which is tried at each place of a long text.
"""

from __future__ import annotations

import re

from ...limits import LIKE_STEPS_MAX


class Like:
    """A pattern, ready to be matched. `escape` (one character, or none) takes the meaning from what follows it."""

    __slots__ = ("_pieces",)

    def __init__(self, pattern: str, escape: str | None = None) -> None:
        self._pieces: list[_Piece] = []
        literal: list[str | None] = []
        characters = iter(pattern)
        for character in characters:
            if character == escape:
                literal.append(next(characters, escape))
            elif character == "%":
                self._pieces.append(_Piece(literal))
                literal = []
            else:
                literal.append(None if character == "_" else character)
        self._pieces.append(_Piece(literal))

    def matches(self, text: str) -> bool:
        """Whether it is the whole text; False for one that takes more than LIKE_STEPS_MAX steps."""
        first, *middle = self._pieces
        if not middle:
            return first.size == len(text) and first.starts(text, 0)
        if not first.starts(text, 0):
            return False
        last = middle.pop()
        end = len(text) - last.size
        at = first.size
        steps = LIKE_STEPS_MAX
        for piece in middle:
            begin = at
            at = piece.find(text, begin, min(end, begin + steps // piece.size + piece.size) if piece.wild else end)
            if at < 0:
                return False
            if piece.wild:
                steps -= (at - begin) * piece.size
            at += piece.size
        return at <= end and last.starts(text, end)


class _Piece:
    """What stands between two `%`; None for any character."""

    __slots__ = ("_literal", "_pattern", "size", "wild")

    def __init__(self, characters: list[str | None]) -> None:
        self.size = len(characters)
        self.wild = None in characters
        self._literal = "".join(character or "" for character in characters)
        self._pattern = re.compile("".join(re.escape(c) if c else "." for c in characters), re.DOTALL)

    def starts(self, text: str, at: int) -> bool:
        return self._pattern.match(text, at) is not None

    def find(self, text: str, at: int, end: int) -> int:
        """Its first place in text[at:end]; -1 if there is none."""
        if end < at + self.size:
            return -1
        if not self.wild:
            return text.find(self._literal, at, end)
        found = self._pattern.search(text, at, end)
        return -1 if found is None else found.start()
