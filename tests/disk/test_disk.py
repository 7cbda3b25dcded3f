"""The port `Disk` on real files: the kernel's, and its twin."""

from __future__ import annotations

import errno
import gc
import inspect
import os
import select
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import leveret.disk
from leveret.disk.threaded import ThreadedDisk
from leveret.errors import SyncError
from leveret.limits import FILES_OPEN_MAX
from leveret.ports import Disk, DiskOp
from leveret.wire import IMPLEMENTATION

from ..simulation.disk import SimulatedDisk
from .support import Driver, Hold, make, parts, run


def open_files(directory: Path) -> list[str]:
    """What this process has open there."""
    found = []
    for descriptor in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{descriptor}")
        except OSError:
            continue  # that of the listing itself
        if target.startswith(f"{directory}/"):
            found.append(target)
    return found


class TestChoice:
    def test_the_one_that_goes_with_the_kernel(self) -> None:
        kernel = IMPLEMENTATION == "kernel"
        assert leveret.disk.Disk.__module__ == ("leveret._kernel" if kernel else "leveret.disk.threaded")

    @pytest.mark.parametrize("name", ["submit", "read", "poll", "resume", "fileno", "close"])
    def test_both_take_the_same(self, driver: Driver, name: str) -> None:
        wanted = list(inspect.signature(getattr(Disk, name)).parameters)
        assert list(inspect.signature(getattr(type(driver.disk), name)).parameters) == wanted


class TestOps:
    def test_create_is_zeros_that_have_their_space(self, driver: Driver) -> None:
        assert driver.do(("create", "log/a", 100_000)) is None
        path = driver.directory / "log/a"
        assert path.read_bytes() == bytes(100_000)
        assert path.stat().st_blocks * 512 >= 100_000
        assert path.stat().st_mode & 0o777 == 0o600

    def test_create_of_nothing(self, driver: Driver) -> None:
        assert driver.do(("create", "a", 0)) is None
        assert (driver.directory / "a").read_bytes() == b""

    def test_create_what_is_there(self, driver: Driver) -> None:
        driver.do(("create", "a", 3))
        assert driver.do(("write", "a", 0, [b"old"])) is None
        assert driver.do(("create", "a", 5), ("write", "a", 4, [b"x"])) is None
        assert (driver.directory / "a").read_bytes() == b"\0\0\0\0x"

    def test_write(self, driver: Driver) -> None:
        assert driver.do(("create", "a", 10), ("write", "a", 3, [b"x", b"", b"yz"])) is None
        assert (driver.directory / "a").read_bytes() == b"\0\0\0xyz\0\0\0\0"

    def test_write_past_the_end_grows_the_file(self, driver: Driver) -> None:
        assert driver.do(("create", "a", 1), ("write", "a", 3, [b"x"])) is None
        assert (driver.directory / "a").read_bytes() == b"\0\0\0x"

    def test_write_what_is_not_there(self, driver: Driver) -> None:
        outcome = driver.do(("write", "a", 0, [b"x"]))
        assert isinstance(outcome, FileNotFoundError)
        assert outcome.args == (errno.ENOENT, os.strerror(errno.ENOENT))
        assert outcome.filename == "a"

    def test_more_parts_than_the_system_takes_at_once(self, driver: Driver) -> None:
        data = os.urandom(5_000)
        assert driver.do(("create", "a", 0), ("write", "a", 0, parts(data, [1] * 3_000))) is None
        assert (driver.directory / "a").read_bytes() == data

    def test_cut(self, driver: Driver) -> None:
        driver.do(("create", "a", 10), ("write", "a", 0, [b"0123456789"]))
        assert driver.do(("cut", "a", 4, 10)) is None
        assert (driver.directory / "a").read_bytes() == b"0123" + bytes(6)
        assert driver.do(("cut", "a", 2, 2)) is None
        assert (driver.directory / "a").read_bytes() == b"01"

    def test_rename_and_remove(self, driver: Driver) -> None:
        driver.do(("create", "a", 1), ("create", "b", 2), ("write", "b", 0, [b"b"]))
        assert driver.do(("rename", "a", "log/b"), ("rename", "b", "log/b"), ("write", "log/b", 1, [b"c"])) is None
        assert (driver.directory / "log/b").read_bytes() == b"bc"
        assert driver.do(("remove", "log/b")) is None
        assert not any(path.is_file() for path in driver.directory.rglob("*"))

    def test_replace(self, driver: Driver) -> None:
        assert driver.do(("replace", "a", b"one")) is None
        driver.do(("write", "a", 0, [b"O"]))
        assert driver.do(("replace", "a", b"two")) is None
        assert driver.do(("write", "a", 0, [b"T"])) is None  # into the new file, not the one that was open
        assert {path.name: path.read_bytes() for path in driver.directory.iterdir() if path.is_file()} == {"a": b"Two"}

    @pytest.mark.parametrize("op", [("strange", "a"), (1, "a"), "write", ("write", "a", 0, [1]), ("remove",)])
    def test_what_is_no_op_is_refused(self, driver: Driver, kind: str, op: Any) -> None:
        if kind == "twin" and op[0] in ("write", "remove"):
            pytest.skip("the twin leaves types to mypy")
        with pytest.raises((ValueError, TypeError)):
            driver.disk.submit(1, [("remove", "a"), op], True)
        assert driver.disk.poll() == []

    def test_a_batch_of_nothing(self, driver: Driver) -> None:
        assert driver.do() is None
        assert driver.do(sync=False) is None


