"""Mistakes that cost the connection, and what crosses on the wire; made of frames where no client library would."""

from __future__ import annotations

from typing import Any

from ...clients.raw import BODY, HEADER, HEARTBEAT, METHOD, Peer, content_header, frame, method, publish, shortstr
from ..client import CAPABILITIES, Event
from ..codec import decode_method, encode_method, encode_table
from ..record import line
from ..scenario import every, scenario
from ..stage import Stage


def _declare(channel: int) -> bytes:
    return frame(METHOD, channel, encode_method("Queue.Declare", {"queue": "q", "exclusive": True}))


MISTAKES = {
    "a_method_on_a_channel_that_is_not_open": _declare(9),
    "a_second_channel_open": method(1, 20, 10, b"\0"),
    "a_channel_method_on_channel_0": _declare(0),
    "a_connection_method_on_a_channel": method(1, 10, 50, b"\0\xc8\0\0\0\0\0"),
    "a_method_of_the_server": method(1, 60, 21, shortstr("c")),
    "a_second_connection_open": method(0, 10, 40, shortstr("/") + b"\0\0"),
    "a_start_ok_late": method(0, 10, 11, b"\0\0\0\0" + shortstr("PLAIN") + b"\0\0\0\0" + shortstr("en_US")),
    "a_body_without_a_method": frame(BODY, 1, b"?"),
    "a_header_without_a_method": content_header(1, 0),
    "a_method_in_place_of_a_header": publish(1, "nowhere") + method(1, 60, 10, b"\0" * 7),
    "a_method_in_place_of_a_body": publish(1, "nowhere") + content_header(1, 5) + method(1, 60, 10, b"\0" * 7),
    "a_header_in_place_of_a_body": publish(1, "nowhere") + content_header(1, 5) + content_header(1, 5),
    "a_body_in_place_of_a_header": publish(1, "nowhere") + frame(BODY, 1, b"?"),
    "a_header_of_another_class": publish(1, "nowhere") + content_header(1, 0, class_id=50),
    "a_frame_of_an_unknown_kind": frame(5, 1, b"?"),
    "a_frame_without_its_end": frame(METHOD, 1, b"\0\x14\0\x28", end=b"\x00"),
    "a_frame_that_is_too_large": frame(BODY, 1, b"." * 131_073),
    "a_heartbeat_on_a_channel": frame(HEARTBEAT, 1, b""),
    "arguments_that_are_cut": method(1, 50, 10, b"\0\0\x05abc"),
    "heartbeats_with_and_without_payload": frame(HEARTBEAT, 0, b"") + frame(HEARTBEAT, 0, b""),
    "a_channel_close_ok_unasked": method(1, 20, 41),
}


@every(MISTAKES)
def mistakes(s: Stage, data: bytes) -> None:
    ch = s.channel()
    ch.sync()
    ch.connection.link.send_raw(data)
    ch.sync()


@scenario
def other_channels_go_with_the_connection(s: Stage) -> None:
    connection = s.connection()
    one, two = connection.channel(), connection.channel()
    q = one.queue("q", exclusive=True)
    p = two.queue("p")
    two.publish(b"1", p)
    two.count(p, 1)
    two.get(p)
    one.publish(b"1", q, immediate=True)
    one.sync()
    two.count(p, 1)
    two.gone(q)


@scenario
def other_channels_do_not_go_with_a_channel(s: Stage) -> None:
    connection = s.connection()
    one, two = connection.channel(), connection.channel()
    q = one.queue("q")
    two.consume(q)
    one.declare(s.name("missing"), passive=True)
    one.publish(b"1", q)
    two.deliveries()


@scenario
def a_channel_that_is_closed_and_opened(s: Stage) -> None:
    ch = s.channel()
    q = ch.queue("q")
    for _ in range(3):
        ch.consume(q)
        ch.publish(b"1", q)
        ch.deliveries()
        ch.ack(1)
        ch.close()
    ch.count(q, 0)


@scenario
def a_channel_closed_with_confirms_due(s: Stage) -> None:
    ch = s.channel()
    q = ch.queue("q")
    ch.confirm()
    ch.publish(b"1", q)
    ch.confirms()
    ch.close()
    ch.publish(b"2", q)
    ch.sync()
    ch.remaining()
    ch.count(q, 2)


@scenario
def heartbeats_between_the_frames_of_a_message(s: Stage) -> None:
    ch = s.channel()
    q = ch.queue("q")
    link = ch.connection.link
    beat = frame(HEARTBEAT, 0, b"")
    link.send_raw(
        beat
        + publish(1, q)
        + beat
        + frame(HEADER, 1, b"\0\x3c\0\0" + (4).to_bytes(8, "big") + b"\0\0")
        + beat
        + frame(BODY, 1, b"")
        + frame(BODY, 1, b"ab")
        + beat
        + frame(BODY, 1, b"cd")
    )
    ch.count(q, 1)
    ch.drain(q)


@scenario
def an_error_on_a_channel_in_the_middle_of_a_message(s: Stage) -> None:
    connection = s.connection()
    one, two = connection.channel(), connection.channel()
    q = two.queue("q")
    one.sync()
    connection.link.send_raw(publish(1, q) + content_header(1, 4) + frame(BODY, 1, b"ab"))
    two.publish(b"whole", q)
    two.count(q, 1)
    connection.link.send_raw(frame(BODY, 1, b"cd"))
    one.sync()
    two.count(q, 2)
    two.drain(q)


@scenario
def access_request(s: Stage) -> None:
    ch = s.channel()
    link = ch.ready()
    link.send_raw(method(1, 30, 10, shortstr("/data") + b"\x1f"))
    # pamqp does not know the class: what comes is read by hand.
    got = link.peer.read_frame()
    s.say(f"access.request is answered with {got}")
    ch.sync()


def _opens(s: Stage, capabilities: dict[str, Any], password: str = "guest", vhost: str = "/", mechanism: str = "PLAIN"):
    """Try to open a connection, and record how that ended."""
    start = {"mechanism": mechanism, "response": f"\0guest\0{password}", "locale": "en_US"}
    with Peer(*s.address) as peer:
        peer.send(b"AMQP\0\0\x09\x01")
        peer.expect_method(10, 10)
        properties = encode_table(capabilities)
        peer.send(
            method(
                0,
                10,
                11,
                properties
                + shortstr(start["mechanism"])
                + len(start["response"]).to_bytes(4, "big")
                + start["response"].encode()
                + shortstr(start["locale"]),
            )
        )
        while (got := peer.read_frame()) is not None:
            name, fields = decode_method(got[2])
            if name == "Connection.Tune":
                s.say("connection.tune")
                peer.send(
                    frame(METHOD, 0, encode_method("Connection.TuneOk", {"channel_max": 9, "frame_max": 131072})),
                    method(0, 10, 40, shortstr(vhost) + b"\0\0"),
                )
                continue
            s.say(line(Event(name, fields)))
            return
        s.say("the end of the stream")


@scenario
def a_vhost_that_is_not_there(s: Stage) -> None:
    _opens(s, CAPABILITIES, vhost="nowhere")
    _opens(s, CAPABILITIES, vhost="")
    _opens(s, CAPABILITIES)


@scenario
def a_wrong_password(s: Stage) -> None:
    _opens(s, CAPABILITIES, password="wrong")


@scenario
def a_mechanism_that_is_not_there(s: Stage) -> None:
    _opens(s, CAPABILITIES, mechanism="MAGIC")
