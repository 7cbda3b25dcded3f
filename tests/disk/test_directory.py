"""Opening a data directory: made, locked, checked, and what can be read of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import leveret
from leveret.disk import DataDirectory
from leveret.errors import ConfigError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "some" / "data"


class TestOpening:
    def test_makes_it(self, path: Path) -> None:
        with DataDirectory(path) as directory:
            assert directory.path == path
        assert sorted(os.listdir(path)) == ["FORMAT", "LOCK", "log", "spill"]
        assert (path / "FORMAT").read_text() == "leveret 1\n"
        assert (path / "LOCK").read_text() == f"{os.getpid()}\n"
        for made in (path.parent, path, path / "log", path / "spill"):
            assert made.stat().st_mode & 0o777 == 0o700
        for made in (path / "FORMAT", path / "LOCK"):
            assert made.stat().st_mode & 0o777 == 0o600

    def test_again(self, path: Path) -> None:
        for _ in range(2):
            directory = DataDirectory(path)
            directory.close()
            directory.close()

    def test_a_file_systems_root(self, path: Path) -> None:
        (path / "lost+found").mkdir(parents=True)
        DataDirectory(path).close()

    def test_a_start_that_did_not_come_far(self, path: Path) -> None:
        path.mkdir(parents=True)
        (path / "LOCK").touch()
        (path / "FORMAT.new").write_text("lev")
        DataDirectory(path).close()
        assert sorted(os.listdir(path)) == ["FORMAT", "LOCK", "log", "spill"]

    def test_erases_the_spill(self, path: Path) -> None:
        DataDirectory(path).close()
        (path / "spill" / "0000000000000000.spill").write_text("x")
        (path / "log" / "0000000000000000.log").write_text("x")
        with DataDirectory(path) as directory:
            assert os.listdir(path / "spill") == []
            assert directory.sizes("log") == {"log/0000000000000000.log": 1}

    def test_a_file_in_its_place(self, path: Path) -> None:
        path.parent.mkdir()
        path.touch()
        with pytest.raises(ConfigError, match=f"data directory {path}: File exists"):
            DataDirectory(path)

    def test_where_nothing_can_be_made(self) -> None:
        with pytest.raises(ConfigError, match="data directory /proc/leveret/data: "):
            DataDirectory(Path("/proc/leveret/data"))

    @pytest.mark.parametrize("name", ["notes.txt", "CHECKPOINT", "log/0000000000000000.log"])
    def test_a_directory_of_somebody_else(self, path: Path, name: str) -> None:
        (path / name).parent.mkdir(parents=True)
        (path / name).touch()
        with pytest.raises(ConfigError, match="is no data directory of Leveret"):
            DataDirectory(path)
        assert (path / name).exists()
        assert not (path / "FORMAT").exists()


class TestFormat:
    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("leveret 2\n", "has format 2 of a newer Leveret; this one knows 1"),
            ("leveret 20260101\n", "has format 20260101 of a newer Leveret"),
            ("leveret 0\n", "says nothing that Leveret knows"),
            ("leveret 1", "says nothing that Leveret knows"),
            ("", "says nothing that Leveret knows"),
            ("\0" * 10, "says nothing that Leveret knows"),
            ("x" * 1_000, "says nothing that Leveret knows"),
        ],
    )
    def test_refused(self, path: Path, text: str, said: str) -> None:
        DataDirectory(path).close()
        (path / "FORMAT").write_text(text)
        with pytest.raises(ConfigError, match=said):
            DataDirectory(path)
        (path / "FORMAT").write_text("leveret 1\n")
        DataDirectory(path).close()  # the lock was given back

    def test_unreadable(self, path: Path) -> None:
        DataDirectory(path).close()
        (path / "FORMAT").unlink()
        (path / "FORMAT").mkdir()
        with pytest.raises(ConfigError, match="Is a directory"):
            DataDirectory(path)


class TestLock:
    def test_a_second_one(self, path: Path) -> None:
        with (
            DataDirectory(path),
            pytest.raises(ConfigError, match=f"^data directory {path} is in use by process {os.getpid()}$"),
        ):
            DataDirectory(path)
        DataDirectory(path).close()

    def test_of_another_process(self, path: Path) -> None:
        code = (
            "import os, sys; from pathlib import Path; from leveret.disk import DataDirectory\n"
            "directory = DataDirectory(Path(sys.argv[1]))\n"
            "print(os.getpid(), flush=True); sys.stdin.read()"
        )
        environment = {**os.environ, "PYTHONPATH": str(Path(leveret.__file__).parents[1])}
        with subprocess.Popen(
            [sys.executable, "-c", code, str(path)],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout
            process_id = process.stdout.readline().strip()
            with pytest.raises(ConfigError, match=f"is in use by process {process_id}$"):
                DataDirectory(path)
            process.kill()
            process.wait()
        DataDirectory(path).close()  # whoever is dead holds no lock


class TestReading:
    def test_segments_in_order(self, path: Path) -> None:
        with DataDirectory(path) as directory:
            assert directory.sizes("log") == {}
            for base in (1 << 40, 0, 1 << 26):
                (path / f"log/{base:016x}.log").write_bytes(bytes(base % 1000))
            (path / "log/notes.txt").touch()
            sizes = [(f"log/{base:016x}.log", base % 1000) for base in (0, 1 << 26, 1 << 40)]
            assert [*directory.sizes("log").items()] == [*sizes, ("log/notes.txt", 0)]

    def test_parts_of_files(self, path: Path) -> None:
        with DataDirectory(path) as directory:
            (path / "log/a.log").write_bytes(b"0123456789")
            assert directory.read("log/a.log") == b"0123456789"
            assert directory.read("log/a.log", 7) == b"789"
            assert directory.read("log/a.log", 2, 3) == b"234"
            assert directory.read("log/a.log", 8, 3) == b"89"
            assert directory.read("log/a.log", 20, 3) == b""
            assert directory.read("CHECKPOINT") == b""
