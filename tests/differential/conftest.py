"""The two brokers, and what each did in each scenario of this run: all are played before the first test looks."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from ..builds import build_once, toolchain  # noqa: F401
from ..process import BrokerProcess
from .compare import Run, difference, play_all
from .differences import KNOWN, pending
from .rabbitmq import SERVER, RabbitMQ
from .scenario import load


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--run-pending", action="store_true", help="also what Leveret cannot do yet")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--run-pending", default=False):
        return
    scenarios = load()
    for item in items:
        name = getattr(item, "callspec", None) and item.callspec.params.get("scenario")  # type: ignore[attr-defined]
        if name in scenarios and (reason := pending(scenarios[name])):
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def runs(request: pytest.FixtureRequest) -> Iterator[Mapping[str, Mapping[str, Run]]]:
    """Scenario -> `rabbitmq`, `leveret` -> what it did there."""
    if not SERVER.exists():
        reason = "rabbitmq-server is not on this machine (on Debian: apt-get install rabbitmq-server)"
        if os.environ.get("CI") == "true":
            pytest.fail(f"{reason}; continuous integration must have it")
        pytest.skip(reason)
    scenarios = load()
    wanted = {
        item.callspec.params["scenario"]
        for item in request.session.items
        if "scenario" in getattr(getattr(item, "callspec", None), "params", {}) and not item.get_closest_marker("skip")
    }
    with RabbitMQ() as rabbitmq, BrokerProcess("--port", "0", "--ephemeral") as leveret:
        rabbitmq.ready()
        brokers: Mapping[str, Any] = {"rabbitmq": rabbitmq, "leveret": leveret}
        found = play_all([one for name, one in scenarios.items() if name in wanted], brokers)
        for name in found:
            if _differ(name, found[name]):  # once more, alone: a broker that is busy may hang up before it has spoken
                again = play_all([scenarios[name]], brokers)[name]
                found[name] = found[name] if _differ(name, again) else again
        yield found
        assert leveret.stop() == 0, leveret.log


def _differ(scenario: str, runs: Mapping[str, Run]) -> bool:
    rabbitmq, leveret = runs["rabbitmq"], runs["leveret"]
    broken = rabbitmq.error or leveret.error or rabbitmq.flaws
    return bool(broken or difference(scenario, rabbitmq.record, leveret.record, KNOWN))
