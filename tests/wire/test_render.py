"""What goes to clients, read back by another AMQP library."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pamqp import body, commands, frame, header

from .support import (
    NO_PROPERTIES,
    build,
    events,
    filled,
    implementation,
    opened,
    refused,
)


@dataclass
class Content:
    """A content as pamqp reads it."""

    channel: int
    method: Any
    properties: Any
    body: bytes
    frame_sizes: list[int]


def contents(data: bytes) -> Iterator[Content]:
    """Take rendered bytes apart with pamqp; they must come out even."""
    current: Content | None = None
    missing = 0
    while data:
        size, channel, found = frame.unmarshal(data)
        data = data[size:]
        if isinstance(found, header.ContentHeader):
            assert current is not None
            assert found.class_id == 60
            assert found.weight == 0
            current.properties, missing = found.properties, found.body_size
        elif isinstance(found, body.ContentBody):
            assert current is not None
            assert 0 < len(found) <= missing
            current.body += found.value
            missing -= len(found)
        else:
            assert current is None
            current = Content(channel, found, None, b"", [])
        assert current.channel == channel
        current.frame_sizes.append(size)
        if current.properties is not None and not missing:
            yield current
            current = None
    assert current is None


def published(impl: Any, *messages: tuple[str, str, bytes, dict[str, Any]], **options: Any) -> Any:
    """What a client using pamqp publishes, as the decoder's batch."""
    data = b""
    for exchange, routing_key, text, properties in messages:
        method = commands.Basic.Publish(exchange=exchange, routing_key=routing_key, **options)
        data += frame.marshal(method, 5)
        data += frame.marshal(header.ContentHeader(0, len(text), commands.Basic.Properties(**properties)), 5)
        if text:
            data += frame.marshal(body.ContentBody(text), 5)
    decoder = opened(impl)
    decoder.push(data)
    (batch,) = events(decoder)
    return batch


EVERYTHING = {
    "content_type": "text/plain",
    "content_encoding": "utf-8",
    "headers": {"a": 1, "b": "text", "c": [1, "x", {"d": True}], "e": {"f": None}},
    "delivery_mode": 2,
    "priority": 5,
    "correlation_id": "c-1",
    "reply_to": "amq.gen-x",
    "expiration": "60000",
    "message_id": "m-1",
    "message_type": "kind",
    "user_id": "guest",
    "app_id": "app",
}
MESSAGES = [
    ("", "q", b"hello", {}),
    ("amq.topic", "a.b.c", b"", EVERYTHING),
    ("e" * 127, "\u00e9" * 127, bytes(range(256)) * 40, {"delivery_mode": 1}),
]


def same_properties(found: Any, wanted: dict[str, Any]) -> bool:
    other = commands.Basic.Properties(**wanted)
    return all(getattr(found, name) == getattr(other, name) for name in other.attributes())


