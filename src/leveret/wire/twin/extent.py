"""A stretch of a queue: up to EXTENT_ROWS rows, and what became of each.

The kernel keeps four bitmaps. Here `_states` has one byte per row (ready, delivered or settled) and `redelivered`
another. A settled row is dropped from `_rows` at once; its features stay, for who asks which of the settled ones were
persistent.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Final

from .batch import Batch, Message
from .constants import EXTENT_ROWS, PERSISTENT
from .keys import KeyTable
from .pool import Arena, Pool, Row, row_size
from .selection import Selection, of_range, of_rows

_READY: Final = 0
_DELIVERED: Final = 1
_SETTLED: Final = 2


class Extent:
    """Up to EXTENT_ROWS messages with consecutive sequence numbers, the first of them `base`."""

    __slots__ = (
        "_features",
        "_first_ready",
        "_rows",
        "_states",
        "base",
        "features",
        "ready",
        "ready_bytes",
        "redelivered",
        "unacked",
        "unacked_bytes",
    )

    def __init__(self, base: int) -> None:
        self.base = base
        self._clear()

    def _clear(self) -> None:
        self._rows: list[Row | None] = []
        self._features: list[int] = []
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

    def append(self, batch: Batch, selection: Selection | None = None, start: int = 0) -> int:
        """Append the rows selection[start:] (None: all rows) as ready until full; how many were taken."""
        room = EXTENT_ROWS - len(self._rows)
        chosen = of_range(0, len(batch)) if selection is None else selection
        taken = [batch.rows[row] for row in chosen[start : start + room]]
        features = [row[3] for row in taken]
        self._rows += taken
        self._features += features
        self._states += bytes(len(taken))
        self.redelivered += bytes(len(taken))
        self.ready += len(taken)
        self.ready_bytes += sum([len(row[2]) for row in taken])
        for row_features in features:
            self.features |= row_features
        return len(taken)

    # -- what becomes of rows ------------------------------------------------------------------------------------

    def take(self, limit: int, room: int = -1) -> Selection:
        """The first `limit` ready rows, now delivered. Stops after the row whose body makes `room` bytes exceeded."""
        states = self._states
        taken: list[int] = []
        size = 0
        row = states.find(_READY, self._first_ready)
        while row >= 0 and len(taken) < limit and (room < 0 or size <= room):
            taken.append(row)
            size += self._body_size(row)
            row = states.find(_READY, row + 1)
        return self._deliver(taken)

    def take_rows(self, selection: Selection) -> Selection:
        """Those of the selection that are ready, now delivered. Raises ValueError for rows that are not there."""
        self._check_there(selection)
        return self._deliver([row for row in selection if self._states[row] == _READY])

    def deal(self, credits: Sequence[int], rooms: Sequence[int], start: int = 0) -> tuple[list[Selection], int]:
        """Exact round robin in one pass; a selection per consumer, and whose turn is next.

        Raises ValueError when `credits` and `rooms` differ in length.
        """
        if len(credits) != len(rooms):
            raise ValueError("credits and rooms differ in length")
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
        states = self._states
        size = 0
        for row in rows:
            states[row] = _DELIVERED
            size += self._body_size(row)
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
        size = 0
        for row in selection:
            self._states[row] = _READY
            self.redelivered[row] = 1
            size += self._body_size(row)
        if len(selection):
            self._first_ready = min(self._first_ready, selection[0])
        self._move(ready=len(selection), ready_bytes=size, unacked=-len(selection), unacked_bytes=-size)

    def settle(self, selection: Selection) -> None:
        """Delivered rows become settled and their memory is given back. Raises ValueError if one is not delivered."""
        self._check_delivered(selection)
        size = 0
        for row in selection:
            size += self._body_size(row)
            self._states[row] = _SETTLED
            self._rows[row] = None
        self._move(unacked=-len(selection), unacked_bytes=-size)

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

    def row(self, row: int) -> Row:
        """Raises IndexError for a settled or absent row."""
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

    def _body_size(self, row: int) -> int:
        found = self._rows[row]
        assert found is not None
        return len(found[2])

    def _check_there(self, selection: Selection) -> None:
        if len(selection) and selection[-1] >= len(self._states):
            raise ValueError("no such row")

    def _check_delivered(self, selection: Selection) -> None:
        self._check_there(selection)
        for row in selection:
            if self._states[row] != _DELIVERED:
                raise ValueError(f"row {row} is not delivered")
