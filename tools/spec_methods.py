"""The source of src/leveret/wire/methods.py: a class per method, whose code reads and writes its fields straight."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from spec_description import PYTHON, Field, Method, Run, hexadecimal, methods_of, runs

LINE_LENGTH = 120
SENDERS = {"client": "by the client", "server": "by the server", "both": "by both"}

METHODS_HEAD = '''"""One class per method of AMQP 0-9-1 with RabbitMQ's extensions.

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

'''


def methods_source(description: dict[str, Any]) -> str:
    methods = methods_of(description)
    layouts = sorted({"I"} | {run.layout for method in methods for run in runs(method) if run.packed})
    lines = [METHODS_HEAD]
    lines += [f'{struct_name(layout)}: Final = struct.Struct(">{layout}")' for layout in layouts]
    for method in methods:
        lines += ["", "", *class_lines(method)]
    lines += ["", "", "METHODS: Final[dict[int, type[Method]]] = {"]
    lines += [f"    {method.python_name}.id: {method.python_name}," for method in methods]
    lines += ["}", '"""Every method by its id."""', ""]
    return "\n".join(lines)


def struct_name(layout: str) -> str:
    return f"_{layout}"


def class_lines(method: Method) -> list[str]:
    lines = [
        f"class {method.python_name}(Method):",
        f'    """{method.wire_name}, sent {SENDERS[method.by]}."""',
        "",
        *slots(method.fields),
        "",
        f"    id = {hexadecimal(method.full_id)}",
        f'    name = "{method.wire_name}"',
    ]
    if method.content:
        lines.append("    has_content = True")
    if method.fields:
        lines += ["", *init_lines(method.fields)]
    if method.wire:
        lines += ["", *encode_lines(method), "", *read_lines(method)]
    return lines


def slots(fields: list[Field]) -> list[str]:
    names = ", ".join(f'"{field.name}"' for field in fields) + "," * (len(fields) == 1)
    return [f"    __slots__ = ({names})"]


def init_lines(fields: list[Field]) -> list[str]:
    """Defaults only from where on all have one: the order stays that of the specification."""
    optional = len(fields)
    while optional and fields[optional - 1].default is not None:
        optional -= 1
    parameters = [
        f"{field.name}: {PYTHON[field.domain]}" + (f" = {field.default}" if place >= optional else "")
        for place, field in enumerate(fields)
    ]
    line = f"    def __init__(self, {', '.join(parameters)}) -> None:"
    if len(line) <= LINE_LENGTH:
        head = [line]
    else:
        head = ["    def __init__(", "        self,", *(f"        {text}," for text in parameters), "    ) -> None:"]
    return [*head, *(f"        self.{field.name} = {field.name}" for field in fields)]


def encode_lines(method: Method) -> list[str]:
    lines = ["    def encode(self) -> bytes:"]
    terms: list[str] = []
    for run in runs(method):
        lines += [f"        bits = {octet(part)}" for part in run.parts if len(part) > 1]
        term = encode_term(run)
        if terms and terms[-1].startswith('b"') and term.startswith('b"'):
            terms[-1] = terms[-1][:-1] + term[2:]
        else:
            terms.append(term)
    line = f"        return {' + '.join(terms)}"
    if len(line) <= LINE_LENGTH:
        return [*lines, line]
    return [
        *lines,
        "        return (",
        f"            {terms[0]}",
        *(f"            + {term}" for term in terms[1:]),
        "        )",
    ]


def encode_term(run: Run) -> str:
    first = run.parts[0][0]
    values = [octet(part) if len(part) == 1 else "bits" for part in run.parts]
    if first.reserved:
        size = run.size if run.layout else 1 if first.domain == "shortstr" else 4
        return 'b"' + "\\x00" * size + '"'
    if run.layout == "B":
        return f"bytes(({values[0]},))"
    if run.layout:
        return f"{struct_name(run.layout)}.pack({', '.join(values)})"
    if first.domain == "table":
        return f"_longstr(self.{first.name}.raw)"
    return f"_{first.domain}(self.{first.name})"


def octet(part: list[Field]) -> str:
    """One value to write: a number, or bits from the lowest on."""
    return " | ".join(f"self.{field.name}" + (f" << {place}" if place else "") for place, field in enumerate(part))


def read_lines(method: Method) -> list[str]:
    lines = ["    @classmethod", "    def _read(cls, raw: bytes) -> tuple[Self, int]:"]
    at = Offset()
    values = {}
    for run in runs(method):
        first = run.parts[0][0]
        if not run.layout:
            target = "_" if first.reserved else first.name
            lines.append(f"        {target}, at = _read_{first.domain}(raw, {at})")
            at.name, at.fixed = "at", 0
            values[first.name] = first.name
            continue
        if not first.reserved:
            targets = [part[0].name if part[0].domain != "bit" or len(part) == 1 else "bits" for part in run.parts]
            if run.layout == "B":
                lines.append(f"        {targets[0]} = raw[{at}]")
            else:
                target = f"({targets[0]},)" if len(targets) == 1 else ", ".join(targets)
                lines.append(f"        {target} = {struct_name(run.layout)}.unpack_from(raw, {at})")
            for target, part in zip(targets, run.parts, strict=True):
                for place, field in enumerate(part):
                    values[field.name] = f"{target} & {1 << place} != 0" if field.domain == "bit" else target
        at.fixed += run.size
    arguments = ", ".join(values[field.name] for field in method.fields)
    line = f"        return cls({arguments}), {at}"
    if len(line) <= LINE_LENGTH:
        return [*lines, line]
    lines.append("        method = cls(")
    lines += [f"            {values[field.name]}," for field in method.fields]
    return [*lines, "        )", f"        return method, {at}"]


@dataclass
class Offset:
    """Where the next field begins, as Python source: a number, or what the last read gave, plus fixed sizes since."""

    name: str = ""
    fixed: int = 0

    def __str__(self) -> str:
        if not self.name:
            return str(self.fixed)
        return f"{self.name} + {self.fixed}" if self.fixed else self.name
