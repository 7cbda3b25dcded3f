"""The options of a broker: what they are called, what they take, and where a value comes from.

A value is taken from the first that has one: a flag (`--port 5673`), an environment variable (`LEVERET_PORT`), our TOML
file, a `rabbitmq.conf`, the default. Nothing here opens a socket or makes a directory.
"""

from __future__ import annotations

from .load import Loaded, load, load_all
from .options import DEFAULTS, TABLE, Option, Options, data_directory, shown
from .values import parse_size

__all__ = [
    "DEFAULTS",
    "TABLE",
    "Loaded",
    "Option",
    "Options",
    "data_directory",
    "load",
    "load_all",
    "parse_size",
    "shown",
]
