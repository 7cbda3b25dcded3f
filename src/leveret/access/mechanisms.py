"""What clients say to log in: the responses of the SASL mechanisms (RabbitMQ page "Authentication").

    PLAIN      NUL name NUL password                                 RFC 4616, without an authorization identity
    AMQPLAIN   a field table, without its length: LOGIN, PASSWORD    of the first clients; py-amqp still has it
    EXTERNAL   nothing: the name is in the client's certificate
    ANONYMOUS  anything: the name is in the configuration

Errors never repeat the response: it holds a password.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from ..errors import SyntaxError_
from ..wire.fields import ByteArray, Value, decode_table

if TYPE_CHECKING:
    NameAndPassword = tuple[str, bytes]

PLAIN: Final = "PLAIN"
AMQPLAIN: Final = "AMQPLAIN"
EXTERNAL: Final = "EXTERNAL"
ANONYMOUS: Final = "ANONYMOUS"
MECHANISMS: Final = (PLAIN, AMQPLAIN, EXTERNAL, ANONYMOUS)


def parse_plain(response: bytes) -> NameAndPassword:
    """Raises SyntaxError_ for a malformed response."""
    parts = response.split(b"\0")
    if len(parts) != 3 or parts[0]:
        raise SyntaxError_("PLAIN response invalid")
    return _name(parts[1]), parts[2]


def parse_amqplain(response: bytes) -> NameAndPassword:
    """Raises SyntaxError_ for a malformed response."""
    table = decode_table(response)
    if "LOGIN" not in table or "PASSWORD" not in table:
        raise SyntaxError_("AMQPLAIN auth info is missing LOGIN or PASSWORD field")
    return _name(_longstr(table["LOGIN"])), _longstr(table["PASSWORD"])


def _longstr(value: Value) -> bytes:
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, bytes) and not isinstance(value, ByteArray):
        return value
    raise SyntaxError_("AMQPLAIN auth info uses unsupported type for LOGIN or PASSWORD field")


def _name(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


PARSERS: Final[dict[str, Callable[[bytes], NameAndPassword]]] = {PLAIN: parse_plain, AMQPLAIN: parse_amqplain}
"""Of the mechanisms that carry a name and a password."""
