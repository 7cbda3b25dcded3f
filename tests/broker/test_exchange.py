"""An exchange made of an op, and Erlang's terms in its texts."""

from __future__ import annotations

from typing import Any

import pytest

from leveret.broker.exchange import EXCHANGE_TYPES, Exchange, erlang_term, make_exchange
from leveret.broker.exchanges import (
    ConsistentHashExchange,
    DirectExchange,
    FanoutExchange,
    HeadersExchange,
    JmsTopicExchange,
    LocalRandomExchange,
    ModulusHashExchange,
    RandomExchange,
    RecentHistoryExchange,
    TopicExchange,
)
from leveret.errors import PreconditionFailed
from leveret.wire.fields import Arguments, ByteArray
from leveret.wire.records import DeclareExchange


class TestMakeExchange:
    def op(self, type: str, arguments: Any = None, **flags: bool) -> DeclareExchange:
        given = {"durable": False, "auto_delete": False, "internal": False, **flags}
        return DeclareExchange(9, "/", "x", type, arguments=Arguments.of(arguments or {}).raw, **given)

    @pytest.mark.parametrize(
        ("type", "kind"),
        [
            ("direct", DirectExchange),
            ("fanout", FanoutExchange),
            ("topic", TopicExchange),
            ("headers", HeadersExchange),
            ("x-consistent-hash", ConsistentHashExchange),
            ("x-random", RandomExchange),
            ("x-local-random", LocalRandomExchange),
            ("x-modulus-hash", ModulusHashExchange),
            ("x-recent-history", RecentHistoryExchange),
            ("x-jms-topic", JmsTopicExchange),
        ],
    )
    def test_known_types(self, type: str, kind: type[Exchange]) -> None:
        exchange = make_exchange(self.op(type, {"alternate-exchange": "other"}, durable=True, internal=True))
        assert exchange.__class__ is kind is EXCHANGE_TYPES[type]
        assert (exchange.id, exchange.vhost, exchange.name, exchange.type) == (9, "/", "x", type)
        assert (exchange.durable, exchange.auto_delete, exchange.internal) == (True, False, True)
        assert exchange.alternate == "other"
        assert str(exchange) == "exchange 'x' in vhost '/'"
        assert not exchange.is_queue

    @pytest.mark.parametrize("type", ["", "Direct", "x-nothing"])
    def test_unknown_type(self, type: str) -> None:
        with pytest.raises(PreconditionFailed) as caught:
            make_exchange(self.op(type))
        problem = "unknown" if type else "invalid"
        assert caught.value.reply_text == f"PRECONDITION_FAILED - {problem} exchange type '{type}'"

    @pytest.mark.parametrize("type", EXCHANGE_TYPES)
    def test_the_alternate_exchange_is_a_name(self, type: str) -> None:
        with pytest.raises(PreconditionFailed) as caught:
            make_exchange(self.op(type, {"alternate-exchange": 1}))
        text = "invalid type 'signedint' for arg 'alternate-exchange' in exchange 'x' in vhost '/'"
        assert caught.value.explanation == text

    def test_no_slot_is_missing(self) -> None:
        for type in EXCHANGE_TYPES:
            assert not hasattr(make_exchange(self.op(type, {"x-delayed-type": "fanout"})), "__dict__")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", '<<"a">>'),
        ("", "<<>>"),
        ('say "\\"', '<<"say \\"\\\\\\"">>'),
        ("€", '<<"€"/utf8>>'),
        (b"\xff\x00", "<<255,0>>"),
        (ByteArray(b"a"), '<<"a">>'),
        (True, "true"),
        (False, "false"),
        (3, "3"),
        (1.5, "1.5"),
        (None, "undefined"),
    ],
)
def test_erlang_terms(value: object, text: str) -> None:
    assert erlang_term(value) == text
