from __future__ import annotations

from dataclasses import asdict, fields
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pamqp import commands

from leveret.errors import SyntaxError_
from leveret.limits import TABLE_DEPTH_MAX
from leveret.wire import Batch, Pool
from leveret.wire.fields import Arguments, Timestamp
from leveret.wire.properties import Properties, decode_properties, encode_properties
from leveret.wire.spec import PROPERTIES

from .values import nested_table, tables

shortstrs = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
octets = st.integers(0, 255)
properties = st.builds(
    Properties,
    **{
        name: st.none()
        | {
            "shortstr": shortstrs,
            "octet": octets,
            "timestamp": st.integers(0, (1 << 64) - 1).map(Timestamp),
            "table": tables.map(Arguments.of),
        }[domain]
        for name, domain, _ in PROPERTIES
    },
)


@given(properties)
def test_round_trip(given: Properties) -> None:
    assert decode_properties(encode_properties(given)) == given


def test_the_fields_are_those_of_the_specification() -> None:
    assert [field.name for field in fields(Properties)] == [name for name, _, _ in PROPERTIES]


def test_none() -> None:
    assert encode_properties(Properties()) == b"\0\0"
    assert decode_properties(b"\0\0") == Properties()


def test_bytes() -> None:
    given = Properties(content_type="a", delivery_mode=2, timestamp=1, cluster_id="z")
    assert encode_properties(given) == b"\x90\x44\x01a\x02\0\0\0\0\0\0\0\x01\x01z"


def test_a_mapping_will_do_for_headers() -> None:
    raw = encode_properties(Properties(headers={"a": 1}))
    assert decode_properties(raw).headers == Arguments.of({"a": 1})


def test_headers_keep_their_bytes() -> None:
    raw = b"\x20\0\0\0\0\x05\x01as\0\x07"
    decoded = decode_properties(raw)
    assert decoded.headers == {"a": 7} or decoded.headers == Arguments.of({"a": 7})
    assert encode_properties(decoded) == raw


def test_a_string_that_is_not_utf8_keeps_its_bytes() -> None:
    raw = b"\x04\0\x02\xff\xfe"
    assert encode_properties(decode_properties(raw)) == raw


class TestMalformed:
    @pytest.mark.parametrize(
        "raw",
        [
            b"",
            b"\0",
            b"\0\0\0",
            b"\x80\0",
            b"\x80\0\x02a",
            b"\x80\0\x01ab",
            b"\x20\0\0\0\0",
            b"\x20\0\0\0\0\x01",
            b"\x20\0\xff\xff\xff\xff\0",
            b"\x20\0\0\0\0\x02\x01a",
            b"\x10\0",
            b"\0\x40\0\0\0\0\0\0\0",
            b"\0\x02",
            b"\0\x01",
            b"\0\x01\0",
            b"\0\x01\x80\0",
            b"\0\x01\0\x02",
        ],
    )
    def test_refused(self, raw: bytes) -> None:
        with pytest.raises(SyntaxError_, match="malformed"):
            decode_properties(raw)

    def test_deep_headers(self) -> None:
        table = nested_table(TABLE_DEPTH_MAX + 1)
        with pytest.raises(SyntaxError_, match="nested deeper"):
            decode_properties(b"\x20\0" + len(table).to_bytes(4, "big") + table)

    def test_more_flag_words_without_flags_are_none(self) -> None:
        assert decode_properties(b"\x08\x01\0\x01\0\0\x05") == Properties(priority=5)

    @given(properties, st.data())
    def test_the_kernel_refuses_the_same(self, given: Properties, data: st.DataObject) -> None:
        raw = bytearray(encode_properties(given))
        for _ in range(data.draw(st.integers(0, 2))):
            raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(octets)
        del raw[len(raw) - data.draw(st.sampled_from([0, 0, 1, 2])) :]
        try:
            decode_properties(bytes(raw))
        except SyntaxError_:
            with pytest.raises(ValueError):  # noqa: PT011  any text will do
                Batch.build(Pool(), [("", "", bytes(raw), b"", False)])
        else:
            assert Batch.build(Pool(), [("", "", bytes(raw), b"", False)])[0].properties == raw


@pytest.mark.parametrize(
    "given",
    [
        Properties(message_id="a" * 256),
        Properties(priority=256),
        Properties(priority=-1),
        Properties(timestamp=-1),
        Properties(headers={"a": 1 << 64}),
    ],
)
def test_what_does_not_fit(given: Properties) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  any text will do
        encode_properties(given)


pamqp_properties = st.fixed_dictionaries(
    {},
    optional={
        **{
            name: st.text("abcdefgh.-\u20ac", min_size=1, max_size=60)
            for name, domain, _ in PROPERTIES
            if domain == "shortstr" and name != "cluster_id"  # pamqp wants that one empty
        },
        "priority": octets,
        "delivery_mode": st.integers(1, 2),
        "headers": st.dictionaries(st.text("abc", max_size=3), st.integers(-(1 << 40), 1 << 40) | st.text()),
        "timestamp": st.integers(0, (1 << 32) - 1),  # more are milliseconds to pamqp
    },
)


@given(pamqp_properties)
def test_against_pamqp(given: dict[str, object]) -> None:
    theirs = {"message_type" if name == "type" else name: value for name, value in given.items()}
    if "timestamp" in theirs:
        theirs["timestamp"] = datetime.fromtimestamp(given["timestamp"], UTC)  # type: ignore[arg-type]
    oracle = commands.Basic.Properties(**theirs)  # type: ignore[arg-type]

    decoded = asdict(decode_properties(oracle.marshal()))
    assert {name: value for name, value in decoded.items() if value is not None} == {
        name: Arguments.of(value) if isinstance(value, dict) else value for name, value in given.items()
    }

    raw = encode_properties(Properties(**given))  # type: ignore[arg-type]
    read = commands.Basic.Properties()
    read.unmarshal(int.from_bytes(raw[:2], "big"), raw[2:])
    assert read == oracle
