"""The default exchange, named "": every queue is bound to it by its own name (spec 3.1.3.1).

These bindings are implicit: they exist with the queue and are not listed, made or removed. So it costs one entry per
queue, and nothing of it is ever cached elsewhere: a look-up here is as fast, and a new queue (an RPC client's reply
queue, say) leaves everybody's caches alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from ..exchange import Exchange

if TYPE_CHECKING:
    from ..queue import Queue


class DefaultExchange(Exchange):
    """Routes to the queue whose name is the routing key."""

    __slots__ = ("queues",)
    type_name: ClassVar[str] = "direct"
    every_key = True

    def clear(self) -> None:
        self.queues: dict[str, tuple[Queue]] = {}
        """By name; a tuple each, as routes are made of. The router keeps it."""

    def match(self, routing_key: str, values: tuple[object, ...]) -> tuple[Queue, ...]:
        return self.queues.get(routing_key, ())