class TestDeliver:
    def test_another_library_reads_what_was_published(self, impl: Any) -> None:
        extent = impl.Extent(0)
        extent.append(published(impl, *MESSAGES))
        data = impl.render_deliver(extent, extent.take(3), 9, b"ctag", 41, 4096)
        found = list(contents(data))
        assert len(found) == 3
        for number, (content, (exchange, routing_key, text, properties)) in enumerate(
            zip(found, MESSAGES, strict=True)
        ):
            assert isinstance(content.method, commands.Basic.Deliver)
            assert content.channel == 9
            assert content.method.consumer_tag == "ctag"
            assert content.method.delivery_tag == 41 + number
            assert content.method.redelivered is False
            assert content.method.exchange == exchange
            assert content.method.routing_key == routing_key
            assert content.body == text
            assert same_properties(content.properties, properties)

    def test_the_bytes(self, impl: Any) -> None:
        extent = filled(impl, b"ab", b"")
        assert impl.render_deliver(extent, impl.Selection([0]), 1, b"t", 2, 131072) == (
            b"\x01\x00\x01\x00\x00\x00\x12\x00\x3c\x00\x3c\x01t\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x01q\xce"
            b"\x02\x00\x01\x00\x00\x00\x0e\x00\x3c\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\xce"
            b"\x03\x00\x01\x00\x00\x00\x02ab\xce"
        )
        assert impl.render_deliver(extent, impl.Selection([1]), 1, b"t", 2, 131072) == (
            b"\x01\x00\x01\x00\x00\x00\x12\x00\x3c\x00\x3c\x01t\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x01q\xce"
            b"\x02\x00\x01\x00\x00\x00\x0e\x00\x3c\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xce"
        )

    def test_of_nothing(self, impl: Any) -> None:
        assert impl.render_deliver(filled(impl, b"a"), impl.Selection([]), 1, b"t", 1, 4096) == b""

    def test_tags_count_up_over_gaps_and_redelivered_is_said(self, impl: Any) -> None:
        extent = filled(impl, *[b"%d" % number for number in range(6)])
        extent.take(6)
        extent.requeue(impl.Selection([1, 2, 5]))
        data = impl.render_deliver(extent, impl.Selection([0, 2, 5]), 1, b"", (1 << 63) - 3, 4096)
        found = [(content.method.delivery_tag, content.method.redelivered, content.body) for content in contents(data)]
        top = 1 << 63
        assert found == [(top - 3, False, b"0"), (top - 2, True, b"2"), (top - 1, True, b"5")]

    @pytest.mark.parametrize("size", [0, 1, 4087, 4088, 4089, 8175, 8176, 8177, 100_000])
    def test_no_frame_is_over_frame_max(self, impl: Any, size: int) -> None:
        text = bytes(number % 251 for number in range(size))
        extent = filled(impl, text)
        (content,) = contents(impl.render_deliver(extent, impl.Selection([0]), 1, b"t", 1, 4096))
        assert content.body == text
        assert max(content.frame_sizes) <= 4096
        assert len(content.frame_sizes) == 2 + -(-size // 4088)
        (content,) = contents(impl.render_deliver(extent, impl.Selection([0]), 1, b"t", 1, 0))
        assert content.body == text
        assert len(content.frame_sizes) == 2 + bool(size)

    def test_refuses_a_consumer_tag_over_255_bytes(self, impl: Any) -> None:
        extent = filled(impl, b"a")
        (content,) = contents(impl.render_deliver(extent, impl.Selection([0]), 1, b"t" * 255, 1, 4096))
        assert content.method.consumer_tag == "t" * 255
        with refused():
            impl.render_deliver(extent, impl.Selection([0]), 1, b"t" * 256, 1, 4096)

    def test_not_of_settled_rows(self, impl: Any) -> None:
        extent = filled(impl, b"a")
        rows = extent.take(1)
        extent.settle(rows)
        with pytest.raises((IndexError, ValueError)):
            impl.render_deliver(extent, rows, 1, b"t", 1, 4096)

    @given(st.lists(st.binary(max_size=300), max_size=8), st.integers(20, 120), st.binary(max_size=20))
    def test_kernel_and_twin_say_the_same(self, texts: list[bytes], frame_max: int, tag: bytes) -> None:
        rendered = set()
        for impl in filter(None, map(implementation, ("kernel", "twin"))):
            extent = filled(impl, *texts)
            extent.mark_redelivered(impl.Selection(range(0, len(texts), 2)))
            rendered.add(impl.render_deliver(extent, extent.take(99), 7, tag, 1000, frame_max))
        assert len(rendered) == 1


class TestGetOk:
    def test_another_library_reads_it(self, impl: Any) -> None:
        extent = impl.Extent(0)
        extent.append(published(impl, *MESSAGES))
        extent.mark_redelivered(impl.Selection([1]))
        for row, (exchange, routing_key, text, properties) in enumerate(MESSAGES):
            (content,) = contents(impl.render_get_ok(extent, row, 3, 77, 1234567, 4096))
            assert isinstance(content.method, commands.Basic.GetOk)
            assert content.channel == 3
            assert content.method.delivery_tag == 77
            assert content.method.redelivered is (row == 1)
            assert content.method.exchange == exchange
            assert content.method.routing_key == routing_key
            assert content.method.message_count == 1234567
            assert content.body == text
            assert same_properties(content.properties, properties)

    def test_not_of_a_settled_or_absent_row(self, impl: Any) -> None:
        extent = filled(impl, b"a")
        extent.settle(extent.take(1))
        for row in (0, 1):
            with pytest.raises(IndexError):
                impl.render_get_ok(extent, row, 1, 1, 0, 4096)


class TestReturn:
    def test_another_library_reads_it(self, impl: Any) -> None:
        batch = published(impl, *MESSAGES, mandatory=True)
        data = impl.render_return(batch, impl.Selection([0, 2]), 5, 312, "NO_ROUTE", 4096)
        found = list(contents(data))
        for content, (exchange, routing_key, text, properties) in zip(found, (MESSAGES[0], MESSAGES[2]), strict=True):
            assert isinstance(content.method, commands.Basic.Return)
            assert content.channel == 5
            assert content.method.reply_code == 312
            assert content.method.reply_text == "NO_ROUTE"
            assert content.method.exchange == exchange
            assert content.method.routing_key == routing_key
            assert content.body == text
            assert same_properties(content.properties, properties)

    def test_absent_rows(self, impl: Any) -> None:
        with pytest.raises(IndexError):
            impl.render_return(build(impl, b"a"), impl.Selection([1]), 1, 312, "NO_ROUTE", 4096)

    def test_refuses_a_text_over_255_bytes(self, impl: Any) -> None:
        with refused():
            impl.render_return(build(impl, b"a"), impl.Selection([0]), 1, 312, "x" * 256, 4096)


def test_what_was_built_here_reads_as_well(impl: Any) -> None:
    batch = impl.Batch.build(impl.Pool(), [("x", "y", NO_PROPERTIES, b"z", False)])
    (content,) = contents(impl.render_return(batch, impl.Selection([0]), 1, 312, "NO_ROUTE", 0))
    assert (content.method.exchange, content.method.routing_key, content.body) == ("x", "y", b"z")
