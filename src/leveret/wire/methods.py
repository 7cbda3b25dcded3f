"""One class per method of AMQP 0-9-1 with RabbitMQ's extensions.

Made by tools/generate_spec.py of tools/amqp-0-9-1.toml: change those, not this. Fields are named and ordered as in the
specification, without the reserved ones, which are written as zero and skipped when read. What a class encodes and
decodes are the arguments: what follows the class id and method id in a method frame.
"""

# ruff: noqa: RUF023  slots are in the order of the wire

from __future__ import annotations

import struct
from typing import ClassVar, Final, NoReturn, Self

from ..errors import CommandInvalid, FrameError
from ..limits import SHORTSTR_MAX
from .fields import Arguments


class Method:
    """What all methods can do."""

    __slots__: tuple[str, ...] = ()

    id: ClassVar[int]
    """Class id << 16 | method id."""
    name: ClassVar[str]
    """As in 'queue.declare-ok'."""
    has_content: ClassVar[bool] = False

    def encode(self) -> bytes:
        """The arguments. What does not fit its field is our own fault: ValueError, or struct.error for a number."""
        return b""

    @classmethod
    def decode(cls, raw: bytes) -> Self:
        """Read arguments.

        Raises FrameError with RabbitMQ's texts (see its decode_method_fields) when they are too short or too long or a
        shortstr is not UTF-8, SyntaxError_ when a table is malformed.
        """
        try:
            method, end = cls._read(raw)
        except (IndexError, struct.error):
            cls._refuse(raw)
        if end != len(raw):
            cls._refuse(raw)
        return method

    @classmethod
    def _read(cls, raw: bytes) -> tuple[Self, int]:
        """The method and where its arguments end, which may be after the end of a truncated `raw`."""
        return cls(), 0

    @classmethod
    def _refuse(cls, raw: bytes) -> NoReturn:
        if not _SECRET.isdisjoint(cls.__slots__):
            raise FrameError(f"cannot decode {cls.name}") from None
        # More octets than this do not fit a reply text.
        raise FrameError(f"cannot decode <<{','.join(map(str, raw[:SHORTSTR_MAX]))}>>") from None

    def __eq__(self, other: object) -> bool:
        if other.__class__ is not self.__class__:
            return NotImplemented
        return all(getattr(self, field) == getattr(other, field) for field in self.__slots__)

    def __repr__(self) -> str:
        fields = ", ".join(f"{field}={self._shown(field)}" for field in self.__slots__)
        return f"{type(self).__name__}({fields})"

    def _shown(self, field: str) -> str:
        return "..." if field in _SECRET else repr(getattr(self, field))


def decode_method(id: int, raw: bytes) -> Method:
    """Read the arguments of any method. Raises CommandInvalid for an unknown one, otherwise as `Method.decode`."""
    method = METHODS.get(id)
    if method is None:
        raise CommandInvalid("unimplemented method")
    return method.decode(raw)


_SECRET: Final = frozenset(("response", "new_secret"))  # they hold credentials, which nothing may show


def _shortstr(text: str) -> bytes:
    data = text.encode()
    if len(data) > SHORTSTR_MAX:
        raise ValueError(f"a shortstr of {len(data)} bytes")
    return b"%c%b" % (len(data), data)


def _longstr(data: bytes) -> bytes:
    return _I.pack(len(data)) + data


def _read_shortstr(raw: bytes, at: int) -> tuple[str, int]:
    start = at + 1
    end = start + raw[at]
    if end > len(raw):
        raise IndexError
    try:
        return raw[start:end].decode(), end
    except UnicodeDecodeError:
        raise FrameError("Malformed UTF-8 in shortstr") from None


def _read_longstr(raw: bytes, at: int) -> tuple[bytes, int]:
    start = at + 4
    end: int = start + _I.unpack_from(raw, at)[0]
    if end > len(raw):
        raise IndexError
    return raw[start:end], end


def _read_table(raw: bytes, at: int) -> tuple[Arguments, int]:
    table, end = _read_longstr(raw, at)
    return Arguments.decode(table), end


_BB: Final = struct.Struct(">BB")
_H: Final = struct.Struct(">H")
_HH: Final = struct.Struct(">HH")
_HIH: Final = struct.Struct(">HIH")
_I: Final = struct.Struct(">I")
_IHB: Final = struct.Struct(">IHB")
_II: Final = struct.Struct(">II")
_QB: Final = struct.Struct(">QB")


class ConnectionStart(Method):
    """connection.start, sent by the server."""

    __slots__ = ("version_major", "version_minor", "server_properties", "mechanisms", "locales")

    id = 0x000A000A
    name = "connection.start"

    def __init__(
        self,
        version_major: int,
        version_minor: int,
        server_properties: Arguments,
        mechanisms: bytes,
        locales: bytes,
    ) -> None:
        self.version_major = version_major
        self.version_minor = version_minor
        self.server_properties = server_properties
        self.mechanisms = mechanisms
        self.locales = locales

    def encode(self) -> bytes:
        return (
            _BB.pack(self.version_major, self.version_minor)
            + _longstr(self.server_properties.raw)
            + _longstr(self.mechanisms)
            + _longstr(self.locales)
        )

    @classmethod
    def _read(cls, raw: bytes) -> tuple[Self, int]:
        version_major, version_minor = _BB.unpack_from(raw, 0)
        server_properties, at = _read_table(raw, 2)
        mechanisms, at = _read_longstr(raw, at)
        locales, at = _read_longstr(raw, at)
        return cls(version_major, version_minor, server_properties, mechanisms, locales), at


