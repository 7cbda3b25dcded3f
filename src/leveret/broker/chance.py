"""Chance: what the random number of each message chooses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..wire import Selection

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_MASK64: Final = (1 << 64) - 1


def deal_out(
    rows: Selection | None, choices: int, numbers: Sequence[int], drawn: int
) -> Iterable[tuple[int, Selection]]:
    """Rows by the choice that each one's number makes. `drawn`: choices that it made already."""
    assert rows is not None
    found: dict[int, list[int]] = {}
    for row in rows:
        number = numbers[row]
        choice = (_mixed(number, drawn) if drawn else number) * choices >> 64
        if choice in found:
            found[choice].append(row)
        else:
            found[choice] = [row]
    return [(choice, Selection(part)) for choice, part in found.items()]


def _mixed(number: int, times: int) -> int:
    """Another number of 64 bits made of one, that looks independent of it (splitmix64)."""
    number = (number + times * 0x9E3779B97F4A7C15) & _MASK64
    number = ((number ^ number >> 30) * 0xBF58476D1CE4E5B9) & _MASK64
    number = ((number ^ number >> 27) * 0x94D049BB133111EB) & _MASK64
    return number ^ number >> 31
