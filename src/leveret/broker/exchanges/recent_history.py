"""The recent history exchange: a fanout exchange that keeps its last messages for who is bound later.

A new binding's destination gets the last `x-recent-history-length` messages (20 if it is not said), oldest first; a
message with the header `x-recent-history-no-store` true is not kept (RabbitMQ's rabbitmq_recent_history_exchange).
What is kept are copies in memory: in the pool a message of some bytes would hold a whole arena. A restart forgets them.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, ClassVar, Final

from ...errors import PreconditionFailed
from ...limits import HISTORY_BYTES_MAX, HISTORY_LENGTH_MAX
from ...wire import COLUMN_HEADER, HEADERS, Batch, Selection
from ..exchange import erlang_term
from .fanout import FanoutExchange

if TYPE_CHECKING:
    from ...wire import Pool

LENGTH: Final = "x-recent-history-length"
LENGTH_DEFAULT: Final = 20
NO_STORE: Final = "x-recent-history-no-store"

_INTEGER_TYPES: Final = ("byte", "short", "signedint", "long")
_TRUE: Final = b"t\x01"
_BESIDE_BYTES: Final = 256
"""What a message takes in memory beside its properties and body."""


class RecentHistoryExchange(FanoutExchange):
    """Bindings, and the last messages: exchange, routing key, properties, body, mandatory (never again)."""

    __slots__ = ("_bytes", "_length", "_messages")
    type_name: ClassVar[str] = "x-recent-history"
    records: ClassVar[bool] = True

    def clear(self) -> None:
        super().clear()
        length = self.arguments.get(LENGTH)
        self._length = length if isinstance(length, int) else LENGTH_DEFAULT
        self._messages: deque[tuple[str, str, bytes, bytes, bool]] = deque()
        self._bytes = 0

    def validate(self) -> None:
        """Raises PreconditionFailed unless the length is a positive integer, and not too large."""
        super().validate()
        if LENGTH not in self.arguments:
            return
        length = self.arguments[LENGTH]
        if self.arguments.types[LENGTH] not in _INTEGER_TYPES or not isinstance(length, int) or length <= 0:
            problem = "must be a positive integer"
        elif length > HISTORY_LENGTH_MAX:
            problem = f"must not be greater than {HISTORY_LENGTH_MAX}"
        else:
            return
        raise PreconditionFailed(f"Invalid argument {erlang_term(length)}, '{LENGTH}' {problem}")

    @property
    def kept_bytes(self) -> int:
        return self._bytes

    def record(self, batch: Batch, rows: Selection | None) -> None:
        if rows is None:
            rows = Selection.range(0, len(batch))
        if batch.features & HEADERS:
            for value, part in batch.partition(COLUMN_HEADER, rows, NO_STORE):
                if value == _TRUE:
                    rows = rows.difference(part)
        messages = self._messages
        for row in rows[max(len(rows) - self._length, 0) :]:
            message = batch[row]
            messages.append((message.exchange, message.routing_key, message.properties, message.body, False))
            self._bytes += len(message.properties) + len(message.body) + _BESIDE_BYTES
            while len(messages) > self._length or self._bytes > HISTORY_BYTES_MAX:
                _, _, properties, body, _ = messages.popleft()
                self._bytes -= len(properties) + len(body) + _BESIDE_BYTES

    def history(self, pool: Pool) -> Batch | None:
        return Batch.build(pool, self._messages) if self._messages else None
