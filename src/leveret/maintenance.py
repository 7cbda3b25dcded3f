"""A data directory without a broker: what it holds, what is damaged, and the rest of it brought back.

examine   recover into a brain that nobody is served from; where recovery refuses, salvage what can be read
repair    set the damaged files aside, write a checkpoint of all that was found behind the end of the log

The checkpoint is what makes a repair: the file CHECKPOINT names it in one write, and from then on recovery does not
come near the damage. Whatever happens before leaves the log as damaged as it was.
"""

from __future__ import annotations

import errno
import os
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any, Final

import msgspec

from . import limits
from .access.accounts import Accounts
from .broker.broker import Broker
from .broker.checkpoint import Checkpointing
from .broker.names import is_reserved
from .broker.queue import Queue
from .broker.restoring import Restoring
from .clock import SystemClock
from .disk import Disk
from .disk.directory import FORMAT, Directory
from .errors import ConfigError, DamageError
from .store import checkpoints
from .store.log import DiskLog
from .store.memory import MemoryLog
from .store.recovery import Recovery, segment_at
from .store.salvage import Gap, Salvage
from .store.segments import Segments
from .wire import Pool, Usage, unpack_block
from .wire.definitions import SetUser
from .wire.records import DEFINITION, PUBLISH, DeclareQueue, DeleteQueue, QueueState, decode_definition

if TYPE_CHECKING:
    from pathlib import Path

    from .broker.exchange import Exchange
    from .store.recovery import Recovered
    from .wire import Extent, Selection, Step

_KINDS: Final = ("records", "publishes", "settlements", "definitions", "relocations", "extents", "expirations")
_READ_SIZE: Final = 1024 * 1024
_PATIENCE_S: Final = 60.0
"""How long a disk may take that does nothing else."""


class Damage(msgspec.Struct, kw_only=True):
    """Bytes of a file that are not what was written."""

    file: str
    offset: int
    size: int | None
    """None where nobody can tell."""
    problem: str
    messages: dict[str, int] = {}
    """By queue: those that are lost with it for certain."""


class QueueReport(msgspec.Struct, kw_only=True):
    """A queue, without what is lost of it."""

    name: str
    vhost: str
    messages: int
    bytes: int
    extents: int
    unreadable: int = 0
    """Messages of which the log has not the bytes any more."""
    missing: int = 0
    """Up to so many more may have been in what cannot be read."""


class SegmentReport(msgspec.Struct, kw_only=True):
    """One file of the log."""

    file: str
    size: int
    used: int
    live: int


class Report(msgspec.Struct, kw_only=True):
    """What there is; `--json` prints it as it is."""

    directory: str
    format: int | None
    checkpoint: int | None
    """The position where recovery begins; None: it reads the whole log."""
    end: int
    """The position where the log ends."""
    end_file: str | None
    end_offset: int
    records: dict[str, int]
    """That recovery reads, and the ops in them by kind."""
    segments: list[SegmentReport]
    size: int
    live: int
    dead: int
    vhosts: int
    users: int
    exchanges: int
    bindings: int
    queues: list[QueueReport]
    messages: int
    bytes: int
    bodies_checked: bool
    damage: list[Damage]
    unknown: dict[int, int] = {}
    """Messages in the log for queues of which the declaration is lost, by the queue's number."""


