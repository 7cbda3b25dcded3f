"""CRC-32C (Castagnoli), an octet at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from typing_extensions import Buffer

_POLYNOMIAL: Final = 0x82F63B78  # reflected


def _entry(octet: int) -> int:
    for _ in range(8):
        octet = octet >> 1 ^ (_POLYNOMIAL if octet & 1 else 0)
    return octet


_TABLE: Final = [_entry(octet) for octet in range(256)]


def crc32c(data: Buffer, seed: int = 0) -> int:
    """The checksum of the data, or of what `seed` is the checksum of and the data behind it."""
    crc = seed ^ 0xFFFFFFFF
    for octet in bytes(data):
        crc = crc >> 8 ^ _TABLE[(crc ^ octet) & 0xFF]
    return crc ^ 0xFFFFFFFF
