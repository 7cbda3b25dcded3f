"""What a selector says of a message: its terms as functions of the headers.

Unknown is None: a header that is not there, or an operation on what it is not meant for. Conditions are true, false or
unknown (SQL's three values), and only true selects. Values are booleans, numbers and text; those of different kinds
differ, and neither is the greater. (RabbitMQ compares these, too, by Erlang's order of terms, and fails on arithmetic
with text; the rest is as there: `/` gives a fraction, integers equal floats of the same value, but not in IN's list.)
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from math import copysign, inf, nan
from typing import Final, TypeAlias

from ...limits import SELECTOR_BITS_MAX, SELECTOR_DEPTH_MAX
from .like import Like
from .terms import Atom, SelectorError, Term

Operand: TypeAlias = "bool | int | float | str | None"
_Headers: TypeAlias = "Mapping[str, Operand]"
_Expression: TypeAlias = "Callable[[_Headers], Operand]"

_ORDERS: Final = {"<": operator.lt, ">": operator.gt, "<=": operator.le, ">=": operator.ge}
_SUMS: Final = {"+": operator.add, "-": operator.sub, "*": operator.mul}


def operand(value: object) -> Operand:
    """A header's value as selectors see it."""
    match value:
        case bool() | float() | str():
            return value
        case int():
            return int(value)  # of a timestamp the number
        case _:
            return None


class Selector:
    """A term, ready to be asked. `names`: the headers that it looks at."""

    __slots__ = ("_evaluate", "names")

    def __init__(self, term: Term) -> None:
        """Raises SelectorError if the term says nothing about a message."""
        names: dict[str, None] = {}
        self._evaluate = _expression(term, names)
        self.names = tuple(names)

    def matches(self, headers: Mapping[str, Operand]) -> bool:
        """Whether it is true of a message with these headers."""
        return self._evaluate(headers) is True


def _expression(term: Term, names: dict[str, None], depth: int = 0) -> _Expression:
    if depth > SELECTOR_DEPTH_MAX:
        raise SelectorError(f"nested deeper than {SELECTOR_DEPTH_MAX}")
    if isinstance(term, Atom):
        if term not in ("true", "false"):
            raise SelectorError(f"'{term}' is no condition")
        return _constant(term == "true")
    if isinstance(term, str | int | float):
        return _constant(term)
    if isinstance(term, list) or not term or not isinstance(term[0], Atom):
        raise SelectorError("a condition was expected")
    name, parts = term[0], term[1:]
    if name == "ident" and len(parts) == 1 and isinstance(parts[0], str) and not isinstance(parts[0], Atom):
        header = parts[0]
        names[header] = None
        return lambda headers: headers.get(header)
    if name in ("like", "not_like") and len(parts) in (2, 3):
        return _like(name, _expression(parts[0], names, depth + 1), parts[1:])
    if name in ("in", "not_in") and len(parts) == 2:
        return _in(name, _expression(parts[0], names, depth + 1), parts[1])
    if name in ("between", "not_between"):
        if len(parts) == 2 and isinstance(parts[1], tuple) and parts[1][:1] == (Atom("range"),):
            parts = (parts[0], *parts[1][1:])
        if len(parts) == 3:
            return _between(name, *[_expression(part, names, depth + 1) for part in parts])
    if name in ("and", "or") and len(parts) >= 2:
        return _joined([_expression(part, names, depth + 1) for part in parts], name == "or")
    if name in _UNARY and len(parts) == 1:
        return _UNARY[name](_expression(parts[0], names, depth + 1))
    if name in _BINARY and len(parts) == 2:
        return _BINARY[name](_expression(parts[0], names, depth + 1), _expression(parts[1], names, depth + 1))
    raise SelectorError(f"'{name}' does not go with {len(parts)} operands")


def _constant(value: Operand) -> _Expression:
    return lambda headers: value


# -- conditions --------------------------------------------------------------------------------------------------------


def _joined(parts: list[_Expression], decisive: bool) -> _Expression:
    """AND (false decides) or OR (true decides)."""

    def joined(headers: _Headers) -> Operand:
        known = True
        for part in parts:
            value = part(headers)
            if value is decisive:
                return decisive
            known &= value is (not decisive)
        return not decisive if known else None

    return joined


def _not(part: _Expression) -> _Expression:
    return lambda headers: _inverted(part(headers))


