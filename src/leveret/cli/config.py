"""`leveret config check` and `leveret config show`: what files say, and what a broker would run with."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from .. import config
from ..errors import ConfigError

app = typer.Typer(help="Look at configuration without starting a broker.", no_args_is_help=True)


@app.command()
def check(
    files: Annotated[list[Path], typer.Argument(help="rabbitmq.conf files, or our TOML.", show_default=False)],
) -> None:
    """Say whether files can be used: what is wrong, unknown, or has no effect, with its line."""
    console = Console(highlight=False, soft_wrap=True)
    wrong = False
    for file in files:
        name = "config" if file.suffix == ".toml" else "rabbitmq-conf"
        try:
            loaded = config.load_all({name: file}, {})
        except ConfigError as error:
            console.print(f"[red]error[/red]    {escape(str(error))}")
            wrong = True
            continue
        for warning in loaded.warnings:
            console.print(f"[yellow]warning[/yellow]  {escape(warning)}")
        said = len(loaded.origins) - 1
        console.print(f"[green]ok[/green]       {escape(str(file))}: {said} option{'' if said == 1 else 's'} set")
    raise typer.Exit(1 if wrong else 0)


@app.command()
def show(
    toml: Annotated[Path | None, typer.Option("--config", help="TOML file.", show_default=False)] = None,
    conf: Annotated[Path | None, typer.Option("--rabbitmq-conf", help="rabbitmq.conf.", show_default=False)] = None,
    changed: Annotated[bool, typer.Option("--changed", help="Only what is not the default.")] = False,
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Show the options that a broker would run with here, and where each comes from. Secrets are hidden."""
    console = Console(highlight=False)
    try:
        loaded = config.load_all({"config": toml, "rabbitmq-conf": conf}, os.environ)
    except ConfigError as error:
        console.print(f"[red]leveret:[/red] {escape(str(error))}", soft_wrap=True)
        raise typer.Exit(2) from None
    rows = [
        (
            option.name,
            config.shown(option, getattr(loaded.options, option.field)),
            loaded.origins.get(option.name, "default"),
        )
        for option in config.TABLE
        if not changed or option.name in loaded.origins
    ]
    if json:
        import msgspec

        typer.echo(msgspec.json.format(msgspec.json.encode({n: {"value": v, "from": o} for n, v, o in rows})).decode())
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("option", "value", "from"):
        table.add_column(column, overflow="fold")
    for name, value, origin in rows:
        style = "dim" if origin == "default" else ""
        table.add_row(name, escape(value), escape(origin), style=style)
    console.print(table)
    for warning in loaded.warnings:
        console.print(f"[yellow]warning[/yellow]  {escape(warning)}", soft_wrap=True)


def register(parent: typer.Typer) -> None:
    """Add the commands."""
    parent.add_typer(app, name="config")
