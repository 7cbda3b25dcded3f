"""The kernel's twin: the same names and behaviour in plain Python.

It is the naive model, lists and a loop per message: the oracle of the kernel's tests, and what runs where the native
kernel is not built. What each name means is said in `_kernel.pyi`.
"""

from __future__ import annotations

from typing import Final

from .batch import Batch, Message
from .block import encode_block, unpack_block
from .constants import (
    ACK,
    CC,
    COLUMN_HEADER,
    COLUMN_HEADERS,
    COLUMN_KEY,
    COLUMN_PROPERTY,
    EXPIRATION,
    EXTENT_ROWS,
    HEADERS,
    IMMEDIATE,
    MANDATORY,
    PERSISTENT,
    PRIORITY,
    REJECT,
    REPLY_TO,
    REQUEUE,
    SPILL,
    USER_ID,
)
from .crc32c import crc32c
from .decoder import Decoder, Event
from .events import Command, ProtocolHeader, Settlement, Violation
from .expiries import Expiries
from .extent import Extent
from .keys import KeyTable
from .ledger import Ledger
from .ops import encode_op, encode_publish, encode_relocate, encode_settle
from .piece import Pieces
from .pool import Pool
from .record import RECORD_HEADER, find_record, seal_record
from .render import render_deliver, render_get_ok, render_return
from .replay import Replay, Step
from .rewrite import Patch
from .selection import Selection
from .usage import Usage

VERSION: Final = "twin"

__all__ = [
    "ACK",
    "CC",
    "COLUMN_HEADER",
    "COLUMN_HEADERS",
    "COLUMN_KEY",
    "COLUMN_PROPERTY",
    "EXPIRATION",
    "EXTENT_ROWS",
    "HEADERS",
    "IMMEDIATE",
    "MANDATORY",
    "PERSISTENT",
    "PRIORITY",
    "RECORD_HEADER",
    "REJECT",
    "REPLY_TO",
    "REQUEUE",
    "SPILL",
    "USER_ID",
    "VERSION",
    "Batch",
    "Command",
    "Decoder",
    "Event",
    "Expiries",
    "Extent",
    "KeyTable",
    "Ledger",
    "Message",
    "Patch",
    "Pieces",
    "Pool",
    "ProtocolHeader",
    "Replay",
    "Selection",
    "Settlement",
    "Step",
    "Usage",
    "Violation",
    "crc32c",
    "encode_block",
    "encode_op",
    "encode_publish",
    "encode_relocate",
    "encode_settle",
    "find_record",
    "render_deliver",
    "render_get_ok",
    "render_return",
    "seal_record",
    "unpack_block",
]
