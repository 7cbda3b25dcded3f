"""Batches: what they say of their rows, partition by each column, building and refusing."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pamqp import commands, header

from .support import (
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


def properties(**values: Any) -> bytes:
    """Properties as another AMQP library encodes them."""
    return header.ContentHeader(0, 0, commands.Basic.Properties(**values)).marshal()[12:]


def batch_of(impl: Any, *lists: bytes) -> Any:
    """A batch with a message for each of these property lists."""
    return impl.Batch.build(impl.Pool(), [("", "q", raw, b"", False) for raw in lists])


def partition(batch: Any, *arguments: Any, **options: Any) -> list[tuple[Any, list[int]]]:
    return [(value, list(selection)) for value, selection in batch.partition(*arguments, **options)]


class TestBuild:
    def test_keeps_what_it_was_given(self, impl: Any) -> None:
        messages = [("ex", "a.b", PERSISTENT_PROPERTIES, b"one", True), ("", "q\u00e9", NO_PROPERTIES, b"", False)]
        batch = impl.Batch.build(impl.Pool(), messages, 7)
        assert batch.channel == 7
        assert len(batch) == 2
        assert batch.body_bytes == 3
        assert rows(batch) == [
            ("ex", "a.b", True, False, PERSISTENT_PROPERTIES, b"one", impl.PERSISTENT | impl.MANDATORY),
            ("", "q\u00e9", False, False, NO_PROPERTIES, b"", 0),
        ]

    def test_of_nothing(self, impl: Any) -> None:
        batch = impl.Batch.build(impl.Pool(), [])
        assert (len(batch), batch.features, batch.key, batch.body_bytes) == (0, 0, -1, 0)
        assert batch.partition() == []

    def test_row_out_of_range(self, impl: Any) -> None:
        with pytest.raises(IndexError):
            build(impl, b"a")[1]

    @pytest.mark.parametrize("name", ["x" * 256, "\u00e9" * 128])
    def test_refuses_names_over_255_bytes(self, impl: Any, name: str) -> None:
        for message in ((name, "", NO_PROPERTIES, b"", False), ("", name, NO_PROPERTIES, b"", False)):
            with refused():
                impl.Batch.build(impl.Pool(), [message])

    def test_takes_names_of_255_bytes(self, impl: Any) -> None:
        batch = impl.Batch.build(impl.Pool(), [("e" * 255, "k" * 255, NO_PROPERTIES, b"", False)])
        assert (batch[0].exchange, batch[0].routing_key) == ("e" * 255, "k" * 255)

    @pytest.mark.parametrize(
        "raw",
        [
            b"",
            b"\x00",
            b"\x80\x00",  # content-type is missing
            b"\x80\x00\x05text",  # and here too short
            b"\x00\x00x",  # something follows
            b"\x00\x01",  # another flag word is announced
            b"\x00\x01\x80\x00",  # with a property that nobody knows
            b"\x00\x02",  # the same in the first word
            b"\x20\x00\x00\x00\x00",  # the table's length is cut
            b"\x20\x00\x00\x00\x00\x05\x01aV",  # the table is longer than the list
            b"\x20\x00\xff\xff\xff\xff",
            b"\x00\x40\x00\x00\x00\x00\x00\x00\x00",  # 7 bytes of timestamp
            headers(b"\x05ab"),
            headers(b"\x01a"),
            headers(field("a", b"Z")),
            headers(field("a", b"S\xff\xff\xff\xff")),
            headers(field("a", b"S\x00\x00\x00")),
            headers(field("a", b"I\x00\x00\x00")),
            headers(field("a", b"A\x00\x00\x00\x02I\x00")),
            headers(field("a", b"F\x00\x00\x00\x02\x01a")),
            headers(field("a", b"D\x00\x00\x00\x00")),
            headers(field("a", b"t")),
            nested(b"F", 32),
            nested(b"A", 32),
            nested(b"F", 10_000),
            nested(b"A", 10_000),
        ],
    )
    def test_refuses_malformed_properties(self, impl: Any, raw: bytes) -> None:
        with refused():
            batch_of(impl, raw)

    @pytest.mark.parametrize(
        "raw",
        [
            b"\x00\x01\x00\x00",  # a second flag word with nothing in it
            b"\x00\x01\x00\x01\x00\x00",
            headers(),
            headers(b"\x00V"),
            nested(b"F", 31),
            nested(b"A", 31),
        ],
    )
    def test_takes_odd_but_sound_properties(self, impl: Any, raw: bytes) -> None:
        assert batch_of(impl, raw)[0].properties == raw

    def test_takes_every_type_of_field(self, impl: Any) -> None:
        sizes = {"t": 1, "b": 1, "B": 1, "s": 2, "u": 2, "I": 4, "i": 4, "l": 8, "L": 8, "f": 4, "d": 8, "D": 5, "T": 8}
        fields = [field(tag, tag.encode() + bytes(size)) for tag, size in sizes.items()]
        fields += [field(tag, tag.encode() + bytes(4)) for tag in "SAFx"]
        fields += [field("V", b"V"), field("x2", b"x\x00\x00\x00\x02ab"), field("A2", b"A\x00\x00\x00\x03VtV")]
        raw = headers(*fields)
        # The array's `t` takes the V behind it for its value, so only the first V is a field of its own: still sound.
        batch = batch_of(impl, raw)
        assert partition(batch, impl.COLUMN_HEADER, name="x2") == [(b"x\x00\x00\x00\x02ab", [0])]
        for tag, size in sizes.items():
            assert partition(batch, impl.COLUMN_HEADER, name=tag) == [(tag.encode() + bytes(size), [0])]


class TestFeatures:
    @pytest.mark.parametrize(
        ("raw", "names"),
        [
            (NO_PROPERTIES, ""),
            (properties(delivery_mode=1), ""),
            (properties(delivery_mode=2), "PERSISTENT"),
            (properties(headers={"a": 1}), "HEADERS"),
            (headers(), "HEADERS"),
            (properties(headers={"CC": ["x"]}), "HEADERS CC"),
            (properties(headers={"a": 1, "BCC": ["x"]}), "HEADERS CC"),
            (properties(headers={"cc": ["x"], "a": {"CC": ["x"]}}), "HEADERS"),
            (properties(expiration="1"), "EXPIRATION"),
            (properties(priority=0), "PRIORITY"),
            (properties(user_id="guest"), "USER_ID"),
            (properties(reply_to="q"), "REPLY_TO"),
            (properties(content_type="t", message_id="m", app_id="a", message_type="x", correlation_id="c"), ""),
            (
                properties(
                    delivery_mode=2, priority=9, expiration="5", user_id="u", reply_to="r", headers={"CC": ["a"]}
                ),
                "PERSISTENT HEADERS CC EXPIRATION PRIORITY USER_ID REPLY_TO",
            ),
        ],
    )
    def test_of_a_message(self, impl: Any, raw: bytes, names: str) -> None:
        wanted = sum(getattr(impl, name) for name in names.split())
        batch = batch_of(impl, raw)
        assert batch.features == batch[0].features == wanted

    def test_of_a_batch_are_those_of_all_rows(self, impl: Any) -> None:
        batch = batch_of(impl, PERSISTENT_PROPERTIES, properties(priority=1), NO_PROPERTIES)
        assert batch.features == impl.PERSISTENT | impl.PRIORITY
        assert [batch[row].features for row in range(3)] == [impl.PERSISTENT, impl.PRIORITY, 0]

    def test_select_those_with_any_of_them(self, impl: Any) -> None:
        batch = batch_of(impl, PERSISTENT_PROPERTIES, properties(priority=1), NO_PROPERTIES, properties(expiration="1"))
        assert list(batch.select(impl.PERSISTENT)) == [0]
        assert list(batch.select(impl.PRIORITY | impl.EXPIRATION)) == [1, 3]
        assert list(batch.select(impl.USER_ID)) == []

    def test_mandatory_and_immediate_come_from_the_method(self, impl: Any) -> None:
        decoder = opened(impl)
        decoder.push(b"".join(publish(bits=bits) for bits in (0, 1, 2, 3, 0xFC)))
        (batch,) = events(decoder)
        assert batch.features == impl.MANDATORY | impl.IMMEDIATE
        wanted = [0, impl.MANDATORY, impl.IMMEDIATE, impl.MANDATORY | impl.IMMEDIATE, 0]
        assert [batch[row].features for row in range(5)] == wanted
        assert [batch.keys[key] for key, _ in batch.partition()] == [
            ("", "q", False, False),
            ("", "q", True, False),
            ("", "q", False, True),
            ("", "q", True, True),
        ]


class TestPartition:
    def test_by_key_in_order_of_first_appearance(self, impl: Any) -> None:
        names = [("", "b"), ("", "a"), ("", "b"), ("x", "b"), ("", "a")]
        batch = impl.Batch.build(impl.Pool(), [(*name, NO_PROPERTIES, b"", False) for name in names])
        found = [(batch.keys[key][:2], list(selection)) for key, selection in batch.partition()]
        assert found == [(("", "b"), [0, 2]), (("", "a"), [1, 4]), (("x", "b"), [3])]
        assert batch.key == -1

    def test_by_key_when_all_share_it(self, impl: Any) -> None:
        batch = build(impl, b"a", b"b", b"c")
        assert partition(batch) == [(batch.key, [0, 1, 2])]
        assert partition(batch, impl.COLUMN_KEY, impl.Selection([0, 2])) == [(batch.key, [0, 2])]
        assert partition(batch, impl.COLUMN_KEY, impl.Selection([])) == []

    def test_of_a_selection_only(self, impl: Any) -> None:
        batch = batch_of(impl, *[properties(priority=number % 3) for number in range(9)])
        found = partition(batch, impl.COLUMN_PROPERTY, impl.Selection([1, 2, 4, 7, 8]), "priority")
        assert found == [(b"\x01", [1, 4, 7]), (b"\x02", [2, 8])]

    def test_by_headers(self, impl: Any) -> None:
        a, b = field("a", b"I\x00\x00\x00\x01"), field("b", b"V")
        batch = batch_of(impl, headers(a), NO_PROPERTIES, headers(a, b), headers(a), headers())
        found = partition(batch, impl.COLUMN_HEADERS)
        assert found == [(a, [0, 3]), (None, [1]), (a + b, [2]), (b"", [4])]

    def test_by_one_header(self, impl: Any) -> None:
        batch = batch_of(
            impl,
            headers(field("h", longstr(b"1"))),
            NO_PROPERTIES,
            headers(field("x", b"V"), field("h", b"I\x00\x00\x00\x01")),
            headers(field("h", longstr(b"1")), field("x", b"V")),
            headers(field("x", b"F" + struct.pack(">I", 3) + field("h", b"V"))),
            headers(field("h", b"V"), field("h", longstr(b"2"))),
        )
        assert partition(batch, impl.COLUMN_HEADER, name="h") == [
            (longstr(b"1"), [0, 3]),
            (None, [1, 4]),
            (b"I\x00\x00\x00\x01", [2]),
            (b"V", [5]),  # the first of that name, as in RabbitMQ
        ]

    @pytest.mark.parametrize(
        ("name", "value", "raw"),
        [
            ("content_type", "text/plain", b"text/plain"),
            ("content_encoding", "gzip", b"gzip"),
            ("delivery_mode", 2, b"\x02"),
            ("priority", 7, b"\x07"),
            ("correlation_id", "c", b"c"),
            ("reply_to", "r", b"r"),
            ("expiration", "100", b"100"),
            ("message_id", "m", b"m"),
            ("message_type", "t", b"t"),
            ("user_id", "u", b"u"),
            ("app_id", "a", b"a"),
        ],
    )
    def test_by_a_property(self, impl: Any, name: str, value: Any, raw: bytes) -> None:
        other = dict.fromkeys(("content_type", "message_id", "app_id"), "x") | {"headers": {"h": "v"}, "priority": 1}
        batch = batch_of(
            impl, properties(**{name: value}), properties(**other | {name: value}), NO_PROPERTIES, NO_PROPERTIES
        )
        column = name.replace("message_type", "type")
        for spelled in (column, column.replace("_", "-")):
            assert partition(batch, impl.COLUMN_PROPERTY, name=spelled) == [(raw, [0, 1]), (None, [2, 3])]

    def test_by_timestamp_and_cluster_id(self, impl: Any) -> None:
        batch = batch_of(impl, b"\x00\x44" + struct.pack(">Q", 1234567890) + b"\x03abc", NO_PROPERTIES)
        found = partition(batch, impl.COLUMN_PROPERTY, name="timestamp")
        assert found == [(struct.pack(">Q", 1234567890), [0]), (None, [1])]
        assert partition(batch, impl.COLUMN_PROPERTY, name="cluster_id") == [(b"abc", [0]), (None, [1])]

    @pytest.mark.parametrize(
        ("column", "name"),
        [("COLUMN_PROPERTY", "colour"), ("COLUMN_PROPERTY", None), ("COLUMN_HEADER", None), (99, None), (99, "x")],
    )
    def test_refuses_columns_that_are_none(self, impl: Any, column: Any, name: str | None) -> None:
        number = getattr(impl, column) if isinstance(column, str) else column
        with refused():
            batch_of(impl, headers()).partition(number, None, name)

    @pytest.mark.parametrize("column", ["COLUMN_KEY", "COLUMN_HEADERS"])
    def test_not_of_rows_that_are_not_there(self, impl: Any, column: str) -> None:
        for batch in (batch_of(impl, headers()), impl.Batch.build(impl.Pool(), [])):
            with pytest.raises(IndexError):
                batch.partition(getattr(impl, column), impl.Selection([0, 1]))

    @given(st.lists(st.sampled_from("abcd"), min_size=1, max_size=50))
    def test_covers_every_row_once(self, keys: list[str]) -> None:
        for impl in filter(None, map(implementation, ("kernel", "twin"))):
            batch = impl.Batch.build(impl.Pool(), [("", key, properties(message_id=key), b"", False) for key in keys])
            wanted = [(key, [row for row, other in enumerate(keys) if other == key]) for key in dict.fromkeys(keys)]
            assert [(batch.keys[key][1], list(part)) for key, part in batch.partition()] == wanted
            found = partition(batch, impl.COLUMN_PROPERTY, name="message_id")
            assert [(value.decode(), part) for value, part in found] == wanted


class TestKeyTable:
    def test_is_shared_by_the_batches_of_a_decoder(self, impl: Any) -> None:
        decoder = opened(impl)
        decoder.push(publish(routing_key="a"))
        (first,) = events(decoder)
        first.keys.cache[first.key] = "a route"
        decoder.push(publish(routing_key="b") + publish(routing_key="a"))
        (second,) = events(decoder)
        assert second.keys.cache == {first.key: "a route"}
        assert len(second.keys) == 2
        assert [second.keys[key][1] for key, _ in second.partition()] == ["b", "a"]

    def test_one_number_whatever_the_reserved_bits(self, impl: Any) -> None:
        decoder = opened(impl)
        plain = publish(routing_key="a")
        odd = plain.replace(b"\x00\x3c\x00\x28\x00\x00", b"\x00\x3c\x00\x28\x12\x34", 1)
        assert odd != plain
        decoder.push(plain + odd)
        (batch,) = events(decoder)
        assert len(batch) == 2
        assert batch.key == 0
        assert len(batch.keys) == 1

    def test_no_such_key(self, impl: Any) -> None:
        with pytest.raises(IndexError):
            build(impl, b"a").keys[1]

    def test_a_full_table_is_followed_by_a_new_one(self, impl: Any) -> None:
        decoder = opened(impl)
        most = impl.KeyTable.KEYS_MAX
        assert most == 4096
        decoder.push(b"".join(publish(routing_key=str(number)) for number in range(most)))
        (first,) = events(decoder)
        assert len(first.keys) == most
        first.keys.cache[0] = "old"
        decoder.push(publish(routing_key="0") + publish(routing_key="new"))
        (second,) = events(decoder)
        assert [second.keys[key][1] for key, _ in second.partition()] == ["0", "new"]
        assert second.keys.cache == {}
        assert first.keys[4000] == ("", "4000", False, False)

    def test_so_is_one_whose_names_are_long(self, impl: Any) -> None:
        decoder = opened(impl)
        most = impl.KeyTable.KEY_BYTES_MAX
        assert most == 256 * 1024
        count = most // 250 + 1
        decoder.push(b"".join(publish(routing_key=f"{number:0250}") for number in range(count)))
        (first,) = events(decoder)
        decoder.push(publish(routing_key=f"{0:0250}"))
        (second,) = events(decoder)
        assert len(first.keys) == count
        assert len(second.keys) == 1

    def test_a_content_that_began_under_the_old_table(self, impl: Any) -> None:
        decoder = opened(impl)
        flood = b"".join(publish(2, routing_key=str(number)) for number in range(impl.KeyTable.KEYS_MAX))
        late = publish(1, routing_key="late", body=b"body", bits=1)
        decoder.push(flood + late[:-5])
        (first,) = events(decoder)
        decoder.push(late[-5:] + publish(1, routing_key="next"))
        (second,) = events(decoder)
        assert len(first.keys) >= impl.KeyTable.KEYS_MAX
        assert [row[:3] + row[5:6] for row in rows(second)] == [
            ("", "late", True, b"body"),
            ("", "next", False, b""),
        ]


class TestFit:
    def test_greedy_in_order(self, impl: Any) -> None:
        batch = build(impl, b"12345", b"1", b"", b"1234", b"12")
        for count, size, wanted in [
            (-1, -1, [0, 1, 2, 3, 4]),
            (2, -1, [0, 1]),
            (0, -1, []),
            (9, 0, [2]),
            (9, 5, [0, 2]),
            (9, 4, [1, 2, 4]),
            (2, 4, [1, 2]),
            (-1, 10, [0, 1, 2, 3]),
            (-1, 12, [0, 1, 2, 3, 4]),
        ]:
            assert list(batch.fit(None, count, size)) == wanted
        assert list(batch.fit(impl.Selection([1, 3, 4]), 2, 3)) == [1, 4]
        assert list(batch.fit(impl.Selection([1, 3, 4]), 2, -1)) == [1, 3]
        with pytest.raises(IndexError):
            batch.fit(impl.Selection([5]), 1, 1)

    def test_body_bytes(self, impl: Any) -> None:
        batch = build(impl, b"12345", b"1", b"", b"1234")
        assert batch.body_bytes_of(impl.Selection([0, 2, 3])) == 9
        assert batch.body_bytes_of(impl.Selection([])) == 0
        with pytest.raises(IndexError):
            batch.body_bytes_of(impl.Selection([4]))
