"""Ways that go by chance."""

from __future__ import annotations

import pytest

from leveret.broker.exchanges import (
    HeadersExchange,
    LocalRandomExchange,
    RandomExchange,
)
from leveret.wire import Batch

from .exchanges.support import SeededRandomness, batch, properties
from .routers import Setup, cells


@pytest.fixture
def setup() -> Setup:
    return Setup()


class TestChance:
    def counts(self, setup: Setup, messages: Batch) -> dict[str, int]:
        return {" ".join(found): len(rows) for found, rows in cells(setup.router, messages)}

    def test_each_message_takes_one_way(self, setup: Setup) -> None:
        setup.exchange("x", RandomExchange)
        for name in "abc":
            setup.bind("x", name)
        messages = batch(*[("x", "k")] * 3_000)
        answer = cells(setup.router, messages)
        assert sorted(row for _, rows in answer for row in rows) == list(range(3_000))
        assert [rows[0] for _, rows in answer] == sorted(rows[0] for _, rows in answer)
        assert all(900 < count < 1_100 for count in self.counts(setup, messages).values())

    def test_nothing_is_remembered(self, setup: Setup) -> None:
        setup.exchange("x", LocalRandomExchange)
        for name in "ab":
            setup.bind("x", name)
        message = batch(("x", "k"))
        assert {str(cells(setup.router, message)) for _ in range(50)} == {"[(['a'], [0])]", "[(['b'], [0])]"}

    def test_one_that_is_further_on(self, setup: Setup) -> None:
        setup.exchange("x", HeadersExchange, alternate="rest")
        setup.exchange("rest", RandomExchange)
        setup.exchange("even", RandomExchange)
        setup.bind("x", "even", "", {"even": True})
        for name in "abc":
            setup.bind("rest", f"rest-{name}")
            setup.bind("even", f"even-{name}")
        raw = [properties({"even": number % 2 == 0}) for number in range(2)]
        messages = batch(*[("x", "k", raw[number % 2]) for number in range(1_200)])
        counts = self.counts(setup, messages)
        assert sorted(counts) == [f"{kind}-{name}" for kind in ("even", "rest") for name in "abc"]
        assert all(150 < count < 250 for count in counts.values())

    def test_two_on_one_way_choose_apart(self, setup: Setup) -> None:
        for name in "xyz":
            setup.exchange(name, RandomExchange)
        for inner in "yz":
            setup.bind("x", inner)
            for name in "ab":
                setup.bind(inner, inner + name)
        counts = self.counts(setup, batch(*[("x", "k")] * 2_000))
        assert sorted(counts) == ["ya", "yb", "za", "zb"]
        assert all(400 < count < 600 for count in counts.values())

    def test_others_in_the_batch_are_not_touched(self, setup: Setup) -> None:
        setup.exchange("x", RandomExchange)
        for name in "ab":
            setup.bind("x", name)
        setup.bind("amq.direct", "q", "k")
        messages = [("amq.direct", "k"), ("x", "k"), ("nowhere", "k"), ("x", "l"), ("amq.direct", "k")]
        by_row = {row: found for found, rows in setup.many(*messages) for row in rows}
        assert by_row[0] == by_row[4] == ["q"]
        assert by_row[1] in (["a"], ["b"])
        assert by_row[3] in (["a"], ["b"])
        assert by_row[2] == "NOT_FOUND - no exchange 'nowhere' in vhost '/'"

    def test_a_choice_of_one_is_remembered(self, setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
        setup.exchange("x", RandomExchange)
        setup.bind("x", "a")
        monkeypatch.setattr(SeededRandomness, "numbers", None)
        message = batch(("x", "k"))
        assert cells(setup.router, message) == [(["a"], [0])]
        assert message.keys.cache[0] == (setup.router.version, (setup.queues["a"],), setup.router.exchanges["x"])