class ConnectionStartOk(Method):
    """connection.start-ok, sent by the client."""

    __slots__ = ("client_properties", "mechanism", "response", "locale")

    id = 0x000A000B
    name = "connection.start-ok"

    def __init__(self, client_properties: Arguments, mechanism: str, response: bytes, locale: str) -> None:
        self.client_properties = client_properties
        self.mechanism = mechanism
        self.response = response
        self.locale = locale

    def encode(self) -> bytes:
        return (
            _longstr(self.client_properties.raw)
            + _shortstr(self.mechanism)
            + _longstr(self.response)
            + _shortstr(self.locale)
        )

    @classmethod
    def _read(cls, raw: bytes) -> tuple[Self, int]:
        client_properties, at = _read_table(raw, 0)
        mechanism, at = _read_shortstr(raw, at)
        response, at = _read_longstr(raw, at)
        locale, at = _read_shortstr(raw, at)
        return cls(client_properties, mechanism, response, locale), at


class ConnectionSecure(Method):
    """connection.secure, sent by the server."""

    __slots__ = ("challenge",)

    id = 0x000A0014
    name = "connection.secure"

    def __init__(self, challenge: bytes) -> None:
        self.challenge = challenge

    def encode(self) -> bytes:
        return _longstr(self.challenge)

    @classmethod
    def _read(cls, raw: bytes) -> tuple[Self, int]:
        challenge, at = _read_longstr(raw, 0)
        return cls(challenge), at


class ConnectionSecureOk(Method):
    """connection.secure-ok, sent by the client."""

    __slots__ = ("response",)

    id = 0x000A0015
    name = "connection.secure-ok"

    def __init__(self, response: bytes) -> None:
        self.response = response

    def encode(self) -> bytes:
        return _longstr(self.response)

    @classmethod
    def _read(cls, raw: bytes) -> tuple[Self, int]:
        response, at = _read_longstr(raw, 0)
        return cls(response), at


class ConnectionTune(Method):
    """connection.tune, sent by the server."""

    __slots__ = ("channel_max", "frame_max", "heartbeat")

    id = 0x000A001E
    name = "connection.tune"

    def __init__(self, channel_max: int = 0, frame_max: int = 0, heartbeat: int = 0) -> None:
        self.channel_max = channel_max
        self.frame_max = frame_max
        self.heartbeat = heartbeat

    def encode(self) -> bytes:
        return _HIH.pack(self.channel_max, self.frame_max, self.heartbeat)

    @classmethod
    def _read(cls, raw: bytes) -> tuple[Self, int]:
        channel_max, frame_max, heartbeat = _HIH.unpack_from(raw, 0)
        return cls(channel_max, frame_max, heartbeat), 8


class ConnectionTuneOk(Method):
    """connection.tune-ok, sent by the client."""

    __slots__ = ("channel_max", "frame_max", "heartbeat")

    id = 0x000A001F
    name = "connection.tune-ok"

    def __init__(self, channel_max: int = 0, frame_max: int = 0, heartbeat: int = 0) -> None:
        self.channel_max = channel_max
        self.frame_max = frame_max
        self.heartbeat = heartbeat

    def encode(self) -> bytes:
        return _HIH.pack(self.channel_max, self.frame_max, self.heartbeat)

    @classmethod
    def _read(cls, raw: bytes) -> tuple[Self, int]:
        channel_max, frame_max, heartbeat = _HIH.unpack_from(raw, 0)
        return cls(channel_max, frame_max, heartbeat), 8


class ConnectionOpen(Method):
    """connection.open, sent by the client."""

    __slots__ = ("virtual_host",)

    id = 0x000A0028
    name = "connection.open"

    def __init__(self, virtual_host: str = "/") -> None:
        self.virtual_host = virtual_host

    def encode(self) -> bytes:
        return _shortstr(self.virtual_host) + b"\x00\x00"

    @classmethod
    def _read(cls, raw: bytes) -> tuple[Self, int]:
        virtual_host, at = _read_shortstr(raw, 0)
        _, at = _read_shortstr(raw, at)
        return cls(virtual_host), at + 1


class ConnectionOpenOk(Method):
    """connection.open-ok, sent by the server."""

    __slots__ = ()

    id = 0x000A0029
    name = "connection.open-ok"

    def encode(self) -> bytes:
        return b"\x00"

    @classmethod
    def _read(cls, raw: bytes) -> tuple[Self, int]:
        _, at = _read_shortstr(raw, 0)
        return cls(), at


class ConnectionClose(Method):
    """connection.close, sent by both."""

    __slots__ = ("reply_code", "reply_text", "class_id", "method_id")

    id = 0x000A0032
    name = "connection.close"

    def __init__(self, reply_code: int, reply_text: str = "", class_id: int = 0, method_id: int = 0) -> None:
        self.reply_code = reply_code
        self.reply_text = reply_text
        self.class_id = class_id
        self.method_id = method_id

    def encode(self) -> bytes:
        return _H.pack(self.reply_code) + _shortstr(self.reply_text) + _HH.pack(self.class_id, self.method_id)

    @classmethod
    def _read(cls, raw: bytes) -> tuple[Self, int]:
        (reply_code,) = _H.unpack_from(raw, 0)
        reply_text, at = _read_shortstr(raw, 2)
        class_id, method_id = _HH.unpack_from(raw, at)
        return cls(reply_code, reply_text, class_id, method_id), at + 4


class ConnectionCloseOk(Method):
    """connection.close-ok, sent by both."""

    __slots__ = ()

    id = 0x000A0033
    name = "connection.close-ok"


class ConnectionBlocked(Method):
    """connection.blocked, sent by the server."""

    __slots__ = ("reason",)

    id = 0x000A003C
    name = "connection.blocked"

    def __init__(self, reason: str = "") -> None:
        self.reason = reason

    def encode(self) -> bytes:
        return _shortstr(self.reason)

    @classmethod
    def _read(cls, raw: bytes) -> tuple[Self, int]:
        reason, at = _read_shortstr(raw, 0)
        return cls(reason), at


class ConnectionUnblocked(Method):
    """connection.unblocked, sent by the server."""

    __slots__ = ()

    id = 0x000A003D
    name = "connection.unblocked"


