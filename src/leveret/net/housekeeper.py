"""When the brain's housekeeping has its turns: a short step every now and then, between what the sockets bring."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from ..limits import HOUSEKEEPING_MS, HOUSEKEEPING_PAUSE_MS, HOUSEKEEPING_STEP_MS

if TYPE_CHECKING:
    from collections.abc import Callable

    from .timers import Timers

logger = logging.getLogger("leveret.net")


class Housekeeper:
    """Ticks of a server's timers, until they are stopped."""

    __slots__ = ("_step", "_timers", "tick_at_ms")

    def __init__(self, timers: Timers, step: Callable[[int], bool]) -> None:
        """`step(budget_ms) -> more`."""
        self._timers = timers
        self._step = step
        self.tick_at_ms: int | None = None

    def start(self, now_ms: int) -> None:
        """The first step is in a while."""
        self._timers.at(now_ms + HOUSEKEEPING_MS, self)

    def tick(self, now_ms: int) -> None:
        """One step, and when the next one is."""
        more = False
        try:
            more = self._step(HOUSEKEEPING_STEP_MS)
        except Exception:
            logger.exception("housekeeping failed")
        self._timers.at(now_ms + (HOUSEKEEPING_PAUSE_MS if more else HOUSEKEEPING_MS), self)
