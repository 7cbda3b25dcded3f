"""The spill: where transient messages go that must leave memory.

Files that are filled one after the other with blocks. They are never synced, and erased when a broker starts. A file
goes when no block in it is needed any more and it is not the one that is being filled.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from itertools import count
from typing import TYPE_CHECKING, Final

from ..limits import SPILL_FILE_SIZE
from ..wire import SPILL, encode_block
from .reading import Reads

if TYPE_CHECKING:
    from ..ports import Disk, DiskOp, Fetched
    from ..wire import Batch

FOLDER: Final = "spill"

logger = logging.getLogger("leveret.store")

Written = Callable[[tuple[int, int] | None], None]


def _name(base: int) -> str:
    return f"{FOLDER}/{base:016x}.spill"


class DiskSpill:
    """The port `Spill`, over a `Disk` of its own. Position: SPILL | file number << 32 | offset."""

    __slots__ = ("_blocks", "_disk", "_file", "_offset", "_reads", "_tickets", "_writes", "backlog")

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._file = 0
        self._offset = 0  # where the next block goes
        self._blocks: dict[int, int] = {}  # files, and how many blocks of each are needed
        self._tickets = count(1)
        self._writes: dict[int, tuple[int, int, Written]] = {}
        self._reads = Reads(disk, self._tickets)
        self.backlog = 0
        """Bytes that are on their way."""

    def write(self, batch: Batch, callback: Written) -> None:
        """Store messages as a block."""
        data = encode_block(batch)
        ops: list[DiskOp] = []
        if self._offset >= SPILL_FILE_SIZE:
            self._next_file()
        if not self._offset:
            ops.append(("create", _name(self._file), 0))
        place = SPILL | self._file << 32 | self._offset
        self._blocks[self._file] = self._blocks.get(self._file, 0) + 1
        ops.append(("write", _name(self._file), self._offset, [data]))
        ticket = next(self._tickets)
        self._writes[ticket] = (place, len(data), callback)
        self._disk.submit(ticket, ops, False)
        self._offset += len(data)
        self.backlog += len(data)

    def _next_file(self) -> None:
        full = self._file
        self._file += 1
        self._offset = 0
        if not self._blocks.get(full, 0):
            self._remove(full)

    def release(self, position: int) -> None:
        """The block is not needed any more."""
        file = (position & ~SPILL) >> 32
        self._blocks[file] -= 1
        if not self._blocks[file] and file != self._file:
            self._remove(file)

    def _remove(self, file: int) -> None:
        self._blocks.pop(file, None)
        self._disk.submit(next(self._tickets), [("remove", _name(file))], False)

    def fetch(self, ranges: Sequence[tuple[int, int]], callback: Fetched) -> None:
        """Read (position, size) each; each lies in one file."""
        found = []
        for position, size in ranges:
            place = position & ~SPILL
            found.append((position, [(_name(place >> 32), place & 0xFFFFFFFF, size)]))
        self._reads.fetch(found, callback)

    def run_callbacks(self) -> None:
        """Look at what the disk has done, and tell those who asked for it."""
        failed = False
        for ticket, result in self._disk.poll():
            if self._reads.completed(ticket, result):
                continue
            if isinstance(result, OSError) and not failed:
                failed = True
                logger.error("the spill cannot be written: %s", result)
                self._disk.resume()
            if ticket in self._writes:
                place, size, callback = self._writes.pop(ticket)
                self.backlog -= size
                if isinstance(result, OSError):
                    self._failed(place)
                    callback(None)
                else:
                    callback((place, size))
        self._reads.tell()

    def _failed(self, place: int) -> None:
        """Nobody knows whether that file is there and how long it is: the next block goes to another one."""
        if self._offset and (place & ~SPILL) >> 32 == self._file:
            self._next_file()
        self.release(place)

    def close(self) -> None:
        """Stop. Blocks."""
        self._disk.close()
