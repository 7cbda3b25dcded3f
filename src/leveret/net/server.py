"""Listening sockets and the connections that came in through them.

Owns accepting (a bounded number per turn, and a pause when the process is out of file descriptors), the table of
connections, and the orderly stop. What a connection speaks is up to the session that `open_session` makes.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from .. import limits
from ..errors import ConfigError
from ..limits import LISTEN_BACKLOG
from .connection import CLOSE_GRACE_MS, Connection
from .poller import READABLE
from .prelude import ProxyHeader, TlsHandshake
from .timers import Timers
from .tls import TlsTransport, tls_of
from .transport import Transport

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..ports import Clock, Tls
    from .connection import Session
    from .prelude import Prelude
    from .proxy import Proxied, Trusted
    from .tls import TlsContext
    from .turn import Turn

ACCEPTS_PER_TURN: Final = 16
"""Per listener: making a connection and its session costs as much as some hundred messages."""
"""Connections that the system keeps while we are busy (it may keep fewer: net.core.somaxconn)."""
ACCEPT_PAUSE_MS: Final = 500
"""How long accepting rests when there are no file descriptors (or no memory for sockets) left."""
_EXHAUSTED: Final = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)

logger = logging.getLogger("leveret.net")


@dataclass(frozen=True, slots=True)
class Address:
    """One end of a TCP connection."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Ends:
    """Both ends of a connection. `proxy`: who says where it comes from, and really is at the other end."""

    peer: Address
    local: Address
    proxy: Address | None = None
    tls: Tls | None = None

    def __str__(self) -> str:
        return f"{self.peer} -> {self.local}"


