"""The properties of a content as Python values (spec 4.2.6.1 and 1.8, class basic).

    raw = flags u16 (bit 15: content-type ... bit 2: cluster-id, bit 0: another flag word follows) | the present ones

Only for who wants to look at or make a message: on the way through the broker properties stay bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from ..errors import SyntaxError_
from ..limits import SHORTSTR_MAX
from .fields import Arguments, Timestamp, Value, encode_table
from .spec import PROPERTIES

_UINT16: Final = struct.Struct(">H")
_UINT32: Final = struct.Struct(">I")
_UINT64: Final = struct.Struct(">Q")
_UNKNOWN_FLAG: Final = 2
_MORE_FLAGS: Final = 1


@dataclass(slots=True)
class Properties:
    """The properties of one message; None: absent.

    Strings that are not UTF-8, which RabbitMQ lets pass, come with surrogate escapes and are encoded back to the same
    bytes. Decoded headers are `Arguments`; any mapping can be encoded.
    """

    content_type: str | None = None
    content_encoding: str | None = None
    headers: Mapping[str, Value] | None = None
    delivery_mode: int | None = None
    """2: persistent; everything else is not."""
    priority: int | None = None
    correlation_id: str | None = None
    reply_to: str | None = None
    expiration: str | None = None
    """Milliseconds, in decimal."""
    message_id: str | None = None
    timestamp: int | None = None
    """Seconds since the epoch."""
    type: str | None = None
    user_id: str | None = None
    app_id: str | None = None
    cluster_id: str | None = None


def decode_properties(raw: bytes) -> Properties:
    """Read the flags and the list. Raises SyntaxError_ when they are malformed, the headers included."""
    properties = Properties()
    try:
        at = _read(raw, properties)
    except (IndexError, struct.error):
        _malformed()
    if at != len(raw):
        _malformed()
    return properties


def encode_properties(properties: Properties) -> bytes:
    """Flags and list. Raises ValueError for what does not fit its field, as `fields.encode_table` does."""
    flags = 0
    parts = [b""]
    for name, domain, flag in PROPERTIES:
        value = getattr(properties, name)
        if value is not None:
            flags |= flag
            parts.append(_WRITERS[domain](value))
    parts[0] = _UINT16.pack(flags)
    return b"".join(parts)


def _malformed() -> NoReturn:
    raise SyntaxError_("malformed properties") from None


def _read(raw: bytes, properties: Properties) -> int:
    flags = more = _UINT16.unpack_from(raw)[0]
    at = 2
    while more & _MORE_FLAGS:
        more = _UINT16.unpack_from(raw, at)[0]
        at += 2
        if more & ~_MORE_FLAGS:
            _malformed()
    if flags & _UNKNOWN_FLAG:
        _malformed()
    for name, domain, flag in PROPERTIES:
        if flags & flag:
            value, at = _READERS[domain](raw, at)
            setattr(properties, name, value)
    return at


def _read_shortstr(raw: bytes, at: int) -> tuple[str, int]:
    end = at + 1 + raw[at]
    return raw[at + 1 : end].decode("utf-8", "surrogateescape"), end


def _read_table(raw: bytes, at: int) -> tuple[Arguments, int]:
    end: int = at + 4 + _UINT32.unpack_from(raw, at)[0]
    if end > len(raw):
        _malformed()
    return Arguments.decode(raw[at + 4 : end]), end


def _read_octet(raw: bytes, at: int) -> tuple[int, int]:
    return raw[at], at + 1


def _read_timestamp(raw: bytes, at: int) -> tuple[Timestamp, int]:
    return Timestamp(_UINT64.unpack_from(raw, at)[0]), at + 8


def _write_shortstr(text: str) -> bytes:
    data = text.encode("utf-8", "surrogateescape")
    if len(data) > SHORTSTR_MAX:
        raise ValueError(f"a property of {len(data)} bytes")
    return b"%c%b" % (len(data), data)


def _write_table(fields: Mapping[str, Value]) -> bytes:
    raw = encode_table(fields)
    return _UINT32.pack(len(raw)) + raw


def _write_octet(number: int) -> bytes:
    return bytes((number,))


def _write_timestamp(seconds: int) -> bytes:
    if not 0 <= seconds < 1 << 64:
        raise ValueError(f"{seconds} is no timestamp")
    return _UINT64.pack(seconds)


_READERS: Final[dict[str, Callable[[bytes, int], tuple[Any, int]]]] = {
    "shortstr": _read_shortstr,
    "table": _read_table,
    "octet": _read_octet,
    "timestamp": _read_timestamp,
}
_WRITERS: Final[dict[str, Callable[[Any], bytes]]] = {
    "shortstr": _write_shortstr,
    "table": _write_table,
    "octet": _write_octet,
    "timestamp": _write_timestamp,
}
