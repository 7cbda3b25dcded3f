"""Rewriting: other names, headers and expirations for some rows of a batch; several batches as one."""

from __future__ import annotations

import gc
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leveret.wire.properties import Properties, decode_properties, encode_properties

from .support import (
    LONG,
    NO_PROPERTIES,
    PERSISTENT_PROPERTIES,
    build,
    events,
    field,
    headers,
    implementation,
    longstr,
    nested,
    opened,
    publish,
    refused,
    rows,
)

A, B, C = field("a", b"V"), field("b", longstr(b"text")), field("CC", b"A\x00\x00\x00\x00")


def of(impl: Any, *lists: bytes, pool: Any = None) -> Any:
    """A batch with a message for each of these property lists."""
    messages = [("x", "key", raw, b"%d" % number, True) for number, raw in enumerate(lists)]
    return impl.Batch.build(pool or impl.Pool(), messages, 5)


def patched(impl: Any, raw: bytes, **options: Any) -> bytes:
    """The property list that a row with this one has with this patch."""
    batch = of(impl, raw).rewrite(impl.Pool(), [(impl.Selection([0]), impl.Patch(**options))])
    found: bytes = batch[0].properties
    return found


class TestNames:
    def test_each_row_by_its_patch(self, impl: Any) -> None:
        batch = of(impl, *[NO_PROPERTIES] * 5)
        patches = [
            (impl.Selection([0, 3]), impl.Patch(exchange="dlx")),
            (impl.Selection([1]), impl.Patch(routing_key="caf\xe9", clear_mandatory=True)),
            (impl.Selection([4]), impl.Patch(clear_mandatory=True)),
            (impl.Selection([]), impl.Patch(exchange="nobody")),
        ]
        new = batch.rewrite(impl.Pool(), patches)
        assert [row[:4] for row in rows(new)] == [
            ("dlx", "key", True, False),
            ("x", "caf\xe9", False, False),
            ("x", "key", True, False),
            ("dlx", "key", True, False),
            ("x", "key", False, False),
        ]
        assert [row[5] for row in rows(new)] == [b"0", b"1", b"2", b"3", b"4"]
        assert [list(selection) for _, selection in new.partition()] == [[0, 3], [1], [2], [4]]
        assert (new.channel, new.features, new.body_bytes) == (5, impl.MANDATORY, 5)
        assert rows(batch) == rows(of(impl, *[NO_PROPERTIES] * 5)), "a batch never changes"

    def test_the_key_table_stays_if_the_keys_do(self, impl: Any) -> None:
        decoder = opened(impl)
        decoder.push(publish(routing_key="a", body=b"1") + publish(routing_key="b", body=b"2", bits=2))
        (batch,) = events(decoder)
        every = impl.Selection.range(0, 2)
        new = batch.rewrite(impl.Pool(), [(every, impl.Patch(append=A))])
        assert new.keys is batch.keys
        assert [list(rows) for _, rows in new.partition()] == [[0], [1]]
        assert new.partition()[1][0] == batch.partition()[1][0]
        assert new[1].features == impl.HEADERS | impl.IMMEDIATE
        renamed = batch.rewrite(impl.Pool(), [(impl.Selection([1]), impl.Patch(routing_key="a"))])
        assert renamed.keys is not batch.keys
        assert [row[:4] for row in rows(renamed)] == [("", "a", False, False), ("", "a", False, True)]

    def test_names_of_255_bytes(self, impl: Any) -> None:
        batch = of(impl, NO_PROPERTIES).rewrite(
            impl.Pool(), [(impl.Selection([0]), impl.Patch(exchange="e" * 255, routing_key=""))]
        )
        assert (batch[0].exchange, batch[0].routing_key) == ("e" * 255, "")


