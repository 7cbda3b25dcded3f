"""Rows as self-contained bytes for a log record.

count:u32  count*( exchange:shortstr  routing key:shortstr  flags:u8 (1: mandatory)
                   size:u32 properties[size]  size:u32 body[size] )
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from .batch import Batch
from .constants import MANDATORY
from .keys import KeyTable
from .pool import Arena, Pool, row_size
from .properties import features_of
from .reader import Reader
from .selection import Selection

_U32: Final = Struct(">I")
_FLAGS: Final = Struct(">BI")


def pack(batch: Batch, selection: Selection | None = None) -> bytes:
    """These rows (None: all) in the layout above. Raises IndexError for rows that are not there."""
    rows = batch.rows if selection is None else [batch.rows[row] for row in selection]
    parts = [_U32.pack(len(rows))]
    for names, properties, body, features, _ in rows:
        parts += (
            names,
            _FLAGS.pack(1 if features & MANDATORY else 0, len(properties)),
            properties,
            _U32.pack(len(body)),
            body,
        )
    return b"".join(parts)


def unpack(pool: Pool, data: bytes) -> Batch:
    """The inverse. Raises ValueError for anything malformed."""
    batch = Batch(0, KeyTable())
    arena = Arena(pool)
    reader = Reader(data)
    for _ in range(reader.number(4)):
        exchange = reader.take(reader.number(1))
        routing_key = reader.take(reader.number(1))
        flags = reader.number(1)
        if flags > 1:
            raise ValueError("packed rows have unknown flags")
        properties = reader.take(reader.number(4))
        body = reader.take(reader.number(4))
        names = bytes((len(exchange),)) + exchange + bytes((len(routing_key),)) + routing_key
        features = features_of(properties) | (MANDATORY if flags & 1 else 0)
        batch.append((names, properties, body, features, arena))
        arena.add(row_size(batch.rows[-1]))
    reader.end()
    return batch.finish()
