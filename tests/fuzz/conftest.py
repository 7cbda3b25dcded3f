"""The same `impl` as in `tests/wire`: each test runs over the kernel and over its twin."""

from __future__ import annotations

from ..wire.conftest import impl

__all__ = ["impl"]
