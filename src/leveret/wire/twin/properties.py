"""The property list of a content header: checked once at decode, looked into on demand.

    flags u16 (bit 15 content-type ... bit 2 cluster-id, bit 0: another flag word follows) | the present ones, in order

Nothing is turned into Python values here: what a caller gets are the bytes of a field. The structure is checked to its
full depth when a message is decoded, so that later look-ups need not expect malformed input (spec 4.2.5, 4.2.6.1).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from struct import Struct
from typing import Final

from ...limits import TABLE_DEPTH_MAX
from .constants import CC, EXPIRATION, HEADERS, PERSISTENT, PRIORITY, REPLY_TO, USER_ID

_U16: Final = Struct(">H")
_U32: Final = Struct(">I")

_SHORTSTR: Final = 0
_TABLE: Final = -1
PROPERTIES: Final = (  # name, width in bytes (or a shortstr, a table), feature that its presence means
    ("content_type", _SHORTSTR, 0),
    ("content_encoding", _SHORTSTR, 0),
    ("headers", _TABLE, HEADERS),
    ("delivery_mode", 1, 0),
    ("priority", 1, PRIORITY),
    ("correlation_id", _SHORTSTR, 0),
    ("reply_to", _SHORTSTR, REPLY_TO),
    ("expiration", _SHORTSTR, EXPIRATION),
    ("message_id", _SHORTSTR, 0),
    ("timestamp", 8, 0),
    ("type", _SHORTSTR, 0),
    ("user_id", _SHORTSTR, USER_ID),
    ("app_id", _SHORTSTR, 0),
    ("cluster_id", _SHORTSTR, 0),
)
PROPERTY_NAMES: Final = tuple(name for name, _, _ in PROPERTIES)

_WIDTHS: Final = {
    **dict.fromkeys(b"tbB", 1),
    **dict.fromkeys(b"su", 2),
    **dict.fromkeys(b"Iif", 4),
    **dict.fromkeys(b"lLdT", 8),
    ord("D"): 5,
    ord("V"): 0,
}
_SIZED: Final = frozenset(b"SAFx")


class MalformedError(ValueError):
    """The bytes are not a property list."""

    def __init__(self) -> None:
        super().__init__("malformed properties")


def features_of(raw: bytes) -> int:
    """Check a property list and say which features it has. Raises MalformedError."""
    features = 0
    for name, _, start, stop in _walk(raw):
        if name == "headers":
            features |= HEADERS
            for key, _, _ in _check_table(raw, start, stop, 1):
                if key in (b"CC", b"BCC"):
                    features |= CC
        elif name == "delivery_mode":
            if raw[start] == 2:
                features |= PERSISTENT
        else:
            features |= _FEATURES[name]
    return features


_FEATURES: Final = {name: feature for name, _, feature in PROPERTIES}


def property_of(raw: bytes, wanted: str) -> bytes | None:
    """The bytes of one property of a checked list; a shortstr or table without its length. None when absent."""
    for name, _, start, stop in _walk(raw):
        if name == wanted:
            return raw[start:stop]
    return None


def with_parts(
    raw: bytes,
    headers: Callable[[bytes | None], bytes | None],
    reply_to: Callable[[bytes | None], bytes | None],
    expiration: Callable[[bytes | None], bytes | None],
) -> bytes:
    """A checked list with the headers table, `reply_to` and expiration that these make of its own (None: absent)."""
    found = {name: raw[start:stop] for name, _, start, stop in _walk(raw)}
    for name, change in (("headers", headers), ("reply_to", reply_to), ("expiration", expiration)):
        value = change(found.get(name))
        found.pop(name, None)
        if value is not None:
            found[name] = value
    words = next(at for at in range(2, len(raw) + 1, 2) if not raw[at - 1] & 1)
    flags = _U16.unpack_from(raw)[0] & 1
    parts = []
    for index, (name, width, _) in enumerate(PROPERTIES):
        if name in found:
            flags |= 0x8000 >> index
            size = len(found[name])
            parts += [_U32.pack(size) if width == _TABLE else bytes((size,)) * (width == _SHORTSTR), found[name]]
    return _U16.pack(flags) + raw[2:words] + b"".join(parts)


def fields_of(table: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Name of each field of a checked table, and all of its bytes."""
    for name, start, stop in _fields(table, 0, len(table)):
        yield name, table[start - len(name) - 1 : stop]


def check_table(table: bytes) -> None:
    """Raises MalformedError unless these are the fields of a headers table."""
    _check_table(table, 0, len(table), 1)


def header_of(raw: bytes, wanted: bytes) -> bytes | None:
    """Type tag and value of one header of a checked list: the first of that name. None when absent."""
    table = property_of(raw, "headers")
    if table is not None:
        for key, start, stop in _fields(table, 0, len(table)):
            if key == wanted:
                return table[start:stop]
    return None


def _walk(raw: bytes) -> Iterator[tuple[str, int, int, int]]:
    """(name, width, start, stop) of each present property. Raises MalformedError, possibly after some of them."""
    size = len(raw)
    if size < 2:
        raise MalformedError
    flags = more = _U16.unpack_from(raw)[0]
    position = 2
    while more & 1:
        if position + 2 > size:
            raise MalformedError
        more = _U16.unpack_from(raw, position)[0]
        position += 2
        if more & 0xFFFE:
            raise MalformedError
    if flags & 2:
        raise MalformedError
    bit = 0x8000
    for name, width, _ in PROPERTIES:
        if flags & bit:
            start = position
            if width == _SHORTSTR:
                start += 1
                position = start + raw[position] if position < size else size + 1
            elif width == _TABLE:
                start += 4
                position = start + _U32.unpack_from(raw, position)[0] if start <= size else size + 1
            else:
                position += width
            if position > size:
                raise MalformedError
            yield name, width, start, position
        bit >>= 1
    if position != size:
        raise MalformedError


def _fields(raw: bytes, position: int, stop: int) -> Iterator[tuple[bytes, int, int]]:
    """(name, start of the type tag, end of the value) of each field of a table. Raises MalformedError."""
    while position < stop:
        start = position + 1 + raw[position]
        if start >= stop:
            raise MalformedError
        end = _field_end(raw, start, stop)
        yield raw[position + 1 : start], start, end
        position = end


def _field_end(raw: bytes, start: int, stop: int) -> int:
    """Where the field with its type tag at `start` ends. Raises MalformedError."""
    tag = raw[start]
    if tag in _SIZED:
        if start + 5 > stop:
            raise MalformedError
        end: int = start + 5 + _U32.unpack_from(raw, start + 1)[0]
    elif tag in _WIDTHS:
        end = start + 1 + _WIDTHS[tag]
    else:
        raise MalformedError
    if end > stop:
        raise MalformedError
    return end


def _check_table(raw: bytes, start: int, stop: int, depth: int) -> list[tuple[bytes, int, int]]:
    fields = list(_fields(raw, start, stop))
    for _, tag, end in fields:
        _check_nested(raw, tag, end, depth)
    return fields


def _check_array(raw: bytes, position: int, stop: int, depth: int) -> None:
    while position < stop:
        end = _field_end(raw, position, stop)
        _check_nested(raw, position, end, depth)
        position = end


def _check_nested(raw: bytes, start: int, stop: int, depth: int) -> None:
    """Look inside the field when it is a table or array; `depth` counts the tables and arrays around it."""
    if raw[start] not in b"FA":
        return
    if depth >= TABLE_DEPTH_MAX:
        raise MalformedError
    if raw[start] == ord("F"):
        _check_table(raw, start + 5, stop, depth + 1)
    else:
        _check_array(raw, start + 5, stop, depth + 1)
