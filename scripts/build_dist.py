#!/usr/bin/env python3
"""Builds what is released: an sdist with the web pages in it, and from that sdist a wheel with the kernel.

    scripts/build_dist.py [--out dist] [--no-kernel]

Runs with a Python that has the build requirements at their locked versions (requirements/run.lock), asks nobody for
others, and needs cargo; npm only where the pages are not built yet. A wheel that lacks something is a failure here,
other than for `pip install .`, which does with what a machine has. Dates in both are SOURCE_DATE_EPOCH, or that of the
newest commit, so that the same sources give the same files.
"""

from __future__ import annotations

import argparse
import gzip
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGES = ROOT / "src/leveret/management/ui/index.html"
BUILD = "import sys; from setuptools import build_meta; getattr(build_meta, sys.argv[1])(sys.argv[2])"


class Failed(Exception):
    """What cannot be done; one line for people."""


def build_pages() -> None:
    """With npm, of the versions that package-lock.json names."""
    npm = shutil.which("npm")
    if npm is None:
        raise Failed("the web pages are not built, and there is no npm to build them")
    for arguments in (["ci", "--silent"], ["run", "--silent", "build", "--", "--logLevel", "warn"]):
        subprocess.run([npm, *arguments], cwd=ROOT / "ui", check=True)


def build(kind: str, root: Path, out: Path) -> Path:
    """`kind`: sdist or wheel; the file."""
    before = {*out.iterdir()}
    command = [sys.executable, "-c", BUILD, f"build_{kind}", str(out)]
    done = subprocess.run(command, cwd=root, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    made = [file for file in sorted(out.iterdir()) if file not in before]
    if done.returncode or len(made) != 1:
        sys.stdout.buffer.write(done.stdout)
        raise Failed(f"the {kind} was not built")
    return made[0]


def settle(sdist: Path, date: int) -> None:
    """Take out of it when, where and by whom it was made."""
    with tarfile.open(sdist) as archive:
        members = sorted(archive.getmembers(), key=lambda member: member.name)
        contents = [(one, archive.extractfile(one).read() if one.isfile() else b"") for one in members]  # type: ignore[union-attr]
    with gzip.GzipFile(sdist, "wb", mtime=date) as zipped, tarfile.open(fileobj=zipped, mode="w") as archive:
        for member, content in contents:
            member.mtime, member.uid, member.gid, member.uname, member.gname = date, 0, 0, "", ""
            member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
            member.pax_headers = {}
            archive.addfile(member, io.BytesIO(content))


def environment() -> dict[str, str]:
    """Ours, with the date that files in archives get."""
    if "SOURCE_DATE_EPOCH" in os.environ:
        return dict(os.environ)
    asked = ["git", "-C", str(ROOT), "log", "-1", "--format=%ct"]
    try:
        date = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        date = ""  # not a checkout
    return os.environ | {"SOURCE_DATE_EPOCH": date or "1600000000"}


def check(wheel: Path, kernel: bool) -> None:
    """What nobody would miss before users do."""
    names = zipfile.ZipFile(wheel).namelist()
    if kernel and not any(name.startswith("leveret/_kernel.") and name.endswith(".so") for name in names):
        raise Failed("the wheel has no kernel: is there a cargo, and does it build?")
    if "leveret/management/ui/index.html" not in names:
        raise Failed("the wheel has no web pages")


def main() -> int:
    parser = argparse.ArgumentParser(description="Build the sdist and the wheel.")
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="folder for them (default: dist)")
    parser.add_argument("--no-kernel", action="store_true", help="a wheel that runs on the slower pure-Python twin")
    said = parser.parse_args()
    try:
        if not PAGES.exists():
            build_pages()
        said.out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as scratch:
            # From a copy without what earlier builds left: setuptools would take it along.
            source = Path(scratch, "source")
            shutil.copytree(ROOT, source, ignore=left_out)
            (fresh := Path(scratch, "fresh")).mkdir()
            sdist = build("sdist", source, fresh)
            settle(sdist, int(environment()["SOURCE_DATE_EPOCH"]))
            with tarfile.open(sdist) as archive:
                archive.extractall(scratch, filter="data")
            unpacked = Path(scratch, sdist.name.removesuffix(".tar.gz"))
            if said.no_kernel:
                os.environ["CARGO"] = "/nonexistent"
            elif (unpacked / "kernel/Cargo.toml").exists():
                fetch = ["cargo", "fetch", "-q", "--locked", "--manifest-path", str(unpacked / "kernel/Cargo.toml")]
                if subprocess.run(fetch).returncode:
                    raise Failed("kernel/Cargo.lock is not what kernel/*/Cargo.toml asks for")
            wheel = build("wheel", unpacked, fresh)
            check(wheel, kernel=not said.no_kernel)
            for file in (sdist, wheel):
                shutil.copy(file, said.out / file.name)
                print(said.out / file.name)
    except Failed as failed:
        print(f"build_dist: {failed}", file=sys.stderr)
        return 1
    return 0


def left_out(folder: str, names: list[str]) -> set[str]:
    """What is no source."""
    made = {"__pycache__", "node_modules", *(name for name in names if name.endswith((".egg-info", ".so")))}
    if Path(folder) == ROOT:
        made |= {".git", ".venv", "build", "dist", "tests"}
    elif Path(folder) == ROOT / "kernel":
        made.add("target")
    return made & {*names}


if __name__ == "__main__":
    sys.exit(main())
