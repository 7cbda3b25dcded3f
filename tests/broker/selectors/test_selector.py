"""Selectors: what they select, in both notations."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leveret.broker.selectors import Operand, Selector, SelectorError, operand, read_sql, read_term
from leveret.limits import SELECTOR_DEPTH_MAX, SELECTOR_SIZE_MAX
from leveret.wire.fields import ByteArray, Timestamp

MESSAGES: list[Mapping[str, Operand]] = [
    {},
    {"colour": "blue"},
    {"colour": "green", "weight": 5},
    {"colour": "b_ue"},
    {"weight": 2501},
    {"weight": 10.0},
    {"weight": -5},
    {"flag": True},
    {"flag": False},
    {"flag": "true"},
    {"a": 1, "b": 2},
    {"a": 1, "b": 1.0},
    {"a": 7, "b": 3, "c": 4},
    {"a": 31, "price": 1.5},
    {"x": '\\ "q"'},
    {"x": "é"},
    {"a": 12345678901, "price": 300},
    {"colour": "blue", "weight": 3, "a": 1.0, "b": 2},
    {"colour": "it's"},
    {"JMSPriority": 5},
]

RECORDED = [
    ("colour = 'blue'", "{'=',{'ident',<<\"colour\">>},<<\"blue\">>}.", [1, 17]),
    ("colour = 'it''s'", "{'=',{'ident',<<\"colour\">>},<<\"it's\">>}.", [18]),
    (
        "colour <> 'blue' AND weight > 2500",
        "{'and',{'<>',{'ident',<<\"colour\">>},<<\"blue\">>},{'>',{'ident',<<\"weight\">>},2500}}.",
        [],
    ),
    (
        "colour = 'blue' OR colour = 'green' OR colour = 'red'",
        "{'or',{'=',{'ident',<<\"colour\">>},<<\"blue\">>},{'or',{'=',{'ident',<<\"colour\">>},<<\"green\">>},{'=',{'ident',<<\"colour\">>},<<\"red\">>}}}.",
        [1, 2, 17],
    ),
    (
        "colour = 'blue' AND weight > 2 AND a = 1 AND b = 2",
        "{'and',{'=',{'ident',<<\"colour\">>},<<\"blue\">>},{'and',{'>',{'ident',<<\"weight\">>},2},{'and',{'=',{'ident',<<\"a\">>},1},{'=',{'ident',<<\"b\">>},2}}}}.",
        [17],
    ),
    ("NOT colour = 'blue'", "{'not',{'=',{'ident',<<\"colour\">>},<<\"blue\">>}}.", [2, 3, 18]),
    (
        "NOT (colour = 'blue' OR weight < 3)",
        "{'not',{'or',{'=',{'ident',<<\"colour\">>},<<\"blue\">>},{'<',{'ident',<<\"weight\">>},3}}}.",
        [2],
    ),
    ("weight BETWEEN 1 AND 10", "{'between',{'ident',<<\"weight\">>},1,10}.", [2, 5, 17]),
    ("weight NOT BETWEEN 1 AND 10.5", "{'not_between',{'ident',<<\"weight\">>},1,10.5}.", [4, 6]),
    ("colour IN ('blue', 'green')", '{\'in\',{\'ident\',<<"colour">>},[<<"blue">>,<<"green">>]}.', [1, 2, 17]),
    ("colour NOT IN ('blue')", "{'not_in',{'ident',<<\"colour\">>},[<<\"blue\">>]}.", [2, 3, 18]),
    ("colour LIKE 'b_u%'", "{'like',{'ident',<<\"colour\">>},<<\"b_u%\">>,'no_escape'}.", [1, 3, 17]),
    (
        "colour NOT LIKE 'b!_u%' ESCAPE '!'",
        '{\'not_like\',{\'ident\',<<"colour">>},<<"b!_u%">>,<<"!">>}.',
        [1, 2, 17, 18],
    ),
    ("colour IS NULL", "{'is_null',{'ident',<<\"colour\">>}}.", [0, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 19]),
    ("colour IS NOT NULL", "{'not_null',{'ident',<<\"colour\">>}}.", [1, 2, 3, 17, 18]),
    ("flag", "{'ident',<<\"flag\">>}.", [7]),
    ("flag = TRUE", "{'=',{'ident',<<\"flag\">>},'true'}.", [7]),
    ("TRUE", "'true'.", [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19]),
    ("weight + 1 > 3 * 2 - 1", "{'>',{'+',{'ident',<<\"weight\">>},1},{'-',{'*',3,2},1}}.", [2, 4, 5]),
    ("a - b - c = 0", "{'=',{'-',{'ident',<<\"a\">>},{'-',{'ident',<<\"b\">>},{'ident',<<\"c\">>}}},0}.", []),
    ("-weight < -5", "{'<',{'-',{'ident',<<\"weight\">>}},{'-',5}}.", [4, 5]),
    ("- - a = 1", "{'=',{'-',{'-',{'ident',<<\"a\">>}}},1}.", [10, 11, 17]),
    ("+a = 1", "{'=',{'+',{'ident',<<\"a\">>}},1}.", [10, 11, 17]),
    ("1.5e3 < weight", "{'<',1500.0,{'ident',<<\"weight\">>}}.", [4]),
    ("7. = a", "{'=',7.0,{'ident',<<\"a\">>}}.", [12]),
    ("x = '\\ \"q\"'", '{\'=\',{\'ident\',<<"x">>},<<"\\\\ \\"q\\"">>}.', [14]),
    ("x = 'é'", "{'=',{'ident',<<\"x\">>},<<\"é\">>}.", [15]),
    ("JMSPriority > 4", "{'>',{'ident',<<\"JMSPriority\">>},4}.", [19]),
    ("a/0 > 1", "{'>',{'/',{'ident',<<\"a\">>},0},1}.", [10, 11, 12, 13, 16, 17]),
    ("price = 1.5f", "{'=',{'ident',<<\"price\">>},1.5}.", [13]),
    ("price = 3E2", "{'=',{'ident',<<\"price\">>},300.0}.", [16]),
    ("a = b", "{'=',{'ident',<<\"a\">>},{'ident',<<\"b\">>}}.", [11]),
    ("1 = 1", "{'=',1,1}.", [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19]),
    ("a = 12345678901", "{'=',{'ident',<<\"a\">>},12345678901}.", [16]),
    ("'a' = 'b'", '{\'=\',<<"a">>,<<"b">>}.', []),
]
"""A selector, what the JMS client 3.2.0 makes of it, and which of the messages RabbitMQ 3.10 selects by that."""


def selected(selector: Selector) -> list[int]:
    return [number for number, headers in enumerate(MESSAGES) if selector.matches(headers)]


def is_true(text: str, **headers: Operand) -> bool | None:
    """True or false, None for unknown."""
    selector = Selector(read_sql(text))
    if selector.matches(headers):
        return True
    return False if Selector(read_sql(f"NOT ({text})")).matches(headers) else None


@pytest.mark.parametrize(("text", "compiled", "rows"), RECORDED)
def test_what_the_client_compiles_selects_what_it_selects_in_rabbitmq(
    text: str, compiled: str, rows: list[int]
) -> None:
    assert selected(Selector(read_term(compiled))) == rows
    if text != "a - b - c = 0":  # which the client reads from the right
        assert selected(Selector(read_sql(text))) == rows


def test_arithmetic_goes_from_the_left() -> None:
    assert is_true("a - b - c = 0", a=7, b=3, c=4)
    assert is_true("8 / 4 / 2 = 1")
    assert is_true("2 + 3 * 4 - 1 = 13")
    assert is_true("(2 + 3) * 4 = 20")
    assert is_true("-2 * -3 = 6")


@pytest.mark.parametrize(
    "text", ["a > 1", "a = 1", "a <> 1", "a + 1 = 2", "a BETWEEN 1 AND 2", "a LIKE 'x'", "a IN ('x')", "a"]
)
def test_a_header_that_is_not_there_is_unknown(text: str) -> None:
    assert is_true(text) is None


def test_three_values() -> None:
    names = {"TRUE": True, "FALSE": False, "u": None}
    for left, one in names.items():
        for right, other in names.items():
            both = None if None in (one, other) else True
            assert is_true(f"{left} AND {right}") == (False if False in (one, other) else both)
            either = None if None in (one, other) else False
            assert is_true(f"{left} OR {right}") == (True if True in (one, other) else either)
    assert is_true("u IS NULL")
    assert is_true("u IS NOT NULL") is False


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a = 1", "1"),
        ("a = '1'", 1),
        ("a = 1", True),
        ("a = TRUE", 1),
        ("a = 'true'", True),
    ],
)
def test_values_of_different_kinds_differ(text: str, value: Operand) -> None:
    assert is_true(text, a=value) is False
    assert is_true(text.replace("=", "<>"), a=value) is True


@pytest.mark.parametrize("text", ["a > 1", "a <= 1", "a BETWEEN 0 AND 9", "a > TRUE", "a + 1 > 0", "-a < 0", "+a > 0"])
@pytest.mark.parametrize("value", ["text", True])
def test_operations_on_what_they_are_not_meant_for_are_unknown(text: str, value: Operand) -> None:
    assert is_true(text, a=value) is None


def test_text_has_an_order() -> None:
    assert is_true("a > 'b'", a="c")
    assert is_true("a BETWEEN 'b' AND 'd'", a="c")


@pytest.mark.parametrize("text", ["a LIKE '1'", "a NOT LIKE '1'", "a AND TRUE"])
def test_a_number_is_no_text_and_no_condition(text: str) -> None:
    assert is_true(text, a=1) is None


def test_division_by_zero() -> None:
    assert is_true("a / 0 > 1000", a=1)
    assert is_true("a / 0 < 0", a=-1)
    assert is_true("a / 0 = a / 0", a=0) is False


def test_numbers_out_of_reach_are_unknown() -> None:
    assert is_true(" * ".join(["a"] * 16) + " > 1", a=2**62) is True
    assert is_true(" * ".join(["a"] * 17) + " > 1", a=2**62) is None
    assert is_true(" * ".join(["a"] * 17) + " > 1", a=float(2**62)) is True  # infinity
    assert is_true(" * ".join(["a"] * 16) + " / 3.0 > 1", a=2**64 - 1) is None  # no float holds it


@pytest.mark.parametrize(
    ("value", "seen"),
    [
        ("text", "text"),
        (True, True),
        (3, 3),
        (1.5, 1.5),
        (Timestamp(17), 17),
        (None, None),
        (b"\xff", None),
        (ByteArray(b"a"), None),
        ([1], None),
        ({"a": 1}, None),
    ],
)
def test_how_headers_are_seen(value: object, seen: Operand) -> None:
    assert operand(value) == seen
    assert operand(value).__class__ is seen.__class__


def test_which_headers_it_looks_at() -> None:
    assert Selector(read_sql("b = 1 AND (a LIKE 'x' OR NOT b > c) AND d IN ('x') AND e IS NULL")).names == (
        "b",
        "a",
        "c",
        "d",
        "e",
    )
    assert Selector(read_sql("1 = 1")).names == ()


@pytest.mark.parametrize(
    "term",
    [
        "ident",
        "{}",
        "[]",
        "{'ident'}",
        "{'ident','true'}",
        "{'ident',5}",
        '{<<"ident">>,<<"a">>}',
        "{'and',true}",
        "{'not',true,true}",
        "{'=',1}",
        "{'=',1,2,3}",
        "{'range',1,2}",
        "{'between',1,{2,3}}",
        '{\'in\',{ident,<<"a">>},<<"b">>}',
        '{\'in\',{ident,<<"a">>},[{ident,<<"b">>}]}',
        "{'in',{ident,<<\"a\">>},['true']}",
        "{'like',{ident,<<\"a\">>},5,no_escape}",
        '{\'like\',{ident,<<"a">>},<<"b">>,<<"ab">>}',
        "{'like',{ident,<<\"a\">>},<<\"b\">>,'true'}",
        '{\'like\',{ident,<<"a">>},<<"b">>}',
    ],
)
def test_terms_that_say_nothing(term: str) -> None:
    with pytest.raises(SelectorError):
        Selector(read_term(term))


def test_other_forms_of_terms() -> None:
    """RabbitMQ's own tests have these."""
    for term in (
        '{\'like\',{ident,<<"colour">>},{<<"bl%">>,no_escape}}',
        '{like, {ident, <<"colour">>}, <<"bl%">>, no_escape}.',
    ):
        assert Selector(read_term(term)).matches({"colour": "blue"})
    for term in ("{'between',{ident,<<\"a\">>},{range,1,3}}", "{'between',{ident,<<\"a\">>},1,3}"):
        assert Selector(read_term(term)).matches({"a": 2})


