from __future__ import annotations

import struct
from collections.abc import Mapping
from decimal import Decimal
from math import isnan

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pamqp import decode as pamqp_decode
from pamqp import encode as pamqp_encode

from leveret.errors import SyntaxError_
from leveret.limits import TABLE_DEPTH_MAX
from leveret.wire.fields import (
    TYPE_NAMES,
    Arguments,
    ByteArray,
    Timestamp,
    Value,
    decode_field,
    decode_table,
    encode_field,
    encode_table,
    field_types,
)

from .values import names, nested_array, nested_table, scalars, tables, typed, values

# Every type tag: its bytes, its value, RabbitMQ's name of the type.
FIELDS = [
    (b"t\x00", False, "bool"),
    (b"t\x02", True, "bool"),
    (b"b\xff", -1, "byte"),
    (b"B\xff", 255, "unsignedbyte"),
    (b"s\xff\xfe", -2, "short"),
    (b"u\xff\xfe", 65534, "unsignedshort"),
    (b"I\xff\xff\xff\xfd", -3, "signedint"),
    (b"i\xff\xff\xff\xfd", 4294967293, "unsignedint"),
    (b"l\xff\xff\xff\xff\xff\xff\xff\xfc", -4, "long"),
    (b"L\xff\xff\xff\xff\xff\xff\xff\xfc", -4, "long"),
    (b"f\x3f\xc0\x00\x00", 1.5, "float"),
    (b"d\xbf\xf8\x00\x00\x00\x00\x00\x00", -1.5, "double"),
    (b"D\x02\x00\x00\x04\xd2", Decimal("12.34"), "decimal"),
    (b"D\x00\xff\xff\xff\xff", Decimal(-1), "decimal"),
    (b"S\x00\x00\x00\x03\xe2\x82\xac", "\u20ac", "longstr"),
    (b"S\x00\x00\x00\x01\xff", b"\xff", "longstr"),
    (b"x\x00\x00\x00\x02ab", ByteArray(b"ab"), "binary"),
    (b"A\x00\x00\x00\x03t\x01V", [True, None], "array"),
    (b"F\x00\x00\x00\x03\x01kV", {"k": None}, "table"),
    (b"T\xff\xff\xff\xff\xff\xff\xff\xff", Timestamp((1 << 64) - 1), "timestamp"),
    (b"V", None, "void"),
]


class TestDecode:
    @pytest.mark.parametrize(("raw", "value", "name"), FIELDS)
    def test_every_type(self, raw: bytes, value: Value, name: str) -> None:
        assert typed(decode_field(raw)) == typed(value)
        assert typed(decode_table(b"\x01a" + raw)) == typed({"a": value})
        assert field_types(b"\x01a" + raw) == {"a": name}

    def test_no_type_is_left_out(self) -> None:
        assert {chr(raw[0]) for raw, _, _ in FIELDS} == TYPE_NAMES.keys()

    def test_an_empty_table_has_no_fields(self) -> None:
        assert decode_table(b"") == {}

    def test_the_first_of_two_fields_of_one_name_counts(self) -> None:
        assert decode_table(b"\x01at\x01\x01bV\x01aV") == {"a": True, "b": None}

    def test_a_name_that_is_not_utf8_keeps_its_bytes(self) -> None:
        raw = b"\x02\xff\xfeV"
        assert encode_table(decode_table(raw)) == raw

    def test_a_decimal_does_not_depend_on_the_decimal_context(self) -> None:
        assert decode_field(b"D\xff\x7f\xff\xff\xff") == Decimal("2147483647E-255")

    def test_nesting_up_to_the_limit(self) -> None:
        for raw in (nested_table(TABLE_DEPTH_MAX), nested_array(TABLE_DEPTH_MAX)):
            assert encode_table(decode_table(raw)) == raw

    @pytest.mark.parametrize("nested", [nested_table, nested_array])
    @pytest.mark.parametrize("depth", [TABLE_DEPTH_MAX + 1, 5000])
    def test_deeper_nesting_is_refused(self, nested: object, depth: int) -> None:
        assert callable(nested)
        with pytest.raises(SyntaxError_, match="nested deeper"):
            decode_table(nested(depth))

    @pytest.mark.parametrize(
        "raw",
        [
            b"\x05a",
            b"\x01a",
            b"\x00",
            b"\x01az",
            b"\x01aI\x00\x00",
            b"\x01aS\x00\x00",
            b"\x01aS\x00\x00\x00\x02a",
            b"\x01aS\xff\xff\xff\xffa",
            b"\x01aF\x00\x00\x00\x02\x01aV",
            b"\x01aF\x00\x00\x00\x02\x01aV\x01bV",
            b"\x01aA\x00\x00\x00\x02IV\x01bV\x00V",
            b"\x01aA\x00\x00\x00\x09t\x01",
            b"\x01aV\x00",
        ],
    )
    def test_malformed(self, raw: bytes) -> None:
        with pytest.raises(SyntaxError_, match="malformed field table"):
            decode_table(raw)

    @pytest.mark.parametrize("raw", [b"", b"t", b"VV", b"S\x00\x00\x00\x02a", b"?"])
    def test_malformed_field(self, raw: bytes) -> None:
        with pytest.raises(SyntaxError_):
            decode_field(raw)

    @given(st.binary(max_size=80))
    def test_noise_is_read_or_refused(self, raw: bytes) -> None:
        for decode in (decode_table, decode_field, field_types):
            try:
                decode(raw)
            except SyntaxError_:
                continue

    @given(tables, st.data())
    def test_a_spoilt_table_is_read_or_refused(self, table: dict[str, Value], data: st.DataObject) -> None:
        raw = bytearray(encode_table(table) or b"\0V")
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at] = data.draw(st.integers(0, 255))
        try:
            decode_table(bytes(raw))
        except SyntaxError_:
            return

    @given(tables.filter(bool))
    def test_a_truncated_table_is_refused_or_shorter(self, table: dict[str, Value]) -> None:
        raw = encode_table(table)
        whole = decode_table(raw)
        for size in range(len(raw)):
            try:
                part = decode_table(raw[:size])
            except SyntaxError_:
                continue
            assert len(part) < len(whole)


