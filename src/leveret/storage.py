"""What a broker keeps, put together: the data directory, the log and the spill over its disks, recovery, checkpoints.

open      lock the directory, read the log into the brain, go on writing where it ends
each turn `run_callbacks` hears of what the disks have done, `flush` hands them what the turn appended
ticks     what nobody waits for is synced, what a disk refused is tried again, checkpoints are taken
stop      a last checkpoint, so that the next start is exact and quick
"""

from __future__ import annotations

import asyncio
import logging
from time import monotonic
from typing import TYPE_CHECKING, Final

from .broker.alarms import size_text
from .broker.checkpoint import Checkpointing
from .broker.restoring import Restoring
from .disk import DataDirectory, Disk
from .errors import DamageError
from .net.poller import READABLE
from .store import checkpoints
from .store.log import DiskLog
from .store.recovery import Recovery
from .store.spill import DiskSpill

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .broker.broker import Broker
    from .broker.paging import Pager
    from .config import Options
    from .net import Turn
    from .net.timers import Timers

TICK_MS: Final = 100
"""Between two looks at what nobody waits for."""
CHECKPOINT_PAUSE_MS: Final = 5
CHECKPOINT_STEP_MS: Final = 2
IDLE_MS: Final = 2_000
"""A log to which nothing was appended for so long gets a checkpoint when that gives space back."""
SHORT_MS: Final = 500
"""Between two looks at what can go while the disk is short of space."""
AGAIN_MS: Final = 1_000
"""After this, extents that a disk refused to take or to give are tried again."""
PROGRESS_S: Final = 1.0
STOP_S: Final = 10.0
"""How long a stop waits for a disk that takes nothing."""

logger = logging.getLogger("leveret.storage")


class Storage:
    """One per node that keeps something."""

    def __init__(
        self,
        path: Path,
        turn: Turn,
        options: Options,
        *,
        fatal: Callable[[OSError], None],
        on_full: Callable[[bool], None],
        is_disk_short: Callable[[], bool],
    ) -> None:
        """`is_disk_short`: whether space is looked for. Raises ConfigError when the directory cannot be used, or
        another process uses it.
        """
        self.directory = DataDirectory(path)
        self.path = self.directory.path
        self._turn = turn
        self._disks = [Disk(str(self.path)), Disk(str(self.path))]
        for disk in self._disks:
            turn.poller.watch(disk.fileno(), READABLE, self)
        self.log = DiskLog(
            self._disks[0],
            turn,
            fatal=fatal,
            on_full=on_full,
            sync=options.durability == "fsync",
            segment_size=options.segment_size,
        )
        self.spill = DiskSpill(self._disks[1])
        self.tick_at_ms: int | None = None
        self._checkpointing: Checkpointing | None = None
        self._pager: Pager | None = None
        self._again_at_ms = 0  # when what a disk refused is tried again
        self._timers: Timers | None = None
        self._done = False  # the disks have done something
        self._is_disk_short = is_disk_short
        self._end = 0  # of the log, at the last tick
        self._idle_since_ms = 0
        self._checkpoint_ms = 0  # when the last one was under way

    def recover(self, brain: Broker) -> None:
        """Read what there is into a new brain. Raises DamageError."""
        try:
            self._recover(brain)
        except DamageError as damage:
            raise damage.within(self.path) from damage

    def _recover(self, brain: Broker) -> None:
        recovery = Recovery(self.directory)
        restoring = Restoring(brain, recovery.begin)
        progress = _Progress(recovery.size, brain)
        recovered = recovery.run(restoring.apply, progress.done)
        # What a killed broker wrote was not synced, perhaps; from now on records say that it is on disk.
        written = [segment.name for segment in recovered.segments if segment.end > recovered.begin]
        if recovered.checkpoints.begin is not None:
            written.append(checkpoints.NAME)  # segments go because of what it says
        self.directory.sync(written)
        self.log.open(recovered)
        messages = restoring.finish()
        self._checkpointing = Checkpointing(brain, self.log)
        self._pager = brain.pager
        queues = len(brain.queues())
        if queues or messages:
            logger.info("recovered %s in %s", _counted(messages, "message"), _counted(queues, "queue"))

    def start(self, timers: Timers, now_ms: int) -> None:
        """Ticks from now on."""
        self._timers = timers
        self._idle_since_ms = now_ms
        timers.at(now_ms + TICK_MS, self)

    def ready(self, events: int) -> None:
        """A disk has done something: this turn asks what."""
        self._done = True

    def run_callbacks(self) -> bool:
        """Hear of what the disks have done; True when more became due meanwhile."""
        if self._done:
            self._done = False
            self.spill.run_callbacks()
            self.log.take_completions()
        return self.log.tell()

    def tick(self, now_ms: int) -> None:
        """Time has passed."""
        assert self._timers is not None
        assert self._pager is not None
        pause_ms = TICK_MS
        try:
            self.log.tick()
            if now_ms >= self._again_at_ms:
                self._again_at_ms = now_ms + AGAIN_MS
                self._pager.try_again()
            if self._checkpoint(now_ms):
                pause_ms = CHECKPOINT_PAUSE_MS
        except Exception:
            logger.exception("looking after the log failed")
        self._timers.at(now_ms + pause_ms, self)

    def _checkpoint(self, now_ms: int) -> bool:
        """Take one if it is time; True while one is under way."""
        checkpointing = self._checkpointing
        assert checkpointing is not None
        if self.log.end != self._end:
            self._end = self.log.end
            self._idle_since_ms = now_ms
        if self._is_disk_short():
            wanted = False
            if now_ms - self._checkpoint_ms >= SHORT_MS:
                checkpointing.reclaim()
        else:
            wanted = checkpointing.due or (now_ms - self._idle_since_ms >= IDLE_MS and checkpointing.worthwhile)
        if checkpointing.running or wanted:
            more = checkpointing.step(CHECKPOINT_STEP_MS)
            self._end = self.log.end  # a checkpoint is no reason for another one
            self._checkpoint_ms = now_ms
            self._turn.wake()
            return more
        return False

    async def stop(self) -> None:
        """Write everything, so that the next start is exact; nobody publishes any more."""
        assert self._checkpointing is not None
        self._checkpointing.finish()
        end = monotonic() + STOP_S
        await self._write_out(end)
        self.log.mark()
        await self._write_out(end)
        if not self.log.idle:
            logger.error("the disk takes nothing: what was not confirmed may be lost")
        self.close()

    async def _write_out(self, end: float) -> None:
        self.log.sync()
        while not self.log.idle and not self.log.failed and monotonic() < end:
            self.log.tick()
            self.log.run_callbacks()
            self.log.flush()
            await asyncio.sleep(0.001)

    def close(self) -> None:
        """Let go of the directory."""
        for disk in self._disks:
            self._turn.poller.watch(disk.fileno(), 0, self)
            disk.close()
        self.directory.close()


class _Progress:
    """Says how far recovery is, when it takes longer than a moment."""

    def __init__(self, total: int, brain: Broker) -> None:
        self._total = total
        self._brain = brain
        self._said = monotonic()

    def done(self, size: int) -> None:
        """So many bytes of the log are read."""
        now = monotonic()
        if now - self._said >= PROGRESS_S:
            self._said = now
            queues = self._brain.queues()
            logger.info(
                "recovering: %d %% of %s of log, %s messages in %s queues so far",
                100 * size // max(self._total, 1),
                size_text(self._total),
                f"{sum(queue.message_count for queue in queues):,}",
                f"{len(queues):,}",
            )


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"
