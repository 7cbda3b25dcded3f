"""The program `leveretctl`."""

from __future__ import annotations

import difflib
import sys
from typing import Any, Final

import click

from . import accounts, changing, diagnosing, listing  # noqa: F401 (they fill the table)
from .api import OK, SOFTWARE, USAGE, Failed
from .command import COMMANDS, Common, Ctl, Declared, argument, command, common_options

GONE: Final = {
    "eval": "runs Erlang inside of RabbitMQ",
    "eval_file": "runs Erlang inside of RabbitMQ",
    "exec": "runs Elixir inside of the tool",
    "remote_shell": "opens an Erlang shell",
    "observer": "shows an Erlang machine",
    "force_gc": "is of the Erlang machine",
    "stop_app": "is of the Erlang machine: stop the process instead",
    "start_app": "is of the Erlang machine: start the process instead",
    "stop": "needs a tool on the broker's machine: send SIGTERM to the process",
    "shutdown": "needs a tool on the broker's machine: send SIGTERM to the process",
    "reset": "needs a stopped broker: remove its data directory",
    "force_reset": "needs a stopped broker: remove its data directory",
    "join_cluster": "is for clusters",
    "forget_cluster_node": "is for clusters",
    "rename_cluster_node": "is for clusters",
    "update_cluster_nodes": "is for clusters",
    "force_boot": "is for clusters",
    "await_online_nodes": "is for clusters",
    "rotate_logs": "is a matter of log-rotation-size",
    "set_log_level": "is a matter of log-level",
    "set_vm_memory_high_watermark": "is a matter of vm-memory-high-watermark",
    "set_disk_free_limit": "is a matter of disk-free-limit",
    "suspend_listeners": "is not there yet",
    "resume_listeners": "is not there yet",
    "encode": "is for encrypted values of Erlang's configuration",
    "decode": "is for encrypted values of Erlang's configuration",
}
"""rabbitmqctl's commands that Leveret has not, and why."""


@command("Help", argument("name", required=False))
def help_(ctl: Ctl, name: str | None) -> None:
    """Shows how a command is used, or which there are."""
    root = program()
    if name is None:
        print(root.get_help(click.Context(root, info_name="leveretctl")))
        return
    found = root.commands.get(name)
    if found is None:
        raise _unknown(name)
    print(found.get_help(click.Context(found, info_name=f"leveretctl {name}")))


class _Group(click.Group):
    """Commands by what they are about; an unknown one gets a suggestion."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        groups: dict[str, list[tuple[str, str]]] = {}
        for name, declared in COMMANDS.items():
            groups.setdefault(declared.group, []).append((name, self.commands[name].get_short_help_str(80)))
        for group, rows in sorted(groups.items()):
            with formatter.section(group):
                formatter.write_dl(sorted(rows))

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        if args and args[0] not in self.commands:
            raise _unknown(args[0])
        return super().resolve_command(ctx, args)


def _unknown(name: str) -> Failed:
    if why := GONE.get(name):
        return Failed(f"{name} {why}; Leveret has no such command.", USAGE)
    close = difflib.get_close_matches(name, COMMANDS, 1)
    hint = f"\nDid you mean '{close[0]}'?" if close else "\nSee 'leveretctl help'."
    return Failed(f"Command '{name}' not found.{hint}", USAGE)


def program() -> _Group:
    """The parser."""
    root = _Group(
        "leveretctl",
        params=common_options(),
        help="Manage a Leveret broker: rabbitmqctl's commands, over the HTTP API.",
        epilog="Where it is: --url, --username, --password; or LEVERET_URL, LEVERET_USERNAME, LEVERET_PASSWORD.",
        no_args_is_help=True,
        context_settings={"help_option_names": ["--help", "-?"], "obj": Common()},
    )
    for name, declared in COMMANDS.items():
        root.add_command(_command(name, declared))
    return root


def _command(name: str, declared: Declared) -> click.Command:
    handler = declared.handler
    taken = {flag for one in declared.params for flag in one.opts}
    shared = [one for one in common_options() if not taken & {*one.opts}]

    def call(**said: Any) -> None:
        common = click.get_current_context().find_object(Common)
        assert common is not None
        ctl = Ctl(common)
        try:
            handler(ctl, **said)
        finally:
            ctl.close()

    params = [*declared.params, *shared]
    return click.Command(name, callback=call, params=params, help=handler.__doc__, epilog=declared.epilog)


def main(arguments: list[str] | None = None) -> None:
    """Run it, and exit with rabbitmqctl's codes."""
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: list[str]) -> int:
    """The exit code."""
    try:
        program().main(arguments, "leveretctl", standalone_mode=False, obj=Common())
    except Failed as failed:
        print(f"Error:\n{failed}", file=sys.stderr)
        return failed.code
    except click.exceptions.NoArgsIsHelpError as nothing:
        print(nothing.format_message(), file=sys.stderr)
        return USAGE
    except click.UsageError as error:
        print(f"Error (argument validation): {error.format_message()}", file=sys.stderr)
        if error.ctx is not None:
            print(f"\n{error.ctx.get_usage()}", file=sys.stderr)
        return USAGE
    except click.Abort:
        return SOFTWARE
    except BrokenPipeError:
        sys.stderr.close()  # who reads has enough
        return OK
    return OK
