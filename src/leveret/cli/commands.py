"""All commands, with help and shell completion, by Typer. `serve` is here for these two: it runs without this module.

A command that is more than a few lines has a file of its own, which registers it on `app`.
"""

from __future__ import annotations

import inspect
import sys
from time import perf_counter_ns
from typing import Annotated, Any

import typer

from .. import __version__, config
from . import completion, data, help
from . import config as config_commands
from . import ping as ping_command
from .bench import command as bench
from .top import command as top

app = typer.Typer(
    name="leveret",
    help="Leveret: a message broker that speaks AMQP 0-9-1.",
    epilog="A running broker is managed with leveretctl, or in a browser at http://localhost:15672.",
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    cls=help.Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def leveret(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
) -> None:
    """Leveret: a message broker that speaks AMQP 0-9-1."""
    if version:
        typer.echo(__version__)
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def version() -> None:
    """Show the versions of Leveret and of what it runs on."""
    import platform

    from ..wire import IMPLEMENTATION

    typer.echo(f"leveret {__version__} ({IMPLEMENTATION}) on Python {platform.python_version()}")


def serve(**values: object) -> None:
    """Run a broker in the foreground, until SIGTERM or SIGINT.

    Every option is also an environment variable (--management-port: LEVERET_MANAGEMENT_PORT), and a key of the TOML
    file that --config names (management-port = 15672). A flag goes before a variable, a variable before the file.
    """
    from .serve import serve as serve_flags

    flags = []
    for option in config.TABLE:
        value = values.get(option.field)
        if isinstance(value, bool):
            flags.append(f"--{option.name}" if value else f"--no-{option.name}")
        elif value is not None:
            flags += [f"--{option.name}", str(value)]
    sys.exit(serve_flags(flags, perf_counter_ns()))


def _parameter(option: config.Option) -> inspect.Parameter:
    kind: Any = str | None if option.metavar else bool | None
    return inspect.Parameter(
        option.field, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind, help.declared(option)]
    )


_parameters = [_parameter(option) for option in config.TABLE if not option.secret]
# Typer reads a command's options from its signature; this one comes from the table.
serve.__signature__ = inspect.Signature(_parameters)  # type: ignore[attr-defined]
serve.__annotations__ = {parameter.name: parameter.annotation for parameter in _parameters}
app.command(cls=help.Serve)(serve)
top.register(app)
bench.register(app)
ping_command.register(app)
config_commands.register(app)
data.register(app)
completion.register(app)
app.command()(version)