class ConnectionUpdateSecret(Method):
    """connection.update-secret, sent by the client."""

    __slots__ = ("new_secret", "reason")

    id = 0x000A0046
    name = "connection.update-secret"

    def __init__(self, new_secret: bytes, reason: str) -> None:
        self.new_secret = new_secret
        self.reason = reason

    def encode(self) -> bytes:
        return _longstr(self.new_secret) + _shortstr(self.reason)

    @classmethod
    def _read(cls, raw: bytes) -> tuple[Self, int]:
        new_secret, at = _read_longstr(raw, 0)
        reason, at = _read_shortstr(raw, at)
        return cls(new_secret, reason), at


class ConnectionUpdateSecretOk(Method):
    """connection.update-secret-ok, sent by the server."""

    __slots__ = ()

    id = 0x000A0047
    name = "connection.update-secret-ok"


class ChannelOpen(Method):
    """channel.open, sent by the client."""

    __slots__ = ()

    id = 0x0014000A
    name = "channel.open"

    def encode(self) -> bytes:
        return b"\x00"

    @classmethod
    def _read(cls, raw: bytes) -> tuple[Self, int]:
        _, at = _read_shortstr(raw, 0)
        return cls(), at


class ChannelOpenOk(Method):
    """channel.open-ok, sent by the server."""

    __slots__ = ()

    id = 0x0014000B
    name = "channel.open-ok"

    def encode(self) -> bytes:
        return b"\x00\x00\x00\x00"

    @classmethod
    def _read(cls, raw: bytes) -> tuple[Self, int]:
        _, at = _read_longstr(raw, 0)
        return cls(), at


class ChannelFlow(Method):
    """channel.flow, sent by both."""

    __slots__ = ("active",)

    id = 0x00140014
    name = "channel.flow"

    def __init__(self, active: bool = False) -> None:
        self.active = active

    def encode(self) -> bytes:
        return bytes((self.active,))

    @classmethod
    def _read(cls, raw: bytes) -> tuple[Self, int]:
        active = raw[0]
        return cls(active & 1 != 0), 1


class ChannelFlowOk(Method):
    """channel.flow-ok, sent by both."""

    __slots__ = ("active",)

    id = 0x00140015
    name = "channel.flow-ok"

    def __init__(self, active: bool = False) -> None:
        self.active = active

    def encode(self) -> bytes:
        return bytes((self.active,))

    @classmethod
    def _read(cls, raw: bytes) -> tuple[Self, int]:
        active = raw[0]
        return cls(active & 1 != 0), 1


class ChannelClose(Method):
    """channel.close, sent by both."""

    __slots__ = ("reply_code", "reply_text", "class_id", "method_id")

    id = 0x00140028
    name = "channel.close"

    def __init__(self, reply_code: int, reply_text: str = "", class_id: int = 0, method_id: int = 0) -> None:
        self.reply_code = reply_code
        self.reply_text = reply_text
        self.class_id = class_id
        self.method_id = method_id

    def encode(self) -> bytes:
        return _H.pack(self.reply_code) + _shortstr(self.reply_text) + _HH.pack(self.class_id, self.method_id)

    @classmethod
    def _read(cls, raw: bytes) -> tuple[Self, int]:
        (reply_code,) = _H.unpack_from(raw, 0)
        reply_text, at = _read_shortstr(raw, 2)
        class_id, method_id = _HH.unpack_from(raw, at)
        return cls(reply_code, reply_text, class_id, method_id), at + 4


class ChannelCloseOk(Method):
    """channel.close-ok, sent by both."""

    __slots__ = ()

    id = 0x00140029
    name = "channel.close-ok"


class AccessRequest(Method):
    """access.request, sent by the client."""

    __slots__ = ("realm", "exclusive", "passive", "active", "write", "read")

    id = 0x001E000A
    name = "access.request"

    def __init__(
        self,
        realm: str,
        exclusive: bool = False,
        passive: bool = False,
        active: bool = False,
        write: bool = False,
        read: bool = False,
    ) -> None:
        self.realm = realm
        self.exclusive = exclusive
        self.passive = passive
        self.active = active
        self.write = write
        self.read = read

    def encode(self) -> bytes:
        bits = self.exclusive | self.passive << 1 | self.active << 2 | self.write << 3 | self.read << 4
        return _shortstr(self.realm) + bytes((bits,))

    @classmethod
    def _read(cls, raw: bytes) -> tuple[Self, int]:
        realm, at = _read_shortstr(raw, 0)
        bits = raw[at]
        return cls(realm, bits & 1 != 0, bits & 2 != 0, bits & 4 != 0, bits & 8 != 0, bits & 16 != 0), at + 1


class AccessRequestOk(Method):
    """access.request-ok, sent by the server."""

    __slots__ = ("ticket",)

    id = 0x001E000B
    name = "access.request-ok"

    def __init__(self, ticket: int = 1) -> None:
        self.ticket = ticket

    def encode(self) -> bytes:
        return _H.pack(self.ticket)

    @classmethod
    def _read(cls, raw: bytes) -> tuple[Self, int]:
        (ticket,) = _H.unpack_from(raw, 0)
        return cls(ticket), 2


class ExchangeDeclare(Method):
    """exchange.declare, sent by the client."""

    __slots__ = ("exchange", "type", "passive", "durable", "auto_delete", "internal", "no_wait", "arguments")

    id = 0x0028000A
    name = "exchange.declare"

    def __init__(
        self,
        exchange: str,
        type: str = "direct",
        passive: bool = False,
        durable: bool = False,
        auto_delete: bool = False,
        internal: bool = False,
        no_wait: bool = False,
        arguments: Arguments = Arguments.EMPTY,
    ) -> None:
        self.exchange = exchange
        self.type = type
        self.passive = passive
        self.durable = durable
        self.auto_delete = auto_delete
        self.internal = internal
        self.no_wait = no_wait
        self.arguments = arguments

    def encode(self) -> bytes:
        bits = self.passive | self.durable << 1 | self.auto_delete << 2 | self.internal << 3 | self.no_wait << 4
        return (
            b"\x00\x00"
            + _shortstr(self.exchange)
            + _shortstr(self.type)
            + bytes((bits,))
            + _longstr(self.arguments.raw)
        )

    @classmethod
    def _read(cls, raw: bytes) -> tuple[Self, int]:
        exchange, at = _read_shortstr(raw, 2)
        type, at = _read_shortstr(raw, at)
        bits = raw[at]
        arguments, at = _read_table(raw, at + 1)
        method = cls(
            exchange,
            type,
            bits & 1 != 0,
            bits & 2 != 0,
            bits & 4 != 0,
            bits & 8 != 0,
            bits & 16 != 0,
            arguments,
        )
        return method, at


