"""Checksums and blocks: the layout is fixed, and nothing damaged gets through."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from .support import PERSISTENT_PROPERTIES, build, implementation, refused, rows


class TestChecksum:
    @pytest.mark.parametrize(
        ("data", "crc"),
        [  # RFC 3720, B.4
            (b"", 0),
            (b"123456789", 0xE3069283),
            (bytes(32), 0x8A9136AA),
            (b"\xff" * 32, 0x62A8AB43),
            (bytes(range(32)), 0x46DD794E),
        ],
    )
    def test_is_castagnolis(self, impl: Any, data: bytes, crc: int) -> None:
        assert impl.crc32c(data) == crc
        assert impl.crc32c(bytearray(data)) == impl.crc32c(memoryview(data)) == crc

    @given(st.binary(max_size=300), st.integers(0, 300))
    def test_goes_on_from_a_seed(self, data: bytes, at: int) -> None:
        for impl in filter(None, map(implementation, ("kernel", "twin"))):
            assert impl.crc32c(data[at:], impl.crc32c(data[:at])) == impl.crc32c(data)


class TestBlock:
    def test_the_layout(self, impl: Any) -> None:
        batch = build(impl, b"a", b"bc", properties=PERSISTENT_PROPERTIES)
        packed = impl.encode_block(batch)[8:]
        assert impl.encode_block(batch) == struct.pack(">II", len(packed), impl.crc32c(packed)) + packed

    def test_of_a_selection(self, impl: Any) -> None:
        batch = build(impl, b"a", b"b", b"c")
        block = impl.encode_block(batch, impl.Selection([0, 2]))
        assert [row[5] for row in rows(impl.unpack_block(impl.Pool(), block))] == [b"a", b"c"]
        with pytest.raises(IndexError):
            impl.encode_block(batch, impl.Selection([3]))

    def test_there_and_back_from_any_buffer(self, impl: Any) -> None:
        batch = build(impl, b"a", b"", b"c" * 1000, properties=PERSISTENT_PROPERTIES)
        block = impl.encode_block(batch)
        for data in (block, bytearray(block), memoryview(b"x" + block)[1:]):
            assert rows(impl.unpack_block(impl.Pool(), data)) == rows(batch)

    def test_cut_or_changed_anywhere_is_refused(self, impl: Any) -> None:
        block = impl.encode_block(build(impl, b"a", b"bc"))
        for broken in (*(block[:size] for size in range(len(block))), block + b"x"):
            with refused():
                impl.unpack_block(impl.Pool(), broken)
        for at in range(len(block)):
            broken = bytearray(block)
            broken[at] ^= 1 << at % 8
            with refused():
                impl.unpack_block(impl.Pool(), broken)

    def test_a_good_checksum_makes_no_rows(self, impl: Any) -> None:
        for packed in (b"", b"\xff\xff\xff\xff", bytes(5)):
            with refused():
                impl.unpack_block(impl.Pool(), struct.pack(">II", len(packed), impl.crc32c(packed)) + packed)
