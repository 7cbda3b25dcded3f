"""The shell of one connection: asyncio's protocol around a sans-IO session.

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

import asyncio
import logging
from typing import TYPE_CHECKING, Final, Protocol

from .. import limits

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from .server import Server

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


class Connection(asyncio.BufferedProtocol):
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
        "_writable",
        "name",
        "tick_at_ms",
    )

    def __init__(self, server: Server, name: str) -> None:
        self._server = server
        self._turn = server.turn
        self._session: Session | None = None
        self._transport: asyncio.Transport | None = None
        self._dirty = False  # a flush is asked for
        self._stepping = False  # input is left over
        self._reading = True
        self._writable = True
        self._large = False  # a large message is half received
        self._held = False  # consumers are behind with what comes from here: others are read first
        self._half_closed = False  # our end is closed
        self._deadline_ms = 0  # the session's, as far as its ticks were asked for
        self.name = name
        """`127.0.0.1:50000 -> 127.0.0.1:5672`, for logs."""
        self.tick_at_ms: int | None = None

    def attach(self, session: Session) -> None:
        """The session that this connection is the shell of; before anything is read."""
        self._session = session

    # -- what the session calls ----------------------------------------------------------------------------------

    def wake(self) -> None:
        """The session has something to say, or something to go on with."""
        if not self._dirty:
            self._dirty = True
            self._turn.flush(self)

    # -- what the event loop calls -------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        # Whatever the socket does not take at once is told to the session: it counts what waits.
        transport.set_write_buffer_limits(high=0)
        self.tick(self._server.clock.monotonic_ms())

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._turn.large_view if self._large else self._turn.view

    def buffer_updated(self, nbytes: int) -> None:
        session = self._session
        if session is None:
            return
        turn = self._turn
        if not turn.scheduled:
            turn.wake()
        turn.readable += 1
        session.last_received_ms = turn.now_ms
        try:
            session.receive(turn.large_view if self._large else turn.view, nbytes)
            turn.received += nbytes
            if turn.received > limits.READ_BYTES_PER_TURN:
                turn.narrow()
            more = session.step(limits.TURN_BUDGET_MS)
            self._large = session.held_bytes >= limits.LARGE_CONTENT_SIZE
            if session.flow and not self._held:
                self._held = True
                turn.hold(self)
            if more:
                self._stepping = True
                self._read_or_not(session)
                turn.step(self)
            elif self._held or not session.reading:
                self._read_or_not(session)
        except Exception:
            self._failed()

    def eof_received(self) -> None:
        """The peer closed its end. All that it sent was acted on: a connection with input left over is not read."""
        if self._session is not None:
            self._end("client unexpectedly closed TCP connection", logging.WARNING)
        # asyncio closes the transport now, once what was written before has left; not for ever, if nobody reads it.
        self._half_closed = True
        self._tick_in(limits.CLOSE_TIMEOUT_MS)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._session is not None:
            why = "connection aborted" if exc is None else getattr(exc, "strerror", None) or str(exc)
            self._end(why, logging.WARNING)
        self._server.forget(self)

    def pause_writing(self) -> None:
        self._writable = False
        if self._session is not None and self._transport is not None:
            self._session.unwritten = self._transport.get_write_buffer_size()

    def resume_writing(self) -> None:
        self._writable = True
        session = self._session
        if session is not None:
            session.unwritten = 0
            try:
                session.drained()
            except Exception:
                self._failed()
            self.wake()

    # -- what the turn calls -------------------------------------------------------------------------------------

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
        if self._writable:
            try:
                data = session.take_output()
            except Exception:
                self._failed()
                return
            if data:
                transport.write(data)
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
        if self._transport is not None:
            self._transport.abort()

    # -- inside --------------------------------------------------------------------------------------------------

    def _read_or_not(self, session: Session) -> None:
        reading = session.reading and not self._stepping and not self._held
        if reading is not self._reading and self._transport is not None:
            self._reading = reading
            if reading:
                self._transport.resume_reading()
            else:
                self._transport.pause_reading()

    def _finish(self) -> None:
        """The session has said all."""
        transport = self._transport
        if not self._writable or transport is None:
            return  # it is flushed again when the socket takes bytes
        self._end("", logging.INFO)
        if not self._reading:
            self._reading = True
            transport.resume_reading()
        self._tick_in(CLOSE_GRACE_MS)

    def _close_end(self) -> None:
        """Close our end; when that was done and the peer still has not closed its own, drop the socket."""
        transport = self._transport
        if transport is None:
            return
        if self._half_closed:
            transport.abort()
            return
        self._half_closed = True
        try:
            transport.write_eof()
        except OSError:
            transport.abort()
        self._tick_in(limits.CLOSE_TIMEOUT_MS)

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
