"""The task that samples every SAMPLE_INTERVAL_MS."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from ...limits import SAMPLE_INTERVAL_MS
from .reply import Turns

if TYPE_CHECKING:
    from .caller import Managed

logger: Final = logging.getLogger("leveret")


async def sample_for_ever(node: Managed) -> None:
    """Until it is cancelled."""
    while True:
        try:
            await Turns().through(node.statistics.sample(node.clock.wall_ms(), node.machine.figures()))
        except Exception:
            logger.exception("statistics could not be sampled")
        await asyncio.sleep(SAMPLE_INTERVAL_MS / 1000)