class TestOrder:
    def test_batches_complete_in_order(self, driver: Driver) -> None:
        driver.do(("create", "a", 1000))
        tickets = [driver.submit(("write", "a", number, [b"x"]), sync=number % 3 == 0) for number in range(1000)]
        assert driver.wait(1000) == [(ticket, None) for ticket in tickets]

    def test_reads_complete_in_order(self, driver: Driver) -> None:
        driver.do(("replace", "a", bytes(range(200))))
        tickets = [driver.read("a", number, 1) for number in range(200)]
        assert driver.wait(200) == [(ticket, bytes([number])) for number, ticket in enumerate(tickets)]

    def test_a_read_does_not_wait_behind_what_is_written(self, driver: Driver) -> None:
        driver.do(("replace", "a", b"abc"))
        with Hold(driver):
            driver.submit(("remove", "a"))
            ticket = driver.read("a")
            assert driver.wait(1) == [(ticket, b"abc")]
        assert driver.outcomes(2) == [errno.ESPIPE, None]

    def test_adjacent_writes_of_waiting_batches(self, driver: Driver) -> None:
        driver.do(("create", "a", 0), ("create", "b", 0))
        with Hold(driver):
            for number in range(50):
                driver.submit(("write", "a", number, [b"a"]), sync=False)
            driver.submit(("write", "b", 0, [b"b"]), ("write", "a", 50, [b"c"]), ("write", "a", 10, [b"d"]))
        assert driver.outcomes(52) == [errno.ESPIPE, *[None] * 51]
        assert (driver.directory / "a").read_bytes() == b"a" * 10 + b"d" + b"a" * 39 + b"c"
        assert (driver.directory / "b").read_bytes() == b"b"

    def test_the_descriptor_is_readable_only_while_something_is_complete(self, driver: Driver) -> None:
        poll = select.poll()
        poll.register(driver.disk.fileno(), select.POLLIN)
        assert not poll.poll(0)
        driver.do()
        assert not poll.poll(0)
        assert driver.disk.poll() == []


