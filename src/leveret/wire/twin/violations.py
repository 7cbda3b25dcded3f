"""The hard violations of the framing layer, with the codes and texts that RabbitMQ answers.

They end the connection, so they are said on channel 0. (The one soft violation, a message over the limit, is the
decoder's own.)
"""

from __future__ import annotations

from typing import Final

from .channel import AWAIT_HEADER, AWAIT_METHOD, Channel
from .constants import BASIC, BASIC_PUBLISH
from .erlang import numbers, octets
from .events import Violation

_OCTETS_SHOWN: Final = 256
"""No more of them fit into a reply text."""


class StopReading(Exception):
    """A hard violation: nothing after it is read."""

    def __init__(self, code: int, text: str, method: int = 0) -> None:
        self.violation = Violation(0, code, text, method >> 16, method & 0xFFFF)


def unknown_frame(kind: int, payload: bytes) -> StopReading:
    return StopReading(501, f"type {kind}, {octets(payload)}: unknown_frame")


def cannot_decode(code: int, raw: bytes, method: int) -> StopReading:
    return StopReading(code, f"cannot decode {numbers(raw[:_OCTETS_SHOWN])}", method)


def unexpected(channel: Channel) -> StopReading:
    """A frame of the wrong kind for the channel's state."""
    if channel.state == AWAIT_METHOD:
        return StopReading(505, "expected method frame, got non method frame instead")
    if channel.state == AWAIT_HEADER:
        text = f"expected content header for class {BASIC}, got non content header frame instead"
        return StopReading(505, text, BASIC_PUBLISH)
    return StopReading(505, "expected content body, got non content body frame instead", BASIC_PUBLISH)
