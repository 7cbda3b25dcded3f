"""What the machine has, memory (what the container may use of it) and disk space, and the look at it every second.

From that and the options come the budgets in bytes that the broker keeps to. Only Linux says what a container may use.
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from .limits import ALARM_CHECK_MS

if TYPE_CHECKING:
    from .broker.alarms import Alarms
    from .config import Options
    from .net.timers import Timers

MEMORY_ASSUMED_BYTES: Final = 1 << 30
"""Where nothing can be found out; RabbitMQ assumes the same."""

logger = logging.getLogger("leveret.resources")


@dataclass(frozen=True, slots=True)
class Budget:
    """Bytes that may be used, and that are to stay free."""

    memory_total: int
    memory_limit: int
    """Payload in memory at which the alarm is set."""
    paging: int
    """Payload in memory beyond which backlogs leave it."""
    disk_free_limit: int


def budget(options: Options, memory_total: int) -> Budget:
    """What the options come to on this machine. More memory than there is cannot be allowed."""
    memory_limit = min(memory_total, _bytes(options.vm_memory_high_watermark, memory_total))
    return Budget(
        memory_total,
        memory_limit,
        min(memory_limit, _bytes(options.paging_budget, memory_limit)),
        _bytes(options.disk_free_limit, memory_total),
    )


def _bytes(amount: int | float, whole: int) -> int:
    return int(amount * whole) if isinstance(amount, float) else amount


def total_memory(root: Path = Path("/")) -> int:
    """The machine's memory in bytes, or what the control group of this process may use if that is less."""
    return min([_physical_memory(root), *_group_limits(root)])


def _physical_memory(root: Path) -> int:
    for line in _lines(root / "proc/meminfo"):
        name, _, value = line.partition(":")
        if name == "MemTotal":
            return int(value.split()[0]) * 1024
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):
        logger.warning("cannot find out how much memory there is: assuming %d MiB", MEMORY_ASSUMED_BYTES >> 20)
        return MEMORY_ASSUMED_BYTES


def _group_limits(root: Path) -> list[int]:
    """Of this group and of those that it is in (man 7 cgroups); seen from within a container they are the root."""
    limits = []
    for line in _lines(root / "proc/self/cgroup"):
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            top, name = root / "sys/fs/cgroup", "memory.max"
        elif "memory" in controllers.split(","):
            top, name = root / "sys/fs/cgroup/memory", "memory.limit_in_bytes"
        else:
            continue
        group = top / path.lstrip("/")
        for folder in (group, *group.parents):
            limits += [int(text) for text in _lines(folder / name) if text.isdecimal()]  # not "max"
            if folder == top:
                break
    return limits


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []


class FreeSpace:
    """Bytes that are free where a directory is; None when that cannot be found out, which is logged once."""

    __slots__ = ("_directory", "_failed")

    def __init__(self, directory: os.PathLike[str]) -> None:
        self._directory = directory
        self._failed = False

    def __call__(self) -> int | None:
        try:
            found = os.statvfs(self._directory)
        except OSError as error:
            if not self._failed:
                logger.error("cannot find out how much space is free in %s: %s", self._directory, error.strerror)
            self._failed = True
            return None
        self._failed = False
        return found.f_bavail * found.f_frsize


class Watch:
    """Looks at memory and disk every second, on a server's timers until they are stopped.

    Memory is looked at every turn as well; here for the time in which nothing else happens.
    """

    __slots__ = ("_alarms", "_timers", "tick_at_ms")

    def __init__(self, timers: Timers, alarms: Alarms) -> None:
        self._timers = timers
        self._alarms = alarms
        self.tick_at_ms: int | None = None

    def tick(self, now_ms: int) -> None:
        """One look, and when the next one is; the first call starts it."""
        try:
            self._alarms.check_memory()
            self._alarms.check_disk()
        except Exception:
            logger.exception("looking at memory and disk failed")
        self._timers.at(now_ms + ALARM_CHECK_MS, self)