class ExchangeDeclareOk(Method):
    """exchange.declare-ok, sent by the server."""

    __slots__ = ()

    id = 0x0028000B
    name = "exchange.declare-ok"


class ExchangeDelete(Method):
    """exchange.delete, sent by the client."""

    __slots__ = ("exchange", "if_unused", "no_wait")

    id = 0x00280014
    name = "exchange.delete"

    def __init__(self, exchange: str, if_unused: bool = False, no_wait: bool = False) -> None:
        self.exchange = exchange
        self.if_unused = if_unused
        self.no_wait = no_wait

    def encode(self) -> bytes:
        bits = self.if_unused | self.no_wait << 1
        return b"\x00\x00" + _shortstr(self.exchange) + bytes((bits,))

    @classmethod
    def _read(cls, raw: bytes) -> tuple[Self, int]:
        exchange, at = _read_shortstr(raw, 2)
        bits = raw[at]
        return cls(exchange, bits & 1 != 0, bits & 2 != 0), at + 1


class ExchangeDeleteOk(Method):
    """exchange.delete-ok, sent by the server."""

    __slots__ = ()

    id = 0x00280015
    name = "exchange.delete-ok"


class ExchangeBind(Method):
    """exchange.bind, sent by the client."""

    __slots__ = ("destination", "source", "routing_key", "no_wait", "arguments")

    id = 0x0028001E
    name = "exchange.bind"

    def __init__(
        self,
        destination: str,
        source: str,
        routing_key: str = "",
        no_wait: bool = False,
        arguments: Arguments = Arguments.EMPTY,
    ) -> None:
        self.destination = destination
        self.source = source
        self.routing_key = routing_key
        self.no_wait = no_wait
        self.arguments = arguments

    def encode(self) -> bytes:
        return (
            b"\x00\x00"
            + _shortstr(self.destination)
            + _shortstr(self.source)
            + _shortstr(self.routing_key)
            + bytes((self.no_wait,))
            + _longstr(self.arguments.raw)
        )

    @classmethod
    def _read(cls, raw: bytes) -> tuple[Self, int]:
        destination, at = _read_shortstr(raw, 2)
        source, at = _read_shortstr(raw, at)
        routing_key, at = _read_shortstr(raw, at)
        no_wait = raw[at]
        arguments, at = _read_table(raw, at + 1)
        return cls(destination, source, routing_key, no_wait & 1 != 0, arguments), at


class ExchangeBindOk(Method):
    """exchange.bind-ok, sent by the server."""

    __slots__ = ()

    id = 0x0028001F
    name = "exchange.bind-ok"


class ExchangeUnbind(Method):
    """exchange.unbind, sent by the client."""

    __slots__ = ("destination", "source", "routing_key", "no_wait", "arguments")

    id = 0x00280028
    name = "exchange.unbind"

    def __init__(
        self,
        destination: str,
        source: str,
        routing_key: str = "",
        no_wait: bool = False,
        arguments: Arguments = Arguments.EMPTY,
    ) -> None:
        self.destination = destination
        self.source = source
        self.routing_key = routing_key
        self.no_wait = no_wait
        self.arguments = arguments

    def encode(self) -> bytes:
        return (
            b"\x00\x00"
            + _shortstr(self.destination)
            + _shortstr(self.source)
            + _shortstr(self.routing_key)
            + bytes((self.no_wait,))
            + _longstr(self.arguments.raw)
        )

    @classmethod
    def _read(cls, raw: bytes) -> tuple[Self, int]:
        destination, at = _read_shortstr(raw, 2)
        source, at = _read_shortstr(raw, at)
        routing_key, at = _read_shortstr(raw, at)
        no_wait = raw[at]
        arguments, at = _read_table(raw, at + 1)
        return cls(destination, source, routing_key, no_wait & 1 != 0, arguments), at


class ExchangeUnbindOk(Method):
    """exchange.unbind-ok, sent by the server."""

    __slots__ = ()

    id = 0x00280033
    name = "exchange.unbind-ok"


class QueueDeclare(Method):
    """queue.declare, sent by the client."""

    __slots__ = ("queue", "passive", "durable", "exclusive", "auto_delete", "no_wait", "arguments")

    id = 0x0032000A
    name = "queue.declare"

    def __init__(
        self,
        queue: str = "",
        passive: bool = False,
        durable: bool = False,
        exclusive: bool = False,
        auto_delete: bool = False,
        no_wait: bool = False,
        arguments: Arguments = Arguments.EMPTY,
    ) -> None:
        self.queue = queue
        self.passive = passive
        self.durable = durable
        self.exclusive = exclusive
        self.auto_delete = auto_delete
        self.no_wait = no_wait
        self.arguments = arguments

    def encode(self) -> bytes:
        bits = self.passive | self.durable << 1 | self.exclusive << 2 | self.auto_delete << 3 | self.no_wait << 4
        return b"\x00\x00" + _shortstr(self.queue) + bytes((bits,)) + _longstr(self.arguments.raw)

    @classmethod
    def _read(cls, raw: bytes) -> tuple[Self, int]:
        queue, at = _read_shortstr(raw, 2)
        bits = raw[at]
        arguments, at = _read_table(raw, at + 1)
        return cls(queue, bits & 1 != 0, bits & 2 != 0, bits & 4 != 0, bits & 8 != 0, bits & 16 != 0, arguments), at


