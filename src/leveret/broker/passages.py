"""What passed exchanges: counted where clients publish to, once per batch, for the management interface (RabbitMQ's
`publish_in` and `publish_out`). An exchange further along the way counts nothing, nor do dead letters: as RabbitMQ.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..wire import COLUMN_KEY, Selection

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..wire import Batch
    from .queue import Queue
    from .routing import Router

    Routed = Sequence[tuple[tuple[Queue, ...], Selection | None]]


def count_passages(router: Router, batch: Batch, count: int, routed: Routed | None) -> None:
    """The first `count` rows of a batch, as it was routed, were published, and went there; None: each to one queue."""
    start = router.start_of(batch)
    if start is None:
        _count_by_key(router, batch, count, routed)
        return
    start.published_in += count
    if routed is None:
        start.published_out += count
        return
    for queues, rows in routed:
        start.published_out += len(queues) * (len(batch) if rows is None else len(rows))


def _count_by_key(router: Router, batch: Batch, count: int, routed: Routed | None) -> None:
    for key, rows in batch.partition(COLUMN_KEY, Selection.range(0, count)):
        assert isinstance(key, int)
        exchange = router.exchanges.get(batch.keys[key][0])
        if exchange is not None:
            exchange.published_in += len(rows)
            exchange.published_out += len(rows) if routed is None else 0
    for queues, selection in routed or ():
        for key, rows in batch.partition(COLUMN_KEY, selection):
            assert isinstance(key, int)
            exchange = router.exchanges.get(batch.keys[key][0])
            if exchange is not None:
                exchange.published_out += len(queues) * len(rows)
