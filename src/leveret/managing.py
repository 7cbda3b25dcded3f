"""The management interface of a node: what it manages, where it listens, and its start after AMQP serves.

What it is made of (an HTTP server, a web framework) is imported in a thread then, so that no client waits for it.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

from . import config
from .config.options import TABLE
from .errors import ConfigError
from .listeners import tls_options_of
from .management.http.options import Listening, Logins, ManagementOptions
from .management.statistics import Statistics
from .net import listen_at
from .net.tls import TlsContext

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from .config import Options
    from .listeners import Listener
    from .management.definitions import Definitions
    from .management.http.machine import Machine
    from .management.http.server import HttpServer
    from .net.server import Address
    from .node import Node


def _sockets(host: str, port: int, option: str) -> list[socket.socket]:
    """Who cannot listen is told which of the broker's ports it was."""
    try:
        return listen_at(host, port)
    except ConfigError as error:
        raise ConfigError(f"{error} ({option})") from None


class Management:
    """The management interface of one node; it is what `management.http.caller.Managed` asks for."""

    def __init__(self, node: Node, options: Options, directory: Path | None = None) -> None:
        """Listen, as the options say. Raises ConfigError when that is not possible."""
        self._options = options
        self.node = node
        self.brain = node.brain
        self.accounts = node.accounts
        self.administration = node.administration
        self.credentials = node.credentials
        self.access = node.access
        self.clock = node.clock
        self.disk_free = node.disk_free
        self.mechanisms = options.auth_mechanisms
        self.data_dir = "" if directory is None else str(directory.absolute())
        self.config_files = [str(file) for file in (options.config, options.rabbitmq_conf) if file is not None]
        self.log_file = "" if options.log_file is None else str(options.log_file)
        self.logins = Logins()
        self.turns = node.turn.lengths
        self.statistics = Statistics(node.brain)
        self.management = ManagementOptions(
            options.management_path_prefix,
            options.management_login_session_timeout * 60_000,
            options.management_cors_allow_origins,
            options.management_cors_max_age,
            options.management_csp_policy,
            options.management_hsts_policy,
        )
        self.listening: list[Listening] = []
        self.machine: Machine
        self._server: HttpServer | None = None
        self._tls: TlsContext | None = None
        self._sockets: list[tuple[socket.socket, ssl.SSLContext | None]] = []
        self._metrics: list[socket.socket] = []
        try:
            self._listen_all(options)
        except BaseException:
            self._close()
            raise

    def _listen_all(self, options: Options) -> None:
        host = options.management_host or options.host
        self._listen("http", host, options.management_port, None, "management-port")
        if options.management_tls_port:
            # Who calls says so with a password: certificates of clients are not asked for.
            self._tls = TlsContext(replace(tls_options_of(options), verify=False, require=False))
            self._listen("https", host, options.management_tls_port, self._tls.for_asyncio(), "management-tls-port")
        if options.metrics:
            self._metrics = _sockets(options.metrics_host or options.host, options.metrics_port, "metrics-port")
            for one in self._metrics:
                self.listening.append(Listening("http/prometheus", *one.getsockname()[:2]))

    def _listen(self, protocol: str, host: str, port: int, tls: ssl.SSLContext | None, option: str) -> None:
        for one in _sockets(host, port, option):
            self._sockets.append((one, tls))
            self.listening.append(Listening(protocol, *one.getsockname()[:2]))

    @property
    def urls(self) -> list[str]:
        """Where it is."""
        prefix = self.management.path_prefix
        return [
            f"{one.protocol}://{f'[{one.host}]' if ':' in one.host else one.host}:{one.port}{prefix}/"
            for one in self.listening
            if one.protocol in ("http", "https")
        ]

    @property
    def metrics_urls(self) -> list[str]:
        """Where metrics are alone."""
        found = [one for one in self.listening if one.protocol == "http/prometheus"]
        return [f"http://{f'[{one.host}]' if ':' in one.host else one.host}:{one.port}/metrics" for one in found]

    def also(self, served: Iterable[tuple[Listener, Address]]) -> None:
        """Clients can connect there, too."""
        self.listening += [
            Listening("amqp" if one.tls is None else "amqp/ssl", address.host, address.port) for one, address in served
        ]

    async def start(self) -> None:
        """Serve."""
        if self._tls is not None:
            self.node.certificates.add(self._tls, self.clock.monotonic_ms())
        module = await asyncio.to_thread(import_module, "leveret.management.http.server")
        self.machine = module.Machine(self)
        self._server = module.HttpServer(self)
        await self._server.start(self._sockets, self._metrics, self._options.metrics_authentication)

    async def stop(self) -> None:
        """Serve no more."""
        if self._server is not None:
            await self._server.stop()
        self._close()

    def _close(self) -> None:
        for one in (*(one for one, _ in self._sockets), *self._metrics):
            one.close()

    @property
    def cluster_name(self) -> str:
        """What the broker is called: as somebody said while it ran, or else as the option says."""
        return self.brain.parameters.cluster_name or self._options.cluster_name

    @property
    def consumer_timeout_ms(self) -> int:
        """How long consumers may take for a message; 0: any time."""
        return self._options.consumer_timeout

    def certificates_until(self) -> Mapping[str, float]:
        """When the certificates that are shown to clients end, by file, in seconds of the wall clock."""
        from cryptography.x509 import load_pem_x509_certificate

        if self._options.tls_certfile is None:
            return {}
        shown = tls_options_of(self._options)
        files = {one.certfile for one in (shown.certificate, *shown.names.values())}
        return {
            str(file): load_pem_x509_certificate(file.read_bytes()).not_valid_after_utc.timestamp()
            for file in sorted(files)
        }

    def effective(self) -> Mapping[str, Any]:
        """Options as they are in effect; secrets are hidden."""
        return {option.name: config.shown(option, getattr(self._options, option.field)) for option in TABLE}

    def import_definitions(self, data: bytes | Definitions, vhost: str | None = None) -> int | None:
        """Make what a definition file tells of; when it is on disk. Raises DefinitionError."""
        return self.node.import_definitions(data, vhost)
