"""What the tests of routing share: queues that are only a name, exchanges and bindings in one word, messages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import count
from random import Random
from typing import Any, TypeVar

from leveret.broker.binding import Binding
from leveret.broker.exchange import Chance, Exchange
from leveret.wire import Batch, Pool
from leveret.wire.fields import Arguments, Value
from leveret.wire.properties import Properties, encode_properties

ids = count(1)
serials = count(1)

Kind = TypeVar("Kind", bound=Exchange)


class SeededRandomness:
    """Chance that is the same in every run."""

    def __init__(self, seed: int = 0) -> None:
        self.source = Random(seed)

    def token(self, size: int) -> str:
        return self.source.randbytes(size).hex()

    def numbers(self, count: int) -> list[int]:
        return [self.source.getrandbits(64) for _ in range(count)]


class FakeQueue:
    """As much of a queue as routing sees."""

    is_queue = True

    def __init__(self, name: str) -> None:
        self.id = next(ids)
        self.name = name

    def __repr__(self) -> str:
        return f"<{self.name}>"


def make(kind: type[Kind], name: str = "x", arguments: Mapping[str, Value] | None = None, **flags: bool) -> Kind:
    """An exchange in vhost "/"."""
    exchange = kind(next(ids), "/", name, arguments=Arguments.of(arguments or {}), **flags)
    exchange.validate()
    return exchange


def binding(
    source: Exchange, destination: Any, key: str = "", arguments: Mapping[str, Value] | Arguments | None = None
) -> Binding:
    """A valid binding that nobody knows of yet."""
    given = arguments if isinstance(arguments, Arguments) else Arguments.of(arguments or {})
    made = Binding(source, destination, key, given)
    source.validate_binding(made)
    return made


def bind(source: Exchange, destination: Any, key: str = "", arguments: Any = None) -> Binding:
    """Make a binding in the exchange alone, as the router would."""
    made = binding(source, destination, key, arguments)
    made.serial = next(serials)
    source.bind(made)
    return made


def properties(headers: Mapping[str, Value] | None = None, **others: Any) -> bytes:
    return encode_properties(Properties(headers=headers, **others))


def batch(*messages: tuple[str, str] | tuple[str, str, bytes], mandatory: bool = False) -> Batch:
    """Of (exchange, routing key) or (exchange, routing key, properties)."""
    rows: Iterable[Any] = (message if len(message) == 3 else (*message, properties()) for message in messages)
    return Batch.build(Pool(), [(exchange, key, raw, b"body", mandatory) for exchange, key, raw in rows])


def reached(exchange: Exchange, key: str = "", raw: bytes | None = None) -> list[str]:
    """Names of what one message reaches in the exchange, in order, each once."""
    message = Batch.build(Pool(), [("x", key, properties() if raw is None else raw, b"", False)])
    values: list[object] = []
    for need in exchange.needs:
        assert not isinstance(need, Chance), "chance is the router's"
        column, name = need
        [(value, _)] = message.partition(column, None, name)
        values.append(value)
    found = exchange.match(key, tuple(values))
    return list(dict.fromkeys(destination.name for destination in found))
