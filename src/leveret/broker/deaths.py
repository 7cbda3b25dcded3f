"""Deaths of a message, as its headers tell them (RabbitMQ page "Dead Letter Exchanges").

`x-death` is an array of tables, one for each queue and reason, the newest first; a message that dies once more in the
same way has its entry counted up and moved to the front. `x-first-death-*` and `x-last-death-*` say in short where it
died first and last.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from struct import pack
from typing import TYPE_CHECKING, Final

from ..errors import SyntaxError_
from ..wire.fields import Timestamp, decode_field

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..wire.fields import Value

EXPIRED: Final = "expired"
REJECTED: Final = "rejected"
MAXLEN: Final = "maxlen"
DELIVERY_LIMIT: Final = "delivery_limit"

X_DEATH: Final = "x-death"
FIRST_DEATH: Final = ("x-first-death-exchange", "x-first-death-queue", "x-first-death-reason")
LAST_DEATH: Final = ("x-last-death-exchange", "x-last-death-queue", "x-last-death-reason")
HEADERS: Final = (X_DEATH, *FIRST_DEATH, *LAST_DEATH)


@dataclass(frozen=True, slots=True)
class Death:
    """How often a message died in one way, and how it was when it did so first."""

    queue: str
    reason: str
    time_s: int
    exchange: str
    routing_keys: tuple[str, ...]
    expiration: str | None = None
    count: int = 1


def decode_deaths(raw: bytes | None) -> list[Death]:
    """What a header field `x-death` tells; of one that nobody here wrote what can be read of it."""
    if raw is None:
        return []
    try:
        entries = decode_field(raw)
    except SyntaxError_:
        return []
    if not isinstance(entries, list):
        return []
    return [death for entry in entries if isinstance(entry, dict) and (death := _death(entry)) is not None]


def _death(entry: dict[str, Value]) -> Death | None:
    count, time_s = entry.get("count"), entry.get("time")
    keys = entry.get("routing-keys")
    expiration = entry.get("original-expiration")
    queue, reason, exchange = entry.get("queue"), entry.get("reason"), entry.get("exchange")
    if not isinstance(queue, str) or not isinstance(reason, str) or not isinstance(exchange, str):
        return None
    return Death(
        queue,
        reason,
        int(time_s) if isinstance(time_s, Timestamp) else 0,
        exchange,
        tuple(key for key in keys if isinstance(key, str)) if isinstance(keys, list) else (),
        expiration if isinstance(expiration, str) else None,
        count if isinstance(count, int) and 0 < count < 1 << 62 else 1,
    )


def with_death(deaths: list[Death], death: Death) -> list[Death]:
    """The same with one more death; the newest is the first."""
    for known in deaths:
        if (known.queue, known.reason) == (death.queue, death.reason):
            others = [other for other in deaths if other is not known]
            return [replace(known, count=known.count + 1), *others]
    return [death, *deaths]


def cycle(deaths: Iterable[Death]) -> frozenset[str]:
    """The queues that must not have the message again, since nobody rejected it since it died there."""
    names = []
    for death in deaths:
        if death.reason == REJECTED:
            break
        names.append(death.queue)
    return frozenset(names)


def encode_headers(deaths: list[Death], death: Death) -> bytes:
    """The entries of a headers table that tell these deaths, of which `death` is the last."""
    first = len(deaths) == 1 and deaths[0].count == 1
    entries = b"".join(_encode_death(known) for known in deaths)
    parts = [_name(X_DEATH), b"A", pack(">I", len(entries)), entries]
    if first:
        parts += _short(FIRST_DEATH, death)
    return b"".join(parts + _short(LAST_DEATH, death))


def _short(names: tuple[str, str, str], death: Death) -> list[bytes]:
    values = (death.exchange, death.queue, death.reason)
    return [_name(name) + _text(value) for name, value in zip(names, values, strict=True)]


def _encode_death(death: Death) -> bytes:
    """In RabbitMQ's order and types."""
    keys = b"".join(_text(key) for key in death.routing_keys)
    parts = []
    if death.expiration is not None:
        parts += [_name("original-expiration"), _text(death.expiration)]
    parts += [
        _name("count") + pack(">cq", b"l", death.count),
        _name("reason") + _text(death.reason),
        _name("queue") + _text(death.queue),
        _name("time") + pack(">cQ", b"T", death.time_s),
        _name("exchange") + _text(death.exchange),
        _name("routing-keys") + pack(">cI", b"A", len(keys)) + keys,
    ]
    data = b"".join(parts)
    return pack(">cI", b"F", len(data)) + data


def _name(name: str) -> bytes:
    return bytes((len(name),)) + name.encode()


def _text(value: str) -> bytes:
    data = value.encode("utf-8", "surrogateescape")
    return pack(">cI", b"S", len(data)) + data
