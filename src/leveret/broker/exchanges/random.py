"""The random exchange: each message goes along one binding, picked by chance; keys do not matter.

A destination that is bound twice is picked twice as often (RabbitMQ's plugin rabbitmq_random_exchange).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from ..exchange import Chance, Exchange

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..binding import Binding, Destination
    from ..exchange import Need


class RandomExchange(Exchange):
    """An ordered set of bindings, numbered."""

    __slots__ = ("_bindings", "_destinations")
    type_name: ClassVar[str] = "x-random"

    def clear(self) -> None:
        self._bindings: dict[Binding, None] = {}
        self._destinations: list[Destination] | None = None
        """Of all bindings; None: to be made anew."""

    @property
    def needs(self) -> tuple[Need, ...]:
        return (Chance(self.id, len(self._bindings)),) if len(self._bindings) > 1 else ()

    def bind(self, binding: Binding) -> None:
        self._bindings[binding] = None
        self._destinations = None

    def unbind(self, binding: Binding) -> None:
        del self._bindings[binding]
        self._destinations = None

    def match(self, routing_key: str, values: tuple[object, ...]) -> Sequence[Destination]:
        if self._destinations is None:
            self._destinations = [binding.destination for binding in self._bindings]
        if not values:
            return self._destinations
        choice = values[0]
        assert isinstance(choice, int)
        return (self._destinations[choice],)
