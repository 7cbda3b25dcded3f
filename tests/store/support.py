"""What the store's tests share: a log over a simulated disk, and records that are told apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from leveret.store.log import DiskLog
from leveret.store.recovery import Recovered, Recovery
from leveret.wire import Batch, Pool, Selection
from leveret.wire.records import DEFINITION, DeleteQueue, Op, Publish, Settle, decode_definition

from ..broker.support import PERSISTENT, Wakes
from ..simulation.disk import SimulatedDisk
from ..simulation.world import FilesInMemory

SEGMENT_SIZE = 1024


class Files:
    """A data directory, and one life of a log after the other."""

    def __init__(self, *, sync: bool = True, segment_size: int = SEGMENT_SIZE, capacity: int | None = None) -> None:
        self.sync = sync
        self.segment_size = segment_size
        self.start({}, capacity)

    def start(self, files: Mapping[str, bytes], capacity: int | None = None) -> None:
        """Recover from these files, and go on."""
        self.disk = SimulatedDisk(files, capacity=capacity)
        self.wakes = Wakes()
        self.fatal: list[OSError] = []
        self.full: list[bool] = []
        self.log = DiskLog(
            self.disk,
            self.wakes,
            fatal=self.fatal.append,
            on_full=self.full.append,
            sync=self.sync,
            segment_size=self.segment_size,
        )
        self.seen, self.recovered = recover(files)
        self.log.open(self.recovered)

    def run(self) -> None:
        """Turns, until everything is done that can be."""
        for _ in range(4):
            self.log.run_callbacks()
            self.log.flush()
            self.disk.run()
        self.log.run_callbacks()

    def restart(self) -> None:
        self.run()
        self.start(self.disk.files)


def recover(files: Mapping[str, bytes]) -> tuple[list[int], Recovered]:
    """The numbers of all records made by `record`, and what else recovery says."""
    found: list[int] = []

    def apply(step: Sequence[object]) -> None:
        if step[0] == DEFINITION:
            data = step[2]
            assert isinstance(data, bytes)
            op = decode_definition(data)
            if isinstance(op, DeleteQueue):
                found.append(op.id)

    return found, Recovery(FilesInMemory(files)).run(apply)


def record(number: int, size: int = 0) -> list[Op]:
    """Told apart by its number, and about so large."""
    return [DeleteQueue(number, "v" * size)]


def publish(pool: Pool, *bodies: bytes) -> Publish:
    """To queue 1."""
    return Publish([(1, 0)], Batch.build(pool, [("", "q", PERSISTENT, body, False) for body in bodies]), None)


def settle(*rows: int, queue: int = 1, base: int = 0, reason: int = 0) -> Settle:
    return Settle(queue, base, Selection(rows), reason)