class TestEncode:
    @given(tables)
    def test_round_trip(self, table: dict[str, Value]) -> None:
        assert typed(decode_table(encode_table(table))) == typed(table)

    @given(values)
    def test_round_trip_of_a_field(self, value: Value) -> None:
        assert typed(decode_field(encode_field(value))) == typed(value)

    @pytest.mark.parametrize(
        ("value", "raw"),
        [
            ((1 << 31) - 1, b"I\x7f\xff\xff\xff"),
            (1 << 31, b"l\x00\x00\x00\x00\x80\x00\x00\x00"),
            (-(1 << 31) - 1, b"l\xff\xff\xff\xff\x7f\xff\xff\xff"),
            (b"ab", b"S\x00\x00\x00\x02ab"),
            (ByteArray(b"ab"), b"x\x00\x00\x00\x02ab"),
            (True, b"t\x01"),
            (Timestamp(1), b"T\x00\x00\x00\x00\x00\x00\x00\x01"),
            (0.5, b"d\x3f\xe0\x00\x00\x00\x00\x00\x00"),
            (Decimal("-1.5"), b"D\x01\xff\xff\xff\xf1"),
            (Decimal("1E+3"), b"D\x00\x00\x00\x03\xe8"),
            ((1, "a"), b"A\x00\x00\x00\x0bI\x00\x00\x00\x01S\x00\x00\x00\x01a"),
            (Arguments.of({"k": None}), b"F\x00\x00\x00\x03\x01kV"),
        ],
    )
    def test_chosen_types(self, value: Value, raw: bytes) -> None:
        assert encode_field(value) == raw

    @pytest.mark.parametrize(
        "value",
        [
            1 << 63,
            -(1 << 63) - 1,
            Decimal("NaN"),
            Decimal("Infinity"),
            Decimal(1 << 31),
            Decimal("1E-256"),
            Decimal("1E+999999"),
            Timestamp(-1),
            {"a" * 256: None},
            "\ud800",
        ],
    )
    def test_what_does_not_fit(self, value: Value) -> None:
        with pytest.raises(ValueError):  # noqa: PT011  any text will do
            encode_field(value)

    def test_what_is_no_field(self) -> None:
        with pytest.raises(TypeError, match="object is no type of a field"):
            encode_field(object())  # type: ignore[arg-type]

    def test_nothing_is_written_that_could_not_be_read(self) -> None:
        table: Value = {}
        array: Value = []
        for _ in range(TABLE_DEPTH_MAX):
            table = {"n": table}
            array = [array]
        assert isinstance(table, Mapping)
        for nested in (table, {"n": array}):
            with pytest.raises(ValueError, match="nested deeper"):
                encode_table(nested)


