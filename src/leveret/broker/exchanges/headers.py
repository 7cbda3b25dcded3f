"""The headers exchange: bindings name headers and values that a message must have (spec 3.1.3.4, RabbitMQ "Exchanges").

The binding argument `x-match` says how: `all` (the default) or `any` of the other arguments; these skip arguments
whose name starts with "x-", `all-with-x` and `any-with-x` do not. A void argument asks only whether the header is
there. Without any condition `all` takes every message and `any` none. Values are equal as in RabbitMQ 4: integers of
any width by value, an integer never equals a float, nor text a number. Where RabbitMQ 4 compares a timestamp argument
in seconds to a timestamp header in milliseconds, so that no two ever match, here the two are equal when they are (as
in RabbitMQ 3).

An index finds the bindings in question, so that 1,000 others cost nothing: an `all` binding is filed under one of its
conditions, the rarest; an `any` binding under each.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, ClassVar, Final

from ...errors import PreconditionFailed
from ...wire.fields import Timestamp
from ..exchange import Exchange, erlang_term
from .header_names import HeaderNames

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from ..binding import Binding, Destination
    from ..exchange import Need

    Condition = str | tuple[str, Hashable]
    """A header's name, or a name and the value it must have."""

X_MATCH: Final = "x-match"
MATCH_KINDS: Final = ("all", "any", "all-with-x", "any-with-x")


class _Rule:
    """A binding, ready to be matched. `filed` are the index entries it stands under; None: under no condition."""

    __slots__ = ("any", "binding", "filed", "names", "pairs")

    def __init__(self, binding: Binding) -> None:
        arguments = binding.arguments
        match = arguments.get(X_MATCH, "all")
        with_x = match in ("all-with-x", "any-with-x")
        self.binding = binding
        self.any = match in ("any", "any-with-x")
        self.names: list[str] = []
        self.pairs: list[tuple[str, Hashable]] = []
        self.filed: tuple[Condition | None, ...] = ()
        for name, value in arguments.items():
            if name == X_MATCH or (name.startswith("x-") and not with_x):
                continue
            if value is None:
                self.names.append(name)
            else:
                self.pairs.append((name, comparable(value)))

    @property
    def conditions(self) -> list[Condition]:
        return [*self.pairs, *self.names]

    @property
    def all_names(self) -> list[str]:
        return [name for name, _ in self.pairs] + self.names

    def matches_all(self, headers: Mapping[str, Hashable]) -> bool:
        for name, value in self.pairs:
            if name not in headers or headers[name] != value:
                return False
        return all(name in headers for name in self.names)


def comparable(value: object) -> Hashable:
    """What two values have in common exactly when they are equal to RabbitMQ; text and integers are themselves."""
    match value:
        case str() | None:
            return value
        case bool() | float():  # these equal integers in Python
            return type(value), value
        case Timestamp():
            return Timestamp, int(value)
        case int():
            return value
        case bytes():  # a byte array equals the text of the same bytes
            try:
                return value.decode()
            except UnicodeDecodeError:
                return bytes(value)
        case dict():
            return dict, tuple(sorted((name, comparable(item)) for name, item in value.items()))
        case list():
            return list, tuple(map(comparable, value))
        case _:
            return type(value), str(value)  # decimals: 1.0 is not 1.00


class HeadersExchange(Exchange):
    """Rules in an index of conditions."""

    __slots__ = ("_headers", "_index", "_rules")
    type_name: ClassVar[str] = "headers"

    def clear(self) -> None:
        self._rules: dict[Binding, _Rule] = {}
        self._index: dict[Condition | None, dict[_Rule, None]] = {}
        self._headers: HeaderNames[Hashable] = HeaderNames(comparable)

    @property
    def needs(self) -> tuple[Need, ...]:
        return self._headers.needs

    def validate_binding(self, binding: Binding) -> None:
        """Raises PreconditionFailed for an unknown x-match."""
        arguments = binding.arguments
        if X_MATCH not in arguments:
            return
        value, type_name = arguments[X_MATCH], arguments.types[X_MATCH]
        if type_name != "longstr":
            raise PreconditionFailed(
                f"Invalid x-match field type {type_name} (value {erlang_term(value)}); expected longstr"
            )
        if value not in MATCH_KINDS:
            raise PreconditionFailed(
                f"Invalid x-match field value {erlang_term(value)}; expected all, any, all-with-x, or any-with-x"
            )

    def bind(self, binding: Binding) -> None:
        rule = _Rule(binding)
        self._rules[binding] = rule
        self._headers.add(rule.all_names)
        conditions = rule.conditions
        if rule.any:
            rule.filed = tuple(conditions)
        elif conditions:
            rule.filed = (min(conditions, key=lambda condition: len(self._index.get(condition, ()))),)
        else:
            rule.filed = (None,)
        for condition in rule.filed:
            self._index.setdefault(condition, {})[rule] = None

    def unbind(self, binding: Binding) -> None:
        rule = self._rules.pop(binding)
        for condition in rule.filed:
            rules = self._index[condition]
            del rules[rule]
            if not rules:
                del self._index[condition]
        self._headers.remove(rule.all_names)

    def match(self, routing_key: str, values: tuple[object, ...]) -> Sequence[Destination]:
        index = self._index
        found = [*index.get(None, ())]
        headers = self._headers.read(values)
        for name, value in headers.items():
            for condition in (name, (name, value)):
                found += [rule for rule in index.get(condition, ()) if rule.any or rule.matches_all(headers)]
        if len(found) > 1:
            found.sort(key=_serial)
        return [rule.binding.destination for rule in found]


_serial = attrgetter("binding.serial")