def test_depth_is_bounded() -> None:
    def nested(depth: int) -> str:
        return "{'not'," * depth + "true" + "}" * depth

    Selector(read_term(nested(SELECTOR_DEPTH_MAX)))
    with pytest.raises(SelectorError, match="nested deeper than 64"):
        read_term(nested(SELECTOR_DEPTH_MAX + 1))
    assert is_true("(" * SELECTOR_DEPTH_MAX + "TRUE" + ")" * SELECTOR_DEPTH_MAX)
    with pytest.raises(SelectorError, match="nested deeper than 64"):
        read_sql("(" * (SELECTOR_DEPTH_MAX + 1) + "TRUE")
    with pytest.raises(SelectorError, match="nested deeper than 64"):
        Selector(read_sql("1" + " + 1" * 1_000 + " > 0"))
    assert is_true("TRUE" + " AND TRUE" * 1_000)
    assert is_true("NOT " * 1_000 + "TRUE")
    assert is_true("- " * 1_000 + "1 = 1")


WORDS = [
    "a",
    "b.c",
    "1",
    "0x1F",
    "2.5",
    "9" * 20,
    "'x'",
    "'%'",
    "TRUE",
    "NULL",
    "IS",
    "NOT",
    "AND",
    "OR",
    "BETWEEN",
    "LIKE",
]
WORDS += [
    "ESCAPE",
    "IN",
    "(",
    ")",
    ",",
    "=",
    "<>",
    "<",
    "<=",
    "+",
    "-",
    "*",
    "/",
    "ident",
    "not_like",
    "'='",
    "'and'",
    "{",
    "}",
]
WORDS += ["[", "]", '<<"a">>', "<<", "no_escape", "range", ".", "\\", "\x00", "é"]
values = st.sampled_from([None, True, 0, -1, 2**63, 0.0, 1.5, float("inf"), float("nan"), "", "x", "%"])


