"""The topic exchange: binding keys are patterns over the words of the routing key (spec 3.1.3.3).

Words are split by '.' and may be empty; the empty key has no words. '*' stands for exactly one word, '#' for any
number of them, also none; both only as a whole word. Patterns live in a trie of words:

    logs.*.error, logs.#      root -- logs -+- * -- error     each node keeps the bindings that end there
                                            '- #

A key walks it as a nondeterministic automaton, all states at once, one step per word. A '#' node loops to itself, so
once entered it stays: the entered ones only grow, no state is ever taken twice, and a step costs at most the nodes of
the trie. So no pattern and no key blows up, however many '#' they have; and the time does not depend on how many
patterns do not match.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, ClassVar, Final

from ...errors import PreconditionFailed
from ...limits import TOPIC_HASHES_MAX
from ..exchange import Exchange

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..binding import Binding, Destination

ONE_WORD: Final = "*"
ANY_WORDS: Final = "#"

_serial = attrgetter("serial")


class _Node:
    """A place in the trie. Most are leaves or have one kind of child, so what is not there is None."""

    __slots__ = ("any_words", "bindings", "children", "one_word")

    def __init__(self) -> None:
        self.children: dict[str, _Node] | None = None
        """By literal word."""
        self.one_word: _Node | None = None
        self.any_words: _Node | None = None
        self.bindings: dict[Binding, None] | None = None

    @property
    def is_empty(self) -> bool:
        return not self.bindings and not self.has_children

    @property
    def has_children(self) -> bool:
        return self.children is not None or self.one_word is not None or self.any_words is not None

    def child(self, word: str) -> _Node | None:
        if word == ONE_WORD:
            return self.one_word
        if word == ANY_WORDS:
            return self.any_words
        return None if self.children is None else self.children.get(word)

    def grow(self, word: str) -> _Node:
        node = _Node()
        if word == ONE_WORD:
            self.one_word = node
        elif word == ANY_WORDS:
            self.any_words = node
        else:
            if self.children is None:
                self.children = {}
            self.children[word] = node
        return node

    def drop(self, word: str) -> None:
        if word == ONE_WORD:
            self.one_word = None
        elif word == ANY_WORDS:
            self.any_words = None
        else:
            assert self.children is not None
            del self.children[word]
            if not self.children:
                self.children = None


def split(key: str) -> list[str]:
    """The words of a key."""
    return key.split(".") if key else []


class TopicExchange(Exchange):
    """A trie of patterns."""

    __slots__ = ("_root",)
    type_name: ClassVar[str] = "topic"
    every_key = True

    def clear(self) -> None:
        self._root = _Node()

    def validate_binding(self, binding: Binding) -> None:
        """RabbitMQ since 4.3.5 refuses keys with more than two '#'."""
        hashes = split(binding.routing_key).count(ANY_WORDS)
        if hashes > TOPIC_HASHES_MAX:
            raise PreconditionFailed(
                f"Topic binding key '{binding.routing_key}' uses {hashes} '{ANY_WORDS}' wildcards,"
                f" at most {TOPIC_HASHES_MAX} are allowed"
            )

    def bind(self, binding: Binding) -> None:
        node = self._root
        for word in split(binding.routing_key):
            node = node.child(word) or node.grow(word)
        if node.bindings is None:
            node.bindings = {}
        node.bindings[binding] = None

    def unbind(self, binding: Binding) -> None:
        node: _Node | None = self._root
        path = []
        for word in split(binding.routing_key):
            assert node is not None
            path.append((node, word))
            node = node.child(word)
        assert node is not None
        assert node.bindings is not None
        del node.bindings[binding]
        if node.bindings:
            return
        node.bindings = None
        for parent, word in reversed(path):
            if not node.is_empty:
                break
            parent.drop(word)
            node = parent

    def match(self, routing_key: str, values: tuple[object, ...]) -> Sequence[Destination]:
        found = [node.bindings for node in self._walk(split(routing_key)) if node.bindings]
        if not found:
            return ()
        if len(found) == 1:
            return [binding.destination for binding in found[0]]
        return [binding.destination for binding in sorted((b for bindings in found for b in bindings), key=_serial)]

    def _walk(self, words: list[str]) -> list[_Node]:
        """The nodes where a key of these words ends."""
        states = [self._root]
        """Where the words so far lead, '#' nodes left aside."""
        entered: dict[_Node, None] = {}
        """The '#' nodes among the states: these take any further word and stay."""
        looping: list[_Node] = []
        """Those of them that have children."""
        _enter(self._root, entered, looping)
        for word in words:
            following = []
            for node in states + looping:
                if node.children is not None and (child := node.children.get(word)) is not None:
                    following.append(child)
                if node.one_word is not None:
                    following.append(node.one_word)
            for node in following:
                if node.any_words is not None:
                    _enter(node, entered, looping)
            states = following
            if not states and not looping:
                break
        return [*states, *entered]


def _enter(node: _Node, entered: dict[_Node, None], looping: list[_Node]) -> None:
    """From a node into its '#' child, and from there into its, without taking a word."""
    hash_node = node.any_words
    while hash_node is not None and hash_node not in entered:
        entered[hash_node] = None
        if hash_node.has_children:
            looping.append(hash_node)
        hash_node = hash_node.any_words
