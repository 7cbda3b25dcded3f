"""Resource alarms: what the node is short of, and who goes on when it is short of nothing any more.

    memory   as much payload as the limit; cleared below 95 % of it, so that one message more or less changes nothing
    disk     less space is free than is to stay free, or the log cannot reserve any

While one is set nobody may publish (RabbitMQ "Memory and Disk Alarms"); how a connection is held back is up to the
front door. No clock and no disk here: somebody calls `check_memory` (every turn) and `check_disk` (every second).
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from ..limits import MEMORY_CLEAR_PERCENT

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger("leveret.alarms")


class Alarms:
    """One per broker. Sizes are in bytes; a limit of None never sets its alarm."""

    __slots__ = (
        "_clear_below",
        "_disk_free",
        "_log_full",
        "_memory_used",
        "_space_short",
        "_waiting",
        "disk",
        "disk_free_limit",
        "memory",
        "memory_limit",
        "on_change",
        "short",
    )

    def __init__(
        self,
        memory_used: Callable[[], int] = lambda: 0,
        memory_limit: int | None = None,
        disk_free: Callable[[], int | None] = lambda: None,
        disk_free_limit: int | None = None,
    ) -> None:
        """`memory_used` is cheap: it is asked every turn. `disk_free` gives None when it cannot tell."""
        self.memory_limit = memory_limit
        self.disk_free_limit = disk_free_limit
        self.memory = False
        self.disk = False
        self.short = False
        """Whether any alarm is set."""
        self._memory_used = memory_used
        self._disk_free = disk_free
        self._clear_below = 0 if memory_limit is None else memory_limit * MEMORY_CLEAR_PERCENT // 100
        self._space_short = False
        self._log_full = False
        self._waiting: dict[Callable[[], None], None] = {}  # in the order of asking
        self.on_change: Callable[[str, bool], None] = lambda resource, is_short: None
        """Told which resource is short, or not any more."""

    @property
    def resources(self) -> list[str]:
        """What is short, as RabbitMQ calls it and in its order."""
        return ["disk"] * self.disk + ["memory"] * self.memory

    # -- what sets and clears them -------------------------------------------------------------------------------

    def check_memory(self) -> None:
        """Look at what is used now."""
        limit = self.memory_limit
        if limit is None:
            return
        used = self._memory_used()
        if self.memory:
            # With a limit of 0 it is always set: RabbitMQ's way to stop all publishing.
            if used < self._clear_below:
                logger.info("memory resource limit alarm cleared: payload %s of %s", size_text(used), size_text(limit))
                self.memory = False
                self._changed("memory", False)
        elif used >= limit:
            logger.warning("memory resource limit alarm set: payload %s of %s", size_text(used), size_text(limit))
            self.memory = True
            self._changed("memory", True)

    def check_disk(self) -> None:
        """Look at what is free now."""
        limit = self.disk_free_limit
        free = None if limit is None else self._disk_free()
        if limit is None or free is None:
            return
        short = free < limit
        if short is not self._space_short:
            self._space_short = short
            self._disk_changed(f"{size_text(free)} free, {size_text(limit)} are to stay free")

    def log_full(self, full: bool) -> None:
        """Whether the log has no room, nor can reserve any. It says so whenever that changes, or more often."""
        if full is not self._log_full:
            self._log_full = full
            self._disk_changed("the log cannot reserve space" if full else "the log has space again")

    def _disk_changed(self, why: str) -> None:
        disk = self._space_short or self._log_full
        if disk is not self.disk:
            self.disk = disk
            logger.log(
                logging.WARNING if disk else logging.INFO,
                "disk resource limit alarm %s: %s",
                "set" if disk else "cleared",
                why,
            )
            self._changed("disk", disk)

    def _changed(self, resource: str, is_short: bool) -> None:
        self.on_change(resource, is_short)
        was_short, self.short = self.short, self.memory or self.disk
        if was_short and not self.short:
            waiting, self._waiting = self._waiting, {}
            for callback in waiting:
                callback()

    # -- who waits for them --------------------------------------------------------------------------------------

    def when_clear(self, callback: Callable[[], None]) -> None:
        """Call once when no alarm is set any more, in the order of asking. Only while one is set."""
        assert self.short
        self._waiting[callback] = None

    def forget(self, callback: Callable[[], None]) -> None:
        """Whoever waited is gone."""
        self._waiting.pop(callback, None)


def size_text(size: int) -> str:
    """For the log."""
    return f"{size / 1_000_000:,.0f} MB" if size >= 10_000_000 else f"{size / 1_000_000:.1f} MB"
