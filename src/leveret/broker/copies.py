"""Copies: the headers CC and BCC give a message more routing keys than the one it is published with (RabbitMQ page
"Sender-Selected Distribution"). It is routed once for all of them, so that each queue gets it once; BCC is taken out
before anybody sees it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..errors import PreconditionFailed, SyntaxError_
from ..wire import CC, COLUMN_HEADER, Patch, Selection
from ..wire.fields import TYPE_NAMES, decode_field

if TYPE_CHECKING:
    from ..wire import Batch, Pool

_BCC: Final = "BCC"


def more_keys(batch: Batch, rows: Selection) -> list[tuple[tuple[str, ...] | PreconditionFailed, Selection]]:
    """The keys that CC and BCC add to the one of each row, or the error that publishing it raises."""
    return [
        (_keys(cc, bcc), smaller)
        for cc, part in batch.partition(COLUMN_HEADER, rows, "CC")
        for bcc, smaller in batch.partition(COLUMN_HEADER, part, _BCC)
    ]


def without_bcc(batch: Batch, pool: Pool) -> Batch:
    """The batch as others see it."""
    if not batch.features & CC:
        return batch
    blind = [rows for value, rows in batch.partition(COLUMN_HEADER, batch.select(CC), _BCC) if value is not None]
    return batch.rewrite(pool, [(Selection.merge(blind), Patch(without=[_BCC]))]) if blind else batch


def _keys(cc: object, bcc: object) -> tuple[str, ...] | PreconditionFailed:
    keys: list[str] = []
    for name, value in (("CC", cc), (_BCC, bcc)):
        if not isinstance(value, bytes):
            continue
        if value[:1] != b"A":
            kind = TYPE_NAMES[chr(value[0])]
            return PreconditionFailed(f'invalid message: {{unacceptable_type_in_header,"{name}",{kind}}}')
        keys += texts(value)
    return tuple(keys)


def texts(field: object) -> list[str]:
    """The strings in a raw header that is an array; none if it is anything else."""
    if not isinstance(field, bytes):
        return []
    try:
        values = decode_field(field)
    except SyntaxError_:
        return []
    return [value for value in values if isinstance(value, str)] if isinstance(values, list) else []
