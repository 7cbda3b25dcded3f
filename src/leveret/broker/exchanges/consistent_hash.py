"""The consistent hash exchange: each key goes to one destination, always the same; shares follow the bindings' weights.

What is hashed is the routing key, or what the argument `hash-header` or `hash-property` names; messages without it
share one destination. The binding key is the weight. A destination that is bound twice counts once, with its first
weight (RabbitMQ page "Consistent Hash Exchange" and its source).

The method is weighted rendezvous hashing over slots. A key's hash picks one of 16,384 slots, and each slot belongs to
the destination with the lowest score there: -ln(u) / weight, where u in (0, 1) is a hash of slot and destination
name. That is a race of exponential clocks, so a destination wins weight / sum of the slots; who else runs does not
change anybody's score. Hence a new destination takes only the slots it wins, 1/n of all, and a removed one leaves
only its own, spread over the rest. Nothing depends on the order of binding, on ids or on this process, so a restart
or a rebuilt vhost routes alike.

Slots are settled when first used, and remember how many candidates they have seen: after a change a used slot only
looks at newcomers, or, if its owner left, at all again. A look-up is one checksum and three array reads; a weight
costs no memory.
"""

from __future__ import annotations

import re
import sys
from array import array
from hashlib import shake_128
from math import inf, log
from typing import TYPE_CHECKING, ClassVar, Final
from zlib import crc32

from ...errors import PreconditionFailed
from ...limits import HASH_WEIGHT_MAX
from ...wire import COLUMN_HEADER, COLUMN_PROPERTY
from ...wire.fields import decode_field
from ..exchange import Exchange, erlang_term

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..binding import Binding, Destination
    from ..exchange import Column

HASH_HEADER: Final = "hash-header"
HASH_PROPERTY: Final = "hash-property"
PROPERTIES: Final = ("correlation_id", "message_id", "timestamp")

_SLOT_BITS: Final = 14
_SLOTS: Final = 1 << _SLOT_BITS
_SIDE: Final = 1 << _SLOT_BITS // 2
"""Slots are a square of rows and columns to the hash of a candidate."""
_SLOT_OF_NOTHING: Final = 0
_MASK32: Final = (1 << 32) - 1
_LEFT_MIN: Final = 16
"""So many destinations must have left before the list of candidates is made anew."""
_INTEGER: Final = re.compile(r"[+-]?[0-9]+", re.ASCII)


