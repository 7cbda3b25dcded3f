"""How RabbitMQ's error texts show bytes: as Erlang binaries."""

from __future__ import annotations

from typing import Final

_SNIPPET_SIZE: Final = 16
_ESCAPES: Final = {ord('"'): '\\"', ord("\\"): "\\\\"}


def octets(payload: bytes) -> str:
    """`all octets = <<...>>`, or the first 16 of them."""
    if len(payload) <= _SNIPPET_SIZE:
        return f"all octets = {render(payload)}"
    return f"first 16 octets = {render(payload[:_SNIPPET_SIZE])}"


def render(raw: bytes, *, text: bool = True) -> str:
    """`<<"abc">>` when all is printable ASCII and `text`, otherwise `<<1,2,3>>`."""
    if text and raw and all(32 <= byte < 127 for byte in raw):
        return '<<"' + "".join(_ESCAPES.get(byte, chr(byte)) for byte in raw) + '">>'
    return f"<<{','.join(map(str, raw))}>>"
