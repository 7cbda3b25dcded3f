"""What nobody asks for and has to be done: memory that few messages keep is given back.

Messages of many queues lie in the same arenas. Where one queue keeps its messages and others are drained, each arena
stays for the few that are left in it. A cursor goes over all extents, in portions, and has them copy such messages
out (`Extent.compact`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..limits import COMPACT_BYTES, COMPACT_POOL_MIN

if TYPE_CHECKING:
    from .broker import Broker
    from .lane import Lane
    from .vhost import VHost


class Housekeeping:
    """One per broker. A pass over all queues takes many steps; queues declared meanwhile are left to the next one."""

    __slots__ = ("_broker", "_extent", "_lanes", "_vhosts")

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._vhosts: list[VHost] = []  # still to be looked at
        self._lanes: list[Lane] = []  # of the vhost that is being looked at
        self._extent = 0  # of the last of these lanes: where to go on

    def step(self, budget_ms: int) -> bool:
        """Go on, or begin a pass if there is enough memory in use to be worth one, for about so many milliseconds.

        True while the pass is not at its end.
        """
        if not self._lanes and not self._vhosts:
            if self._broker.pool.allocated < COMPACT_POOL_MIN and not self._broker.alarms.memory:
                return False
            self._vhosts = list(self._broker.vhosts.values())
        now_ms = self._broker.clock.monotonic_ms
        end_ms = now_ms() + budget_ms
        while self._lanes or self._vhosts:
            if not self._lanes:
                self._lanes = [lane for queue in self._vhosts.pop().queues.values() for lane in queue.lanes]
            elif self._compact(self._lanes[-1]):
                self._lanes.pop()
                self._extent = 0
            if now_ms() >= end_ms:
                break
        return bool(self._lanes or self._vhosts)

    def _compact(self, lane: Lane) -> bool:
        """One portion of a lane; True when it was the last."""
        extents = lane.extents
        if not lane.ready and not lane.unacked:
            return True
        while self._extent < len(extents):  # it may have become shorter; whom that skips has its turn in the next pass
            extent = extents[self._extent]
            if (extent.ready or extent.unacked) and extent.compact(self._broker.pool, COMPACT_BYTES) >= COMPACT_BYTES:
                return False
            self._extent += 1
            if extent.ready or extent.unacked:
                break
        return self._extent >= len(extents)
