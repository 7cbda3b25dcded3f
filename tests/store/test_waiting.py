"""More of it through `MemoryLog` (test_memory.py)."""

from __future__ import annotations

from functools import partial

import pytest

from leveret.ports import Position
from leveret.store.waiting import Waiting


def test_by_position_then_by_asking() -> None:
    waiting = Waiting()
    told: list[str] = []
    for position, name in [(3, "c"), (1, "a"), (3, "d"), (2, "b"), (9, "later")]:
        waiting.add(Position(position), partial(told.append, name))
    assert not waiting.is_due(0)
    assert waiting.is_due(1)
    waiting.run(3)
    assert told == ["a", "b", "c", "d"]
    assert not waiting.is_due(8)
    waiting.run(9)
    assert told[4:] == ["later"]


def test_what_is_asked_for_meanwhile_has_to_wait() -> None:
    waiting = Waiting()
    told: list[int] = []

    def again() -> None:
        told.append(1)
        waiting.add(Position(1), again)

    waiting.add(Position(1), again)
    waiting.run(5)
    assert told == [1]
    assert waiting.is_due(1)
    waiting.run(5)
    assert told == [1, 1]


def test_a_failing_one_does_not_stop_the_others() -> None:
    waiting = Waiting()
    told: list[int] = []

    def fail() -> None:
        raise ZeroDivisionError

    waiting.add(Position(1), fail)
    waiting.add(Position(2), lambda: told.append(2))
    with pytest.raises(ZeroDivisionError):
        waiting.run(2)
    assert waiting.is_due(0)  # it was taken up already
    waiting.run(0)
    assert told == [2]
