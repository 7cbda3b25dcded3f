"""Reading Erlang terms."""

from __future__ import annotations

import pytest

from leveret.broker.selectors import SelectorError, read_term
from leveret.broker.selectors.terms import Atom


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ("true.", Atom("true")),
        ("true", Atom("true")),
        ("'<>'.", Atom("<>")),
        ("in", Atom("in")),
        ("0.", 0),
        ("42.", 42),
        ("-5.", -5),
        ("+100", 100),
        ("3.14.", 3.14),
        ("-1.5.", -1.5),
        ("- 7", -7),
        ("1.0E+3.", 1000.0),
        ("3.0e-2.", 0.03),
        ("9223372036854775807", 2**63 - 1),
        ("-9223372036854775808.", -(2**63)),
        ("9223372036854775808.0.", 2.0**63),
        ("<<>>.", ""),
        ('<<"">>', ""),
        ('<<"a b%">>', "a b%"),
        (r'<<"q\"r\\s\n\t\r\x">>', 'q"r\\s\n\t\rx'),
        ('<<"é€">>', "é€"),
        ("{}", ()),
        ("{true}.", (Atom("true"),)),
        ("{1, 2,3}", (1, 2, 3)),
        ("[].", []),
        ("[1, [2]]", [1, [2]]),
        (' \t{ ident , << "x" >> }\r\n .  ', (Atom("ident"), "x")),
        ("{'>', {ident, <<\"x\">>}, -3.14}.", (Atom(">"), (Atom("ident"), "x"), -3.14)),
    ],
)
def test_terms(text: str, term: object) -> None:
    found = read_term(text)
    assert found == term
    assert found.__class__ is term.__class__


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "character 1: a term was expected"),
        ("{", "character 2: a term was expected"),
        ("}", "character 1: a term was expected"),
        ("{1, ", "character 5: a term was expected"),
        ("{1 2}", "character 4: ',' or '}' was expected"),
        ("[1}", "character 3: ',' or ']' was expected"),
        ("{1]", "character 3: ',' or '}' was expected"),
        ("{1,}", "character 4: a term was expected"),
        ("{,1}", "character 2: a term was expected"),
        ("1 2", "character 3: the end was expected"),
        ("true..", "character 6: the end was expected"),
        ("true <<>>", "character 6: the end was expected"),
        ("1.0e.", "character 4: the end was expected"),
        ("<<", "character 1: nothing that is known"),
        ('<<"unterminated', "character 1: nothing that is known"),
        ("'unterminated", "character 1: nothing that is known"),
        ('"text"', "character 1: nothing that is known"),
        ("True.", "character 1: nothing that is known"),
        ("_foo.", "character 1: nothing that is known"),
        ("$a.", "character 1: nothing that is known"),
        ("- x", "character 1: nothing that is known"),
        ("erlang.", "character 1: 'erlang' means nothing"),
        ("{'apply'}", "character 2: 'apply' means nothing"),
        ("''", "character 1: '' means nothing"),
        ("regex", "character 1: 'regex' means nothing"),
        ("9223372036854775808", "character 1: a number out of range"),
        ("-9223372036854775809", "character 1: a number out of range"),
        ("9.9e999", "character 1: a number out of range"),
        ("1" * 101, "character 1: too many digits"),
        ("1." + "1" * 101, "character 1: too many digits"),
    ],
)
def test_what_is_none(text: str, problem: str) -> None:
    with pytest.raises(SelectorError) as caught:
        read_term(text)
    assert str(caught.value) == problem
