"""A binding: an exchange hands a destination what its routing key and arguments say.

Its identity is all four together (source, destination, routing key, arguments): binding the same twice is one
binding, and two that differ in their arguments only are two (spec 3.1.3.3, RabbitMQ "Bindings").
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

from ..wire.fields import Arguments

if TYPE_CHECKING:
    from .exchange import Exchange
    from .queue import Queue

    Destination: TypeAlias = Exchange | Queue


class Binding:
    """From an exchange to a queue or another exchange. Immutable but for `serial`."""

    __slots__ = ("_hash", "arguments", "destination", "routing_key", "serial", "source")

    def __init__(
        self, source: Exchange, destination: Destination, routing_key: str, arguments: Arguments = Arguments.EMPTY
    ) -> None:
        self.source = source
        self.destination = destination
        self.routing_key = routing_key
        # One shared object for the usual case: there may be 100,000 bindings.
        self.arguments = arguments if arguments.raw else Arguments.EMPTY
        self._hash = hash((source.id, destination.id, routing_key, self.arguments))
        self.serial = 0
        """Its place in the order of binding; given by the router. Not part of the identity."""

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Binding):
            return NotImplemented
        return (
            self.source is other.source
            and self.destination is other.destination
            and self.routing_key == other.routing_key
            and self.arguments == other.arguments
        )

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        return f"<Binding {self.source} -> {self.destination} by '{self.routing_key}' {dict(self.arguments)}>"

    @property
    def destination_type(self) -> Literal["queue", "exchange"]:
        """As RabbitMQ's management API calls it."""
        return "queue" if self.destination.is_queue else "exchange"
