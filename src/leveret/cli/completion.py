"""`leveret completion SHELL`: what a shell has to know to complete `leveret` and `leveretctl`."""

from __future__ import annotations

import os
from enum import StrEnum
from typing import Annotated

import typer


class Shell(StrEnum):
    """Those that are known."""

    bash = "bash"
    zsh = "zsh"
    fish = "fish"


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command()
    def completion(shell: Annotated[Shell, typer.Argument(help="Yours.", show_default=False)]) -> None:
        """Print what completes commands and options of leveret and leveretctl in a shell.

        bash, zsh: eval "$(leveret completion bash)" in ~/.bashrc or ~/.zshrc; fish: leveret completion fish | source
        """
        from click.shell_completion import get_completion_class

        from .ctl.app import program

        kind = get_completion_class(shell.value)
        assert kind is not None
        typer.echo(kind(program(), {}, "leveretctl", "_LEVERETCTL_COMPLETE").source())
        os.environ["_LEVERET_COMPLETE"] = f"source_{shell.value}"
        app(prog_name="leveret")  # prints ours, and exits
