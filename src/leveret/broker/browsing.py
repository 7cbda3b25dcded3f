"""Looking at the messages of a queue without taking them, and doing something with some of them.

Messages are named by `Place`s: the lane (its priority) and its number in it, which stay the same as long as the message
is in the queue. What waits on disk is read an extent at a time; nothing becomes outstanding, or redelivered.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from ..wire import Batch, Selection
from ..wire.records import PURGED
from .change import Change
from .placement import place

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..ports import Position
    from ..wire import Extent
    from .broker import Broker
    from .lane import Lane
    from .queue import Queue
    from .vhost import VHost


class Place(NamedTuple):
    """Where a message is: `level` counts lanes from the lowest priority."""

    level: int
    number: int

    def __str__(self) -> str:
        return f"{self.level}-{self.number}"

    @classmethod
    def of(cls, text: str) -> Place:
        """What `str` gave. Raises ValueError."""
        level, _, number = text.partition("-")
        if not (level.isdecimal() and number.isdecimal()):
            raise ValueError("not the id of a message")
        return cls(int(level), int(number))


def extents(queue: Queue) -> list[tuple[int, Extent]]:
    """The level and extent of all that is ready, in the order in which it is delivered."""
    lanes = queue.lanes
    return [
        (level, extent)
        for level in reversed(range(len(lanes)))
        if lanes[level].ready
        for extent in lanes[level].extents
        if extent.ready
    ]


def locate(queue: Queue, places: Sequence[Place]) -> list[tuple[int, Extent, Selection]]:
    """Those of the places that are ready, by extent; what is not there any more is left out."""
    found: dict[tuple[int, int], tuple[Extent, list[int]]] = {}
    lanes = queue.lanes
    for level, number in sorted(set(places), reverse=True):
        if level < len(lanes) and (extent := _extent_at(lanes[level], number)) is not None:
            found.setdefault((level, extent.base), (extent, []))[1].append(number - extent.base)
    return [
        (level, extent, rows)
        for (level, _), (extent, numbers) in found.items()
        if len(rows := _ready(extent, Selection([*reversed(numbers)])))
    ]


def _extent_at(lane: Lane, number: int) -> Extent | None:
    at = bisect_right(lane.extents, number, key=lambda extent: extent.base) - 1
    extent = lane.extents[at] if at >= 0 else None
    return extent if extent is not None and number < extent.base + len(extent) else None


def _ready(extent: Extent, rows: Selection) -> Selection:
    return rows.difference(rows.difference(extent.select_ready()))


def delete(broker: Broker, vhost: VHost, queue: Queue, level: int, extent: Extent, rows: Selection) -> Position | None:
    """These are gone; when that is on disk."""
    change = Change(broker, vhost.router)
    change.drop(queue, queue.lanes[level], extent, rows, PURGED)
    return change.commit(wait=True)


@dataclass(frozen=True, slots=True)
class Moved:
    """What became of some messages, and when it is on disk."""

    count: int
    unroutable: int
    refused: int
    position: Position | None


def republish(
    broker: Broker,
    vhost: VHost,
    queue: Queue,
    level: int,
    extent: Extent,
    rows: Sequence[int],
    batch: Batch,
    *,
    keep: bool,
) -> Moved:
    """Publish these messages, which were made of these rows (in memory), again; without `keep` those that were taken
    leave the queue in the same record: they are in one place or the other, whatever happens. Raises NotFound and
    AccessRefused when an exchange cannot take any.
    """
    cells = vhost.router.routes(batch)
    change = Change(broker, vhost.router)
    placement = place(cells, batch)
    if placement.error is not None:
        raise placement.error
    lost = set[int]()
    for queues, part in cells:
        if not queues:
            lost.update(range(len(batch)) if part is None else part)
    unroutable = len(lost)
    change.publish(placement)
    if placement.rejected is not None:
        lost.update(placement.rejected)
    taken = [row for number, row in enumerate(rows) if number not in lost]
    if taken and not keep:
        change.drop(queue, queue.lanes[level], extent, Selection(taken), PURGED)
    position = change.commit(wait=True)
    return Moved(len(taken), unroutable, len(lost) - unroutable, position)
