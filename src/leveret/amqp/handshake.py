"""The life of a connection (spec 2.2.4), and what is agreed on before it is open.

Rule: the table below is the only thing that moves a connection's state. The functions decide without side effects;
those of `opening` call them and send what follows.

    client                     server
    AMQP 0 0 9 1          ->
                          <-   start (server-properties, mechanisms)
    start-ok (response)   ->
                          <-   secure / tune (maxima)
    tune-ok (maxima)      ->
    open (vhost)          ->
                          <-   open-ok
"""

from __future__ import annotations

import enum
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from ..errors import CommandInvalid, NotAllowed
from ..limits import FRAME_MAX_MIN
from ..wire.fields import Arguments
from ..wire.frames import PROTOCOL_HEADER, method_frame
from ..wire.methods import (
    ConnectionClose,
    ConnectionCloseOk,
    ConnectionOpen,
    ConnectionSecure,
    ConnectionSecureOk,
    ConnectionStart,
    ConnectionStartOk,
    ConnectionTune,
    ConnectionTuneOk,
    ConnectionUpdateSecret,
)
from .channel import recv, send

if TYPE_CHECKING:
    from .settings import Settings


class State(enum.Enum):
    """Where a connection is."""

    AWAIT_HEADER = enum.auto()
    AWAIT_START_OK = enum.auto()
    AUTHENTICATING = enum.auto()
    AWAIT_SECURE_OK = enum.auto()
    AWAIT_TUNE_OK = enum.auto()
    AWAIT_OPEN = enum.auto()
    OPENING = enum.auto()
    OPEN = enum.auto()
    CLOSING = enum.auto()  # we sent connection.close
    CLOSED = enum.auto()

    def __str__(self) -> str:
        return _NAMES[self]


(
    AWAIT_HEADER,
    AWAIT_START_OK,
    AUTHENTICATING,
    AWAIT_SECURE_OK,
    AWAIT_TUNE_OK,
    AWAIT_OPEN,
    OPENING,
    OPEN,
    CLOSING,
    CLOSED,
) = State

_NAMES: Final = {
    AWAIT_HEADER: "pre_init",
    AWAIT_START_OK: "starting",
    AUTHENTICATING: "securing",
    AWAIT_SECURE_OK: "securing",
    AWAIT_TUNE_OK: "tuning",
    AWAIT_OPEN: "opening",
    OPENING: "opening",
    OPEN: "running",
    CLOSING: "closing",
    CLOSED: "closed",
}
"""What RabbitMQ calls the states in its messages."""


class Moved(enum.IntEnum):
    """What moves a connection beside methods. Method ids are larger, those that we send are negative."""

    HEADER = 1  # the right protocol header came
    BAD_HEADER = 2
    REFUSED = 3  # a login that gets no close frame
    ADMITTED = 5  # the virtual host may be opened
    GONE = 4  # the socket is lost, or the peer took too long


CONNECTION: Final[dict[State, dict[int, State]]] = {
    AWAIT_HEADER: {Moved.HEADER: AWAIT_START_OK, Moved.BAD_HEADER: CLOSED},
    AWAIT_START_OK: {recv(ConnectionStartOk): AUTHENTICATING},
    AUTHENTICATING: {
        send(ConnectionSecure): AWAIT_SECURE_OK,
        send(ConnectionTune): AWAIT_TUNE_OK,
        Moved.REFUSED: CLOSED,
    },
    AWAIT_SECURE_OK: {recv(ConnectionSecureOk): AUTHENTICATING},
    AWAIT_TUNE_OK: {recv(ConnectionTuneOk): AWAIT_OPEN},
    AWAIT_OPEN: {recv(ConnectionOpen): OPENING},
    OPENING: {Moved.ADMITTED: OPEN},
    OPEN: {recv(ConnectionUpdateSecret): OPEN},
    CLOSING: {recv(ConnectionCloseOk): CLOSED, recv(ConnectionClose): CLOSING},
    CLOSED: {},
}
for _state, _moves in CONNECTION.items():
    if _state is not CLOSED:
        _moves[Moved.GONE] = CLOSED
    if _state not in (AWAIT_HEADER, CLOSING, CLOSED):
        _moves[send(ConnectionClose)] = CLOSING
        if _state not in (AUTHENTICATING, OPENING):  # in which the connection waits and nothing is received
            _moves[recv(ConnectionClose)] = CLOSED  # RabbitMQ knows it only in an open connection; it never hurts

