"""A peer of the broker that speaks AMQP 0-9-1 as raw bytes, and so may speak it wrongly; and what the broker weighs."""

from __future__ import annotations

import os
import socket
import struct
from pathlib import Path
from typing import NamedTuple, Self

METHOD, HEADER, BODY, HEARTBEAT = 1, 2, 3, 8
FRAME_END = b"\xce"
PATIENCE_S = 20.0


def shortstr(text: str) -> bytes:
    return struct.pack(">B", len(text)) + text.encode()


def longstr(value: bytes) -> bytes:
    return struct.pack(">I", len(value)) + value


def frame(kind: int, channel: int, payload: bytes, end: bytes = FRAME_END) -> bytes:
    return struct.pack(">BHI", kind, channel, len(payload)) + payload + end


def method(channel: int, class_id: int, method_id: int, arguments: bytes = b"") -> bytes:
    return frame(METHOD, channel, struct.pack(">HH", class_id, method_id) + arguments)


def content_header(channel: int, body_size: int, class_id: int = 60, properties: bytes = b"\0\0") -> bytes:
    return frame(HEADER, channel, struct.pack(">HHQ", class_id, 0, body_size) + properties)


def publish(channel: int, routing_key: str) -> bytes:
    """basic.publish to the default exchange, without its content."""
    return method(channel, 60, 40, b"\0\0" + shortstr("") + shortstr(routing_key) + b"\0")


def nested(depth: int) -> bytes:
    """A table (with its length) in a table in a table, so many times."""
    table = b"\0\0\0\0"
    for _ in range(depth):
        entry = b"\x01tF" + table
        table = struct.pack(">I", len(entry)) + entry
    return table


class Close(NamedTuple):
    """connection.close or channel.close, or the end of the stream without a word (code 0)."""

    code: int
    text: str
    channel: int = 0
    class_id: int = 0
    method_id: int = 0


LOST = Close(0, "")


class Peer:
    """One connection. What it was sent is read frame by frame; the end of the stream is None."""

    def __init__(self, host: str, port: int) -> None:
        self.socket = socket.create_connection((host, port), timeout=PATIENCE_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._input = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, *parts: bytes) -> None:
        """Send; a peer that was hung up on hears of it when it reads."""
        try:
            self.socket.sendall(b"".join(parts))
        except (BrokenPipeError, ConnectionResetError):
            return

    def nothing_more(self) -> None:
        """Say that this side sends no more; a broker that waits for the rest of a frame then knows it never comes."""
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:  # gone already
            return

    def read(self, size: int) -> bytes | None:
        """Exactly so many bytes, or None at the end of the stream."""
        while len(self._input) < size:
            try:
                data = self.socket.recv(65536)
            except ConnectionResetError:
                return None
            if not data:
                return None
            self._input += data
        taken, self._input = self._input[:size], self._input[size:]
        return taken

    def read_frame(self) -> tuple[int, int, bytes] | None:
        head = self.read(7)
        if head is None:
            return None
        kind, channel, size = struct.unpack(">BHI", head)
        payload = self.read(size + 1)
        if payload is None:
            return None
        assert payload[-1:] == FRAME_END
        return kind, channel, payload[:-1]

    def expect_method(self, class_id: int, method_id: int) -> bytes:
        """The arguments of that method, which must be the next frame but for heartbeats."""
        while True:
            got = self.read_frame()
            assert got is not None, f"the end, in place of method {class_id}.{method_id}"
            kind, _channel, payload = got
            if kind == HEARTBEAT:
                continue
            assert kind == METHOD
            assert struct.unpack_from(">HH", payload) == (class_id, method_id), payload
            return payload[4:]

    def closed(self) -> Close:
        """How it was closed: by the first close that comes, whatever comes before it."""
        while (got := self.read_frame()) is not None:
            kind, channel, payload = got
            if kind != METHOD or struct.unpack_from(">HH", payload) not in ((10, 50), (20, 40)):
                continue
            code, length = struct.unpack_from(">HB", payload, 4)
            text = payload[7 : 7 + length].decode()
            return Close(code, text, channel, *struct.unpack_from(">HH", payload, 7 + length))
        return LOST

    def ended(self) -> bool:
        """Read until the broker has hung up."""
        while self.read_frame() is not None:
            pass
        return True

    def start(self, client_properties: bytes = b"\0\0\0\0") -> None:
        """The header, connection.start, and start-ok of guest."""
        self.send(b"AMQP\0\0\x09\x01")
        self.expect_method(10, 10)
        self.send(
            method(0, 10, 11, client_properties + shortstr("PLAIN") + longstr(b"\0guest\0guest") + shortstr("en_US"))
        )

    def open(
        self,
        *,
        channels: int = 1,
        frame_max: int = 131072,
        heartbeat_s: int = 0,
        client_properties: bytes = b"\0\0\0\0",
    ) -> Self:
        """The whole handshake, and the channels 1 to so many."""
        self.start(client_properties)
        self.expect_method(10, 30)
        self.send(
            method(0, 10, 31, struct.pack(">HIH", 2047, frame_max, heartbeat_s)),
            method(0, 10, 40, shortstr("/") + b"\0\0"),
        )
        self.expect_method(10, 41)
        for channel in range(1, channels + 1):
            self.send(method(channel, 20, 10, b"\0"))
            self.expect_method(20, 11)
        return self


def listener_pid(port: int) -> int | None:
    """The process that listens on the port, from /proc; None where that cannot be told."""
    inodes = set()
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        for line in table.read_text().splitlines()[1:] if table.exists() else ():
            field = line.split()
            if field[3] == "0A" and int(field[1].split(":")[1], 16) == port:
                inodes.add(f"socket:[{field[9]}]")
    for pid in filter(str.isdigit, os.listdir("/proc") if inodes else ()):
        try:
            if any(os.readlink(f"/proc/{pid}/fd/{fd}") in inodes for fd in os.listdir(f"/proc/{pid}/fd")):
                return int(pid)
        except OSError:  # it ended meanwhile, or is not ours to look at
            continue
    return None


def resident_mb(pid: int) -> float:
    """The memory that the process has in RAM."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
