"""The consistent hash exchange: validation, stability, shares, and how little moves."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Mapping

import pytest

from leveret.broker.exchanges import ConsistentHashExchange
from leveret.errors import PreconditionFailed
from leveret.limits import HASH_WEIGHT_MAX
from leveret.wire import COLUMN_HEADER, COLUMN_PROPERTY
from leveret.wire.fields import Value

from .support import FakeQueue, bind, binding, make, properties, reached

KEYS = [f"order-{number}" for number in range(20_000)]


def weighted(weights: Mapping[str, int], arguments: Mapping[str, Value] | None = None) -> ConsistentHashExchange:
    exchange = make(ConsistentHashExchange, arguments=arguments)
    for name, weight in weights.items():
        bind(exchange, FakeQueue(name), str(weight))
    return exchange


def owners(exchange: ConsistentHashExchange, keys: list[str] = KEYS) -> list[str]:
    """The one queue of each key."""
    found = []
    for key in keys:
        [destination] = exchange.match(key, ())
        found.append(destination.name)
    return found


def shares(exchange: ConsistentHashExchange, keys: list[str] = KEYS) -> dict[str, float]:
    return {name: count / len(keys) for name, count in Counter(owners(exchange, keys)).items()}


@pytest.mark.parametrize("key", ["1", "10", "01", "+3", str(HASH_WEIGHT_MAX)])
def test_weights(key: str) -> None:
    binding(make(ConsistentHashExchange), FakeQueue("q"), key)


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("", "The binding key must be an integer: <<>>"),
        ("red", 'The binding key must be an integer: <<"red">>'),
        ("1.5", 'The binding key must be an integer: <<"1.5">>'),
        (" 1", 'The binding key must be an integer: <<" 1">>'),
        ("1_0", 'The binding key must be an integer: <<"1_0">>'),
        ("٣", 'The binding key must be an integer: <<"٣"/utf8>>'),
        ("0", "The binding key must be greater than 0"),
        ("-1", "The binding key must be greater than 0"),
        ("9" * 200, f"The binding key must not be greater than {HASH_WEIGHT_MAX}"),
    ],
)
def test_binding_keys_that_are_no_weights(key: str, text: str) -> None:
    with pytest.raises(PreconditionFailed) as caught:
        binding(make(ConsistentHashExchange), FakeQueue("q"), key)
    assert caught.value.explanation == text


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"hash-header": "h", "hash-property": "message_id"}, "hash-header and hash-property are mutually exclusive"),
        ({"hash-property": "app_id"}, "Unsupported property: app_id"),
        ({"hash-header": 1}, "invalid type 'signedint' for arg 'hash-header' in exchange 'x' in vhost '/'"),
        ({"hash-property": True}, "invalid type 'bool' for arg 'hash-property' in exchange 'x' in vhost '/'"),
    ],
)
def test_arguments_that_are_refused(arguments: Mapping[str, Value], text: str) -> None:
    with pytest.raises(PreconditionFailed) as caught:
        make(ConsistentHashExchange, arguments=arguments)
    assert caught.value.explanation == text


def test_nobody_bound_reaches_nobody() -> None:
    exchange = make(ConsistentHashExchange)
    assert exchange.match("a", ()) == ()
    gone = bind(exchange, FakeQueue("q"), "1")
    assert reached(exchange, "a") == ["q"]
    exchange.unbind(gone)
    assert exchange.match("a", ()) == ()


def test_a_key_always_reaches_the_same_queue() -> None:
    exchange = weighted({"a": 1, "b": 2, "c": 3})
    assert owners(exchange) == owners(exchange)


def test_routing_is_the_same_after_a_restart_whatever_the_order_and_the_ids() -> None:
    one, other = weighted({"a": 1, "b": 2, "c": 3}), weighted({"c": 3, "b": 2, "a": 1})
    assert owners(one, KEYS[:3_000]) == owners(other, KEYS[:3_000])


def test_routing_is_the_same_in_every_version() -> None:
    """Recorded; a change here would move the messages of everybody who updates."""
    exchange = weighted({"a": 1, "b": 2, "c": 3})
    assert "".join(owners(exchange, KEYS[:40])) == RECORDED


RECORDED = "cbcacbbcccabcabcccbaccabaccacccbcbbcccbc"


@pytest.mark.parametrize(
    "weights",
    [
        {"a": 1, "b": 1},
        {"a": 1, "b": 2, "c": 3},
        {"a": 10, "b": 20, "c": 30},
        {"a": 1, "b": 99},
        {f"queue-{number}": 1 for number in range(10)},
        {"a": HASH_WEIGHT_MAX, "b": HASH_WEIGHT_MAX},
    ],
    ids=repr,
)
@pytest.mark.parametrize("form", ["order-{}", "{}", "0000{:08}", "user.{}.created", "{:x}"])
def test_shares_follow_weights(weights: dict[str, int], form: str) -> None:
    exchange = weighted(weights)
    total = sum(weights.values())
    got = shares(exchange, [form.format(number) for number in range(20_000)])
    for name, weight in weights.items():
        assert got.get(name, 0) == pytest.approx(weight / total, rel=0.1, abs=0.004), got


@pytest.mark.parametrize("size", [2, 3, 10, 30])
def test_a_new_queue_takes_its_share_and_moves_nothing_else(size: int) -> None:
    exchange = weighted({f"q{number}": 1 for number in range(size)})
    before = owners(exchange)
    bind(exchange, FakeQueue("new"), "1")
    after = owners(exchange)
    moved = [new for old, new in zip(before, after, strict=True) if old != new]
    assert set(moved) == {"new"}
    assert len(moved) / len(KEYS) == pytest.approx(1 / (size + 1), rel=0.15)


@pytest.mark.parametrize("size", [2, 3, 10, 30])
def test_a_queue_that_goes_leaves_only_its_own_keys(size: int) -> None:
    exchange = make(ConsistentHashExchange)
    bindings = [bind(exchange, FakeQueue(f"q{number}"), "1") for number in range(size)]
    before = owners(exchange)
    exchange.unbind(bindings[size // 2])
    after = owners(exchange)
    moved = [old for old, new in zip(before, after, strict=True) if old != new]
    assert set(moved) == {f"q{size // 2}"}
    assert len(moved) == before.count(f"q{size // 2}")


def test_what_was_settled_step_by_step_equals_what_is_settled_at_once() -> None:
    """Slots remember what they have seen; that must not show. Enough come and go for the list to be made anew."""
    exchange = make(ConsistentHashExchange)
    bindings = {}
    for number in range(60):
        bindings[number] = bind(exchange, FakeQueue(f"q{number}"), str(number % 3 + 1))
        owners(exchange, KEYS[: 200 + number * 10])
        if number >= 5 and number % 4 != 3:
            exchange.unbind(bindings.pop(number - 5))
            owners(exchange, KEYS[number * 10 : number * 10 + 300])
    fresh = weighted({f"q{number}": number % 3 + 1 for number in bindings})
    assert owners(exchange, KEYS[:5_000]) == owners(fresh, KEYS[:5_000])


def test_a_slot_races_its_candidates_once(monkeypatch: pytest.MonkeyPatch) -> None:
    settled = []
    settle = ConsistentHashExchange._settle

    def counting(self: ConsistentHashExchange, slot: int) -> object:
        settled.append(slot)
        return settle(self, slot)

    monkeypatch.setattr(ConsistentHashExchange, "_settle", counting)
    exchange = weighted(dict.fromkeys("abc", 1))
    for _ in range(3):
        reached(exchange, "k")
    assert len(settled) == 1
    bind(exchange, FakeQueue("d"), "1")
    for _ in range(3):
        reached(exchange, "k")
    assert len(settled) == 2


def test_a_queue_bound_twice_counts_once_with_its_first_weight() -> None:
    exchange = make(ConsistentHashExchange)
    queue = FakeQueue("a")
    first = bind(exchange, queue, "1")
    second = bind(exchange, queue, "30")
    bind(exchange, FakeQueue("b"), "1")
    assert owners(exchange) == owners(weighted({"a": 1, "b": 1}))
    exchange.unbind(first)
    assert owners(exchange) == owners(weighted({"a": 30, "b": 1}))
    third = bind(exchange, queue, "1")
    exchange.unbind(third)
    assert owners(exchange) == owners(weighted({"a": 30, "b": 1}))
    exchange.unbind(second)
    assert set(owners(exchange)) == {"b"}


def test_an_exchange_and_a_queue_of_one_name_are_two() -> None:
    exchange = make(ConsistentHashExchange)
    bind(exchange, FakeQueue("same"), "1")
    target = make(ConsistentHashExchange, "same")
    bind(exchange, target, "1")
    kinds = Counter(type(exchange.match(key, ())[0]) for key in KEYS)
    assert kinds[ConsistentHashExchange] / len(KEYS) == pytest.approx(0.5, rel=0.1)


QUEUES = {f"q{number}": 1 for number in range(5)}


def test_hash_header() -> None:
    exchange = weighted(QUEUES, {"hash-header": "customer"})
    assert exchange.needs == ((COLUMN_HEADER, "customer"),)
    by_value = {}
    for number in range(300):
        [by_value[number]] = reached(exchange, f"key-{number}", properties({"customer": f"c{number}", "other": number}))
        assert reached(exchange, "", properties({"customer": f"c{number}"})) == [by_value[number]]
    assert len(set(by_value.values())) == 5


def test_headers_of_equal_value_are_one_key() -> None:
    exchange = weighted(QUEUES, {"hash-header": "n"})
    for number in range(100):
        fields = {
            exchange.match("", (tag + struct.pack(layout, number),))[0].name
            for tag, layout in [(b"b", ">b"), (b"s", ">h"), (b"I", ">i"), (b"l", ">q")]
        }
        assert len(fields) == 1


@pytest.mark.parametrize("value", [1.5, True, None, ["a"], {"a": 1}, b"\xff", ""])
def test_headers_of_any_type_are_keys(value: Value) -> None:
    exchange = weighted(QUEUES, {"hash-header": "h"})
    assert len(reached(exchange, "", properties({"h": value}))) == 1


@pytest.mark.parametrize("name", ["correlation_id", "message_id"])
def test_hash_property(name: str) -> None:
    exchange = weighted(QUEUES, {"hash-property": name})
    assert exchange.needs == ((COLUMN_PROPERTY, name),)
    found = {number: reached(exchange, str(number), properties(**{name: f"id-{number}"})) for number in range(300)}
    assert {queue for queues in found.values() for queue in queues} == set(QUEUES)
    assert reached(exchange, "", properties(**{name: "id-7"})) == found[7]


def test_hash_property_timestamp() -> None:
    exchange = weighted(QUEUES, {"hash-property": "timestamp"})
    found = {reached(exchange, "", properties(timestamp=1_700_000_000 + number))[0] for number in range(100)}
    assert found == set(QUEUES)


@pytest.mark.parametrize("arguments", [{"hash-header": "h"}, {"hash-property": "message_id"}])
def test_messages_without_it_share_one_queue(arguments: Mapping[str, Value]) -> None:
    exchange = weighted(QUEUES, arguments)
    found = {
        tuple(reached(exchange, key, raw)) for key in KEYS[:50] for raw in (properties(), properties({"other": key}))
    }
    assert len(found) == 1
