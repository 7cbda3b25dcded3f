"""Placement: which rows of a batch go to which queues, or back to the publisher.

The router says what each distinct key reaches. Here those answers become what the rest of the brain works with: per
set of queues one selection in publishing order, what is returned, and where an error ends the batch. "A batch behaves
as its messages one by one": rows before the first bad one are done, it and those after are not.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..errors import AmqpError
from ..wire import EXPIRATION, MANDATORY, PERSISTENT, Selection
from ..wire.records import Expire, Publish
from .gathered import Recorded
from .levels import by_level

if TYPE_CHECKING:
    from ..wire import Batch, Expiries
    from ..wire.records import Op
    from .exchange import Exchange
    from .lane import Lane
    from .queue import Queue

    Cells = list[tuple[tuple[Queue, ...] | AmqpError, Selection | None]]


@dataclass(slots=True)
class Part:
    """Rows (None: all) that lanes of special queues take alike, and when they expire there."""

    rows: Selection | None
    takers: list[tuple[Queue, Lane, Expiries | None]]
    op: Publish | None = None


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
    parts: list[Part] = field(default_factory=list)
    """What goes to queues that look at new messages."""
    refused: list[tuple[Queue, Selection]] = field(default_factory=list)
    """What queues do not take because they are full."""
    unroutable: int = 0
    """Rows that reach no queue, returned or not."""

    def admit(self, now_ms: int, taken: Taken) -> None:
        """Queues that look at new messages do so, after what is `taken` already: which they refuse, which level they
        go to, when they expire.
        """
        expiring = self.batch.features & EXPIRATION
        plain: list[tuple[tuple[Queue, ...], Selection | None]] = []
        for queues, rows in self.queues:
            special = [queue for queue in queues if expiring or queue.special]
            if not special:
                plain.append((queues, rows))
                continue
            if len(special) < len(queues):
                plain.append((tuple([queue for queue in queues if not queue.special]), rows))
            alike = Part(rows, [])
            for queue in special:
                self._admit(queue, rows, now_ms, taken, alike)
            if alike.takers:
                self.parts.append(alike)
        self.queues = plain

    def _admit(self, queue: Queue, rows: Selection | None, now_ms: int, taken: Taken, alike: Part) -> None:
        batch = self.batch
        accepted = rows
        if queue.refuses:
            wanted = _all(rows, batch)
            accepted = queue.admit(batch, wanted, now_ms, *taken.of(queue))
            if len(accepted) == len(wanted):
                accepted = rows
            else:
                self.refused.append((queue, wanted.difference(accepted)))
                if not len(accepted):
                    return
        if not queue.levels:
            taker = (queue, queue, queue.expiries(batch, accepted, now_ms))
            if accepted is rows:
                alike.takers.append(taker)
            else:
                self.parts.append(Part(accepted, [taker]))
            return
        lanes = queue.lanes
        for level, part in by_level(batch, accepted, len(queue.levels)):
            self.parts.append(Part(part, [(queue, lanes[level], queue.expiries(batch, part, now_ms))]))

    @property
    def rejected(self) -> Selection | None:
        """Rows that some queue refused; the publisher is told."""
        return Selection.merge([rows for _, rows in self.refused]) if self.refused else None

    def ops(self, taken: Taken) -> list[Op]:
        """What of it must be kept: persistent rows that durable queues take, and when they expire there."""
        batch = self.batch
        if not batch.features & PERSISTENT:
            return []
        ops: list[Op] = []
        ahead = taken.rows
        persistent = batch.select(PERSISTENT)
        for number, (queues, selection) in enumerate(self.queues):
            targets = [(queue.id, queue.next_sequence + ahead.get(queue.id, 0)) for queue in queues if queue.durable]
            if targets and (op := self._publish_op(targets, selection, persistent)) is not None:
                self.kept[number] = op
                ops.append(op)
        for part in self.parts:
            durable = [
                (lane.id, lane.next_sequence + ahead.get(lane.id, 0), expiries)
                for _, lane, expiries in part.takers
                if lane.durable
            ]
            if not durable:
                continue
            part.op = self._publish_op([(lane, first) for lane, first, _ in durable], part.rows, persistent)
            if part.op is not None:
                ops.append(part.op)
                ops += [Expire(lane, first, expiries) for lane, first, expiries in durable if expiries is not None]
        return ops

    def _publish_op(
        self, targets: list[tuple[int, int]], selection: Selection | None, persistent: Selection
    ) -> Publish | None:
        batch = self.batch
        if len(persistent) == len(batch):
            return Publish(targets, batch, selection)
        rows = _all(selection, batch)
        kept = frozenset(persistent)
        offsets = Selection([at for at, row in enumerate(rows) if row in kept])
        return Publish(targets, batch, _intersection(rows, persistent), offsets) if len(offsets) else None

    def apply(self) -> bool:
        """Append to the queues, after the log; True when one of them has more than its consumers keep up with."""
        batch = self.batch
        congested = False
        for number, (queues, selection) in enumerate(self.queues):
            op = self.kept.get(number)
            place = None if op is None else op.place
            for queue in queues:
                congested |= queue.append(batch, selection, place if queue.durable else None)
        for part in self.parts:
            place = None if part.op is None else part.op.place
            for queue, lane, expiries in part.takers:
                congested |= queue.append_to(lane, batch, part.rows, place if queue.durable else None, expiries)
        return congested


@dataclass(slots=True)
class Taken:
    """What earlier placements of one record bring: rows by the id of their lane, body bytes by that of their queue."""

    rows: dict[int, int] = field(default_factory=dict)
    bytes: dict[int, int] = field(default_factory=dict)

    def count(self, placement: Placement) -> None:
        """And this one."""
        batch = placement.batch
        for queues, rows in placement.queues:
            for queue in queues:
                self.rows[queue.id] = self.rows.get(queue.id, 0) + _count(rows, batch)
        for part in placement.parts:
            size = batch.body_bytes if part.rows is None else batch.body_bytes_of(part.rows)
            for queue, lane, _ in part.takers:
                self.rows[lane.id] = self.rows.get(lane.id, 0) + _count(part.rows, batch)
                self.bytes[queue.id] = self.bytes.get(queue.id, 0) + size

    def of(self, queue: Queue) -> tuple[int, int]:
        """Rows and body bytes that a queue gets."""
        if not self.rows:
            return 0, 0
        return sum([self.rows.get(lane.id, 0) for lane in queue.lanes]), self.bytes.get(queue.id, 0)


def _count(rows: Selection | None, batch: Batch) -> int:
    return len(batch) if rows is None else len(rows)


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
        unroutable=sum([len(_all(rows, batch)) for rows in unrouted]),
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
