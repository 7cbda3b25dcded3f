"""Exact replies to mistakes: code, text, channel and the ids of the method that failed, as RabbitMQ gives them."""

from __future__ import annotations

import struct

import pytest

from .raw import BODY, HEARTBEAT, METHOD, Close, Peer, content_header, frame, longstr, method, publish, shortstr

QOS = method(1, 60, 10, b"\0\0\0\0\0\x01\0")


def declare(queue: str, *, channel: int = 1, arguments: bytes = b"\0\0\0\0") -> bytes:
    """queue.declare, exclusive."""
    return method(channel, 50, 10, b"\0\0" + shortstr(queue) + b"\x04" + arguments)


def bind(exchange: str, routing_key: str, arguments: bytes = b"\0\0\0\0") -> bytes:
    """queue.bind of the queue that the channel declared last."""
    names = shortstr("") + shortstr(exchange) + shortstr(routing_key)
    return method(1, 50, 20, b"\0\0" + names + b"\0" + arguments)


def delete_exchange(name: str) -> bytes:
    return method(1, 40, 20, b"\0\0" + shortstr(name) + b"\0")


CONNECTION = {
    "frame too large": (
        [struct.pack(">BHI", METHOD, 1, 200_000)],
        Close(501, "FRAME_ERROR - type 1, all octets = <<>>: {frame_too_large,200000,131064}"),
    ),
    "frame end": (
        [frame(METHOD, 1, struct.pack(">HH", 90, 10), end=b"\x2a")],
        Close(501, "FRAME_ERROR - type 1, all octets = <<0,90,0,10>>: {invalid_frame_end_marker,42}"),
    ),
    "frame type": (
        [frame(77, 1, b"1234")],
        Close(501, 'FRAME_ERROR - type 77, all octets = <<"1234">>: unknown_frame'),
    ),
    "heartbeat on a channel": (
        [frame(HEARTBEAT, 1, b"")],
        Close(505, "UNEXPECTED_FRAME - type 8, all octets = <<>>"),
    ),
    "heartbeat with a payload": (
        [frame(HEARTBEAT, 0, b"abc")],
        Close(501, 'FRAME_ERROR - type 8, all octets = <<"abc">>: unknown_frame'),
    ),
    "unopened channel": (
        [declare("", channel=7)],
        Close(504, "CHANNEL_ERROR - expected 'channel.open'", 0, 50, 10),
    ),
    "channel opened twice": (
        [method(1, 20, 10, b"\0")],
        Close(504, "CHANNEL_ERROR - second 'channel.open' seen", 0, 20, 10),
    ),
    "channel's method on channel 0": (
        [declare("", channel=0)],
        Close(504, "CHANNEL_ERROR - unexpected method in connection state running", 0, 50, 10),
    ),
    "connection's method on channel 1": (
        [method(1, 10, 40, shortstr("/") + b"\0\0")],
        Close(503, "COMMAND_INVALID - unimplemented method", 0, 10, 40),
    ),
    "answer of a server": (
        [method(1, 50, 11, shortstr("q") + b"\0" * 8)],
        Close(503, "COMMAND_INVALID - unimplemented method", 0, 50, 11),
    ),
    "too few arguments": (
        [method(1, 50, 10, b"\0\0")],
        Close(501, "FRAME_ERROR - cannot decode <<0,0>>", 0, 50, 10),
    ),
    "too many arguments": (
        [method(1, 60, 10, b"\0\0\0\0\0\x01\0zzz")],
        Close(501, "FRAME_ERROR - cannot decode <<0,0,0,0,0,1,0,122,122,122>>", 0, 60, 10),
    ),
    "table longer than its frame": (
        [declare("q", arguments=b"\xff\xff\xff\xff")],
        Close(501, "FRAME_ERROR - cannot decode <<0,0,1,113,4,255,255,255,255>>", 0, 50, 10),
    ),
    "header without a method": (
        [content_header(1, 5)],
        Close(505, "UNEXPECTED_FRAME - expected method frame, got non method frame instead"),
    ),
    "body without a method": (
        [frame(BODY, 1, b"x")],
        Close(505, "UNEXPECTED_FRAME - expected method frame, got non method frame instead"),
    ),
    "method in place of a header": (
        [publish(1, "x"), QOS],
        Close(
            505,
            "UNEXPECTED_FRAME - expected content header for class 60, got non content header frame instead",
            0,
            60,
            40,
        ),
    ),
    "header of another class": (
        [publish(1, "x"), content_header(1, 5, class_id=10)],
        Close(
            505,
            "UNEXPECTED_FRAME - expected content header for class 60, got one for class 10 instead",
            0,
            60,
            40,
        ),
    ),
    "method in place of a body": (
        [publish(1, "x"), content_header(1, 5), QOS],
        Close(505, "UNEXPECTED_FRAME - expected content body, got non content body frame instead", 0, 60, 40),
    ),
    "immediate": (
        [method(1, 60, 40, b"\0\0" + shortstr("") + shortstr("x") + b"\2"), content_header(1, 0)],
        Close(540, "NOT_IMPLEMENTED - immediate=true", 0, 60, 40),
    ),
    "prefetch size": (
        [method(1, 60, 10, b"\0\0\0\x05\0\x01\0")],
        Close(540, "NOT_IMPLEMENTED - prefetch_size!=0 (5)", 0, 60, 10),
    ),
    "recover without requeue": (
        [method(1, 60, 110, b"\0")],
        Close(540, "NOT_IMPLEMENTED - requeue=false", 0, 60, 110),
    ),
    "flow stopped": (
        [method(1, 20, 20, b"\0")],
        Close(540, "NOT_IMPLEMENTED - active=false", 0, 20, 20),
    ),
}

