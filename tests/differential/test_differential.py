"""Leveret does what RabbitMQ does, as far as a client can see; `differences.py` has what differs and should."""

from __future__ import annotations

import pytest

from .compare import difference, used
from .differences import KNOWN, PENDING
from .scenario import load

pytestmark = pytest.mark.timeout(300)  # the first test waits until all scenarios were played


@pytest.mark.parametrize("scenario", load())
def test_scenario(scenario: str, runs) -> None:
    rabbitmq, leveret = runs[scenario]["rabbitmq"], runs[scenario]["leveret"]
    for name, run in runs[scenario].items():
        assert not run.error, f"against {name}:\n{run.error}\n" + "\n".join(run.record)
    assert not rabbitmq.flaws, "the scenario is wrong:\n" + "\n".join(rabbitmq.record)
    differs = difference(scenario, rabbitmq.record, leveret.record, KNOWN)
    assert not differs, f"{scenario}\n{differs}"


@pytest.mark.parametrize("number", range(len(KNOWN)))
def test_known_differences_are_there(number: int, runs) -> None:
    entry = KNOWN[number]
    assert entry.reason
    assert entry.source
    names = [name for name in runs if entry.concerns(name)]
    if not names:
        pytest.skip("its scenarios are not in this run")
    assert any(
        entry in used(name, runs[name]["rabbitmq"].record, runs[name]["leveret"].record, KNOWN) for name in names
    ), f"{entry.scenarios}: no difference any more"


def test_what_is_pending_is_needed() -> None:
    assert set(PENDING) <= {one.needs for one in load().values()} | set(load())
