"""Recovery: what a data directory holds, read from the newest closed checkpoint to the end of the log.

Where a record is bad, the log ends, unless a later record says that it was on disk: a write that was cut off by a crash
cannot be followed by one that knew it was synced. Then it is damage, and nothing is guessed: the operator is told
where. The file CHECKPOINT is a claim of that kind, too: the checkpoint that it names was on disk to its end. Messages
are not looked at, only where they lie; their own checksums are looked at when they are read back.
"""

from __future__ import annotations

import logging
from bisect import bisect_right
from dataclasses import dataclass, replace
from itertools import pairwise
from operator import add
from typing import TYPE_CHECKING, Final, Protocol

from ..errors import DamageError
from ..wire import RECORD_HEADER, Replay, find_record
from ..wire.records import DEFINITION, EndCheckpoint, decode_definition
from . import checkpoints
from .checkpoints import Checkpoints
from .segments import ALIGNMENT, FOLDER, SEGMENT_HEADER, SPARE, Segment, base_of, header_base, is_header, name_at

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..ports import DiskOp
    from ..wire import Step

_CHUNK_SIZE: Final = 8 * 1024 * 1024
"""Bytes read at once."""

logger = logging.getLogger("leveret.store")


class Files(Protocol):
    """The files of a data directory, before anybody writes to them."""

    def sizes(self, folder: str) -> dict[str, int]:
        """The files in it: name (with the folder) and size in bytes."""
        ...

    def read(self, name: str, offset: int, size: int) -> bytes:
        """A part of a file; shorter at its end, empty when there is no such file."""
        ...


@dataclass(frozen=True, slots=True)
class Recovered:
    """What `DiskLog` goes on with."""

    segments: list[Segment]
    begin: int
    """Where recovery began."""
    end: int
    """Where the next record goes."""
    checkpoints: Checkpoints
    ops: list[DiskOp]
    """What has to be done before. What lies behind the end is removed, so that it is never taken for what follows; what
    was read, and perhaps never synced, is synced.
    """
    spare: int = 0
    """The size of the file SPARE."""


def find_segments(files: Files) -> list[Segment]:
    """All segments, in order; an empty file is none."""
    found = []
    for name, size in files.sizes(FOLDER).items():
        base = base_of(name)
        if base is not None and size:
            found.append(Segment(base, size))
    return sorted(found)


def segment_at(segments: list[Segment], position: int) -> int | None:
    """Which one has this position."""
    at = bisect_right(segments, position, key=_base) - 1
    return at if at >= 0 and position < segments[at].end else None


def _base(segment: Segment) -> int:
    return segment.base


def misplaced(files: Files, segments: list[Segment]) -> dict[Segment, int]:
    """Files that say that they have another base than their name has."""
    bases = {segment: header_base(files.read(segment.name, 0, SEGMENT_HEADER)) for segment in segments}
    return {segment: base for segment, base in bases.items() if base is not None and base != segment.base}


def is_end_of(step: Step, begin: int) -> bool:
    """Whether it closes the checkpoint that began there. Raises ValueError."""
    if step[0] != DEFINITION:
        return False
    op = decode_definition(step[2])
    return isinstance(op, EndCheckpoint) and op.begin == begin