CHANNEL = {
    "no queue declared before": (
        [method(1, 60, 70, b"\0\0" + shortstr("") + b"\1")],
        Close(404, "NOT_FOUND - no previously declared queue", 1, 60, 70),
    ),
    "default exchange deleted": (
        [delete_exchange("")],
        Close(403, "ACCESS_REFUSED - operation not permitted on the default exchange", 1, 40, 20),
    ),
    "system exchange deleted": (
        [delete_exchange("amq.direct")],
        Close(403, "ACCESS_REFUSED - deletion of system exchange 'amq.direct' in vhost '/' not allowed", 1, 40, 20),
    ),
    "reserved exchange name": (
        [method(1, 40, 10, b"\0\0" + shortstr("amq.mine") + shortstr("direct") + b"\0\0\0\0\0")],
        Close(403, "ACCESS_REFUSED - exchange name 'amq.mine' contains reserved prefix 'amq.*'", 1, 40, 10),
    ),
    "weight that is no number": (
        [
            method(1, 40, 10, b"\0\0" + shortstr("leveret.weights") + shortstr("x-consistent-hash") + b"\4\0\0\0\0"),
            declare(""),
            bind("leveret.weights", "abc"),
        ],
        Close(406, 'PRECONDITION_FAILED - The binding key must be an integer: <<"abc">>', 1, 50, 20),
    ),
    "unknown x-match": (
        [declare(""), bind("amq.headers", "", longstr(b"\x07x-matchS" + longstr(b"some")))],
        Close(
            406,
            'PRECONDITION_FAILED - Invalid x-match field value <<"some">>; '
            "expected all, any, all-with-x, or any-with-x",
            1,
            50,
            20,
        ),
    ),
    "unknown tag": (
        [method(1, 60, 80, struct.pack(">QB", 9, 0))],
        Close(406, "PRECONDITION_FAILED - unknown delivery tag 9", 1, 60, 80),
    ),
}


@pytest.mark.parametrize("case", CONNECTION)
def test_what_closes_the_connection(endpoint, case):
    sent, reply = CONNECTION[case]
    with Peer(endpoint.host, endpoint.port) as peer:
        peer.open().send(*sent)
        assert peer.closed() == reply


@pytest.mark.parametrize("case", CHANNEL)
def test_what_closes_the_channel(endpoint, case):
    sent, reply = CHANNEL[case]
    with Peer(endpoint.host, endpoint.port) as peer:
        peer.open(channels=2)
        # What follows on the closed channel is ignored until the close is confirmed.
        peer.send(*sent, QOS, declare("", channel=1))
        assert peer.closed() == reply
        peer.send(method(1, 20, 41), method(1, 20, 10, b"\0"), QOS)
        peer.expect_method(20, 11)
        peer.expect_method(60, 11)
        if case == "weight that is no number":
            peer.send(delete_exchange("leveret.weights"))
            peer.expect_method(40, 21)
        peer.send(method(2, 60, 10, b"\0\0\0\0\0\x01\0"))
        peer.expect_method(60, 11)
        peer.send(method(0, 10, 50, b"\0\xc8" + shortstr("done") + b"\0\0\0\0"))
        peer.expect_method(10, 51)
