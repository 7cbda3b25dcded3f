"""The limits of a queue (RabbitMQ page "Queue Length Limit"): how much it has too much, and, of one that refuses new
messages then, which it takes.
"""

from __future__ import annotations

from itertools import chain, repeat
from typing import TYPE_CHECKING

from ..wire import Selection

if TYPE_CHECKING:
    from ..wire import Batch, Expiries
    from .queue import Queue


def excess(queue: Queue) -> tuple[int, int]:
    """Ready messages and body bytes over its limits; negative while there is room."""
    settings = queue.settings
    rows = size = -1
    if settings.max_length is not None:
        rows = queue.message_count - settings.max_length
    if settings.max_length_bytes is not None:
        size = queue.message_bytes - settings.max_length_bytes
    return rows, size


def admit(queue: Queue, batch: Batch, rows: Selection, now_ms: int, ahead: int, ahead_bytes: int) -> Selection:
    """Of these rows, in their order, those that are not over its limits; `ahead` others come before them.

    As if they came one by one: what consumers can take at once needs no place.
    """
    max_length, max_bytes = queue.settings.max_length, queue.settings.max_length_bytes
    expiries = queue.expiries(batch, rows, now_ms)
    dying = expiries is not None and any(0 < when_ms <= now_ms for _, when_ms in expiries.runs)
    count = queue.message_count + ahead
    direct = 0 if count or 0 in (max_length, max_bytes) else min(_demand(queue), len(rows))
    if dying or (direct and max_bytes is not None):
        return _admit_each(queue, batch, rows, now_ms, expiries, ahead, ahead_bytes)
    room = -1 if max_length is None else max(max_length - count, 0)
    size = -1 if max_bytes is None else max(max_bytes - queue.message_bytes - ahead_bytes, 0)
    fitting = batch.fit(rows[direct:], room, size)
    return rows[:direct].union(fitting) if direct else fitting


def _admit_each(
    queue: Queue, batch: Batch, rows: Selection, now_ms: int, expiries: Expiries | None, ahead: int, ahead_bytes: int
) -> Selection:
    """The same when it depends on each: some expire at once unless a consumer takes them, and need no place either;
    or consumers wait, and some are too large.
    """
    max_length, max_bytes = queue.settings.max_length, queue.settings.max_length_bytes
    count, size = queue.message_count + ahead, queue.message_bytes + ahead_bytes
    demand = 0 if count else _demand(queue)
    admitted = []
    runs = [(len(rows), 0)] if expiries is None else expiries.runs
    whens = chain.from_iterable(repeat(when_ms, times) for times, when_ms in runs)
    for row, when_ms in zip(rows, whens, strict=True):
        own = batch.body_bytes_of(Selection((row,)))
        if (max_length is None or count < max_length) and (max_bytes is None or size + own <= max_bytes):
            admitted.append(row)
            if demand > 0:
                demand -= 1
            elif not 0 < when_ms <= now_ms:
                count, size = count + 1, size + own
    return Selection(admitted)


def _demand(queue: Queue) -> int:
    """Messages that its consumers would take at once."""
    if queue.paused:
        return 0
    demand = 0
    shared = []
    for consumer in queue.consumers:
        if consumer.ringed and consumer.channel.room > 0 and consumer.credit > 0:
            if consumer.limited_by_channel:
                if consumer.shared in shared:
                    continue
                shared.append(consumer.shared)
            demand += consumer.credit
    return demand
