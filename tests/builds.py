"""Programs of other languages that tests build first, with the toolchains of this machine."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest


def version_of(command: Sequence[str]) -> tuple[int, ...]:
    """The version that a tool prints of itself; () when it is not here, or prints none."""
    if shutil.which(command[0]) is None:
        return ()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(r"\d+(?:\.\d+)+", done.stdout + done.stderr)
    return tuple(int(part) for part in found[0].split(".")) if found else ()


Toolchain = Callable[..., None]


@pytest.fixture(scope="session")
def toolchain() -> Toolchain:
    """`toolchain("go", "version", at_least=(1, 20))` skips the test where that tool is not, or is older.

    In continuous integration (CI=true) that is a failure.
    """

    def need(*command: str, at_least: tuple[int, ...]) -> None:
        version = version_of(command)
        if version >= at_least:
            return
        wanted = ".".join(map(str, at_least))
        have = f"is {'.'.join(map(str, version))}" if version else "is not on this machine"
        reason = f"{command[0]} {have}, and version {wanted} is needed"
        if os.environ.get("CI") == "true":
            pytest.fail(f"{reason}; continuous integration must have it")
        pytest.skip(reason)

    return need


Build = Callable[..., None]


@pytest.fixture(scope="session")
def build_once() -> Build:
    """`build_once(folder, sources, commands, made)` runs the commands in the folder unless that was done before.

    `made` is a path that the commands make. The folder's `build/` (never committed) holds a stamp: a digest of the
    sources (patterns) and the commands.
    """

    def build(
        folder: Path,
        sources: Sequence[str],
        commands: Sequence[Sequence[str]],
        made: str,
        env: dict[str, str] | None = None,
    ) -> None:
        digest = hashlib.sha256(repr(commands).encode())
        for path in sorted(path for pattern in sources for path in folder.glob(pattern)):
            digest.update(b"\0" + path.name.encode() + b"\0" + path.read_bytes())
        stamp = folder / "build" / "stamp"
        if (folder / made).exists() and stamp.exists() and stamp.read_text() == digest.hexdigest():
            return
        for command in commands:
            done = subprocess.run(
                command, cwd=folder, env=os.environ | (env or {}), capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, f"{' '.join(command)} failed:\n{done.stdout}\n{done.stderr}"
        stamp.parent.mkdir(exist_ok=True)
        stamp.write_text(digest.hexdigest())

    return build