class QueueDeclareOk(Method):
    """queue.declare-ok, sent by the server."""

    __slots__ = ("queue", "message_count", "consumer_count")

    id = 0x0032000B
    name = "queue.declare-ok"

    def __init__(self, queue: str, message_count: int, consumer_count: int) -> None:
        self.queue = queue
        self.message_count = message_count
        self.consumer_count = consumer_count

    def encode(self) -> bytes:
        return _shortstr(self.queue) + _II.pack(self.message_count, self.consumer_count)

    @classmethod
    def _read(cls, raw: bytes) -> tuple[Self, int]:
        queue, at = _read_shortstr(raw, 0)
        message_count, consumer_count = _II.unpack_from(raw, at)
        return cls(queue, message_count, consumer_count), at + 8


class QueueBind(Method):
    """queue.bind, sent by the client."""

    __slots__ = ("queue", "exchange", "routing_key", "no_wait", "arguments")

    id = 0x00320014
    name = "queue.bind"

    def __init__(
        self,
        queue: str,
        exchange: str,
        routing_key: str = "",
        no_wait: bool = False,
        arguments: Arguments = Arguments.EMPTY,
    ) -> None:
        self.queue = queue
        self.exchange = exchange
        self.routing_key = routing_key
        self.no_wait = no_wait
        self.arguments = arguments

    def encode(self) -> bytes:
        return (
            b"\x00\x00"
            + _shortstr(self.queue)
            + _shortstr(self.exchange)
            + _shortstr(self.routing_key)
            + bytes((self.no_wait,))
            + _longstr(self.arguments.raw)
        )

    @classmethod
    def _read(cls, raw: bytes) -> tuple[Self, int]:
        queue, at = _read_shortstr(raw, 2)
        exchange, at = _read_shortstr(raw, at)
        routing_key, at = _read_shortstr(raw, at)
        no_wait = raw[at]
        arguments, at = _read_table(raw, at + 1)
        return cls(queue, exchange, routing_key, no_wait & 1 != 0, arguments), at


class QueueBindOk(Method):
    """queue.bind-ok, sent by the server."""

    __slots__ = ()

    id = 0x00320015
    name = "queue.bind-ok"


class QueuePurge(Method):
    """queue.purge, sent by the client."""

    __slots__ = ("queue", "no_wait")

    id = 0x0032001E
    name = "queue.purge"

    def __init__(self, queue: str, no_wait: bool = False) -> None:
        self.queue = queue
        self.no_wait = no_wait

    def encode(self) -> bytes:
        return b"\x00\x00" + _shortstr(self.queue) + bytes((self.no_wait,))

    @classmethod
    def _read(cls, raw: bytes) -> tuple[Self, int]:
        queue, at = _read_shortstr(raw, 2)
        no_wait = raw[at]
        return cls(queue, no_wait & 1 != 0), at + 1


class QueuePurgeOk(Method):
    """queue.purge-ok, sent by the server."""

    __slots__ = ("message_count",)

    id = 0x0032001F
    name = "queue.purge-ok"

    def __init__(self, message_count: int) -> None:
        self.message_count = message_count

    def encode(self) -> bytes:
        return _I.pack(self.message_count)

    @classmethod
    def _read(cls, raw: bytes) -> tuple[Self, int]:
        (message_count,) = _I.unpack_from(raw, 0)
        return cls(message_count), 4


class QueueDelete(Method):
    """queue.delete, sent by the client."""

    __slots__ = ("queue", "if_unused", "if_empty", "no_wait")

    id = 0x00320028
    name = "queue.delete"

    def __init__(self, queue: str, if_unused: bool = False, if_empty: bool = False, no_wait: bool = False) -> None:
        self.queue = queue
        self.if_unused = if_unused
        self.if_empty = if_empty
        self.no_wait = no_wait

    def encode(self) -> bytes:
        bits = self.if_unused | self.if_empty << 1 | self.no_wait << 2
        return b"\x00\x00" + _shortstr(self.queue) + bytes((bits,))

    @classmethod
    def _read(cls, raw: bytes) -> tuple[Self, int]:
        queue, at = _read_shortstr(raw, 2)
        bits = raw[at]
        return cls(queue, bits & 1 != 0, bits & 2 != 0, bits & 4 != 0), at + 1


class QueueDeleteOk(Method):
    """queue.delete-ok, sent by the server."""

    __slots__ = ("message_count",)

    id = 0x00320029
    name = "queue.delete-ok"

    def __init__(self, message_count: int) -> None:
        self.message_count = message_count

    def encode(self) -> bytes:
        return _I.pack(self.message_count)

    @classmethod
    def _read(cls, raw: bytes) -> tuple[Self, int]:
        (message_count,) = _I.unpack_from(raw, 0)
        return cls(message_count), 4


class QueueUnbind(Method):
    """queue.unbind, sent by the client."""

    __slots__ = ("queue", "exchange", "routing_key", "arguments")

    id = 0x00320032
    name = "queue.unbind"

    def __init__(
        self,
        queue: str,
        exchange: str,
        routing_key: str = "",
        arguments: Arguments = Arguments.EMPTY,
    ) -> None:
        self.queue = queue
        self.exchange = exchange
        self.routing_key = routing_key
        self.arguments = arguments

    def encode(self) -> bytes:
        return (
            b"\x00\x00"
            + _shortstr(self.queue)
            + _shortstr(self.exchange)
            + _shortstr(self.routing_key)
            + _longstr(self.arguments.raw)
        )

    @classmethod
    def _read(cls, raw: bytes) -> tuple[Self, int]:
        queue, at = _read_shortstr(raw, 2)
        exchange, at = _read_shortstr(raw, at)
        routing_key, at = _read_shortstr(raw, at)
        arguments, at = _read_table(raw, at)
        return cls(queue, exchange, routing_key, arguments), at


class QueueUnbindOk(Method):
    """queue.unbind-ok, sent by the server."""

    __slots__ = ()

    id = 0x00320033
    name = "queue.unbind-ok"


