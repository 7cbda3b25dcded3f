"""`leveret inspect` and `leveret repair`: what a data directory holds, and what is left of a damaged one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, NoReturn

import typer
from rich.filesize import decimal

from ..errors import ConfigError, DamageError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from ..maintenance import QueueReport, Report

_ROWS: Final = 20
"""Of a table, unless all are asked for."""

_Directory = Annotated[Path, typer.Argument(metavar="DATA-DIR", help="Where a broker keeps its data.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(inspect)
    app.command()(repair)


def inspect(
    directory: _Directory,
    check: Annotated[bool, typer.Option("--check", help="Read all messages, too.")] = False,
    everything: Annotated[bool, typer.Option("--all", help=f"Show all queues, not only {_ROWS}.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print it for programs.")] = False,
) -> None:
    """Show what a data directory holds, and whether it is damaged. No broker may be using it; nothing is changed.

    Exit code 0: nothing is damaged; 1: something is; 2: nothing can be said.
    """
    from ..disk.directory import Directory
    from ..maintenance import Examination

    try:
        with Directory.existing(directory, exclusive=False) as opened:
            report = Examination(opened, bodies=check).report()
    except (ConfigError, OSError) as error:
        _cannot(error, directory)
    if as_json:
        import msgspec

        typer.echo(msgspec.json.encode(report))
    else:
        _show(report, everything)
    raise typer.Exit(1 if report.damage else 0)


def repair(
    directory: _Directory,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    everything: Annotated[bool, typer.Option("--all", help=f"Show all queues, not only {_ROWS}.")] = False,
) -> None:
    """Bring back what is left of a damaged data directory. Shows what is lost, and asks.

    Damaged files are kept, in a new folder damaged-1 (or -2, ...) of the directory. It can be tried again at any time.

    Exit code 0: repaired, or nothing to do; 1: you said no; 2: it cannot be done.
    """
    from ..disk.directory import Directory
    from ..maintenance import Examination

    console = _console()
    try:
        with Directory.existing(directory, exclusive=True) as opened:
            examination = Examination(opened, bodies=True)
            report = examination.report()
            if not report.damage:
                console.print(f"Nothing is damaged: {_count(report.messages, 'message')} in {opened.path}.")
                return
            _show_damage(console, report)
            _show_losses(console, report, everything)
            if not yes:
                _ask()
            folder = examination.repair()
    except (ConfigError, OSError) as error:
        _cannot(error, directory)
    console.print(
        f"Repaired: {_count(report.messages, 'message')} in {_count(len(report.queues), 'queue')}."
        " They come as redelivered." * bool(report.messages)
    )
    if folder is not None:
        console.print(f"The damaged files are kept in {folder}", soft_wrap=True)


def _ask() -> None:
    if not sys.stdin.isatty():
        raise ConfigError("nothing was changed: without a terminal to ask, say --yes")
    if not typer.confirm("Bring the rest back?"):
        typer.echo("Nothing was changed.")
        raise typer.Exit(1)


def _cannot(error: Exception, directory: Path) -> NoReturn:
    if isinstance(error, DamageError):
        error = ConfigError(f"{error.problem}: {directory / error.file} at offset {error.offset}")
    typer.echo(f"leveret: {error}", err=True)
    raise typer.Exit(2) from error


# -- what is shown -----------------------------------------------------------------------------------------------------


def _console() -> Console:
    from rich.console import Console

    return Console(highlight=False)


def _show(report: Report, everything: bool) -> None:
    from rich.table import Table

    console = _console()
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="dim")
    facts.add_column(overflow="fold")
    facts.add_row("directory", report.directory)
    facts.add_row("format", "unknown" if report.format is None else str(report.format))
    checkpoint = "there is none, the whole log is read" if report.checkpoint is None else _place(report)
    facts.add_row("checkpoint", checkpoint)
    facts.add_row("log ends at", f"{report.end_file}, offset {report.end_offset:,}" if report.end_file else "-")
    facts.add_row("files", f"{len(report.segments):,}, {decimal(sum(file.size for file in report.segments))}")
    share = 100 * report.live // max(report.size, 1)
    facts.add_row(
        "written", f"{decimal(report.size)}: {decimal(report.live)} live ({share} %), {decimal(report.dead)} dead"
    )
    ops = [_count(count, kind[:-1]) for kind, count in report.records.items() if count and kind != "records"]
    facts.add_row("read", _count(report.records["records"], "record") + (f": {', '.join(ops)}" if ops else ""))
    defined = [
        _count(report.vhosts, "vhost"),
        _count(report.users, "user"),
        _count(report.exchanges, "exchange"),
        _count(len(report.queues), "queue"),
        _count(report.bindings, "binding"),
    ]
    facts.add_row("defined", ", ".join(defined))
    facts.add_row("ready", f"{_count(report.messages, 'message')}, {decimal(report.bytes)}")
    console.print(facts)
    if report.queues:
        console.print()
        _show_queues(console, report, everything)
    console.print()
    if report.damage:
        _show_damage(console, report)
        console.print(f"See what is lost and bring back the rest: leveret repair {report.directory}", soft_wrap=True)
    else:
        checked = "records and messages" if report.bodies_checked else "records; messages are read with --check"
        console.print(f"No damage ({checked}).")


def _place(report: Report) -> str:
    for file in report.segments:
        base = int(file.file[4:-4], 16)
        if report.checkpoint is not None and base <= report.checkpoint < base + file.size:
            return f"{file.file}, offset {report.checkpoint - base:,}"
    return f"position {report.checkpoint:,}, which no file has"


def _show_queues(console: Console, report: Report, everything: bool) -> None:
    table = _table("queue", "vhost", "~messages", "~size", "~extents")
    shown = _largest(report.queues, everything)
    for queue in shown:
        table.add_row(queue.name, queue.vhost, f"{queue.messages:,}", decimal(queue.bytes), f"{queue.extents:,}")
    console.print(table)
    _say_rest(console, len(report.queues) - len(shown))


def _show_damage(console: Console, report: Report) -> None:
    table = _table("damaged file", "~offset", "~bytes", "what")
    for damage in report.damage[:_ROWS]:
        size = "" if damage.size is None else f"{damage.size:,}"
        table.add_row(damage.file, f"{damage.offset:,}", size, damage.problem)
    console.print(table)
    if len(report.damage) > _ROWS:
        console.print(f"and {len(report.damage) - _ROWS:,} more", style="dim")
    console.print()


def _show_losses(console: Console, report: Report, everything: bool) -> None:
    table = _table("queue", "vhost", "~comes back", "~lost", "~lost at most")
    hit = [queue for queue in report.queues if queue.unreadable or queue.missing]
    shown = _largest(hit, everything)
    for queue in shown:
        most = queue.unreadable + queue.missing
        table.add_row(queue.name, queue.vhost, f"{queue.messages:,}", f"{queue.unreadable:,}", f"{most:,}")
    if shown:
        console.print(table)
        _say_rest(console, len(hit) - len(shown))
        console.print()
    others = len(report.queues) - len(hit)
    if others and report.queues:
        messages = sum(queue.messages for queue in report.queues) - sum(queue.messages for queue in hit)
        console.print(f"{_count(messages, 'message')} in {_count(others, 'queue')} without known losses come back.")
    if report.unknown:
        lost = _count(sum(report.unknown.values()), "message")
        console.print(f"{lost} of {_count(len(report.unknown), 'queue')} are lost because no declaration is left.")
    if any(damage.problem == "no record can be read" or damage.size is None for damage in report.damage):
        console.print("What was acknowledged or declared in what cannot be read is not known.")
    console.print()


def _largest(queues: list[QueueReport], everything: bool) -> list[QueueReport]:
    ordered = sorted(queues, key=lambda queue: (-queue.messages, queue.vhost, queue.name))
    return ordered if everything else ordered[:_ROWS]


def _say_rest(console: Console, count: int) -> None:
    if count > 0:
        console.print(f"and {_count(count, 'queue')} more (--all)", style="dim")


def _table(*columns: str) -> Table:
    """With these columns; "~" stands before those of numbers."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        if column.startswith("~"):
            table.add_column(column[1:], justify="right", no_wrap=True)
        else:
            table.add_column(column, overflow="fold")
    return table


def _count(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
