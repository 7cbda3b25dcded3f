"""Frames that carry contents to a client: basic.deliver, basic.get-ok, basic.return.

method frame | header frame (class 60, weight 0, body size, properties) | body frames, none for an empty body
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from .batch import Batch
from .constants import (
    BASIC,
    BASIC_DELIVER,
    BASIC_GET_OK,
    BASIC_RETURN,
    FRAME_BODY,
    FRAME_END,
    FRAME_HEADER,
    FRAME_METHOD,
    FRAME_OVERHEAD,
)
from .extent import Extent
from .keys import shortstr
from .pool import Row
from .selection import Selection

_METHOD_FRAME: Final = Struct(">BHII")  # envelope and method id
_BODY_FRAME: Final = Struct(">BHI")
_END_HEADER_FRAME: Final = Struct(">BBHIHHQ")  # the end of the method frame before it
_END_BODY_FRAME: Final = Struct(">BBHI")
_DELIVERY: Final = Struct(">QB")
_END: Final = bytes((FRAME_END,))


def render_deliver(
    extent: Extent, selection: Selection, channel: int, consumer_tag: bytes, first_tag: int, frame_max: int
) -> bytes:
    """basic.deliver frames with their contents; tags count up from `first_tag`.

    Raises IndexError for settled or absent rows, ValueError for a consumer tag over 255 bytes.
    """
    payload_max = _payload_max(frame_max)
    consumer = shortstr(consumer_tag)
    pack_method, pack_delivery = _METHOD_FRAME.pack, _DELIVERY.pack
    size = 4 + len(consumer) + 9
    redelivered = extent.redelivered
    tag = first_tag
    parts: list[bytes] = []
    for index in selection:
        row = extent.row(index)
        names = row[0]
        parts += (
            pack_method(FRAME_METHOD, channel, size + len(names), BASIC_DELIVER),
            consumer,
            pack_delivery(tag, redelivered[index]),
            names,
        )
        _content(parts, row, channel, payload_max)
        tag += 1
    return b"".join(parts)


def render_get_ok(extent: Extent, row: int, channel: int, tag: int, message_count: int, frame_max: int) -> bytes:
    """basic.get-ok with its content. Raises as `render_deliver`."""
    found = extent.row(row)
    arguments = _DELIVERY.pack(tag, extent.is_redelivered(row)) + found[0] + message_count.to_bytes(4, "big")
    parts = [_METHOD_FRAME.pack(FRAME_METHOD, channel, 4 + len(arguments), BASIC_GET_OK), arguments]
    _content(parts, found, channel, _payload_max(frame_max))
    return b"".join(parts)


def render_return(batch: Batch, selection: Selection, channel: int, code: int, text: str, frame_max: int) -> bytes:
    """basic.return frames with their contents. Raises as `render_deliver`, ValueError for a text over 255 bytes."""
    payload_max = _payload_max(frame_max)
    reason = code.to_bytes(2, "big") + shortstr(text.encode())
    parts: list[bytes] = []
    for index in selection:
        row = batch.rows[index]
        size = 4 + len(reason) + len(row[0])
        parts += (_METHOD_FRAME.pack(FRAME_METHOD, channel, size, BASIC_RETURN), reason, row[0])
        _content(parts, row, channel, payload_max)
    return b"".join(parts)


def _payload_max(frame_max: int) -> int:
    """Body bytes per frame; 0: no limit."""
    return frame_max and max(frame_max - FRAME_OVERHEAD, 1)


def _content(parts: list[bytes], row: Row, channel: int, payload_max: int) -> None:
    """Append the end of the method frame, the header frame and the body frames."""
    _, properties, body, _, _ = row
    size = len(body)
    head = _END_HEADER_FRAME.pack(FRAME_END, FRAME_HEADER, channel, 12 + len(properties), BASIC, 0, size)
    if size > 0 and (size <= payload_max or not payload_max):
        parts += (head, properties, _END_BODY_FRAME.pack(FRAME_END, FRAME_BODY, channel, size), body, _END)
        return
    parts += (head, properties, _END)
    for start in range(0, size, payload_max or size or 1):
        part = body[start : start + payload_max]
        parts += (_BODY_FRAME.pack(FRAME_BODY, channel, len(part)), part, _END)
