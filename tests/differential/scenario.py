"""The scenarios: functions of a stage, found by name."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass

from .stage import Stage

Play = Callable[[Stage], None]


@dataclass(frozen=True, slots=True)
class Scenario:
    """`name` is file.function: the id of the test, and the prefix of all names it declares."""

    name: str
    play: Play
    needs: str
    """What a broker must be able to do for it, as PENDING names it; empty: nothing special."""


SCENARIOS: dict[str, Scenario] = {}


def scenario(play: Play | None = None, *, needs: str = "") -> Callable[[Play], Play]:
    """Registers a function; `needs` names what it is about."""

    def register(play: Play) -> Play:
        name = f"{play.__module__.rpartition('.')[2]}.{play.__name__}"
        assert name not in SCENARIOS, name
        SCENARIOS[name] = Scenario(name, play, needs)
        return play

    return register if play is None else register(play)  # type: ignore[return-value]


def every(values: dict[str, object], needs: str = "") -> Callable[[Callable[..., None]], None]:
    """One scenario for each entry: `play(stage, value)`, named function_key."""

    def register(play: Callable[..., None]) -> None:
        for key, value in values.items():

            def one(stage: Stage, value: object = value) -> None:
                play(stage, value)

            one.__module__ = play.__module__
            one.__name__ = f"{play.__name__}_{key}"
            scenario(one, needs=needs)

    return register


def load() -> dict[str, Scenario]:
    """All scenarios, from all files of the folder."""
    package = importlib.import_module(f"{__package__}.scenarios")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
    return SCENARIOS
