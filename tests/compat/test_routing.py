"""Where messages go: topic patterns, headers, alternate and bound exchanges in circles, shares of a hash."""

from __future__ import annotations

import pytest

from leveret.wire.fields import Arguments, ByteArray, Timestamp
from leveret.wire.methods import (
    BasicGet,
    ExchangeBind,
    ExchangeDeclare,
    ExchangeDeclareOk,
    ExchangeDelete,
    QueueBind,
    QueueBindOk,
    QueueDeclare,
    QueueUnbind,
)

from ..amqp.support import Content, Link
from .support import args, bodies_in, client, headers, refused, routed


def with_queue(*queues: str) -> Link:
    link = client()
    link.send(*[QueueDeclare(queue) for queue in queues or ("q",)])
    link.received.clear()
    return link


# -- topics ------------------------------------------------------------------------------------------------------------

KEYS = ["", ".", "..", "a", "a.", ".a", "a.b", "a..b", "a.b.", ".a.b", "a.b.c", "*", "#", "a.*", "a.#", "A", "a.b.c.d"]
KEYS += ["x.a", "x..a", "ab"]
WITH_TWO_WORDS = [key for key in KEYS if "." in key]
WITH_WORDS = [key for key in KEYS if key]
FROM_A = ["a.", "a.b", "a..b", "a.b.", "a.b.c", "a.*", "a.#", "a.b.c.d"]

MATCHES = {
    "": [""],
    "*": ["a", "*", "#", "A", "ab"],
    "#": KEYS,
    "*.*": [".", "a.", ".a", "a.b", "a.*", "a.#", "x.a"],
    "#.#": KEYS,
    "#.*": WITH_WORDS,
    "*.#": WITH_WORDS,
    "*.#.#": WITH_WORDS,
    "*.#.*": WITH_TWO_WORDS,
    "*.*.*": ["..", "a..b", "a.b.", ".a.b", "a.b.c", "x..a"],
    "a.*": ["a.", "a.b", "a.*", "a.#"],
    "a.#": ["a", *FROM_A],
    "a.#.*": FROM_A,
    "*.a": [".a", "x.a"],
    "#.a": ["a", ".a", "x.a", "x..a"],
    "#.a.#": ["a", ".a", ".a.b", "x.a", "x..a", *FROM_A],
    "a.#.b": ["a.b", "a..b"],
    "a.*.b": ["a..b"],
    ".": ["."],
    "..": [".."],
    "*.": [".", "a."],
    ".*": [".", ".a"],
    "a.": ["a."],
    ".a": [".a"],
    "#.": [".", "..", "a.", "a.b."],
    ".#": [".", "..", ".a", ".a.b"],
    "a.b": ["a.b"],
    "a..b": ["a..b"],
    "a*": [],
    "a#": [],
    "##": [],
    "**": [],
}
"""Which of KEYS a pattern takes: recorded from RabbitMQ 3.10."""


@pytest.mark.parametrize("pattern", MATCHES)
def test_words_may_be_empty_and_wildcards_are_whole_words(pattern: str) -> None:
    link = with_queue()
    assert link.call(QueueBind("q", "amq.topic", pattern)) == QueueBindOk()
    for key in KEYS:
        link.publish(key.encode(), exchange="amq.topic", key=key)
    assert bodies_in(link, "q") == [key.encode() for key in KEYS if key in MATCHES[pattern]]


def test_more_than_two_hashes_are_refused() -> None:
    link = with_queue()
    text = "Topic binding key '#.a.#.b.#' uses 3 '#' wildcards, at most 2 are allowed"
    assert refused(link, QueueBind("q", "amq.topic", "#.a.#.b.#")) == (406, f"PRECONDITION_FAILED - {text}")


# -- headers -----------------------------------------------------------------------------------------------------------

MESSAGES: dict[str, bytes] = {
    name: headers(fields)  # type: ignore[arg-type]
    for name, fields in {
        "none": {},
        "a=1": {"a": 1},
        "a=2": {"a": 2},
        "a='1'": {"a": "1"},
        "a=''": {"a": ""},
        "a=1.0": {"a": 1.0},
        "a=true": {"a": True},
        "a=false": {"a": False},
        "a=void": {"a": None},
        "a=time 1": {"a": Timestamp(1)},
        "a=bytes 1": {"a": ByteArray(b"1")},
        "a=[1]": {"a": [1]},
        "a={}": {"a": {"z": 1}},
        "a=1 b=2": {"a": 1, "b": 2},
        "a=1 b=3": {"a": 1, "b": 3},
        "b=2": {"b": 2},
        "a=1 x-y=5": {"a": 1, "x-y": 5},
        "x-y=5": {"x-y": 5},
        "a=1 x-match": {"a": 1, "x-match": "any"},
        "A=1": {"A": 1},
    }.items()
}
MESSAGES["no headers"] = b"\0\0"
for _name, _field in {"a=byte 1": b"b\x01", "a=short 1": b"s\0\x01", "a=long 1": b"l\0\0\0\0\0\0\0\x01"}.items():
    MESSAGES[_name] = b"\x20\0" + (2 + len(_field)).to_bytes(4, "big") + b"\x01a" + _field

