"""Every test that asks for `impl` runs over the kernel and over its twin.

Where the kernel is not built its half is skipped, unless LEVERET_REQUIRE_KERNEL=1 says that it has to be there.
"""

from __future__ import annotations

from types import ModuleType

import pytest

from .support import implementation


@pytest.fixture(params=["kernel", "twin"])
def impl(request: pytest.FixtureRequest) -> ModuleType:
    """`leveret._kernel`, then `leveret.wire.twin`."""
    module = implementation(request.param)
    if module is None:
        pytest.skip("the kernel is not built")
    return module
