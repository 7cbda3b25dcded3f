"""Selectors as text, in the part of SQL-92 that JMS takes over (JMS 2.0, section 3.8.1.1 Message Selector Syntax).

    condition = and *( OR and )             and  = not *( AND not )            not = *NOT comparison
    comparison = sum [ ( = | <> | < | <= | > | >= ) sum | [NOT] BETWEEN sum AND sum ]
    sum = product *( ( + | - ) product )    product = sign *( ( * | / ) sign )
    sign = *( + | - ) value                 value = ( condition ) | TRUE | FALSE | text | number | header
    header = name [ IS [NOT] NULL | [NOT] IN ( text *( , text ) ) | [NOT] LIKE text [ ESCAPE text ] ]

It becomes the terms that RabbitMQ's JMS client sends.
"""

from __future__ import annotations

import re
from typing import Final

from ...limits import SELECTOR_DEPTH_MAX
from .terms import Atom, SelectorError, Term, check_size

_TOKEN: Final = re.compile(
    r"""\s*(?:
        (?P<text>'(?:[^']|'')*')
        | (?P<hex>0[xX][0-9a-fA-F]+)
        | (?P<float>[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)|[0-9]+\.[0-9]*[fFdD]?|[0-9]+[fFdD])
        | (?P<integer>[0-9]+[lL]?)
        | (?P<word>(?:[^\W\d]|[$])(?:\w|[$.])*)
        | (?P<sign><>|<=|>=|[=<>+\-*/(),])
        | \Z
    )""",
    re.VERBOSE,
)
_KEYWORDS: Final = frozenset(["and", "or", "not", "between", "is", "null", "in", "like", "escape", "true", "false"])
_COMPARISONS: Final = ("=", "<>", "<", "<=", ">", ">=")
_DIGITS_MAX: Final = 100


def read_sql(text: str) -> Term:
    """Raises SelectorError."""
    check_size(text)
    reader = _Reader(text)
    term = reader.condition(0)
    if reader.token:
        raise reader.expected("the end")
    return term


class _Reader:
    """`token` is the next one: a sign, a keyword in lower case, or the name of another kind of token; "" at the end."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self.token = ""
        self._raw = ""
        self._advance()

    def _advance(self) -> None:
        found = _TOKEN.match(self._text, self._at)
        if found is None:
            raise SelectorError(f"character {self._at + 1}: nothing that is known")
        self._at = found.end()
        kind = found.lastgroup or ""
        self._raw = raw = found[kind] if kind else ""
        if kind == "sign" or (kind == "word" and raw.lower() in _KEYWORDS):
            kind = raw.lower()
        self.token = kind

    def expected(self, what: str) -> SelectorError:
        return SelectorError(f"character {self._at - len(self._raw) + 1}: {what} was expected")

    def _take(self, *tokens: str) -> str:
        """The next token if it is one of these, otherwise "" and it stays."""
        if self.token not in tokens:
            return ""
        token = self.token
        self._advance()
        return token

    def _need(self, token: str) -> None:
        if not self._take(token):
            raise self.expected(token.upper())

    def condition(self, depth: int) -> Term:
        if depth > SELECTOR_DEPTH_MAX:
            raise SelectorError(f"nested deeper than {SELECTOR_DEPTH_MAX}")
        parts = [self._and(depth)]
        while self._take("or"):
            parts.append(self._and(depth))
        return (Atom("or"), *parts) if len(parts) > 1 else parts[0]

    def _and(self, depth: int) -> Term:
        parts = [self._not(depth)]
        while self._take("and"):
            parts.append(self._not(depth))
        return (Atom("and"), *parts) if len(parts) > 1 else parts[0]

    def _not(self, depth: int) -> Term:
        times = self._count("not")
        return _repeated(Atom("not"), times, self._comparison(depth))

    def _count(self, token: str) -> int:
        times = 0
        while self._take(token):
            times += 1
        return times

    def _comparison(self, depth: int) -> Term:
        left = self._sum(depth)
        if sign := self._take(*_COMPARISONS):
            return Atom(sign), left, self._sum(depth)
        negated = self.token == "not"
        if negated:
            self._advance()
            if self.token != "between":
                raise self.expected("BETWEEN")
        if not self._take("between"):
            return left
        low = self._sum(depth)
        self._need("and")
        return Atom("not_between" if negated else "between"), left, (Atom("range"), low, self._sum(depth))

    def _sum(self, depth: int) -> Term:
        left = self._product(depth)
        while sign := self._take("+", "-"):
            left = (Atom(sign), left, self._product(depth))
        return left

    def _product(self, depth: int) -> Term:
        left = self._signed(depth)
        while sign := self._take("*", "/"):
            left = (Atom(sign), left, self._signed(depth))
        return left

    def _signed(self, depth: int) -> Term:
        minus, signed = 0, False
        while sign := self._take("+", "-"):
            minus, signed = minus + (sign == "-"), True
        value = self._value(depth)
        if minus:
            return _repeated(Atom("-"), minus, value)
        return (Atom("+"), value) if signed else value

    def _value(self, depth: int) -> Term:
        raw = self._raw
        match self._take("(", "true", "false", "text", "hex", "float", "integer", "word"):
            case "(":
                term = self.condition(depth + 1)
                self._need(")")
                return term
            case "true" | "false" as name:
                return Atom(name)
            case "text":
                return raw[1:-1].replace("''", "'")
            case "word":
                return self._header((Atom("ident"), raw))
            case "":
                raise self.expected("a value")
            case kind:
                return _number(kind, raw)

    def _header(self, header: Term) -> Term:
        """What may be said of a header's name only."""
        if self._take("is"):
            negated = self._take("not")
            self._need("null")
            return Atom("not_null" if negated else "is_null"), header
        prefix = ""
        if self.token == "not" and self._follows("in", "like"):
            self._advance()
            prefix = "not_"
        if self._take("in"):
            return Atom(prefix + "in"), header, self._list()
        if not self._take("like"):
            return header
        pattern = self._need_text()
        return Atom(prefix + "like"), header, pattern, self._need_text() if self._take("escape") else Atom("no_escape")

    def _follows(self, *keywords: str) -> bool:
        """Whether one of these comes after the next token."""
        found = _TOKEN.match(self._text, self._at)
        return found is not None and (found["word"] or "").lower() in keywords

    def _list(self) -> Term:
        self._need("(")
        items: list[Term] = [self._need_text()]
        while self._take(","):
            items.append(self._need_text())
        self._need(")")
        return items

    def _need_text(self) -> str:
        raw = self._raw
        if not self._take("text"):
            raise self.expected("text in quotes")
        return raw[1:-1].replace("''", "'")


def _repeated(operator: Atom, times: int, term: Term) -> Term:
    """Applied so often: more than twice makes no difference."""
    for _ in range(2 - times % 2 if times else 0):
        term = (operator, term)
    return term


def _number(kind: str, raw: str) -> int | float:
    if len(raw) > _DIGITS_MAX:
        raise SelectorError(f"'{raw[:10]}...' has too many digits")
    if kind == "float":
        return float(raw.rstrip("fFdD"))
    return int(raw, 16) if kind == "hex" else int(raw.rstrip("lL"))
