"""What one publisher may publish. Decided per key of its key table, not per message: while all that were met may be
used, a batch costs a look at whether there are new ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..authorize import DEFAULT_EXCHANGE, WRITE, authorize_topic, refusal
from ..errors import AccessRefused
from ..wire import CC, Selection
from .copies import more_keys
from .exchanges import TopicExchange

if TYPE_CHECKING:
    from ..authorize import Rights
    from ..wire import Batch, KeyTable
    from .vhost import VHost

    Refusal = tuple[int, AccessRefused]


class NotWritable(AccessRefused):
    """The exchange must not be published to, whether it is there or not."""


class Permits:
    """Of the publishers of one connection, in its virtual host."""

    __slots__ = ("_denied", "_known", "_rights", "_table", "_topics", "_version", "_vhost")

    def __init__(self, rights: Rights, vhost: VHost) -> None:
        self._rights = rights
        self._vhost = vhost
        self._table: KeyTable | None = None
        self._known = 0  # keys of the table that were looked at
        self._version = rights.version
        self._denied: dict[int, str] = {}  # keys that are not allowed, with their exchange
        self._topics = False  # some key's exchange has restricted routing keys

    def cover(self, batch: Batch) -> bool:
        """Whether everything in the batch may be published. False: see `first_refused` and `first_topic_refused`.

        Raises Undecided.
        """
        table = batch.keys
        if table is not self._table or self._rights.version != self._version or len(table) != self._known:
            self._look(table)
        return not (self._denied or self._topics)

    def _look(self, table: KeyTable) -> None:
        rights = self._rights
        if table is not self._table or rights.version != self._version:
            self._table, self._version = table, rights.version
            self._known, self._topics = 0, False
            self._denied.clear()
        for key in range(self._known, len(table)):
            exchange = table[key][0]
            if not rights.may(WRITE, "exchange", exchange or DEFAULT_EXCHANGE):
                self._denied[key] = exchange
            elif rights.has_topics(exchange):
                self._topics = True
            self._known = key + 1

    def first_refused(self, batch: Batch) -> Refusal | None:
        """The first row whose exchange must not be written to."""
        if self._denied:
            for key, rows in _by_key(batch):
                exchange = self._denied.get(key)
                if exchange is not None:
                    name, user = exchange or DEFAULT_EXCHANGE, self._rights.user
                    text = refusal(WRITE, "exchange", name, self._vhost.name, user)
                    return _first_row(rows), NotWritable(text)
        return None

    def first_topic_refused(self, batch: Batch) -> Refusal | None:
        """The first row with a routing key that must not be used. Raises Undecided."""
        found: Refusal | None = None
        for key, rows in _by_key(batch) if self._topics else ():
            name, routing_key, _, _ = batch.keys[key]
            if isinstance(self._vhost.router.exchanges.get(name), TopicExchange):
                for keys, part in _routing_keys(batch, routing_key, rows):
                    row = _first_row(part)
                    if (found is None or row < found[0]) and (refused := self._refused(name, keys)) is not None:
                        found = row, refused
        return found

    def _refused(self, exchange: str, keys: tuple[str, ...]) -> AccessRefused | None:
        try:
            for key in keys:
                authorize_topic(self._rights, WRITE, self._vhost.name, exchange, key)
        except AccessRefused as error:
            error.__traceback__ = None
            return error
        return None


def _by_key(batch: Batch) -> list[tuple[int, Selection | None]]:
    """In the order of first rows; None is all."""
    return [(batch.key, None)] if batch.key >= 0 else [*batch.partition()]  # type: ignore[list-item]


def _routing_keys(
    batch: Batch, routing_key: str, rows: Selection | None
) -> list[tuple[tuple[str, ...], Selection | None]]:
    """All routing keys, those of copies too."""
    if not batch.features & CC:
        return [((routing_key,), rows)]
    if rows is None:
        rows = Selection.range(0, len(batch))
    plain = rows.difference(batch.select(CC))
    copied = rows.difference(plain)
    return [
        *([((routing_key,), plain)] if len(plain) else []),
        *[
            ((routing_key, *more), part)
            for more, part in more_keys(batch, copied)
            if isinstance(more, tuple)  # else it is refused for that
        ],
    ]


def _first_row(rows: Selection | None) -> int:
    return 0 if rows is None else rows[0]