class Server:
    """All listeners of one protocol and their connections, on one event loop."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        turn: Turn,
        clock: Clock,
        open_session: Callable[[Ends, Connection], Session],
        *,
        protocol: str = "AMQP",
    ) -> None:
        """`open_session(ends, shell)` makes the session of an accepted connection; `protocol` is for logs."""
        self._loop = loop
        self._open_session = open_session
        self._protocol = protocol
        self._listeners: list[_Listener] = []
        self._resume_accepting: asyncio.TimerHandle | None = None
        self._sessions = 0  # that are not over
        self._changed = asyncio.Event()  # a session is over, or a socket is closed
        self.turn = turn
        self.clock = clock
        self.timers = Timers(loop, clock)
        self.connections: dict[Connection, None] = {}
        """In order of arrival."""
        self.preludes: dict[Prelude, None] = {}
        """Sockets that are not connections yet."""

    # -- listening -----------------------------------------------------------------------------------------------

    def listen(
        self, host: str, port: int, *, tls: TlsContext | None = None, proxied: Trusted | None = None
    ) -> list[Address]:
        """Listen on every address that the host name has (port 0: a free one, the same on all); where that is.

        `proxied`: every connection begins with a PROXY header, and comes from there. Raises ConfigError when that is
        not possible.
        """
        try:
            listeners = listen_at(host, port)
        except ConfigError:
            self._close_listeners()
            raise
        self._listeners += [_Listener(one, self._accept, tls, proxied) for one in listeners]
        addresses = [Address(*one.getsockname()[:2]) for one in listeners]
        self._accept_again()
        return addresses

    def _accept_again(self) -> None:
        self._resume_accepting = None
        for listener in self._listeners:
            self.turn.poller.watch(listener.number, READABLE, listener)

    def _rest(self) -> None:
        for listener in self._listeners:
            self.turn.poller.watch(listener.number, 0, listener)

    def _close_listeners(self) -> None:
        if self._resume_accepting is not None:
            self._resume_accepting.cancel()
            self._resume_accepting = None
        self._rest()
        for listener in self._listeners:
            listener.socket.close()
        self._listeners.clear()

    def _accept(self, listener: _Listener) -> None:
        for _ in range(ACCEPTS_PER_TURN):
            try:
                accepted, peer = listener.socket.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                if error.errno not in _EXHAUSTED:
                    continue  # this one went away before we came to it (ECONNABORTED and the like, accept(2))
                logger.error("cannot accept connections for %d ms: %s", ACCEPT_PAUSE_MS, _why(error))
                self._rest()
                self._resume_accepting = self._loop.call_later(ACCEPT_PAUSE_MS / 1000, self._accept_again)
                return
            address = Address(*peer[:2])
            try:
                self._begin(listener, accepted, address)
            except OSError as error:  # gone between accept and now
                logger.info("connection from %s ended at once: %s", address, _why(error))
                accepted.close()

    def _begin(self, listener: _Listener, accepted: socket.socket, peer: Address) -> None:
        """What comes before the protocol, if anything does. Raises OSError."""
        ends = Ends(peer, Address(*accepted.getsockname()[:2]))
        if listener.proxied is not None:
            if not listener.proxied.has(peer.host):
                logger.warning("closing %s connection %s: no PROXY headers are taken from there", self._protocol, ends)
                accepted.close()
                return
            ProxyHeader(
                self,
                accepted,
                f"{self._protocol} connection {ends}",
                lambda accepted, header: self._proxied(listener, accepted, header, ends),
            ).start()
        elif listener.tls is not None:
            self._shake_hands(listener.tls, accepted, ends)
        else:
            self._open(accepted, ends)

    def _proxied(self, listener: _Listener, accepted: socket.socket, header: Proxied, ends: Ends) -> None:
        if header.source is not None and header.destination is not None:
            ends = Ends(Address(*header.source), Address(*header.destination), ends.peer)
        try:
            if listener.tls is not None:
                self._shake_hands(listener.tls, accepted, ends)
            else:
                self._open(accepted, ends)
        except OSError as error:
            logger.info("connection %s ended at once: %s", ends, _why(error))
            accepted.close()

    def _shake_hands(self, context: TlsContext, accepted: socket.socket, ends: Ends) -> None:
        def done(wrapped: ssl.SSLSocket) -> None:
            try:
                self._open(wrapped, Ends(ends.peer, ends.local, ends.proxy, tls_of(wrapped)))
            except OSError as error:
                logger.info("connection %s ended at once: %s", ends, _why(error))
                wrapped.close()

        TlsHandshake(self, accepted, f"{self._protocol} connection {ends}", context, done).start()

    def _open(self, accepted: socket.socket, ends: Ends) -> None:
        """It is a connection from here on. Raises OSError."""
        connection = Connection(self, str(ends))
        session = self._open_session(ends, connection)
        transport: Transport | TlsTransport
        if isinstance(accepted, ssl.SSLSocket):
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            transport = TlsTransport(accepted, self.turn.poller, connection)
        else:
            transport = Transport(accepted, self.turn.poller, connection)
        logger.info("accepting %s connection %s", self._protocol, connection.name)
        self._sessions += 1
        self.connections[connection] = None
        connection.attach(transport, session)

    # -- what connections call -----------------------------------------------------------------------------------

    def ended(self, connection: Connection, why: str, level: int) -> None:
        """The session of this connection is over; its socket may still be."""
        self._sessions -= 1
        self._changed.set()
        logger.log(level, "closing %s connection %s%s", self._protocol, connection.name, f": {why}" if why else "")

    def forget(self, connection: Connection) -> None:
        """The socket of this connection is closed."""
        self.connections.pop(connection, None)
        self.timers.forget(connection)
        self._changed.set()

    # -- stopping ------------------------------------------------------------------------------------------------

    async def stop(self, text: str, timeout_ms: int = limits.CLOSE_TIMEOUT_MS) -> None:
        """Accept nobody, tell every peer, wait for their answers; after `timeout_ms` drop those that gave none."""
        self._close_listeners()
        for prelude in list(self.preludes):
            prelude.abort()
        for connection in list(self.connections):
            connection.shutdown(text)
        if await self._until(lambda: not self._sessions, timeout_ms):
            await self._until(lambda: not self.connections, min(timeout_ms, CLOSE_GRACE_MS))
        for connection in list(self.connections):
            connection.abort()
        await self._until(lambda: not self.connections, limits.CLOSE_TIMEOUT_MS)
        self.timers.stop()

    async def _until(self, condition: Callable[[], bool], timeout_ms: int) -> bool:
        """Wait for what sessions and sockets do; whether it came in time."""
        try:
            async with asyncio.timeout(timeout_ms / 1000):
                while not condition():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return False
        return True


class _Listener:
    """A listening socket, as the turn sees it, and what comes before the protocol on its connections."""

    __slots__ = ("_accept", "number", "proxied", "socket", "tls")

    def __init__(
        self,
        listening: socket.socket,
        accept: Callable[[_Listener], None],
        tls: TlsContext | None,
        proxied: Trusted | None,
    ) -> None:
        self._accept = accept
        self.socket = listening
        self.number = listening.fileno()
        self.tls = tls
        self.proxied = proxied

    def ready(self, events: int) -> None:
        """Somebody connected."""
        self._accept(self)


def listen_at(host: str, port: int) -> list[socket.socket]:
    """Sockets that listen on every address that the host name has (port 0: a free one, the same on all).

    Raises ConfigError when that is not possible.
    """
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise ConfigError(f"cannot listen on {host}:{port}: {why}") from None
    failure: OSError | None = None
    listeners: list[socket.socket] = []
    for family, kind, number, _, address in dict.fromkeys(found):
        wanted = (address[0], listeners[0].getsockname()[1] if listeners else port, *address[2:])
        try:
            listeners.append(_listener(family, kind, number, wanted))
        except OSError as error:
            if error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                for listener in listeners:
                    listener.close()
                raise ConfigError(f"cannot listen on {Address(str(address[0]), wanted[1])}: {_why(error)}") from None
            failure = error  # localhost is often ::1 too, on machines without IPv6
    if not listeners:
        raise ConfigError(f"cannot listen on {host}:{port}: {_why(failure)}")
    return listeners


def _listener(family: int, kind: int, protocol: int, address: tuple[object, ...]) -> socket.socket:
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.setblocking(False)
        listener.bind(address)
        listener.listen(LISTEN_BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def _why(error: OSError | None) -> str:
    return "no address" if error is None else error.strerror or str(error)