class BasicQos(Method):
    """basic.qos, sent by the client."""

    __slots__ = ("prefetch_size", "prefetch_count", "global_")

    id = 0x003C000A
    name = "basic.qos"

    def __init__(self, prefetch_size: int = 0, prefetch_count: int = 0, global_: bool = False) -> None:
        self.prefetch_size = prefetch_size
        self.prefetch_count = prefetch_count
        self.global_ = global_

    def encode(self) -> bytes:
        return _IHB.pack(self.prefetch_size, self.prefetch_count, self.global_)

    @classmethod
    def _read(cls, raw: bytes) -> tuple[Self, int]:
        prefetch_size, prefetch_count, global_ = _IHB.unpack_from(raw, 0)
        return cls(prefetch_size, prefetch_count, global_ & 1 != 0), 7


class BasicQosOk(Method):
    """basic.qos-ok, sent by the server."""

    __slots__ = ()

    id = 0x003C000B
    name = "basic.qos-ok"


class BasicConsume(Method):
    """basic.consume, sent by the client."""

    __slots__ = ("queue", "consumer_tag", "no_local", "no_ack", "exclusive", "no_wait", "arguments")

    id = 0x003C0014
    name = "basic.consume"

    def __init__(
        self,
        queue: str,
        consumer_tag: str = "",
        no_local: bool = False,
        no_ack: bool = False,
        exclusive: bool = False,
        no_wait: bool = False,
        arguments: Arguments = Arguments.EMPTY,
    ) -> None:
        self.queue = queue
        self.consumer_tag = consumer_tag
        self.no_local = no_local
        self.no_ack = no_ack
        self.exclusive = exclusive
        self.no_wait = no_wait
        self.arguments = arguments

    def encode(self) -> bytes:
        bits = self.no_local | self.no_ack << 1 | self.exclusive << 2 | self.no_wait << 3
        return (
            b"\x00\x00"
            + _shortstr(self.queue)
            + _shortstr(self.consumer_tag)
            + bytes((bits,))
            + _longstr(self.arguments.raw)
        )

    @classmethod
    def _read(cls, raw: bytes) -> tuple[Self, int]:
        queue, at = _read_shortstr(raw, 2)
        consumer_tag, at = _read_shortstr(raw, at)
        bits = raw[at]
        arguments, at = _read_table(raw, at + 1)
        return cls(queue, consumer_tag, bits & 1 != 0, bits & 2 != 0, bits & 4 != 0, bits & 8 != 0, arguments), at


class BasicConsumeOk(Method):
    """basic.consume-ok, sent by the server."""

    __slots__ = ("consumer_tag",)

    id = 0x003C0015
    name = "basic.consume-ok"

    def __init__(self, consumer_tag: str) -> None:
        self.consumer_tag = consumer_tag

    def encode(self) -> bytes:
        return _shortstr(self.consumer_tag)

    @classmethod
    def _read(cls, raw: bytes) -> tuple[Self, int]:
        consumer_tag, at = _read_shortstr(raw, 0)
        return cls(consumer_tag), at


class BasicCancel(Method):
    """basic.cancel, sent by both."""

    __slots__ = ("consumer_tag", "no_wait")

    id = 0x003C001E
    name = "basic.cancel"

    def __init__(self, consumer_tag: str, no_wait: bool = False) -> None:
        self.consumer_tag = consumer_tag
        self.no_wait = no_wait

    def encode(self) -> bytes:
        return _shortstr(self.consumer_tag) + bytes((self.no_wait,))

    @classmethod
    def _read(cls, raw: bytes) -> tuple[Self, int]:
        consumer_tag, at = _read_shortstr(raw, 0)
        no_wait = raw[at]
        return cls(consumer_tag, no_wait & 1 != 0), at + 1


class BasicCancelOk(Method):
    """basic.cancel-ok, sent by both."""

    __slots__ = ("consumer_tag",)

    id = 0x003C001F
    name = "basic.cancel-ok"

    def __init__(self, consumer_tag: str) -> None:
        self.consumer_tag = consumer_tag

    def encode(self) -> bytes:
        return _shortstr(self.consumer_tag)

    @classmethod
    def _read(cls, raw: bytes) -> tuple[Self, int]:
        consumer_tag, at = _read_shortstr(raw, 0)
        return cls(consumer_tag), at


class BasicPublish(Method):
    """basic.publish, sent by the client."""

    __slots__ = ("exchange", "routing_key", "mandatory", "immediate")

    id = 0x003C0028
    name = "basic.publish"
    has_content = True

    def __init__(
        self,
        exchange: str = "",
        routing_key: str = "",
        mandatory: bool = False,
        immediate: bool = False,
    ) -> None:
        self.exchange = exchange
        self.routing_key = routing_key
        self.mandatory = mandatory
        self.immediate = immediate

    def encode(self) -> bytes:
        bits = self.mandatory | self.immediate << 1
        return b"\x00\x00" + _shortstr(self.exchange) + _shortstr(self.routing_key) + bytes((bits,))

    @classmethod
    def _read(cls, raw: bytes) -> tuple[Self, int]:
        exchange, at = _read_shortstr(raw, 2)
        routing_key, at = _read_shortstr(raw, at)
        bits = raw[at]
        return cls(exchange, routing_key, bits & 1 != 0, bits & 2 != 0), at + 1


class BasicReturn(Method):
    """basic.return, sent by the server."""

    __slots__ = ("reply_code", "reply_text", "exchange", "routing_key")

    id = 0x003C0032
    name = "basic.return"
    has_content = True

    def __init__(self, reply_code: int, reply_text: str, exchange: str, routing_key: str) -> None:
        self.reply_code = reply_code
        self.reply_text = reply_text
        self.exchange = exchange
        self.routing_key = routing_key

    def encode(self) -> bytes:
        return (
            _H.pack(self.reply_code)
            + _shortstr(self.reply_text)
            + _shortstr(self.exchange)
            + _shortstr(self.routing_key)
        )

    @classmethod
    def _read(cls, raw: bytes) -> tuple[Self, int]:
        (reply_code,) = _H.unpack_from(raw, 0)
        reply_text, at = _read_shortstr(raw, 2)
        exchange, at = _read_shortstr(raw, at)
        routing_key, at = _read_shortstr(raw, at)
        return cls(reply_code, reply_text, exchange, routing_key), at