class TestHeaders:
    def test_append(self, impl: Any) -> None:
        assert patched(impl, NO_PROPERTIES, append=A) == headers(A)
        assert patched(impl, headers(B, C), append=A + B) == headers(B, C, A, B)
        assert patched(impl, PERSISTENT_PROPERTIES, append=A) == b"\x30\x00" + headers(A)[2:] + b"\x02"
        assert patched(impl, NO_PROPERTIES, append=b"") == NO_PROPERTIES

    def test_without(self, impl: Any) -> None:
        assert patched(impl, headers(A, B, C, A), without=["a", "no"]) == headers(B, C)
        assert patched(impl, headers(A, C), without=("CC", "a")) == headers()
        assert patched(impl, NO_PROPERTIES, without=["a"]) == NO_PROPERTIES
        inner = b"F" + headers(A)[2:]
        assert patched(impl, headers(field("t", inner)), without=["a"]) == headers(field("t", inner))

    def test_another_table(self, impl: Any) -> None:
        assert patched(impl, headers(A), headers=B) == headers(B)
        assert patched(impl, headers(A), headers=b"") == headers()
        assert patched(impl, NO_PROPERTIES, headers=b"") == headers()
        assert patched(impl, headers(A), headers=None) == headers(A)

    def test_in_this_order(self, impl: Any) -> None:
        assert patched(impl, headers(A), headers=B + C, without=["b", "a"], append=B) == headers(C, B)

    def test_features_follow(self, impl: Any) -> None:
        batch = of(impl, headers(A, C), NO_PROPERTIES)
        every, pool = impl.Selection([0, 1]), impl.Pool()
        batch = batch.rewrite(pool, [(every, impl.Patch(without=["CC"]))])
        assert [batch[row].features for row in range(2)] == [impl.HEADERS | impl.MANDATORY, impl.MANDATORY]
        batch = batch.rewrite(pool, [(every, impl.Patch(append=C, expiration="1"))])
        assert batch.features == batch[1].features == impl.HEADERS | impl.CC | impl.EXPIRATION | impl.MANDATORY
        assert list(batch.select(impl.CC)) == [0, 1]


class TestExpiration:
    def test_dropped_and_set(self, impl: Any) -> None:
        expiring = b"\x11\x00\x02\x0242"
        assert patched(impl, expiring, drop_expiration=True) == PERSISTENT_PROPERTIES
        assert patched(impl, NO_PROPERTIES, drop_expiration=True) == NO_PROPERTIES
        assert patched(impl, expiring, expiration="") == b"\x11\x00\x02\x00"
        assert patched(impl, PERSISTENT_PROPERTIES, expiration="1234") == b"\x11\x00\x02\x041234"

    def test_between_the_others(self, impl: Any) -> None:
        every = Properties(
            content_type="c",
            content_encoding="e",
            headers={"h": "v"},
            delivery_mode=2,
            priority=3,
            correlation_id="i",
            reply_to="r",
            expiration="9",
            message_id="m",
            type="t",
            user_id="u",
            app_id="a",
        )
        raw = encode_properties(every)
        found = decode_properties(patched(impl, raw, append=A, expiration="1234567", reply_to="amq.reply"))
        every.headers, every.expiration, every.reply_to = {"h": "v", "a": None}, "1234567", "amq.reply"
        assert encode_properties(found) == encode_properties(every)


class TestReplyTo:
    def test_set(self, impl: Any) -> None:
        assert patched(impl, b"\x12\x00\x02\x01r", reply_to="name") == b"\x12\x00\x02\x04name"
        assert patched(impl, PERSISTENT_PROPERTIES, reply_to="") == b"\x12\x00\x02\x00"
        assert patched(impl, b"\x02\x00\x01r", append=A) == b"\x22\x00" + headers(A)[2:] + b"\x01r"


class TestPatches:
    @pytest.mark.parametrize("name", ["exchange", "routing_key", "expiration", "reply_to"])
    def test_names_over_255_bytes(self, impl: Any, name: str) -> None:
        with refused():
            impl.Patch(**{name: "\xe9" * 128})

    def test_what_cannot_be(self, impl: Any) -> None:
        with refused():
            impl.Patch(without=["a", "x" * 256])
        with refused():
            impl.Patch(drop_expiration=True, expiration="5")
        for table in (b"\x01", b"\x01a", b"\x01aZ", nested(b"F", 32)[6:]):
            with refused():
                impl.Patch(append=table)
            with refused():
                impl.Patch(headers=table)
        impl.Patch(append=nested(b"F", 31)[6:])
        with pytest.raises(TypeError):
            impl.Patch("x")

    def test_selections(self, impl: Any) -> None:
        batch, patch = of(impl, NO_PROPERTIES, NO_PROPERTIES), impl.Patch(append=A)
        with refused():
            batch.rewrite(impl.Pool(), [(impl.Selection([0, 1]), patch), (impl.Selection([1]), patch)])
        with pytest.raises(IndexError):
            batch.rewrite(impl.Pool(), [(impl.Selection([2]), patch)])
        assert rows(batch.rewrite(impl.Pool(), [])) == rows(batch)
        empty = impl.Batch.build(impl.Pool(), [])
        assert len(empty.rewrite(impl.Pool(), [(impl.Selection([]), patch)])) == 0