class TestAgainstPamqp:
    # pamqp writes floats as f, bytes only as bytearray and times only as datetime.
    plain = st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(1 << 63), (1 << 63) - 1),
        st.floats(width=32, allow_nan=False, allow_infinity=False),
        st.text(st.characters(exclude_categories=["Cs"])),
        st.decimals(-1000, 1000, places=3),
    )
    plain_tables = st.dictionaries(
        names.filter(lambda name: len(name.encode()) <= 128),
        st.recursive(
            plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.just("k"), inner), max_leaves=6
        ),
        max_size=4,
    )

    @given(plain_tables)
    def test_we_read_what_it_writes(self, table: dict[str, Value]) -> None:
        assert typed(decode_table(pamqp_encode.field_table(table)[4:])) == typed(table)  # type: ignore[arg-type]

    @given(plain_tables)
    def test_it_reads_what_we_write(self, table: dict[str, Value]) -> None:
        raw = encode_table(table)
        consumed, read = pamqp_decode.field_table(struct.pack(">I", len(raw)) + raw)
        assert consumed == len(raw) + 4
        assert typed(read) == typed(table)  # type: ignore[arg-type]

    def test_bytes(self) -> None:
        assert decode_table(pamqp_encode.field_table({"x": bytearray(b"ab")})[4:]) == {"x": ByteArray(b"ab")}
        assert pamqp_decode.embedded_value(encode_field(ByteArray(b"ab"))) == (7, bytearray(b"ab"))


class TestArguments:
    def test_is_a_mapping(self) -> None:
        arguments = Arguments.of({"x-max-length": 5, "x-overflow": "reject-publish"})
        assert dict(arguments) == {"x-max-length": 5, "x-overflow": "reject-publish"}
        assert arguments["x-max-length"] == 5
        assert arguments.get("x-expires") is None
        assert len(arguments) == 2
        assert arguments.types == {"x-max-length": "signedint", "x-overflow": "longstr"}

    def test_keeps_its_bytes(self) -> None:
        raw = b"\x01as\x00\x05\x01aV"
        assert Arguments(raw).raw == Arguments.decode(raw).raw == raw
        assert encode_table(Arguments(raw)) == raw

    def test_of_arguments_is_itself(self) -> None:
        arguments = Arguments.of({"a": 1})
        assert Arguments.of(arguments) is arguments
        assert Arguments.of({}) is Arguments.decode(b"") is Arguments.EMPTY

    def test_decode_looks_at_once(self) -> None:
        with pytest.raises(SyntaxError_):
            Arguments.decode(b"\x01")

    @pytest.mark.parametrize("tag", ["b\x05", "B\x05", "s\0\x05", "u\0\x05", "i\0\0\0\x05", "l\0\0\0\0\0\0\0\x05"])
    def test_integers_of_any_width_are_equal(self, tag: str) -> None:
        wide = Arguments(b"\x01a" + tag.encode())
        assert wide == Arguments.of({"a": 5})
        assert hash(wide) == hash(Arguments.of({"a": 5}))

    def test_floats_of_any_width_are_equal(self) -> None:
        assert Arguments(b"\x01af\x3f\xc0\x00\x00") == Arguments.of({"a": 1.5})

    def test_order_does_not_matter(self) -> None:
        one, other = Arguments.of({"a": 1, "b": {"c": 2, "d": []}}), Arguments.of({"b": {"d": [], "c": 2}, "a": 1})
        assert one == other
        assert hash(one) == hash(other)

    def test_other_types_differ(self) -> None:
        alike: list[Value] = [
            1,
            True,
            1.0,
            Decimal(1),
            Timestamp(1),
            "1",
            b"\xff",
            ByteArray(b"1"),
            None,
            [1],
            {"1": 1},
        ]
        distinct = {Arguments.of({"a": value}) for value in alike}
        assert len(distinct) == len(alike)

    @given(tables, tables)
    def test_equal_as_their_values(self, one: dict[str, Value], other: dict[str, Value]) -> None:
        assert Arguments.of(one) == Arguments(encode_table(one))
        assert (Arguments.of(one) == Arguments.of(other)) == (typed(one) == typed(other))

    @given(st.lists(scalars, max_size=6))
    def test_hashable_with_any_values(self, items: list[Value]) -> None:
        assert len({Arguments.of({"a": items}), Arguments(encode_table({"a": items}))}) == 1

    def test_not_a_number_equals_itself(self) -> None:
        one, other = Arguments.of({"a": float("nan")}), Arguments(b"\x01af\x7f\xc0\x00\x00")
        assert isnan(one["a"])  # type: ignore[arg-type]
        assert one == other

    def test_is_not_equal_to_a_dict(self) -> None:
        assert Arguments.of({"a": 1}) != {"a": 1}

    def test_repr(self) -> None:
        assert repr(Arguments.of({"a": Timestamp(1), "b": ByteArray(b"x")})) == (
            "Arguments({'a': Timestamp(1), 'b': ByteArray(b'x')})"
        )
        assert repr(Arguments(b"\x01")) == r"Arguments(malformed: b'\x01')"
