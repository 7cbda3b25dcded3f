"""One TCP socket as a connection uses it: reads into a given buffer, writes that may take only a part.

Owns the socket, what of the last write it has not taken, and for which events it is watched. Errors are raised at the
call that met them; what follows from them is the connection's business.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from .poller import READABLE, WRITABLE

if TYPE_CHECKING:
    from .poller import Poller, Watcher


class Transport:
    """Plain TCP. It is watched for input from the start."""

    __slots__ = ("_number", "_poller", "_send", "_socket", "_unsent", "_watched", "_watcher", "receive")

    def __init__(self, accepted: socket.socket, poller: Poller, watcher: Watcher) -> None:
        """Takes the socket over, if it does not raise OSError. `watcher.ready` is called when there is something."""
        accepted.setblocking(False)
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = accepted
        self._number = accepted.fileno()
        self._poller = poller
        self._watcher = watcher
        self._watched = 0
        self._unsent: memoryview | None = None
        self._send = accepted.send
        self.receive = accepted.recv_into
        """`receive(buffer) -> size`; 0 when the peer closed its end. Raises BlockingIOError when nothing is there."""
        self.watch(READABLE, True)

    @property
    def unsent(self) -> int:
        """Bytes that the socket has not taken yet; nothing is to be written until it has."""
        return 0 if self._unsent is None else len(self._unsent)

    def write(self, data: bytes) -> bool:
        """Send it; False when the socket did not take all. Raises OSError."""
        assert self._unsent is None
        try:
            sent = self._send(data)
        except BlockingIOError:
            sent = 0
        if sent == len(data):
            return True
        self._unsent = memoryview(data)[sent:]
        self.watch(WRITABLE, True)
        return False

    def write_on(self) -> bool:
        """The socket takes bytes again: send what it did not take; False when there is still some. Raises OSError."""
        unsent = self._unsent
        if unsent is not None:
            try:
                sent = self._send(unsent)
            except BlockingIOError:
                return False
            if sent < len(unsent):
                self._unsent = unsent[sent:]
                return False
            self._unsent = None
            self.watch(WRITABLE, False)
        return True

    def watch(self, event: int, wanted: bool) -> None:
        """Whether the watcher is told of READABLE, or of WRITABLE."""
        watched = self._watched | event if wanted else self._watched & ~event
        if watched != self._watched:
            self._watched = watched
            self._poller.watch(self._number, watched, self._watcher)

    def shut(self) -> None:
        """Close our end only: the peer reads all that was written, then the end. Raises OSError."""
        self._socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Close the socket at once, whatever is unsent or unread."""
        self._poller.watch(self._number, 0, self._watcher)
        self._unsent = None
        self._socket.close()