class Examination:
    """All that a data directory holds. Takes the memory that recovery takes. Raises ConfigError when nothing can be
    said of it, DamageError when it is beyond repair.
    """

    def __init__(self, directory: Directory, *, bodies: bool) -> None:
        """`bodies`: read all messages, too."""
        self.directory = directory
        self.damage: list[Damage] = []
        self._aside: set[str] = set()  # files with damage in them
        self._unreadable: list[tuple[Queue, Extent, Selection]] = []
        self._format = self._check_format()
        self.salvaged = False
        """Recovery refuses; this is what was found all the same."""
        self._missing: dict[int, int] = {}
        self._unknown: dict[int, int] = {}
        try:
            self.brain, self.recovered, self._counts = self._recover()
        except DamageError as damage:
            self.salvaged = True
            self.brain, self.recovered, self._counts = self._salvage(damage)
        if bodies:
            self._check_bodies()
        self._bodies = bodies

    def _check_format(self) -> int | None:
        found = self.directory.format()
        if found is not None and found != FORMAT:
            raise ConfigError(f"data directory {self.directory.path} has format {found}; this Leveret knows {FORMAT}")
        if found is None:
            there = (self.directory.path / "FORMAT").exists()
            problem = "the file says nothing that Leveret knows" if there else "the file is missing"
            self.damage.append(Damage(file="FORMAT", offset=0, size=None, problem=problem))
        return found

    # -- the log -------------------------------------------------------------------------------------------------

    def _recover(self) -> tuple[Broker, Recovered, list[int]]:
        recovery = Recovery(self.directory)
        brain = _brain()
        restoring = Restoring(brain, recovery.begin)
        recovered = recovery.run(restoring.apply)
        restoring.finish()
        return brain, recovered, recovery.counts

    def _salvage(self, damage: DamageError) -> tuple[Broker, Recovered, list[int]]:
        salvage = Salvage(self.directory)
        brain = _brain()
        losses = _Losses(brain, Restoring(brain, salvage.begin, damaged=salvage.patchy))
        recovered = salvage.run(losses.apply, losses.damaged)
        losses.restoring.finish()
        self._missing, self._unknown = losses.missing, losses.unknown
        for gap in salvage.gaps:
            size = gap.end - gap.start
            self.damage.append(Damage(file=gap.file, offset=gap.offset, size=size, problem=gap.problem))
            self._set_aside(gap, recovered)
        if not any(one.file == damage.file and one.offset == damage.offset for one in self.damage):
            self.damage.insert(0, Damage(file=damage.file, offset=damage.offset, size=None, problem=damage.problem))
        self._aside.add(damage.file)
        for segment in salvage.segments:
            # What goes, or is overwritten, with the end of the log may be what somebody looks for.
            used = max(recovered.end - segment.base, 32)
            if segment.end > recovered.end and self.directory.read(segment.name, used).strip(b"\0"):
                self._aside.add(segment.name)
        return brain, recovered, salvage.counts

    def _set_aside(self, gap: Gap, recovered: Recovered) -> None:
        self._aside.update(
            segment.name for segment in recovered.segments if segment.base < gap.end and segment.end > gap.start
        )

    # -- messages ------------------------------------------------------------------------------------------------

    def _check_bodies(self) -> None:
        blocks = _Blocks(self.directory, Segments(self.recovered.segments))
        damaged: dict[int, Damage] = {}
        for queue, lane in [(each, lane) for each in self.brain.queues() for lane in each.lanes]:
            for extent in lane.extents:
                for position, size in extent.ranges(0, 0) if extent.ready else ():
                    problem = blocks.problem(position, size)
                    if problem is None:
                        continue
                    rows = extent.places_in(position, position + 1)
                    self._unreadable.append((queue, extent, rows))
                    found = damaged.get(position)
                    if found is None:
                        found = damaged[position] = self._damaged_block(position, size, problem)
                    found.messages[queue.name] = found.messages.get(queue.name, 0) + len(rows)
        self.damage += damaged.values()

    def _damaged_block(self, position: int, size: int, problem: str) -> Damage:
        at = segment_at(self.recovered.segments, position)
        if at is None:
            return Damage(file="log/", offset=position, size=size, problem="the file of this position is missing")
        segment = self.recovered.segments[at]
        self._aside.add(segment.name)
        return Damage(file=segment.name, offset=position - segment.base, size=size, problem=problem, messages={})

    # -- what is said of it --------------------------------------------------------------------------------------

    def report(self) -> Report:
        """All in figures."""
        recovered = self.recovered
        segments = recovered.segments
        usage = Usage([segment.base for segment in segments])
        unreadable: dict[int, int] = {}
        for queue, _, rows in self._unreadable:
            unreadable[queue.id] = unreadable.get(queue.id, 0) + len(rows)
        queues = []
        for queue in self.brain.queues():
            extents = [extent for lane in queue.lanes for extent in lane.extents if extent.ready]
            for extent in extents:
                usage.add(extent)
            queues.append(
                QueueReport(
                    name=queue.name,
                    vhost=queue.vhost,
                    messages=queue.message_count - unreadable.get(queue.id, 0),
                    bytes=sum(extent.ready_bytes for extent in extents),
                    extents=len(extents),
                    unreadable=unreadable.get(queue.id, 0),
                    missing=self._missing.get(queue.id, 0),
                )
            )
        files = []
        for segment, live in zip(segments, usage.bytes, strict=True):
            used = min(segment.size, max(recovered.end - segment.base, 0))
            # A message that several queues have lies there once and was counted for each of them.
            files.append(SegmentReport(file=segment.name, size=segment.size, used=used, live=min(live, used)))
        exchanges: list[Exchange] = [known for known in self.brain.objects.values() if not isinstance(known, Queue)]
        size = sum(file.used for file in files)
        live = sum(file.live for file in files)
        last = segments[-1] if segments else None
        return Report(
            directory=str(self.directory.path),
            format=self._format,
            checkpoint=recovered.checkpoints.begin,
            end=recovered.end,
            end_file=last.name if last else None,
            end_offset=recovered.end - last.base if last else 0,
            records=dict(zip(_KINDS, self._counts, strict=True)),
            segments=files,
            size=size,
            live=live,
            dead=size - live,
            vhosts=len(self.brain.vhosts),
            users=sum(1 for op in self.brain.accounts.all() if isinstance(op, SetUser)),
            exchanges=sum(1 for exchange in exchanges if not is_reserved(exchange.name)),
            bindings=sum(len(self.brain.vhosts[one.vhost].router.bindings_from(one)) for one in exchanges),
            queues=queues,
            messages=sum(queue.messages for queue in queues),
            bytes=sum(queue.bytes for queue in queues),
            bodies_checked=self._bodies,
            damage=self.damage,
            unknown=self._unknown,
        )

    # -- repair --------------------------------------------------------------------------------------------------

    def repair(self, segment_size: int = limits.SEGMENT_SIZE) -> Path | None:
        """Bring back what was found; where the damaged files are now, None when all of them were missing. Raises
        ConfigError when the disk refuses: nothing is lost then, and it can be tried again.
        """
        try:
            return self._repair(segment_size)
        except OSError as error:
            path = self.directory.path
            raise ConfigError(f"cannot repair {path}: {error.strerror}: {error.filename or path}") from error

    def _repair(self, segment_size: int) -> Path | None:
        names = [
            name
            for name in sorted({*self._aside, *(["FORMAT"] if self._format is None else []), checkpoints.NAME})
            if (self.directory.path / name).is_file()
        ]
        last = [segment.name for segment in self.recovered.segments[-1:]]
        folder = self.directory.set_aside(names, {"FORMAT", checkpoints.NAME, *last}) if names else None
        if self._format is None:
            self.directory.write_format()
        for queue, extent, rows in self._unreadable:
            queue.lane_of(extent).drop(extent, rows)
        self._write_checkpoint(segment_size)
        return folder

    def _write_checkpoint(self, segment_size: int) -> None:
        """Of the whole brain, behind the end of the log."""
        recovered = self.recovered
        self.directory.sync([segment.name for segment in recovered.segments if segment.end > recovered.begin])
        disk = Disk(str(self.directory.path))
        try:
            log = DiskLog(disk, _Alone(), fatal=_fail, on_full=_refuse_full, segment_size=segment_size)
            log.open(recovered)
            Checkpointing(self.brain, log).finish()
            _write_out(log)
            log.mark()
            _write_out(log)
        finally:
            disk.close()


