"""Dead letters: what a message that died in a queue becomes on its way to the queue's dead-letter exchange (RabbitMQ
page "Dead Letter Exchanges").

Messages that were published and died alike are rewritten alike: the work is one step per distinct message, not per
message.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from ..errors import AmqpError
from ..wire import CC, COLUMN_HEADER, COLUMN_KEY, COLUMN_PROPERTY, EXPIRATION, HEADERS, Patch, Selection
from .copies import texts
from .deaths import FIRST_DEATH, LAST_DEATH, REJECTED, X_DEATH, Death, cycle, decode_deaths, encode_headers, with_death
from .gathered import Recorded

if TYPE_CHECKING:
    from ..wire import Batch, Pool
    from .placement import Cells
    from .queue import Queue

    Cycles = list[tuple[Selection, frozenset[str]]]
    """Rows, and the queues that must not have them again."""

logger = logging.getLogger("leveret.broker")

_AGAIN = (X_DEATH, *LAST_DEATH, "BCC")
_FRESH = (*_AGAIN, *FIRST_DEATH)


def dead_letters(queue: Queue, batch: Batch, reason: str, pool: Pool, now_ms: int) -> tuple[Batch, Cycles]:
    """All rows of the batch, which died in the queue, as they are published to its dead-letter exchange."""
    settings = queue.settings
    exchange, routing_key = settings.dead_letter_exchange, settings.dead_letter_routing_key
    patches: list[tuple[Selection, Patch]] = []
    cycles: Cycles = []
    for (key, expiration, told, cc), rows in _alike(batch):
        assert isinstance(key, int)
        source, published_key = batch.keys[key][:2]
        death = Death(
            queue.name,
            reason,
            now_ms // 1000,
            source,
            (published_key, *texts(cc)),
            expiration.decode("ascii", "replace") if isinstance(expiration, bytes) else None,
        )
        deaths = with_death(decode_deaths(told if isinstance(told, bytes) else None), death)
        without = _FRESH if len(deaths) == 1 and deaths[0].count == 1 else _AGAIN
        patch = Patch(
            exchange=exchange,
            routing_key=routing_key,
            append=encode_headers(deaths, death),
            without=(*without, "CC") if routing_key is not None else without,
            drop_expiration=True,
            clear_mandatory=True,
        )
        patches.append((rows, patch))
        if reason != REJECTED:
            cycles.append((rows, cycle(deaths)))
    return batch.rewrite(pool, patches), cycles


def _alike(batch: Batch) -> list[tuple[tuple[object, object, object, object], Selection]]:
    """Rows by what their deaths depend on: key, expiration, the deaths that are told already, CC."""
    groups: list[tuple[tuple[object, ...], Selection]] = [((), Selection.range(0, len(batch)))]
    for column, name, feature in (
        (COLUMN_KEY, None, 0),
        (COLUMN_PROPERTY, "expiration", EXPIRATION),
        (COLUMN_HEADER, X_DEATH, HEADERS),
        (COLUMN_HEADER, "CC", CC),
    ):
        if feature and not batch.features & feature:
            groups = [((*values, None), rows) for values, rows in groups]
        else:
            groups = [
                ((*values, value), part)
                for values, rows in groups
                for value, part in batch.partition(column, rows, name)
            ]
    return groups  # type: ignore[return-value]  # four columns were looked at


def without_cycles(queue: Queue, cells: Cells, cycles: Cycles) -> Cells:
    """Where dead letters go, but for queues in which they died without anybody having rejected them. Nobody is told of
    those that go nowhere.
    """
    cells = [cell for cell in cells if not isinstance(cell[0], AmqpError)]
    for rows, names in cycles:
        kept: Cells = []
        for reached, selection in cells:
            if isinstance(reached, tuple) and any(each.is_queue and each.name in names for each in reached):
                both = rows if selection is None else selection.difference(selection.difference(rows))
                if len(both):
                    _tell(queue, names)
                    left = [each for each in reached if not (each.is_queue and each.name in names)]
                    kept.append((Recorded(left) if isinstance(reached, Recorded) else tuple(left), both))
                    if selection is None:
                        continue  # they are all rows
                    selection = selection.difference(both)
                    if not len(selection):
                        continue
            kept.append((reached, selection))
        cells = kept
    return cells


def _tell(queue: Queue, names: frozenset[str]) -> None:
    if not queue.cycle_told:
        queue.cycle_told = True
        path = ", ".join(f"'{name}'" for name in sorted(names))
        logger.warning(
            "%s: messages are dropped that would go round for ever: they died in all of %s, and nobody rejected them;"
            " this is said once",
            queue,
            path,
        )
