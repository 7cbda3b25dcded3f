"""Settlements as ops: which acknowledged, rejected or purged rows the log must hear of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..wire import PERSISTENT
from ..wire.records import ACKED, Settle

if TYPE_CHECKING:
    from ..wire import Extent, Selection
    from .consumer import Consumer
    from .lane import Lane

    Portion = tuple[Consumer, Extent, Selection]
    """Rows that a ledger resolved, and whose they were."""


def settle_op(lane: Lane, extent: Extent, rows: Selection, reason: int) -> Settle | None:
    """The op for settled rows: of a durable lane, persistent ones. (Of a stored extent all of them: to settle what was
    not kept says nothing.)
    """
    if not lane.durable or lane.deleted or not extent.features & PERSISTENT:
        return None
    kept = extent.select_persistent(rows) if extent.resident else rows
    return Settle(lane.id, extent.base, kept, reason) if len(kept) else None


def settle_ops(portions: list[Portion]) -> list[Settle]:
    """The ops for what a ledger resolved: these rows are acknowledged."""
    ops: list[Settle] = []
    for consumer, extent, rows in portions:
        assert consumer.queue is not None
        op = settle_op(consumer.queue.lane_of(extent), extent, rows, ACKED)
        if op is not None:
            ops.append(op)
    return ops
