"""The delayed message exchange: a message with the header `x-delay` waits so many milliseconds, and is then routed as
an exchange of the type `x-delayed-type` does (plugin rabbitmq_delayed_message_exchange), with the bindings that are
there by then. Where messages wait is in `broker/delaying`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from ...errors import PreconditionFailed
from ...wire import COLUMN_HEADER
from ..delaying import DELAY, delay_ms
from ..exchange import Exchange, exchange_kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..binding import Binding, Destination
    from ..delaying import DelayStore
    from ..exchange import Need

TYPE: Final = "x-delayed-type"


class DelayedMessageExchange(Exchange):
    """An exchange of another type, behind a place to wait. The `store` is set when both are declared."""

    __slots__ = ("_inner", "store")
    type_name: ClassVar[str] = "x-delayed-message"
    every_key = True

    def clear(self) -> None:
        self.store: DelayStore | None = None
        kind = self.arguments.get(TYPE)
        self._inner: Exchange | None = None
        if isinstance(kind, str) and kind != self.type_name:
            self._inner = exchange_kind(kind)(self.id, self.vhost, self.name, arguments=self.arguments)

    def validate(self) -> None:
        """Raises PreconditionFailed unless it says which type it is behind the delay."""
        super().validate()
        if self.arguments.get(TYPE) == self.type_name:
            raise PreconditionFailed(f"Invalid argument, '{self.type_name}' can't be used for '{TYPE}'")
        if self._inner is None:
            raise PreconditionFailed(f"Invalid argument, '{TYPE}' must be an existing exchange type")
        self._inner.validate()

    @property
    def inner(self) -> Exchange:
        """What it is behind the delay."""
        assert self._inner is not None
        return self._inner

    @property
    def needs(self) -> tuple[Need, ...]:
        return (*self.inner.needs, (COLUMN_HEADER, DELAY))

    def validate_binding(self, binding: Binding) -> None:
        self.inner.validate_binding(binding)

    def bind(self, binding: Binding) -> None:
        self.inner.bind(binding)

    def unbind(self, binding: Binding) -> None:
        self.inner.unbind(binding)

    def match(self, routing_key: str, values: tuple[object, ...]) -> Sequence[Destination]:
        if self.store is not None and delay_ms(values[-1]):
            return (self.store,)
        return self.inner.match(routing_key, values[:-1])
