"""CRC-32C (Castagnoli): the reflected polynomial 0x82F63B78, a byte at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from typing_extensions import Buffer

from .constants import U32_MAX


def _entry(octet: int) -> int:
    for _ in range(8):
        octet = octet >> 1 ^ (0x82F63B78 if octet & 1 else 0)
    return octet


_TABLE: Final = tuple(_entry(octet) for octet in range(256))


def crc32c(data: Buffer, seed: int = 0) -> int:
    """Of `data`, or of what `seed` is the crc of followed by `data`."""
    crc = seed ^ U32_MAX
    for octet in bytes(memoryview(data)):
        crc = crc >> 8 ^ _TABLE[(crc ^ octet) & 0xFF]
    return crc ^ U32_MAX
