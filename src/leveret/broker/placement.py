"""Placement: which rows of a batch go to which queues, or back to the publisher.

The router says what each distinct key reaches. Here those answers become what the rest of the brain works with: per
set of queues one selection in publishing order, what is returned, and where an error ends the batch. "A batch behaves
as its messages one by one": rows before the first bad one are done, it and those after are not.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..errors import AmqpError
from ..wire import MANDATORY, PERSISTENT, Selection
from ..wire.records import Publish
from .routing import Recorded

if TYPE_CHECKING:
    from ..wire import Batch
    from .exchange import Exchange
    from .queue import Queue

    Cells = list[tuple[tuple[Queue, ...] | AmqpError, Selection | None]]


@dataclass(slots=True)
class Placement:
    """What becomes of the first `count` rows of a batch. A selection of None means all rows."""

    batch: Batch
    count: int
    queues: list[tuple[tuple[Queue, ...], Selection | None]]
    returned: Selection | None
    error: AmqpError | None
    recorded: list[tuple[Exchange, Selection]] = field(default_factory=list)
    """What exchanges are to record."""
    kept: dict[int, Publish] = field(default_factory=dict)
    """The op of those in `queues` that have one."""

    def publish_ops(self) -> list[Publish]:
        """What of it must be kept: persistent rows that durable queues take."""
        batch = self.batch
        if not batch.features & PERSISTENT:
            return []
        persistent = batch.select(PERSISTENT)
        for number, (queues, selection) in enumerate(self.queues):
            targets = [(queue.id, queue.next_sequence) for queue in queues if queue.durable]
            if not targets:
                continue
            if len(persistent) == len(batch):
                self.kept[number] = Publish(targets, batch, selection)
                continue
            rows = _all(selection, batch)
            kept = frozenset(persistent)
            offsets = Selection([at for at, row in enumerate(rows) if row in kept])
            if len(offsets):
                self.kept[number] = Publish(targets, batch, _intersection(rows, persistent), offsets)
        return [*self.kept.values()]

    def apply(self) -> bool:
        """Append to the queues, after the log; True when one of them has more than its consumers keep up with."""
        batch = self.batch
        congested = False
        for number, (queues, selection) in enumerate(self.queues):
            op = self.kept.get(number)
            place = None if op is None else op.place
            for queue in queues:
                congested |= queue.append(batch, selection, place if queue.durable else None)
        return congested


def _intersection(one: Selection, other: Selection) -> Selection:
    return one.difference(one.difference(other))


def place(cells: Cells, batch: Batch, limit: int | None = None) -> Placement:
    """What the router's answer means for a batch, or for its first `limit` rows."""
    if len(cells) == 1 and limit is None:
        queues, selection = cells[0]
        if queues and not isinstance(queues, AmqpError | Recorded):
            return Placement(batch, len(batch), [(queues, selection)], None, None)
    return _place(cells, batch, len(batch) if limit is None else min(limit, len(batch)))


def _place(cells: Cells, batch: Batch, count: int) -> Placement:
    error: AmqpError | None = None
    routed: list[tuple[tuple[Queue, ...], Selection | None]] = []
    unrouted: list[Selection | None] = []
    recorded: dict[Exchange, list[Selection]] = {}
    for queues, selection in cells:
        if isinstance(queues, AmqpError):
            first = 0 if selection is None else selection[0]
            if first < count:
                count, error = first, queues
            continue
        reached: tuple[Queue, ...] = queues
        if isinstance(queues, Recorded):
            reached = queues.queues
            for exchange in queues.exchanges:
                recorded.setdefault(exchange, []).append(_all(selection, batch))
        if reached:
            routed.append((reached, selection))
        else:
            unrouted.append(selection)
    if count < len(batch):
        rest = Selection.range(count, len(batch))
        routed = [(queues, part) for queues, rows in routed if len(part := _all(rows, batch).difference(rest))]
        unrouted = [part for rows in unrouted if len(part := _all(rows, batch).difference(rest))]
    returned = None
    if unrouted and batch.features & MANDATORY:
        returned = _intersection(Selection.merge([_all(rows, batch) for rows in unrouted]), batch.select(MANDATORY))
    return Placement(
        batch,
        count,
        _in_order(routed, batch),
        returned if returned is None or len(returned) else None,
        error,
        [(exchange, rows) for exchange, parts in recorded.items() if len(rows := _up_to(count, parts))],
    )


def _up_to(count: int, parts: list[Selection]) -> Selection:
    """The rows of all parts, as far as they are published."""
    return Selection.merge(parts).window(0, count)


def _all(selection: Selection | None, batch: Batch) -> Selection:
    return Selection.range(0, len(batch)) if selection is None else selection


def _in_order(
    routed: list[tuple[tuple[Queue, ...], Selection | None]], batch: Batch
) -> list[tuple[tuple[Queue, ...], Selection | None]]:
    """A queue that several keys reach takes their rows as one selection: the order of publishing is kept per queue."""
    if len(routed) == 1:
        return routed
    distinct: set[int] = set()
    mentions = 0
    for queues, _ in routed:
        mentions += len(queues)
        for queue in queues:
            distinct.add(queue.id)
    if mentions == len(distinct):
        return routed
    per_queue: dict[int, tuple[Queue, list[Selection]]] = {}
    for queues, selection in routed:
        for queue in queues:
            per_queue.setdefault(queue.id, (queue, []))[1].append(_all(selection, batch))
    shared: dict[tuple[int, ...], tuple[list[Queue], list[Selection]]] = {}
    for queue, parts in per_queue.values():
        shared.setdefault(tuple(id(part) for part in parts), ([], parts))[0].append(queue)
    return [(tuple(queues), Selection.merge(parts)) for queues, parts in shared.values()]