class _Losses:
    """What may be missing in gaps: a queue whose next message has not the next number had others before it."""

    def __init__(self, brain: Broker, restoring: Restoring) -> None:
        self._brain = brain
        self.restoring = restoring
        self.missing: dict[int, int] = {}
        """By queue id, at the most: transient messages have numbers, too."""
        self.unknown: dict[int, int] = {}
        """Messages by the id of a queue that is not told of."""
        self._known: set[int] = set()
        self._looked: set[int] | None = None  # queues of which a message came after the last gap

    def apply(self, step: Step) -> None:
        detail: Any = step
        if step[0] == DEFINITION:
            op = decode_definition(detail[2])
            if isinstance(op, DeclareQueue | DeleteQueue):
                self._forget(op.id)
            elif isinstance(op, QueueState):
                self._forget(op.declaration.id)
        elif step[0] == PUBLISH:
            self._published(detail[1], detail[2])
        self.restoring.apply(step)

    def _forget(self, id: int) -> None:
        self._known.add(id)
        self.unknown.pop(id, None)

    def _published(self, id: int, pieces: Any) -> None:
        queue = self._brain.objects.get(id)
        if not isinstance(queue, Queue):
            if id not in self._known:
                self.unknown[id] = self.unknown.get(id, 0) + len(pieces)
        elif self._looked is not None and id not in self._looked:
            self._looked.add(id)
            missing = (pieces.next or 0) - queue.next_sequence
            if missing > 0:
                self.missing[id] = self.missing.get(id, 0) + missing

    def damaged(self, gap: Gap) -> None:
        self._looked = set()
        self.restoring.damaged()


