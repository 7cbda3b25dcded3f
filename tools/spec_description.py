"""What amqp-0-9-1.toml says: methods, their fields, and which fields go over the wire together."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from keyword import iskeyword
from pathlib import Path
from typing import Any

DESCRIPTION = Path(__file__).resolve().parent / "amqp-0-9-1.toml"

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


def hexadecimal(number: int) -> str:
    return f"0x{number:08X}"


def constant(name: str) -> str:
    return name.replace("-", "_").upper()
