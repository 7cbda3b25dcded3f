"""Where values come from, in their order: flags, environment, TOML file, `rabbitmq.conf`, defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import ConfigError
from . import rabbitmq
from .options import TABLE, Option, Options


@dataclass(slots=True)
class Loaded:
    """The options that hold, where each comes from (by name; what is missing is the default), and what to warn of."""

    options: Options
    origins: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def load(flags: Mapping[str, object], environment: Mapping[str, str]) -> Options:
    """The options that hold. Raises as `load_all` does."""
    return load_all(flags, environment).options


def load_all(flags: Mapping[str, object], environment: Mapping[str, str]) -> Loaded:
    """`flags` maps names of the table to what the command line says; absent or None: nothing.

    Raises ConfigError with one line that names the option and where its value comes from.
    """
    found = Loaded(Options())
    values: dict[str, Any] = {}

    def take(option: Option, value: object, origin: str) -> None:
        if option.field not in values:
            values[option.field] = _parse(option, value, origin)
            found.origins[option.name] = origin

    for option in TABLE:
        if (said := flags.get(option.name)) is not None:
            take(option, said, f"--{option.name}")
        for variable in (option.variable, *option.variables):
            if variable in environment:
                take(option, environment[variable], variable)
    if (path := values.get("config")) is not None:
        for option, said in _read_toml(path):
            take(option, said, str(path))
    if (path := values.get("rabbitmq_conf")) is not None:
        read = rabbitmq.read(path, environment)
        found.warnings += read.warnings
        for name, said, origin in read.values:
            take(_BY_NAME[name], said, origin)
    found.options = Options(**values)
    return found


_BY_NAME = {option.name: option for option in TABLE}


def _parse(option: Option, value: object, origin: str) -> object:
    try:
        return option.parse(value)
    except ValueError as error:
        shown = "what it is" if option.secret else repr(value)
        raise ConfigError(f"{option.name} must be {error}, not {shown} (from {origin})") from None


def _read_toml(path: Path) -> list[tuple[Option, object]]:
    import tomllib  # only when there is a file: `serve` starts fast

    try:
        with path.open("rb") as file:
            content = tomllib.load(file)
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror} (from config)") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not TOML: {error}") from None
    known = {option.name: option for option in TABLE if option.name != "config"}
    found = []
    for key, value in content.items():
        option = known.get(key.replace("_", "-"))
        if option is None:
            raise ConfigError(f"unknown option {key!r} (from {path}){_nearest(key.replace('_', '-'), [*known])}")
        found.append((option, value))
    return found


def _nearest(key: str, known: list[str]) -> str:
    import difflib

    near = difflib.get_close_matches(key, known, 1)
    return f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(known)}"
