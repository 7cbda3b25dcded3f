"""Peers that break the rules, or keep to none: each gets the right reply code or is hung up on, nobody else notices,
and the broker does not grow."""

from __future__ import annotations

import contextlib
import os
import random
import resource
import selectors
import socket
import struct
import time
from collections.abc import Callable, Iterator

import pika
import pytest

from .raw import (
    BODY,
    HEADER,
    HEARTBEAT,
    METHOD,
    Peer,
    content_header,
    frame,
    listener_pid,
    method,
    nested,
    publish,
    resident_mb,
    shortstr,
)

GROWTH_MB_MAX = 64.0
IDLE_PATIENCE_S = 30.0
"""The broker hangs up on a peer that is silent in the handshake after 10 s."""


class Witness:
    """A well-behaved client, connected before the abuse began."""

    def __init__(self, host: str, port: int) -> None:
        self.connection = pika.BlockingConnection(pika.ConnectionParameters(host, port))
        self.channel = self.connection.channel()
        self.queue = self.channel.queue_declare("", exclusive=True).method.queue
        self.channel.confirm_delivery()

    def works(self) -> None:
        self.channel.basic_publish("", self.queue, b"still here", mandatory=True)
        assert self.channel.basic_get(self.queue, auto_ack=True)[2] == b"still here"


@pytest.fixture
def witness(endpoint) -> Iterator[Witness]:
    seen = Witness(endpoint.host, endpoint.port)
    seen.works()
    yield seen
    seen.works()
    seen.connection.close()


@pytest.fixture
def peer(endpoint, witness) -> Iterator[Callable[[], Peer]]:
    """`peer()` is a connected socket; the witness works before and after."""
    with contextlib.ExitStack() as stack:
        yield lambda: stack.enter_context(Peer(endpoint.host, endpoint.port))


@pytest.fixture
def bounded(endpoint) -> Iterator[None]:
    """The broker's memory grows by little while the test runs."""
    pid = listener_pid(endpoint.port)
    if pid is None:
        pytest.skip("the broker's process cannot be told on this machine")
    before_mb = resident_mb(pid)
    yield
    assert resident_mb(pid) - before_mb < GROWTH_MB_MAX


class TestProtocolHeader:
    @pytest.mark.parametrize(
        "sent", [b"AMQP\0\0\x08\0", b"AMQP\x09\0\0\0", b"AMQP\0\0\x0a\x01", b"HTTP/1.1", b"GET / HTTP/1.1\r\n\r\n"]
    )
    def test_another_protocol_gets_a_header_that_works(self, peer, sent):
        stranger = peer()
        stranger.send(sent)
        answer = stranger.read(8)
        # RabbitMQ before 4 names 0-9-1, later ones may name AMQP 1.0 with SASL.
        assert answer in (b"AMQP\0\0\x09\x01", b"AMQP\x03\x01\0\0")
        assert stranger.read(1) is None

    def test_half_a_header_and_the_end(self, peer):
        stranger = peer()
        stranger.send(b"AMQP")
        stranger.nothing_more()
        stranger.ended()

    @pytest.mark.parametrize("seed", range(10))
    def test_random_bytes(self, peer, seed):
        stranger = peer()
        stranger.send(random.Random(seed).randbytes(10_000))
        stranger.nothing_more()
        answer = stranger.read(8)
        assert answer in (b"AMQP\0\0\x09\x01", b"AMQP\x03\x01\0\0", None)