class TestRead:
    def test_short_at_the_end(self, driver: Driver) -> None:
        driver.do(("replace", "a", b"0123456789"))
        driver.read("a", 8, 5)
        driver.read("a", 10, 5)
        driver.read("a", 1 << 40, 5)
        driver.read("a", 0, 0)
        assert [data for _, data in driver.wait(4)] == [b"89", b"", b"", b""]

    def test_what_is_not_there(self, driver: Driver) -> None:
        driver.read("a")
        ((_, outcome),) = driver.wait(1)
        assert isinstance(outcome, FileNotFoundError)
        assert outcome.filename == "a"

    def test_it_goes_on_after_a_failed_write(self, driver: Driver) -> None:
        driver.do(("replace", "a", b"a"))
        driver.do(("remove", "b"))
        driver.read("a")
        assert [data for _, data in driver.wait(1)] == [b"a"]

    def test_the_file_that_has_the_name_now(self, driver: Driver) -> None:
        for number in range(3):
            driver.do(("replace", "a", b"%d" % number))
            driver.read("a")
            assert [data for _, data in driver.wait(1)] == [b"%d" % number]
        driver.do(("create", "b", 0), ("rename", "b", "a"))
        driver.read("a")
        assert [data for _, data in driver.wait(1)] == [b""]


class TestFailure:
    def test_everything_is_cancelled_until_it_is_resumed(self, driver: Driver) -> None:
        driver.submit(("create", "a", 10))
        driver.submit(("write", "a", 0, [b"x"]), ("rename", "b", "c"), ("write", "a", 1, [b"y"]))
        driver.submit(("write", "a", 2, [b"z"]))
        driver.submit()
        assert driver.outcomes(4) == [None, errno.ENOENT, errno.ECANCELED, errno.ECANCELED]
        driver.submit(("write", "a", 3, [b"z"]))
        driver.disk.resume()
        driver.submit(("write", "a", 4, [b"w"]))
        assert driver.outcomes(2) == [errno.ECANCELED, None]
        assert (driver.directory / "a").read_bytes() == b"x\0\0\0w\0\0\0\0\0"

    def test_within_one_group(self, driver: Driver) -> None:
        driver.do(("create", "a", 10))
        with Hold(driver):
            driver.submit(("write", "a", 0, [b"0"]))
            driver.submit(("write", "a", 1, [b"1"]), ("write", "b", 2, [b"b"]))
            driver.submit(("write", "b", 3, [b"b"]), ("write", "a", 2, [b"2"]))
            driver.disk.resume()
            driver.submit(("write", "a", 4, [b"4"]))
            driver.submit(("write", "b", 5, [b"b"]))
            driver.disk.resume()
            driver.disk.resume()
            driver.submit(("write", "a", 5, [b"5"]))
        expected = [errno.ESPIPE, None, errno.ENOENT, errno.ECANCELED, None, errno.ENOENT, None]
        assert driver.outcomes(7) == expected
        assert (driver.directory / "a").read_bytes() == b"01\0\0" + b"45" + bytes(4)

    def test_resume_without_a_failure(self, driver: Driver) -> None:
        driver.disk.resume()
        assert driver.do(("create", "a", 1)) is None

    def test_a_failed_create_leaves_nothing(self, driver: Driver) -> None:
        outcome = driver.do(("create", "a", 1 << 60))
        assert isinstance(outcome, OSError)
        assert outcome.errno in (errno.EFBIG, errno.ENOSPC)
        assert not (driver.directory / "a").exists()

    def test_a_device_that_is_full(self, driver: Driver) -> None:
        (driver.directory / "full").symlink_to("/dev/full")
        outcome = driver.do(("write", "full", 0, [b"x"]))
        assert isinstance(outcome, OSError)
        assert (outcome.errno, outcome.filename) == (errno.ENOSPC, "full")

    def test_a_failed_sync_is_final(self, driver: Driver) -> None:
        (driver.directory / "null").symlink_to("/dev/null")  # takes everything, and syncs nothing
        assert driver.do(("create", "a", 1), ("write", "null", 0, [b"x"]), sync=False) is None
        with Hold(driver):
            driver.submit(("write", "a", 0, [b"x"]), sync=False)
            driver.submit()
            driver.submit(("rename", "b", "z"))
        hold, unsynced, synced, failed = driver.wait(4)
        assert isinstance(hold[1], OSError)
        assert unsynced[1] is None
        assert isinstance(synced[1], SyncError)
        assert synced[1].filename == "null"
        assert isinstance(failed[1], FileNotFoundError)
        driver.disk.resume()
        assert isinstance(outcome := driver.do(("create", "c", 0), sync=False), OSError)
        assert outcome.errno == errno.ECANCELED
        assert not (driver.directory / "c").exists()


