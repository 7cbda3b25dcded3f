"""Selectors as Erlang terms, the form in which RabbitMQ's JMS client sends them:

    {'and',{'=',{'ident',<<"colour">>},<<"blue">>},{'like',{'ident',<<"size">>},<<"1_0%">>,'no_escape'}}

Tuples, lists, binaries, atoms and numbers; a full stop may end it. Only atoms that mean something in a selector are
read (as in RabbitMQ since 4.3).
"""

from __future__ import annotations

import re
from typing import Final, TypeAlias

from ...limits import SELECTOR_DEPTH_MAX, SELECTOR_SIZE_MAX


class SelectorError(ValueError):
    """A selector that cannot be read; the text says where and why."""


class Atom(str):
    """A name that stands for itself; text is plain str."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"Atom({super().__repr__()})"


Term: TypeAlias = "Atom | str | int | float | tuple[Term, ...] | list[Term]"

OPERATORS: Final = ("=", "<>", ">", "<", ">=", "<=", "+", "-", "*", "/")
ATOMS: Final = frozenset(
    (
        *OPERATORS,
        *("ident", "not", "and", "or", "is_null", "not_null", "like", "not_like", "between", "not_between", "range"),
        *("in", "not_in", "true", "false", "no_escape"),
    )
)

_TOKEN: Final = re.compile(
    r"""[ \t\r\n]*(?:
        (?P<open>[{\[]) | (?P<close>[}\]]) | (?P<comma>,)
        | <<[ \t\r\n]*(?:"(?P<text>(?:[^"\\]|\\.)*)")?[ \t\r\n]*>>
        | '(?P<quoted>(?:[^'\\]|\\.)*)' | (?P<atom>[a-z][a-zA-Z0-9_@]*)
        | (?P<number>[+-]?[ \t\r\n]*[0-9]+(?P<fraction>\.[0-9]+(?:[eE][+-]?[0-9]+)?)?)
        | (?P<stop>\.)
        | \Z
    )""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r"}
_CLOSING: Final = {"{": "}", "[": "]"}
_DIGITS_MAX: Final = 100
_INT64: Final = 1 << 63


def check_size(text: str) -> None:
    """Raises SelectorError for one that is too long to be looked at."""
    if len(text) > SELECTOR_SIZE_MAX:
        raise SelectorError(f"longer than {SELECTOR_SIZE_MAX} characters")


def read_term(text: str) -> Term:
    """Raises SelectorError."""
    check_size(text)
    reader = _Reader(text)
    term = reader.term(0)
    if reader.found.lastgroup == "stop":
        reader.advance()
    if not reader.at_end:
        raise reader.error("the end was expected")
    return term


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self.advance()

    def advance(self) -> None:
        """Look at the next token."""
        found = _TOKEN.match(self._text, self._at)
        if found is None:
            raise SelectorError(f"character {self._at + 1}: nothing that is known")
        self.found = found
        self._at = found.end()

    @property
    def at_end(self) -> bool:
        return self.found.lastgroup is None and "<<" not in self.found[0]

    def error(self, problem: str) -> SelectorError:
        return SelectorError(f"character {self._at - len(self.found[0].lstrip()) + 1}: {problem}")

    def term(self, depth: int) -> Term:
        if depth > SELECTOR_DEPTH_MAX:
            raise SelectorError(f"nested deeper than {SELECTOR_DEPTH_MAX}")
        found = self.found
        if found["open"]:
            items = self._items(_CLOSING[found["open"]], depth)
            return tuple(items) if found["open"] == "{" else items
        value: Term
        if found["quoted"] is not None or found["atom"]:
            value = self._atom(found["atom"] or _unescape(found["quoted"]))
        elif found["number"]:
            value = self._number(found["number"], bool(found["fraction"]))
        elif "<<" in found[0]:
            value = _unescape(found["text"] or "")
        else:
            raise self.error("a term was expected")
        self.advance()
        return value

    def _items(self, closing: str, depth: int) -> list[Term]:
        items: list[Term] = []
        self.advance()
        while self.found["close"] != closing or items:
            items.append(self.term(depth + 1))
            if self.found["close"] == closing:
                break
            if not self.found["comma"]:
                raise self.error(f"',' or '{closing}' was expected")
            self.advance()
        self.advance()
        return items

    def _atom(self, name: str) -> Atom:
        if name not in ATOMS:
            raise self.error(f"'{name}' means nothing")
        return Atom(name)

    def _number(self, digits: str, fraction: bool) -> int | float:
        digits = "".join(digits.split())
        if len(digits) > _DIGITS_MAX:
            raise self.error("too many digits")
        if fraction:
            value = float(digits)
            if value in (float("inf"), float("-inf")):
                raise self.error("a number out of range")
            return value
        number = int(digits)
        if not -_INT64 <= number < _INT64:
            raise self.error("a number out of range")
        return number


def _unescape(text: str) -> str:
    return _ESCAPED.sub(lambda found: _ESCAPES.get(found[1], found[1]), text) if "\\" in text else text
