"""Salvage: all records of a damaged log that can be read.

Recovery stops at damage, since it must not guess. Salvage goes on behind it: where no record can be read it looks for
the next one, which says itself where it belongs. It begins with the newest checkpoint that is whole, so that damage
before that does not matter; failing this, with the first record there is.
"""

from __future__ import annotations

from operator import add
from typing import TYPE_CHECKING, Final, NamedTuple

from ..errors import DamageError
from ..wire import RECORD_HEADER, Replay, find_record
from ..wire.records import DEFINITION, EndCheckpoint, decode_definition
from . import checkpoints
from .checkpoints import Checkpoints
from .recovery import Recovered, find_segments, finished, misplaced, segment_at
from .segments import ALIGNMENT, SEGMENT_HEADER, Segment, is_header, name_at

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..wire import Step
    from .recovery import Files

_CHUNK_SIZE: Final = 8 * 1024 * 1024


class Gap(NamedTuple):
    """Bytes of the log in which no record can be read."""

    start: int
    end: int
    """The position of the next record."""
    file: str
    offset: int
    problem: str


class _Closed(NamedTuple):
    """A checkpoint of which the end can be read."""

    begin: int
    end: int


class Salvage:
    """Raises DamageError when there is nothing to begin with, or when files have changed places."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self.segments = find_segments(files)
        self.checkpoints = Checkpoints(files.read(checkpoints.NAME, 0, checkpoints.SIZE))
        if not self.segments:
            raise DamageError("no file of the log is there", checkpoints.NAME, 0)
        self._check_places()
        self.counts = [0] * 7
        """Records that were read, then ops by their kinds."""
        self.patchy = False
        """The newest checkpoint is not whole: it begins before that, and what the log had there may be gone."""
        self.begin = self._choose()
        """The position of the first record."""
        self.gaps: list[Gap] = []

    def _check_places(self) -> None:
        strays = misplaced(self._files, self.segments)
        placed = {segment.base for segment in self.segments if segment not in strays}
        for segment, base in strays.items():
            if base not in placed:
                raise DamageError(f"this is {name_at(base)} under another name; rename it", segment.name, 0)

    # -- where to begin ------------------------------------------------------------------------------------------

    def _choose(self) -> int:
        closed: list[_Closed] = []
        gaps: list[Gap] = []

        def look(step: Step) -> None:
            if step[0] == DEFINITION:
                op = decode_definition(step[2])
                if isinstance(op, EndCheckpoint):
                    closed.append(_Closed(op.begin, step[1]))

        self._walk(0, self.segments[0].first_record, look, gaps.append)
        self.counts = [0] * 7
        newest = max([self.checkpoints.begin or 0, *(one.begin for one in closed)])
        for checkpoint in reversed(closed):
            if not any(gap.start < checkpoint.end and gap.end > checkpoint.begin for gap in gaps):
                self.patchy = checkpoint.begin != newest
                return checkpoint.begin
        self.patchy = bool(newest) or self.segments[0].base > 0
        return self.segments[0].first_record

    # -- reading -------------------------------------------------------------------------------------------------

    def run(self, apply: Callable[[Step], None], damaged: Callable[[Gap], None]) -> Recovered:
        """Hand every step to `apply`, and what is missing between them to `damaged`."""
        at = segment_at(self.segments, self.begin)
        if at is None:
            at = 0

        def found(gap: Gap) -> None:
            self.gaps.append(gap)
            damaged(gap)

        at, position = self._walk(at, self.begin, apply, found)
        return finished(self.segments, at, position, self.begin, self.checkpoints)

    def _walk(
        self, at: int, position: int, apply: Callable[[Step], None], damaged: Callable[[Gap], None]
    ) -> tuple[int, int]:
        """All records from there on; the end of the log: segment and position."""
        expected = position
        end = (at, position)
        for number in range(at, len(self.segments)):
            segment = self.segments[number]
            start = max(position, segment.first_record)
            while True:
                begin = self._next(segment, start)
                if begin is None:
                    break
                if begin != expected:
                    damaged(self._gap(expected, begin))
                elif start == segment.first_record and not self._has_header(segment):
                    damaged(Gap(segment.base, start, segment.name, 0, "the head of the file is damaged"))
                start, sealed = self._read(segment, begin, apply, damaged)
                expected = segment.end + SEGMENT_HEADER if sealed else start
                end = (number, start - RECORD_HEADER if sealed else start)
                if sealed:
                    break
        return end

    def _has_header(self, segment: Segment) -> bool:
        return is_header(self._files.read(segment.name, 0, SEGMENT_HEADER), segment.base)

    def _gap(self, start: int, end: int) -> Gap:
        at = segment_at(self.segments, start)
        if at is None:  # behind a sealed segment
            base = start - SEGMENT_HEADER
            return Gap(base, end, name_at(base), 0, "the file is missing")
        segment = self.segments[at]
        return Gap(start, end, segment.name, start - segment.base, "no record can be read")

    def _next(self, segment: Segment, start: int) -> int | None:
        """The position of the first record of this file from `start` on."""
        data = self._files.read(segment.name, start - segment.base, max(segment.end - start, 0))
        if _is_record(data, start, start):
            return start
        # Its header says where the next one is, and unless that is damaged nothing within it is taken for a record.
        length = int.from_bytes(data[4:8], "big")
        following = start + -(-(RECORD_HEADER + length) // ALIGNMENT) * ALIGNMENT
        if following < start + len(data) and _is_record(data, start, following):
            return following
        found = find_record(data, start, start)
        return None if found is None else found[0]

    def _read(
        self, segment: Segment, position: int, apply: Callable[[Step], None], damaged: Callable[[Gap], None]
    ) -> tuple[int, bool]:
        """The records from there on: where they end, and whether the segment is sealed there."""
        replay = Replay(position)
        size = _CHUNK_SIZE
        while True:
            start = replay.position
            data = self._files.read(segment.name, start - segment.base, size)
            for step in replay.read(data, start):
                try:
                    apply(step)
                except ValueError as error:
                    problem = f"a record makes no sense: {error}"
                    damaged(Gap(start, replay.position, segment.name, start - segment.base, problem))
            if replay.stop != "end" or len(data) < size or replay.need > segment.end - replay.position:
                self.counts = [*map(add, self.counts, replay.counts)]
                return max(replay.position, position + ALIGNMENT), replay.stop == "sealed"
            size = max(_CHUNK_SIZE, replay.need)


def _is_record(data: bytes, start: int, position: int) -> bool:
    found = find_record(data, start, position - 1)
    return found is not None and found[0] == position
