"""Packed rows: the layout is fixed (logs on disk are made of it), and nothing malformed gets through."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from .support import (
    NO_PROPERTIES,
    PERSISTENT_PROPERTIES,
    build,
    headers,
    implementation,
    refused,
    rows,
)

MESSAGES = st.lists(
    st.tuples(
        st.text(max_size=20),
        st.text(max_size=40),
        st.sampled_from([NO_PROPERTIES, PERSISTENT_PROPERTIES, headers(b"\x02CCV")]),
        st.binary(max_size=100),
        st.booleans(),
    ),
    max_size=12,
)

PACKED = (
    b"\x00\x00\x00\x02"
    b"\x02ex\x03key\x01\x00\x00\x00\x03\x10\x00\x02\x00\x00\x00\x04body"
    b"\x00\x01q\x00\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00"
)


def pack(impl: Any, *arguments: Any) -> bytes:
    """The rows of a block."""
    block: bytes = impl.encode_block(*arguments)
    return block[8:]


def unpack(impl: Any, pool: Any, packed: bytes) -> Any:
    return impl.unpack_block(pool, struct.pack(">II", len(packed), impl.crc32c(packed)) + packed)


class TestPack:
    def test_the_layout(self, impl: Any) -> None:
        batch = impl.Batch.build(
            impl.Pool(), [("ex", "key", PERSISTENT_PROPERTIES, b"body", True), ("", "q", NO_PROPERTIES, b"", False)]
        )
        assert pack(impl, batch) == PACKED

    def test_of_a_selection(self, impl: Any) -> None:
        batch = build(impl, b"a", b"b", b"c", b"d")
        picked = unpack(impl, impl.Pool(), pack(impl, batch, impl.Selection([1, 3])))
        assert [row[5] for row in rows(picked)] == [b"b", b"d"]

    def test_of_nothing(self, impl: Any) -> None:
        batch = build(impl, b"a")
        assert pack(impl, batch, impl.Selection([])) == bytes(4)
        assert len(unpack(impl, impl.Pool(), bytes(4))) == 0

    def test_unpacked_rows_are_a_batch_like_any_other(self, impl: Any) -> None:
        batch = unpack(impl, impl.Pool(), PACKED)
        assert rows(batch) == [
            ("ex", "key", True, False, PERSISTENT_PROPERTIES, b"body", impl.PERSISTENT | impl.MANDATORY),
            ("", "q", False, False, NO_PROPERTIES, b"", 0),
        ]
        assert batch.features == impl.PERSISTENT | impl.MANDATORY
        assert batch.channel == 0
        assert batch.key == -1

    @given(MESSAGES)
    def test_there_and_back(self, messages: list[tuple[str, str, bytes, bytes, bool]]) -> None:
        packed = set()
        for impl in filter(None, map(implementation, ("kernel", "twin"))):
            batch = impl.Batch.build(impl.Pool(), messages)
            data = pack(impl, batch)
            assert rows(unpack(impl, impl.Pool(), data)) == rows(batch)
            packed.add(data)
        assert len(packed) == 1

    @pytest.mark.parametrize("size", range(len(PACKED)))
    def test_cut_anywhere_is_refused(self, impl: Any, size: int) -> None:
        with refused():
            unpack(impl, impl.Pool(), PACKED[:size])

    @pytest.mark.parametrize(
        "data",
        [
            PACKED + b"\x00",
            b"\xff\xff\xff\xff",
            struct.pack(">I", 1) + b"\x00\x00\x00\xff\xff\xff\xff",
            struct.pack(">I", 1) + b"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",  # no property flags
            struct.pack(">I", 1) + b"\x00\x00\x00\x00\x00\x00\x02\x80\x00\x00\x00\x00\x00",  # content-type is missing
            struct.pack(">I", 1) + b"\x01\xff\x00\x00\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00",  # not UTF-8
            struct.pack(">I", 1) + b"\x00\x00\x02\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00",  # an unknown flag
        ],
    )
    def test_malformed_is_refused(self, impl: Any, data: bytes) -> None:
        with refused():
            unpack(impl, impl.Pool(), data)

    def test_a_huge_count_costs_nothing(self, impl: Any) -> None:
        pool = impl.Pool()
        with refused():
            unpack(impl, pool, b"\xff\xff\xff\xff" + PACKED[4:])
