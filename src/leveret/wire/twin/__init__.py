"""The kernel's twin: the same names and behaviour in plain Python.

It is the naive model, lists and a loop per message: the oracle of the kernel's tests, and what runs where the native
kernel is not built. What each name means is said in `_kernel.pyi`.
"""

from __future__ import annotations

from typing import Final

from .batch import Batch, Message
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
from .decoder import Decoder, Event
from .events import Command, ProtocolHeader, Settlement, Violation
from .extent import Extent
from .keys import KeyTable
from .ledger import Ledger
from .pack import pack, unpack
from .piece import Pieces
from .pool import Pool
from .render import render_deliver, render_get_ok, render_return
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
    "Extent",
    "KeyTable",
    "Ledger",
    "Message",
    "Pieces",
    "Pool",
    "ProtocolHeader",
    "Selection",
    "Settlement",
    "Usage",
    "Violation",
    "pack",
    "render_deliver",
    "render_get_ok",
    "render_return",
    "unpack",
]
