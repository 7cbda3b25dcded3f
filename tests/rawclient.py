"""An AMQP client made of frames, so that what the broker sends is seen as it is, and anything can be sent."""

from __future__ import annotations

import socket
import struct
from typing import Final

HEADER: Final = b"AMQP\x00\x00\x09\x01"
CONNECTION_START: Final = (10, 10)
CONNECTION_TUNE: Final = (10, 30)
CONNECTION_OPEN_OK: Final = (10, 41)
CONNECTION_CLOSE: Final = (10, 50)


class RawClient:
    """One connection; methods are sent and received on channel 0."""

    def __init__(self, connected: socket.socket) -> None:
        self.socket = connected
        self.stream = connected.makefile("rb")

    def send(self, class_id: int, method_id: int, arguments: bytes) -> None:
        payload = struct.pack(">HH", class_id, method_id) + arguments
        self.socket.sendall(struct.pack(">BHI", 1, 0, len(payload)) + payload + b"\xce")

    def receive(self, wanted: tuple[int, int]) -> bytes:
        """The arguments of the next method, which has to be this one."""
        kind, channel, size = struct.unpack(">BHI", self.stream.read(7))
        payload = self.stream.read(size)
        assert self.stream.read(1) == b"\xce"
        assert (kind, channel) == (1, 0)
        assert struct.unpack(">HH", payload[:4]) == wanted
        return bytes(payload[4:])

    def log_in(self, properties: bytes = b"\0\0\0\0") -> None:
        """As guest, on vhost /, without heartbeats. `properties`: a table with its length."""
        self.socket.sendall(HEADER)
        self.receive(CONNECTION_START)
        self.send(10, 11, properties + b"\x05PLAIN" + struct.pack(">I", 12) + b"\0guest\0guest\x05en_US")
        self.receive(CONNECTION_TUNE)
        self.send(10, 31, struct.pack(">HIH", 2047, 131072, 0))
        self.send(10, 40, b"\x01/\x00\x00")
        self.receive(CONNECTION_OPEN_OK)

    def close(self) -> None:
        """Just close the socket."""
        self.stream.close()
        self.socket.close()