class TestFrames:
    def test_larger_than_negotiated(self, peer):
        abuser = peer().open(frame_max=8192)
        abuser.send(struct.pack(">BHI", METHOD, 1, 8193))
        close = abuser.closed()
        assert (close.code, close.channel) == (501, 0)
        assert close.text.startswith("FRAME_ERROR - type 1, ")
        assert close.text.endswith("{frame_too_large,8193,8184}")

    def test_as_large_as_the_fudge_allows(self, peer):
        fine = peer().open(frame_max=8192)
        fine.send(method(1, 50, 10, b"\0\0" + shortstr("") + b"\x04" + b"\0\0\0\0"))
        name = fine.expect_method(50, 11)[1:-8].decode()
        body = b"x" * 8192
        fine.send(publish(1, name), content_header(1, len(body)), frame(BODY, 1, body))
        fine.send(method(1, 60, 70, b"\0\0" + shortstr(name) + b"\x01"))
        fine.expect_method(60, 71)
        assert fine.read_frame() is not None
        sizes = [len(payload) for _kind, _channel, payload in (fine.read_frame(), fine.read_frame())]
        assert sizes == [8184, 8]

    def test_without_its_end(self, peer):
        abuser = peer().open()
        abuser.send(frame(METHOD, 1, struct.pack(">HH", 90, 10), end=b"\x2a"))
        close = abuser.closed()
        assert (close.code, close.channel) == (501, 0)
        assert close.text.startswith("FRAME_ERROR - type 1, all octets = <<0,90,0,10>>: {invalid_frame_end_marker,42}")

    def test_of_unknown_kind(self, peer):
        abuser = peer().open()
        abuser.send(frame(77, 1, b"1234"))
        assert abuser.closed().code in (501, 505)

    def test_heartbeat_on_a_channel(self, peer):
        abuser = peer().open(channels=3)
        abuser.send(frame(HEARTBEAT, 3, b""))
        close = abuser.closed()
        assert (close.code, close.channel) == (505, 0)
        assert close.text.startswith("UNEXPECTED_FRAME - type 8, all octets = <<>>")

    @pytest.mark.parametrize("seed", range(30))
    def test_random_bytes(self, peer, seed):
        abuser = peer().open()
        abuser.send(random.Random(seed).randbytes(5000))
        abuser.nothing_more()
        assert abuser.closed().code in (0, 501, 505)

    @pytest.mark.parametrize("seed", range(30))
    def test_random_frames(self, peer, seed):
        chance = random.Random(seed)
        abuser = peer().open(channels=2)
        for _ in range(50):
            kind = chance.choice([METHOD, METHOD, METHOD, HEADER, BODY, HEARTBEAT])
            payload = chance.randbytes(chance.randrange(40))
            if kind == METHOD:
                ids = (chance.choice([10, 20, 30, 40, 50, 60, 85, 90]), chance.choice(range(10, 121, 10)))
                payload = struct.pack(">HH", *ids) + payload
            abuser.send(frame(kind, chance.randrange(4), payload))
        abuser.nothing_more()
        abuser.ended()

    @pytest.mark.parametrize("cut", [1, 6, 7, 8, 40])
    def test_cut_off(self, peer, cut):
        abuser = peer().open()
        abuser.send(method(1, 50, 10, b"\0\0" + shortstr("a queue that never is") + b"\0" + b"\0\0\0\0")[:cut])
        abuser.nothing_more()
        abuser.ended()


class TestMethods:
    def test_on_an_unopened_channel(self, peer):
        abuser = peer().open()
        abuser.send(method(7, 50, 10, b"\0\0" + shortstr("") + b"\x04" + b"\0\0\0\0"))
        close = abuser.closed()
        assert (close.code, close.text, close.channel) == (504, "CHANNEL_ERROR - expected 'channel.open'", 0)

    def test_a_channel_opened_twice(self, peer):
        abuser = peer().open()
        abuser.send(method(1, 20, 10, b"\0"))
        close = abuser.closed()
        assert (close.code, close.text) == (504, "CHANNEL_ERROR - second 'channel.open' seen")

    def test_a_channel_past_the_maximum(self, peer):
        abuser = peer().open()
        abuser.send(method(2048, 20, 10, b"\0"))
        abuser.nothing_more()
        # RabbitMQ counts channels and lets their numbers be.
        assert abuser.closed().code in (0, 504, 530)

    @pytest.mark.parametrize("ids", [(61, 10), (60, 99), (50, 11), (0, 0), (0xFFFF, 0xFFFF)])
    def test_unknown(self, peer, ids):
        abuser = peer().open()
        abuser.send(method(1, *ids, b"\0" * 20))
        # RabbitMQ may hang up without a word.
        assert abuser.closed().code in (0, 501, 502, 503, 504, 505, 540)

    @pytest.mark.parametrize("arguments", [b"", b"\0\0", b"\0\0\xff", b"\0\0" + shortstr("q") + b"\0\xff\xff\xff\xff"])
    def test_short_of_arguments(self, peer, arguments):
        abuser = peer().open()
        abuser.send(method(1, 50, 10, arguments))
        assert abuser.closed().code in (501, 502, 541)

    def test_before_the_connection_is_open(self, peer):
        abuser = peer()
        abuser.send(b"AMQP\0\0\x09\x01")
        abuser.expect_method(10, 10)
        abuser.send(method(1, 20, 10, b"\0"))
        assert abuser.closed().code in (0, 503, 504, 505)

    def test_large_frame_before_the_connection_is_open(self, peer):
        abuser = peer()
        abuser.send(b"AMQP\0\0\x09\x01")
        abuser.expect_method(10, 10)
        abuser.send(struct.pack(">BHI", METHOD, 0, 0x7FFFFFFF) + b"x" * 10_000)
        assert abuser.closed().code in (0, 501)


