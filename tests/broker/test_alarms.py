"""When alarms are set and cleared, and who hears of it."""

from __future__ import annotations

import logging

import pytest

from leveret.broker.alarms import Alarms

LIMIT = 100_000_000
FREE = 50_000_000


class Machine:
    """What is used and free."""

    def __init__(self, memory_limit: int | None = LIMIT, disk_free_limit: int | None = FREE) -> None:
        self.used = 0
        self.free: int | None = FREE
        self.alarms = Alarms(lambda: self.used, memory_limit, lambda: self.free, disk_free_limit)

    def memory(self, used: int) -> bool:
        self.used = used
        self.alarms.check_memory()
        return self.alarms.memory

    def disk(self, free: int | None) -> bool:
        self.free = free
        self.alarms.check_disk()
        return self.alarms.disk


def test_memory_is_short_from_its_limit_until_below_95_percent_of_it() -> None:
    machine = Machine()
    assert not machine.memory(LIMIT - 1)
    assert machine.memory(LIMIT)
    assert machine.memory(LIMIT * 95 // 100)
    assert not machine.memory(LIMIT * 95 // 100 - 1)
    assert not machine.memory(LIMIT - 1)


def test_a_limit_of_0_stops_all_publishing() -> None:
    machine = Machine(memory_limit=0)
    assert machine.memory(0)
    assert machine.memory(0)


def test_disk_is_short_below_its_limit() -> None:
    machine = Machine()
    assert not machine.disk(FREE)
    assert machine.disk(FREE - 1)
    assert machine.disk(None), "nobody knows, so nothing has changed"
    assert not machine.disk(FREE)


def test_disk_is_short_while_the_log_is_full_whatever_is_free() -> None:
    machine = Machine()
    machine.alarms.log_full(True)
    machine.alarms.log_full(True)
    assert machine.disk(FREE)
    assert machine.disk(FREE - 1)
    machine.alarms.log_full(False)
    assert machine.alarms.disk, "there is still too little"
    assert not machine.disk(FREE)


def test_without_limits_nothing_is_ever_short() -> None:
    machine = Machine(None, None)
    assert not machine.memory(1 << 60)
    assert not machine.disk(0)
    alarms = Alarms()
    alarms.check_memory()
    alarms.check_disk()
    assert not alarms.short


def test_resources_are_named_in_the_order_of_rabbitmq() -> None:
    machine = Machine()
    assert machine.alarms.resources == []
    machine.memory(LIMIT)
    assert machine.alarms.resources == ["memory"]
    machine.disk(0)
    assert machine.alarms.resources == ["disk", "memory"]
    machine.memory(0)
    assert machine.alarms.resources == ["disk"]


def test_who_waits_is_told_when_the_last_is_cleared_in_the_order_of_asking() -> None:
    machine = Machine()
    told: list[int] = []
    callbacks = [lambda number=number: told.append(number) for number in range(4)]
    machine.memory(LIMIT)
    for callback in callbacks:
        machine.alarms.when_clear(callback)
    machine.alarms.when_clear(callbacks[0])
    machine.alarms.forget(callbacks[2])
    machine.alarms.forget(callbacks[2])
    machine.disk(0)
    machine.memory(0)
    assert told == []
    assert machine.alarms.short
    machine.disk(FREE)
    assert told == [0, 1, 3]
    assert not machine.alarms.short
    machine.disk(0)
    machine.disk(FREE)
    assert told == [0, 1, 3], "once"


def test_the_log_says_so_with_figures(caplog: pytest.LogCaptureFixture) -> None:
    machine = Machine()
    with caplog.at_level(logging.INFO):
        machine.memory(LIMIT + 2_000_000)
        machine.memory(LIMIT + 3_000_000)
        machine.memory(0)
        machine.disk(49_000_000)
        machine.alarms.log_full(True)
        machine.disk(FREE)
        machine.alarms.log_full(False)
        machine.alarms.log_full(True)
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("WARNING", "memory resource limit alarm set: payload 102 MB of 100 MB"),
        ("INFO", "memory resource limit alarm cleared: payload 0.0 MB of 100 MB"),
        ("WARNING", "disk resource limit alarm set: 49 MB free, 50 MB are to stay free"),
        ("INFO", "disk resource limit alarm cleared: the log has space again"),
        ("WARNING", "disk resource limit alarm set: the log cannot reserve space"),
    ]
