"""What the machine has, read from files that stand for it, and the look at it every second."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from leveret.broker.alarms import Alarms
from leveret.clock import ManualClock
from leveret.config import Options
from leveret.limits import ALARM_CHECK_MS
from leveret.net.timers import Timers
from leveret.resources import MEMORY_ASSUMED_BYTES, Budget, FreeSpace, Watch, budget, total_memory

from .net.test_timers import Loop

GIB = 1 << 30


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write(tmp_path, "proc/meminfo", "MemTotal:       8388608 kB\nMemFree:          12 kB\n")
    return tmp_path


def write(root: Path, name: str, text: str) -> None:
    file = root / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


class TestTotalMemory:
    def test_of_a_machine(self, root: Path) -> None:
        assert total_memory(root) == 8 * GIB

    def test_the_smallest_limit_of_the_groups_that_one_is_in(self, root: Path) -> None:
        write(root, "proc/self/cgroup", "0::/system.slice/leveret.service\n")
        write(root, "sys/fs/cgroup/system.slice/leveret.service/memory.max", "max\n")
        write(root, "sys/fs/cgroup/system.slice/memory.max", f"{2 * GIB}\n")
        assert total_memory(root) == 2 * GIB
        write(root, "sys/fs/cgroup/system.slice/leveret.service/memory.max", f"{GIB}\n")
        assert total_memory(root) == GIB

    def test_in_a_container_the_group_is_the_root(self, root: Path) -> None:
        write(root, "proc/self/cgroup", "0::/\n")
        write(root, "sys/fs/cgroup/memory.max", f"{GIB}\n")
        assert total_memory(root) == GIB

    def test_control_groups_of_version_1(self, root: Path) -> None:
        write(root, "proc/self/cgroup", "5:cpu,cpuacct:/docker/1\n4:memory:/docker/1\n1:name=systemd:/docker/1\n0::/\n")
        write(root, "sys/fs/cgroup/memory/memory.limit_in_bytes", f"{3 * GIB}\n")  # all that one sees from inside
        assert total_memory(root) == 3 * GIB
        write(root, "sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n")  # none
        assert total_memory(root) == 8 * GIB

    def test_a_limit_over_what_there_is(self, root: Path) -> None:
        write(root, "proc/self/cgroup", "0::/\n")
        write(root, "sys/fs/cgroup/memory.max", f"{100 * GIB}\n")
        assert total_memory(root) == 8 * GIB

    def test_where_the_system_says_it_another_way(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("os.sysconf", {"SC_PHYS_PAGES": 1000, "SC_PAGE_SIZE": 4096}.__getitem__)
        assert total_memory(tmp_path) == 4_096_000

    def test_where_it_does_not(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        def unknown(name: str) -> int:
            raise ValueError("unrecognized configuration name")

        monkeypatch.setattr("os.sysconf", unknown)
        assert total_memory(tmp_path) == MEMORY_ASSUMED_BYTES
        assert "assuming 1024 MiB" in caplog.text

    def test_of_this_machine(self) -> None:
        assert total_memory() > 1 << 20


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (Options(), Budget(1000, 600, 240, 50_000_000)),
        (Options(vm_memory_high_watermark=500, paging_budget=100, disk_free_limit=2.0), Budget(1000, 500, 100, 2000)),
        (Options(vm_memory_high_watermark=5000, paging_budget=5000), Budget(1000, 1000, 1000, 50_000_000)),
        (Options(vm_memory_high_watermark=0), Budget(1000, 0, 0, 50_000_000)),
    ],
)
def test_budgets(options: Options, expected: Budget) -> None:
    assert budget(options, 1000) == expected


class TestFreeSpace:
    def test_is_found_out(self, tmp_path: Path) -> None:
        free = FreeSpace(tmp_path)()
        assert free is not None
        assert free > 0

    def test_is_unknown_where_there_is_nothing(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        space = FreeSpace(tmp_path / "gone")
        assert space() is None
        assert space() is None
        assert caplog.text.count("cannot find out how much space is free") == 1


def test_a_look_at_once_and_every_second_whatever_becomes_of_it(caplog: pytest.LogCaptureFixture) -> None:
    clock = ManualClock()
    loop = Loop(clock)
    timers = Timers(loop, clock)
    seen: list[int] = []

    def disk_free() -> int:
        seen.append(clock.monotonic_ms())
        if len(seen) == 2:
            raise ValueError("broken")
        return 0

    alarms = Alarms(disk_free=disk_free, disk_free_limit=1)
    begin_ms = clock.monotonic_ms()
    Watch(timers, alarms).tick(begin_ms)
    assert alarms.disk
    with caplog.at_level(logging.ERROR):
        loop.advance(ALARM_CHECK_MS)
    assert "looking at memory and disk failed" in caplog.text
    loop.advance(ALARM_CHECK_MS)
    assert seen == [begin_ms, begin_ms + ALARM_CHECK_MS, begin_ms + 2 * ALARM_CHECK_MS]
    timers.stop()
    loop.advance(ALARM_CHECK_MS)
    assert len(seen) == 3
