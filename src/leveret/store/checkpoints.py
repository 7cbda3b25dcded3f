"""The file CHECKPOINT: where recovery begins.

It holds two slots that are written in turn, so that a torn write leaves the other one; and no new space is needed,
which a full disk would not give.

    slot = begin:u64   number:u64   crc:u32 of the 16 bytes before
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from ..wire import crc32c

if TYPE_CHECKING:
    from ..ports import DiskOp

NAME: Final = "CHECKPOINT"
_SLOT_SIZE: Final = 4096
"""A page each: what is torn is one of them at the most."""
SIZE: Final = 2 * _SLOT_SIZE
_SLOT: Final = struct.Struct(">QQI")


class Checkpoints:
    """Where the newest closed checkpoint begins; None: recovery reads the whole log."""

    __slots__ = ("_missing", "_number", "begin")

    def __init__(self, data: bytes = b"") -> None:
        """`data`: the file as it was found."""
        self._missing = len(data) < SIZE
        self._number = 0
        self.begin: int | None = None
        for at in range(0, SIZE, _SLOT_SIZE):
            slot = data[at : at + _SLOT.size]
            if len(slot) < _SLOT.size:
                continue
            begin, number, crc = _SLOT.unpack(slot)
            if crc32c(slot[:-4]) == crc and number > self._number:
                self.begin, self._number = begin, number

    def reserve(self) -> list[DiskOp]:
        """What makes the file, if it is not there: to be done before a disk is full."""
        return [("create", NAME, SIZE)] if self._missing else []

    def reserved(self) -> None:
        """That is done."""
        self._missing = False

    def point_to(self, begin: int) -> list[DiskOp]:
        """What is to be written, and then synced, to say so."""
        self._number += 1
        self.begin = begin
        head = _SLOT.pack(begin, self._number, 0)[:-4]
        slot = head + crc32c(head).to_bytes(4, "big")
        ops = self.reserve()
        self._missing = False
        return [*ops, ("write", NAME, self._number % 2 * _SLOT_SIZE, [slot])]
