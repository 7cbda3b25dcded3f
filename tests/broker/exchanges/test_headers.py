"""The headers exchange, and its index against a naive matcher."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leveret.broker.exchanges import HeadersExchange
from leveret.errors import PreconditionFailed, SyntaxError_
from leveret.wire import COLUMN_HEADER, COLUMN_HEADERS
from leveret.wire.fields import Arguments, ByteArray, Timestamp, Value

from .support import FakeQueue, bind, binding, make, properties, reached

Table = Mapping[str, Value]


def matches(arguments: Table | Arguments, headers: Table | None) -> bool:
    """Whether one binding with these arguments takes a message with these headers."""
    exchange = make(HeadersExchange)
    bind(exchange, FakeQueue("q"), "", arguments)
    answer = bool(reached(exchange, "ignored", properties(headers)))
    # The same when the exchange looks at the whole table because many names matter.
    for number in range(5):
        bind(exchange, FakeQueue("other"), "", {f"other-{number}": number})
    assert exchange.needs == ((COLUMN_HEADERS, None),)
    assert bool(reached(exchange, "ignored", properties(headers))) == answer
    return answer


@pytest.mark.parametrize("match", [{}, {"x-match": "all"}])
def test_all(match: Table) -> None:
    arguments = {**match, "format": "pdf", "type": "report"}
    assert matches(arguments, {"format": "pdf", "type": "report"})
    assert matches(arguments, {"type": "report", "format": "pdf", "more": 1})
    assert not matches(arguments, {"format": "pdf"})
    assert not matches(arguments, {"format": "pdf", "type": "log"})
    assert not matches(arguments, {"Format": "pdf", "type": "report"})
    assert not matches(arguments, {})
    assert not matches(arguments, None)


def test_any() -> None:
    arguments = {"x-match": "any", "format": "pdf", "type": "report"}
    assert matches(arguments, {"format": "pdf"})
    assert matches(arguments, {"format": "zip", "type": "report"})
    assert not matches(arguments, {"format": "zip", "type": "log"})
    assert not matches(arguments, None)


@pytest.mark.parametrize("kind", ["all", "any"])
def test_arguments_that_start_with_x_do_not_count(kind: str) -> None:
    assert matches({"x-match": kind, "x-tenant": "a", "type": "report"}, {"type": "report"})
    assert not matches({"x-match": kind, "x-tenant": "a", "type": "report"}, {"x-tenant": "a"})


@pytest.mark.parametrize(("kind", "half"), [("all-with-x", False), ("any-with-x", True)])
def test_with_x_they_do(kind: str, half: bool) -> None:
    arguments = {"x-match": kind, "x-tenant": "a", "type": "report"}
    assert matches(arguments, {"x-tenant": "a", "type": "report"})
    assert matches(arguments, {"x-tenant": "a"}) is half
    assert matches(arguments, {"type": "report"}) is half
    assert not matches(arguments, {"x-tenant": "b"})


@pytest.mark.parametrize("kind", ["all-with-x", "any-with-x"])
def test_x_match_itself_is_never_a_condition(kind: str) -> None:
    assert matches({"x-match": kind, "a": 1}, {"a": 1})
    assert not matches({"x-match": kind, "a": 1}, {"x-match": kind})


@pytest.mark.parametrize(
    ("arguments", "everything"),
    [({}, True), ({"x-match": "all"}, True), ({"x-foo": 1}, True), ({"x-match": "all-with-x"}, True),
     ({"x-match": "any"}, False), ({"x-match": "any", "x-foo": 1}, False), ({"x-match": "any-with-x"}, False)],
)  # fmt: skip
def test_without_conditions_all_takes_everything_and_any_nothing(arguments: Table, everything: bool) -> None:
    assert matches(arguments, None) is everything
    assert matches(arguments, {}) is everything
    assert matches(arguments, {"x-foo": 2, "a": 1}) is everything


def test_void_asks_for_presence_only() -> None:
    assert matches({"id": None}, {"id": 7})
    assert matches({"id": None}, {"id": None})
    assert matches({"id": None}, {"id": ["no", {"plain": "value"}]})
    assert not matches({"id": None}, {"other": 7})
    assert matches({"x-match": "any", "id": None, "a": 1}, {"id": "x"})
    assert not matches({"id": None, "a": 1}, {"id": "x"})
    assert not matches({"id": 7}, {"id": None})


def integers(name: str, tag: str, layout: str, value: int) -> Arguments:
    return Arguments(bytes((len(name),)) + name.encode() + tag.encode() + struct.pack(layout, value))


@pytest.mark.parametrize(
    ("tag", "layout"), [("b", ">b"), ("B", ">B"), ("s", ">h"), ("u", ">H"), ("I", ">i"), ("l", ">q")]
)
def test_integers_of_any_width_are_equal_by_value(tag: str, layout: str) -> None:
    assert matches(integers("n", tag, layout, 7), {"n": 7})
    assert matches({"n": 7}, integers("n", tag, layout, 7))
    assert not matches(integers("n", tag, layout, 7), {"n": 8})


SAME: list[Value] = [
    "a", "", "grün", b"\xff", 1, 0, -1, 2**40, True, False, 1.5, 1.0,
    Decimal("1.0"), Timestamp(1), ["a", 1], [], {"a": 1},
]  # fmt: skip


@pytest.mark.parametrize("value", SAME, ids=repr)
def test_a_value_equals_itself(value: Value) -> None:
    assert matches({"a": value}, {"a": value})


@pytest.mark.parametrize(
    ("one", "other"),
    [(1, "1"), (1, 1.0), (1, True), (0, False), (0, ""), (1, Decimal(1)), (1, Timestamp(1)), (1.0, Decimal(1)),
     (True, "true"), (Decimal("1.0"), Decimal("1.00")), ("a", "A"), ("", None), ([], {}), (["a"], "a"), (0, [])],
    ids=repr,
)  # fmt: skip
def test_values_of_different_types_differ(one: Value, other: Value) -> None:
    assert not matches({"a": one, "b": 1}, {"a": other, "b": 1})
    if other is not None:
        assert not matches({"a": other, "b": 1}, {"a": one, "b": 1})


def test_byte_arrays_equal_text_of_the_same_bytes() -> None:
    assert matches({"a": ByteArray(b"text")}, {"a": "text"})
    assert matches({"a": "text"}, {"a": ByteArray(b"text")})
    assert matches({"a": ByteArray(b"\xff")}, {"a": b"\xff"})


def test_names_that_are_not_utf8_work_too() -> None:
    name = b"\xff\xfe".decode("utf-8", "surrogateescape")
    exchange = make(HeadersExchange)
    bind(exchange, FakeQueue("q"), "", {name: "v"})
    assert exchange.needs == ((COLUMN_HEADERS, None),)
    assert reached(exchange, "", properties({name: "v"})) == ["q"]
    assert reached(exchange, "", properties({"a": "v"})) == []


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("bogus", 'Invalid x-match field value <<"bogus">>; expected all, any, all-with-x, or any-with-x'),
        ("", "Invalid x-match field value <<>>; expected all, any, all-with-x, or any-with-x"),
        ("All", 'Invalid x-match field value <<"All">>; expected all, any, all-with-x, or any-with-x'),
        (1, "Invalid x-match field type signedint (value 1); expected longstr"),
        (True, "Invalid x-match field type bool (value true); expected longstr"),
        (None, "Invalid x-match field type void (value undefined); expected longstr"),
    ],
)
def test_an_invalid_x_match_is_refused(value: Value, text: str) -> None:
    exchange = make(HeadersExchange)
    with pytest.raises(PreconditionFailed) as caught:
        binding(exchange, FakeQueue("q"), "", {"x-match": value, "a": 1})
    assert caught.value.explanation == text


def test_the_router_is_asked_for_as_little_as_possible() -> None:
    exchange = make(HeadersExchange)
    assert exchange.needs == ()
    always = bind(exchange, FakeQueue("q"))
    assert exchange.needs == ()
    one = bind(exchange, FakeQueue("q"), "", {"type": "report", "x-ignored": 1})
    bind(exchange, FakeQueue("q"), "", {"type": "log", "format": "pdf"})
    assert exchange.needs == ((COLUMN_HEADER, "type"), (COLUMN_HEADER, "format"))
    many = [bind(exchange, FakeQueue("q"), "", {f"n{number}": 1}) for number in range(3)]
    assert exchange.needs == ((COLUMN_HEADERS, None),)
    for gone in (*many, one, always):
        exchange.unbind(gone)
    assert exchange.needs == ((COLUMN_HEADER, "type"), (COLUMN_HEADER, "format"))


def test_malformed_headers_are_the_publishers_fault() -> None:
    exchange = make(HeadersExchange)
    bind(exchange, FakeQueue("q"), "", {"a": 1})
    with pytest.raises(SyntaxError_):
        exchange.match("", (b"S\x00\x00\x00\x09a",))


def test_a_thousand_bindings_with_a_common_condition_are_told_apart_by_the_rare_one() -> None:
    """Counted in rules that are looked at, not in seconds."""
    exchange = make(HeadersExchange)
    for number in range(1_000):
        bind(exchange, FakeQueue(f"q{number}"), "", {"type": "report", "customer": f"c{number}"})
    looked_at = exchange._index[("customer", "c500")] | exchange._index.get(("type", "report"), {})
    assert len(looked_at) <= 2
    assert reached(exchange, "", properties({"type": "report", "customer": "c500"})) == ["q500"]


def test_nothing_stays_of_bindings_that_are_unbound() -> None:
    exchange = make(HeadersExchange)
    tables: list[Table] = [{}, {"a": 1}, {"a": 1, "b": None}, {"x-match": "any", "a": 1, "c": None}, {"x-match": "any"}]
    bindings = [bind(exchange, FakeQueue("q"), "", table) for table in tables]
    for one in bindings:
        exchange.unbind(one)
    assert not exchange._rules
    assert not exchange._index
    assert not exchange._headers._uses


# Against a naive matcher

names = st.sampled_from(["a", "b", "c", "d", "e", "x-a", "x-b", "x-match"])
values = st.sampled_from(["1", "2", "", 1, 2, 1.0, True, False, None, b"\xff", ByteArray(b"1"), ["1"], Timestamp(1)])
kinds = st.sampled_from([None, "all", "any", "all-with-x", "any-with-x"])
tables = st.dictionaries(names.filter("x-match".__ne__), values, max_size=4)


def naive(arguments: Table, headers: Table) -> bool:
    """RabbitMQ's rules, read aloud."""
    kind = arguments.get("x-match", "all")
    answers = []
    for name, value in arguments.items():
        if name == "x-match" or (name.startswith("x-") and kind in ("all", "any")):
            continue
        answers.append(name in headers and (value is None or same(value, headers[name])))
    return any(answers) if kind in ("any", "any-with-x") else all(answers)


def same(one: Value, other: Value) -> bool:
    def plain(value: Value) -> Value:
        if isinstance(value, bytes | str):
            return value.encode() if isinstance(value, str) else bytes(value)
        return value

    left, right = plain(one), plain(other)
    return type(left) is type(right) and left == right


@given(st.lists(st.tuples(kinds, tables), max_size=8), st.lists(tables, max_size=4), st.data())
def test_index_agrees_with_naive_matcher(
    bound: list[tuple[str | None, Table]], messages: list[Table], data: st.DataObject
) -> None:
    exchange = make(HeadersExchange)
    bindings = []
    for number, (kind, conditions) in enumerate(bound):
        arguments = {**conditions, **({} if kind is None else {"x-match": kind})}
        bindings.append((bind(exchange, FakeQueue(str(number)), "", arguments), arguments))
    gone = data.draw(st.sets(st.integers(0, len(bindings) - 1), max_size=len(bindings)) if bindings else st.just(set()))
    for number in sorted(gone):
        exchange.unbind(bindings[number][0])
    for headers in messages:
        expected = [
            one.destination.name
            for number, (one, arguments) in enumerate(bindings)
            if number not in gone and naive(arguments, headers)
        ]
        assert reached(exchange, "", properties(headers)) == expected