class TestSync:
    """What is synced shows where syncing fails."""

    @pytest.fixture
    def null(self, driver: Driver) -> Driver:
        """With a file `null` that takes everything, and cannot be synced."""
        (driver.directory / "null").symlink_to("/dev/null")
        driver.do(("write", "null", 0, [b"x"]), sync=False)
        return driver

    @pytest.mark.parametrize("new", ["log/other", "null"])
    def test_a_renamed_file(self, null: Driver, new: str) -> None:
        outcome = null.do(("rename", "null", new))
        assert isinstance(outcome, SyncError)
        assert (outcome.errno, outcome.filename) == (errno.EINVAL, new)

    def test_a_file_that_is_not_kept_open(self, null: Driver) -> None:
        names = [f"log/{number}" for number in range(FILES_OPEN_MAX)]
        null.do(*(("create", name, 1) for name in names), sync=False)
        null.do(*(("write", name, 0, [b"x"]) for name in names), sync=False)
        assert isinstance(null.do(), SyncError)

    def test_not_one_that_is_no_more(self, null: Driver) -> None:
        assert null.do(("create", "a", 0), ("write", "a", 0, [b"x"]), ("rename", "a", "null")) is None
        (null.directory / "other").symlink_to("/dev/null")
        assert null.do(("write", "other", 0, [b"x"]), ("remove", "other")) is None

    def test_of_batches_before_one_that_fails(self, null: Driver) -> None:
        with Hold(null):
            null.submit()
            null.submit(("rename", "strange", "other"))
        assert null.outcomes(3) == [errno.ESPIPE, errno.EINVAL, errno.ENOENT]


class TestOpenFiles:
    def test_not_more_than_the_bound(self, driver: Driver) -> None:
        driver.do(*(("create", f"log/{number}", 1) for number in range(100)), sync=False)
        for number in range(100):
            driver.submit(("write", f"log/{number}", 0, [b"%c" % number]), sync=False)
        assert driver.outcomes(100) == [None] * 100
        assert 1 <= len(open_files(driver.directory)) <= FILES_OPEN_MAX
        assert driver.do() is None  # syncs all of them
        for number in range(100):
            assert (driver.directory / f"log/{number}").read_bytes() == b"%c" % number

    def test_a_removed_file_gives_its_space_back(self, driver: Driver) -> None:
        driver.do(("create", "a", 1), ("write", "a", 0, [b"x"]))
        driver.read("a")
        driver.wait(1)
        assert len(open_files(driver.directory)) == 1
        driver.do(("remove", "a"))
        assert open_files(driver.directory) == []

    def test_buffers_are_let_go(self, driver: Driver) -> None:
        data = os.urandom(100)
        before = sys.getrefcount(data)
        driver.do(("create", "a", 1), ("write", "a", 0, [data]))
        with Hold(driver):
            driver.submit(("write", "a", 0, [data]))
            driver.submit(("replace", "b", data))
            assert sys.getrefcount(data) > before
        driver.wait(3)
        assert sys.getrefcount(data) == before


