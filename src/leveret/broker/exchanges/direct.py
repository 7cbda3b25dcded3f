"""The direct exchange: the routing key equals the binding key (spec 3.1.3.1). Case counts, nothing is a wildcard."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from ..exchange import Exchange

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..binding import Binding, Destination


class DirectExchange(Exchange):
    """A dict of binding keys."""

    __slots__ = ("_by_key",)
    type_name: ClassVar[str] = "direct"
    every_key = True

    def clear(self) -> None:
        self._by_key: dict[str, dict[Binding, None]] = {}

    def bind(self, binding: Binding) -> None:
        self._by_key.setdefault(binding.routing_key, {})[binding] = None

    def unbind(self, binding: Binding) -> None:
        bindings = self._by_key[binding.routing_key]
        del bindings[binding]
        if not bindings:
            del self._by_key[binding.routing_key]

    def match(self, routing_key: str, values: tuple[object, ...]) -> Sequence[Destination]:
        return [binding.destination for binding in self._by_key.get(routing_key, ())]
