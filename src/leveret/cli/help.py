"""How help looks where Typer's own way does not do: the commands of `leveret`, and the many options of `serve`."""

from __future__ import annotations

from typing import Any, Final

import typer
from typer.core import TyperCommand, TyperGroup

from .. import config

SECTIONS: Final = {
    "host": "Where it listens",
    "management": "Management and metrics",
    "data-dir": "Data and files",
    "vm-memory-high-watermark": "Memory and disk",
    "cluster-name": "Name and definitions",
    "connection-max": "What clients may ask for",
    "auth-mechanisms": "Who may log in",
    "auth-backends": "Users that somebody else knows",
    "tls-port": "TLS",
    "proxy-protocol": "Behind a load balancer",
    "log-level": "The log",
}
"""What options are about, from the named one of the table on."""

_WIDTH: Final = 34
"""Longer names have a line of their own: none is ever cut."""


class Commands(TyperGroup):
    """Without Typer's own options for completion: `leveret completion` knows both programs."""

    def get_params(self, ctx: Any) -> Any:
        """Of the program itself."""
        theirs = ("install_completion", "show_completion")
        return [one for one in super().get_params(ctx) if one.name not in theirs]


class Serve(TyperCommand):
    """A hundred options, by what they are about, readable in 80 columns and in a pipe."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Usage, what it does, options."""
        self.format_usage(ctx, formatter)
        for paragraph in (self.help or "").split("\n\n"):
            formatter.write_paragraph()
            with formatter.indentation():
                formatter.write_text(paragraph)
        rows: dict[str, list[tuple[str, str]]] = {}
        section = ""
        for option in config.TABLE:
            section = SECTIONS.get(option.name, section)
            if not option.secret:
                rows.setdefault(section, []).append(_row(option))
        for title, group in rows.items():
            with formatter.section(title):
                formatter.write_dl(group, col_max=_WIDTH)
        secrets = ", ".join(option.variable for option in config.TABLE if option.secret)
        formatter.write_paragraph()
        with formatter.indentation():
            formatter.write_text(f"Flags are in the list of processes, so passwords have none: {secrets}.")


def _row(option: config.Option) -> tuple[str, str]:
    if not option.metavar:
        return f"--{option.name}, --no-{option.name}", f"{option.help} [{'on' if option.default else 'off'}]"
    text = option.help
    if option.default not in (None, (), ""):
        text += f" [{option.shown or option.default}]"
    return f"--{option.name} {option.metavar}", text


def declared(option: config.Option) -> Any:
    """An option of the table as Typer has them."""
    names = [f"--{option.name}"] if option.metavar else [f"--{option.name}/--no-{option.name}"]
    return typer.Option(*names, help=option.help, metavar=option.metavar or None, show_default=False)
