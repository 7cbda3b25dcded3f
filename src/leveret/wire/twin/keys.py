"""The distinct (exchange, routing key, mandatory, immediate) that one decoder met, numbered from 0.

Most publishers send the same few method frames over and over, so the payload as it came leads straight to the
number; only the first of each kind is parsed.
"""

from __future__ import annotations

from typing import ClassVar

from ...limits import KEY_BYTES_PER_DECODER_MAX, KEYS_PER_DECODER_MAX
from .constants import IMMEDIATE, MANDATORY


class KeyTable:
    """Bounded: the decoder starts a new one with the next push when this one is `full`; older batches keep theirs."""

    __slots__ = ("_bytes", "_entries", "_numbers", "cache", "features", "names", "seen")

    KEYS_MAX: ClassVar[int] = KEYS_PER_DECODER_MAX
    KEY_BYTES_MAX: ClassVar[int] = KEY_BYTES_PER_DECODER_MAX

    def __init__(self) -> None:
        self.cache: dict[int, object] = {}
        self.names: list[bytes] = []
        self.features: list[int] = []
        self._entries: list[tuple[str, str, bool, bool]] = []
        self._numbers: dict[tuple[bytes, int], int] = {}
        self.seen: dict[bytes, int] = {}
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._entries)

    def __getitem__(self, key: int) -> tuple[str, str, bool, bool]:
        if key < 0:
            raise IndexError("no such key")
        return self._entries[key]

    @property
    def full(self) -> bool:
        return len(self._entries) >= self.KEYS_MAX or self._bytes >= self.KEY_BYTES_MAX

    def intern(self, names: bytes, features: int) -> int:
        """The number of these names (two shortstrings) with MANDATORY and IMMEDIATE of `features`.

        Raises UnicodeDecodeError for names that are not UTF-8.
        """
        features &= MANDATORY | IMMEDIATE
        key = self._numbers.get((names, features))
        if key is None:
            exchange, routing_key = split_names(names)
            entry = (exchange.decode(), routing_key.decode(), bool(features & MANDATORY), bool(features & IMMEDIATE))
            key = len(self._entries)
            self._entries.append(entry)
            self.names.append(names)
            self.features.append(features)
            self._numbers[names, features] = key
            self._bytes += len(names)
        return key

    def intern_publish(self, payload: bytes) -> int:
        """The number for the payload of a basic.publish method frame.

        Raises ValueError when it is malformed, UnicodeDecodeError (a ValueError too) for names that are not UTF-8.
        """
        key = self.seen.get(payload)
        if key is None:
            names, features = parse_publish(payload)
            key = self.intern(names, features)
            # Only the usual spelling is remembered: what a peer writes into reserved bits must not grow the table.
            if payload[4:6] == b"\0\0" and payload[-1] < 4:
                self.seen[payload] = key
        return key


def parse_publish(payload: bytes) -> tuple[bytes, int]:
    """Names and features (MANDATORY, IMMEDIATE) of basic.publish. Raises as `KeyTable.intern_publish` does."""
    if len(payload) < 9:
        raise ValueError("malformed basic.publish")
    names, bits = payload[6:-1], payload[-1]
    for name in split_names(names):
        name.decode()
    return names, (MANDATORY if bits & 1 else 0) | (IMMEDIATE if bits & 2 else 0)


def split_names(names: bytes) -> tuple[bytes, bytes]:
    """Exchange and routing key out of two shortstrings. Raises ValueError unless they are exactly that."""
    middle = 1 + names[0]
    if middle >= len(names) or middle + 1 + names[middle] != len(names):
        raise ValueError("malformed names")
    return names[1:middle], names[middle + 1 :]


def join_names(exchange: str, routing_key: str) -> bytes:
    """Two shortstrings. Raises ValueError for names over 255 bytes."""
    return shortstr(exchange.encode()) + shortstr(routing_key.encode())


def shortstr(raw: bytes) -> bytes:
    """Raises ValueError over 255 bytes."""
    if len(raw) > 255:
        raise ValueError("shortstr is over 255 bytes")
    return bytes((len(raw),)) + raw
