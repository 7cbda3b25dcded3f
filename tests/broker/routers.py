"""A router for tests, and what it answers as names and row numbers."""

from __future__ import annotations

from typing import Any

from leveret.broker.binding import Binding
from leveret.broker.exchange import Exchange
from leveret.broker.exchanges import (
    FanoutExchange,
)
from leveret.broker.predeclared import predeclared
from leveret.broker.routing import Router
from leveret.errors import AmqpError
from leveret.wire import Batch
from leveret.wire.fields import Arguments

from .exchanges.support import FakeQueue, SeededRandomness, batch, ids, properties


class Setup:
    """A router, and exchanges and queues made as they are named."""

    def __init__(self) -> None:
        self.router = Router("/", SeededRandomness())
        for exchange in predeclared("/", 1):
            self.router.add(exchange)
        self.queues: dict[str, FakeQueue] = {}

    def exchange(
        self, name: str, kind: type[Exchange] = FanoutExchange, alternate: str | None = None, **flags: bool
    ) -> Any:
        given = {"x-delayed-type": "fanout"} if kind.type_name == "x-delayed-message" else {}
        arguments = Arguments.of(given if alternate is None else {"alternate-exchange": alternate, **given})
        made = kind(next(ids), "/", name, arguments=arguments, **flags)
        self.router.add(made)
        return made

    def queue(self, name: str) -> Any:
        if name not in self.queues:
            self.queues[name] = FakeQueue(name)
            self.router.queue_added(self.queues[name])  # type: ignore[arg-type]
        return self.queues[name]

    def bind(self, source: str, destination: str, key: str = "", arguments: Any = None) -> Binding:
        """`destination` is an exchange if there is one of that name, otherwise a queue."""
        target: Any = self.router.exchanges.get(destination) or self.queue(destination)
        made = Binding(self.router.exchanges[source], target, key, Arguments.of(arguments or {}))
        assert self.router.bind(made)
        return made

    def one(self, exchange: str, key: str = "", raw: bytes | None = None) -> list[str]:
        """Where one message goes."""
        [(found, rows)] = self.router.routes(batch((exchange, key, properties() if raw is None else raw)))
        assert rows is None
        return names(found)

    def many(self, *messages: Any) -> list[tuple[list[str] | str, list[int]]]:
        return cells(self.router, batch(*messages))


def names(found: Any) -> list[str]:
    if isinstance(found, AmqpError):
        raise found
    return [queue.name for queue in found]


def cells(router: Router, messages: Batch) -> list[tuple[list[str] | str, list[int]]]:
    answer: list[tuple[list[str] | str, list[int]]] = []
    for found, selection in router.routes(messages):
        rows = list(range(len(messages))) if selection is None else list(selection)
        answer.append((found.reply_text if isinstance(found, AmqpError) else names(found), rows))
    return answer
