"""Patches: what becomes of rows when a batch is rewritten."""

from __future__ import annotations

from collections.abc import Sequence

from .constants import IMMEDIATE, MANDATORY
from .keys import shortstr, split_names
from .pool import Arena, Row, row_size
from .properties import check_table, features_of, fields_of, with_parts


class Patch:
    """Immutable. Everything is optional; without anything a row stays as it is."""

    __slots__ = (
        "_append",
        "_clear",
        "_drop",
        "_exchange",
        "_expiration",
        "_headers",
        "_reply_to",
        "_routing_key",
        "_without",
    )

    def __init__(
        self,
        *,
        exchange: str | None = None,
        routing_key: str | None = None,
        headers: bytes | None = None,
        append: bytes = b"",
        without: Sequence[str] = (),
        drop_expiration: bool = False,
        expiration: str | None = None,
        reply_to: str | None = None,
        clear_mandatory: bool = False,
    ) -> None:
        """Raises ValueError for names over 255 bytes, malformed tables, and an expiration that is set and dropped."""
        self._exchange = None if exchange is None else shortstr(exchange.encode())
        self._routing_key = None if routing_key is None else shortstr(routing_key.encode())
        self._expiration = None if expiration is None else shortstr(expiration.encode())
        self._reply_to = None if reply_to is None else shortstr(reply_to.encode())
        self._without = [shortstr(name.encode())[1:] for name in without]
        for table in (headers or b"", append):
            check_table(table)
        if drop_expiration and expiration is not None:
            raise ValueError("an expiration cannot be set and dropped")
        self._headers = headers
        self._append = append
        self._drop = drop_expiration
        self._clear = clear_mandatory

    @property
    def changes_key(self) -> bool:
        """Whether rows may have another key afterwards."""
        return self._exchange is not None or self._routing_key is not None or self._clear

    def applied(self, row: Row, arena: Arena) -> Row:
        """The row as it is now; its bytes count for the arena if there are new ones."""
        names, properties, body, features, old = row
        flags = features & (IMMEDIATE if self._clear else MANDATORY | IMMEDIATE)
        exchange, routing_key = map(shortstr, split_names(names))
        names = (self._exchange or exchange) + (self._routing_key or routing_key)
        properties = with_parts(properties, self._table, self._sender, self._text)
        if (names, properties) == row[:2]:
            return names, properties, body, features_of(properties) | flags, old
        new = (names, properties, body, features_of(properties) | flags, arena)
        arena.add(row_size(new))
        return new

    def _table(self, table: bytes | None) -> bytes | None:
        if self._headers is not None:
            table = self._headers
        if table is None:
            return self._append or None
        return b"".join(entry for name, entry in fields_of(table) if name not in self._without) + self._append

    def _sender(self, reply_to: bytes | None) -> bytes | None:
        return reply_to if self._reply_to is None else self._reply_to[1:]

    def _text(self, expiration: bytes | None) -> bytes | None:
        if self._expiration is not None:
            return self._expiration[1:]
        return None if self._drop else expiration
