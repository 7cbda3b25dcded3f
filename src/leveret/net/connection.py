"""The shell of one connection: a socket around a sans-IO session.

Owns the transport: when it is read, written and closed. Knows no protocol: bytes go in, bytes come out, and the session
says whether it wants more (`reading`) and whether it is done (`finished`).

    readable            -> session.receive, session.step; input left over goes on in the next turn, unread until then
    session.wake        -> turn -> flush: one write
    socket takes no more-> session.unwritten says how much waits; session.drained when it is gone
    session.finished    -> what is left is written; the peer has a moment to close first, then we close our end; input
                           is read and dropped until the peer closes its end or time is up (closing while input
                           arrives could destroy what we just wrote: RFC 1122, 4.2.2.13)
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, Protocol

from .. import limits
from .poller import READABLE, WRITABLE

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from .server import Server
    from .tls import TlsTransport
    from .transport import Transport

CLOSE_GRACE_MS: Final = 100
"""How long a peer that was told the last word has to close first. Some clients take our closing for a failure when it
is there before they have looked at connection.close-ok."""

logger = logging.getLogger("leveret.net")


class Session(Protocol):
    """The sans-IO side, as far as the shell needs it. It calls `Connection.wake` when it has something to say."""

    last_received_ms: int
    """Monotonic time of the last bytes; set by the shell."""
    unwritten: int
    """Bytes handed to the socket that it has not taken; set by the shell."""
    deadline_ms: int
    """By when the peer has to do what is asked of it; when it changes, the next tick is asked for again."""

    @property
    def reading(self) -> bool:
        """Whether the socket is to be read."""
        ...

    @property
    def held_bytes(self) -> int:
        """Bytes of a message that is half received."""
        ...

    @property
    def flow(self) -> bool:
        """Whether consumers are behind with what the last read brought: then others are read first."""
        ...

    @property
    def finished(self) -> bool:
        """Write what is left, then close."""
        ...

    def receive(self, data: Buffer, size: int) -> None:
        """Take the first `size` bytes; nothing of `data` is referred to afterwards."""
        ...

    def step(self, budget_ms: int) -> bool:
        """Act on what was received, until all is done or the budget is used. True when more is waiting."""
        ...

    def take_output(self) -> bytes | None:
        """Everything to be written; None when there is nothing."""
        ...

    def drained(self) -> None:
        """The socket takes bytes again."""
        ...

    def tick(self, now_ms: int) -> int | None:
        """Time has passed; when the next tick is wanted."""
        ...

    def shutdown(self, text: str) -> None:
        """The server stops: tell the peer."""
        ...

    def lost(self) -> None:
        """The connection is gone. Called once."""
        ...


class Connection:
    """One accepted socket."""

    __slots__ = (
        "_deadline_ms",
        "_dirty",
        "_half_closed",
        "_held",
        "_large",
        "_reading",
        "_server",
        "_session",
        "_stepping",
        "_transport",
        "_turn",
        "name",
        "tick_at_ms",
    )

    def __init__(self, server: Server, name: str) -> None:
        self._server = server
        self._turn = server.turn
        self._session: Session | None = None
        self._transport: Transport | TlsTransport | None = None
        self._dirty = False  # a flush is asked for
        self._stepping = False  # input is left over
        self._reading = True
        self._large = False  # a large message is half received
        self._held = False  # consumers are behind with what comes from here: others are read first
        self._half_closed = False  # our end is closed
        self._deadline_ms = 0  # the session's, as far as its ticks were asked for
        self.name = name
        """`127.0.0.1:50000 -> 127.0.0.1:5672`, for logs."""
        self.tick_at_ms: int | None = None

    def attach(self, transport: Transport | TlsTransport, session: Session) -> None:
        """The socket, and the session that this connection is the shell of."""
        self._transport = transport
        self._session = session
        self.tick(self._server.clock.monotonic_ms())

    # -- what the session calls ----------------------------------------------------------------------------------

    def wake(self) -> None:
        """The session has something to say, or something to go on with."""
        if not self._dirty:
            self._dirty = True
            self._turn.flush(self)

    # -- what the turn calls -------------------------------------------------------------------------------------

    def ready(self, events: int) -> None:
        """The socket has something for us: read it once, write what it did not take before."""
        if events != READABLE:
            self._write_on()
            if events == WRITABLE:
                return
        transport = self._transport
        if transport is None or not self._reading:
            return
        turn = self._turn
        view = turn.large_view if self._large else turn.view
        try:
            size = transport.receive(view)
        except BlockingIOError:
            return
        except OSError as error:
            self._lost(error)
            return
        session = self._session
        if not size:
            self._end_of_input(transport)
        elif session is not None:
            self._received(session, view, size)

    def _received(self, session: Session, view: memoryview, size: int) -> None:
        turn = self._turn
        session.last_received_ms = turn.now_ms
        try:
            session.receive(view, size)
            more = session.step(limits.TURN_BUDGET_MS)
            self._large = session.held_bytes >= limits.LARGE_CONTENT_SIZE
            if session.flow and not self._held:
                self._held = True
                turn.hold(self)
            if more:
                self._stepping = True
                turn.step(self)
            if more or self._held or not session.reading:
                self._read_or_not(session)
        except Exception:
            self._failed()

    def go_on(self, budget_ms: int) -> bool:
        """Step the session with the input it has left; True when there is still more."""
        session = self._session
        self._stepping = False
        if session is not None:
            try:
                self._stepping = session.step(budget_ms)
                self._read_or_not(session)
            except Exception:
                self._stepping = False
                self._failed()
        return self._stepping

    def release(self) -> None:
        """Its turn to be read has come again."""
        self._held = False
        if self._session is not None:
            self._read_or_not(self._session)

    def flush(self) -> None:
        """Write what the session has to say, unless the socket has enough already."""
        self._dirty = False
        session = self._session
        transport = self._transport
        if session is None or transport is None:
            return
        if not transport.unsent:
            try:
                data = session.take_output()
            except Exception:
                self._failed()
                return
            if data:
                try:
                    if not transport.write(data):
                        session.unwritten = transport.unsent
                except OSError as error:
                    self._lost(error)
                    return
        if session.finished:
            self._finish()
            return
        if session.reading is not self._reading:
            self._read_or_not(session)
        if session.deadline_ms != self._deadline_ms:
            self.tick(self._turn.now_ms)

    # -- what the server and its timers call ---------------------------------------------------------------------

    def tick(self, now_ms: int) -> None:
        """Time for the session to look at its clocks; after the session, time is up for a peer that does not close."""
        session = self._session
        if session is None:
            self._close_end()
            return
        try:
            next_ms = session.tick(now_ms)
        except Exception:
            self._failed()
            return
        self._deadline_ms = session.deadline_ms
        if next_ms is not None:
            self._server.timers.at(next_ms, self)
        if session.finished:
            self.wake()

    def shutdown(self, text: str) -> None:
        """The server stops: the session tells its peer, and ends when that answers."""
        if self._session is not None:
            self._session.shutdown(text)
            self.wake()

    def abort(self) -> None:
        """Drop the socket, whatever is unwritten."""
        self._lost(None)

    # -- inside --------------------------------------------------------------------------------------------------

    def _read_or_not(self, session: Session) -> None:
        reading = session.reading and not self._stepping and not self._held
        if reading is not self._reading and self._transport is not None:
            self._reading = reading
            self._transport.watch(READABLE, reading)

    def _write_on(self) -> None:
        """The socket takes bytes again, or has failed."""
        transport = self._transport
        if transport is None or not transport.unsent:
            return
        try:
            if not transport.write_on():
                return
        except OSError as error:
            self._lost(error)
            return
        session = self._session
        if session is None:
            self._lost(None)  # the peer closed its end before, and now has all that was said
            return
        session.unwritten = 0
        try:
            session.drained()
        except Exception:
            self._failed()
        self.wake()

    def _end_of_input(self, transport: Transport | TlsTransport) -> None:
        """The peer closed its end. All that it sent was acted on: a connection with input left over is not read."""
        self._end("client unexpectedly closed TCP connection", logging.WARNING)
        if not transport.unsent:
            self._lost(None)
            return
        # What was written before still leaves; not for ever, if nobody reads it.
        self._reading = False
        transport.watch(READABLE, False)
        self._half_closed = True
        self._tick_in(limits.CLOSE_TIMEOUT_MS)

    def _finish(self) -> None:
        """The session has said all."""
        transport = self._transport
        if transport is None or transport.unsent:
            return  # it is flushed again when the socket takes bytes
        self._end("", logging.INFO)
        if not self._reading:
            self._reading = True
            transport.watch(READABLE, True)
        self._tick_in(CLOSE_GRACE_MS)

    def _close_end(self) -> None:
        """Close our end; when that was done and the peer still has not closed its own, drop the socket."""
        transport = self._transport
        if transport is None:
            return
        if self._half_closed:
            self.abort()
            return
        self._half_closed = True
        try:
            transport.shut()
        except OSError as error:
            self._lost(error)
            return
        self._tick_in(limits.CLOSE_TIMEOUT_MS)

    def _lost(self, error: OSError | None) -> None:
        """Nothing more comes from the socket or goes to it: it failed, or we drop it."""
        transport, self._transport = self._transport, None
        if transport is None:
            return
        transport.close()
        self._end("connection aborted" if error is None else error.strerror or str(error), logging.WARNING)
        self._server.forget(self)

    def _tick_in(self, milliseconds: int) -> None:
        self._server.timers.at(self._server.clock.monotonic_ms() + milliseconds, self)

    def _failed(self) -> None:
        """A session raised: our own fault. This connection ends, the others go on."""
        logger.exception("connection %s failed", self.name)
        self._end("internal error", logging.ERROR)
        self.abort()

    def _end(self, why: str, level: int) -> None:
        session, self._session = self._session, None
        if session is None:
            return
        self._server.ended(self, why, level)
        try:
            session.lost()
        except Exception:
            logger.exception("connection %s failed to release what it had", self.name)