class _Blocks:
    """Reads blocks of the log, mostly in order."""

    def __init__(self, directory: Directory, segments: Segments) -> None:
        self._directory = directory
        self._segments = segments
        self._pool = Pool(limits.ARENA_SIZE)
        self._name = ""
        self._start = 0
        self._data = b""

    def problem(self, position: int, size: int) -> str | None:
        """What is wrong with this block."""
        parts = self._segments.pieces(position, size)
        try:
            data = [self._read(name, offset, length) for name, offset, length in parts if name is not None]
            unpack_block(self._pool, b"".join(data))
        except ValueError:
            return "messages cannot be read"
        except OSError as error:
            return f"messages cannot be read: {error.strerror}"
        return None

    def _read(self, name: str, offset: int, size: int) -> bytes:
        if name != self._name or offset < self._start or offset + size > self._start + len(self._data):
            self._data = self._directory.read(name, offset, max(size, _READ_SIZE))
            self._name, self._start = name, offset
        return self._data[offset - self._start : offset - self._start + size]


class _Alone:
    """Scheduler and chance of a brain that does nothing by itself."""

    def wake(self) -> None:
        """Nobody sleeps."""

    def wake_at(self, when_ms: int) -> None:
        """Nothing expires."""

    def token(self, size: int) -> str:
        raise AssertionError("nobody asks for a name")

    def numbers(self, count: int) -> list[int]:
        raise AssertionError("nothing is routed")


def _brain() -> Broker:
    alone = _Alone()
    return Broker(MemoryLog(), SystemClock(), alone, alone, Pool(limits.ARENA_SIZE), accounts=Accounts())


def _write_out(log: DiskLog) -> None:
    """Everything that was appended is on disk. Raises OSError."""
    log.sync()
    end = monotonic() + _PATIENCE_S
    while not log.idle:
        log.run_callbacks()
        log.flush()
        if monotonic() > end:
            raise OSError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))
        sleep(0.001)


def _fail(error: OSError) -> None:
    raise error


def _refuse_full(full: bool) -> None:
    if full:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
