"""Priorities: which level of a queue each message goes to (RabbitMQ page "Classic Queues Support Priorities")."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..wire import COLUMN_PROPERTY, PRIORITY, Selection

if TYPE_CHECKING:
    from ..wire import Batch
    from ..wire.fields import Arguments

MAX_PRIORITY: Final = "x-max-priority"


def max_priority(arguments: Arguments) -> int:
    """The highest level that a declaration asks for; 0: there are no priorities."""
    value = arguments.get(MAX_PRIORITY, 0)
    return value if isinstance(value, int) else 0


def by_level(batch: Batch, rows: Selection | None, highest: int) -> list[tuple[int, Selection | None]]:
    """The rows of each level. A message without priority has 0, one with more than there is has the highest."""
    if not batch.features & PRIORITY:
        return [(0, rows)]
    levels: dict[int, list[Selection]] = {}
    for value, part in batch.partition(COLUMN_PROPERTY, rows, "priority"):
        assert value is None or isinstance(value, bytes)
        levels.setdefault(min(value[0], highest) if value else 0, []).append(part)
    return [(level, Selection.merge(parts)) for level, parts in levels.items()]
