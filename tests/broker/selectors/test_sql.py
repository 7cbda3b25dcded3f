"""Reading selectors as text. What they select is in test_selector."""

from __future__ import annotations

import pytest

from leveret.broker.selectors import SelectorError, read_sql
from leveret.broker.selectors.terms import Atom

A = (Atom("ident"), "a")
B = (Atom("ident"), "b")


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ("a", A),
        ("_a$.b9", (Atom("ident"), "_a$.b9")),
        ("$a", (Atom("ident"), "$a")),
        ("größe", (Atom("ident"), "größe")),
        ("true", Atom("true")),
        ("TruE", Atom("true")),
        ("truer", (Atom("ident"), "truer")),
        ("'true'", "true"),
        ("''", ""),
        ("'it''s'", "it's"),
        ("''''", "'"),
        ("57", 57),
        ("57L", 57),
        ("0xFf", 255),
        ("7.", 7.0),
        ("7.5", 7.5),
        ("7e3", 7000.0),
        ("7.5E-1", 0.75),
        ("7d", 7.0),
        ("7.5f", 7.5),
        ("12345678901234567890", 12345678901234567890),
        ("-1", (Atom("-"), 1)),
        ("a<=b", (Atom("<="), A, B)),
        ("a<>-1", (Atom("<>"), A, (Atom("-"), 1))),
        ("a\n=\tb", (Atom("="), A, B)),
        ("a and b or a", (Atom("or"), (Atom("and"), A, B), A)),
        ("a or b and a", (Atom("or"), A, (Atom("and"), B, A))),
        ("(a or b) and a", (Atom("and"), (Atom("or"), A, B), A)),
        ("a AND b AND a", (Atom("and"), A, B, A)),
        ("not a and b", (Atom("and"), (Atom("not"), A), B)),
        ("not not a", (Atom("not"), (Atom("not"), A))),
        ("not a = b", (Atom("not"), (Atom("="), A, B))),
        ("a between 1 and 2 and b", (Atom("and"), (Atom("between"), A, (Atom("range"), 1, 2)), B)),
        ("a not  BETWEEN 1 and b", (Atom("not_between"), A, (Atom("range"), 1, B))),
        ("a is null", (Atom("is_null"), A)),
        ("a IS NOT null", (Atom("not_null"), A)),
        ("a in ('x')", (Atom("in"), A, ["x"])),
        ("a not in('x','y')", (Atom("not_in"), A, ["x", "y"])),
        ("a like 'x'", (Atom("like"), A, "x", Atom("no_escape"))),
        ("a not like 'x' escape '!'", (Atom("not_like"), A, "x", "!")),
        ("a like 'x' = true", (Atom("="), (Atom("like"), A, "x", Atom("no_escape")), Atom("true"))),
    ],
)
def test_terms(text: str, term: object) -> None:
    found = read_sql(text)
    assert found == term
    assert found.__class__ is term.__class__


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "character 1: a value was expected"),
        ("  ", "character 3: a value was expected"),
        ("a =", "character 4: a value was expected"),
        ("a = = b", "character 5: a value was expected"),
        ("(a", "character 3: ) was expected"),
        ("a)", "character 2: the end was expected"),
        ("a b", "character 3: the end was expected"),
        ("a is b", "character 6: NULL was expected"),
        ("a not b", "character 7: BETWEEN was expected"),
        ("1 in ('x')", "character 3: the end was expected"),
        ("a in ()", "character 7: text in quotes was expected"),
        ("a in ('x'", "character 10: ) was expected"),
        ("a in 'x'", "character 6: ( was expected"),
        ("a like b", "character 8: text in quotes was expected"),
        ("a like 'x' escape 1", "character 19: text in quotes was expected"),
        ("a between 1", "character 12: AND was expected"),
        ("a between 1 or 2", "character 13: AND was expected"),
        ("'open", "character 1: nothing that is known"),
        ("a ; b", "character 2: nothing that is known"),
        ("a != b", "character 2: nothing that is known"),
        ("a and", "character 6: a value was expected"),
        ("null", "character 1: a value was expected"),
        ("1" * 101, "'1111111111...' has too many digits"),
    ],
)
def test_what_is_none(text: str, problem: str) -> None:
    with pytest.raises(SelectorError) as caught:
        read_sql(text)
    assert str(caught.value) == problem