def _inverted(value: Operand) -> bool | None:
    return not value if isinstance(value, bool) else None


def _is_null(part: _Expression) -> _Expression:
    return lambda headers: part(headers) is None


def _not_null(part: _Expression) -> _Expression:
    return lambda headers: part(headers) is not None


def _equal(left: _Expression, right: _Expression) -> _Expression:
    return lambda headers: _equals(left(headers), right(headers))


def _different(left: _Expression, right: _Expression) -> _Expression:
    return lambda headers: _inverted(_equals(left(headers), right(headers)))


def _equals(one: Operand, other: Operand) -> bool | None:
    if one is None or other is None:
        return None
    return _kind(one) is _kind(other) and one == other


def _kind(value: Operand) -> type:
    return float if value.__class__ is int else value.__class__


def _ordered(name: str) -> Callable[[_Expression, _Expression], _Expression]:
    holds = _ORDERS[name]
    return lambda left, right: lambda headers: _compared(holds, left(headers), right(headers))


def _compared(holds: Callable[[float, float], bool], one: Operand, other: Operand) -> bool | None:
    kind = _kind(one)
    if kind is not _kind(other) or kind not in (float, str):
        return None
    return holds(one, other)  # type: ignore[arg-type]


def _between(name: str, part: _Expression, low: _Expression, high: _Expression) -> _Expression:
    def between(headers: _Headers) -> bool | None:
        value = part(headers)
        above = _compared(operator.ge, value, low(headers))
        below = _compared(operator.le, value, high(headers))
        return None if above is None or below is None else above and below

    return between if name == "between" else _not(between)


def _in(name: str, part: _Expression, items: Term) -> _Expression:
    values = set()
    for item in items if isinstance(items, list) else [()]:
        if isinstance(item, Atom | tuple | list):
            raise SelectorError(f"'{name}' goes with a list of values")
        values.add((item.__class__, item))

    def contained(headers: _Headers) -> bool | None:
        value = part(headers)
        return None if value is None else (value.__class__, value) in values

    return contained if name == "in" else _not(contained)


def _like(name: str, part: _Expression, given: tuple[Term, ...]) -> _Expression:
    if len(given) == 1 and isinstance(given[0], tuple):
        given = given[0]
    pattern, escape = given if len(given) == 2 else (None, None)
    if not isinstance(pattern, str) or isinstance(pattern, Atom) or not isinstance(escape, str):
        raise SelectorError(f"'{name}' goes with a pattern")
    if isinstance(escape, Atom):
        if escape != "no_escape":
            raise SelectorError(f"'{name}' goes with a pattern")
        escape = None
    elif len(escape) != 1:
        raise SelectorError("ESCAPE goes with one character")
    like = Like(pattern, escape)

    def matches(headers: _Headers) -> bool | None:
        value = part(headers)
        return like.matches(value) if isinstance(value, str) else None

    return matches if name == "like" else _not(matches)


# -- arithmetic --------------------------------------------------------------------------------------------------------


def _minus(part: _Expression) -> _Expression:
    return lambda headers: None if (number := _number(part(headers))) is None else -number


def _plus(part: _Expression) -> _Expression:
    return lambda headers: _number(part(headers))


def _number(value: Operand) -> int | float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _calculated(
    calculate: Callable[[float, float], float],
) -> Callable[[_Expression, _Expression], _Expression]:
    def expression(left: _Expression, right: _Expression) -> _Expression:
        def calculated(headers: _Headers) -> Operand:
            one, other = _number(left(headers)), _number(right(headers))
            if one is None or other is None:
                return None
            try:
                result = calculate(one, other)
            except OverflowError:
                return None
            return None if isinstance(result, int) and result.bit_length() > SELECTOR_BITS_MAX else result

        return calculated

    return expression


def _divided(one: float, other: float) -> float:
    if other:
        return one / other
    return copysign(inf, one) if one else nan


_UNARY: Final[dict[str, Callable[[_Expression], _Expression]]] = {
    "not": _not,
    "is_null": _is_null,
    "not_null": _not_null,
    "-": _minus,
    "+": _plus,
}
_BINARY: Final[dict[str, Callable[[_Expression, _Expression], _Expression]]] = {
    "=": _equal,
    "<>": _different,
    **{name: _ordered(name) for name in _ORDERS},
    **{name: _calculated(calculate) for name, calculate in _SUMS.items()},
    "/": _calculated(_divided),
}
