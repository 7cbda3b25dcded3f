"""Batches of the log: what was, or is to be, handed to the disk together."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..ports import DiskOp
    from .segments import Segment


class Batch:
    """One of them."""

    __slots__ = ("alone", "end", "number", "ops", "prepares", "refused", "size", "spare", "sync", "then")

    def __init__(
        self,
        ops: Sequence[DiskOp],
        sync: bool,
        *,
        end: int = 0,
        size: int = 0,
        prepares: Segment | None = None,
        spare: bool = False,
        alone: bool = False,
        then: Callable[[], None] | None = None,
    ) -> None:
        self.ops = ops
        self.sync = sync
        self.end = end
        """The log is written up to here when it is done."""
        self.size = size
        """Bytes of records in it."""
        self.prepares = prepares
        """A segment that is made ahead of time."""
        self.spare = spare
        """It sets space aside; nobody waits for it."""
        self.alone = alone
        """Others are handed over when it is done, not before."""
        self.then = then
        """Called when it is done."""
        self.number = 0
        """Its place in the order of all; 0: it need not wait for any other one."""
        self.refused: str | None = None
        """The file for which a full disk had no room."""

    def needs(self, size: int) -> bool:
        """Whether it was refused a new file of so many bytes."""
        return self.refused is not None and ("create", self.refused, size) in self.ops

    def use_spare(self) -> str:
        """The file that it was refused is made in another way; its name."""
        name = self.refused
        assert name is not None
        self.ops = [op for op in self.ops if op[:2] != ("create", name)]
        self.refused = None
        return name


def number_of(batch: Batch) -> int:
    """To sort by."""
    return batch.number
