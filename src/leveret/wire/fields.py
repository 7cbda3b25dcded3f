"""Field tables: the typed name-value lists of AMQP (spec 4.2.5.5), their type tags as RabbitMQ reads and writes them.

    table = *( shortstr tag value )
    tag   = t bool   b B int8    s u int16   I i int32   l L int64   f d float   D decimal
            S longstr   x byte array   A array   F table   T timestamp   V void

The second letter of a pair is the unsigned type, except L: RabbitMQ and its clients read that as signed (RabbitMQ page
"AMQP 0-9-1 errata"). Everything here takes and gives tables without their four length bytes. Decoding forgets how wide
an integer was; whoever has to hand a table on unchanged keeps its raw bytes, as `Arguments` does.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from decimal import Decimal
from operator import itemgetter
from typing import ClassVar, Final, NoReturn, TypeAlias

from ..errors import SyntaxError_
from ..limits import SHORTSTR_MAX, TABLE_DEPTH_MAX


class ByteArray(bytes):
    """A value of type x: bytes that nobody takes for text."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"ByteArray({super().__repr__()})"


class Timestamp(int):
    """Seconds since the epoch, unsigned 64 bits."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"Timestamp({int(self)})"


class Long(int):
    """An integer that is written with 64 bits, however small."""

    __slots__ = ()


Value: TypeAlias = "bool | int | float | Decimal | str | bytes | Sequence[Value] | Mapping[str, Value] | None"
"""What a field holds; decoding makes lists and dicts. A longstr is str when it is UTF-8, otherwise bytes."""

_Decoder: TypeAlias = "Callable[[bytes, int, int, int], tuple[Value, int]]"
"""Of (raw, at, end, depth); gives the value and where it ends. May run past `end`: its caller looks."""

TYPE_NAMES: Final[dict[str, str]] = {
    "t": "bool",
    "b": "byte",
    "B": "unsignedbyte",
    "s": "short",
    "u": "unsignedshort",
    "I": "signedint",
    "i": "unsignedint",
    "l": "long",
    "L": "long",
    "f": "float",
    "d": "double",
    "D": "decimal",
    "S": "longstr",
    "x": "binary",
    "A": "array",
    "F": "table",
    "T": "timestamp",
    "V": "void",
}
"""RabbitMQ's names of the types, which its error texts use."""

_UINT32: Final = struct.Struct(">I")
_DECIMAL: Final = struct.Struct(">Bi")


def decode_table(raw: bytes) -> dict[str, Value]:
    """The fields by name. When a name occurs twice the first counts, as in RabbitMQ's look-ups.

    A name that is not UTF-8 comes with surrogate escapes and is encoded back to the same bytes.
    Raises SyntaxError_ when the table is malformed or nests deeper than `limits.TABLE_DEPTH_MAX`.
    """
    return {name: value for name, _, value in _entries(raw)}


def decode_field(raw: bytes) -> Value:
    """One value with its type tag in front. Raises SyntaxError_ as `decode_table` does."""
    try:
        value, end = _decode_value(raw, 0, len(raw), 1)
    except (IndexError, struct.error):
        _malformed("truncated")
    if end != len(raw):
        _malformed("truncated" if end > len(raw) else "trailing bytes")
    return value


def field_types(raw: bytes) -> dict[str, str]:
    """RabbitMQ's type name of each field of a table. Raises SyntaxError_ as `decode_table` does."""
    return {name: TYPE_NAMES[chr(tag)] for name, tag, _ in _entries(raw)}


def encode_table(fields: Mapping[str, Value]) -> bytes:
    """The inverse of `decode_table`: int as I or l, str and bytes as S, float as d, the other types as they are called.

    Raises ValueError for what does not fit (names over 255 bytes, integers over 64 bits, decimals over 32 bits or 255
    places, nesting over the limit), TypeError for values that are no field values.
    """
    return fields.raw if isinstance(fields, Arguments) else _encode_entries(fields, 1)


def encode_field(value: Value) -> bytes:
    """One value with its type tag in front. Raises as `encode_table` does."""
    return _encode_value(value, 1)