class TestMemory:
    def test_new_bytes_are_the_pools_and_others_are_shared(self, impl: Any) -> None:
        own, other = impl.Pool(4096), impl.Pool(4096)
        batch = impl.Batch.build(own, [("", "q", NO_PROPERTIES, bytes(500), False) for _ in range(20)])
        before = own.allocated
        new = batch.rewrite(other, [(impl.Selection.range(0, 10), impl.Patch(append=A))])
        assert own.allocated == before
        assert 10 * 500 <= other.allocated <= 20 * 500
        extent = impl.Extent(0)
        extent.append(new)
        del batch, new
        gc.collect()
        assert [extent[row].body for row in range(20)] == [bytes(500)] * 20
        extent.settle(extent.take(10))
        assert other.allocated == 0
        extent.settle(extent.take(10))
        assert own.allocated == 0

    def test_into_the_pool_that_it_comes_from(self, impl: Any) -> None:
        pool = impl.Pool(1024)
        batch = build(impl, *[b"%d" % number * 50 for number in range(30)], pool=pool)
        for number in range(10):
            chosen = impl.Selection(range(number % 3, 30, 3))
            batch = batch.rewrite(pool, [(chosen, impl.Patch(append=A, routing_key=f"key {number}"))])
        assert [row[5] for row in rows(batch)] == [b"%d" % number * 50 for number in range(30)]
        assert batch[0].properties == headers(A, A, A, A)
        del batch
        gc.collect()
        assert pool.allocated == 0

    def test_large_messages(self, impl: Any) -> None:
        pool = impl.Pool(4096)
        batch = build(impl, b"1" * 5000, b"2" * 900, b"3" * 1100, pool=pool)
        new = batch.rewrite(pool, [(impl.Selection.range(0, 3), impl.Patch(append=field("x", longstr(bytes(3000)))))])
        del batch
        assert [row[5] for row in rows(new)] == [b"1" * 5000, b"2" * 900, b"3" * 1100]
        assert new[2].properties == headers(field("x", longstr(bytes(3000))))


class TestConcat:
    def test_rows_in_order(self, impl: Any) -> None:
        pool = impl.Pool()
        batches = [of(impl, headers(A), PERSISTENT_PROPERTIES), build(impl, b"other"), of(impl, NO_PROPERTIES)]
        joined = impl.Batch.concat(pool, batches)
        assert rows(joined) == [row for batch in batches for row in rows(batch)]
        assert (joined.channel, joined.body_bytes, joined.key) == (0, 8, -1)
        assert joined.features == impl.HEADERS | impl.PERSISTENT | impl.MANDATORY
        assert [list(selection) for _, selection in joined.partition()] == [[0, 1, 3], [2]]
        assert pool.allocated == 0

    def test_key_tables(self, impl: Any) -> None:
        decoder = opened(impl)
        decoder.push(publish(1, routing_key="a") + publish(2, routing_key="b"))
        one, two = events(decoder)
        assert impl.Batch.concat(impl.Pool(), [one, two]).keys is one.keys
        assert impl.Batch.concat(impl.Pool(), [one, build(impl, b"")]).keys is not one.keys

    def test_of_nothing(self, impl: Any) -> None:
        assert len(impl.Batch.concat(impl.Pool(), [])) == 0
        empty = impl.Batch.build(impl.Pool(), [])
        assert rows(impl.Batch.concat(impl.Pool(), [empty, build(impl, b"a"), empty])) == rows(build(impl, b"a"))

    def test_of_extents(self, impl: Any) -> None:
        pool, parts = impl.Pool(), []
        for base in (0, 4096):
            extent = impl.Extent(base)
            extent.append(of(impl, NO_PROPERTIES, headers(A), PERSISTENT_PROPERTIES))
            parts.append(extent.batch(pool, impl.Selection([0, 2])))
            extent.drop(impl.Selection([0, 2]))
        joined = impl.Batch.concat(pool, parts)
        del parts, extent
        assert [row[5] for row in rows(joined)] == [b"0", b"2"] * 2


