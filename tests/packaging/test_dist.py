"""What is in the sdist and in the wheel: all that is needed, and nothing else."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Callable
from configparser import ConfigParser
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest

from leveret import __version__

from .conftest import HAS_CARGO, Dist, build
from .support import ROOT, unlike_ours

SOURCES = ROOT / "src/leveret"
PAGES = SOURCES / "management/ui"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
STEM = f"leveret-{__version__}"


def files(folder: Path, wanted: Callable[[Path], bool] = lambda file: True) -> set[str]:
    """Of the repository, by their path in it; nothing that is made."""
    made = {"__pycache__", "node_modules", "target", ".pytest_cache"}
    return {
        str(file.relative_to(ROOT))
        for file in folder.rglob("*")
        if file.is_file() and not made & {*file.relative_to(ROOT).parts} and file.suffix != ".so" and wanted(file)
    }


def modules() -> set[str]:
    return files(SOURCES, lambda file: file.suffix in (".py", ".pyi") or file.name == "py.typed")


def test_the_sources_have_nothing_that_does_not_belong_there() -> None:
    assert files(SOURCES) == modules() | files(PAGES)


@pytest.fixture(scope="module")
def wheel(dist: Dist) -> zipfile.ZipFile:
    return zipfile.ZipFile(dist.wheel)


@pytest.fixture(scope="module")
def metadata(wheel: zipfile.ZipFile) -> Message:
    return Parser().parsestr(wheel.read(f"{STEM}.dist-info/METADATA").decode())


@pytest.fixture(scope="module")
def members(dist: Dist) -> list[tarfile.TarInfo]:
    with tarfile.open(dist.sdist) as archive:
        return archive.getmembers()


class TestWheel:
    def test_its_name_says_what_it_runs_on(self, dist: Dist) -> None:
        name, version, python, abi, platform = dist.wheel.name.removesuffix(".whl").split("-")
        assert (name, version, python, abi) == ("leveret", __version__, "cp311", "abi3")
        assert platform.startswith(("linux_", "macosx_"))

    def test_files(self, wheel: zipfile.ZipFile) -> None:
        found = set(wheel.namelist())
        expected = {name.removeprefix("src/") for name in modules() | files(PAGES)}
        expected |= {
            f"{STEM}.dist-info/{name}"
            for name in ("METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE", "top_level.txt")
        }
        if HAS_CARGO:
            expected.add("leveret/_kernel.abi3.so")
        assert found == expected
        assert {"leveret/py.typed", "leveret/_kernel.pyi", "leveret/management/ui/index.html"} <= found

    def test_the_pages_find_their_parts(self, wheel: zipfile.ZipFile) -> None:
        page = wheel.read("leveret/management/ui/index.html").decode()
        parts = [name for name in wheel.namelist() if "/ui/assets/index-" in name]
        assert len(parts) == 2  # a script and a style
        assert all(f"./assets/{name.rpartition('/')[2]}" in page for name in parts)

    def test_metadata(self, metadata: Message) -> None:
        assert metadata["Name"] == "leveret"
        assert metadata["Version"] == __version__
        assert metadata["Requires-Python"] == ">=3.11"
        assert metadata["License-Expression"] == "Apache-2.0"
        assert metadata["License-File"] == "LICENSE"
        assert metadata["Description-Content-Type"] == "text/markdown"
        assert metadata.get_payload() == (ROOT / "README.md").read_text()
        needed = [one for one in metadata.get_all("Requires-Dist", []) if "extra ==" not in one]
        assert needed == PROJECT["dependencies"]

    def test_commands(self, wheel: zipfile.ZipFile) -> None:
        found = ConfigParser()
        found.read_string(wheel.read(f"{STEM}.dist-info/entry_points.txt").decode())
        assert {name: dict(found[name]) for name in found.sections()} == {"console_scripts": PROJECT["scripts"]}
        assert {*PROJECT["scripts"]} == {"leveret", "leveretctl"}

    @pytest.mark.long
    def test_the_same_sources_give_the_same_files(self, dist: Dist, tmp_path: Path) -> None:
        again = build(tmp_path)
        for one, other in ((dist.sdist, again.sdist), (dist.wheel, again.wheel)):
            assert one.name == other.name
            assert one.read_bytes() == other.read_bytes()


class TestSdist:
    def test_files(self, dist: Dist, members: list[tarfile.TarInfo]) -> None:
        assert dist.sdist.name == f"{STEM}.tar.gz"
        found = {one.name.removeprefix(f"{STEM}/") for one in members if one.isfile()}
        expected = modules() | files(PAGES) | files(ROOT / "kernel") | files(ROOT / "ui") | files(ROOT / "requirements")
        expected |= {"CHANGELOG.md", "LICENSE", "MANIFEST.in", "README.md", "pyproject.toml", "setup.cfg", "PKG-INFO"}
        assert {name for name in found if ".egg-info/" not in name} == expected
        assert {"kernel/Cargo.lock", "ui/package-lock.json", "requirements/run.lock"} <= found

    def test_it_says_nothing_of_who_made_it(self, members: list[tarfile.TarInfo]) -> None:
        assert {(one.uid, one.gid, one.uname, one.gname) for one in members} == {(0, 0, "", "")}
        assert len({one.mtime for one in members}) == 1
        assert {one.mode for one in members} == {0o644, 0o755}


@pytest.mark.long
@pytest.mark.skipif(not HAS_CARGO, reason="no Rust toolchain")
def test_a_wheel_of_the_sdist_alone(dist: Dist, tmp_path: Path) -> None:
    """Nothing of the checkout helps: no compiled kernel, no npm."""
    environment = {name: value for name, value in unlike_ours().items() if name != "CARGO_TARGET_DIR"}
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", tmp_path]
    done = subprocess.run([*command, dist.sdist], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    assert {*zipfile.ZipFile(wheel).namelist()} == {*zipfile.ZipFile(dist.wheel).namelist()}


@pytest.mark.long
@pytest.mark.skipif(not (ROOT / "ui/node_modules/.bin/vite").exists(), reason="npm has not installed what builds pages")
def test_the_pages_built_again_have_the_same_names(tmp_path: Path) -> None:
    command = ["npm", "run", "--silent", "build", "--", "--logLevel", "warn", "--outDir", str(tmp_path)]
    subprocess.run(command, cwd=ROOT / "ui", check=True)
    assert {str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*") if file.is_file()} == {
        str(file.relative_to(PAGES)) for file in PAGES.rglob("*") if file.is_file()
    }


@pytest.mark.parametrize("smaller", ["run.lock", "install.lock"])
def test_lock_files_agree(smaller: str) -> None:
    """What runs is what was tested."""

    def pins(name: str) -> set[str]:
        lines = (ROOT / "requirements" / name).read_text().splitlines()
        return {line.split(" ")[0] for line in lines if line and not line.startswith((" ", "#"))}

    assert pins(smaller) <= pins("dev.lock")
    assert pins("install.lock") <= pins("run.lock")
