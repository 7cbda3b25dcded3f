"""What clients say to log in: the responses of the SASL mechanisms (RabbitMQ page "Authentication").

    PLAIN      NUL name NUL password                                 RFC 4616, without an authorization identity
    AMQPLAIN   a field table, without its length: LOGIN, PASSWORD    of the first clients; py-amqp still has it

Errors never repeat the response: it holds a password.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from ..errors import CommandInvalid, SyntaxError_
from ..wire.fields import ByteArray, Value, decode_table


@dataclass(frozen=True, slots=True)
class Credentials:
    """A name and a password."""

    name: str
    """What is not UTF-8 comes with surrogate escapes, so that it is nobody's name."""
    password: bytes = field(repr=False)


def parse_response(mechanism: str, response: bytes) -> Credentials:
    """Raises SyntaxError_ for a malformed response, CommandInvalid for an unknown mechanism."""
    parse = MECHANISMS.get(mechanism)
    if parse is None:
        raise CommandInvalid(f"unknown authentication mechanism '{mechanism}'")
    return parse(response)


def _parse_plain(response: bytes) -> Credentials:
    parts = response.split(b"\0")
    if len(parts) != 3 or parts[0]:
        raise SyntaxError_("PLAIN response invalid")
    return Credentials(_name(parts[1]), parts[2])


def _parse_amqplain(response: bytes) -> Credentials:
    table = decode_table(response)
    if "LOGIN" not in table or "PASSWORD" not in table:
        raise SyntaxError_("AMQPLAIN auth info is missing LOGIN or PASSWORD field")
    return Credentials(_name(_longstr(table["LOGIN"])), _longstr(table["PASSWORD"]))


def _longstr(value: Value) -> bytes:
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, bytes) and not isinstance(value, ByteArray):
        return value
    raise SyntaxError_("AMQPLAIN auth info uses unsupported type for LOGIN or PASSWORD field")


def _name(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


MECHANISMS: Final[dict[str, Callable[[bytes], Credentials]]] = {"PLAIN": _parse_plain, "AMQPLAIN": _parse_amqplain}
