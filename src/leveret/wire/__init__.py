"""Batches, extents, the decoder and the encoder: whichever implementation is at hand.

The native kernel if it is built, otherwise its twin in plain Python (`LEVERET_TWIN=1` forces the twin). Both have the
names and the behaviour that `_kernel.pyi` describes; types come from there.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .. import _kernel as _chosen
    from .._kernel import Event, Step
else:
    _chosen = None
    if os.environ.get("LEVERET_TWIN") != "1":
        try:
            from .. import _kernel as _chosen
        except ImportError:
            _chosen = None
    if _chosen is None:
        from . import twin as _chosen

ACK = _chosen.ACK
CC = _chosen.CC
COLUMN_HEADER = _chosen.COLUMN_HEADER
COLUMN_HEADERS = _chosen.COLUMN_HEADERS
COLUMN_KEY = _chosen.COLUMN_KEY
COLUMN_PROPERTY = _chosen.COLUMN_PROPERTY
EXPIRATION = _chosen.EXPIRATION
EXTENT_ROWS = _chosen.EXTENT_ROWS
HEADERS = _chosen.HEADERS
IMMEDIATE = _chosen.IMMEDIATE
MANDATORY = _chosen.MANDATORY
PERSISTENT = _chosen.PERSISTENT
PRIORITY = _chosen.PRIORITY
RECORD_HEADER = _chosen.RECORD_HEADER
REJECT = _chosen.REJECT
REPLY_TO = _chosen.REPLY_TO
REQUEUE = _chosen.REQUEUE
SPILL = _chosen.SPILL
USER_ID = _chosen.USER_ID
VERSION = _chosen.VERSION
Batch = _chosen.Batch
Command = _chosen.Command
Decoder = _chosen.Decoder
Expiries = _chosen.Expiries
Extent = _chosen.Extent
KeyTable = _chosen.KeyTable
Ledger = _chosen.Ledger
Message = _chosen.Message
Patch = _chosen.Patch
Pieces = _chosen.Pieces
Pool = _chosen.Pool
ProtocolHeader = _chosen.ProtocolHeader
Replay = _chosen.Replay
Selection = _chosen.Selection
Settlement = _chosen.Settlement
Usage = _chosen.Usage
Violation = _chosen.Violation
crc32c = _chosen.crc32c
encode_block = _chosen.encode_block
encode_op = _chosen.encode_op
encode_publish = _chosen.encode_publish
encode_relocate = _chosen.encode_relocate
encode_settle = _chosen.encode_settle
find_record = _chosen.find_record
render_deliver = _chosen.render_deliver
render_get_ok = _chosen.render_get_ok
render_return = _chosen.render_return
seal_record = _chosen.seal_record
unpack_block = _chosen.unpack_block

if not TYPE_CHECKING:
    Event = Batch | Settlement | Command | ProtocolHeader | Violation
    Step = _chosen.Step

IMPLEMENTATION: str = "twin" if _chosen.__name__.endswith("twin") else "kernel"
"""Which one it is: `kernel` or `twin`."""

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
    "IMPLEMENTATION",
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
