"""The headers that an exchange's bindings look at, as the router is asked for them.

While few names matter the router groups messages by these headers alone: others may differ from message to message
(trace ids, dates) without anybody looking at them. Past that it hands out whole tables.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Generic, TypeVar

from ...wire import COLUMN_HEADER, COLUMN_HEADERS
from ...wire.fields import decode_field, decode_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ..exchange import Column

_NAMES_AS_COLUMNS_MAX: Final = 4
"""Up to so many header names the router looks at each by itself; past it at the whole table."""

T = TypeVar("T")


class HeaderNames(Generic[T]):
    """How many look at each name; `convert` makes of a header's value what they compare."""

    __slots__ = ("_convert", "_uses", "needs")

    def __init__(self, convert: Callable[[object], T]) -> None:
        self._convert = convert
        self._uses: dict[str, int] = {}
        self.needs: tuple[Column, ...] = ()
        """For `Exchange.needs`."""

    def add(self, names: Iterable[str]) -> None:
        for name in names:
            self._uses[name] = self._uses.get(name, 0) + 1
        self.needs = self._columns()

    def remove(self, names: Iterable[str]) -> None:
        for name in names:
            self._uses[name] -= 1
            if not self._uses[name]:
                del self._uses[name]
        self.needs = self._columns()

    def _columns(self) -> tuple[Column, ...]:
        if len(self._uses) > _NAMES_AS_COLUMNS_MAX or not all(map(_is_text, self._uses)):
            return ((COLUMN_HEADERS, None),)
        return tuple((COLUMN_HEADER, name) for name in self._uses)

    def read(self, values: tuple[object, ...]) -> dict[str, T]:
        """The headers of a message that somebody looks at, from the values of `needs`. Raises SyntaxError_."""
        convert = self._convert
        if self.needs == ((COLUMN_HEADERS, None),):
            raw = values[0]
            if raw is None:
                return {}
            assert isinstance(raw, bytes)
            uses = self._uses
            return {name: convert(value) for name, value in decode_table(raw).items() if name in uses}
        headers = {}
        for (_, name), raw in zip(self.needs, values, strict=True):
            if raw is not None:
                assert isinstance(raw, bytes)
                assert name is not None
                headers[name] = convert(decode_field(raw))
        return headers


def _is_text(name: str) -> bool:
    """Whether a header's name is UTF-8; one that is not cannot be asked for by name."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
