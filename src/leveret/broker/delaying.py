"""Delaying: where messages wait that a delayed message exchange will route later.

They wait in a hidden queue that belongs to the exchange: the log, checkpoints, paging and recovery know it as any
other, clients do not. Each message expires there when its time has come, and goes on from the exchange in the same
change.
"""

from __future__ import annotations

from struct import pack
from typing import TYPE_CHECKING, Final

from ..errors import SyntaxError_
from ..limits import DELAY_MAX_MS
from ..wire import COLUMN_HEADER, HEADERS, Expiries, Patch, Selection
from ..wire.fields import decode_field
from .queue import Queue

if TYPE_CHECKING:
    from ..wire import Batch, Pool
    from .settings import QueueSettings

DELAY: Final = "x-delay"
_PREFIX: Final = "amq.rabbitmq.delayed:"
_INT32_MAX: Final = (1 << 31) - 1


def store_name(exchange: str) -> str:
    """The name under which the log knows where the messages of an exchange wait."""
    return _PREFIX + exchange


def exchange_of(queue: str) -> str | None:
    """The other way round; None for a queue of another kind."""
    return queue.removeprefix(_PREFIX) if queue.startswith(_PREFIX) else None


def delay_ms(field: object) -> int:
    """How long a message with this raw header waits; 0: it does not."""
    if not isinstance(field, bytes):
        return 0
    try:
        value = decode_field(field)
        delay = int(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else 0
    except (SyntaxError_, ValueError, OverflowError):
        return 0
    return delay if 0 < delay <= DELAY_MAX_MS else 0


def when_due(batch: Batch, pool: Pool) -> Batch:
    """Messages that have waited, as they go on: the header tells that they did, and does not delay them once more."""
    patches = []
    for field, rows in batch.partition(COLUMN_HEADER, None, DELAY):
        delay = delay_ms(field)
        number = pack(">ci", b"I", -delay) if delay <= _INT32_MAX else pack(">cq", b"l", -delay)
        patches.append((rows, Patch(without=[DELAY], append=bytes((len(DELAY),)) + DELAY.encode() + number)))
    return batch.rewrite(pool, patches)


class DelayStore(Queue):
    """Nobody consumes from it, and nothing but a delay applies to what is in it."""

    __slots__ = ()
    delays = True

    def configure(self, settings: QueueSettings) -> None:
        """No policy is for it."""
        self.special = True

    def expiries(self, batch: Batch, rows: Selection | None, now_ms: int) -> Expiries | None:
        every = Selection.range(0, len(batch)) if rows is None else rows
        if not batch.features & HEADERS:
            return None
        delays = [(delay_ms(field), part) for field, part in batch.partition(COLUMN_HEADER, every, DELAY)]
        if len(delays) == 1:
            return Expiries([(len(every), now_ms + delays[0][0])])
        when_ms = dict.fromkeys(every, now_ms)
        for delay, part in delays:
            when_ms.update(dict.fromkeys(part, now_ms + delay))
        return Expiries([(1, when_ms[row]) for row in every])
