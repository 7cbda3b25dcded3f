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


# -- by chance, by a modulus -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("type", ["x-random", "x-local-random"])
def test_each_message_goes_to_one_queue_by_chance(type: str) -> None:
    link = with_queue("a", "b", "c")
    declare(link, "x", type)
    link.send(*[QueueBind(queue, "x") for queue in "abc"])
    for n in range(300):
        link.publish(b"%d" % n, exchange="x", key="same")
    found = [bodies_in(link, queue) for queue in "abc"]
    assert sorted((body for bodies in found for body in bodies), key=int) == [b"%d" % n for n in range(300)]
    assert all(50 < len(bodies) < 150 for bodies in found)
    assert all(bodies == sorted(bodies, key=int) for bodies in found)


def test_a_local_random_exchange_leads_to_queues_only_and_without_a_key() -> None:
    link = with_queue("q")
    declare(link, "x", "x-local-random")
    declare(link, "y")
    text = "Non empty binding 'k' key not permitted"
    assert refused(link, QueueBind("q", "x", "k")) == (406, f"PRECONDITION_FAILED - {text}")
    assert refused(link, ExchangeBind("y", "x")) == (406, "PRECONDITION_FAILED - Destination not found")
    assert not routed(link, "x")


def test_a_modulus_hash_is_rabbitmqs() -> None:
    """Where RabbitMQ 4.3's hash of the key, and its order of destinations, lead."""
    link = with_queue("c", "a", "b")
    declare(link, "x", "x-modulus-hash")
    link.send(*[QueueBind(queue, "x", f"any {queue}") for queue in "cab"])
    for key in ("", "a", "ab", "hello world", "the quick brown fox jumps over the lazy dog"):
        link.publish(key.encode(), exchange="x", key=key)
    hashed = {"": 38220213, "a": 53691870, "ab": 84176382, "hello world": 100059412}
    hashed["the quick brown fox jumps over the lazy dog"] = 92974328
    for number, queue in enumerate("abc"):
        assert bodies_in(link, queue) == [key.encode() for key, hash in hashed.items() if hash % 3 == number]


# -- recent history ----------------------------------------------------------------------------------------------------


def test_a_queue_that_is_bound_late_gets_the_recent_history() -> None:
    link = with_queue("q")
    declare(link, "x", "x-recent-history")
    for n in range(25):
        link.publish(b"%d" % n, exchange="x", key=f"key.{n}", mandatory=True)
    assert link.call(QueueBind("q", "x")) == QueueBindOk()
    assert link.call(QueueBind("q", "x")) == QueueBindOk()
    got = link.call(BasicGet("q", no_ack=True))
    assert isinstance(got, Content)
    assert (got.method.exchange, got.method.routing_key) == ("x", "key.5")  # type: ignore[attr-defined]
    assert bodies_in(link, "q") == [b"%d" % n for n in range(6, 25)]


def test_a_message_may_be_kept_out_of_the_history() -> None:
    link = with_queue("q")
    assert link.call(ExchangeDeclare("x", "x-recent-history", arguments=args(x_recent_history_length=3)))
    for n in range(6):
        raw = headers({"x-recent-history-no-store": n % 2 == 0})
        link.publish(b"%d" % n, exchange="x", properties=raw)
    link.send(QueueBind("q", "x"))
    assert bodies_in(link, "q") == [b"1", b"3", b"5"]


@pytest.mark.parametrize(("length", "shown"), [(0, "0"), (-1, "-1"), ("5", '<<"5">>'), (True, "true")])
def test_the_length_of_a_history_is_a_positive_integer(length: int | str, shown: str) -> None:
    declare = ExchangeDeclare("x", "x-recent-history", arguments=args(x_recent_history_length=length))
    text = f"Invalid argument {shown}, 'x-recent-history-length' must be a positive integer"
    assert refused(client(), declare) == (406, f"PRECONDITION_FAILED - {text}")


def test_a_history_is_handed_on_by_an_exchange_that_is_bound_late() -> None:
    link = with_queue("q", "other")
    declare(link, "x", "x-recent-history")
    declare(link, "y", "direct")
    link.send(QueueBind("q", "y", "k"))
    for n in range(4):
        link.publish(b"%d" % n, exchange="x", key="kl"[n % 2])
    link.send(ExchangeBind("y", "x"))
    assert bodies_in(link, "q") == [b"0", b"2"]


# -- message selectors -------------------------------------------------------------------------------------------------


def test_a_selector_as_the_jms_client_sends_it() -> None:
    link = with_queue("q")
    declare(link, "x", "x-jms-topic")
    selector = "{'and',{'=',{'ident',<<\"colour\">>},<<\"blue\">>},{'>',{'ident',<<\"weight\">>},2}}."
    arguments = Arguments.of({"rjms_erlang_selector": selector, "rjms_version": "3.2.0"})
    assert link.call(QueueBind("q", "x", "key", arguments=arguments)) == QueueBindOk()
    assert routed(link, "x", "other", headers({"colour": "blue", "weight": 3}))
    assert not routed(link, "x", "key", headers({"colour": "blue", "weight": 2}))
    assert not routed(link, "x", "key")


def test_a_selector_that_cannot_be_read() -> None:
    link = with_queue("q")
    declare(link, "x", "x-jms-topic")
    bind = QueueBind("q", "x", arguments=Arguments.of({"rjms_erlang_selector": "{'=',1"}))
    text = "cannot parse selector '\"{'=',1\"' binding destination 'q' to exchange 'x'"
    assert refused(link, bind) == (406, f"PRECONDITION_FAILED - {text}")
    text = "cannot parse selector 'error' binding destination 'q' to exchange 'x'"
    assert refused(link, QueueBind("q", "x")) == (406, f"PRECONDITION_FAILED - {text}")
    bind = QueueBind("q", "x", arguments=Arguments.of({"rjms_selector": "colour = "}))
    text = "cannot parse selector: character 10: a value was expected: colour = "
    assert refused(link, bind) == (406, f"PRECONDITION_FAILED - {text}")