class TestClose:
    def test_finishes_what_was_submitted(self, driver: Driver) -> None:
        tickets = [driver.submit(("create", str(number), 0)) for number in range(20)]
        driver.disk.close()
        assert driver.disk.poll() == [(ticket, None) for ticket in tickets]
        assert len(os.listdir(driver.directory)) == 21

    def test_twice(self, driver: Driver) -> None:
        driver.disk.close()
        driver.disk.close()
        for ask in (lambda: driver.do(), lambda: driver.read("a"), driver.disk.resume):
            with pytest.raises(ValueError, match="closed"):
                ask()
        assert open_files(driver.directory) == []

    def test_others_run_while_it_waits(self, driver: Driver) -> None:
        hold = Hold(driver).__enter__()
        thread = threading.Thread(target=hold.let_go)
        thread.start()
        driver.disk.close()
        thread.join()
        assert driver.outcomes(1) == [errno.ESPIPE]

    def test_dropped_without_it(self, driver: Driver, kind: str, tmp_path: Path) -> None:
        disk = make(kind, tmp_path)
        assert disk is not None
        os.mkfifo(tmp_path / "wait.new")
        disk.submit(1, [("create", "a", 0), ("replace", "wait", b"x")], True)
        del disk
        gc.collect()
        with open(tmp_path / "wait.new", "rb") as pipe:  # so it goes on without anybody
            assert pipe.read() == b""
        assert (tmp_path / "a").exists()

    def test_a_program_that_ends_without_it(self, driver: Driver, kind: str) -> None:
        run(
            """
            os.mkfifo("wait.new")
            disk.submit(1, [("replace", "wait", bytes(100))], True)
            disk.submit(2, [("write", "a", 0, [bytes(100)])], True)
            """,
            kind,
            driver.directory,
        )


NAMES = st.sampled_from(["a", "b", "log/a"])
SIZES = st.integers(0, 9_000)
OPS: st.SearchStrategy[DiskOp] = st.one_of(
    st.tuples(st.just("write"), NAMES, SIZES, st.lists(st.binary(max_size=20), max_size=3)),
    st.tuples(st.just("create"), NAMES, SIZES),
    st.tuples(st.just("cut"), NAMES, SIZES, SIZES),
    st.tuples(st.just("rename"), NAMES, NAMES),
    st.tuples(st.just("remove"), NAMES),
    st.tuples(st.just("replace"), NAMES, st.binary(max_size=20)),
)
BATCHES = st.lists(st.tuples(st.lists(OPS, max_size=4), st.booleans(), st.booleans()), max_size=12)


def closed(disk: Disk) -> list[tuple[int, int | None, str | None]]:
    """What becomes of all that was submitted."""
    disk.close()
    return [
        (ticket, outcome.errno, outcome.filename) if isinstance(outcome, OSError) else (ticket, None, None)
        for ticket, outcome in disk.poll()
    ]


class TestAgainstTheSimulatedOne:
    @pytest.mark.parametrize("kind", ["kernel", "twin"])
    @given(BATCHES)
    def test_same_outcomes_and_files(self, kind: str, batches: list[tuple[list[DiskOp], bool, bool]]) -> None:
        where = "/dev/shm" if os.path.isdir("/dev/shm") else None  # many syncs
        with tempfile.TemporaryDirectory(prefix="leveret-disk-", dir=where) as name:
            directory = Path(name)
            (directory / "log").mkdir()
            disk = make(kind, directory)
            if disk is None:
                pytest.skip("the kernel is not built")
            simulated = SimulatedDisk()
            for ticket, (ops, sync, resume) in enumerate(batches):
                for each in (disk, simulated):
                    each.submit(ticket, ops, sync)
                    if resume:
                        each.resume()
            outcomes = [closed(disk), closed(simulated)]
            assert outcomes[0] == outcomes[1]
            paths = [path for path in directory.rglob("*") if path.is_file()]
            files = {str(path.relative_to(directory)): path.read_bytes() for path in paths}
            assert files == simulated.files


def test_the_twin_works_where_there_is_no_eventfd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "eventfd")
    disk = ThreadedDisk(str(tmp_path))
    disk.submit(1, [("create", "a", 3)], True)
    assert disk.fileno() == -1
    disk.close()
    assert disk.poll() == [(1, None)]
