"""What the tests of encodings draw from: values of fields, and a comparison that tells 1 from True and 1.0."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import strategies as st

from leveret.wire.fields import ByteArray, Timestamp, Value


def is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


names = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
decimals = st.builds(
    lambda unscaled, places: Decimal(unscaled).scaleb(-places),
    st.integers(-(1 << 31), (1 << 31) - 1),
    st.integers(0, 255),
)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(1 << 63), (1 << 63) - 1),
    st.floats(allow_nan=False),
    st.text(st.characters(exclude_categories=["Cs"])),
    st.binary(min_size=1).filter(lambda data: not is_utf8(data)),
    st.binary().map(ByteArray),
    st.integers(0, (1 << 64) - 1).map(Timestamp),
    decimals,
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4), max_leaves=12
)
tables = st.dictionaries(names, values, max_size=5)


def typed(value: Value) -> object:
    """The value with its types spelled out, all the way down."""
    match value:
        case dict():
            return {name: typed(item) for name, item in value.items()}
        case list():
            return [typed(item) for item in value]
        case Decimal():
            _, _, exponent = value.as_tuple()
            return Decimal, value, exponent
        case _:
            return type(value), value


def nested_table(depth: int) -> bytes:
    """A table in a table ..., `depth` of them."""
    raw = b""
    for _ in range(depth - 1):
        raw = b"\x01nF" + len(raw).to_bytes(4, "big") + raw
    return raw


def nested_array(depth: int) -> bytes:
    """A table with an array in an array ..., `depth` in all."""
    raw = b""
    for _ in range(depth - 1):
        raw = b"A" + len(raw).to_bytes(4, "big") + raw
    return b"\x01n" + (raw or b"V")
