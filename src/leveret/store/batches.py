"""Batches of the log: what was, or is to be, handed to the disk together, and the order in which that happens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .segments import SPARE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ..ports import Disk, DiskOp
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


def _number(batch: Batch) -> int:
    return batch.number


class Submissions:
    """Batches on their way to the disk and back; those that a full disk refused wait, and all that come after them."""

    __slots__ = ("_disk", "_number", "_tickets", "under_way", "waiting")

    def __init__(self, disk: Disk, tickets: Iterator[int]) -> None:
        self._disk = disk
        self._tickets = tickets
        self._number = 0
        self.under_way: dict[int, Batch] = {}
        """By ticket, in order."""
        self.waiting: list[Batch] = []

    def submit(self, batch: Batch) -> None:
        """In order."""
        self._number += 1
        batch.number = self._number
        if self.waiting:
            self.waiting.append(batch)
        else:
            self.hand_over(batch)

    def hand_over(self, batch: Batch) -> None:
        """At once."""
        ticket = next(self._tickets)
        self.under_way[ticket] = batch
        self._disk.submit(ticket, batch.ops, batch.sync)

    def try_again(self, spare: int) -> bool:
        """What waits, in the old order. `spare`: the size of the spare segment, if there is one; whether it is used."""
        if self.under_way or not self.waiting:
            return False  # some of them are still on their way back
        waiting = sorted(self.waiting, key=_number)
        refused = next((batch for batch in waiting if spare and batch.needs(spare)), None)
        if refused is not None:
            # Alone: SPARE has to be empty whenever it is found, so nothing is written before it is known to be renamed.
            rename: list[DiskOp] = [("rename", SPARE, refused.use_spare())]
            waiting.insert(0, Batch(rename, True, alone=True, then=self._go_on))
        count = next((at for at, batch in enumerate(waiting) if batch.alone), len(waiting)) or 1
        self.waiting = waiting[count:]
        for batch in waiting[:count]:
            self.hand_over(batch)
        return refused is not None

    def _go_on(self) -> None:
        self.try_again(0)