class BasicDeliver(Method):
    """basic.deliver, sent by the server."""

    __slots__ = ("consumer_tag", "delivery_tag", "redelivered", "exchange", "routing_key")

    id = 0x003C003C
    name = "basic.deliver"
    has_content = True

    def __init__(
        self,
        consumer_tag: str,
        delivery_tag: int,
        redelivered: bool,
        exchange: str,
        routing_key: str,
    ) -> None:
        self.consumer_tag = consumer_tag
        self.delivery_tag = delivery_tag
        self.redelivered = redelivered
        self.exchange = exchange
        self.routing_key = routing_key

    def encode(self) -> bytes:
        return (
            _shortstr(self.consumer_tag)
            + _QB.pack(self.delivery_tag, self.redelivered)
            + _shortstr(self.exchange)
            + _shortstr(self.routing_key)
        )

    @classmethod
    def _read(cls, raw: bytes) -> tuple[Self, int]:
        consumer_tag, at = _read_shortstr(raw, 0)
        delivery_tag, redelivered = _QB.unpack_from(raw, at)
        exchange, at = _read_shortstr(raw, at + 9)
        routing_key, at = _read_shortstr(raw, at)
        return cls(consumer_tag, delivery_tag, redelivered & 1 != 0, exchange, routing_key), at


class BasicGet(Method):
    """basic.get, sent by the client."""

    __slots__ = ("queue", "no_ack")

    id = 0x003C0046
    name = "basic.get"

    def __init__(self, queue: str, no_ack: bool = False) -> None:
        self.queue = queue
        self.no_ack = no_ack

    def encode(self) -> bytes:
        return b"\x00\x00" + _shortstr(self.queue) + bytes((self.no_ack,))

    @classmethod
    def _read(cls, raw: bytes) -> tuple[Self, int]:
        queue, at = _read_shortstr(raw, 2)
        no_ack = raw[at]
        return cls(queue, no_ack & 1 != 0), at + 1


class BasicGetOk(Method):
    """basic.get-ok, sent by the server."""

    __slots__ = ("delivery_tag", "redelivered", "exchange", "routing_key", "message_count")

    id = 0x003C0047
    name = "basic.get-ok"
    has_content = True

    def __init__(
        self,
        delivery_tag: int,
        redelivered: bool,
        exchange: str,
        routing_key: str,
        message_count: int,
    ) -> None:
        self.delivery_tag = delivery_tag
        self.redelivered = redelivered
        self.exchange = exchange
        self.routing_key = routing_key
        self.message_count = message_count

    def encode(self) -> bytes:
        return (
            _QB.pack(self.delivery_tag, self.redelivered)
            + _shortstr(self.exchange)
            + _shortstr(self.routing_key)
            + _I.pack(self.message_count)
        )

    @classmethod
    def _read(cls, raw: bytes) -> tuple[Self, int]:
        delivery_tag, redelivered = _QB.unpack_from(raw, 0)
        exchange, at = _read_shortstr(raw, 9)
        routing_key, at = _read_shortstr(raw, at)
        (message_count,) = _I.unpack_from(raw, at)
        return cls(delivery_tag, redelivered & 1 != 0, exchange, routing_key, message_count), at + 4


class BasicGetEmpty(Method):
    """basic.get-empty, sent by the server."""

    __slots__ = ()

    id = 0x003C0048
    name = "basic.get-empty"

    def encode(self) -> bytes:
        return b"\x00"

    @classmethod
    def _read(cls, raw: bytes) -> tuple[Self, int]:
        _, at = _read_shortstr(raw, 0)
        return cls(), at


class BasicAck(Method):
    """basic.ack, sent by both."""

    __slots__ = ("delivery_tag", "multiple")

    id = 0x003C0050
    name = "basic.ack"

    def __init__(self, delivery_tag: int = 0, multiple: bool = False) -> None:
        self.delivery_tag = delivery_tag
        self.multiple = multiple

    def encode(self) -> bytes:
        return _QB.pack(self.delivery_tag, self.multiple)

    @classmethod
    def _read(cls, raw: bytes) -> tuple[Self, int]:
        delivery_tag, multiple = _QB.unpack_from(raw, 0)
        return cls(delivery_tag, multiple & 1 != 0), 9


class BasicReject(Method):
    """basic.reject, sent by the client."""

    __slots__ = ("delivery_tag", "requeue")

    id = 0x003C005A
    name = "basic.reject"

    def __init__(self, delivery_tag: int, requeue: bool = True) -> None:
        self.delivery_tag = delivery_tag
        self.requeue = requeue

    def encode(self) -> bytes:
        return _QB.pack(self.delivery_tag, self.requeue)

    @classmethod
    def _read(cls, raw: bytes) -> tuple[Self, int]:
        delivery_tag, requeue = _QB.unpack_from(raw, 0)
        return cls(delivery_tag, requeue & 1 != 0), 9


class BasicRecoverAsync(Method):
    """basic.recover-async, sent by the client."""

    __slots__ = ("requeue",)

    id = 0x003C0064
    name = "basic.recover-async"

    def __init__(self, requeue: bool = False) -> None:
        self.requeue = requeue

    def encode(self) -> bytes:
        return bytes((self.requeue,))

    @classmethod
    def _read(cls, raw: bytes) -> tuple[Self, int]:
        requeue = raw[0]
        return cls(requeue & 1 != 0), 1


class BasicRecover(Method):
    """basic.recover, sent by the client."""

    __slots__ = ("requeue",)

    id = 0x003C006E
    name = "basic.recover"

    def __init__(self, requeue: bool = False) -> None:
        self.requeue = requeue

    def encode(self) -> bytes:
        return bytes((self.requeue,))

    @classmethod
    def _read(cls, raw: bytes) -> tuple[Self, int]:
        requeue = raw[0]
        return cls(requeue & 1 != 0), 1


class BasicRecoverOk(Method):
    """basic.recover-ok, sent by the server."""

    __slots__ = ()

    id = 0x003C006F
    name = "basic.recover-ok"