class TestPartition:
    def test_all_properties_of_a_rewritten_batch(self, impl: Any) -> None:
        values = {
            "content_type": b"c",
            "content_encoding": b"",
            "headers": A,
            "delivery_mode": b"\x02",
            "priority": b"\x07",
            "correlation_id": b"i",
            "reply_to": b"r",
            "expiration": b"9",
            "message_id": b"m",
            "timestamp": struct.pack(">Q", 1 << 60),
            "type": b"t",
            "user_id": b"u",
            "app_id": b"a",
            "cluster_id": b"k",
        }
        lengths = dict.fromkeys(values, ">B") | {"headers": ">I"}
        for name in ("delivery_mode", "priority", "timestamp"):
            del lengths[name]
        parts = [struct.pack(lengths[name], len(raw)) if name in lengths else b"" for name, raw in values.items()]
        every = b"".join(length + raw for length, raw in zip(parts, values.values(), strict=True))
        batch = of(impl, b"\xff\xfc" + every, NO_PROPERTIES)
        patch = impl.Patch(append=B, expiration="10", routing_key="new")
        batch = batch.rewrite(impl.Pool(), [(impl.Selection([0, 1]), patch)])
        changed = values | {"headers": A + B, "expiration": b"10"}
        for name, value in changed.items():
            other = {"headers": B, "expiration": b"10"}.get(name)
            found = batch.partition(impl.COLUMN_PROPERTY, None, name.replace("_", "-"))
            wanted = [(value, [0]), (other, [1])] if value != other else [(value, [0, 1])]
            assert [(raw, list(selection)) for raw, selection in found] == wanted
        assert batch.partition(impl.COLUMN_HEADERS)[1][0] == B
        assert batch.partition(impl.COLUMN_HEADER, None, "a")[0][0] == b"V"
        assert batch.keys[batch.key] == ("x", "new", True, False)


LISTS = st.builds(
    Properties,
    content_type=st.sampled_from([None, "text"]),
    headers=st.none() | st.dictionaries(st.sampled_from(["a", "b", "CC", ""]), st.sampled_from([None, 1, ["x"]])),
    delivery_mode=st.sampled_from([None, 1, 2]),
    reply_to=st.sampled_from([None, "q"]),
    expiration=st.sampled_from([None, "", "60"]),
    app_id=st.sampled_from([None, "app"]),
)
FIELDS = st.lists(st.sampled_from([A, B, C]), max_size=3).map(b"".join)
PATCHES = st.fixed_dictionaries(
    {},
    optional={
        "exchange": st.sampled_from(["", "x", "e" * 255]),
        "routing_key": st.sampled_from(["", "key"]),
        "headers": st.none() | FIELDS,
        "append": FIELDS,
        "without": st.lists(st.sampled_from(["a", "b", "CC", "no"]), max_size=2),
        "drop_expiration": st.booleans(),
        "clear_mandatory": st.booleans(),
    },
) | st.fixed_dictionaries({"expiration": st.sampled_from(["", "123"])})


@settings(max_examples=3000 if LONG else 150)
@given(st.lists(LISTS, max_size=6), st.lists(st.tuples(st.sets(st.integers(0, 5)), PATCHES), max_size=3))
def test_kernel_and_twin_rewrite_alike(lists: list[Properties], plan: list[tuple[set[int], dict[str, Any]]]) -> None:
    """A batch, and what becomes of it when the patches are applied at once, where they do not overlap; then joined."""
    said = []
    for impl in filter(None, map(implementation, ("kernel", "twin"))):
        pool = impl.Pool(1024)
        batch = of(impl, *map(encode_properties, lists), pool=pool)
        free, patches = set(range(len(lists))), []
        for numbers, options in plan:
            patches.append((impl.Selection(sorted(numbers & free)), impl.Patch(**options)))
            free -= numbers
        new = batch.rewrite(pool, patches)
        again = new.rewrite(pool, patches[::-1])
        joined = impl.Batch.concat(pool, [batch, new, again])
        said.append(
            [(rows(found), [(key, list(part)) for key, part in found.partition()]) for found in (new, again, joined)]
        )
        for number, before in enumerate(lists):
            assert new[number].body == b"%d" % number
            found = decode_properties(new[number].properties)
            assert (found.content_type, found.app_id) == (before.content_type, before.app_id)
        del batch, new, again, joined
        assert pool.allocated == 0
    assert all(one == said[0] for one in said)
