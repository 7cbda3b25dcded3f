"""Plays scenarios by hand: `python -m tests.differential [--rabbitmq] [--brief] [PATTERN...]`."""

from __future__ import annotations

import argparse
from fnmatch import fnmatchcase

from ..process import BrokerProcess
from .compare import difference, play_all
from .differences import KNOWN, pending
from .rabbitmq import RabbitMQ
from .scenario import load


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.differential",
        description=__doc__,
        epilog="A pattern is of names, or what scenarios need.",
    )
    parser.add_argument("patterns", nargs="*", default=["*"])
    parser.add_argument("--rabbitmq", action="store_true", help="print what RabbitMQ did, whole")
    parser.add_argument("--brief", action="store_true", help="only the names of the scenarios that differ")
    options = parser.parse_args()
    chosen = [
        one
        for one in load().values()
        if any(fnmatchcase(one.name, pattern) or one.needs == pattern for pattern in options.patterns)
    ]
    with RabbitMQ() as rabbitmq, BrokerProcess("--port", "0", "--ephemeral") as leveret:
        rabbitmq.ready()
        runs = play_all(chosen, {"rabbitmq": rabbitmq, "leveret": leveret})
    different = 0
    for one in chosen:
        theirs, ours = runs[one.name]["rabbitmq"], runs[one.name]["leveret"]
        differs = difference(one.name, theirs.record, ours.record, KNOWN)
        different += bool(differs or theirs.error or ours.error)
        if options.rabbitmq:
            print("\n".join([f"== {one.name}", *theirs.record]))
        if theirs.error or theirs.flaws:
            print(f"== {one.name}: the scenario is wrong: {theirs.flaws} {theirs.error}")
        if differs or ours.error:
            reason = pending(one)
            print(f"== {one.name} differs" + (f" ({reason})" if reason else ""))
            if not options.brief:
                print(f"{ours.error}{differs}")
    print(f"{len(chosen)} scenarios, {different} differ")


if __name__ == "__main__":
    main()