class TestContent:
    def test_header_without_a_method(self, peer):
        abuser = peer().open()
        abuser.send(content_header(1, 5))
        close = abuser.closed()
        assert (close.code, close.channel, close.text) == (
            505,
            0,
            "UNEXPECTED_FRAME - expected method frame, got non method frame instead",
        )

    def test_method_in_place_of_a_header(self, peer):
        abuser = peer().open()
        abuser.send(publish(1, "nowhere"), method(1, 60, 10, b"\0\0\0\0\0\x01\0"))
        close = abuser.closed()
        assert (close.code, close.text) == (
            505,
            "UNEXPECTED_FRAME - expected content header for class 60, got non content header frame instead",
        )

    def test_header_of_another_class(self, peer):
        abuser = peer().open()
        abuser.send(publish(1, "nowhere"), content_header(1, 5, class_id=10))
        close = abuser.closed()
        assert (close.code, close.text) == (
            505,
            "UNEXPECTED_FRAME - expected content header for class 60, got one for class 10 instead",
        )

    def test_method_in_place_of_a_body(self, peer):
        abuser = peer().open()
        abuser.send(publish(1, "nowhere"), content_header(1, 5), method(1, 60, 10, b"\0\0\0\0\0\x01\0"))
        close = abuser.closed()
        assert (close.code, close.text) == (
            505,
            "UNEXPECTED_FRAME - expected content body, got non content body frame instead",
        )

    @pytest.mark.parametrize("pieces", [[10], [3, 3]])
    def test_body_longer_than_announced(self, peer, pieces):
        abuser = peer().open()
        abuser.send(publish(1, "nowhere"), content_header(1, 5), *(frame(BODY, 1, b"x" * size) for size in pieces))
        abuser.send(method(1, 60, 10, b"\0\0\0\0\0\x01\0"))
        got = abuser.closed()
        # RabbitMQ before 4 counts past the end, and then misses a body.
        assert (got.code, got.channel, got.text) in (
            (501, 0, "FRAME_ERROR - content body frame exceeds remaining content size"),
            (505, 0, "UNEXPECTED_FRAME - expected content body, got non content body frame instead"),
        )

    @pytest.mark.parametrize("announced", [1 << 40, (1 << 64) - 1])
    def test_body_of_absurd_size(self, peer, announced):
        abuser = peer().open()
        abuser.send(publish(1, "nowhere"), content_header(1, announced), frame(BODY, 1, b"x" * 100_000))
        abuser.nothing_more()
        assert abuser.closed().code in (0, 406, 501)

    @pytest.mark.parametrize("properties", [b"", b"\xff", b"\xff\xff", b"\x80\0\xffx", b"\x20\0\0\0\xff\xffx"])
    def test_properties_that_cannot_be_read(self, peer, properties):
        abuser = peer().open()
        abuser.send(publish(1, "nowhere"), content_header(1, 0, properties=properties))
        abuser.send(method(1, 60, 10, b"\0\0\0\0\0\x01\0"))
        abuser.nothing_more()
        # Nobody has to look at properties that nobody asks for; whoever does must not fall over.
        assert abuser.closed().code in (0, 501, 502, 505, 541)


