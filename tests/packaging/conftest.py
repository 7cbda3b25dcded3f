"""What is released, built once: from these sources, with the kernel that `make` built if it did."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from .support import ROOT, Dockerfile, unlike_ours

HAS_CARGO = shutil.which("cargo") is not None


@dataclass(frozen=True)
class Dist:
    """Files as they would be uploaded."""

    sdist: Path
    wheel: Path


def build(out: Path) -> Dist:
    """With the kernel, where there is a toolchain; what was compiled for these sources is not compiled again."""
    if not (ROOT / "src/leveret/management/ui/index.html").exists() and shutil.which("npm") is None:
        pytest.skip("no Node.js (npm), and the web pages are not built")
    command = [sys.executable, str(ROOT / "scripts/build_dist.py"), "--out", str(out)]
    environment = unlike_ours() | {
        "CARGO_TARGET_DIR": str(ROOT / "kernel/target"),
        "PYO3_PYTHON": sys.executable,
        "SOURCE_DATE_EPOCH": "1600000000",  # older than what was compiled
    }
    done = subprocess.run(
        command if HAS_CARGO else [*command, "--no-kernel"], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (sdist,) = out.glob("*.tar.gz")
    (wheel,) = out.glob("*.whl")
    return Dist(sdist, wheel)


@pytest.fixture(scope="session")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Dist:
    """An sdist and a wheel."""
    return build(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="session")
def dockerfile() -> Dockerfile:
    """That of the image."""
    return Dockerfile(ROOT / "Dockerfile")


@pytest.fixture(scope="session")
def root(dist: Dist) -> Iterator[Path]:
    """A folder like the root of the image, made by what the Dockerfile runs; other users can read it."""
    with tempfile.TemporaryDirectory(prefix="leveret-image-") as made:
        folder = Path(made)
        folder.chmod(0o755)
        python = "/usr/bin/python3" if os.access("/usr/bin/python3", os.X_OK) else sys.executable
        usable = subprocess.run(
            [python, "-c", "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))"], capture_output=True
        )
        done = subprocess.run(
            [ROOT / "packaging/docker/install.sh", dist.wheel, folder / "opt/leveret"],
            env=unlike_ours() | {"PYTHON": sys.executable if usable.returncode else python},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        configuration = folder / "etc/leveret/conf.d"
        configuration.mkdir(parents=True)
        shutil.copy(ROOT / "packaging/docker/10-defaults.conf", configuration)
        (folder / "usr/local/bin").mkdir(parents=True)
        shutil.copy(ROOT / "packaging/docker/entrypoint.sh", folder / "usr/local/bin/leveret-entrypoint")
        yield folder