class BasicNack(Method):
    """basic.nack, sent by both."""

    __slots__ = ("delivery_tag", "multiple", "requeue")

    id = 0x003C0078
    name = "basic.nack"

    def __init__(self, delivery_tag: int = 0, multiple: bool = False, requeue: bool = True) -> None:
        self.delivery_tag = delivery_tag
        self.multiple = multiple
        self.requeue = requeue

    def encode(self) -> bytes:
        bits = self.multiple | self.requeue << 1
        return _QB.pack(self.delivery_tag, bits)

    @classmethod
    def _read(cls, raw: bytes) -> tuple[Self, int]:
        delivery_tag, bits = _QB.unpack_from(raw, 0)
        return cls(delivery_tag, bits & 1 != 0, bits & 2 != 0), 9


class ConfirmSelect(Method):
    """confirm.select, sent by the client."""

    __slots__ = ("no_wait",)

    id = 0x0055000A
    name = "confirm.select"

    def __init__(self, no_wait: bool = False) -> None:
        self.no_wait = no_wait

    def encode(self) -> bytes:
        return bytes((self.no_wait,))

    @classmethod
    def _read(cls, raw: bytes) -> tuple[Self, int]:
        no_wait = raw[0]
        return cls(no_wait & 1 != 0), 1


class ConfirmSelectOk(Method):
    """confirm.select-ok, sent by the server."""

    __slots__ = ()

    id = 0x0055000B
    name = "confirm.select-ok"


class TxSelect(Method):
    """tx.select, sent by the client."""

    __slots__ = ()

    id = 0x005A000A
    name = "tx.select"


class TxSelectOk(Method):
    """tx.select-ok, sent by the server."""

    __slots__ = ()

    id = 0x005A000B
    name = "tx.select-ok"


class TxCommit(Method):
    """tx.commit, sent by the client."""

    __slots__ = ()

    id = 0x005A0014
    name = "tx.commit"


class TxCommitOk(Method):
    """tx.commit-ok, sent by the server."""

    __slots__ = ()

    id = 0x005A0015
    name = "tx.commit-ok"


class TxRollback(Method):
    """tx.rollback, sent by the client."""

    __slots__ = ()

    id = 0x005A001E
    name = "tx.rollback"


class TxRollbackOk(Method):
    """tx.rollback-ok, sent by the server."""

    __slots__ = ()

    id = 0x005A001F
    name = "tx.rollback-ok"


METHODS: Final[dict[int, type[Method]]] = {
    ConnectionStart.id: ConnectionStart,
    ConnectionStartOk.id: ConnectionStartOk,
    ConnectionSecure.id: ConnectionSecure,
    ConnectionSecureOk.id: ConnectionSecureOk,
    ConnectionTune.id: ConnectionTune,
    ConnectionTuneOk.id: ConnectionTuneOk,
    ConnectionOpen.id: ConnectionOpen,
    ConnectionOpenOk.id: ConnectionOpenOk,
    ConnectionClose.id: ConnectionClose,
    ConnectionCloseOk.id: ConnectionCloseOk,
    ConnectionBlocked.id: ConnectionBlocked,
    ConnectionUnblocked.id: ConnectionUnblocked,
    ConnectionUpdateSecret.id: ConnectionUpdateSecret,
    ConnectionUpdateSecretOk.id: ConnectionUpdateSecretOk,
    ChannelOpen.id: ChannelOpen,
    ChannelOpenOk.id: ChannelOpenOk,
    ChannelFlow.id: ChannelFlow,
    ChannelFlowOk.id: ChannelFlowOk,
    ChannelClose.id: ChannelClose,
    ChannelCloseOk.id: ChannelCloseOk,
    AccessRequest.id: AccessRequest,
    AccessRequestOk.id: AccessRequestOk,
    ExchangeDeclare.id: ExchangeDeclare,
    ExchangeDeclareOk.id: ExchangeDeclareOk,
    ExchangeDelete.id: ExchangeDelete,
    ExchangeDeleteOk.id: ExchangeDeleteOk,
    ExchangeBind.id: ExchangeBind,
    ExchangeBindOk.id: ExchangeBindOk,
    ExchangeUnbind.id: ExchangeUnbind,
    ExchangeUnbindOk.id: ExchangeUnbindOk,
    QueueDeclare.id: QueueDeclare,
    QueueDeclareOk.id: QueueDeclareOk,
    QueueBind.id: QueueBind,
    QueueBindOk.id: QueueBindOk,
    QueuePurge.id: QueuePurge,
    QueuePurgeOk.id: QueuePurgeOk,
    QueueDelete.id: QueueDelete,
    QueueDeleteOk.id: QueueDeleteOk,
    QueueUnbind.id: QueueUnbind,
    QueueUnbindOk.id: QueueUnbindOk,
    BasicQos.id: BasicQos,
    BasicQosOk.id: BasicQosOk,
    BasicConsume.id: BasicConsume,
    BasicConsumeOk.id: BasicConsumeOk,
    BasicCancel.id: BasicCancel,
    BasicCancelOk.id: BasicCancelOk,
    BasicPublish.id: BasicPublish,
    BasicReturn.id: BasicReturn,
    BasicDeliver.id: BasicDeliver,
    BasicGet.id: BasicGet,
    BasicGetOk.id: BasicGetOk,
    BasicGetEmpty.id: BasicGetEmpty,
    BasicAck.id: BasicAck,
    BasicReject.id: BasicReject,
    BasicRecoverAsync.id: BasicRecoverAsync,
    BasicRecover.id: BasicRecover,
    BasicRecoverOk.id: BasicRecoverOk,
    BasicNack.id: BasicNack,
    ConfirmSelect.id: ConfirmSelect,
    ConfirmSelectOk.id: ConfirmSelectOk,
    TxSelect.id: TxSelect,
    TxSelectOk.id: TxSelectOk,
    TxCommit.id: TxCommit,
    TxCommitOk.id: TxCommitOk,
    TxRollback.id: TxRollback,
    TxRollbackOk.id: TxRollbackOk,
}
"""Every method by its id."""
