"""A client's connection: logging in and single calls wait; what comes after `go` never does."""

from __future__ import annotations

import contextlib
import selectors
import socket
import ssl
import struct
import time
from typing import Any, Final, TypeVar

from ... import __version__
from ...errors import AmqpError
from ...wire import methods
from ...wire.fields import Arguments, Value
from ...wire.frames import OVERHEAD, PROTOCOL_HEADER, method_frame
from ...wire.spec import FRAME_BODY, FRAME_END, FRAME_HEADER, FRAME_HEARTBEAT, FRAME_METHOD
from .plan import Address, BenchError

CHANNEL: Final = 1
READ_BYTES: Final = 256 * 1024
PATIENCE_S: Final = 15.0
"""For an answer."""
UNAVAILABLE: Final = 69

_KINDS: Final = (FRAME_METHOD, FRAME_HEADER, FRAME_BODY, FRAME_HEARTBEAT)
_CAPABILITIES: Final = ("authentication_failure_close", "connection.blocked", "basic.nack")

FRAME: Final = struct.Struct(">BHI")
METHOD: Final = struct.Struct(">I")

M = TypeVar("M", bound=methods.Method)


class Connection:
    """One connection with one channel."""

    def __init__(self, address: Address) -> None:
        """Connects and logs in. Raises BenchError."""
        self.address = address
        self.blocked: str | None = None
        """Why the broker does not read what is published, if it said so."""
        self.now_ns = 0
        """Of the last read, or of what is being done."""
        self._tail = b""
        self._unsent = memoryview(b"")
        self._selector: selectors.BaseSelector | None = None
        self._wants_write = False
        try:
            self.socket = _connect(address)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise BenchError(f"cannot connect to {address.shown}: {reason}", UNAVAILABLE) from None
        try:
            self._log_in()
        except BaseException:
            self.socket.close()
            raise

    def _log_in(self) -> None:
        address = self.address
        self._write_all(PROTOCOL_HEADER)
        start = self._await(methods.ConnectionStart)
        self.server = {name: str(start.server_properties.get(name, "")) for name in ("product", "version", "platform")}
        if "PLAIN" not in start.mechanisms.decode("ascii", "replace").split():
            raise BenchError(f"{address.shown} has no mechanism PLAIN", UNAVAILABLE)
        capabilities: dict[str, Value] = dict.fromkeys(_CAPABILITIES, True)
        said: dict[str, Value] = {"product": "leveret bench", "version": __version__, "capabilities": capabilities}
        response = b"\0%b\0%b" % (address.username.encode(), address.password.encode())
        self._write_all(method_frame(0, methods.ConnectionStartOk(Arguments.of(said), "PLAIN", response, "en_US")))
        tune = self._await(methods.ConnectionTune)
        self.frame_max = tune.frame_max or 131072
        self._write_all(method_frame(0, methods.ConnectionTuneOk(tune.channel_max, self.frame_max, 0)))
        self._write_all(method_frame(0, methods.ConnectionOpen(address.vhost)))
        self._await(methods.ConnectionOpenOk)
        self.call(methods.ChannelOpen(), methods.ChannelOpenOk)

    # -- one call at a time --------------------------------------------------------------------------------------------

    def call(self, method: methods.Method, answer: type[M]) -> M:
        """Ask, and wait for the answer. Raises BenchError."""
        self._write_all(method_frame(CHANNEL, method))
        return self._await(answer)

    def _write_all(self, data: bytes) -> None:
        try:
            self.socket.sendall(data)
        except OSError as error:
            raise self._lost(error) from None

    def _await(self, wanted: type[M]) -> M:
        while True:
            data = self._tail
            if len(data) >= OVERHEAD:
                kind, _channel, size = FRAME.unpack_from(data)
                if kind not in _KINDS:  # another version's protocol header, or another protocol
                    raise BenchError(f"{self.address.shown} does not speak AMQP 0-9-1", UNAVAILABLE)
                if len(data) >= size + OVERHEAD:
                    self._tail = data[size + OVERHEAD :]
                    if data[size + 7] != FRAME_END:
                        raise BenchError(f"{self.address.shown} does not speak AMQP", UNAVAILABLE)
                    if kind == FRAME_METHOD and (found := self._expected(data[7 : size + 7], wanted)) is not None:
                        return found
                    continue
            try:
                chunk = self.socket.recv(READ_BYTES)
            except OSError as error:
                raise self._lost(error) from None
            if not chunk:
                raise self._lost(None)
            self._tail = data + chunk

    def _expected(self, payload: bytes, wanted: type[M]) -> M | None:
        (number,) = METHOD.unpack_from(payload)
        if number == wanted.id:
            try:
                return wanted.decode(payload[4:])
            except AmqpError as error:
                raise BenchError(f"{self.address.shown} does not speak AMQP: {error}", UNAVAILABLE) from None
        self.method(number, payload[4:])
        return None

    # -- without waiting -----------------------------------------------------------------------------------------------

    def go(self, selector: selectors.BaseSelector) -> None:
        """From here on the selector says when to call `ready`."""
        self.socket.setblocking(False)
        self._selector = selector
        selector.register(self.socket, selectors.EVENT_READ, self)

    def ready(self, events: int) -> None:
        """The socket can be read, or written to."""
        if events & selectors.EVENT_WRITE:
            self.flush()
        if events & selectors.EVENT_READ:
            self.read()

    def read(self) -> None:
        """One read, and what it holds. Raises BenchError."""
        try:
            chunk = self.socket.recv(READ_BYTES)
            if isinstance(self.socket, ssl.SSLSocket):
                while pending := self.socket.pending():
                    chunk += self.socket.recv(pending)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return
        except OSError as error:
            raise self._lost(error) from None
        if not chunk:
            raise self._lost(None)
        self.now_ns = time.monotonic_ns()
        self._tail = self.take(self._tail + chunk if self._tail else chunk)

    def take(self, data: bytes) -> bytes:
        """Use all complete frames; what is left."""
        at = self.frames(data, 0)
        return data[at:] if at < len(data) else b""

    def frames(self, data: bytes, at: int) -> int:
        """Use all complete frames from there on, one by one; where that ended."""
        while (after := self.frame(data, at)) > at:
            at = after
        return at

    def frame(self, data: bytes, at: int) -> int:
        """Use one frame; where it ends, or `at` if it is not complete."""
        if len(data) - at < OVERHEAD:
            return at
        kind, _channel, size = FRAME.unpack_from(data, at)
        end: int = at + size + OVERHEAD
        if end > len(data):
            return at
        if data[end - 1] != FRAME_END:
            raise BenchError(f"{self.address.shown} sent a frame that does not end as one", UNAVAILABLE)
        if kind == FRAME_METHOD:
            (number,) = METHOD.unpack_from(data, at + 7)
            self.method(number, data[at + 11 : end - 1])
        else:
            self.content(kind, data, at + 7, end - 1)
        return end

    def method(self, number: int, arguments: bytes) -> None:
        """A method of any kind; those of a special connection are looked at before."""
        if number in (methods.ConnectionClose.id, methods.ChannelClose.id):
            close = methods.ConnectionClose.decode(arguments)
            raise BenchError(f"{self.address.shown} says {close.reply_code}: {close.reply_text}", UNAVAILABLE)
        if number == methods.ConnectionUnblocked.id:
            self.blocked = None
        elif number == methods.ConnectionBlocked.id:
            self.blocked = methods.ConnectionBlocked.decode(arguments).reason
        elif number == methods.BasicCancel.id:
            raise BenchError(f"{self.address.shown} cancelled a consumer: its queue is gone", UNAVAILABLE)

    def content(self, kind: int, data: bytes, start: int, end: int) -> None:
        """A frame of a content, or a heartbeat."""

    def write(self, data: bytes) -> None:
        """Now as much as goes, the rest when the socket says so."""
        if self._unsent:
            self._unsent = memoryview(bytes(self._unsent) + data)
            return
        self._unsent = memoryview(data)
        self.flush()

    def flush(self) -> None:
        """Go on with what is unsent. Raises BenchError."""
        try:
            while self._unsent:
                self._unsent = self._unsent[self.socket.send(self._unsent) :]
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass
        except OSError as error:
            raise self._lost(error) from None
        wants = bool(self._unsent)
        if wants is not self._wants_write and self._selector is not None:
            self._wants_write = wants
            events = selectors.EVENT_READ | (selectors.EVENT_WRITE if wants else 0)
            self._selector.modify(self.socket, events, self)

    @property
    def stuck(self) -> bool:
        """Whether the broker has not taken all that was written."""
        return bool(self._unsent)

    def close(self) -> None:
        """Say good-bye, if there is time."""
        with contextlib.suppress(OSError, BenchError):
            self.socket.settimeout(2.0)
            if not self._unsent:  # else half a frame is on its way: there is nothing to say any more
                self.socket.sendall(method_frame(0, methods.ConnectionClose(200, "bye")))
                while self.socket.recv(READ_BYTES):
                    pass
        self.socket.close()

    def _lost(self, error: OSError | None) -> BenchError:
        if isinstance(error, TimeoutError):
            return BenchError(f"{self.address.shown} did not answer in time", UNAVAILABLE)
        reason = (error.strerror or str(error)) if error is not None else "closed by the broker"
        return BenchError(f"lost the connection to {self.address.shown}: {reason}", UNAVAILABLE)


def _connect(address: Address) -> socket.socket:
    connected: Any = socket.create_connection((address.host, address.port), PATIENCE_S)
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if not address.tls:
        return connected  # type: ignore[no-any-return]
    context = ssl.create_default_context()
    if not address.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(connected, server_hostname=address.host)
