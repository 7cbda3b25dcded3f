"""The router: bindings, ways through several exchanges, batches, caches, errors."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest

from leveret.broker import routing
from leveret.broker.binding import Binding
from leveret.broker.exchange import EXCHANGE_TYPES, Exchange
from leveret.broker.exchanges import (
    ConsistentHashExchange,
    DirectExchange,
    HeadersExchange,
    TopicExchange,
)
from leveret.errors import AccessRefused, NotFound, SyntaxError_
from leveret.wire import Batch, Pool
from leveret.wire.fields import Arguments

from .exchanges.support import FakeQueue, batch, ids, properties
from .routers import Setup, cells, names


@pytest.fixture
def setup() -> Setup:
    return Setup()


class TestBindings:
    def test_binding_twice_is_one_binding(self, setup: Setup) -> None:
        router = setup.router
        first = setup.bind("amq.topic", "q", "a.*", {"n": 1})
        version = router.version
        again = Binding(first.source, first.destination, "a.*", Arguments.of({"n": 1}))
        assert again == first
        assert hash(again) == hash(first)
        assert not router.bind(again)
        assert router.version == version
        assert [*router.bindings_from(first.source)] == [first]
        assert router.find(first.source, first.destination, "a.*", Arguments.of({"n": 1})) is first
        assert router.unbind(again)
        assert not router.unbind(again)
        assert setup.one("amq.topic", "a.b") == []

    def test_its_identity_is_source_destination_key_and_arguments(self, setup: Setup) -> None:
        setup.exchange("x")
        for source, destination, key, arguments in [
            ("amq.direct", "q", "k", {}),
            ("amq.fanout", "q", "k", {}),
            ("amq.direct", "r", "k", {}),
            ("amq.direct", "q", "l", {}),
            ("amq.direct", "q", "k", {"a": 1}),
            ("amq.direct", "q", "k", {"a": True}),
            ("amq.direct", "x", "k", {}),
        ]:
            setup.bind(source, destination, key, arguments)
        assert len(setup.router.bindings_from(setup.router.exchanges["amq.direct"])) == 6
        assert setup.bind("amq.direct", "q", "m") != "something else"

    def test_find_says_none(self, setup: Setup) -> None:
        found = setup.bind("amq.direct", "q", "k")
        assert setup.router.find(found.source, found.destination, "other", Arguments.EMPTY) is None
        assert setup.router.find(found.source, found.destination, "k", Arguments.of({"a": 1})) is None

    def test_lists_are_in_the_order_of_binding(self, setup: Setup) -> None:
        made = [setup.bind("amq.direct", name, key) for name in "cab" for key in "21"]
        direct = setup.router.exchanges["amq.direct"]
        assert [*setup.router.bindings_from(direct)] == made
        assert [*setup.router.bindings_to(setup.queue("a"))] == made[2:4]
        assert [*setup.router.bindings_to(setup.queue("nobody"))] == []
        assert [one.serial for one in made] == sorted(one.serial for one in made)

    def test_removing_a_queue_drops_its_bindings(self, setup: Setup) -> None:
        gone = [setup.bind("amq.topic", "q", "a.b"), setup.bind("amq.fanout", "q")]
        stays = setup.bind("amq.fanout", "r")
        queue = setup.queue("q")
        setup.router.queue_removed(queue)
        assert setup.router.remove_destination(queue) == gone
        assert setup.router.remove_destination(queue) == []
        assert setup.one("", "q") == []
        assert setup.one("amq.topic", "a.b") == []
        assert setup.one("amq.fanout") == ["r"]
        assert [*setup.router.bindings_from(stays.source)] == [stays]

    def test_removing_an_exchange_drops_bindings_from_and_to_it(self, setup: Setup) -> None:
        x = setup.exchange("x")
        out = [setup.bind("x", "q"), setup.bind("x", "amq.topic", "k"), setup.bind("x", "x", "self")]
        into = [setup.bind("amq.direct", "x", "k"), setup.bind("amq.fanout", "x")]
        other = setup.bind("amq.fanout", "q")
        assert setup.one("amq.direct", "k") == ["q"]
        assert setup.router.remove(x) == out + into
        assert "x" not in setup.router.exchanges
        assert setup.one("amq.direct", "k") == []
        assert setup.one("amq.fanout") == ["q"]
        assert [*setup.router.bindings_to(setup.queue("q"))] == [other]
        with pytest.raises(NotFound):
            setup.one("x")

    def test_nothing_is_left_of_what_is_removed(self, setup: Setup) -> None:
        router = setup.router
        empty = {name: len(getattr(router, name)) for name in ("_from", "_to", "_links", "exchanges")}
        for number in range(20):
            setup.exchange(f"x{number}", TopicExchange)
            setup.bind(f"x{number}", f"q{number}", "a.#")
            setup.bind("amq.topic", f"x{number}", "#")
            setup.bind(f"x{number}", "amq.fanout", "b")
            setup.one("amq.topic", "a.b")
        for number in range(20):
            router.remove(router.exchanges[f"x{number}"])
            router.queue_removed(setup.queue(f"q{number}"))
            router.remove_destination(setup.queue(f"q{number}"))
        assert not any(router._links.values())
        router._links.clear()
        assert {name: len(getattr(router, name)) for name in empty} == empty
        assert not router._by_name

    def test_a_removed_exchange_is_freed_without_the_garbage_collector(self, setup: Setup) -> None:
        class Watched(FakeQueue):
            pass

        gc.disable()
        try:
            for name, kind in EXCHANGE_TYPES.items():
                x = setup.exchange(name, kind)
                queue: Any = Watched(name)
                arguments = Arguments.of({"a": 1, "rjms_selector": "a = 1"})
                x.bind(Binding(x, queue, "1", arguments))
                setup.router.bind(Binding(x, queue, "2", arguments))
                freed = weakref.ref(queue)
                setup.router.remove(x)
                del x, queue
                assert freed() is None, name
        finally:
            gc.enable()


class TestWays:
    """Through more than one exchange."""

    def test_exchange_to_exchange_keeps_the_key(self, setup: Setup) -> None:
        setup.exchange("in", TopicExchange)
        setup.exchange("out", DirectExchange)
        setup.bind("in", "out", "orders.#")
        setup.bind("out", "eu", "orders.eu")
        assert setup.one("in", "orders.eu") == ["eu"]
        assert setup.one("in", "orders.us") == []

    def test_a_queue_gets_a_message_once_however_many_ways_lead_to_it(self, setup: Setup) -> None:
        setup.exchange("a")
        setup.exchange("b")
        for source, destination in [("a", "q"), ("a", "b"), ("b", "q"), ("b", "r"), ("a", "r")]:
            setup.bind(source, destination)
        setup.bind("a", "q", "again")
        assert setup.one("a") == ["q", "r"]

    def test_cycles_end(self, setup: Setup) -> None:
        for name in "abc":
            setup.exchange(name)
            setup.bind(name, f"q{name}")
        for source, destination in ["ab", "bc", "ca", "aa"]:
            setup.bind(source, destination)
        assert setup.one("a") == ["qa", "qb", "qc"]
        assert setup.one("c") == ["qc", "qa", "qb"]

    def test_a_long_chain_needs_no_stack(self, setup: Setup) -> None:
        for number in range(3_000):
            setup.exchange(f"x{number}")
            if number:
                setup.bind(f"x{number - 1}", f"x{number}")
        setup.bind("x2999", "end")
        assert setup.one("x0") == ["end"]

    def test_internal_exchanges_are_reached_only_from_others(self, setup: Setup) -> None:
        setup.exchange("inner", internal=True)
        setup.bind("inner", "q")
        setup.bind("amq.fanout", "inner")
        assert setup.one("amq.fanout") == ["q"]
        with pytest.raises(AccessRefused) as caught:
            setup.one("inner")
        assert caught.value.reply_text == ("ACCESS_REFUSED - cannot publish to internal exchange 'inner' in vhost '/'")

    def test_missing_exchange(self, setup: Setup) -> None:
        with pytest.raises(NotFound) as caught:
            setup.one("nowhere", "k")
        assert caught.value.reply_text == "NOT_FOUND - no exchange 'nowhere' in vhost '/'"

    def test_each_error_is_a_new_one(self, setup: Setup) -> None:
        """Whoever raises it hangs a traceback on it: one that is kept would grow."""
        message = batch(("nowhere", "k"))
        assert setup.router.routes(message)[0][0] is not setup.router.routes(message)[0][0]


class TestAlternates:
    def test_what_matches_nothing_goes_to_the_alternate_with_its_key(self, setup: Setup) -> None:
        setup.exchange("x", DirectExchange, alternate="rest")
        setup.exchange("rest", TopicExchange)
        setup.bind("x", "q", "known")
        setup.bind("rest", "unknown", "un.*")
        assert setup.one("x", "known") == ["q"]
        assert setup.one("x", "un.known") == ["unknown"]
        assert setup.one("x", "other") == []

    def test_it_counts_for_each_exchange_on_the_way(self, setup: Setup) -> None:
        """x matched (an exchange), so its own alternate is not used; y matched nothing, so y's is."""
        setup.exchange("x", TopicExchange, alternate="of-x")
        setup.exchange("y", DirectExchange, alternate="of-y")
        setup.exchange("of-x")
        setup.exchange("of-y")
        setup.bind("x", "y", "#")
        setup.bind("of-x", "qx")
        setup.bind("of-y", "qy")
        assert setup.one("x", "k") == ["qy"]

    def test_chains_and_cycles(self, setup: Setup) -> None:
        setup.exchange("a", DirectExchange, alternate="b")
        setup.exchange("b", DirectExchange, alternate="c")
        setup.exchange("c", DirectExchange, alternate="a")
        setup.exchange("self", DirectExchange, alternate="self")
        setup.bind("c", "q", "k")
        assert setup.one("a", "k") == ["q"]
        assert setup.one("a", "other") == []
        assert setup.one("self", "k") == []

    def test_one_that_is_missing_is_skipped_until_it_exists(self, setup: Setup) -> None:
        setup.exchange("x", DirectExchange, alternate="later")
        message = batch(("x", "k"))
        assert cells(setup.router, message) == [([], [0])]
        later = setup.exchange("later")
        setup.bind("later", "q")
        assert cells(setup.router, message) == [(["q"], [0])]
        setup.router.remove(later)
        assert cells(setup.router, message) == [([], [0])]

    def test_an_internal_alternate_works(self, setup: Setup) -> None:
        setup.exchange("x", DirectExchange, alternate="inner")
        setup.exchange("inner", internal=True)
        setup.bind("inner", "q")
        assert setup.one("x", "k") == ["q"]

    def test_the_default_exchange_as_alternate(self, setup: Setup) -> None:
        """RabbitMQ: it gets nothing that way, not even for a key that is a queue's name."""
        setup.exchange("x", DirectExchange, alternate="")
        setup.queue("jobs")
        assert setup.one("x", "jobs") == []

    def test_changing_it_later(self, setup: Setup) -> None:
        x = setup.exchange("x", DirectExchange)
        message = batch(("x", "k"))
        setup.bind("amq.fanout", "q")
        assert cells(setup.router, message) == [([], [0])]
        x.alternate = "amq.fanout"
        setup.router.changed()
        assert cells(setup.router, message) == [(["q"], [0])]