def finished(segments: list[Segment], at: int, position: int, begin: int, checkpoints: Checkpoints) -> Recovered:
    """The log ends there, in this segment: what is behind goes."""
    last = segments[at]
    # A file that was cut short has no room for the record that seals it, and no aligned end.
    size = -(-max(last.size, position + RECORD_HEADER - last.base) // ALIGNMENT) * ALIGNMENT
    ops: list[DiskOp] = [("remove", segment.name) for segment in segments[at + 1 :]]
    ops.append(("cut", last.name, position - last.base, size))
    return Recovered([*segments[:at], Segment(last.base, size)], begin, position, checkpoints, ops)


class Recovery:
    """One pass over a log."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self.checkpoints = Checkpoints(files.read(checkpoints.NAME, 0, checkpoints.SIZE))
        self.segments = find_segments(files)
        self.counts = [0] * 7
        """Records that were read, then ops by their kinds."""
        self._closed = True  # the end of the checkpoint that it begins with was read; or there is none
        self.begin = self._begin()
        """The position of the first record to be read."""

    @property
    def size(self) -> int:
        """Bytes from the beginning to the end of the last file."""
        return self.segments[-1].end - self.begin if self.segments else 0

    def _begin(self) -> int:
        begin = self.checkpoints.begin
        if not self.segments:
            if begin is not None:
                raise DamageError("no file of the log is there", checkpoints.NAME, 0)
            return 0
        first = self.segments[0]
        if begin is None and first.base == 0 and self._is_contiguous():
            return first.first_record
        if begin is None or segment_at(self.segments, begin) is None:
            # The file that names it is gone, or the last thing that was written to it: look through the log.
            found = self._last_checkpoint()
            if found is None and begin is None and first.base == 0:
                return first.first_record
            if found is None or found < (begin or 0) or segment_at(self.segments, found) is None:
                raise DamageError("nothing says where the log begins", checkpoints.NAME, 0)
            begin = found
        self._closed = False
        return begin

    def _is_contiguous(self) -> bool:
        return all(one.end == other.base for one, other in pairwise(self.segments))

    def _last_checkpoint(self) -> int | None:
        """Where the last closed one in the log begins."""
        begin = None
        for segment in self.segments:
            replay = Replay(segment.first_record)
            data = self._files.read(segment.name, SEGMENT_HEADER, segment.size)
            for step in replay.read(data, segment.first_record):
                if step[0] == DEFINITION:
                    op = decode_definition(step[2])
                    if isinstance(op, EndCheckpoint):
                        begin = op.begin
        return begin

    def run(self, apply: Callable[[Step], None], progress: Callable[[int], None] = lambda done: None) -> Recovered:
        """Hand every step to `apply`; `progress` hears of the bytes that are done. Raises DamageError."""
        return replace(self._run(apply, progress), spare=self._files.sizes(FOLDER).get(SPARE, 0))

    def _run(self, apply: Callable[[Step], None], progress: Callable[[int], None]) -> Recovered:
        if self._is_blank():
            ops: list[DiskOp] = [("remove", segment.name) for segment in self.segments]
            return Recovered([], 0, 0, self.checkpoints, ops)
        for stray, base in misplaced(self._files, self.segments).items():
            raise DamageError(f"this is {name_at(base)} under another name", stray.name, 0)
        position = self.begin
        at = segment_at(self.segments, position)
        if at is None:
            raise DamageError("the file is cut short", self.segments[0].name, self.segments[0].size)
        while True:
            segment = self.segments[at]
            position, sealed = self._read(segment, position, apply, progress)
            if not sealed:
                break
            following = self.segments[at + 1] if at + 1 < len(self.segments) else None
            if following is None or not self._continues(segment, following):
                position -= RECORD_HEADER  # of the record that seals: to be written again
                break
            at += 1
            position = following.first_record
        self._require_end(at, position)
        if position <= SEGMENT_HEADER:  # nothing at all, perhaps not even the whole file
            return Recovered([], 0, 0, self.checkpoints, [("remove", segment.name) for segment in self.segments])
        if not self._closed:
            segment = self.segments[at]
            raise DamageError("a checkpoint is damaged that was on disk", segment.name, position - segment.base)
        return finished(self.segments, at, position, self.begin, self.checkpoints)

    def _is_blank(self) -> bool:
        """Nothing was ever written: a crash left at most a file that was being made."""
        return not self.segments or (len(self.segments) == 1 and self._closed and self.size <= RECORD_HEADER)

    def _continues(self, segment: Segment, following: Segment) -> bool:
        if following.base != segment.end:
            return False
        return is_header(self._files.read(following.name, 0, SEGMENT_HEADER), following.base)

    def _read(
        self, segment: Segment, position: int, apply: Callable[[Step], None], progress: Callable[[int], None]
    ) -> tuple[int, bool]:
        """The records of one segment: where they end, and whether the segment is sealed there."""
        replay = Replay(position)
        size = _CHUNK_SIZE
        while True:
            start = replay.position
            data = self._files.read(segment.name, start - segment.base, size)
            for step in replay.read(data, start):
                try:
                    if not self._closed:
                        self._closed = is_end_of(step, self.begin)
                    apply(step)
                except ValueError as error:
                    at = min(start, replay.position) - segment.base
                    raise DamageError(f"a record makes no sense ({error})", segment.name, at) from error
            progress(replay.position - self.begin)
            # Without the rest of the file there is no more than its end, within a record perhaps.
            if replay.stop != "end" or len(data) < size or replay.need > segment.end - replay.position:
                self.counts = [*map(add, self.counts, replay.counts)]
                return replay.position, replay.stop == "sealed"
            size = max(_CHUNK_SIZE, replay.need)

    def _require_end(self, at: int, position: int) -> None:
        """Nothing behind the end may know that what should be there was on disk."""
        last = self.segments[at]
        for segment in self.segments[at:]:
            start = max(position, segment.first_record)
            data = self._files.read(segment.name, start - segment.base, max(segment.end - start, 0))
            if self._find(data, start, position) is not None:
                raise DamageError("a record is damaged that was on disk", last.name, position - last.base)

    @staticmethod
    def _find(data: bytes, start: int, end: int) -> int | None:
        """A record in these bytes that says that what comes before it, and after `end`, was on disk."""
        after = max(end, start - 1)
        while (found := find_record(data, start, after)) is not None:
            after, synced = found
            if synced > end:
                return after
        return None
