"""What a broker did, as lines of text that are the same whenever it did the same."""

from __future__ import annotations

import re
import time
import zlib
from collections.abc import Iterable
from operator import itemgetter
from typing import Any

from .client import Event
from .codec import Fields, Typed

GENERATED = re.compile(r"\bamq\.(gen|ctag)-[A-Za-z0-9_-]{22}|\bamq\.(rabbitmq\.reply-to)\.[A-Za-z0-9_@.=+/:-]+")
"""Names that a broker makes up."""
LONG_BYTES = 60
NEAR_S = 600


def named(text: str) -> str:
    """Without what is random in names that the broker made up."""
    return GENERATED.sub(lambda found: f"amq.{found[1] or found[2]}-*", text)


def _text(value: bytes | str) -> str:
    data = value.encode() if isinstance(value, str) else value
    if len(data) > LONG_BYTES and not GENERATED.search(data.decode(errors="replace")):
        return f"<{len(data)} bytes, CRC {zlib.crc32(data):08x}>"
    return repr(named(data.decode(errors="backslashreplace")))


def show(value: Any) -> str:
    """A value with the letter of its type; strings (S) have none."""
    match value:
        case Typed("A", items):
            return f"[{', '.join(map(show, items))}]"
        case Typed("F", pairs):
            return f"{{{', '.join(f'{name}={show(item)}' for name, item in pairs)}}}"
        case Typed("S", data):
            return _text(data)
        case Typed("T", seconds):
            return "T:now" if abs(seconds - time.time()) < NEAR_S else f"T:{seconds}"
        case Typed("x", data):
            return f"x:{_text(data)}"
        case Typed(kind, plain):
            return f"{kind}:{plain}"
        case str() | bytes():
            return _text(value)
        case bool():
            return str(value).lower()
    return str(value)


def fields_text(fields: Fields) -> str:
    return " ".join(f"{name}={show(value)}" for name, value in fields.items())


def content(event: Event) -> str:
    """Properties and body. Headers among which a broker put its own are in the order of their names."""
    properties = dict(event.properties)
    headers = properties.get("headers")
    if headers is not None and "x-death" in dict(headers.value):
        properties["headers"] = Typed("F", sorted(headers.value, key=itemgetter(0)))
    return f"{fields_text(properties)} body={_text(event.body)}".strip()


def line(event: Event) -> str:
    """One event as one line."""
    if event.name in ("Channel.Close", "Connection.Close"):
        code, text, *at = event.fields.values()
        # The same words for both, whole: texts are what this is about.
        return f"{event.name.lower()} {code} {named(text)!r} by {at[0]}.{at[1]}"
    parts = [event.name.lower(), fields_text(event.fields)]
    if event.properties or event.size or event.name in ("Basic.Deliver", "Basic.GetOk", "Basic.Return"):
        parts.append(content(event))
    return " ".join(filter(None, parts))


class Line(str):
    """A line of a record that keeps the event it shows; the prefix of the scenario's own names is left out of it."""

    label: str
    own: str
    event: Event

    @classmethod
    def of(cls, label: str, own: str, event: Event) -> Line:
        made = cls(f"{label}{line(event)}".replace(own, ""))
        made.label, made.own, made.event = label, own, event
        return made


def ranges(numbers: Iterable[int]) -> str:
    """1-3, 5."""
    spans: list[list[int]] = []
    for number in sorted(numbers):
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return ", ".join(str(low) if low == high else f"{low}-{high}" for low, high in spans)
