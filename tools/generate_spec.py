"""Writes src/leveret/wire/spec.py and methods.py from amqp-0-9-1.toml, which stands beside this file.

    python tools/generate_spec.py            write both
    python tools/generate_spec.py --check    say whether both are current; exit code 1 when not

The output is formatted as `ruff format` would, so that it can be read and linted like any other source.
"""

from __future__ import annotations

import argparse
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from keyword import iskeyword
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
DESCRIPTION = HERE / "amqp-0-9-1.toml"
WIRE = HERE.parent / "src" / "leveret" / "wire"
LINE_LENGTH = 120

FIXED = {"octet": "B", "short": "H", "long": "I", "longlong": "Q"}
PYTHON = {
    "bit": "bool",
    "octet": "int",
    "short": "int",
    "long": "int",
    "longlong": "int",
    "shortstr": "str",
    "longstr": "bytes",
    "table": "Arguments",
}
SIZE = {"B": 1, "H": 2, "I": 4, "Q": 8}
SENDERS = {"client": "by the client", "server": "by the server", "both": "by both"}


@dataclass(frozen=True)
class Field:
    name: str
    domain: str
    default: str | None
    """As Python source; None: the field must be given."""

    @property
    def reserved(self) -> bool:
        return self.name.startswith("reserved")

    @classmethod
    def parse(cls, text: str) -> Field:
        name, _, domain = text.partition(":")
        domain, given, value = domain.partition("=")
        assert domain in PYTHON, f"unknown domain in {text!r}"
        name = name.replace("-", "_")
        default: str | None = None
        if domain == "bit":
            default = str(value == "1")
        elif domain == "table":
            default = "Arguments.EMPTY"
        elif given:
            default = value if PYTHON[domain] == "int" else f'"{value}"'
        return cls(name + "_" * iskeyword(name), domain, default)


@dataclass(frozen=True)
class Method:
    class_name: str
    class_id: int
    name: str
    id: int
    by: str
    content: bool
    wire: tuple[Field, ...]

    @property
    def full_id(self) -> int:
        return self.class_id << 16 | self.id

    @property
    def wire_name(self) -> str:
        return f"{self.class_name}.{self.name}"

    @property
    def python_name(self) -> str:
        return "".join(part.capitalize() for part in (self.class_name, *self.name.split("-")))

    @property
    def constant(self) -> str:
        return f"{self.class_name}_{self.name}".replace("-", "_").upper()

    @property
    def fields(self) -> list[Field]:
        return [field for field in self.wire if not field.reserved]


def load(path: Path = DESCRIPTION) -> dict[str, Any]:
    with path.open("rb") as file:
        return tomllib.load(file)


def methods_of(description: dict[str, Any]) -> list[Method]:
    found = [
        Method(
            class_name,
            entry["id"],
            name,
            method["id"],
            method["by"],
            method.get("content", False),
            tuple(map(Field.parse, method["fields"].split())),
        )
        for class_name, entry in description["class"].items()
        for name, method in entry["methods"].items()
    ]
    assert len({method.full_id for method in found}) == len(found), "an id occurs twice"
    return found


# spec.py

SPEC_HEAD = '''"""Numbers and names of AMQP 0-9-1 with RabbitMQ's extensions.

Made by tools/generate_spec.py of tools/amqp-0-9-1.toml: change those, not this.
A method's id is here class id << 16 | method id, which is how its first four bytes read.
"""

from __future__ import annotations

from typing import Final
'''


def spec_source(description: dict[str, Any]) -> str:
    methods = methods_of(description)
    lines = [SPEC_HEAD]
    for name, value in description["frames"].items():
        lines.append(f"FRAME_{name.upper()}: Final = {value}")
    lines.append("")
    for name, value in description["replies"].items():
        lines.append(f"{constant(name)}: Final = {value}")
    lines += ["", "REPLY_NAMES: Final[dict[int, str]] = {"]
    for name in description["replies"]:
        lines.append(f'    {constant(name)}: "{constant(name)}",')
    lines += ["}", ""]
    for name, entry in description["class"].items():
        lines.append(f"CLASS_{constant(name)}: Final = {entry['id']}")
    lines += ["", "CLASS_NAMES: Final[dict[int, str]] = {"]
    for name in description["class"]:
        lines.append(f'    CLASS_{constant(name)}: "{name}",')
    lines += ["}", ""]
    lines += [f"{method.constant}: Final = {hexadecimal(method.full_id)}" for method in methods]
    lines += ["", "METHOD_NAMES: Final[dict[int, str]] = {"]
    lines += [f'    {method.constant}: "{method.wire_name}",' for method in methods]
    lines += ["}", "", "# Flags of the properties of a content (4.2.6.1)."]
    bit = 1 << 15
    for name in description["properties"]:
        lines.append(f"FLAG_{constant(name)}: Final = 0x{bit:04X}")
        bit >>= 1
    lines += ["", "PROPERTIES: Final[tuple[tuple[str, str, int], ...]] = ("]
    for name, domain in description["properties"].items():
        lines.append(f'    ("{name.replace("-", "_")}", "{domain}", FLAG_{constant(name)}),')
    lines += [")", '"""(name, domain, flag) in the order of the wire."""', ""]
    return "\n".join(lines)


def hexadecimal(number: int) -> str:
    return f"0x{number:08X}"


def constant(name: str) -> str:
    return name.replace("-", "_").upper()


# methods.py

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


@dataclass
class Run:
    """Adjacent fields that are written and read together: numbers and bits of fixed size, or one field of its own."""

    layout: str
    parts: list[list[Field]]
    """Per value: one number, or up to eight bits that share an octet."""

    @property
    def packed(self) -> bool:
        """Whether it takes a struct; single octets and reserved numbers do not."""
        return self.layout not in ("", "B") and not self.parts[0][0].reserved

    @property
    def size(self) -> int:
        return sum(SIZE[code] for code in self.layout)


def runs(method: Method) -> Iterator[Run]:
    run: Run | None = None
    for field in method.wire:
        code = FIXED.get(field.domain, "B" if field.domain == "bit" else "")
        if run and field.domain == "bit" and run.parts[-1][-1].domain == "bit":
            run.parts[-1].append(field)
            assert len(run.parts[-1]) <= 8
        elif run and code and run.layout and run.parts[-1][-1].reserved == field.reserved:
            run.layout += code
            run.parts.append([field])
        else:
            if run:
                yield run
            run = Run(code, [[field]])
    if run:
        yield run


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


def main() -> int:
    parser = argparse.ArgumentParser(description="Generate wire/spec.py and wire/methods.py.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 unless both are current")
    options = parser.parse_args()
    description = load()
    status = 0
    for path, source in (
        (WIRE / "spec.py", spec_source(description)),
        (WIRE / "methods.py", methods_source(description)),
    ):
        if path.exists() and path.read_text(encoding="utf-8") == source:
            continue
        if options.check:
            print(f"{path.name} is not current: run python tools/generate_spec.py", file=sys.stderr)
            status = 1
        else:
            path.write_text(source, encoding="utf-8")
    return status


if __name__ == "__main__":
    sys.exit(main())
