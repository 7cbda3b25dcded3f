"""Priorities: levels of a queue, and to which of them each message goes (RabbitMQ page "Classic Queues Support
Priorities").
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..wire import COLUMN_PROPERTY, PRIORITY, Selection
from .lane import Lane

if TYPE_CHECKING:
    from ..wire import Batch, Extent
    from ..wire.fields import Arguments
    from .paging import Pager
    from .queue import Queue

MAX_PRIORITY: Final = "x-max-priority"


class Level(Lane):
    """The messages of one priority above the lowest."""

    __slots__ = ("_queue", "priority")

    def __init__(self, queue: Queue, priority: int, pager: Pager) -> None:
        super().__init__(queue.id + priority, durable=queue.durable, pager=pager)
        self.priority = priority
        self._queue = queue

    def __str__(self) -> str:
        return f"{self._queue}, priority {self.priority}"

    def stir(self) -> None:
        self._queue.stir()

    def loaded(self) -> None:
        self._queue.loaded()

    def is_about_to_deliver(self, extent: Extent) -> bool:
        return self._queue.is_about_to_deliver(extent)

    def expires(self, when_ms: int) -> None:
        self._queue.expires(when_ms)


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
