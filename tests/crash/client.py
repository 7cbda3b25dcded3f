"""A small blocking AMQP client that is fast enough to keep a broker busy, and ends when the broker does."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from leveret.wire.fields import Arguments
from leveret.wire.frames import content_frames, method_frame
from leveret.wire.methods import (
    METHODS,
    BasicAck,
    BasicDeliver,
    BasicGet,
    BasicGetEmpty,
    BasicGetOk,
    BasicNack,
    BasicPublish,
    ChannelClose,
    ChannelOpen,
    ChannelOpenOk,
    ConfirmSelect,
    ConfirmSelectOk,
    Method,
    QueueDeclare,
    QueueDeclareOk,
    decode_method,
)

from ..rawclient import RawClient

PERSISTENT: Final = b"\x10\x00\x02"
TRANSIENT: Final = b"\x00\x00"
FRAME_MAX: Final = 131072


_PROPERTIES: Final = Arguments.of({"capabilities": {"connection.blocked": True}}).raw
BLOCKED: Final = struct.pack(">I", len(_PROPERTIES)) + _PROPERTIES
"""Client properties of one that wants to hear of connection.blocked."""


class Gone(Exception):
    """The broker is not there any more."""


class Delivery(NamedTuple):
    tag: int
    redelivered: bool
    body: bytes


class Client:
    """One connection with channel 1 open. Everything raises Gone when the broker is."""

    def __init__(self, port: int, *, blocked: bool = False) -> None:
        """`blocked`: it wants to be told of connection.blocked."""
        try:
            connected = socket.create_connection(("127.0.0.1", port), timeout=60)
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._raw = RawClient(connected)
            self._raw.log_in(BLOCKED if blocked else b"\0\0\0\0")
        except (OSError, struct.error) as error:
            raise Gone from error
        self.confirmed = 0
        """Publishes up to this sequence number are acked."""
        self.published = 0
        self.nacked: set[int] = set()
        self.on_method: Callable[[Method], None] = lambda method: None
        """Hears of everything that is read."""
        self._arrived: list[Delivery] = []
        self.call(ChannelOpen(), ChannelOpenOk)

    def send(self, data: bytes) -> None:
        try:
            self._raw.socket.sendall(data)
        except OSError as error:
            raise Gone from error

    def _frame(self) -> tuple[int, int, bytes]:
        try:
            head = self._raw.stream.read(7)
            kind, channel, size = struct.unpack(">BHI", head)
            payload = self._raw.stream.read(size + 1)
        except (OSError, struct.error, ValueError) as error:
            raise Gone from error
        if len(payload) != size + 1:
            raise Gone
        return kind, channel, payload[:-1]

    def _content(self) -> bytes:
        _, _, header = self._frame()
        size = struct.unpack(">Q", header[4:12])[0]
        body = b""
        while len(body) < size:
            body += self._frame()[2]
        return body

    def read(self) -> Method:
        """The next method; confirms and deliveries are noted."""
        _, _, payload = self._frame()
        id = int.from_bytes(payload[:4], "big")
        assert id in METHODS, payload
        method = decode_method(id, payload[4:])
        if isinstance(method, BasicAck):
            self.confirmed = max(self.confirmed, method.delivery_tag)
        elif isinstance(method, BasicNack):
            self.nacked.add(method.delivery_tag)
        self.on_method(method)
        if isinstance(method, BasicDeliver):
            self._arrived.append(Delivery(method.delivery_tag, method.redelivered, self._content()))
        return method

    def call(self, method: Method, reply: type[Method]) -> Any:
        """Send, and wait for the answer."""
        self.send(method_frame(1, method))
        while True:
            answer = self.read()
            if isinstance(answer, reply):
                return answer
            assert isinstance(answer, BasicAck | BasicNack | BasicDeliver), answer

    def confirm(self) -> None:
        self.call(ConfirmSelect(), ConfirmSelectOk)

    def publish(self, exchange: str, key: str, bodies: list[bytes], properties: bytes = PERSISTENT) -> None:
        """All in one write."""
        method = BasicPublish(exchange=exchange, routing_key=key)
        self.send(b"".join(content_frames(1, method, properties, body, FRAME_MAX) for body in bodies))
        self.published += len(bodies)

    def get(self, queue: str) -> Delivery | None:
        self.send(method_frame(1, BasicGet(queue=queue)))
        while True:
            answer = self.read()
            if isinstance(answer, BasicGetEmpty):
                return None
            if isinstance(answer, BasicGetOk):
                return Delivery(answer.delivery_tag, answer.redelivered, self._content())
            assert isinstance(answer, BasicAck), answer

    def deliveries(self) -> Iterator[Delivery]:
        """What arrived, waiting for at least one."""
        while not self._arrived:
            self.read()
        arrived, self._arrived = self._arrived, []
        yield from arrived

    def is_there(self, queue: str) -> bool:
        """Whether a queue is declared; the channel is gone if not."""
        self.send(method_frame(1, QueueDeclare(queue=queue, passive=True)))
        answer = self.read()
        assert isinstance(answer, QueueDeclareOk | ChannelClose), answer
        return isinstance(answer, QueueDeclareOk)

    def wait_for(self, wanted: type[Method], patience_s: float = 20) -> Method:
        """Read until this method comes."""
        self._raw.socket.settimeout(patience_s)
        while not isinstance(method := self.read(), wanted):
            pass
        return method

    def interrupt(self) -> None:
        """Whoever reads or sends in another thread is told that the broker is gone."""
        self._raw.socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Just the socket."""
        self._raw.close()
