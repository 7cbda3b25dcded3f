from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leveret.ports import Log, Position
from leveret.store.memory import MemoryLog
from leveret.wire.records import DeleteQueue, Op


class Wakes:
    """A scheduler that counts."""

    def __init__(self) -> None:
        self.count = 0

    def wake(self) -> None:
        self.count += 1

    def wake_at(self, when_ms: int) -> None:
        pass


def record(number: int) -> list[Op]:
    return [DeleteQueue(number, "/")]


class TestWithoutLag:
    def test_is_a_log(self) -> None:
        log: Log = MemoryLog()
        assert log.durable == 0

    def test_durable_at_once(self) -> None:
        log = MemoryLog()
        positions = [log.append(record(number)) for number in range(3)]
        assert positions == [1, 2, 3]
        assert log.durable == 3

    def test_callbacks_are_called_now(self) -> None:
        log = MemoryLog()
        called: list[int] = []
        position = log.append(record(1))
        log.when_durable(position, lambda: called.append(1))
        assert called == [1]
        assert not log.run_callbacks()
        assert called == [1]

    def test_waiting_for_what_was_never_appended_is_our_fault(self) -> None:
        with pytest.raises(AssertionError):
            MemoryLog().when_durable(Position(1), lambda: None)


class TestLagging:
    def test_never_unless_said(self) -> None:
        log = MemoryLog()
        log.append(record(1))
        assert not log.lagging

    def test_who_waits_is_called_on_a_later_turn_in_order(self) -> None:
        scheduler = Wakes()
        log = MemoryLog(scheduler=scheduler)
        log.lagging = True
        called: list[int] = []
        log.when_caught_up(lambda: called.append(1))
        log.when_caught_up(lambda: called.append(2))
        assert not log.run_callbacks()
        assert (called, scheduler.count) == ([], 0)
        log.lagging = False
        assert called == []
        assert scheduler.count > 0
        log.run_callbacks()
        log.run_callbacks()
        assert called == [1, 2]

    def test_a_later_turn_even_if_it_is_not_lagging(self) -> None:
        log = MemoryLog()
        called: list[int] = []
        log.when_caught_up(lambda: called.append(1))
        assert called == []
        log.run_callbacks()
        assert called == [1]


class TestWithLag:
    def test_durable_after_sync(self) -> None:
        log = MemoryLog(lag=True)
        log.append(record(1))
        assert log.durable == 0
        log.sync()
        assert log.durable == 1
        log.append(record(2))
        assert log.durable == 1

    def test_callbacks_wait_for_sync_and_for_their_turn(self) -> None:
        log = MemoryLog(lag=True)
        called: list[str] = []
        position = log.append(record(1))
        log.when_durable(position, lambda: called.append("early"))
        assert not log.run_callbacks()
        log.sync()
        log.when_durable(position, lambda: called.append("late"))
        assert called == []
        assert not log.run_callbacks()
        assert called == ["early", "late"]

    @given(st.lists(st.integers(1, 9), max_size=30), st.integers(0, 9))
    def test_callbacks_come_in_the_order_of_positions(self, wanted: list[int], synced: int) -> None:
        log = MemoryLog(lag=True)
        called: list[tuple[int, int]] = []
        for number in range(1, synced + 1):
            log.append(record(number))
        log.sync()
        for number in range(synced + 1, 10):
            log.append(record(number))
        for serial, position in enumerate(wanted):
            log.when_durable(Position(position), lambda mark=(position, serial): called.append(mark))
        log.run_callbacks()
        marks = sorted((position, serial) for serial, position in enumerate(wanted))
        assert called == [mark for mark in marks if mark[0] <= synced]
        log.sync()
        log.run_callbacks()
        assert called == marks

    def test_append_and_sync_call_nothing(self) -> None:
        log = MemoryLog(lag=True)
        log.when_durable(log.append(record(1)), lambda: pytest.fail("called too early"))
        log.append(record(2))
        log.sync()
        log.append(record(3))

    def test_what_a_callback_asks_for_waits_for_the_next_run(self) -> None:
        log = MemoryLog(lag=True)
        called: list[int] = []

        def again() -> None:
            called.append(log.durable)
            log.when_durable(log.append(record(1)), again)
            log.sync()

        log.when_durable(log.append(record(1)), again)
        log.sync()
        assert log.run_callbacks()
        assert called == [1]
        assert log.run_callbacks()
        assert called == [1, 2]

    def test_callbacks_after_a_failing_one_are_not_lost(self) -> None:
        log = MemoryLog(lag=True)
        called: list[int] = []

        def fail() -> None:
            raise ZeroDivisionError

        position = log.append(record(1))
        log.when_durable(position, fail)
        log.when_durable(position, lambda: called.append(1))
        log.sync()
        with pytest.raises(ZeroDivisionError):
            log.run_callbacks()
        log.run_callbacks()
        assert called == [1]

    def test_a_callback_may_run_the_others(self) -> None:
        log = MemoryLog(lag=True)
        called: list[int] = []
        position = log.append(record(1))
        log.when_durable(position, lambda: called.append(int(log.run_callbacks())))
        log.when_durable(position, lambda: called.append(2))
        log.sync()
        assert not log.run_callbacks()
        assert called == [2, 0]

    def test_the_scheduler_is_woken_when_callbacks_are_due(self) -> None:
        wakes = Wakes()
        log = MemoryLog(lag=True, scheduler=wakes)
        position = log.append(record(1))
        log.sync()
        assert wakes.count == 0
        log.when_durable(position, lambda: None)
        assert wakes.count == 1
        log.run_callbacks()
        assert wakes.count == 1
        log.when_durable(log.append(record(2)), lambda: None)
        assert wakes.count == 1
        log.sync()
        assert wakes.count == 2


class TestStart:
    def test_nothing_is_encoded(self) -> None:
        code = "import sys, leveret.store.memory as m; m.MemoryLog(); sys.exit('leveret.wire.records' in sys.modules)"
        assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
