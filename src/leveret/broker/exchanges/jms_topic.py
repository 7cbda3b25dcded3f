"""The JMS topic exchange: a binding has a message selector, and gets the messages of which that is true.

Keys do not matter. The selector is the argument `rjms_erlang_selector`, as RabbitMQ's JMS client compiles it (plugin
rabbitmq_jms_topic_exchange), or else `rjms_selector`: text as JMS has it. What selectors mean is in `broker/selectors`.
A destination that is bound twice gets what one of its selectors selects; in RabbitMQ, two with the same key have the
last one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from ...errors import PreconditionFailed
from ..exchange import Exchange
from ..selectors import Operand, Selector, SelectorError, operand, read_sql, read_term
from .header_names import HeaderNames

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..binding import Binding, Destination
    from ..exchange import Need

COMPILED: Final = "rjms_erlang_selector"
TEXT: Final = "rjms_selector"


class JmsTopicExchange(Exchange):
    """Selectors, asked one after the other."""

    __slots__ = ("_headers", "_selectors")
    type_name: ClassVar[str] = "x-jms-topic"
    every_key = True

    def clear(self) -> None:
        self._selectors: dict[Binding, Selector] = {}
        self._headers: HeaderNames[Operand] = HeaderNames(operand)

    @property
    def needs(self) -> tuple[Need, ...]:
        return self._headers.needs

    def validate_binding(self, binding: Binding) -> None:
        """Raises PreconditionFailed unless it has a selector that can be read."""
        _selector(binding)

    def bind(self, binding: Binding) -> None:
        selector = self._selectors[binding] = _selector(binding)
        self._headers.add(selector.names)

    def unbind(self, binding: Binding) -> None:
        self._headers.remove(self._selectors.pop(binding).names)

    def match(self, routing_key: str, values: tuple[object, ...]) -> Sequence[Destination]:
        headers = self._headers.read(values)
        return [binding.destination for binding, selector in self._selectors.items() if selector.matches(headers)]


def _selector(binding: Binding) -> Selector:
    arguments = binding.arguments
    text = arguments.get(TEXT)
    if isinstance(text, str) and COMPILED not in arguments:
        try:
            return Selector(read_sql(text))
        except SelectorError as error:
            raise PreconditionFailed(f"cannot parse selector: {error}: {text}") from None
    compiled = arguments.get(COMPILED)
    shown = "error"
    if isinstance(compiled, str):
        try:
            return Selector(read_term(compiled))
        except SelectorError:
            quoted = compiled.replace("\\", "\\\\").replace('"', '\\"')
            shown = f'"{quoted}"'
    raise PreconditionFailed(
        f"cannot parse selector '{shown}' binding destination '{binding.destination.name}'"
        f" to exchange '{binding.source.name}'"
    )
