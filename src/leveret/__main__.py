"""Where `leveret` and `python -m leveret` begin. `serve` goes straight to work; everything else is Typer's."""

from __future__ import annotations

import os
import sys
from time import perf_counter_ns

STARTED_NS = perf_counter_ns()


def main() -> None:
    """Run the command line and exit."""
    arguments = sys.argv[1:]
    wants_help = not {"--help", "-h"}.isdisjoint(arguments) or "_LEVERET_COMPLETE" in os.environ
    if arguments[:1] == ["serve"] and not wants_help:
        from .cli.serve import serve

        sys.exit(serve(arguments[1:], STARTED_NS))
    from .cli.commands import app

    app(prog_name="leveret")


if __name__ == "__main__":
    main()
