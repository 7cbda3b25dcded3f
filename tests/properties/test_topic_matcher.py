"""The topic exchange's trie against the definition of a match, read aloud as a recursive function."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from leveret.broker.binding import Binding
from leveret.broker.exchanges import TopicExchange
from leveret.broker.exchanges.topic import split

from ..broker.exchanges.support import FakeQueue, bind, make


def naive(pattern: list[str], words: list[str]) -> bool:
    """Whether these words match this pattern (spec 3.1.3.3)."""
    if not pattern:
        return not words
    if pattern[0] == "#":
        return naive(pattern[1:], words) or (bool(words) and naive(pattern, words[1:]))
    return bool(words) and pattern[0] in ("*", words[0]) and naive(pattern[1:], words[1:])


words = st.sampled_from(["a", "b", "", "*", "#", "a#"])
keys = st.lists(words, max_size=6).map(".".join)


@st.composite
def patterns(draw: st.DrawFn) -> str:
    chosen = draw(st.lists(words, max_size=6))
    while chosen.count("#") > 2:
        chosen.remove("#")
    return ".".join(chosen)


@given(st.lists(patterns(), max_size=12), st.lists(keys, min_size=1, max_size=6))
def test_trie_equals_naive_matcher(bound: list[str], published: list[str]) -> None:
    exchange = make(TopicExchange)
    for number, pattern in enumerate(bound):
        bind(exchange, FakeQueue(str(number)), pattern)
    for key in published:
        expected = [str(number) for number, pattern in enumerate(bound) if naive(split(pattern), split(key))]
        assert [destination.name for destination in exchange.match(key, ())] == expected


@given(st.data())
def test_binding_and_unbinding_in_any_order_leaves_exactly_the_rest(data: st.DataObject) -> None:
    """The trie after any history equals a trie that was built from what is left."""
    exchange = make(TopicExchange)
    queues = [FakeQueue(name) for name in "pqr"]
    bound: list[Binding] = []
    for _ in range(data.draw(st.integers(0, 25))):
        if bound and data.draw(st.booleans()):
            exchange.unbind(bound.pop(data.draw(st.integers(0, len(bound) - 1))))
        else:
            pattern, queue = data.draw(patterns()), data.draw(st.sampled_from(queues))
            made = bind(exchange, queue, pattern, {"n": data.draw(st.integers(0, 1))})
            if made in bound:  # the router refuses these; here the later one took the place of the earlier
                bound.remove(made)
            bound.append(made)
    fresh = make(TopicExchange)
    for one in bound:
        fresh.bind(one)
    assert shape(exchange) == shape(fresh)
    for key in data.draw(st.lists(keys, min_size=1, max_size=5)):
        assert sorted(map(str, exchange.match(key, ()))) == sorted(map(str, fresh.match(key, ())))


def shape(exchange: TopicExchange) -> object:
    def of(node: object) -> object:
        if node is None:
            return None
        children = {word: of(child) for word, child in (node.children or {}).items()}  # type: ignore[attr-defined]
        return children, of(node.one_word), of(node.any_words), frozenset(node.bindings or ())  # type: ignore[attr-defined]

    return of(exchange._root)
