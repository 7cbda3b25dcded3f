#!/usr/bin/env python3
"""Builds the Rust kernel in place, in release mode, as src/leveret/_kernel.abi3.so.

The extension is optional for `pip install`, so setuptools-rust only warns when it fails; a developer wants to know,
therefore this fails unless the new module is there.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    package = ROOT / "src" / "leveret"
    for old in package.glob("_kernel*.so"):
        old.unlink()
    setup = [sys.executable, "-c", "import setuptools; setuptools.setup()"]
    environment = os.environ | {"CARGO_TERM_COLOR": "never"}
    subprocess.run([*setup, "-q", "build_rust", "--inplace", "--release"], cwd=ROOT, env=environment, check=False)
    if not any(package.glob("_kernel*.so")):
        print("the kernel was not built (see above)", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