class _Candidate:
    """A destination in the race for slots.

    Its hash of a slot is tabulated: a random word for the slot's row and one for its column, made of the destination's
    name; so a race costs little more than two look-ups each.
    """

    __slots__ = ("columns", "destination", "rows", "weight")

    def __init__(self, destination: Destination, weight: int) -> None:
        self.destination = destination
        self.weight = weight
        name = ("q" if destination.is_queue else "x") + destination.name
        words = array("Q")
        words.frombytes(shake_128(name.encode("utf-8", "surrogateescape")).digest(2 * _SIDE * words.itemsize))
        if sys.byteorder == "big":
            words.byteswap()
        self.rows, self.columns = words[:_SIDE], words[_SIDE:]

    def hash(self, slot: int) -> int:
        return self.rows[slot // _SIDE] ^ self.columns[slot % _SIDE]


def _score(hash: int, weight: int) -> float:
    """Less is better; among equal weights the highest hash wins."""
    return -log((hash + 0.5) * 2.0**-64) / weight


class ConsistentHashExchange(Exchange):
    """A table of slots over weighted destinations."""

    __slots__ = ("_bindings", "_candidates", "_left", "_needs", "_owner", "_place", "_score", "_seen", "_teams")
    type_name: ClassVar[str] = "x-consistent-hash"

    def clear(self) -> None:
        self._bindings: dict[Destination, dict[Binding, None]] = {}
        self._candidates: list[_Candidate | None] = []
        """In the order in which they came; None has left."""
        self._teams: list[tuple[int, list[_Candidate], list[int]]] | None = None
        """Candidates by weight and their places; None: to be made anew."""
        self._left = 0
        self._place: dict[Destination, int] = {}
        """Where in the list a destination is."""
        # Three columns over the slots, empty until the first message comes: 256 kB in all.
        self._owner: array[int] = array("i")
        """The place of its owner in the list."""
        self._score: array[float] = array("d")
        """The owner's."""
        self._seen: array[int] = array("i")
        """How much of the list it has looked at."""
        self._needs = self._columns()

    def _columns(self) -> tuple[Column, ...]:
        header, name = self.arguments.get(HASH_HEADER), self.arguments.get(HASH_PROPERTY)
        if isinstance(header, str):
            return ((COLUMN_HEADER, header),)
        return ((COLUMN_PROPERTY, name),) if name in PROPERTIES and isinstance(name, str) else ()

    @property
    def needs(self) -> tuple[Column, ...]:
        return self._needs

    def validate(self) -> None:
        """Raises PreconditionFailed unless at most one of hash-header and hash-property says what to hash."""
        super().validate()
        arguments = self.arguments
        for name in (HASH_HEADER, HASH_PROPERTY):
            if name in arguments and not isinstance(arguments[name], str):
                raise PreconditionFailed(f"invalid type '{arguments.types[name]}' for arg '{name}' in {self}")
        if HASH_HEADER in arguments and HASH_PROPERTY in arguments:
            raise PreconditionFailed(f"{HASH_HEADER} and {HASH_PROPERTY} are mutually exclusive")
        hashed = arguments.get(HASH_PROPERTY)
        if isinstance(hashed, str) and hashed not in PROPERTIES:
            raise PreconditionFailed(f"Unsupported property: {hashed}")

    def validate_binding(self, binding: Binding) -> None:
        """Raises PreconditionFailed unless the binding key is a weight."""
        key = binding.routing_key
        if _INTEGER.fullmatch(key) is None:
            raise PreconditionFailed(f"The binding key must be an integer: {erlang_term(key)}")
        weight = int(key)
        if weight < 1:
            raise PreconditionFailed("The binding key must be greater than 0")
        if weight > HASH_WEIGHT_MAX:
            raise PreconditionFailed(f"The binding key must not be greater than {HASH_WEIGHT_MAX}")

    def bind(self, binding: Binding) -> None:
        bindings = self._bindings.setdefault(binding.destination, {})
        bindings[binding] = None
        if len(bindings) == 1:
            self._join(binding)

    def unbind(self, binding: Binding) -> None:
        destination = binding.destination
        bindings = self._bindings[destination]
        weighs = next(iter(bindings)) == binding
        del bindings[binding]
        if weighs:
            self._leave(destination)
            if bindings:
                self._join(next(iter(bindings)))
        if not bindings:
            del self._bindings[destination]

    def _join(self, binding: Binding) -> None:
        self._place[binding.destination] = len(self._candidates)
        self._candidates.append(_Candidate(binding.destination, int(binding.routing_key)))
        self._teams = None

    def _leave(self, destination: Destination) -> None:
        self._candidates[self._place.pop(destination)] = None
        self._teams = None
        self._left += 1
        if self._left > max(_LEFT_MIN, len(self._place)):
            self._candidates = [candidate for candidate in self._candidates if candidate is not None]
            self._place = {candidate.destination: at for at, candidate in enumerate(self._candidates) if candidate}
            self._left = 0
            self._teams = None
            self._owner, self._score, self._seen = array("i"), array("d"), array("i")

    def match(self, routing_key: str, values: tuple[object, ...]) -> Sequence[Destination]:
        if not self._place:
            return ()
        if not self._owner:
            self._owner = array("i", (-1,)) * _SLOTS
            self._score = array("d", (inf,)) * _SLOTS
            self._seen = array("i", (0,)) * _SLOTS
        slot = _slot_of_value(values[0], self._needs[0][0]) if self._needs else _slot_of(routing_key.encode())
        candidates = self._candidates
        if self._seen[slot] == len(candidates):
            owner = candidates[self._owner[slot]]
            if owner is not None:
                return (owner.destination,)
        return (self._settle(slot).destination,)

    def _settle(self, slot: int) -> _Candidate:
        """Let the candidates that a slot has not seen yet race for it, or all if its owner left."""
        candidates = self._candidates
        seen = self._seen[slot]
        owner = candidates[self._owner[slot]] if seen else None
        if owner is None:
            place, best = self._race(slot)
        else:
            place, best = self._owner[slot], self._score[slot]
            for newcomer in range(seen, len(candidates)):
                candidate = candidates[newcomer]
                if candidate is not None and (score := _score(candidate.hash(slot), candidate.weight)) < best:
                    place, best = newcomer, score
        self._owner[slot], self._score[slot], self._seen[slot] = place, best, len(candidates)
        owner = candidates[place]
        assert owner is not None
        return owner

    def _race(self, slot: int) -> tuple[int, float]:
        """Place and score of the winner of all. Among equal weights hashes decide, without a logarithm for each."""
        if self._teams is None:
            self._teams = self._line_up()
        row, column = divmod(slot, _SIDE)
        winner, best = -1, inf
        for weight, team, places in self._teams:
            hashes = [candidate.rows[row] ^ candidate.columns[column] for candidate in team]
            highest = max(hashes)
            score = _score(highest, weight)
            if score < best:
                winner, best = places[hashes.index(highest)], score
        return winner, best

    def _line_up(self) -> list[tuple[int, list[_Candidate], list[int]]]:
        teams: dict[int, tuple[list[_Candidate], list[int]]] = {}
        for place, candidate in enumerate(self._candidates):
            if candidate is not None:
                team, places = teams.setdefault(candidate.weight, ([], []))
                team.append(candidate)
                places.append(place)
        return [(weight, team, places) for weight, (team, places) in teams.items()]


def _slot_of(key: bytes) -> int:
    """The multiplication spreads what the checksum alone, being linear, leaves in patterns: keys that count up, say."""
    return (crc32(key) * 0x9E3779B1 & _MASK32) >> (32 - _SLOT_BITS)


def _slot_of_value(raw: object, column: int) -> int:
    """The slot of a header field or of a property."""
    if raw is None:
        return _SLOT_OF_NOTHING
    assert isinstance(raw, bytes)
    if column == COLUMN_HEADER:
        value = decode_field(raw)
        if value is None:
            return _SLOT_OF_NOTHING
        # Text and integers count by value: clients differ in how wide an integer they send.
        if isinstance(value, str):
            raw = value.encode()
        elif isinstance(value, bytes):
            raw = value
        elif isinstance(value, int):
            raw = b"%d" % value
    return _slot_of(raw)