A_IS_1 = ["a=1", "a=1 b=2", "a=1 b=3", "a=1 x-y=5", "a=1 x-match", "a=byte 1", "a=short 1", "a=long 1"]
HAS_A = [name for name in MESSAGES if name.startswith("a")]

MATCHING: list[tuple[dict[str, object], list[str]]] = [
    ({}, [*MESSAGES]),
    ({"x-match": "all"}, [*MESSAGES]),
    ({"x-match": "any"}, []),
    ({"x-match": "all-with-x"}, [*MESSAGES]),
    ({"x-match": "any-with-x"}, []),
    ({"a": 1}, A_IS_1),
    ({"x-match": "all", "a": 1}, A_IS_1),
    ({"x-match": "any", "a": 1}, A_IS_1),
    ({"x-match": "all", "a": 1, "b": 2}, ["a=1 b=2"]),
    ({"x-match": "any", "a": 1, "b": 2}, [*A_IS_1, "b=2"]),
    ({"x-match": "all", "a": None}, HAS_A),
    ({"x-match": "any", "a": None, "b": 2}, [*HAS_A, "b=2"]),
    ({"x-match": "all", "a": 1, "x-y": 5}, A_IS_1),
    ({"x-match": "any", "a": 2, "x-y": 5}, ["a=2"]),
    ({"x-match": "all", "x-y": 5}, [*MESSAGES]),
    ({"x-match": "any", "x-y": 5}, []),
    ({"x-match": "all-with-x", "a": 1, "x-y": 5}, ["a=1 x-y=5"]),
    ({"x-match": "any-with-x", "a": 2, "x-y": 5}, ["a=2", "a=1 x-y=5", "x-y=5"]),
    ({"a": "1"}, ["a='1'", "a=bytes 1"]),
    ({"a": ByteArray(b"1")}, ["a='1'", "a=bytes 1"]),
    ({"a": ""}, ["a=''"]),
    ({"a": 1.0}, ["a=1.0"]),
    ({"a": True}, ["a=true"]),
    ({"a": False}, ["a=false"]),
    ({"a": Timestamp(1)}, ["a=time 1"]),
    ({"a": [1]}, ["a=[1]"]),
    ({"a": {"z": 1}}, ["a={}"]),
]


@pytest.mark.parametrize(("arguments", "expected"), MATCHING, ids=lambda value: repr(value)[:60])
def test_which_headers_match(arguments: dict[str, object], expected: list[str]) -> None:
    link = with_queue()
    link.send(QueueBind("q", "amq.headers", "ignored", arguments=Arguments.of(arguments)))  # type: ignore[arg-type]
    for name, properties in MESSAGES.items():
        link.publish(name.encode(), exchange="amq.headers", key="k", properties=properties)
    assert bodies_in(link, "q") == [name.encode() for name in MESSAGES if name in expected]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("ANY", 'value <<"ANY">>; expected all, any, all-with-x, or any-with-x'),
        ("", "value <<>>; expected all, any, all-with-x, or any-with-x"),
        (5, "type signedint (value 5); expected longstr"),
        (True, "type bool (value true); expected longstr"),
        (None, "type void (value undefined); expected longstr"),
    ],
)
def test_x_match_is_one_of_four(value: str | int | None, text: str) -> None:
    bind = QueueBind("q", "amq.match", arguments=args(x_match=value))
    assert refused(with_queue(), bind) == (406, f"PRECONDITION_FAILED - Invalid x-match field {text}")


def test_bindings_of_exchanges_are_looked_at_too() -> None:
    text = 'Invalid x-match field value <<"foo">>; expected all, any, all-with-x, or any-with-x'
    bind = ExchangeBind("amq.fanout", "amq.headers", arguments=args(x_match="foo"))
    assert refused(client(), bind) == (406, f"PRECONDITION_FAILED - {text}")


# -- circles -----------------------------------------------------------------------------------------------------------


def declare(link: Link, name: str, type: str = "fanout", *, alternate: str | None = None) -> None:
    arguments = args() if alternate is None else args(alternate_exchange=alternate)
    assert link.call(ExchangeDeclare(name, type, arguments=arguments)) == ExchangeDeclareOk()


def test_exchanges_bound_in_a_circle() -> None:
    link = with_queue()
    declare(link, "a")
    declare(link, "b")
    link.send(ExchangeBind("a", "b"), ExchangeBind("b", "a"), QueueBind("q", "a"), QueueBind("q", "b"))
    for exchange in "ab":
        link.publish(b"once", exchange=exchange)
        assert bodies_in(link, "q") == [b"once"]


def test_alternate_exchanges_in_a_circle() -> None:
    link = with_queue()
    declare(link, "a", "direct", alternate="b")
    declare(link, "b", "direct", alternate="a")
    declare(link, "self", "direct", alternate="self")
    assert not routed(link, "a", "k")
    assert not routed(link, "self", "k")
    link.send(QueueBind("q", "b", "k"))
    assert routed(link, "a", "k")