class Arguments(Mapping[str, Value]):
    """A table that nobody changes: its raw bytes, and its fields decoded when somebody asks, once.

    Two are equal when the same names have equal values of the same class of types, in any order: integers of any width
    are one class, floats another (RabbitMQ compares the arguments of a repeated declaration so).
    """

    __slots__ = ("_key", "_types", "_values", "raw")

    EMPTY: ClassVar[Arguments]

    raw: bytes
    """As it was on the wire, without length bytes."""

    def __init__(self, raw: bytes) -> None:
        """Trusts that `raw` is well-formed; otherwise the first look into it raises SyntaxError_."""
        self.raw = raw
        self._values: dict[str, Value] | None = None
        self._types: dict[str, str] | None = None
        self._key: Hashable = None

    @classmethod
    def of(cls, fields: Mapping[str, Value]) -> Arguments:
        """Encode a mapping. Raises as `encode_table` does."""
        if isinstance(fields, Arguments):
            return fields
        return cls(encode_table(fields)) if fields else cls.EMPTY

    @classmethod
    def decode(cls, raw: bytes) -> Arguments:
        """Take a peer's table, and look into it at once. Raises SyntaxError_ as `decode_table` does."""
        if not raw:
            return cls.EMPTY
        arguments = cls(raw)
        arguments._values = decode_table(raw)
        return arguments

    @property
    def types(self) -> dict[str, str]:
        """RabbitMQ's type name of each field."""
        if self._types is None:
            self._types = field_types(self.raw)
        return self._types

    @property
    def _fields(self) -> dict[str, Value]:
        if self._values is None:
            self._values = decode_table(self.raw)
        return self._values

    @property
    def _identity(self) -> Hashable:
        if self._key is None:
            self._key = _comparable(self._fields)
        return self._key

    def __getitem__(self, name: str) -> Value:
        return self._fields[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Arguments):
            return NotImplemented
        return self.raw == other.raw or self._identity == other._identity

    def __hash__(self) -> int:
        return hash(self._identity)

    def __repr__(self) -> str:
        try:
            return f"Arguments({self._fields!r})"
        except SyntaxError_:
            return f"Arguments(malformed: {self.raw!r})"


Arguments.EMPTY = Arguments(b"")


# Decoding


def _malformed(reason: str) -> NoReturn:
    raise SyntaxError_(f"malformed field table: {reason}") from None


def _entries(raw: bytes) -> list[tuple[str, int, Value]]:
    """(name, tag, value) of each distinct name in order of appearance."""
    try:
        return _decode_entries(raw, 0, len(raw), 1)
    except (IndexError, struct.error):
        _malformed("truncated")


def _decode_entries(raw: bytes, at: int, end: int, depth: int) -> list[tuple[str, int, Value]]:
    if depth > TABLE_DEPTH_MAX:
        _malformed(f"nested deeper than {TABLE_DEPTH_MAX}")
    entries: dict[str, tuple[str, int, Value]] = {}
    while at < end:
        tag_at = at + 1 + raw[at]
        name = raw[at + 1 : tag_at].decode("utf-8", "surrogateescape")
        tag = raw[tag_at]
        value, at = _decode_value(raw, tag_at, end, depth)
        if at > end:
            _malformed("truncated")
        if name not in entries:
            entries[name] = (name, tag, value)
    return list(entries.values())


def _decode_value(raw: bytes, at: int, end: int, depth: int) -> tuple[Value, int]:
    decoder = _DECODERS.get(raw[at])
    if decoder is None:
        _malformed(f"unknown type tag {raw[at]:#04x}")
    return decoder(raw, at + 1, end, depth)


def _content(raw: bytes, at: int, end: int) -> tuple[int, int]:
    """Start and stop of what has four length bytes in front. Raises SyntaxError_ when it is over `end`."""
    start = at + 4
    stop: int = start + _UINT32.unpack_from(raw, at)[0]
    if stop > end:
        _malformed("truncated")
    return start, stop


def _decode_longstr(raw: bytes, at: int, end: int, depth: int) -> tuple[Value, int]:
    start, stop = _content(raw, at, end)
    data = raw[start:stop]
    try:
        return data.decode(), stop
    except UnicodeDecodeError:
        return data, stop


def _decode_byte_array(raw: bytes, at: int, end: int, depth: int) -> tuple[Value, int]:
    start, stop = _content(raw, at, end)
    return ByteArray(raw[start:stop]), stop


def _decode_array(raw: bytes, at: int, end: int, depth: int) -> tuple[Value, int]:
    if depth >= TABLE_DEPTH_MAX:
        _malformed(f"nested deeper than {TABLE_DEPTH_MAX}")
    at, stop = _content(raw, at, end)
    values = []
    while at < stop:
        value, at = _decode_value(raw, at, stop, depth + 1)
        values.append(value)
    if at > stop:
        _malformed("truncated")
    return values, stop


def _decode_nested_table(raw: bytes, at: int, end: int, depth: int) -> tuple[Value, int]:
    start, stop = _content(raw, at, end)
    return {name: value for name, _, value in _decode_entries(raw, start, stop, depth + 1)}, stop


def _decode_bool(raw: bytes, at: int, end: int, depth: int) -> tuple[Value, int]:
    return raw[at] != 0, at + 1


def _decode_timestamp(raw: bytes, at: int, end: int, depth: int) -> tuple[Value, int]:
    return Timestamp(_TIMESTAMP.unpack_from(raw, at)[0]), at + 8


