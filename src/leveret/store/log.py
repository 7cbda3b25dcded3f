"""The log on disk: records appended in memory, written and synced in groups, read back by position.

    append -> pending -> flush (once per turn) -> Disk: one write, one fdatasync for all that waits -> durable ->
    callbacks

What a turn appended leaves as one batch. The disk's thread takes all batches that wait at once, so the slower the disk,
the larger the groups. Settlements need no wait: those of a turn are joined per queue and extent, and a batch of which
nobody waits for anything is not synced by itself but with the next one, or on a tick.

Rule: what was handed to the disk is never changed. After a failure (a full disk) the same bytes go to the same place
again; a failed sync is the end of the process, since nobody can say what is on the disk then (`fatal`).

Each record says how far the log was synced before it, so that damage is told from a torn end. For the last records of a
log that rests a *mark* says it: a record that holds nothing else.
"""

from __future__ import annotations

import errno
from itertools import count
from typing import TYPE_CHECKING, Final

from ..errors import SyncError
from ..limits import LOG_LAG_BYTES, READ_BYTES_PER_TURN, SEGMENT_SIZE
from ..ports import Position
from ..wire import RECORD_HEADER, Selection, seal_record
from ..wire.records import BeginCheckpoint, EndCheckpoint, Mark, Publish, Relocate, Settle, encode_op
from .batches import Batch, Submissions
from .checkpoints import Checkpoints
from .reading import Reads
from .segments import SEGMENT_HEADER, SPARE, Segment, Segments, encode_header
from .waiting import Waiting

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..ports import Disk, DiskOp, Fetched, Scheduler
    from ..wire.records import Op
    from .recovery import Recovered

_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_PASSING: Final = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
"""The system is short of something else than space: nothing was done, and it may work in a moment."""
_PREPARE_AT: Final = 4
"""The next segment is made when this fraction of the current one is written: the rest is there for settlements when the
disk is full."""

_MARK_ROOM: Final = 128
"""More than a mark needs, and the record that seals a segment."""


