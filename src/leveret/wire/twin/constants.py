"""The numbers that kernel and twin share: features of a row, columns of a partition, kinds of a settlement.

Their meaning is written down once, in `_kernel.pyi`.
"""

from __future__ import annotations

from typing import Final

EXTENT_ROWS: Final = 4096
SPILL: Final = 0x8000000000000000

PERSISTENT: Final = 1
HEADERS: Final = 2
EXPIRATION: Final = 4
PRIORITY: Final = 8
USER_ID: Final = 16
REPLY_TO: Final = 32
CC: Final = 64
MANDATORY: Final = 128
IMMEDIATE: Final = 256

COLUMN_KEY: Final = 0
COLUMN_HEADERS: Final = 1
COLUMN_HEADER: Final = 2
COLUMN_PROPERTY: Final = 3

ACK: Final = 0
REQUEUE: Final = 1
REJECT: Final = 2

BASIC: Final = 60
BASIC_PUBLISH: Final = 60 << 16 | 40
BASIC_RETURN: Final = 60 << 16 | 50
BASIC_DELIVER: Final = 60 << 16 | 60
BASIC_GET_OK: Final = 60 << 16 | 71
BASIC_ACK: Final = 60 << 16 | 80
BASIC_REJECT: Final = 60 << 16 | 90
BASIC_NACK: Final = 60 << 16 | 120

FRAME_METHOD: Final = 1
FRAME_HEADER: Final = 2
FRAME_BODY: Final = 3
FRAME_HEARTBEAT: Final = 8
FRAME_END: Final = 0xCE
FRAME_OVERHEAD: Final = 8
"""Type, channel, payload size and end marker."""

U32_MAX: Final = 0xFFFFFFFF
U64_MAX: Final = 0xFFFFFFFFFFFFFFFF
