"""An answer of the router while it is put together, and what stands in it beside queues."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import AmqpError
from ..wire import Selection

if TYPE_CHECKING:
    from .exchange import Exchange, Need
    from .queue import Queue

    Queues = tuple[Queue, ...]
    Cell = tuple[Queues | AmqpError, Selection | None]


class Recorded(tuple[Any, ...]):
    """Queues (perhaps none), and after them the exchanges on the way that record what comes to them.

    A message that goes to exchanges only is as unroutable as one that goes nowhere.
    """

    __slots__ = ()

    @property
    def queues(self) -> Queues:
        return tuple([each for each in self if each.is_queue])

    @property
    def exchanges(self) -> list[Exchange]:
        return [each for each in self if not each.is_queue]


@dataclass(frozen=True, slots=True)
class ByColumns:
    """What is remembered of a key whose way depends on more than the key."""

    version: int
    start: Exchange
    keys: tuple[str, ...]
    needs: tuple[Need, ...]
    alone: bool
    """Whether there is no way on from `start` but to queues."""
    by_chance: bool


class Gathered:
    """An answer of `Router.routes`: one cell per distinct set of queues, and each error."""

    __slots__ = ("by_chance", "errors", "groups", "more", "sorted")

    def __init__(self) -> None:
        self.groups: dict[Queues, Selection | None] = {}
        """The rows that came first for these queues."""
        self.more: dict[Queues, list[Selection | None]] = {}
        """All rows of those that came more than once."""
        self.errors: list[Cell] = []
        self.by_chance: list[tuple[ByColumns, Selection | None]] = []
        """Rows that wait for their numbers."""
        self.sorted = True
        """Whether what was added came in the order of first rows."""

    def add(self, found: Queues | AmqpError, rows: Selection | None) -> None:
        if isinstance(found, AmqpError):
            self.errors.append((found, rows))
            return
        first = self.groups.setdefault(found, rows)
        if first is not rows:
            self.more.setdefault(found, [first]).append(rows)

    def finish(self) -> list[Cell]:
        groups = self.groups
        if len(groups) == 1 and not self.errors:
            return [(queues, None) for queues in groups]
        for queues, parts in self.more.items():
            groups[queues] = Selection.merge([part for part in parts if part is not None])
        cells: list[Cell] = [*groups.items(), *self.errors]
        if not self.sorted or self.errors:
            cells.sort(key=_first_row)
        return cells


def _first_row(cell: Cell) -> int:
    rows = cell[1]
    return 0 if rows is None else rows[0]
