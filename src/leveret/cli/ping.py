"""`leveret ping`: whether a broker answers, asked in AMQP: it needs neither a management interface nor a password.

It looks where a broker with the same options would listen. Made for the health checks of containers.
"""

from __future__ import annotations

import os
import socket
import ssl
import struct
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple

import typer

from .. import config
from ..config.values import split_endpoint
from ..errors import ConfigError
from ..wire.frames import PROTOCOL_HEADER, method_frame
from ..wire.methods import ConnectionClose

if TYPE_CHECKING:
    from typing import BinaryIO

    from ..config import Options

_FRAME: Final = struct.Struct(">BHIHH")
"""Kind, channel, size; class and method."""
_START: Final = (10, 10)
_CLOSE_OK: Final = (10, 51)
_PROXY_LOCAL: Final = b"\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00"
"""The header of PROXY's version 2 by which a balancer asks for itself."""
_EVERYWHERE: Final = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}


class Target(NamedTuple):
    """Where to ask, and what comes before the protocol there."""

    host: str
    port: int
    tls: bool = False
    proxied: bool = False


def target_of(options: Options) -> Target:
    """The first listener of a broker with these options. Raises ConfigError when there is none."""
    plain = options.listen or (f"{options.host}:{options.port}",)
    secure = options.tls_listen or ((f"{options.host}:{options.tls_port}",) if options.tls_port else ())
    for where, tls in [*((one, False) for one in plain if one != "none"), *((one, True) for one in secure)]:
        host, port = split_endpoint(where)
        if not port:
            raise ConfigError("nobody can know which port a broker with port 0 took: say --port")
        return Target(_EVERYWHERE.get(host, host), port, tls, options.proxy_protocol)
    raise ConfigError("there is nowhere to ask (from listen)")


def ask(target: Target, timeout_s: float, certificates: bool = False) -> None:
    """Begin a connection, and close it in good order before logging in.

    With `certificates` (of clients, and the broker wants them) it is an answer, too, that we have none.
    Raises OSError when nobody answers, ValueError when somebody else does.
    """
    with socket.create_connection((target.host, target.port), timeout_s) as connected:
        if target.proxied:
            connected.sendall(_PROXY_LOCAL)
        if not target.tls:
            _talk(connected)
            return
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False  # who answers there is not the question
        context.verify_mode = ssl.CERT_NONE
        try:
            wrapped = context.wrap_socket(connected)
        except ssl.SSLError as error:  # TLS 1.2 refuses as part of the handshake
            if not (certificates and "_ALERT_" in (error.reason or "")):
                raise
            return
        with wrapped:
            try:
                _talk(wrapped)
            except (ssl.SSLError, ConnectionError):  # TLS 1.3 refuses after it; the alert may be lost with the rest
                if not certificates:
                    raise


def _talk(connected: socket.socket) -> None:
    with connected.makefile("rb") as answers:
        connected.sendall(PROTOCOL_HEADER)
        _expect(answers, _START)
        connected.sendall(method_frame(0, ConnectionClose(200, "ping", 0, 0)))
        _expect(answers, _CLOSE_OK)


def _expect(answers: BinaryIO, wanted: tuple[int, int]) -> None:
    head = answers.read(_FRAME.size)
    if not head:
        raise ConnectionResetError("the connection ended")
    if len(head) < _FRAME.size or head[:1] != b"\x01":
        raise ValueError("who answers does not speak AMQP 0-9-1")
    _, channel, size, *method = _FRAME.unpack(head)
    if channel or (*method,) != wanted:
        raise ValueError("the broker says something else")
    answers.read(size - 4 + 1)


def ping(
    host: Annotated[str | None, typer.Option(help="Instead of where the options say.", show_default=False)] = None,
    port: Annotated[str | None, typer.Option(help="Instead of what the options say.", show_default=False)] = None,
    toml: Annotated[Path | None, typer.Option("--config", help="TOML file.", show_default=False)] = None,
    conf: Annotated[Path | None, typer.Option("--rabbitmq-conf", help="rabbitmq.conf.", show_default=False)] = None,
    timeout: Annotated[float, typer.Option(help="Seconds to wait for an answer.", min=0.001)] = 5.0,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing when it answers.")] = False,
) -> None:
    """Ask a broker whether it answers, in AMQP and without logging in.

    It asks where `leveret serve` with the same environment and files would listen.

    Exit code 0: it answers; 1: it does not.
    """
    flags = {"host": host, "port": port, "config": toml, "rabbitmq-conf": conf}
    try:
        options = config.load(flags, os.environ)
        if host is not None or port is not None:
            target = Target(options.host, options.port, False, options.proxy_protocol)
        else:
            target = target_of(options)
        began = perf_counter()
        ask(target, timeout, options.tls_require_certificate)
    except ConfigError as error:
        typer.echo(f"leveret: {error}", err=True)
        raise typer.Exit(1) from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        typer.echo(f"leveret: no broker at {target.host}:{target.port}: {why}", err=True)
        raise typer.Exit(1) from None
    if not quiet:
        typer.echo(f"{target.host}:{target.port} answers in {(perf_counter() - began) * 1000:.1f} ms")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(ping)
