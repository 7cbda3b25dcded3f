"""Batches and the messages in them.

A batch is a list of rows and, beside it, a list of key ids. Rows are tuples that never change, so an extent that
takes some of them shares them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .constants import (
    COLUMN_HEADER,
    COLUMN_HEADERS,
    COLUMN_KEY,
    COLUMN_PROPERTY,
    EXPIRATION,
    IMMEDIATE,
    MANDATORY,
    U64_MAX,
)
from .expiries import Expiries, expiries_of, parse_expiration
from .keys import KeyTable, join_names, split_names
from .pool import Arena, Pool, Row, row_size
from .properties import PROPERTY_NAMES, features_of, header_of, property_of
from .rewrite import Patch
from .selection import Selection, of_range, of_rows


class Message:
    """One row, copied out."""

    __slots__ = ("_row",)

    def __init__(self, row: Row) -> None:
        self._row = row

    @property
    def exchange(self) -> str:
        return split_names(self._row[0])[0].decode()

    @property
    def routing_key(self) -> str:
        return split_names(self._row[0])[1].decode()

    @property
    def properties(self) -> bytes:
        """Property flags and property list as on the wire; at least the two flag bytes."""
        return self._row[1]

    @property
    def body(self) -> bytes:
        return self._row[2]

    @property
    def features(self) -> int:
        return self._row[3]


class Batch:
    """The contents that arrived on one channel in one push, or what `build`, `unpack` or `Extent.batch` made."""

    __slots__ = ("body_bytes", "channel", "features", "ids", "key", "keys", "rows")

    def __init__(self, channel: int, keys: KeyTable) -> None:
        self.channel = channel
        self.keys = keys
        self.rows: list[Row] = []
        self.ids: list[int] = []
        self.features = 0
        self.body_bytes = 0
        self.key = -1
        """The key id that all rows share, or -1 when they differ."""

    def finish(self) -> Batch:
        """Sum up the rows; the batch does not change from here."""
        features = size = 0
        for _, _, body, row_features, _ in self.rows:
            features |= row_features
            size += len(body)
        self.features = features
        self.body_bytes = size
        ids = self.ids
        self.key = ids[0] if ids and ids.count(ids[0]) == len(ids) else -1
        return self

    @staticmethod
    def build(pool: Pool, messages: Iterable[tuple[str, str, bytes, bytes, bool]], channel: int = 0) -> Batch:
        """Of (exchange, routing key, raw properties, body, mandatory). Raises ValueError for malformed ones."""
        batch = Batch(channel, KeyTable())
        arena = Arena(pool)
        for exchange, routing_key, properties, body, mandatory in messages:
            names = join_names(exchange, routing_key)
            features = features_of(properties) | (MANDATORY if mandatory else 0)
            batch.append((names, bytes(properties), bytes(body), features, arena))
            arena.add(row_size(batch.rows[-1]))
        return batch.finish()

    def append(self, row: Row) -> None:
        self.rows.append(row)
        self.ids.append(self.keys.intern(row[0], row[3]))

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, row: int) -> Message:
        if row < 0:
            raise IndexError("no such row")
        return Message(self.rows[row])

    def partition(
        self, column: int = COLUMN_KEY, selection: Selection | None = None, name: str | None = None
    ) -> list[tuple[object, Selection]]:
        """Distinct values of a column in order of first appearance, each with its rows.

        Raises ValueError for an unknown column or property, or a column that needs a name and has none, IndexError for
        rows that are not there.
        """
        chosen = self._chosen(selection)
        if column == COLUMN_KEY and self.key >= 0:
            return [(self.key, chosen)] if len(chosen) else []
        found: dict[object, list[int]] = {}
        for row, value in zip(chosen, self._values(column, chosen, name), strict=True):
            found.setdefault(value, []).append(row)
        return [(value, of_rows(rows)) for value, rows in found.items()]

    def _chosen(self, selection: Selection | None) -> Selection:
        chosen = of_range(0, len(self.rows)) if selection is None else selection
        if len(chosen) and chosen[-1] >= len(self.rows):
            raise IndexError("no such row")
        return chosen

    def _values(self, column: int, chosen: Selection, name: str | None) -> list[int] | list[bytes | None]:
        if column == COLUMN_KEY:
            return [self.ids[row] for row in chosen]
        lists = [self.rows[row][1] for row in chosen]
        if column == COLUMN_HEADERS:
            return [property_of(raw, "headers") for raw in lists]
        if name is None:
            raise ValueError("this column needs a name")
        if column == COLUMN_HEADER:
            wanted = name.encode()
            return [header_of(raw, wanted) for raw in lists]
        name = name.replace("-", "_")
        if column != COLUMN_PROPERTY or name not in PROPERTY_NAMES:
            raise ValueError(f"no such column: {column} {name}")
        return [property_of(raw, name) for raw in lists]

    def select(self, features: int) -> Selection:
        """The rows that have any of these features."""
        return of_rows([index for index, row in enumerate(self.rows) if row[3] & features])

    def rewrite(self, pool: Pool, patches: Sequence[tuple[Selection, Patch]]) -> Batch:
        """All rows in their order, changed by the patch of the selection that they are in. Raises ValueError for a row
        in two of them, IndexError for rows that are not there.
        """
        found: dict[int, Patch] = {}
        for selection, patch in patches:
            for number in self._chosen(selection):
                if number in found:
                    raise ValueError("a row is in two selections")
                found[number] = patch
        renamed = any(patch.changes_key for _, patch in patches)
        batch, arena = Batch(self.channel, KeyTable() if renamed else self.keys), Arena(pool)
        for index, row in enumerate(self.rows):
            batch.append(found[index].applied(row, arena) if index in found else row)
        return batch.finish()

    @staticmethod
    def concat(pool: Pool, batches: Sequence[Batch]) -> Batch:
        """The rows of several batches one after the other."""
        same = all(batch.keys is batches[0].keys for batch in batches)
        joined = Batch(0, batches[0].keys if batches and same else KeyTable())
        for batch in batches:
            for row in batch.rows:
                joined.append(row)
        return joined.finish()

    def body_bytes_of(self, selection: Selection) -> int:
        """Raises IndexError for rows that are not there."""
        return sum(len(self.rows[row][2]) for row in self._chosen(selection))

    def fit(self, selection: Selection | None, rows: int, size: int) -> Selection:
        """Each row that fits into what those before have left of `rows` and `size` (-1: no bound)."""
        fitting: list[int] = []
        for row in self._chosen(selection):
            body = len(self.rows[row][2])
            if (rows < 0 or len(fitting) < rows) and (size < 0 or body <= size):
                fitting.append(row)
                size -= body if size >= 0 else 0
        return of_rows(fitting)

    def expiries(self, selection: Selection | None, now_ms: int, ttl_ms: int = -1) -> Expiries | None:
        """When these rows expire; None if none does. Raises IndexError for rows that are not there."""
        if not 0 <= now_ms <= U64_MAX:
            raise OverflowError("a time is over 64 bits")
        lists = [self.rows[row][1] for row in self._chosen(selection)]
        return expiries_of([property_of(raw, "expiration") for raw in lists], now_ms, ttl_ms)

    def bad_expiration(self) -> int:
        """The first row whose expiration is no number, -1 if there is none."""
        for index, row in enumerate(self.rows):
            if row[3] & EXPIRATION and parse_expiration(property_of(row[1], "expiration") or b"") is None:
                return index
        return -1


def flags_of(row: Row) -> tuple[bool, bool]:
    """Whether the row is mandatory, immediate."""
    return bool(row[3] & MANDATORY), bool(row[3] & IMMEDIATE)
