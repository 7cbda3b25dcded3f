"""What happens on an accepted socket before it is a connection: a PROXY header, a TLS handshake.

Each is a step with its own place in the poller and a time limit; whoever does not finish in time is dropped. A peer
that fails is told of in one line of the log, and nobody else notices.
"""

from __future__ import annotations

import logging
import socket
import ssl
from typing import TYPE_CHECKING

from ..limits import PRELUDE_TIMEOUT_MS
from .poller import HUNG_UP, READABLE, WRITABLE
from .proxy import HEADER_SIZE_MAX, ProxyError, parse

if TYPE_CHECKING:
    from collections.abc import Callable

    from .proxy import Proxied
    from .server import Server
    from .tls import TlsContext

logger = logging.getLogger("leveret.net")


class Prelude:
    """One socket that is not a connection yet. `name` is for logs."""

    __slots__ = ("_events", "_server", "name", "socket", "tick_at_ms")

    def __init__(self, server: Server, accepted: socket.socket, name: str) -> None:
        self._server = server
        self._events = READABLE
        self.socket = accepted
        self.name = name
        self.tick_at_ms: int | None = None

    def start(self) -> None:
        """Wait for the peer. Raises OSError."""
        self.socket.setblocking(False)
        self._server.preludes[self] = None
        self._server.turn.poller.watch(self.socket.fileno(), self._events, self)
        self._server.timers.at(self._server.clock.monotonic_ms() + PRELUDE_TIMEOUT_MS, self)

    def ready(self, events: int) -> None:
        """The peer said something: go on."""
        raise NotImplementedError

    def tick(self, now_ms: int) -> None:
        """Time is up."""
        self.fail("timeout")

    def fail(self, why: str) -> None:
        """It does not become a connection."""
        logger.warning("closing %s: %s", self.name, why)
        self.abort()

    def abort(self) -> None:
        """Drop the socket."""
        self._leave()
        self.socket.close()

    def _leave(self) -> None:
        self._server.turn.poller.watch(self.socket.fileno(), 0, self)
        self._server.timers.forget(self)
        self._server.preludes.pop(self, None)

    def _wait_for(self, events: int) -> None:
        if events != self._events:
            self._events = events
            self._server.turn.poller.watch(self.socket.fileno(), events, self)


class ProxyHeader(Prelude):
    """Reads no byte more than the header has: what follows belongs to TLS or the protocol."""

    __slots__ = ("_done",)

    def __init__(
        self, server: Server, accepted: socket.socket, name: str, done: Callable[[socket.socket, Proxied], None]
    ) -> None:
        super().__init__(server, accepted, name)
        self._events = READABLE | HUNG_UP
        self._done = done

    def ready(self, events: int) -> None:
        """More of the header is there, perhaps all."""
        try:
            data = self.socket.recv(HEADER_SIZE_MAX, socket.MSG_PEEK)
            if not data:
                self.fail("the peer closed before its PROXY header")
                return
            found = parse(data)
            if found is None and events & HUNG_UP:
                self.fail("the peer closed within its PROXY header")
                return
            if found is None:
                # What is there stays there, and the poller would tell of it again and again: ask for one byte more.
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, len(data) + 1)
                return
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)
            self.socket.recv(found.size)
        except BlockingIOError:
            return
        except ProxyError as error:
            self.fail(str(error))
            return
        except OSError as error:
            self.fail(error.strerror or str(error))
            return
        self._leave()
        self._done(self.socket, found)


class TlsHandshake(Prelude):
    """Shakes hands."""

    __slots__ = ("_done", "_wrapped")

    def __init__(
        self,
        server: Server,
        accepted: socket.socket,
        name: str,
        context: TlsContext,
        done: Callable[[ssl.SSLSocket], None],
    ) -> None:
        """Raises OSError."""
        accepted.setblocking(False)
        wrapped = context.wrap(accepted)
        super().__init__(server, wrapped, name)
        self._wrapped = wrapped
        self._done = done

    def ready(self, events: int) -> None:
        """Go on as far as what came allows."""
        try:
            self._wrapped.do_handshake()
        except ssl.SSLWantReadError:
            self._wait_for(READABLE)
        except ssl.SSLWantWriteError:
            self._wait_for(READABLE | WRITABLE)
        except ssl.SSLError as error:
            self.fail(f"TLS handshake failed: {_why(error)}")
        except OSError as error:
            self.fail(f"TLS handshake failed: {error.strerror or error}")
        else:
            self._leave()
            self._done(self._wrapped)


def _why(error: ssl.SSLError) -> str:
    """In words of those who have to find it."""
    reason = error.reason or str(error)
    return _REASONS.get(reason, reason.lower().replace("_", " "))


_REASONS = {
    "WRONG_VERSION_NUMBER": "the peer does not speak TLS; it may be a client without TLS on the TLS port",
    "HTTP_REQUEST": "the peer speaks HTTP",
    "UNSUPPORTED_PROTOCOL": "the peer speaks only versions of TLS that are not offered",
    "NO_SHARED_CIPHER": "the peer has no cipher in common with us",
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": "the peer has no certificate, and needs one",
    "CERTIFICATE_VERIFY_FAILED": "the peer's certificate is not one we trust, or has expired",
    "TLSV1_ALERT_UNKNOWN_CA": "the peer does not trust our certificate",
    "SSLV3_ALERT_BAD_CERTIFICATE": "the peer does not accept our certificate",
    "UNEXPECTED_EOF_WHILE_READING": "the peer closed",
}