@given(st.lists(st.sampled_from(WORDS), max_size=12), st.fixed_dictionaries({}, optional={"a": values, "b.c": values}))
def test_nonsense_is_refused_and_nothing_else_fails(words: list[str], headers: dict[str, Operand]) -> None:
    for read, between in ((read_sql, " "), (read_term, ""), (read_term, ",")):
        try:
            selector = Selector(read(between.join(words)))
        except SelectorError:
            continue
        assert selector.matches(headers) in (True, False)


leaves = st.sampled_from(
    ["a", "b.c", "1", "-2", "2.5", "0", "'x'", "TRUE", "a LIKE '_%'", "b.c IN ('x', 'y')", "a IS NULL"]
)
conditions = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(
            "({} {} {})".format,
            inner,
            st.sampled_from(["=", "<>", "<", ">", "<=", ">=", "+", "-", "*", "/", "AND", "OR"]),
            inner,
        ),
        st.builds("(NOT {})".format, inner),
        st.builds("(- {})".format, inner),
        st.builds("({} NOT BETWEEN {} AND {})".format, inner, inner, inner),
    ),
    max_leaves=20,
)


@given(conditions, st.fixed_dictionaries({}, optional={"a": values, "b.c": values}))
def test_no_condition_fails_whatever_the_values(text: str, headers: dict[str, Operand]) -> None:
    assert Selector(read_sql(text)).matches(headers) in (True, False)


def test_size_is_bounded() -> None:
    text = "'" + "x" * SELECTOR_SIZE_MAX + "' = 'x'"
    for read in (read_sql, read_term):
        with pytest.raises(SelectorError, match="longer than 16384 characters"):
            read(text)
