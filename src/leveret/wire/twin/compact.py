"""Selections as bytes of a log: in the form that is the smallest for its rows, so that there is one for each.

    0                                               empty
    1  start:u32  len:u32                           range
    2  start:u32  step:u32  len:u32                 stride
    3  count:u32  count*( row:u32 )                 list
    4  first:u32  words:u32  words*( word:u64 )     bitmap: bit i of word w is row first + 64 * w + i

Of two that are equally small it is the one with the lower tag.
"""

from __future__ import annotations

from struct import pack
from typing import TYPE_CHECKING

from .constants import U32_MAX
from .selection import Selection, of_rows, of_stride

if TYPE_CHECKING:
    from .reader import Reader


def encode_selection(selection: Selection) -> bytes:
    """The bytes of a selection."""
    if not len(selection):
        return b"\x00"
    first, count = selection[0], len(selection)
    forms = [pack(">BI", 3, count) + b"".join(row.to_bytes(4, "big") for row in selection)]
    step = selection[1] - first if count > 1 else 1
    if all(row == first + step * at for at, row in enumerate(selection)):
        forms.append(pack(">BII", 1, first, count) if step == 1 else pack(">BIII", 2, first, step, count))
    bits = [0] * ((selection[count - 1] - first) // 64 + 1) if selection[count - 1] - first < 64 * count else []
    if bits:
        for row in selection:
            bits[(row - first) // 64] |= 1 << (row - first) % 64
        forms.append(pack(f">BII{len(bits)}Q", 4, first, len(bits), *bits))
    return min(forms, key=lambda form: (len(form), form[0]))


def decode_selection(reader: Reader) -> Selection:
    """What `encode_selection` wrote. Raises ValueError for anything else."""
    start = reader.position
    tag = reader.number(1)
    if tag in (1, 2):
        first, step = reader.number(4), reader.number(4) if tag == 2 else 1
        count = reader.number(4)
        if not count or not step or first + step * (count - 1) > U32_MAX:
            raise ValueError("malformed selection")
        if tag == 2 and (count < 2 or step < 2):
            raise ValueError("selection is not in its smallest form")
        return of_stride(first, step, count)  # billions of rows, perhaps: not to be written down
    elif tag == 3:
        count = reader.number(4)
        listed = reader.take(4 * count)
        selection = Selection([int.from_bytes(listed[at : at + 4], "big") for at in range(0, len(listed), 4)])
    elif tag == 4:
        first, count = reader.number(4), reader.number(4)
        words = reader.take(8 * count)
        rows = []
        for at in range(count):
            word = int.from_bytes(words[8 * at : 8 * at + 8], "big")
            rows += [first + 64 * at + bit for bit in range(64) if word >> bit & 1]
        selection = Selection(rows)
    elif tag == 0:
        selection = of_rows([])
    else:
        raise ValueError("unknown form of a selection")
    if encode_selection(selection) != reader.data[start : reader.position]:
        raise ValueError("selection is not in its smallest form")
    return selection
