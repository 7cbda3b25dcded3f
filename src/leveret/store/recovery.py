"""Recovery: what a data directory holds, read from the newest closed checkpoint to the end of the log.

Where a record is bad, the log ends, unless a later record says that it was on disk: a write that was cut off by a crash
cannot be followed by one that knew it was synced. Then it is damage, and nothing is guessed: the operator is told
where. Messages are not looked at, only where they lie; their own checksums are looked at when they are read back.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from ..errors import DamageError
from ..wire import RECORD_HEADER, Replay, find_record
from ..wire.records import DEFINITION, EndCheckpoint, decode_definition
from . import checkpoints
from .checkpoints import Checkpoints
from .segments import FOLDER, SEGMENT_HEADER, Segment, base_of, is_header

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


def find_segments(files: Files) -> list[Segment]:
    """All segments, in order."""
    found = []
    for name, size in files.sizes(FOLDER).items():
        base = base_of(name)
        if base is not None:
            found.append(Segment(base, size))
    return sorted(found)


class Recovery:
    """One pass over a log."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self.checkpoints = Checkpoints(files.read(checkpoints.NAME, 0, checkpoints.SIZE))
        self.segments = find_segments(files)
        self._synced = 0  # up to here everything was on disk, by what later records say
        self.begin = self._begin()
        """The position of the first record to be read."""

    @property
    def size(self) -> int:
        """Bytes from the beginning to the end of the last file."""
        return self.segments[-1].end - self.begin if self.segments else 0

    def _begin(self) -> int:
        if not self.segments:
            return 0
        begin = self.checkpoints.begin
        if begin is None:
            first = self.segments[0]
            if first.base == 0:
                return first.first_record
            begin = self._last_checkpoint()
            if begin is None:
                raise DamageError(f"no closed checkpoint in {checkpoints.NAME} nor in the log", checkpoints.NAME, 0)
        if not any(segment.base <= begin < segment.end for segment in self.segments):
            raise DamageError("the segment that recovery begins with is missing", checkpoints.NAME, 0)
        return begin

    def _last_checkpoint(self) -> int | None:
        """The file that names it is gone: look through the log."""
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
        if not self.segments:
            return Recovered([], 0, 0, self.checkpoints, [])
        position = self.begin
        at = next((at for at, segment in enumerate(self.segments) if segment.base <= position < segment.end), 0)
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
        kept = self.segments[: at + 1]
        if position <= SEGMENT_HEADER:  # nothing at all, perhaps not even the whole file
            return Recovered([], 0, 0, self.checkpoints, [("remove", segment.name) for segment in self.segments])
        ops: list[DiskOp] = [("remove", segment.name) for segment in self.segments[at + 1 :]]
        ops += [
            ("cut", segment.name, segment.size, segment.size) for segment in kept[:-1] if segment.end > self._synced
        ]
        last = kept[-1]
        ops.append(("cut", last.name, position - last.base, last.size))
        return Recovered(kept, self.begin, position, self.checkpoints, ops)

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
                apply(step)
            progress(replay.position - self.begin)
            self._synced = max(self._synced, replay.synced)
            if replay.stop != "end":
                return replay.position, replay.stop == "sealed"
            if len(data) < size or replay.need > segment.end - replay.position:
                return replay.position, False  # the file ends within a record
            size = max(_CHUNK_SIZE, replay.need)

    def _require_end(self, at: int, position: int) -> None:
        """Nothing behind the end may know that what should be there was on disk."""
        last = self.segments[at]
        for segment in self.segments[at:]:
            start = max(position, segment.first_record)
            data = self._files.read(segment.name, start - segment.base, segment.end - start)
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
