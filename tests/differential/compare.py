"""Runs scenarios against two brokers at the same time, and says where they differ."""

from __future__ import annotations

import difflib
import re
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Protocol

from .scenario import Scenario
from .stage import Stage

AT_ONCE = 12
"""Scenarios that run against one broker at the same time."""


class Broker(Protocol):
    host: str

    @property
    def port(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Run:
    """What one broker did in one scenario."""

    record: Sequence[str]
    flaws: Sequence[str]
    error: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """A difference that is right: what RabbitMQ 3.10 says, and what who follows RabbitMQ 4 (or is Leveret) says.

    `scenarios` are patterns of names, with spaces between. Where `rabbitmq` (a regular expression) is found in a line
    of RabbitMQ's record, `leveret` (a template) takes the place of what was found; None takes the whole line out.
    `rest`: these take the place of that line and of all that follow. A function instead gets all lines and returns
    them changed.
    """

    scenarios: str
    rabbitmq: str | Callable[[list[str]], list[str]]
    leveret: str | None = None
    rest: Sequence[str] | None = None
    reason: str = ""
    source: str = ""

    def concerns(self, scenario: str) -> bool:
        return any(fnmatchcase(scenario, pattern) for pattern in self.scenarios.split())

    def apply(self, lines: Sequence[str]) -> list[str]:
        if callable(self.rabbitmq):
            return self.rabbitmq(list(lines))
        changed: list[str] = []
        for line in lines:
            if not re.search(self.rabbitmq, line):
                changed.append(line)
            elif self.rest is not None:
                return [*changed, *self.rest]
            elif self.leveret is not None:
                changed.append(re.sub(self.rabbitmq, self.leveret, line))
        return changed


def play(scenario: Scenario, broker: Broker) -> Run:
    stage = Stage(broker.host, broker.port, scenario.name)
    error = ""
    try:
        scenario.play(stage)
        stage.finish()
    except Exception:
        error = traceback.format_exc()
    return Run(stage.record, stage.flaws, error)


def play_all(scenarios: Iterable[Scenario], brokers: Mapping[str, Broker]) -> dict[str, dict[str, Run]]:
    """Scenario -> broker -> what it did there."""
    pools = {name: ThreadPoolExecutor(AT_ONCE, thread_name_prefix=name) for name in brokers}
    futures: dict[str, dict[str, Future[Run]]] = {
        scenario.name: {name: pools[name].submit(play, scenario, broker) for name, broker in brokers.items()}
        for scenario in scenarios
    }
    try:
        return {name: {at: future.result() for at, future in runs.items()} for name, runs in futures.items()}
    finally:
        for pool in pools.values():
            pool.shutdown(cancel_futures=True)


def difference(scenario: str, rabbitmq: Sequence[str], leveret: Sequence[str], known: Sequence[Known]) -> str:
    """What differs beyond what is known, as a diff; also what is known and differs no more. Empty: all is well."""
    mine = [entry for entry in known if entry.concerns(scenario)]
    wanted = _apply(rabbitmq, mine)
    if wanted != list(leveret):
        lines = difflib.unified_diff(
            wanted, list(leveret), "RabbitMQ, but for known differences", "Leveret", n=6, lineterm=""
        )
        return "\n".join(lines)
    return ""


def used(scenario: str, rabbitmq: Sequence[str], leveret: Sequence[str], known: Sequence[Known]) -> list[Known]:
    """The entries without which this scenario would differ (or differ elsewhere)."""
    mine = [entry for entry in known if entry.concerns(scenario)]
    return [
        entry for entry in mine if _apply(rabbitmq, [other for other in mine if other is not entry]) != list(leveret)
    ]


def _apply(lines: Sequence[str], known: Sequence[Known]) -> list[str]:
    changed = list(lines)
    for entry in known:
        changed = entry.apply(changed)
    return changed
