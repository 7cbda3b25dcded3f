"""The fanout exchange: every destination gets every message; keys do not matter (spec 3.1.3.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from ..exchange import Exchange

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..binding import Binding, Destination


class FanoutExchange(Exchange):
    """An ordered set of bindings."""

    __slots__ = ("_bindings",)
    type_name: ClassVar[str] = "fanout"

    def clear(self) -> None:
        self._bindings: dict[Binding, None] = {}

    def bind(self, binding: Binding) -> None:
        self._bindings[binding] = None

    def unbind(self, binding: Binding) -> None:
        del self._bindings[binding]

    def match(self, routing_key: str, values: tuple[object, ...]) -> Sequence[Destination]:
        return [binding.destination for binding in self._bindings]
