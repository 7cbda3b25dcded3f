"""The command `leveret top` and its options."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Final

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from ..ctl.api import Api
    from .asking import Wanted

USAGE: Final = 64
_ROWS: Final = 20
"""Without a terminal."""
_WIDTH: Final = 120
_TIMEOUT_S: Final = 10.0


def _views() -> list[str]:
    from .views import VIEWS

    return [*VIEWS]


def _sorts(context: typer.Context) -> list[str]:
    from .views import VIEWS

    return VIEWS[context.params.get("view") or "queues"].sorts


def top(
    url: Annotated[
        str, typer.Option("--url", "-u", help="Where the management interface is.", envvar="LEVERET_URL")
    ] = "http://localhost:15672",
    username: Annotated[str, typer.Option("--username", "-U", help="Who asks.", envvar="LEVERET_USERNAME")] = "guest",
    password: Annotated[
        str,
        typer.Option("--password", help="Their password.", envvar="LEVERET_PASSWORD", show_default=False),
    ] = "guest",
    insecure: Annotated[bool, typer.Option("--insecure", "-k", help="Do not verify the certificate.")] = False,
    vhost: Annotated[
        str | None, typer.Option("--vhost", "-p", help="Only of this virtual host.", show_default="all")
    ] = None,
    view: Annotated[
        str, typer.Option("--view", help="queues, connections or channels.", autocompletion=_views)
    ] = "queues",
    sort: Annotated[
        str | None, typer.Option("--sort", "-s", help="The column.", show_default="in", autocompletion=_sorts)
    ] = None,
    reverse: Annotated[bool, typer.Option("--reverse", "-r", help="The least first.")] = False,
    filter: Annotated[str, typer.Option("--filter", "-f", help="Only names with this in them.")] = "",
    limit: Annotated[
        int | None, typer.Option("--limit", "-l", help="Rows at most.", min=1, max=500, show_default="what fits")
    ] = None,
    interval: Annotated[float, typer.Option("--interval", "-i", help="Seconds between two looks.", min=0.1)] = 2.0,
    count: Annotated[int, typer.Option("--count", "-n", help="End after so many looks.", min=0)] = 0,
    once: Annotated[bool, typer.Option("--once", "-1", help="Print one picture, and end.")] = False,
) -> None:
    """Watch a broker: rates, memory, alarms, and its busiest queues, connections and channels.

    Keys: q ends, s sorts by the next column (S: the one before), r turns the order, / filters by name, n and p turn
    pages, space pauses, tab shows connections and channels.

    Exit code 0: all is well; 64: no such view or column; 65: no such virtual host; 69: the broker is not there, or
    refuses.
    """
    from rich.console import Console

    from ..ctl.api import Api, Failed
    from .asking import Wanted
    from .views import VIEWS

    if view not in VIEWS:
        _refuse(f"there is no view {view!r}: it is one of {', '.join(VIEWS)}")
    chosen = VIEWS[view]
    if sort is not None and sort not in chosen.sorts:
        _refuse(f"{view} cannot be sorted by {sort!r}: it is one of {', '.join(chosen.sorts)}")
    wanted = Wanted(chosen, sort or chosen.sort, reverse, filter, vhost, rows=limit or _ROWS)
    console = Console(highlight=False, width=None if _has_width() else _WIDTH)
    api = Api(url, username, password, _TIMEOUT_S, not insecure)
    try:
        if once or not (console.is_terminal and sys.stdin.isatty()):
            _print(api, wanted, console, 1 if once else count, interval)
        else:
            _watch(api, wanted, console, interval, count, limit)
    except Failed as failed:
        typer.echo(f"leveret top: {failed}", err=True)
        raise typer.Exit(failed.code) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    finally:
        api.close()


def _refuse(reason: str) -> None:
    typer.echo(f"leveret top: {reason}", err=True)
    raise typer.Exit(USAGE)


def _has_width() -> bool:
    return sys.stdout.isatty() or os.environ.get("COLUMNS", "").isdigit()


def _print(api: Api, wanted: Wanted, console: Console, count: int, interval_s: float) -> None:
    """Pictures one below the other: for pipes and files, and for who wants only one."""
    from .asking import ask
    from .picture import picture

    number = 0
    while True:
        due_s = time.monotonic() + interval_s
        console.print(picture(wanted, ask(api, wanted), console.width))
        sys.stdout.flush()
        number += 1
        if number == count:
            return
        time.sleep(max(0.0, due_s - time.monotonic()))
        console.print()


def _watch(api: Api, wanted: Wanted, console: Console, interval_s: float, count: int, limit: int | None) -> None:
    from .asking import ask
    from .picture import rows_for
    from .watching import Watching

    wanted = replace(wanted, rows=rows_for(console.height, limit))
    first = ask(api, wanted)  # what is wrong from the start is said, not shown
    watching = Watching(api, wanted, first, console, interval_s=interval_s, count=count, limit=limit)
    watching.run(sys.stdin.fileno())


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(top)