def _decode_decimal(raw: bytes, at: int, end: int, depth: int) -> tuple[Value, int]:
    places, unscaled = _DECIMAL.unpack_from(raw, at)
    digits = tuple(map(int, str(abs(unscaled))))
    # Built of digits, since arithmetic would depend on the precision of somebody's decimal context.
    return Decimal((int(unscaled < 0), digits, -places)), at + 5


def _decode_void(raw: bytes, at: int, end: int, depth: int) -> tuple[Value, int]:
    return None, at


def _number(layout: str) -> _Decoder:
    packed = struct.Struct(layout)
    size = packed.size

    def decode(raw: bytes, at: int, end: int, depth: int) -> tuple[Value, int]:
        return packed.unpack_from(raw, at)[0], at + size

    return decode


_TIMESTAMP: Final = struct.Struct(">Q")
_DECODERS: Final[dict[int, _Decoder]] = {
    ord("t"): _decode_bool,
    ord("b"): _number(">b"),
    ord("B"): _number(">B"),
    ord("s"): _number(">h"),
    ord("u"): _number(">H"),
    ord("I"): _number(">i"),
    ord("i"): _number(">I"),
    ord("l"): _number(">q"),
    ord("L"): _number(">q"),
    ord("f"): _number(">f"),
    ord("d"): _number(">d"),
    ord("D"): _decode_decimal,
    ord("S"): _decode_longstr,
    ord("x"): _decode_byte_array,
    ord("A"): _decode_array,
    ord("F"): _decode_nested_table,
    ord("T"): _decode_timestamp,
    ord("V"): _decode_void,
}


# Encoding


def _encode_entries(fields: Mapping[str, Value], depth: int) -> bytes:
    if depth > TABLE_DEPTH_MAX:
        raise ValueError(f"a field table nested deeper than {TABLE_DEPTH_MAX}")
    parts = []
    for name, value in fields.items():
        data = name.encode("utf-8", "surrogateescape")
        if len(data) > SHORTSTR_MAX:
            raise ValueError(f"a field name of {len(data)} bytes")
        parts += [bytes((len(data),)), data, _encode_value(value, depth)]
    return b"".join(parts)


def _encode_value(value: Value, depth: int) -> bytes:
    match value:
        case str():
            return _with_length(b"S", value.encode())
        case bool():
            return b"t\x01" if value else b"t\x00"
        case Timestamp():
            return _packed(">cQ", b"T", int(value))
        case Long():
            return _packed(">cq", b"l", int(value))
        case int():
            return _packed(">ci", b"I", value) if -(1 << 31) <= value < 1 << 31 else _packed(">cq", b"l", value)
        case float():
            return _packed(">cd", b"d", value)
        case ByteArray():
            return _with_length(b"x", value)
        case bytes():
            return _with_length(b"S", value)
        case None:
            return b"V"
        case Decimal():
            return _encode_decimal(value)
        case Mapping():
            return _with_length(b"F", _encode_entries(value, depth + 1))
        case list() | tuple():
            if depth >= TABLE_DEPTH_MAX:
                raise ValueError(f"a field array nested deeper than {TABLE_DEPTH_MAX}")
            return _with_length(b"A", b"".join([_encode_value(item, depth + 1) for item in value]))
        case _:
            raise TypeError(f"{type(value).__name__} is no type of a field")


def _encode_decimal(value: Decimal) -> bytes:
    sign, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int):
        raise ValueError(f"{value} is no decimal of a field")
    unscaled = int("".join(map(str, digits))) * (-1 if sign else 1)
    if exponent > 0:
        if exponent > 10:
            raise ValueError(f"{value} does not fit a field")
        unscaled *= 10**exponent
    return _packed(">cBi", b"D", max(-exponent, 0), unscaled)


def _packed(layout: str, *values: object) -> bytes:
    try:
        return struct.pack(layout, *values)
    except struct.error:
        raise ValueError(f"{values[-1]} does not fit a field") from None


def _with_length(tag: bytes, data: bytes) -> bytes:
    return b"%b%b%b" % (tag, _UINT32.pack(len(data)), data)


# Comparing


def _comparable(value: Value) -> Hashable:
    """(class of types, what to compare), hashable; without this True, 1, 1.0 and Decimal(1) would be equal."""
    match value:
        case str():
            return "longstr", value
        case bool():
            return "bool", value
        case Timestamp():
            return "timestamp", int(value)
        case int():
            return "int", value
        case float():
            return "float", value if value == value else None  # not a number equals itself here
        case ByteArray():
            return "binary", bytes(value)
        case bytes():
            return "longstr", value
        case None:
            return ("void",)
        case Decimal():
            return "decimal", value.as_tuple()
        case Mapping():
            entries = [(name, _comparable(item)) for name, item in value.items()]
            return "table", tuple(sorted(entries, key=itemgetter(0)))
        case _:
            return "array", tuple(map(_comparable, value))
