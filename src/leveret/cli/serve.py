"""`leveret serve`: flags to options, and the broker in the foreground. Its flags come from the table of options."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any, NoReturn

from .. import config
from ..errors import ConfigError


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ConfigError(f"{message} (try: {self.prog} --help)")

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """All of them, or the one that was perhaps meant."""
        found, unknown = self.parse_known_args(args, namespace)
        if unknown:
            import difflib

            known = [flag for action in self._actions for flag in action.option_strings]
            near = difflib.get_close_matches(unknown[0].partition("=")[0], known, 1)
            self.error(f"unrecognized arguments: {' '.join(unknown)}" + (f"; did you mean {near[0]}?" if near else ""))
        return found


def parse(arguments: list[str]) -> dict[str, object]:
    """What the flags say, by option; None where they say nothing. Raises ConfigError."""
    parser = _Parser(prog="leveret serve", add_help=False, allow_abbrev=False)
    for option in config.TABLE:
        if option.secret:
            continue
        if option.metavar:
            parser.add_argument(f"--{option.name}", dest=option.name)
        else:
            parser.add_argument(f"--{option.name}", dest=option.name, action=argparse.BooleanOptionalAction)
    found: dict[str, object] = vars(parser.parse_args(arguments))
    return found


def serve(arguments: list[str], started_ns: int) -> int:
    """Run a broker until it is told to stop; the exit code. `started_ns`: perf_counter_ns when the program began."""
    try:
        loaded = config.load_all(parse(arguments), os.environ)
        from ..app import run  # only now: a wrong option is told at once

        return run(loaded, started_ns)
    except ConfigError as error:
        print(f"leveret: {error}", file=sys.stderr)
        return 2
