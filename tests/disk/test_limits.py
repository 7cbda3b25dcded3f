"""Disks that end: full ones, file sizes and open files that the system bounds."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Iterator

import pytest

from .support import Driver, make, run


class TestLimits:
    """Disks that end."""

    def test_a_joined_write_fails_the_batch_that_did_not_fit(self, driver: Driver, kind: str) -> None:
        said = run(
            """
            resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))
            os.mkfifo("wait.new")
            disk.submit(0, [("create", "a", 10)], True)
            disk.submit(1, [("replace", "wait", b"x")], True)
            disk.resume()
            disk.submit(2, [("write", "a", 0, [b"a" * 4000, b"b" * 4000])], True)
            disk.submit(3, [("write", "a", 8000, [b"c" * 100]), ("write", "a", 8100, [b"d" * 100])], True)
            disk.submit(4, [("write", "a", 8200, [b"e"]), ("write", "a", 0, [b"f"])], True)
            disk.resume()
            disk.submit(5, [("write", "a", 1, [b"g"])], True)
            open("wait.new", "rb").close()
            disk.close()
            print([(ticket, outcome and outcome.errno) for ticket, outcome in disk.poll()])
            """,
            kind,
            driver.directory,
        )
        expected = [(0, None), (1, errno.ESPIPE), (2, None), (3, errno.EFBIG), (4, errno.ECANCELED), (5, None)]
        assert said.strip() == str(expected)
        data = (driver.directory / "a").read_bytes()
        assert data == b"ag" + b"a" * 3998 + b"b" * 4000 + b"c" * 100 + b"d" * 92

    @pytest.fixture
    def small(self, driver: Driver, kind: str) -> Iterator[Driver]:
        """A file system of 64 KiB."""
        directory = driver.directory / "small"
        directory.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(directory)]
        if os.geteuid() != 0 or shutil.which("mount") is None:
            pytest.skip("only root mounts a file system")
        if subprocess.run(command, capture_output=True, check=False).returncode != 0:
            pytest.skip("no file system can be mounted here")
        disk = make(kind, directory)
        assert disk is not None
        try:
            yield Driver(disk, directory)
        finally:
            disk.close()
            subprocess.run(["umount", "-l", str(directory)], check=True)

    def test_no_space_for_a_file(self, small: Driver) -> None:
        outcome = small.do(("create", "a", 100_000))
        assert isinstance(outcome, OSError)
        assert (outcome.errno, outcome.filename) == (errno.ENOSPC, "a")
        assert os.listdir(small.directory) == []
        small.disk.resume()
        assert small.do(("create", "a", 50_000)) is None

    def test_what_was_reserved_can_be_written(self, small: Driver) -> None:
        assert small.do(("create", "a", 40_000), ("create", "b", 0)) is None
        outcome = small.do(("write", "b", 0, [bytes(30_000)]))
        assert isinstance(outcome, OSError)
        assert outcome.errno == errno.ENOSPC
        small.disk.resume()
        assert small.do(("write", "a", 0, [b"x" * 40_000])) is None

    def test_no_space_for_a_replacement(self, small: Driver) -> None:
        assert small.do(("create", "a", 60_000), ("replace", "b", b"b")) is None
        outcome = small.do(("replace", "b", bytes(10_000)))
        assert isinstance(outcome, OSError)
        assert outcome.errno == errno.ENOSPC
        assert sorted(os.listdir(small.directory)) == ["a", "b"]
        assert (small.directory / "b").read_bytes() == b"b"

    def test_cutting_goes_on_after_a_write_that_did_not_fit(self, small: Driver) -> None:
        assert small.do(("create", "a", 0), ("create", "b", 40_000)) is None
        small.do(("write", "a", 0, [b"x" * 10_000]))
        assert isinstance(small.do(("write", "a", 10_000, [b"y" * 30_000])), OSError)
        small.disk.resume()
        assert small.do(("cut", "a", 10_000, 12_000)) is None
        assert (small.directory / "a").read_bytes() == b"x" * 10_000 + bytes(2_000)
