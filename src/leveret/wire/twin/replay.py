"""Replay: bytes of a log in, steps out, in the order in which they are to be applied."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING, Final

from . import ops
from .expiries import Expiries
from .piece import Piece, Pieces
from .record import RECORD_HEADER, Cut, check_position, read_record
from .selection import Selection

if TYPE_CHECKING:
    from typing_extensions import Buffer

Step = (
    tuple[int, int, Pieces]
    | tuple[int, int, int, Selection]
    | tuple[int, int, int, Selection, int, int]
    | tuple[int, int, bytes]
    | tuple[int, int, list[tuple[int, Expiries]]]
)

Found = tuple[ops.Op, int, int]
"""An op, the position of its record, and the position of its end, which is that of its block."""

_END: Final = "end"
_KINDS: Final = {
    ops.Publish: ops.PUBLISH,
    ops.Settle: ops.SETTLE,
    ops.Definition: ops.DEFINITION,
    ops.Relocate: ops.RELOCATE,
    ops.Extent: ops.EXTENT,
    ops.Expiry: ops.EXPIRY,
}


class Replay:
    """Reads the records of a log one after the other."""

    __slots__ = ("_counts", "_need", "_position", "_stop", "_synced")

    def __init__(self, position: int) -> None:
        """Raises ValueError for what is no position."""
        self._position = check_position(position)
        self._synced = 0
        self._stop = _END
        self._need = RECORD_HEADER
        self._counts = [0] * (1 + len(_KINDS))

    @property
    def position(self) -> int:
        """Where the next record is expected."""
        return self._position

    @position.setter
    def position(self, position: int) -> None:
        self._position = check_position(position)

    @property
    def synced(self) -> int:
        """The highest `synced` of all records so far."""
        return self._synced

    @property
    def stop(self) -> str:
        return self._stop

    @property
    def need(self) -> int:
        return self._need

    @property
    def counts(self) -> tuple[int, ...]:
        return tuple(self._counts)

    def read(self, data: Buffer, start: int) -> list[Step]:
        """Take all records that are whole; `data` begins at position `start`. Raises ValueError if that is too late."""
        if start < 0:
            raise OverflowError("a position is negative")
        if start > self._position:
            raise ValueError("the data begins after the next record")
        found: list[Found] = []
        self._need = RECORD_HEADER
        self._stop = self._read(bytes(memoryview(data)), start, found)
        return list(_join(found))

    def _read(self, data: bytes, start: int, found: list[Found]) -> str:
        while True:
            record = read_record(data, self._position - start, self._position)
            if isinstance(record, Cut):
                self._need = record.need
                return _END
            if record is None:
                return "bad"
            body = self._position + RECORD_HEADER
            try:
                decoded = list(ops.decode_ops(record.body))
            except ValueError:
                return "bad"
            found += [(op, self._position, body + end) for op, end in decoded]
            self._counts[0] += 1
            for op, _ in decoded:
                self._counts[_KINDS[type(op)]] += 1
            self._position += record.size
            self._synced = max(self._synced, record.synced)
            if not record.body:
                return "sealed"


def _join(found: list[Found]) -> Iterator[Step]:
    """Between two other ops publishes of a queue are one step, its expiries are, settlements of an extent are."""
    for joined, run in groupby(found, lambda one: isinstance(one[0], ops.Publish | ops.Expiry | ops.Settle)):
        if joined:
            group = list(run)
            yield from _published(group)
            yield from _expiring(group)
            yield from _settled(group)
        else:
            yield from map(_barrier, run)


def _barrier(found: Found) -> Step:
    op, position, end = found
    match op:
        case ops.Relocate(queue, base, selection, block):
            return ops.RELOCATE, queue, base, selection, end - block.length, block.length
        case ops.Extent(queue, state):
            return ops.EXTENT, queue, state
        case ops.Definition(data):
            return ops.DEFINITION, position, data
    raise AssertionError("an op that is joined")


def _published(found: list[Found]) -> Iterator[Step]:
    steps: list[tuple[int, list[Piece]]] = []
    newest: dict[int, list[Piece]] = {}
    for op, _, end in found:
        if not isinstance(op, ops.Publish):
            continue
        for queue, first in op.targets:
            for piece in _pieces(op, first, end - op.block.length):
                pieces = newest.get(queue)
                if pieces is None or pieces[-1][0] + pieces[-1][1] > piece[0]:
                    pieces = newest[queue] = []  # the first, or one that does not ascend: a step of its own
                    steps.append((queue, pieces))
                pieces.append(piece)
    for queue, pieces in steps:
        yield ops.PUBLISH, queue, Pieces(pieces)


def _pieces(op: ops.Publish, first: int, position: int) -> Iterator[Piece]:
    """A piece per run of consecutive numbers."""
    offsets = list(op.offsets) or range(op.block.rows)
    at = 0
    while at < len(offsets):
        stop = at + 1
        while stop < len(offsets) and offsets[stop] == offsets[stop - 1] + 1:
            stop += 1
        body_bytes = _share(op, stop) - _share(op, at)
        yield first + offsets[at], stop - at, position, op.block.length, at, body_bytes, op.features
        at = stop


def _share(op: ops.Publish, rows: int) -> int:
    """Body bytes of the first rows, as if all had equally many."""
    return op.body_bytes * rows // op.block.rows


def _expiring(found: list[Found]) -> Iterator[Step]:
    queues: dict[int, list[tuple[int, Expiries]]] = {}
    for op, _, _ in found:
        if not isinstance(op, ops.Expiry) or not len(op.expiries):
            continue
        rows = queues.setdefault(op.queue, [])
        first, runs = op.first, op.expiries.runs
        if rows and rows[-1][0] + len(rows[-1][1]) == first:
            first, before = rows.pop()
            runs = before.runs + runs
        rows.append((first, Expiries(runs)))
    for queue, rows in queues.items():
        yield ops.EXPIRY, queue, rows


def _settled(found: list[Found]) -> Iterator[Step]:
    rows: dict[tuple[int, int], list[Selection]] = {}
    for op, _, _ in found:
        if isinstance(op, ops.Settle) and len(op.selection):
            rows.setdefault((op.queue, op.base), []).append(op.selection)
    for (queue, base), selections in rows.items():
        yield ops.SETTLE, queue, base, Selection.merge(selections)
