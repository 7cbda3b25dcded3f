"""Whole frames, for what is sent one by one; the kernel renders deliveries and returns by the batch.

0      1         3             7                  size+7      size+8      (spec 2.3.5)
+------+---------+-------------+------------------+-----------+
| type | channel | size        | payload          | frame-end |
+------+---------+-------------+------------------+-----------+
payload of a method frame:  class id u16, method id u16, arguments
payload of a header frame:  class id u16, weight u16 (0), body size u64, properties
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from .spec import FRAME_BODY, FRAME_END, FRAME_HEADER, FRAME_HEARTBEAT, FRAME_METHOD

if TYPE_CHECKING:
    from .methods import Method

PROTOCOL_HEADER: Final = b"AMQP\x00\x00\x09\x01"
OVERHEAD: Final = 8
"""Bytes of a frame around its payload."""

_METHOD: Final = struct.Struct(">BHII")
_HEADER: Final = struct.Struct(">BHIHHQ")
_FRAME: Final = struct.Struct(">BHI")
_END: Final = bytes((FRAME_END,))

HEARTBEAT_FRAME: Final = _FRAME.pack(FRAME_HEARTBEAT, 0, 0) + _END


def method_frame(channel: int, method: Method) -> bytes:
    """A method without its content."""
    arguments = method.encode()
    return b"%b%b%b" % (_METHOD.pack(FRAME_METHOD, channel, len(arguments) + 4, method.id), arguments, _END)


def content_frames(channel: int, method: Method, properties: bytes, body: bytes | memoryview, frame_max: int) -> bytes:
    """A method with its content: a method frame, a header frame, and a body frame per `frame_max` bytes (0: no limit).

    `properties` as on the wire: flags and list. An empty body has no body frame.
    """
    assert frame_max == 0 or frame_max > OVERHEAD
    size = len(body)
    class_id = method.id >> 16
    parts: list[bytes | memoryview] = [
        method_frame(channel, method),
        _HEADER.pack(FRAME_HEADER, channel, len(properties) + 12, class_id, 0, size),
        properties,
        _END,
    ]
    step = frame_max - OVERHEAD if frame_max else size
    view = memoryview(body)
    for start in range(0, size, step or 1):
        piece = view[start : start + step]
        parts += [_FRAME.pack(FRAME_BODY, channel, len(piece)), piece, _END]
    return b"".join(parts)
