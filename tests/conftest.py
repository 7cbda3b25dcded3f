"""What all tests share: a broker process for those that need one, and how hard hypothesis looks."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from .process import BrokerProcess

# A machine that is busy with other things is not a reason to fail: no deadline for one example.
settings.register_profile("normal", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("long", settings.get_profile("normal"), max_examples=2_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "normal"))


@pytest.fixture(scope="session")
def broker() -> Iterator[BrokerProcess]:
    """A broker on a free port that all tests of this run share; they use names of their own.

    The kernel, or with LEVERET_TWIN=1 the twin. The run fails at its end if the broker logged a traceback.
    """
    with BrokerProcess("--port", "0", "--ephemeral") as process:
        assert process.port
        yield process
        assert process.stop() == 0, process.log