class TestBatches:
    def test_one_key(self, setup: Setup) -> None:
        setup.bind("amq.direct", "q", "k")
        assert setup.many(*[("amq.direct", "k")] * 5) == [(["q"], [0, 1, 2, 3, 4])]

    def test_cells_come_in_the_order_of_first_appearance_and_cover_all_rows(self, setup: Setup) -> None:
        for name in "ab":
            setup.bind("amq.direct", name, name)
        messages = [("amq.direct", key) for key in "baabxb"]
        assert setup.many(*messages) == [(["b"], [0, 3, 5]), (["a"], [1, 2]), ([], [4])]

    def test_keys_that_reach_the_same_queues_are_one_cell(self, setup: Setup) -> None:
        setup.bind("amq.topic", "q", "#")
        setup.bind("amq.topic", "r", "*.error")
        messages = [("amq.topic", key) for key in ["a.info", "b.error", "c.info", "a.error", "a.info"]]
        assert setup.many(*messages) == [(["q"], [0, 2, 4]), (["q", "r"], [1, 3])]
        [(found, rows)] = setup.router.routes(batch(("amq.topic", "a.info"), ("amq.topic", "b.info")))
        assert (names(found), rows) == (["q"], None)

    def test_several_exchanges(self, setup: Setup) -> None:
        setup.queue("direct")
        setup.bind("amq.fanout", "f")
        setup.bind("amq.headers", "h", "", {"a": 1})
        with_header = properties({"a": 1})
        assert setup.many(
            ("", "direct"), ("amq.fanout", ""), ("amq.headers", "k", with_header), ("", "direct"), ("amq.headers", "k")
        ) == [(["direct"], [0, 3]), (["f"], [1]), (["h"], [2]), ([], [4])]

    def test_errors_stand_at_the_rows_that_have_them(self, setup: Setup) -> None:
        setup.exchange("inner", internal=True)
        setup.queue("q")
        assert setup.many(("", "q"), ("nowhere", "k"), ("", "q"), ("inner", ""), ("nowhere", "l")) == [
            (["q"], [0, 2]),
            ("NOT_FOUND - no exchange 'nowhere' in vhost '/'", [1]),
            ("ACCESS_REFUSED - cannot publish to internal exchange 'inner' in vhost '/'", [3]),
            ("NOT_FOUND - no exchange 'nowhere' in vhost '/'", [4]),
        ]

    def test_mandatory_and_plain_messages_of_one_key_go_together(self, setup: Setup) -> None:
        setup.bind("amq.direct", "q", "k")
        messages = [("amq.direct", "k", properties(), b"", flag) for flag in (True, False, True)]
        assert cells(setup.router, Batch.build(Pool(), messages)) == [(["q"], [0, 1, 2])]

    def test_headers_are_looked_at_once_per_distinct_value(self, setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
        setup.bind("amq.headers", "pdf", "", {"format": "pdf"})
        setup.bind("amq.headers", "zip", "", {"format": "zip"})
        asked = []
        match = HeadersExchange.match

        def counting(self: HeadersExchange, key: str, values: tuple[object, ...]) -> Any:
            asked.append(values)
            return match(self, key, values)

        monkeypatch.setattr(HeadersExchange, "match", counting)
        messages = [("amq.headers", "k", properties({"format": "pdf" if n % 3 else "zip", "id": n})) for n in range(30)]
        assert setup.many(*messages) == [
            (["zip"], [n for n in range(30) if n % 3 == 0]),
            (["pdf"], [n for n in range(30) if n % 3]),
        ]
        assert len(asked) == 2

    def test_messages_without_headers_are_not_partitioned(self, setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
        setup.bind("amq.headers", "q", "", {"x-match": "any", "a": 1, "b": 1})
        setup.bind("amq.headers", "all")
        assert setup.many(("amq.headers", "k"), ("amq.headers", "k")) == [(["all"], [0, 1])]

    def test_needs_of_exchanges_further_on(self, setup: Setup) -> None:
        setup.exchange("in", TopicExchange, alternate="rest")
        setup.exchange("rest", HeadersExchange)
        hashed = ConsistentHashExchange(
            next(ids), "/", "hashed", arguments=Arguments.of({"hash-property": "message_id"})
        )
        setup.router.add(hashed)
        setup.bind("in", "hashed", "h.#")
        setup.bind("rest", "even", "", {"even": True})
        for number in range(3):
            setup.bind("hashed", f"shard{number}", "1")
        messages = [
            ("in", f"{'h' if n % 2 else 'other'}.{n % 3}", properties({"even": n % 4 == 0}, message_id=str(n)))
            for n in range(60)
        ]
        answer = setup.many(*messages)
        assert [rows[0] for _, rows in answer] == sorted(rows[0] for _, rows in answer)
        by_row = {row: found for found, rows in answer for row in rows}
        assert len(by_row) == 60
        assert all(by_row[n] == (["even"] if n % 4 == 0 else []) for n in range(0, 60, 2))
        assert {str(by_row[n]) for n in range(1, 60, 2)} == {f"['shard{number}']" for number in range(3)}

    def test_properties_are_looked_at_where_no_message_has_headers(self, setup: Setup) -> None:
        setup.router.add(
            ConsistentHashExchange(
                next(ids), "/", "hashed", arguments=Arguments.of({"hash-property": "correlation_id"})
            )
        )
        for number in range(4):
            setup.bind("hashed", f"shard{number}", "1")
        answer = setup.many(*[("hashed", "k", properties(correlation_id=str(n))) for n in range(100)])
        assert len(answer) == 4

    def test_a_header_that_cannot_be_decoded_is_an_error_of_its_rows(
        self, setup: Setup, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        setup.bind("amq.headers", "q", "", {"a": None})

        def refuse(raw: bytes) -> object:
            if raw.endswith(b"bad"):
                raise SyntaxError_("malformed field table: truncated")
            return raw

        monkeypatch.setattr("leveret.broker.exchanges.header_names.decode_field", refuse)
        found = setup.many(*[("amq.headers", "", properties({"a": value})) for value in ("good", "bad", "fine")])
        assert found == [(["q"], [0, 2]), ("SYNTAX_ERROR - malformed field table: truncated", [1])]

    def test_two_thousand_keys_of_one_batch(self, setup: Setup) -> None:
        for number in range(2_000):
            setup.queue(f"q{number}")
        messages = [("", f"q{number % 2_000}") for number in range(5_000)]
        answer = setup.many(*messages)
        assert [found for found, _ in answer] == [[f"q{number}"] for number in range(2_000)]
        assert answer[7] == (["q7"], [7, 2_007, 4_007])


class TestCaches:
    def count_matches(self, exchange: type[Exchange], monkeypatch: pytest.MonkeyPatch) -> list[str]:
        asked: list[str] = []
        match = exchange.match

        def counting(self: Exchange, key: str, values: tuple[object, ...]) -> Any:
            asked.append(key)
            return match(self, key, values)

        monkeypatch.setattr(exchange, "match", counting)
        return asked

    def test_a_key_is_matched_once_until_something_changes(self, setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
        asked = self.count_matches(TopicExchange, monkeypatch)
        setup.bind("amq.topic", "q", "a.*")
        message = batch(("amq.topic", "a.b"))
        for _ in range(3):
            assert cells(setup.router, message) == [(["q"], [0])]
        assert cells(setup.router, batch(("amq.topic", "a.b"))) == [(["q"], [0])]
        assert asked == ["a.b"]
        setup.bind("amq.topic", "r", "*.b")
        assert cells(setup.router, message) == [(["q", "r"], [0])]
        assert asked == ["a.b", "a.b"]

    def test_every_change_is_seen_by_keys_that_are_remembered(self, setup: Setup) -> None:
        message = batch(("x", "k"))
        with pytest.raises(NotFound):
            setup.one("x", "k")
        x = setup.exchange("x", TopicExchange)
        assert cells(setup.router, message) == [([], [0])]
        one = setup.bind("x", "q", "k")
        assert cells(setup.router, message) == [(["q"], [0])]
        setup.bind("x", "r", "#")
        setup.router.unbind(one)
        assert cells(setup.router, message) == [(["r"], [0])]
        setup.router.remove(x)
        assert cells(setup.router, message) == [("NOT_FOUND - no exchange 'x' in vhost '/'", [0])]
        setup.exchange("x", internal=True)
        assert cells(setup.router, message)[0][0] != []

    def test_a_change_of_what_is_needed_is_seen(self, setup: Setup) -> None:
        message = batch(("amq.headers", "k", properties({"a": 1, "b": 2})))
        assert cells(setup.router, message) == [([], [0])]
        setup.bind("amq.headers", "q", "", {"b": 2})
        assert cells(setup.router, message) == [(["q"], [0])]
        setup.bind("amq.headers", "r", "", {"a": 1})
        assert cells(setup.router, message) == [(["q", "r"], [0])]

    def test_queues_come_and_go_without_touching_the_caches(self, setup: Setup) -> None:
        setup.bind("amq.fanout", "q")
        version = setup.router.version
        message = batch(("", "reply"))
        assert cells(setup.router, message) == [([], [0])]
        for _ in range(3):
            queue = FakeQueue("reply")
            setup.router.queue_added(queue)  # type: ignore[arg-type]
            [((found,), _)] = setup.router.routes(message)  # type: ignore[misc]
            assert found is queue
            setup.router.queue_removed(queue)  # type: ignore[arg-type]
            assert cells(setup.router, message) == [([], [0])]
        assert setup.router.version == version

    def test_what_is_remembered_is_bounded(self, setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(routing, "ROUTES_CACHED_MAX", 10)
        setup.bind("amq.topic", "q", "#")
        for number in range(100):
            assert setup.one("amq.topic", f"key.{number}") == ["q"]
            assert len(setup.router._cached) <= 10
