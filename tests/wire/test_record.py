"""Records: the layout is fixed, and one is found again among whatever else is there."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from .support import log_of, refused


class TestSealing:
    def test_the_layout(self, impl: Any) -> None:
        record = impl.seal_record(72, 40, [b"one", b", two+"])
        summed = struct.pack(">IQQ", 9, 72, 40) + b"one, two+"
        assert record == struct.pack(">I", impl.crc32c(summed)) + summed + bytes(7)
        assert record.index(b"one") == impl.RECORD_HEADER

    def test_without_ops_it_is_a_header(self, impl: Any) -> None:
        summed = struct.pack(">IQQ", 0, 72, 72)
        assert impl.seal_record(72, 72, []) == struct.pack(">I", impl.crc32c(summed)) + summed

    def test_where_none_can_be(self, impl: Any) -> None:
        for position, synced in ((8, 9), (1 << 63, 0)):
            with refused():
                impl.seal_record(position, synced, [])
        with pytest.raises(OverflowError):
            impl.seal_record(-8, 0, [])


class TestFinding:
    def test_the_first_after_a_position(self, impl: Any) -> None:
        log = log_of(impl, 64, [[b"first"], [b"second"], []], synced=16)
        assert len(log) == 88
        for after, wanted in ((0, 64), (63, 64), (64, 96), (95, 96), (96, 128), (128, None), (1 << 63, None)):
            assert impl.find_record(log, 64, after) == (wanted and (wanted, 16))

    def test_passes_over_what_is_none(self, impl: Any) -> None:
        log = log_of(impl, 64, [[b"first"], [b"second"], []], synced=16)
        for at in range(32 - 3):
            broken = bytearray(log)
            broken[at] ^= 128
            assert impl.find_record(broken, 64, 0) == (96, 16)
        assert impl.find_record(log[5:], 69, 0) == (96, 16)
        assert impl.find_record(log, 56, 0) is None
        assert impl.find_record(log[:31], 64, 0) is None
        for data in (b"", bytes(100), b"\xff" * 100):
            assert impl.find_record(data, 0, 0) is None
            assert impl.find_record(data, 1 << 63, 8) is None
