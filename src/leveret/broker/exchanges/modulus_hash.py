"""The modulus hash exchange: the hash of a message's routing key says which binding it takes, so a key stays with its
queue until bindings change; then nearly all keys move. Binding keys do not matter (RabbitMQ page "Sharding").

As in RabbitMQ 4.3 destinations are sorted, exchanges before queues and by name, so that neither the order of binding
nor restarts matter; each counts once per binding. The hash is RabbitMQ's, Erlang's `phash2` of a list with the key in
it, so that keys go to the same queues there and here: Bob Jenkins' hash of 1996 (lookup2) over the key, then over the
list's end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from ..exchange import Exchange

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..binding import Binding, Destination

_RANGE: Final = 1 << 27
_MASK32: Final = (1 << 32) - 1
_GOLDEN: Final = 0x9E3779B9
# What Erlang's hash begins with: multiples of the golden ratio by the type of a term, and the tag of an empty list.
_BINARY: Final = 13 * _GOLDEN & _MASK32
_LIST_END: Final = 2 * _GOLDEN & _MASK32
_NIL: Final = 2


class ModulusHashExchange(Exchange):
    """Destinations in order."""

    __slots__ = ("_bindings", "_destinations")
    type_name: ClassVar[str] = "x-modulus-hash"

    def clear(self) -> None:
        self._bindings: dict[Binding, None] = {}
        self._destinations: list[Destination] | None = None
        """Sorted; None: to be made anew."""

    def bind(self, binding: Binding) -> None:
        self._bindings[binding] = None
        self._destinations = None

    def unbind(self, binding: Binding) -> None:
        del self._bindings[binding]
        self._destinations = None

    def match(self, routing_key: str, values: tuple[object, ...]) -> Sequence[Destination]:
        if not self._bindings:
            return ()
        if self._destinations is None:
            self._destinations = sorted((binding.destination for binding in self._bindings), key=_order)
        return (self._destinations[phash2(routing_key.encode()) % len(self._destinations)],)


def _order(destination: Destination) -> tuple[bool, bytes]:
    return destination.is_queue, destination.name.encode("utf-8", "surrogateescape")


def phash2(key: bytes) -> int:
    """Erlang's `phash2([Key], 1 bsl 27)` of a binary."""
    hashed = _BINARY
    if key:
        a = b = _GOLDEN
        whole = len(key) // 12 * 12
        for at in range(0, whole, 12):
            a, b, hashed = _mix(
                a + int.from_bytes(key[at : at + 4], "little"),
                b + int.from_bytes(key[at + 4 : at + 8], "little"),
                hashed + int.from_bytes(key[at + 8 : at + 12], "little"),
            )
        rest = key[whole:]
        _, _, hashed = _mix(
            a + int.from_bytes(rest[:4], "little"),
            b + int.from_bytes(rest[4:8], "little"),
            hashed + len(key) + (int.from_bytes(rest[8:], "little") << 8),  # the lowest byte is the length's
        )
    return _mix(_LIST_END + _NIL, _LIST_END, hashed)[2] % _RANGE


def _mix(a: int, b: int, c: int) -> tuple[int, int, int]:
    a = (a - b - c ^ (c & _MASK32) >> 13) & _MASK32
    b = (b - c - a ^ a << 8) & _MASK32
    c = (c - a - b ^ b >> 13) & _MASK32
    a = (a - b - c ^ c >> 12) & _MASK32
    b = (b - c - a ^ a << 16) & _MASK32
    c = (c - a - b ^ b >> 5) & _MASK32
    a = (a - b - c ^ c >> 3) & _MASK32
    b = (b - c - a ^ a << 10) & _MASK32
    c = (c - a - b ^ b >> 15) & _MASK32
    return a, b, c
