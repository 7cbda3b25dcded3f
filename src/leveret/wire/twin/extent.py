"""A stretch of a queue: up to EXTENT_ROWS rows, and what became of each.

The kernel keeps four bitmaps. Here `_states` has one byte per row (ready, delivered or settled) and `redelivered`
another. A settled row is dropped from `_rows` at once; its features stay, for who asks which of the settled ones were
persistent. `_places` says of each row where it lies on disk, if it does. A stored extent has None for every row.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from . import state as states
from .batch import Batch, Message
from .constants import EXTENT_ROWS, PERSISTENT, SPILL, U32_MAX, U64_MAX
from .keys import KeyTable
from .piece import Pieces, is_place
from .places import Block, Place, blocks_of, ranges_of, read_block, runs_of
from .pool import Arena, Pool, Row, row_size
from .selection import Selection, of_range, of_rows

if TYPE_CHECKING:
    from typing_extensions import Buffer

_READY: Final = 0
_DELIVERED: Final = 1
_SETTLED: Final = 2


class Extent:
    """Up to EXTENT_ROWS messages with consecutive sequence numbers, the first of them `base`."""

    __slots__ = (
        "_features",
        "_first_ready",
        "_places",
        "_rows",
        "_states",
        "base",
        "features",
        "lane",
        "ready",
        "ready_bytes",
        "redelivered",
        "resident",
        "unacked",
        "unacked_bytes",
    )

    def __init__(self, base: int, lane: int = 0) -> None:
        if not 0 <= lane <= U64_MAX:
            raise OverflowError("a lane is over 64 bits")
        self.base = base
        self.lane = lane
        """The id under which the log knows its messages."""
        self._clear()

    def _clear(self) -> None:
        self._rows: list[Row | None] = []
        self._features: list[int] = []
        self._places: list[Place | None] = []
        self.resident = True
        self._states = bytearray()
        self.redelivered = bytearray()
        self._first_ready = 0
        """No row before this one is ready."""
        self.features = 0
        self.ready = self.unacked = 0
        self.ready_bytes = self.unacked_bytes = 0

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def full(self) -> bool:
        return len(self._rows) >= EXTENT_ROWS

    def append(
        self, batch: Batch, selection: Selection | None = None, start: int = 0, position: int = -1, length: int = 0
    ) -> int:
        """Append the rows selection[start:] (None: all rows) as ready until full; how many were taken.

        With a position the persistent rows of `selection`, from its begin, are the rows of the block there.
        """
        self._check_resident()
        if position >= 0 and not is_place(position, length):
            raise ValueError("no block can lie there")
        room = EXTENT_ROWS - len(self._rows)
        chosen = of_range(0, len(batch)) if selection is None else selection
        taken = [batch.rows[row] for row in chosen[start : start + room]]
        features = [row[3] for row in taken]
        number = sum(batch.rows[row][3] & PERSISTENT for row in chosen[:start])
        for row_features in features:
            stored = position >= 0 and row_features & PERSISTENT
            self._places.append((position, length, number) if stored else None)
            number += row_features & PERSISTENT
            self.features |= row_features
        self._rows += taken
        self._features += features
        self._states += bytes(len(taken))
        self.redelivered += bytes(len(taken))
        self.ready += len(taken)
        self.ready_bytes += sum([len(row[2]) for row in taken])
        return len(taken)

    # -- what becomes of rows ------------------------------------------------------------------------------------

    def take(self, limit: int, room: int = -1) -> Selection:
        """The first `limit` ready rows, now delivered. Stops after the row whose body makes `room` bytes exceeded.

        Of a stored extent all or nothing, and without `room`.
        """
        if not self.resident and self.ready and limit > 0:
            if limit < self.ready or room >= 0:
                self._check_resident()
            return self._deliver(list(self.select_ready()))
        states = self._states
        taken: list[int] = []
        size = 0
        row = states.find(_READY, self._first_ready)
        while row >= 0 and len(taken) < limit and (room < 0 or size <= room):
            taken.append(row)
            size += self._body_size(row)
            row = states.find(_READY, row + 1)
        return self._deliver(taken)

    def deal(self, credits: Sequence[int], rooms: Sequence[int], start: int = 0) -> tuple[list[Selection], int]:
        """Exact round robin in one pass; a selection per consumer, and whose turn is next.

        Raises ValueError when `credits` and `rooms` differ in length.
        """
        if len(credits) != len(rooms):
            raise ValueError("credits and rooms differ in length")
        self._check_resident()
        count = len(credits)
        credit, room = list(credits), list(rooms)
        bounded = [value >= 0 for value in rooms]
        dealt: list[list[int]] = [[] for _ in credits]
        able = deque(turn % count for turn in range(start, start + count))
        row = self._states.find(_READY, self._first_ready)
        while row >= 0 and able:
            consumer = able.popleft()
            if credit[consumer] <= 0 or (bounded[consumer] and room[consumer] <= 0):
                continue  # it can take nothing more in this deal
            dealt[consumer].append(row)
            credit[consumer] -= 1
            room[consumer] -= self._body_size(row)
            able.append(consumer)
            start = (consumer + 1) % count
            row = self._states.find(_READY, row + 1)
        return [self._deliver(rows, first=False) for rows in dealt], start

    def _deliver(self, rows: list[int], first: bool = True) -> Selection:
        """Ready rows become delivered. Unless other ready rows come before them, `first` moves the search mark on."""
        size = self._body_bytes(rows, self.ready, self.ready_bytes)
        for row in rows:
            self._states[row] = _DELIVERED
        self._move(ready=-len(rows), ready_bytes=-size, unacked=len(rows), unacked_bytes=size)
        return of_rows(rows)

    def _move(self, *, ready: int = 0, ready_bytes: int = 0, unacked: int, unacked_bytes: int) -> None:
        self.ready += ready
        self.ready_bytes += ready_bytes
        self.unacked += unacked
        self.unacked_bytes += unacked_bytes
        if ready < 0:
            found = self._states.find(_READY, self._first_ready)
            self._first_ready = len(self._states) if found < 0 else found

    def requeue(self, selection: Selection) -> None:
        """Delivered rows become ready again and redelivered. Raises ValueError if one is not delivered."""
        self._check_delivered(selection)
        size = self._body_bytes(selection, self.unacked, self.unacked_bytes)
        for row in selection:
            self._states[row] = _READY
            self.redelivered[row] = 1
        if len(selection):
            self._first_ready = min(self._first_ready, selection[0])
        self._move(ready=len(selection), ready_bytes=size, unacked=-len(selection), unacked_bytes=-size)

    def settle(self, selection: Selection) -> None:
        """Delivered rows become settled and their memory is given back. Raises ValueError if one is not delivered."""
        self._check_delivered(selection)
        size = self._body_bytes(selection, self.unacked, self.unacked_bytes)
        for row in selection:
            self._states[row] = _SETTLED
            self._rows[row] = None
        self._move(unacked=-len(selection), unacked_bytes=-size)

    def drop(self, selection: Selection) -> None:
        """Those of the selection that are ready become settled without being taken; others stay what they are."""
        rows = [row for row in selection if row < len(self) and self._states[row] == _READY]
        size = self._body_bytes(rows, self.ready, self.ready_bytes)
        for row in rows:
            self._states[row] = _SETTLED
            self._rows[row] = None
        self._move(ready=-len(rows), ready_bytes=-size, unacked=0, unacked_bytes=0)

    def recycle(self) -> bool:
        """If all rows are settled: forget them, base += rows; True. Otherwise False."""
        if self.ready or self.unacked:
            return False
        self.base += len(self._rows)
        self._clear()
        return True

    # -- looking -------------------------------------------------------------------------------------------------

    def select_ready(self) -> Selection:
        return of_rows([row for row, state in enumerate(self._states) if state == _READY])

    def select_persistent(self, selection: Selection | None = None) -> Selection:
        """The persistent ones of the selection (None: of all rows not settled)."""
        if selection is None:
            rows: Iterable[int] = [row for row, state in enumerate(self._states) if state != _SETTLED]
        else:
            self._check_there(selection)
            rows = selection
        self._check_resident()
        return of_rows([row for row in rows if self._features[row] & PERSISTENT])

    def is_redelivered(self, row: int) -> bool:
        """Raises IndexError for an absent row."""
        if row < 0:
            raise IndexError("no such row")
        return bool(self.redelivered[row])

    def mark_redelivered(self, selection: Selection) -> None:
        """Raises ValueError for rows that are not there."""
        self._check_there(selection)
        for row in selection:
            self.redelivered[row] = 1

    def mark_all_redelivered(self) -> None:
        self.redelivered = bytearray([1] * len(self))

    def row(self, row: int) -> Row:
        """Raises IndexError for a settled or absent row, ValueError if the rows are not in memory."""
        self._check_resident()
        found = self._rows[row] if row >= 0 else None
        if found is None:
            raise IndexError("no such row, or it is settled")
        return found

    def __getitem__(self, row: int) -> Message:
        """Raises IndexError for a settled or absent row."""
        return Message(self.row(row))

    def batch(self, pool: Pool, selection: Selection) -> Batch:
        """These rows as a batch of their own. Raises IndexError for a settled or absent row."""
        batch = Batch(0, KeyTable())
        for row in selection:
            batch.append(self.row(row))
        return batch.finish()

    # -- memory --------------------------------------------------------------------------------------------------

    def compact(self, pool: Pool, limit: int = -1) -> int:
        """Move live rows to a new arena when less than a quarter of theirs is live, until `limit` bytes (-1: no bound)
        are moved; bytes moved.
        """
        live: dict[Arena, int] = {}
        for row in self._rows:
            if row is not None:
                live[row[4]] = live.get(row[4], 0) + row_size(row)
        fresh = Arena(pool)
        for index, row in enumerate(self._rows):
            if 0 <= limit <= fresh.size:
                break
            if row is not None and live[row[4]] * 4 < row[4].size:
                names, properties, body, features, _ = row
                self._rows[index] = (names, properties, body, features, fresh)
                fresh.add(row_size(row))
        return fresh.size

    # -- on disk -------------------------------------------------------------------------------------------------

    @property
    def log_end(self) -> int:
        """Where the last block of a live row in the log ends; 0 if there is none."""
        blocks = blocks_of(self._places, self._live())
        return max((position + length for position, length, _, _ in blocks if position < SPILL), default=0)

    def restore(self, pieces: Pieces, room: int = -1) -> int:
        """Take rows from the pieces for as long as they fit, and until more than `room` bytes are ready; how many.
        Numbers that are skipped are settled rows.

        Raises ValueError if the extent is resident and not empty, or has rows with these numbers.
        """
        if self.resident and len(self):
            raise ValueError("the rows are in memory")
        if pieces.next is not None and pieces.next < self.base + len(self):
            raise ValueError("these numbers are passed already")
        taken = 0
        end = min(self.base + EXTENT_ROWS, U64_MAX)
        while (room < 0 or self.ready_bytes <= room) and (piece := pieces.take_before(end)) is not None:
            first, count, position, length, skip, body_bytes, features = piece
            hole = first - self.base - len(self)
            self._states += bytes([_SETTLED] * hole + [_READY] * count)
            self._places += [None] * hole + [(position, length, skip + index) for index in range(count)]
            self._rows += [None] * (hole + count)
            self._features += [0] * (hole + count)
            self.redelivered += bytes(hole + count)
            self.ready += count
            self.ready_bytes += body_bytes
            self.features |= features
            self.resident = False
            taken += count
        return taken

    def _live(self) -> list[bool]:
        return [state != _SETTLED for state in self._states]

    def unstored(self) -> Selection:
        """Live rows that have no place."""
        places = zip(self._live(), self._places, strict=True)
        return of_rows([row for row, (live, place) in enumerate(places) if live and place is None])

    def store(self, position: int, length: int, selection: Selection, skip: int = 0) -> None:
        """The rows of the selection are, in order, those of this block from `skip` on. Raises ValueError for rows
        that are absent, or if no block can lie there.
        """
        self._check_there(selection)
        if not is_place(position, length) or skip + len(selection) > U32_MAX:
            raise ValueError("no block can lie there")
        for number, row in enumerate(selection, skip):
            self._places[row] = (position, length, number)

    def evict(self) -> int:
        """Drop rows; their bytes. Raises ValueError if rows are delivered or have no place."""
        if not self.resident or not len(self):
            return 0
        if self.unacked:
            raise ValueError("rows are delivered")
        for row in self.unstored():
            raise ValueError(f"row {row} is in memory only")
        live = self._live()
        for first, count, *_ in runs_of(self._places):
            if not any(live[first : first + count]):
                self._places[first : first + count] = [None] * count
        size = sum(row_size(row) for row in self._rows if row is not None)
        self._rows = [None] * len(self)
        self._features = [0] * len(self)
        self.resident = False
        return size

    def blocks(self) -> list[Block]:
        """The blocks that live rows lie in."""
        return blocks_of(self._places, self._live())

    def ranges(self, gap: int, limit: int) -> list[tuple[int, int]]:
        """(position, size) to read for `load`: the blocks of live rows, joined where less than `gap` bytes lie between
        and the result is no longer than `limit`.
        """
        return ranges_of(self.blocks(), gap, limit)

    def load(self, pool: Pool, ranges: Sequence[tuple[int, Buffer]]) -> None:
        """Resident again. Raises ValueError with the position of a block that is missing or damaged."""
        if self.resident:
            raise ValueError("the rows are in memory")
        blocks = {block[:2]: read_block(ranges, *block[:2], Pool()) for block in self.blocks()}
        arena = Arena(pool)
        rows: list[Row | None] = [None] * len(self)
        for row, (live, place) in enumerate(zip(self._live(), self._places, strict=True)):
            if not live:
                continue
            assert place is not None
            position, length, number = place
            block = blocks[position, length]
            if number >= len(block):
                raise ValueError(f"block at position {position}: it has too few rows")
            names, properties, body, features, _ = block[number]
            rows[row] = (names, properties, body, features, arena)
            arena.add(len(names) + len(properties) + len(body))
        self._rows = rows
        self._features = [0 if row is None else row[3] for row in rows]
        self.resident = True
        every = of_range(0, len(self))
        self.ready_bytes = sum(self._body_size(row) for row in every if self._states[row] == _READY)
        self.unacked_bytes = sum(self._body_size(row) for row in every if self._states[row] == _DELIVERED)

    def places_in(self, start: int, stop: int) -> Selection:
        """Live rows whose block begins in [start, stop)."""
        places = enumerate(zip(self._live(), self._places, strict=True))
        return of_rows([row for row, (live, place) in places if live and place and start <= place[0] < stop])

    def forget_spill(self) -> None:
        """Places in the spill are void. Raises ValueError if the rows are not in memory."""
        self._check_resident()
        self._places = [place if place and place[0] < SPILL else None for place in self._places]

    def state(self) -> bytes:
        """For a checkpoint: the live rows that are in the log."""
        places = [place if place and place[0] < SPILL else None for place in self._places]
        live = [live and place is not None for live, place in zip(self._live(), places, strict=True)]
        if self.resident:
            size = sum(self._body_size(row) for row in range(len(self)) if live[row])
        else:
            size = (self.ready_bytes + self.unacked_bytes) * sum(live) // max(self.ready + self.unacked, 1)
        redelivered = [alive and bool(flag) for alive, flag in zip(live, self.redelivered, strict=True)]
        return states.encode(states.State(self.base, self.features, size, live, redelivered, places))

    @staticmethod
    def from_state(data: Buffer, lane: int = 0) -> Extent:
        """Stored, all live rows ready. Raises ValueError for anything malformed."""
        state = states.decode(bytes(data))
        extent = Extent(state.base, lane)
        rows = len(state.live)
        extent._states += bytes(_READY if live else _SETTLED for live in state.live)
        extent._places += state.places
        extent._rows += [None] * rows
        extent._features += [0] * rows
        extent.redelivered += bytes(state.redelivered)
        extent.features = state.features
        extent.ready = sum(state.live)
        extent.ready_bytes = state.body_bytes
        extent.resident = rows == 0
        return extent

    # -- checks --------------------------------------------------------------------------------------------------

    def _body_size(self, row: int) -> int:
        found = self._rows[row]
        assert found is not None
        return len(found[2])

    def _body_bytes(self, part: Sequence[int] | Selection, rows: int, size: int) -> int:
        """Body bytes of a part of these rows, which have `size` together; by its share if they are not in memory."""
        if self.resident:
            return sum([self._body_size(row) for row in part])
        return size * len(part) // max(rows, 1)

    def _check_resident(self) -> None:
        if not self.resident:
            raise ValueError("the rows are not in memory")

    def _check_there(self, selection: Selection) -> None:
        if len(selection) and selection[-1] >= len(self._states):
            raise ValueError("no such row")

    def _check_delivered(self, selection: Selection) -> None:
        self._check_there(selection)
        for row in selection:
            if self._states[row] != _DELIVERED:
                raise ValueError(f"row {row} is not delivered")
