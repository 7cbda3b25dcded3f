"""The recent history exchange: what it keeps. When it is asked to is a matter of tests/broker/test_recording.py."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leveret.broker.exchanges import RecentHistoryExchange, recent_history
from leveret.errors import PreconditionFailed
from leveret.limits import HISTORY_LENGTH_MAX
from leveret.wire import Batch, Pool, Selection
from leveret.wire.fields import Arguments, Value

from .support import FakeQueue, bind, make, properties, reached


def keeping(length: int) -> RecentHistoryExchange:
    return make(RecentHistoryExchange, arguments={"x-recent-history-length": length})


def messages(*bodies: bytes, headers: Mapping[str, Value] | None = None, mandatory: bool = False) -> Batch:
    return Batch.build(
        Pool(), [("x", f"{number}", properties(headers), body, mandatory) for number, body in enumerate(bodies)]
    )


def kept(exchange: RecentHistoryExchange) -> list[bytes]:
    history = exchange.history(Pool())
    return [] if history is None else [history[row].body for row in range(len(history))]


def test_it_is_a_fanout_exchange() -> None:
    exchange = make(RecentHistoryExchange)
    for name in "ab":
        bind(exchange, FakeQueue(name), name)
    assert reached(exchange, "any") == ["a", "b"]


def test_the_last_twenty_are_kept() -> None:
    exchange = make(RecentHistoryExchange)
    assert exchange.history(Pool()) is None
    exchange.record(messages(*[b"%d" % number for number in range(15)]), None)
    exchange.record(messages(*[b"%d" % number for number in range(15, 25)]), None)
    assert kept(exchange) == [b"%d" % number for number in range(5, 25)]


def test_the_length_is_an_argument() -> None:
    exchange = keeping(3)
    exchange.record(messages(*[b"%d" % number for number in range(10)]), Selection.range(0, 6))
    assert kept(exchange) == [b"3", b"4", b"5"]
    exchange.record(messages(b"a"), None)
    assert kept(exchange) == [b"4", b"5", b"a"]


def test_messages_are_as_they_were_but_not_mandatory() -> None:
    exchange = make(RecentHistoryExchange)
    raw = properties({"n": 1}, message_id="m", delivery_mode=2)
    batch = Batch.build(Pool(), [("published", "to.key", raw, b"body", True)])
    exchange.record(batch, None)
    history = exchange.history(Pool())
    assert history is not None
    message = history[0]
    assert (message.exchange, message.routing_key, message.properties) == ("published", "to.key", raw)
    assert message.features == batch[0].features & ~128


@pytest.mark.parametrize("value", [False, "true", 1, None])
def test_no_store(value: Value) -> None:
    exchange = make(RecentHistoryExchange)
    exchange.record(messages(b"secret", headers={"x-recent-history-no-store": True}), None)
    assert kept(exchange) == []
    exchange.record(messages(b"public", headers={"x-recent-history-no-store": value}), None)
    assert kept(exchange) == [b"public"]


def test_no_store_in_a_batch_of_others() -> None:
    exchange = keeping(3)
    raw = [properties({"x-recent-history-no-store": number % 2 == 0}) for number in range(10)]
    exchange.record(Batch.build(Pool(), [("x", "", raw[n], b"%d" % n, False) for n in range(10)]), None)
    assert kept(exchange) == [b"5", b"7", b"9"]


def test_bytes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent_history, "HISTORY_BYTES_MAX", 10_000)
    exchange = make(RecentHistoryExchange)
    exchange.record(messages(*[b"%d" % number * 3_000 for number in range(5)]), None)
    assert kept(exchange) == [b"2" * 3_000, b"3" * 3_000, b"4" * 3_000]
    assert 9_000 < exchange.kept_bytes <= 10_000
    exchange.record(messages(b"x" * 20_000), None)
    assert kept(exchange) == []
    assert exchange.kept_bytes == 0


def test_nothing_is_left_of_an_exchange_that_is_deleted() -> None:
    exchange = make(RecentHistoryExchange)
    exchange.record(messages(b"a"), None)
    assert exchange.kept_bytes > 0
    exchange.clear()
    assert (kept(exchange), exchange.kept_bytes) == ([], 0)


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (0, "0"),
        (-3, "-3"),
        ("20", '<<"20">>'),
        (True, "true"),
        (None, "undefined"),
        (2.5, "2.5"),
    ],
)
def test_a_length_that_is_none(length: Value, text: str) -> None:
    with pytest.raises(PreconditionFailed) as caught:
        make(RecentHistoryExchange, arguments={"x-recent-history-length": length})
    text = f"Invalid argument {text}, 'x-recent-history-length' must be a positive integer"
    assert caught.value.explanation == text


def test_only_signed_integers_count() -> None:
    raw = b"\x17x-recent-history-lengthi\x00\x00\x00\x05"
    exchange = RecentHistoryExchange(1, "/", "x", arguments=Arguments(raw))
    with pytest.raises(PreconditionFailed, match="Invalid argument 5, 'x-recent-history-length' must be a positive"):
        exchange.validate()


def test_the_length_is_bounded() -> None:
    keeping(HISTORY_LENGTH_MAX)
    with pytest.raises(PreconditionFailed) as caught:
        keeping(HISTORY_LENGTH_MAX + 1)
    text = "Invalid argument 10001, 'x-recent-history-length' must not be greater than 10000"
    assert caught.value.explanation == text


def test_a_long_history_of_many_keys() -> None:
    exchange = keeping(HISTORY_LENGTH_MAX)
    for start in range(0, 12_000, 1_000):
        exchange.record(messages(*[b"%d" % number for number in range(start, start + 1_000)]), None)
    assert kept(exchange) == [b"%d" % number for number in range(2_000, 12_000)]


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 300)), max_size=40), st.data())
def test_how_messages_came_together_does_not_matter(sent: list[tuple[bool, int]], data: st.DataObject) -> None:
    rows = [
        (
            "x",
            f"{n}",
            properties({"x-recent-history-no-store": True} if secret else None),
            b"%d" % n + bytes(size),
            False,
        )
        for n, (secret, size) in enumerate(sent)
    ]
    whole, split = keeping(5), keeping(5)
    whole.record(Batch.build(Pool(), rows), None)
    while rows:
        count = data.draw(st.integers(1, len(rows)))
        split.record(Batch.build(Pool(), rows[:count]), None)
        del rows[:count]
    assert kept(whole) == kept(split)
    assert whole.kept_bytes == split.kept_bytes