HEADERS: Final = (PROTOCOL_HEADER, b"AMQP\x01\x01\x00\x09")
"""What opens a connection; the second is that of 0-9, which differs in nothing that matters (RabbitMQ takes it too)."""

_TLS_HANDSHAKE: Final = b"\x16\x03"

CAPABILITIES: Final = (
    "publisher_confirms",
    "exchange_exchange_bindings",
    "basic.nack",
    "consumer_cancel_notify",
    "connection.blocked",
    "consumer_priorities",
    "authentication_failure_close",
    "per_consumer_qos",
    "direct_reply_to",
)
"""What the broker says it can do, as RabbitMQ does."""

BLOCKED_NOTIFY: Final = "connection.blocked"
CANCEL_NOTIFY: Final = "consumer_cancel_notify"
FAILURE_CLOSE: Final = "authentication_failure_close"


def describe_header(data: bytes) -> str:
    """For the log: who speaks there, if not AMQP 0-9-1."""
    if data.startswith(_TLS_HANDSHAKE):
        return "TLS client detected on non-TLS AMQP port. Ensure the client is connecting to the correct port."
    if data.startswith(b"GET "):
        return "HTTP GET request detected on AMQP port. Ensure the client is connecting to the correct port."
    return f"client did not start with AMQP protocol header: {data!r}"


@lru_cache(maxsize=16)
def start_frame(settings: Settings, mechanisms: tuple[str, ...], cluster_name: str) -> bytes:
    """connection.start, the same for most connections of a listener."""
    properties = Arguments.of(
        {
            "capabilities": dict.fromkeys(CAPABILITIES, True),
            "cluster_name": cluster_name,
            "copyright": settings.copyright,
            "information": settings.information,
            "platform": settings.platform,
            "product": settings.product,
            "version": settings.version,
        }
    )
    start = ConnectionStart(
        version_major=0,
        version_minor=9,
        server_properties=properties,
        mechanisms=" ".join(mechanisms).encode(),
        locales=b"en_US",
    )
    return method_frame(0, start)


def tune(settings: Settings) -> ConnectionTune:
    """What we would like; the peer may lower it."""
    return ConnectionTune(
        channel_max=settings.channel_max, frame_max=settings.frame_max, heartbeat=settings.heartbeat_s
    )


def require_mechanism(offered: tuple[str, ...], mechanism: str) -> None:
    """Raises CommandInvalid for one that was not offered."""
    if mechanism not in offered:
        raise CommandInvalid(f"unknown authentication mechanism '{mechanism}'")


def require_tuned(settings: Settings, method: ConnectionTuneOk) -> None:
    """Raises NotAllowed for maxima outside what was offered (0, no limit, is higher than any limit: RabbitMQ)."""
    _require("frame_max", method.frame_max, FRAME_MAX_MIN, settings.frame_max)
    _require("channel_max", method.channel_max, 1, settings.channel_max)


def _require(name: str, value: int, least: int, most: int) -> None:
    if value and value < least:
        raise NotAllowed(f"negotiated {name} = {value} is lower than the minimum allowed value ({least})")
    if most and (not value or value > most):
        detail = "" if value else " (no limit)"
        raise NotAllowed(f"negotiated {name} = {value}{detail} is higher than the maximum allowed value ({most})")


def capabilities(client_properties: Arguments) -> frozenset[str]:
    """What the client says it understands."""
    table = client_properties.get("capabilities")
    if not isinstance(table, dict):
        return frozenset()
    return frozenset(name for name in (BLOCKED_NOTIFY, CANCEL_NOTIFY, FAILURE_CLOSE) if table.get(name) is True)
