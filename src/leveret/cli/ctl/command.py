"""The parser: rabbitmqctl's options before and after a command, and what a command is given."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import click

from .api import Api, Failed
from .output import FORMATTERS, Rows, show

URL: Final = "http://localhost:15672"
TIMEOUT_S: Final = 60.0


_OURS: Final = "common_"
"""Arguments of commands have names of their own."""


@dataclass(slots=True)
class Common:
    """What every command may be told. None: nothing was said."""

    said: dict[str, Any] = field(default_factory=dict)

    def take(self, name: str, value: Any) -> None:
        """What is said later counts."""
        if value is not None:
            self.said[name] = value


def _common(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    assert parameter.name is not None
    context.ensure_object(Common).take(parameter.name.removeprefix(_OURS), value)


def _option(*names: str, help: str, **more: Any) -> click.Option:
    name = _OURS + names[-1].removeprefix("--").replace("-", "_")
    return click.Option([*names, name], expose_value=False, callback=_common, help=help, default=None, **more)


def common_options() -> list[click.Parameter]:
    """Those that every command has, and that may come before it as well."""
    return [
        _option("-u", "--url", help=f"URL of the management interface. [LEVERET_URL; {URL}]"),
        _option("-U", "--username", help="The user. [LEVERET_USERNAME; guest]"),
        _option("--password", help="Their password. [LEVERET_PASSWORD; guest]"),
        _option("-k", "--insecure", help="Do not verify the certificate.", is_flag=True, flag_value=True),
        _option("-p", "--vhost", help="Virtual host. [/]"),
        _option("-n", "--node", help="Taken for compatibility: there is one node."),
        _option("-l", "--longnames", help="Taken for compatibility.", is_flag=True, flag_value=True),
        _option("-t", "--timeout", help="Seconds to wait for an answer. [60]", type=float),
        _option("-q", "--quiet", help="Print the result only.", is_flag=True, flag_value=True),
        _option("-s", "--silent", help="Print the result only, without headers.", is_flag=True, flag_value=True),
        _option("--formatter", help="How lists look.", type=click.Choice(FORMATTERS)),
        _option("--no-table-headers", help="No headers.", is_flag=True, flag_value=True),
        _option("--dry-run", help="Is taken where rabbitmqctl has it.", is_flag=True, flag_value=True, hidden=True),
    ]


class Ctl:
    """What a command works with."""

    def __init__(self, common: Common) -> None:
        said = common.said
        self.vhost: str = said.get("vhost", "/")
        self.formatter: str = said.get("formatter", "table")
        self.timeout_s = said.get("timeout") or TIMEOUT_S
        self.quiet = bool(said.get("quiet") or said.get("silent"))
        self.headers = not (said.get("silent") or said.get("no_table_headers"))
        environment = os.environ
        self._api: Api | None = None
        self._url = said.get("url") or environment.get("LEVERET_URL", URL)
        self.username = said.get("username") or environment.get("LEVERET_USERNAME", "guest")
        self._password = said.get("password") or environment.get("LEVERET_PASSWORD", "guest")
        self._verify = not said.get("insecure")

    @property
    def api(self) -> Api:
        """The node."""
        if self._api is None:
            self._api = Api(self._url, self.username, self._password, self.timeout_s, self._verify)
        return self._api

    def as_user(self, username: str, password: str) -> Api:
        """The node, for somebody else."""
        return Api(self._url, username, password, self.timeout_s, self._verify)

    def say(self, text: str) -> None:
        """What is being done: for people, so not when it should be quiet or is for programs."""
        if not self.quiet and self.formatter in ("table", "pretty_table"):
            print(text)

    def show(self, columns: Any, rows: Any) -> None:
        """A list."""
        show(Rows(columns, rows), self.formatter, self.headers)

    def close(self) -> None:
        """No more calls."""
        if self._api is not None:
            self._api.close()


Handler = Callable[..., None]


@dataclass(frozen=True, slots=True)
class Declared:
    """A command of the table."""

    handler: Handler
    params: tuple[click.Parameter, ...]
    group: str
    epilog: str = ""
    """What its help ends with."""


COMMANDS: Final[dict[str, Declared]] = {}


def command(group: str, *params: click.Parameter, epilog: str = "") -> Callable[[Handler], Handler]:
    """Put a function into the table, under its name; its docstring is its help."""

    def declare(handler: Handler) -> Handler:
        COMMANDS[handler.__name__.rstrip("_")] = Declared(handler, params, group, epilog)
        return handler

    return declare


def argument(name: str, **more: Any) -> click.Argument:
    """One that has to be there, unless `more` says otherwise."""
    return click.Argument([name], **more)


def option(*names: str, **more: Any) -> click.Option:
    """One of this command."""
    return click.Option(names, **more)


def json_of(text: str) -> Any:
    """What an argument says as JSON. Raises Failed."""
    try:
        return json.loads(text)
    except ValueError as error:
        raise Failed(f"JSON decoding error. Reason: {error}") from None


def object_of(text: str) -> dict[str, Any]:
    """Likewise, an object. Raises Failed."""
    found = json_of(text)
    if not isinstance(found, dict):
        raise Failed("JSON decoding error. Reason: not an object")
    return found
