"""Where a message would go, and why: the way of one message through exchanges, step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ..limits import HOP_BINDINGS_MAX, HOPS_MAX
from ..wire import COLUMN_PROPERTY, HEADERS
from .exchange import Chance, Exchange
from .routing import match

if TYPE_CHECKING:
    from collections.abc import Generator

    from ..ports import Randomness
    from ..wire import Batch
    from .binding import Binding, Destination
    from .exchange import Need
    from .routing import Router


class Hop(NamedTuple):
    """One step: by these bindings, or (without) because `source` routed it nowhere, or by the queue's name."""

    source: Exchange
    destination: Destination
    bindings: tuple[Binding, ...]
    is_alternate: bool


def hops(
    router: Router, start: Exchange, batch: Batch, randomness: Randomness
) -> Generator[None, None, tuple[list[Hop], bool]]:
    """Of the first message of a batch, from an exchange on, and whether there are more than HOPS_MAX. Where it goes by
    chance it is one of the ways. It pauses after every step. Raises SyntaxError_ when a header that matters is
    malformed.
    """
    key = batch[0].routing_key
    found: list[Hop] = []
    met = {start: None}
    todo = [start]
    for exchange in todo:
        values = tuple([_value(need, batch, randomness) for need in exchange.needs])
        reached = list(dict.fromkeys(match(exchange, (key,), values)))
        between = _between(router, exchange, reached)
        alternate = None if reached else router.alternate_of(exchange)
        if alternate is not None:
            reached = [alternate]
        for destination in reached:
            if len(found) == HOPS_MAX:
                return found, True
            bindings = () if alternate is not None else _by(exchange, between.get(destination, []), key, values)
            yield
            found.append(Hop(exchange, destination, bindings, alternate is not None))
            if isinstance(destination, Exchange) and destination not in met:
                met[destination] = None
                todo.append(destination)
    return found, False


def _value(need: Need, batch: Batch, randomness: Randomness) -> object:
    if isinstance(need, Chance):
        return randomness.numbers(1)[0] % need.choices
    column, name = need
    if column != COLUMN_PROPERTY and not batch.features & HEADERS:
        return None
    return next(value for value, rows in batch.partition(column, None, name) if rows[0] == 0)


def _between(router: Router, exchange: Exchange, reached: list[Destination]) -> dict[Destination, list[Binding]]:
    """The bindings to each of these, HOP_BINDINGS_MAX of one at most."""
    found: dict[Destination, list[Binding]] = {one: [] for one in reached}
    if exchange.name and reached:
        for binding in router.bindings_from(exchange):
            bindings = found.get(binding.destination)
            if bindings is not None and len(bindings) < HOP_BINDINGS_MAX:
                bindings.append(binding)
    return found


def _by(exchange: Exchange, between: list[Binding], key: str, values: tuple[object, ...]) -> tuple[Binding, ...]:
    """Those of these bindings that match: each is tried alone. Where they only match together it is all."""
    matching = [one for one in between if _matches(exchange, one, key, values)]
    return tuple(matching or between)


def _matches(exchange: Exchange, binding: Binding, key: str, values: tuple[object, ...]) -> bool:
    alone = type(exchange)(0, exchange.vhost, exchange.name, arguments=exchange.arguments)
    alone.bind(binding)
    needs = alone.needs
    of_these = tuple(value for need, value in zip(exchange.needs, values, strict=True) if need in needs)
    return len(of_these) == len(needs) and bool(alone.match(key, of_these))
