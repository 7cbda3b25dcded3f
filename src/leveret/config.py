"""The options of a broker, in one table: what they are called, what they take, and where a value comes from.

A value is taken from the first that has one: a flag, an environment variable (`LEVERET_PORT`), the TOML file
named by `--config` (`port = 5672`), the default. `leveret serve` builds its flags and its help from this table.
Nothing here opens a socket or makes a directory.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from .errors import ConfigError
from .limits import (
    CHANNEL_MAX,
    CONSUMERS_PER_CHANNEL_MAX,
    EXPIRY_MAX_MS,
    FRAME_MAX,
    FRAME_MAX_MIN,
    HEARTBEAT_S,
    MESSAGE_SIZE_HARD_MAX,
    MESSAGE_SIZE_MAX,
    PREFETCH_MAX,
)

LOG_LEVELS: Final = ("debug", "info", "warning", "error")
DURABILITIES: Final = ("fsync", "os")
SEGMENT_SIZE_MIN: Final = 1 << 20
PORT_MAX: Final = 65_535
U16_MAX: Final = 65_535
U32_MAX: Final = (1 << 32) - 1

Amount = int | float
"""An integer is bytes, a float a share of some whole."""


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
    durability: str = "fsync"
    vm_memory_high_watermark: Amount = 0.6
    """A share of the machine's memory."""
    disk_free_limit: Amount = 50_000_000
    """A share of the machine's memory."""
    paging_budget: Amount = 0.4
    """A share of `vm_memory_high_watermark`."""
    segment_size: int = 16 << 20
    channel_max: int = CHANNEL_MAX
    """Per connection; 0: no limit of ours."""
    consumer_max_per_channel: int = CONSUMERS_PER_CHANNEL_MAX
    frame_max: int = FRAME_MAX
    """Bytes; 0: no limit of ours."""
    heartbeat: int = HEARTBEAT_S
    """Seconds that the broker proposes; 0: none."""
    max_message_size: int = MESSAGE_SIZE_MAX
    consumer_timeout: int = 0
    """Milliseconds; 0: no limit."""
    default_consumer_prefetch: int = 0
    """Messages; 0: no limit."""
    load_definitions: Path | None = None
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
    shown: str = ""
    """The default as one would write it, where that is not how Python does."""

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


def _number(most: int) -> Callable[[object], int]:
    def parse(value: object) -> int:
        try:
            number = int(value) if isinstance(value, str) else value
        except ValueError:
            number = None
        if isinstance(number, int) and not isinstance(number, bool) and 0 <= number <= most:
            return number
        raise ValueError(f"a number from 0 to {most}")

    return parse


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


def _one_of(words: tuple[str, ...]) -> Callable[[object], str]:
    def parse(value: object) -> str:
        if str(value).lower() in words:
            return str(value).lower()
        raise ValueError(f"one of {', '.join(words)}")

    return parse


_SIZE: Final = re.compile(r"([0-9]{1,18}) ?(?:([kmgtp])(i?)b?)?", re.IGNORECASE)
_SHARE: Final = re.compile(r"[0-9]*\.[0-9]+")


def parse_size(value: object) -> int:
    """Bytes, from a number with or without one of RabbitMQ's units ("Memory Threshold and Limit").

    k, M, G, T, P, also with a B, are powers of 1000; Ki, Mi, Gi, Ti, Pi, also with a B, of 1024; case does not matter.
    Raises ValueError.
    """
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    found = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        raise ValueError("a size such as 50MB or 64MiB")
    number, unit, binary = found.groups()
    factor: int = (1024 if binary else 1000) ** ("kmgtp".index(unit.lower()) + 1 if unit else 0)
    return int(number) * factor


def _amount(share_max: float) -> Callable[[object], Amount]:
    """A size, or (with a decimal point, so that 1 is a byte and 1.0 all there is) a share."""

    def parse(value: object) -> Amount:
        text = value.strip() if isinstance(value, str) else ""
        share = float(text) if _SHARE.fullmatch(text) else value
        if not isinstance(share, float):
            try:
                return parse_size(value)
            except ValueError:
                pass
        elif 0 <= share <= share_max:
            return share
        raise ValueError(f"a share from 0.0 to {share_max} or a size such as 512MiB or 2GB")

    return parse


def _segment_size(value: object) -> int:
    size = parse_size(value)
    if size < SEGMENT_SIZE_MIN:
        raise ValueError("a size of at least 1MiB")
    return size


def _frame_max(value: object) -> int:
    size = parse_size(value)
    if 0 < size < FRAME_MAX_MIN or size > U32_MAX:
        raise ValueError("a size of at least 8192, or 0 for no limit")
    return size


def _message_size(value: object) -> int:
    size = parse_size(value)
    if not 0 < size <= MESSAGE_SIZE_HARD_MAX:
        raise ValueError("a size of at most 512MiB")
    return size


DEFAULTS: Final = Options()

TABLE: Final = (
    Option("host", _host, "Address or host name to listen on.", "HOST"),
    Option("port", _number(PORT_MAX), "Port for AMQP; 0 takes a free one and says which.", "PORT"),
    Option("management-port", _number(PORT_MAX), "Port for the management interface.", "PORT"),
    Option("data-dir", _path, "Directory for everything that is kept.", "DIR"),
    Option("config", _path, "TOML file with these options.", "FILE"),
    Option("ephemeral", _switch, "Keep nothing: messages and definitions live in memory only."),
    Option(
        "durability",
        _one_of(DURABILITIES),
        "When a message counts as kept: fsync (it is on disk) or os (the system has it).",
        "WORD",
    ),
    Option(
        "vm-memory-high-watermark",
        _amount(1.0),
        "Payload that blocks publishers: a share of all memory, or a size.",
        "AMOUNT",
    ),
    Option(
        "disk-free-limit",
        _amount(100.0),
        "Less free space blocks publishers: a size, or a share of all memory.",
        "AMOUNT",
        "50MB",
    ),
    Option(
        "paging-budget",
        _amount(1.0),
        "More payload leaves memory: a share of the watermark, or a size.",
        "AMOUNT",
    ),
    Option("segment-size", _segment_size, "Size of one file of the log, at least 1MiB.", "SIZE", "16MiB"),
    Option("channel-max", _number(U16_MAX), "Channels per connection; 0: no limit.", "COUNT"),
    Option("consumer-max-per-channel", _number(U32_MAX), "Consumers per channel.", "COUNT"),
    Option("frame-max", _frame_max, "Size of one frame that is proposed to clients; 0: no limit.", "SIZE", "128KiB"),
    Option("heartbeat", _number(U16_MAX), "Seconds that are proposed to clients; 0: none.", "SECONDS"),
    Option("max-message-size", _message_size, "The largest message, at most 512MiB.", "SIZE", "16MiB"),
    Option(
        "consumer-timeout",
        _number(EXPIRY_MAX_MS),
        "How long a consumer may leave a message unacknowledged, in ms; 0: as long as it likes.",
        "MS",
    ),
    Option(
        "default-consumer-prefetch",
        _number(PREFETCH_MAX),
        "Prefetch of consumers on channels without a basic.qos; 0: no limit.",
        "COUNT",
    ),
    Option("load-definitions", _path, "Definition file that is imported at every start.", "FILE"),
    Option("log-level", _one_of(LOG_LEVELS), f"How much to tell: {', '.join(LOG_LEVELS)}.", "LEVEL"),
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
