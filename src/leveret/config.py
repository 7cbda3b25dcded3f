"""The options of a broker, in one table: what they are called, what they take, and where a value comes from.

A value is taken from the first that has one: a flag, an environment variable (`LEVERET_PORT`), the TOML file
named by `--config` (`port = 5672`), the default. `leveret serve` builds its flags and its help from this table.
Nothing here opens a socket or makes a directory.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from .errors import ConfigError

LOG_LEVELS: Final = ("debug", "info", "warning", "error")


@dataclass(frozen=True, slots=True)
class Options:
    """What a broker runs with."""

    host: str = "127.0.0.1"
    port: int = 5672
    management_port: int = 15672
    data_dir: Path | None = None
    """None: where this system keeps data of applications (`data_directory`)."""
    config: Path | None = None
    ephemeral: bool = False
    log_level: str = "info"


@dataclass(frozen=True, slots=True)
class Option:
    """One row of the table."""

    name: str
    """As in the file and, with two dashes, as a flag."""
    parse: Callable[[object], object]
    """Raises ValueError, whose text completes the sentence `port must be ...`."""
    help: str
    metavar: str = ""
    """Empty for a switch: its flag takes no value."""

    @property
    def field(self) -> str:
        """The attribute of `Options`."""
        return self.name.replace("-", "_")

    @property
    def variable(self) -> str:
        """The environment variable."""
        return "LEVERET_" + self.field.upper()

    @property
    def default(self) -> object:
        """What holds when nobody says."""
        return getattr(DEFAULTS, self.field)


def _host(value: object) -> str:
    if isinstance(value, str) and value.strip() and not any(map(str.isspace, value.strip())):
        return value.strip()
    raise ValueError("a host name or an address")


def _port(value: object) -> int:
    try:
        number = int(value) if isinstance(value, str) else value
    except ValueError:
        number = None
    if isinstance(number, int) and not isinstance(number, bool) and 0 <= number <= 65535:
        return number
    raise ValueError("a number from 0 to 65535")


def _path(value: object) -> Path:
    if isinstance(value, str | Path) and str(value) and "\0" not in str(value):
        try:
            return Path(value).expanduser()
        except RuntimeError:
            raise ValueError("a path below a home directory that exists") from None
    raise ValueError("a path")


def _switch(value: object) -> bool:
    if isinstance(value, bool):
        return value
    text = str(value).strip().lower()
    if text in ("true", "yes", "on", "1"):
        return True
    if text in ("false", "no", "off", "0", ""):
        return False
    raise ValueError("true or false")


def _log_level(value: object) -> str:
    if str(value).lower() in LOG_LEVELS:
        return str(value).lower()
    raise ValueError(f"one of {', '.join(LOG_LEVELS)}")


DEFAULTS: Final = Options()

TABLE: Final = (
    Option("host", _host, "Address or host name to listen on.", "HOST"),
    Option("port", _port, "Port for AMQP; 0 takes a free one and says which.", "PORT"),
    Option("management-port", _port, "Port for the management interface.", "PORT"),
    Option("data-dir", _path, "Directory for everything that is kept.", "DIR"),
    Option("config", _path, "TOML file with these options.", "FILE"),
    Option("ephemeral", _switch, "Keep nothing: messages and definitions live in memory only."),
    Option("log-level", _log_level, f"How much to tell: {', '.join(LOG_LEVELS)}.", "LEVEL"),
)


def load(flags: Mapping[str, object], environment: Mapping[str, str]) -> Options:
    """The options that hold. `flags` maps names of the table to what the command line says; absent or None: nothing.

    Raises ConfigError with one line that names the option and where its value comes from.
    """
    values: dict[str, Any] = {}
    for option in TABLE:
        if (value := flags.get(option.name)) is not None:
            values[option.field] = _parse(option, value, f"--{option.name}")
        elif option.variable in environment:
            values[option.field] = _parse(option, environment[option.variable], option.variable)
    path = values.get("config")
    if path is not None:
        for option, value in _read_file(path):
            values.setdefault(option.field, _parse(option, value, str(path)))
    return Options(**values)


def _parse(option: Option, value: object, source: str) -> object:
    try:
        return option.parse(value)
    except ValueError as error:
        raise ConfigError(f"{option.name} must be {error}, not {value!r} (from {source})") from None


def _read_file(path: Path) -> list[tuple[Option, object]]:
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
            raise ConfigError(f"unknown option {key!r} (from {path}); known are {', '.join(known)}")
        found.append((option, value))
    return found


def data_directory(options: Options) -> Path:
    """Where this broker keeps its data; nothing is made or touched."""
    if options.data_dir is not None:
        return options.data_dir
    import platformdirs  # only when nobody says: `serve --data-dir` starts without it

    return platformdirs.user_data_path("leveret", appauthor=False)
