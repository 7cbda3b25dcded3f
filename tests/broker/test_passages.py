"""What exchanges count: the same as message by message, however they come together in batches."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leveret.broker.exchanges import (
    DirectExchange,
    HeadersExchange,
    RandomExchange,
    RecentHistoryExchange,
    TopicExchange,
)
from leveret.broker.passages import count_passages
from leveret.broker.placement import place
from leveret.wire import Batch

from .exchanges.support import batch, properties
from .routers import Setup
from .support import Channel, make_broker

REACHED = {
    ("", "a"): 1,
    ("", "nobody"): 0,
    ("fan", "any"): 2,
    ("direct", "k"): 1,
    ("direct", "none"): 0,
    ("topic", "x.y"): 3,
    ("headers", "h"): 1,
    ("history", "any"): 1,
    ("random", "any"): 1,
}
"""What each way leads to: so many queues."""


@pytest.fixture(name="setup")
def a_setup() -> Setup:
    return make()


def make() -> Setup:
    setup = Setup()
    for name in "abc":
        setup.queue(name)
    setup.exchange("fan")
    setup.bind("fan", "a")
    setup.bind("fan", "b")
    setup.exchange("direct", DirectExchange)
    setup.bind("direct", "c", "k")
    setup.exchange("topic", TopicExchange)
    setup.bind("topic", "c", "#")
    setup.bind("topic", "fan", "x.*")
    setup.exchange("headers", HeadersExchange)
    setup.bind("headers", "a", "", {"x-match": "any"})
    setup.bind("headers", "a", "", {"x-match": "all"})
    setup.exchange("history", RecentHistoryExchange)
    setup.bind("history", "b")
    setup.exchange("random", RandomExchange)
    setup.bind("random", "a")
    setup.bind("random", "b")
    return setup


def publish(setup: Setup, messages: Batch, count: int | None = None) -> None:
    placement = place(setup.router.routes(messages), messages, count)
    count_passages(setup.router, messages, placement.count, placement.queues)


def counted(setup: Setup) -> dict[str, tuple[int, int]]:
    found = {one.name: (one.published_in, one.published_out) for one in setup.router.exchanges.values()}
    return {name: both for name, both in found.items() if any(both)}


@given(st.lists(st.lists(st.sampled_from([*REACHED]), min_size=1, max_size=9), max_size=6))
def test_as_one_by_one(batches: list[list[tuple[str, str]]]) -> None:
    setup = make()
    came: Counter[str] = Counter()
    went: Counter[str] = Counter()
    for ways in batches:
        publish(setup, batch(*ways))
        for way in ways:
            came[way[0]] += 1
            went[way[0]] += REACHED[way]
    assert counted(setup) == {name: (came[name], went[name]) for name in came}


@given(st.lists(st.sampled_from([*REACHED]), min_size=1, max_size=9), st.data())
def test_only_what_is_published(ways: list[tuple[str, str]], data: Any) -> None:
    setup = make()
    count = data.draw(st.integers(0, len(ways)))
    publish(setup, batch(*ways), count)
    assert sum(came for came, _ in counted(setup).values()) == count
    assert sum(went for _, went in counted(setup).values()) == sum(REACHED[way] for way in ways[:count])


def test_each_row_to_one_queue_needs_no_placement(setup: Setup) -> None:
    for ways in [("direct", "k")], [("direct", "k"), ("", "a")]:
        messages = batch(*ways)
        setup.router.routes(messages)
        count_passages(setup.router, messages, len(messages), None)
    assert counted(setup) == {"direct": (2, 2), "": (1, 1)}


def test_the_same_keys_after_an_exchange_was_made_anew(setup: Setup) -> None:
    messages = batch(("direct", "k"), ("direct", "none"))
    publish(setup, messages)
    old = setup.router.exchanges["direct"]
    setup.router.remove(old)
    setup.exchange("direct", DirectExchange)
    publish(setup, messages)
    assert counted(setup) == {"direct": (2, 0)}
    assert (old.published_in, old.published_out) == (2, 1)


def test_more_keys_of_a_message_count_once(setup: Setup) -> None:
    publish(setup, batch(("direct", "none", properties({"CC": ["k", "none"]}))))
    assert counted(setup) == {"direct": (1, 1)}


@pytest.mark.parametrize("transacted", [False, True])
def test_hidden_copies_change_nothing(transacted: bool) -> None:
    """What is taken out of messages before others see them is known where they are counted."""
    vhost = make_broker().vhosts["/"]
    vhost.declare_queue("q")
    hidden = properties({"BCC": ["q"]})
    messages = batch(("", "q"), ("amq.direct", "none", hidden), ("amq.fanout", "any", hidden))
    if transacted:
        vhost.transact([messages], [], Channel(vhost))
    else:
        vhost.publish(messages, Channel(vhost))
    found = {one.name: one.published_in for one in vhost.router.exchanges.values() if one.published_in}
    assert found == {"": 1, "amq.direct": 1, "amq.fanout": 1}
