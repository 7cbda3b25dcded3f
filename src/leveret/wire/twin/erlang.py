"""How RabbitMQ's error texts show bytes: as Erlang binaries."""

from __future__ import annotations

from typing import Final

_SNIPPET_SIZE: Final = 16
_TEXT: Final = {byte: chr(byte) for byte in range(32, 127)} | {
    8: "\\b",
    9: "\\t",
    10: "\\n",
    11: "\\v",
    12: "\\f",
    13: "\\r",
    27: "\\e",
    ord('"'): '\\"',
    ord("\\"): "\\\\",
}
"""Bytes that Erlang takes for text, and how it writes them."""


def octets(payload: bytes) -> str:
    """`all octets = <<...>>`, or the first 16 of them."""
    if len(payload) <= _SNIPPET_SIZE:
        return f"all octets = {term(payload)}"
    return f"first 16 octets = {term(payload[:_SNIPPET_SIZE])}"


def term(raw: bytes) -> str:
    """As `~p` writes it: `<<"abc">>` when all of it is text, otherwise `<<1,2,3>>`."""
    if raw and all(byte in _TEXT for byte in raw):
        return '<<"' + "".join(_TEXT[byte] for byte in raw) + '">>'
    return numbers(raw)


def numbers(raw: bytes) -> str:
    """As `~w` writes it."""
    return f"<<{','.join(map(str, raw))}>>"