class TestNestedTables:
    DEPTH = 10_000

    def test_in_arguments(self, peer):
        abuser = peer().open()
        abuser.send(method(1, 50, 10, b"\0\0" + shortstr("") + b"\x0c" + nested(self.DEPTH)))
        abuser.nothing_more()
        assert abuser.closed().code in (0, 406, 501, 502)

    def test_in_client_properties(self, peer):
        abuser = peer()
        abuser.start(client_properties=nested(self.DEPTH))
        abuser.nothing_more()
        assert abuser.closed().code in (0, 501, 502)

    def test_in_headers_that_an_exchange_looks_at(self, peer):
        abuser = peer().open()
        abuser.send(method(1, 50, 10, b"\0\0" + shortstr("") + b"\x04" + b"\0\0\0\0"))
        name = abuser.expect_method(50, 11)[1:-8].decode()
        wanted = b"\x01aS" + struct.pack(">I", 1) + b"b"
        binding = b"\0\0" + shortstr(name) + shortstr("amq.headers") + shortstr("") + b"\0"
        abuser.send(method(1, 50, 20, binding + struct.pack(">I", len(wanted)) + wanted))
        abuser.expect_method(50, 21)
        abuser.send(
            method(1, 60, 40, b"\0\0" + shortstr("amq.headers") + shortstr("") + b"\0"),
            content_header(1, 0, properties=b"\x20\0" + nested(self.DEPTH)),
            method(1, 60, 10, b"\0\0\0\0\0\x01\0"),
        )
        abuser.nothing_more()
        assert abuser.closed().code in (0, 406, 501, 502)


class TestMemory:
    def test_abuse_again_and_again_leaves_nothing(self, peer, endpoint, bounded):
        abuses = (
            b"\x01\0\x01\x7f\xff\xff\xff" + b"x" * 100_000,
            publish(1, "nowhere") + content_header(1, 1 << 40) + frame(BODY, 1, b"x" * 100_000),
            publish(1, "nowhere") + content_header(1, 1_000_000) + frame(BODY, 1, b"x" * 100_000),
            method(1, 50, 10, b"\0\0" + shortstr("") + b"\x0c" + nested(10_000)),
            method(7, 60, 10, b"\0\0\0\0\0\x01\0"),
            frame(HEARTBEAT, 3, b""),
        )
        for _ in range(50):
            for abuse in abuses:
                with Peer(endpoint.host, endpoint.port) as abuser:
                    abuser.open().send(abuse)

    def test_bodies_that_never_end_take_only_what_they_sent(self, peer, bounded):
        abusers = [peer().open() for _ in range(50)]
        for abuser in abusers:
            abuser.send(publish(1, "nowhere"), content_header(1, 16_000_000), frame(BODY, 1, b"x" * 100_000))
        for abuser in abusers:
            abuser.nothing_more()
            abuser.ended()


def connections(host: str, port: int, count: int, greeting: bytes) -> Iterator[socket.socket]:
    """So many connected sockets, each of which said its greeting and nothing else."""
    for _ in range(count):
        silent = socket.create_connection((host, port), timeout=PATIENCE_CONNECT_S)
        if greeting:
            silent.sendall(greeting)
        silent.setblocking(False)
        yield silent


PATIENCE_CONNECT_S = 20.0
LONG = os.environ.get("LEVERET_LONG") == "1" or os.environ.get("HYPOTHESIS_PROFILE") == "long"


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "count",
    [
        1_000,
        pytest.param(
            10_000,
            marks=[pytest.mark.long, pytest.mark.skipif(not LONG, reason="full size: LEVERET_LONG=1")],
        ),
    ],
)
@pytest.mark.parametrize("greeting", [b"", b"AMQP\0\0\x09\x01"], ids=["silent", "greeted"])
def test_connections_that_send_nothing(endpoint, witness, bounded, count, greeting):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + 1_000
    if soft < wanted:
        if hard != resource.RLIM_INFINITY and hard < wanted:
            pytest.skip(f"this process may open {hard} files only")
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    with contextlib.ExitStack() as stack, selectors.DefaultSelector() as selector:
        for silent in connections(endpoint.host, endpoint.port, count, greeting):
            selector.register(stack.enter_context(silent), selectors.EVENT_READ)
        began = time.monotonic()
        for _ in range(50):
            witness.works()
        assert time.monotonic() - began < 10
        # Newcomers are served too, and the silent ones are hung up on when their time is over.
        with Peer(endpoint.host, endpoint.port) as newcomer:
            newcomer.open()
        end = time.monotonic() + IDLE_PATIENCE_S
        while selector.get_map():
            assert time.monotonic() < end, f"{len(selector.get_map())} of {count} are still connected"
            for key, _ in selector.select(timeout=1):
                with contextlib.suppress(ConnectionResetError):
                    if key.fileobj.recv(65536):
                        continue
                selector.unregister(key.fileobj)
            witness.works()
