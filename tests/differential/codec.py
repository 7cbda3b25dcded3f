"""Methods, tables and properties as bytes and back, every type kept; of pamqp only its specification is used."""

from __future__ import annotations

import struct
from typing import Any, NamedTuple

from pamqp import commands

Fields = dict[str, Any]

SPEC: dict[tuple[int, int], Any] = {divmod(index, 1 << 16): spec for index, spec in commands.INDEX_MAPPING.items()}
IDS: dict[str, tuple[int, int]] = {spec.name: ids for ids, spec in SPEC.items()}
CONTENT = frozenset({"Basic.Publish", "Basic.Return", "Basic.Deliver", "Basic.GetOk"})

_NUMBERS = {
    "b": ">b", "B": ">B", "s": ">h", "u": ">H", "I": ">i", "i": ">I", "l": ">q", "L": ">q",
    "f": ">f", "d": ">d", "T": ">Q",
}  # fmt: skip
_FIXED = {"octet": ">B", "short": ">H", "long": ">I", "longlong": ">Q", "timestamp": ">Q"}
_PROPERTIES: list[tuple[str, int, str]] = [
    (name, flag, commands.Basic.Properties.amqp_type(name)) for name, flag in commands.Basic.Properties.flags.items()
]


class Typed(NamedTuple):
    """A value of a table: the letter of its type, and what it is (A: a list of these, F: pairs of name and this)."""

    kind: str
    value: Any


def typed(value: Any) -> Typed:
    """The usual type for a Python value; a Typed is left alone."""
    match value:
        case Typed():
            return value
        case None:
            return Typed("V", None)
        case bool():
            return Typed("t", value)
        case int():
            return Typed("I" if -(1 << 31) <= value < 1 << 31 else "l", value)
        case float():
            return Typed("d", value)
        case str():
            return Typed("S", value.encode())
        case bytes():
            return Typed("S", value)
        case list() | tuple():
            return Typed("A", [typed(item) for item in value])
        case dict():
            return Typed("F", [(name, typed(item)) for name, item in value.items()])
    raise TypeError(value)


def _shortstr(value: str | bytes) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return struct.pack(">B", len(data)) + data


def encode_value(value: Any) -> bytes:
    kind, plain = typed(value)
    return kind.encode() + _encode_plain(kind, plain)


def _encode_plain(kind: str, plain: Any) -> bytes:
    if form := _NUMBERS.get(kind):
        return struct.pack(form, plain)
    match kind:
        case "V":
            return b""
        case "t":
            return bytes([plain])
        case "S" | "x":
            return struct.pack(">I", len(plain)) + plain
        case "D":
            scale, number = plain
            return struct.pack(">Bi", scale, number)
        case "A":
            data = b"".join(map(encode_value, plain))
        case _:
            data = b"".join(_shortstr(name) + encode_value(item) for name, item in plain)
    return struct.pack(">I", len(data)) + data


def encode_table(table: dict[str, Any] | None) -> bytes:
    return encode_value(table or {})[1:]


class Reader:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, size: int) -> bytes:
        self.at += size
        return self.data[self.at - size : self.at]

    def number(self, form: str) -> Any:
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def shortstr(self) -> str:
        return self.take(self.number(">B")).decode(errors="backslashreplace")

    def longstr(self) -> bytes:
        return self.take(self.number(">I"))

    def value(self) -> Typed:
        kind = self.take(1).decode()
        if form := _NUMBERS.get(kind):
            return Typed(kind, self.number(form))
        match kind:
            case "V":
                return Typed(kind, None)
            case "t":
                return Typed(kind, self.number(">B") != 0)
            case "S" | "x":
                return Typed(kind, self.longstr())
            case "D":
                return Typed(kind, (self.number(">B"), self.number(">i")))
            case "A":
                inner = Reader(self.longstr())
                items = []
                while inner.at < len(inner.data):
                    items.append(inner.value())
                return Typed(kind, items)
            case "F":
                return self.table()
        raise AssertionError(f"no type {kind!r} in a table")

    def table(self) -> Typed:
        inner = Reader(self.longstr())
        pairs = []
        while inner.at < len(inner.data):
            pairs.append((inner.shortstr(), inner.value()))
        return Typed("F", pairs)

    def field(self, kind: str) -> Any:
        if form := _FIXED.get(kind):
            return self.number(form)
        return {"shortstr": self.shortstr, "longstr": self.longstr, "table": self.table}[kind]()


def encode_method(name: str, fields: Fields) -> bytes:
    """Class id, method id and arguments; fields that are not given are 0, empty or false."""
    spec = SPEC[IDS[name]]
    out = struct.pack(">HH", *IDS[name])
    bits: list[bool] = []
    unknown = set(fields) - set(spec.attributes())
    assert not unknown, f"{name} has no {unknown}"
    for field in [*spec.attributes(), None]:
        kind = spec.amqp_type(field) if field else ""
        if kind == "bit":
            bits.append(bool(fields.get(field)))
            continue
        if bits:
            out += bytes([sum(bit << place for place, bit in enumerate(bits))])
            bits = []
        if field:
            out += _encode_field(kind, fields.get(field))
    return out


def _encode_field(kind: str, value: Any) -> bytes:
    if form := _FIXED.get(kind):
        return struct.pack(form, value or 0)
    if kind == "shortstr":
        return _shortstr(value or "")
    if kind == "longstr":
        data = value.encode() if isinstance(value, str) else value or b""
        return struct.pack(">I", len(data)) + data
    return encode_table(value)


def decode_method(payload: bytes) -> tuple[str, Fields]:
    """A method's name and its fields."""
    reader = Reader(payload)
    spec = SPEC[reader.number(">H"), reader.number(">H")]
    fields: Fields = {}
    bits = 0
    place = 8
    for field in spec.attributes():
        kind = spec.amqp_type(field)
        if kind != "bit":
            fields[field] = reader.field(kind)
            place = 8
            continue
        if place == 8:
            bits, place = reader.number(">B"), 0
        fields[field] = bool(bits >> place & 1)
        place += 1
    return spec.name, fields


def encode_properties(properties: Fields) -> bytes:
    """The flags and values of a content header."""
    unknown = set(properties) - {name for name, _flag, _kind in _PROPERTIES}
    assert not unknown, f"no properties {unknown}"
    flags = 0
    out = b""
    for name, flag, kind in _PROPERTIES:
        if name in properties:
            flags |= flag
            out += _encode_field(kind, properties[name])
    return struct.pack(">H", flags) + out


def decode_header(payload: bytes) -> tuple[int, Fields]:
    """Of a content header: the body's size and the properties."""
    reader = Reader(payload)
    _class, _weight, size, flags = (reader.number(form) for form in (">H", ">H", ">Q", ">H"))
    return size, {name: reader.field(kind) for name, flag, kind in _PROPERTIES if flags & flag}