def test_an_alternate_exchange_that_comes_and_goes() -> None:
    link = with_queue()
    declare(link, "x", "direct", alternate="later")
    assert not routed(link, "x", "k")
    declare(link, "later")
    link.send(QueueBind("q", "later"))
    assert routed(link, "x", "k")
    link.send(QueueUnbind("q", "later"))
    assert not routed(link, "x", "k")
    link.send(QueueBind("q", "later"), ExchangeDelete("later"))
    assert not routed(link, "x", "k")


def test_an_alternate_exchange_gets_what_an_exchange_on_the_way_routes_nowhere() -> None:
    link = with_queue("q", "other")
    declare(link, "start")
    declare(link, "middle", "direct", alternate="last")
    declare(link, "last")
    link.send(ExchangeBind("middle", "start"), QueueBind("q", "last"), QueueBind("other", "start"))
    assert routed(link, "start", "k")
    assert bodies_in(link, "q") == bodies_in(link, "other") == [b"?"]


def test_an_alternate_exchange_may_be_internal() -> None:
    link = with_queue()
    link.send(ExchangeDeclare("inner", "fanout", internal=True), QueueBind("q", "inner"))
    declare(link, "x", "direct", alternate="inner")
    assert routed(link, "x", "k")


def test_the_default_exchange_is_no_alternate() -> None:
    link = with_queue()
    declare(link, "x", "direct", alternate="")
    assert not routed(link, "x", "q")


def test_a_queue_gets_a_message_once_whatever_leads_there() -> None:
    link = with_queue()
    link.send(*[QueueBind("q", "amq.topic", pattern) for pattern in ("#", "a.*", "a.b")])
    link.publish(b"once", exchange="amq.topic", key="a.b")
    assert bodies_in(link, "q") == [b"once"]


def test_keys_of_a_direct_exchange_are_no_patterns() -> None:
    link = with_queue()
    link.send(QueueBind("q", "amq.direct", "K*"))
    assert [key for key in ("K*", "k*", "KX", "K") if routed(link, "amq.direct", key)] == ["K*"]


def test_a_delivery_names_the_exchange_that_it_was_published_to() -> None:
    link = with_queue()
    declare(link, "first")
    declare(link, "second")
    link.send(ExchangeBind("second", "first"), QueueBind("q", "second"))
    link.publish(b"a", exchange="first", key="k")
    got = link.call(BasicGet("q"))
    assert isinstance(got, Content)
    assert (got.method.exchange, got.method.routing_key) == ("first", "k")  # type: ignore[attr-defined]


# -- consistent hash ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("abc", 'The binding key must be an integer: <<"abc">>'),
        ("1.5", 'The binding key must be an integer: <<"1.5">>'),
        (" 1", 'The binding key must be an integer: <<" 1">>'),
        ("", "The binding key must be an integer: <<>>"),
        ("0", "The binding key must be greater than 0"),
        ("-1", "The binding key must be greater than 0"),
    ],
)
def test_the_binding_key_is_a_weight(key: str, text: str) -> None:
    link = with_queue()
    declare(link, "h", "x-consistent-hash")
    assert refused(link, QueueBind("q", "h", key)) == (406, f"PRECONDITION_FAILED - {text}")
    assert link.call(QueueBind("q", "h", "+3")) == QueueBindOk()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (args(hash_property="nope"), "Unsupported property: nope"),
        (args(hash_property="message_id", hash_header="x"), "hash-header and hash-property are mutually exclusive"),
        (args(hash_header=5), "invalid type 'signedint' for arg 'hash-header' in exchange 'h' in vhost '/'"),
        (args(hash_property=5), "invalid type 'signedint' for arg 'hash-property' in exchange 'h' in vhost '/'"),
    ],
)
def test_what_is_hashed_is_named_once_and_rightly(arguments: Arguments, text: str) -> None:
    declare = ExchangeDeclare("h", "x-consistent-hash", arguments=arguments)
    assert refused(client(), declare) == (406, f"PRECONDITION_FAILED - {text}")


def test_shares_follow_weights_and_a_key_stays_where_it_is() -> None:
    link = with_queue("one", "three")
    declare(link, "h", "x-consistent-hash")
    link.send(QueueBind("one", "h", "1"), QueueBind("three", "h", "3"))
    for _ in range(2):
        for n in range(1000):
            link.publish(b"%d" % n, exchange="h", key=f"key {n}")
    one, three = bodies_in(link, "one"), bodies_in(link, "three")
    assert len(one) + len(three) == 2000
    assert 400 < len(one) < 600
    assert not {*one} & {*three}
    assert {one.count(body) for body in one} == {2}


def test_messages_without_what_is_hashed_stay_together() -> None:
    link = with_queue("a", "b")
    assert link.call(ExchangeDeclare("h", "x-consistent-hash", arguments=args(hash_header="k"))) == ExchangeDeclareOk()
    link.send(QueueBind("a", "h", "1"), QueueBind("b", "h", "1"))
    for n in range(20):
        assert routed(link, "h", f"key {n}")
    assert sorted(map(len, (bodies_in(link, "a"), bodies_in(link, "b")))) == [0, 20]
