"""One connection to a broker: frames in, events out, everything kept in its order, channel by channel."""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from ..clients.raw import BODY, HEADER, HEARTBEAT, METHOD, Peer, frame, method, shortstr
from .codec import CONTENT, Fields, decode_header, decode_method, encode_method, encode_properties, encode_table

FRAME_MAX_BYTES = 131072
ASYNCHRONOUS = frozenset(
    {"Basic.Deliver", "Basic.Return", "Basic.Ack", "Basic.Nack", "Basic.Cancel", "Channel.Flow", "Connection.Blocked"}
)
CAPABILITIES = {
    "capabilities": {
        "publisher_confirms": True,
        "exchange_exchange_bindings": True,
        "basic.nack": True,
        "consumer_cancel_notify": True,
        "connection.blocked": True,
        "authentication_failure_close": True,
    }
}


@dataclass
class Event:
    """A method that a broker sent, with its content if it has one; `Lost` is the end of the stream without a close."""

    name: str
    fields: Fields = field(default_factory=dict)
    properties: Fields = field(default_factory=dict)
    body: bytes = b""
    size: int = 0

    @property
    def complete(self) -> bool:
        return len(self.body) >= self.size


class Link:
    """An open connection of guest. After a close (its event is in `closed`) nothing more comes."""

    def __init__(self, host: str, port: int, capabilities: dict[str, Any] | None = None) -> None:
        self.peer = Peer(host, port)
        properties = encode_table(CAPABILITIES if capabilities is None else capabilities)
        self.peer.start(properties)
        self.peer.expect_method(10, 30)
        self.peer.send(
            frame(METHOD, 0, encode_method("Connection.TuneOk", {"channel_max": 2047, "frame_max": FRAME_MAX_BYTES})),
            method(0, 10, 40, shortstr("/") + b"\0\0"),
        )
        self.peer.expect_method(10, 41)
        self.closed: Event | None = None
        self.inbox: dict[int, list[Event]] = defaultdict(list)
        self._partial: dict[int, Event] = {}

    def send_raw(self, data: bytes) -> None:
        self.peer.send(data)

    def send(self, channel: int, name: str, fields: Fields) -> None:
        self.peer.send(frame(METHOD, channel, encode_method(name, fields)))

    def publish(self, channel: int, fields: Fields, properties: Fields, body: bytes) -> None:
        head = b"\0\x3c\0\0" + len(body).to_bytes(8, "big") + encode_properties(properties)
        most = FRAME_MAX_BYTES - 8
        self.peer.send(
            frame(METHOD, channel, encode_method("Basic.Publish", fields)),
            frame(HEADER, channel, head),
            *(frame(BODY, channel, body[at : at + most]) for at in range(0, len(body), most)),
        )

    def step(self, deadline: float) -> bool:
        """Read one frame and sort it in. False: the time is over, or nothing comes any more."""
        if self.closed is not None:
            return False
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            return False
        self.peer.socket.settimeout(remaining)
        try:
            got = self.peer.read_frame()
        except TimeoutError:
            return False
        finally:
            self.peer.socket.settimeout(20)
        if got is None:
            self.closed = Event("Lost")
            return True
        kind, channel, payload = got
        if kind == METHOD:
            self._method(channel, payload)
        elif kind == HEADER:
            event = self._partial[channel]
            event.size, event.properties = decode_header(payload)
            self._deliver(channel, event)
        elif kind == BODY:
            self._partial[channel].body += payload
            self._deliver(channel, self._partial[channel])
        else:
            assert kind == HEARTBEAT
        return True

    def _method(self, channel: int, payload: bytes) -> None:
        name, fields = decode_method(payload)
        event = Event(name, fields)
        if name == "Connection.Close":
            self.send(0, "Connection.CloseOk", {})
            self.closed = event
        elif name in CONTENT:
            self._partial[channel] = event
        else:
            self.inbox[channel].append(event)

    def _deliver(self, channel: int, event: Event) -> None:
        if event.complete:
            del self._partial[channel]
            self.inbox[channel].append(event)

    def close(self) -> None:
        """In good order, and wait for the answer: what the connection owned is gone then."""
        if self.closed is None:
            self.send(0, "Connection.Close", {"reply_code": 200})
            deadline = time.monotonic() + 10
            while not any(event.name == "Connection.CloseOk" for event in self.inbox[0]) and self.step(deadline):
                pass
        self.peer.socket.close()

    def drop(self) -> None:
        """Just close the socket."""
        self.closed = self.closed or Event("Lost")
        self.peer.socket.close()