class DiskLog:
    """The port `Log`, over the port `Disk`."""

    __slots__ = (
        "_begin",
        "_caught_up",
        "_checkpoints",
        "_disk",
        "_durable",
        "_end",
        "_fatal",
        "_lag",
        "_last_record",
        "_marked",
        "_next",
        "_on_disk",
        "_on_full",
        "_parts",
        "_pending",
        "_pending_at",
        "_pending_bytes",
        "_preparing",
        "_reads",
        "_reserving",
        "_scheduler",
        "_segment_size",
        "_settled",
        "_spare",
        "_submissions",
        "_sync",
        "_synced_up_to",
        "_tick_end",
        "_waiting",
        "_wanted",
        "backlog",
        "checkpoint_end",
        "failed",
        "full",
        "segments",
        "syncs",
        "written",
    )

    def __init__(
        self,
        disk: Disk,
        scheduler: Scheduler,
        *,
        fatal: Callable[[OSError], None],
        on_full: Callable[[bool], None] = lambda full: None,
        sync: bool = True,
        segment_size: int = SEGMENT_SIZE,
    ) -> None:
        """The directory is to have a folder `log`. `fatal` is called when the disk cannot be trusted any more;
        `on_full` when it has no room for the next segment, and when it has again. `sync`: durable means on disk;
        without it, handed to the operating system.
        """
        self._disk = disk
        self._scheduler = scheduler
        self._segment_size = -(-segment_size // 8) * 8  # records begin at multiples of 8
        # The spare segment has room for this and for what a turn brings.
        room = max(self._segment_size // 4, self._segment_size - 2 * READ_BYTES_PER_TURN)
        self._lag = min(LOG_LAG_BYTES, room)
        self._sync = sync
        self._fatal = fatal
        self._on_full = on_full
        self.segments = Segments([])
        self._checkpoints = Checkpoints()
        self._begin = 0  # recovery would begin here, or later
        self._end = 0
        self._durable = 0
        self._on_disk = 0  # synced up to here, whatever durable means
        self._marked = 0  # a mark is the last record, and ends here
        self._tick_end = 0  # the end at the last tick
        self.written = 0
        """Up to here the operating system has it."""
        self._wanted = 0  # somebody waits, or will, for everything up to here
        self._synced_up_to = 0  # a sync is under way for everything up to here
        self._pending: list[DiskOp] = []  # of this turn
        self._parts: list[bytes] = []  # records that go to one place, at the end of `_pending`
        self._pending_at = 0  # where they go
        self._pending_bytes = 0  # of records, in both
        self._last_record = 0
        self._settled: dict[tuple[int, int, int], list[Selection]] = {}
        tickets = count(1)
        self._submissions = Submissions(disk, tickets)
        self._reads = Reads(disk, tickets)
        self._next: Segment | None = None  # made ahead of time
        self._preparing: Segment | None = None  # on its way
        self._spare = False  # there is another one, for when the disk is full: the file SPARE, empty
        self._reserving = False  # it is on its way
        self.failed = False
        """The disk cannot be trusted any more: nothing becomes durable from here on."""
        self.full = False
        """There is no room for the next segment."""
        self._waiting = Waiting()
        self._caught_up: dict[Callable[[], None], None] = {}
        self.backlog = 0
        """Bytes that were appended and are not written yet."""
        self.syncs = 0
        """Batches that were synced, for statistics."""
        self.checkpoint_end = 0
        """Where the newest checkpoint ended."""

    def open(self, recovered: Recovered) -> None:
        """Go on where recovery found the end; before the first `append`. A log that is not new gets a record at once:
        an earlier stop in good order must not be the last thing that is said in it, whatever becomes of this life.
        """
        self.segments = Segments(recovered.segments)
        self._checkpoints = recovered.checkpoints
        self._pending = [*recovered.ops]
        self._spare = recovered.spare == self._segment_size
        self._end = self._durable = self._on_disk = self.written = self._synced_up_to = recovered.end
        self._begin = self.checkpoint_end = recovered.begin
        if recovered.segments:
            self.begin_checkpoint()
            self.want(Position(self._end))

    # -- appending -----------------------------------------------------------------------------------------------

    @property
    def durable(self) -> Position:
        """Everything up to here is on disk."""
        return Position(self._durable)

    @property
    def end(self) -> int:
        """Where the next record goes, unless it needs a new segment."""
        return self._end

    def append(self, record: list[Op]) -> Position:
        """Add a record; it is durable when `durable` has reached the returned position. Tells ops with messages where
        these lie (`place`).
        """
        encoded = [encode_op(op) for op in record]
        size = RECORD_HEADER + sum(len(data) for data, _, _ in encoded)
        position = self._make_room(size)
        data = seal_record(position, self._on_disk, [data for data, _, _ in encoded])
        at = position + RECORD_HEADER
        for op, (body, offset, length) in zip(record, encoded, strict=True):
            if length:
                assert isinstance(op, Publish | Relocate)
                op.place = (at + offset, length)
            at += len(body)
        self._put(position, data)
        return Position(self._end)

    def settle(self, ops: list[Settle]) -> None:
        """Add settlements, for which nobody waits; those of one turn become one record."""
        for op in ops:
            key = (op.queue, op.base, op.reason)
            selections = self._settled.get(key)
            if selections is None:
                self._settled[key] = [op.selection]
                self._scheduler.wake()
            else:
                selections.append(op.selection)

    @property
    def holding(self) -> bool:
        """Whether there are settlements that are no record yet."""
        return bool(self._settled)

    def want(self, position: Position) -> None:
        """Somebody will wait for this: the next flush syncs it."""
        if position > self._wanted:
            self._wanted = position

    def when_durable(self, position: Position, callback: Callable[[], None]) -> None:
        """Call once, in `run_callbacks`, when `durable >= position`."""
        assert position <= self._end, "waits for a record that was not appended"
        self.want(position)
        self._waiting.add(position, callback)
        self._scheduler.wake()

    @property
    def lagging(self) -> bool:
        """Whether so much is not written that who publishes should wait."""
        return self.backlog > self._lag

    def when_caught_up(self, callback: Callable[[], None]) -> None:
        """Call once, on a later turn, when it is not lagging any more."""
        self._caught_up[callback] = None
        self._scheduler.wake()

    def _put(self, position: int, data: bytes) -> None:
        if not self._parts:
            self._pending_at = position
            self._scheduler.wake()
        self._parts.append(data)
        self._last_record = position
        self._end = position + len(data)
        self._pending_bytes += len(data)
        self.backlog += len(data)

    def _make_room(self, size: int) -> int:
        """Where a record of so many bytes goes; in a new segment if need be."""
        if len(self.segments):
            last = self.segments.last
            if self._end + size + RECORD_HEADER <= last.end:
                return self._end
            self._put(self._end, seal_record(self._end, self._on_disk, []))
            self._close_parts()
            base = last.end
        else:
            base = self._end
            self._pending += self._checkpoints.reserve()
            self._checkpoints.reserved()
        return self._begin_segment(base, size + SEGMENT_HEADER + RECORD_HEADER)

    def _begin_segment(self, base: int, need: int) -> int:
        """Go on in a new segment: the one that was made ahead, or is being made, if it is large enough."""
        segment = self._next or self._preparing
        self._next = self._preparing = None
        if segment is not None and segment.size < need:
            self._enter(segment)
            self._put(self._end, seal_record(self._end, self._on_disk, []))
            self._close_parts()
            base = segment.end
            segment = None
        if segment is None:
            size = max(self._segment_size, -(-need // self._segment_size) * self._segment_size)
            segment = Segment(base, size)
            self._pending += self._creation(segment)
        return self._enter(segment)

    def _enter(self, segment: Segment) -> int:
        self.segments.add(segment)
        self._end = segment.first_record
        return self._end

    @staticmethod
    def _creation(segment: Segment) -> list[DiskOp]:
        return [("create", segment.name, segment.size), ("write", segment.name, 0, [encode_header(segment.base)])]

    def _close_parts(self) -> None:
        """The records that go to one place become one write."""
        if self._parts:
            segment = self.segments.last
            self._pending.append(("write", segment.name, self._pending_at - segment.base, [b"".join(self._parts)]))
            self._parts = []

    # -- writing -------------------------------------------------------------------------------------------------

    def flush(self) -> None:
        """Hand over what was appended: once at the end of each turn. On a full disk settlements are left for the next
        tick: joined, they need less of what room there is.
        """
        if not self.full:
            self._append_settled()
        self._close_parts()
        wanted = self._sync and self._wanted > self._synced_up_to
        if not self._pending and not wanted:
            return
        self._submit(Batch(self._pending, wanted, end=self._end, size=self._pending_bytes))
        self._pending = []
        self._pending_bytes = 0
        if not self.full and len(self.segments):
            last = self.segments.last
            if self._is_alone and self._end - last.base > last.size // _PREPARE_AT:
                self._prepare()
            if not self._spare and not self._reserving:
                self._reserve()

    @property
    def _is_alone(self) -> bool:
        """No segment is there, or on its way, after the one that is written."""
        return self._next is None and self._preparing is None

    def _append_settled(self) -> None:
        if self._settled:
            settled, self._settled = self._settled, {}
            self.append(
                [
                    Settle(queue, base, parts[0] if len(parts) == 1 else Selection.merge(parts), reason)
                    for (queue, base, reason), parts in settled.items()
                ]
            )

    def _prepare(self) -> None:
        self._preparing = segment = Segment(self.segments.last.end, self._segment_size)
        self._submit(Batch(self._creation(segment), self._sync, prepares=segment))

    def _reserve(self) -> None:
        """Set aside what a full disk would not give: the file CHECKPOINT, and a spare segment."""
        self._reserving = True
        ops = [*self._checkpoints.reserve(), ("create", SPARE, self._segment_size)]
        self._submit(Batch(ops, self._sync, spare=True))

    def _relieve(self) -> None:
        """It is not full when all is there that is set aside."""
        if self.full and self._spare and self._next is not None and not self._submissions.waiting:
            self._set_full(False)

    def _submit(self, batch: Batch) -> None:
        if batch.sync:
            self._synced_up_to = max(self._synced_up_to, batch.end)
        self._submissions.submit(batch)

    def tick(self) -> None:
        """Time has passed: sync what nobody waits for, try again what a full disk refused."""
        if self._submissions.waiting:
            if self._submissions.try_again(self._segment_size if self._spare else 0):
                self._spare = False
        elif self.full and self._preparing is None and not self._reserving:
            if self._is_alone and len(self.segments):
                self._prepare()
            if not self._spare:
                self._reserve()
            self._relieve()
        if self.full and self._settled and not self._submissions.waiting:
            self._append_settled()
            self._wanted = self._end
            self.flush()
        if self._sync and self.written > self._synced_up_to:
            self._wanted = max(self._wanted, self.written)
            self.flush()
        if self._end == self._tick_end:
            self.mark()
        self._tick_end = self._end

    def mark(self) -> None:
        """Let a record say that all those before it are on disk, if that is so and the last one does not say it."""
        if self._end == self._marked or self._on_disk < self._end or self._settled:
            return
        if self._end + _MARK_ROOM > self.segments.last.end:
            return  # not worth a new segment
        rested = self.checkpoint_end == self._end
        self._marked = self.append([Mark()])
        if rested:
            self.checkpoint_end = self._end  # nothing was said since

    # -- what the disk says --------------------------------------------------------------------------------------

    def run_callbacks(self) -> bool:
        """Look at what the disk has done, and tell those who waited for it; True when more became due meanwhile."""
        self.take_completions()
        return self.tell()

    def take_completions(self) -> None:
        """Look at what the disk has done."""
        for ticket, result in self._disk.poll():
            batch = self._submissions.under_way.pop(ticket, None)
            if batch is not None:
                self._written(batch, result)
            else:
                self._reads.completed(ticket, result)

    def tell(self) -> bool:
        """Tell those who waited for what is durable now; True when more became due meanwhile."""
        self._reads.tell()
        if not self._waiting.is_due(self._durable) and not self._caught_up:
            return False
        self._waiting.run(self._durable)
        if self._caught_up and self.backlog <= self._lag // 2:
            caught_up, self._caught_up = self._caught_up, {}
            for callback in caught_up:
                callback()
        return self._waiting.is_due(self._durable)

    def _written(self, batch: Batch, result: object) -> None:
        if isinstance(result, OSError):
            self._failed(batch, result)
            return
        self.backlog -= batch.size
        self.written = max(self.written, batch.end)
        if batch.sync or not self._sync:
            self.syncs += 1
            self._durable = max(self._durable, batch.end)
        if batch.sync:
            self._on_disk = self.written  # batches are written in order
        if batch.prepares is not None:
            if batch.prepares == self._preparing:
                self._next, self._preparing = self._preparing, None
            self._relieve()
        if batch.spare:
            self._reserving, self._spare = False, True
            self._checkpoints.reserved()
            self._relieve()
        if batch.then is not None:
            batch.then()

    def _failed(self, batch: Batch, error: OSError) -> None:
        if isinstance(error, SyncError) or error.errno not in (*_FULL, *_PASSING, errno.ECANCELED):
            self.failed = True
            self._fatal(error)
        if self.failed:
            return
        if error.errno in _FULL:
            self._set_full(True)
            batch.refused = error.filename
        if batch.prepares is not None and batch.prepares == self._preparing:
            self._preparing = None  # nobody needs it yet: tried again later
        elif batch.spare:
            self._reserving = False
        else:
            self._submissions.waiting.append(batch)
        if not self._submissions.under_way:
            self._disk.resume()

    def _set_full(self, full: bool) -> None:
        if full is not self.full:
            self.full = full
            self._on_full(full)

    # -- reading back --------------------------------------------------------------------------------------------

    def fetch(self, ranges: Sequence[tuple[int, int]], callback: Fetched) -> None:
        """Read (position, size) each; `callback` gets (position, bytes) each on a later turn, or None when the disk
        refuses. Bytes that no file has, or not any more, are zeros.
        """
        pieces = self.segments.pieces
        self._reads.fetch([(position, pieces(position, size)) for position, size in ranges], callback)
        self._scheduler.wake()

    # -- checkpoints ---------------------------------------------------------------------------------------------

    def begin_checkpoint(self) -> int:
        """The position of the record that a checkpoint begins with."""
        self.append([BeginCheckpoint()])
        return self._last_record

    def end_checkpoint(self, op: EndCheckpoint, usage: dict[int, int], done: Callable[[], None]) -> None:
        """Everything that lives was said since `op.begin`. Once that is on disk recovery begins there, and segments
        before it go in which nothing lives (`usage`: live bytes by base); then `done` is called.
        """
        self._append_settled()  # else it would be news after a clean stop
        position = self.append([op])
        self.checkpoint_end = position
        dead = [
            segment for segment in self.segments.all() if segment.end <= op.begin and not usage.get(segment.base, 0)
        ]
        self.when_durable(position, lambda: self._point_to(op.begin, dead, done))

    def _point_to(self, begin: int, dead: list[Segment], done: Callable[[], None]) -> None:
        def pointed() -> None:
            self._begin = max(self._begin, begin)
            self._remove(dead)
            done()

        # Synced whatever `durability` says: segments go when this is there.
        self._submit(Batch(self._checkpoints.point_to(begin), True, then=pointed))

    def _remove(self, dead: list[Segment]) -> None:
        gone = [segment for segment in dead if segment in self.segments]  # not yet by somebody else
        for segment in gone:
            self.segments.remove(segment)
        if gone:  # at once: what is in the queue may wait for the space
            self._submissions.hand_over(Batch([("remove", segment.name) for segment in gone], False))

    def drop(self, bases: Sequence[int]) -> bool:
        """Nothing lives in these segments: those go that recovery does not read any more, as soon as what emptied them
        is on disk. Whether that is all of them.
        """
        wanted = frozenset(bases)
        dead = [segment for segment in self.segments.all() if segment.base in wanted and segment.end <= self._begin]
        if dead:
            self._append_settled()
            self.flush()
            self._submit(Batch([], True, end=self._end, then=lambda: self._remove(dead)))
        return len(dead) == len(wanted)

    @property
    def room(self) -> int:
        """Bytes that can be appended although the disk is full: in this segment, the next one, and the spare one."""
        if self._submissions.waiting or not len(self.segments):
            return 0
        ahead = (self._next is not None) + self._spare
        return self.segments.last.end - self._end + ahead * (self._segment_size - SEGMENT_HEADER - RECORD_HEADER)

    def segments_before(self, position: int) -> dict[int, int]:
        """Segments that end before it: base and size in bytes, ascending."""
        return {segment.base: segment.size for segment in self.segments.all() if segment.end <= position}

    # -- the end -------------------------------------------------------------------------------------------------

    def sync(self) -> None:
        """Sync everything that was appended."""
        self._append_settled()
        self._wanted = self._end
        self.flush()

    @property
    def idle(self) -> bool:
        """Whether the disk has done all that it was asked for."""
        submissions = self._submissions
        if submissions.under_way or submissions.waiting or len(self._reads):
            return False
        return not (self._pending or self._parts or self._settled)

    def close(self) -> None:
        """Stop; when `idle`. What the disk has not done yet it does now."""
        self._disk.close()
