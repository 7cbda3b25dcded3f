"""A broker over a simulated disk: what `leveret.app` puts together, without sockets and without time."""

from __future__ import annotations

from collections.abc import Mapping

from leveret.access.accounts import Accounts
from leveret.broker.broker import Broker
from leveret.broker.checkpoint import Checkpointing
from leveret.broker.restoring import Restoring
from leveret.clock import ManualClock
from leveret.store.log import DiskLog
from leveret.store.recovery import Recovery
from leveret.store.spill import DiskSpill
from leveret.wire import Pool

from ..broker.support import CountingNames, Wakes
from .disk import SimulatedDisk

SEGMENT_SIZE = 16 * 1024


class FilesInMemory:
    """The files of an image, as recovery reads them."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = files

    def sizes(self, folder: str) -> dict[str, int]:
        return {name: len(data) for name, data in self._files.items() if name.startswith(folder + "/")}

    def read(self, name: str, offset: int, size: int) -> bytes:
        return self._files.get(name, b"")[offset : offset + size]


class World:
    """One life of a broker: from what is on a disk to the next crash or stop."""

    def __init__(
        self,
        files: Mapping[str, bytes] | None = None,
        *,
        paging_budget: int = 1 << 40,
        segment_size: int = SEGMENT_SIZE,
        record_size: int = 4096,
        capacity: int | None = None,
        sync: bool = True,
    ) -> None:
        self.disk = SimulatedDisk({n: d for n, d in (files or {}).items() if n[:6] != "spill/"}, capacity=capacity)
        self.clock = ManualClock()
        self.wakes = Wakes()
        self.failure: OSError | None = None
        self.full: list[bool] = []
        self.log = DiskLog(
            self.disk, self.wakes, fatal=self._fatal, on_full=self.full.append, sync=sync, segment_size=segment_size
        )
        self.spill_disk = SimulatedDisk()
        self.spill = DiskSpill(self.spill_disk)
        self.pool = Pool()
        self.accounts = Accounts()
        self.broker = Broker(
            self.log,
            self.clock,
            CountingNames(),
            self.wakes,
            self.pool,
            spill=self.spill,
            paging_budget=paging_budget,
            accounts=self.accounts,
        )
        recovery = Recovery(FilesInMemory(self.disk.files))
        restoring = Restoring(self.broker, recovery.begin)
        self.recovered = recovery.run(restoring.apply)
        restoring.finish()
        self.log.open(self.recovered)
        self.checkpointing = Checkpointing(self.broker, self.log, record_size)
        if "/" in self.broker.vhosts:
            self.vhost = self.broker.vhosts["/"]

    def _fatal(self, error: OSError) -> None:
        self.failure = error

    def turn(self) -> None:
        """What one turn of the loop does, without the disk."""
        self.spill.run_callbacks()
        self.log.run_callbacks()
        self.broker.pump(1000)
        self.log.flush()

    def run(self, turns: int = 8) -> None:
        """Turns, and everything that the disks have to do."""
        for _ in range(turns):
            self.turn()
            self.disk.run()
            self.spill_disk.run()
        self.turn()

    def sync(self) -> None:
        """Everything that was appended is on disk."""
        self.log.sync()
        self.run()

    def checkpoint(self) -> None:
        """A whole one."""
        while self.checkpointing.step(1000):
            self.run(1)
        self.run()

    def stop(self) -> dict[str, bytes]:
        """In good order; the files that stay."""
        self.checkpointing.finish()
        self.log.sync()
        while not self.log.idle:
            self.log.tick()
            self.run(1)
        self.log.mark()
        self.log.sync()
        while not self.log.idle:
            self.run(1)
        self.log.close()
        return self.disk.files
