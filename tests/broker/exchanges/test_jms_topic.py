"""The JMS topic exchange. What selectors say is in tests/broker/selectors."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from leveret.broker.exchanges import FanoutExchange, JmsTopicExchange
from leveret.errors import PreconditionFailed
from leveret.wire import COLUMN_HEADER, COLUMN_HEADERS
from leveret.wire.fields import Timestamp, Value

from .support import FakeQueue, bind, binding, make, properties, reached


def compiled(selector: str) -> dict[str, Value]:
    return {"rjms_erlang_selector": selector, "rjms_version": "3.2.0"}


def sent(exchange: JmsTopicExchange, headers: Mapping[str, Value] | None = None, key: str = "") -> list[str]:
    return reached(exchange, key, properties(headers))


def test_messages_are_selected_by_their_headers_whatever_their_key() -> None:
    exchange = make(JmsTopicExchange)
    bind(exchange, FakeQueue("blue"), "jms.topic", compiled("{'=',{'ident',<<\"colour\">>},<<\"blue\">>}."))
    bind(exchange, FakeQueue("heavy"), "other", {"rjms_selector": "weight > 2500"})
    bind(exchange, FakeQueue("all"), "", compiled("'true'."))
    assert sent(exchange, {"colour": "blue", "weight": 3}) == ["blue", "all"]
    assert sent(exchange, {"weight": 3_000}, "any") == ["heavy", "all"]
    assert sent(exchange) == ["all"]


def test_values_of_all_types() -> None:
    exchange = make(JmsTopicExchange)
    bind(exchange, FakeQueue("q"), "", {"rjms_selector": "a >= 1"})
    found = [sent(exchange, {"a": value}) for value in (1, 1.5, 2**40, Timestamp(1), "1", True, None, [1], {"a": 1})]
    assert found == [["q"]] * 4 + [[]] * 5


def test_which_columns_are_looked_at() -> None:
    exchange = make(JmsTopicExchange)
    first = bind(exchange, FakeQueue("q"), "", {"rjms_selector": "a = 1 AND b = 1"})
    second = bind(exchange, FakeQueue("r"), "", {"rjms_selector": "b = 1 OR c = 1"})
    assert exchange.needs == ((COLUMN_HEADER, "a"), (COLUMN_HEADER, "b"), (COLUMN_HEADER, "c"))
    many = bind(exchange, FakeQueue("s"), "", {"rjms_selector": "d = 1 AND e = 1"})
    assert exchange.needs == ((COLUMN_HEADERS, None),)
    assert sent(exchange, {"b": 1, "d": 1, "e": 1, "other": "x"}) == ["r", "s"]
    exchange.unbind(many)
    exchange.unbind(first)
    assert exchange.needs == ((COLUMN_HEADER, "b"), (COLUMN_HEADER, "c"))
    exchange.unbind(second)
    assert exchange.needs == ()
    assert sent(exchange, {"b": 1}) == []


def test_two_selectors_of_one_queue() -> None:
    exchange = make(JmsTopicExchange)
    queue = FakeQueue("q")
    bind(exchange, queue, "key", {"rjms_selector": "a = 1"})
    bind(exchange, queue, "key", {"rjms_selector": "a = 2"})
    assert [sent(exchange, {"a": n}) for n in (1, 2, 3)] == [["q"], ["q"], []]


def test_to_an_exchange() -> None:
    exchange = make(JmsTopicExchange)
    bind(exchange, make(FanoutExchange, "y"), "", {"rjms_selector": "TRUE"})
    assert sent(exchange) == ["y"]


def test_the_compiled_one_counts() -> None:
    exchange = make(JmsTopicExchange)
    bind(exchange, FakeQueue("q"), "", {"rjms_selector": "nonsense (", **compiled("'true'")})
    assert sent(exchange) == ["q"]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (compiled("{'=',1"), "cannot parse selector '\"{'=',1\"' binding destination 'q' to exchange 'x'"),
        (compiled("{'=',1}"), "cannot parse selector '\"{'=',1}\"' binding destination 'q' to exchange 'x'"),
        (compiled('<<"\\"'), "cannot parse selector '\"<<\\\"\\\\\\\"\"' binding destination 'q' to exchange 'x'"),
        (compiled(""), "cannot parse selector '\"\"' binding destination 'q' to exchange 'x'"),
        ({}, "cannot parse selector 'error' binding destination 'q' to exchange 'x'"),
        ({"rjms_erlang_selector": 5}, "cannot parse selector 'error' binding destination 'q' to exchange 'x'"),
        ({"rjms_selector": 5}, "cannot parse selector 'error' binding destination 'q' to exchange 'x'"),
        ({"rjms_selector": "a = "}, "cannot parse selector: character 5: a value was expected: a = "),
    ],
)
def test_what_is_refused(arguments: Mapping[str, Value], text: str) -> None:
    with pytest.raises(PreconditionFailed) as caught:
        binding(make(JmsTopicExchange), FakeQueue("q"), "", arguments)
    assert caught.value.explanation == text
