"""The life of a connection: every (state, method) pair, the maxima, who may log in, what is agreed on."""

from __future__ import annotations

import pytest

from leveret.amqp import Settings
from leveret.amqp.handshake import (
    AUTHENTICATING,
    AWAIT_HEADER,
    AWAIT_OPEN,
    AWAIT_SECURE_OK,
    AWAIT_START_OK,
    AWAIT_TUNE_OK,
    CLOSED,
    CLOSING,
    CONNECTION,
    OPEN,
    OPENING,
    Moved,
    State,
    describe_header,
    require_tuned,
)
from leveret.errors import NotAllowed
from leveret.wire.definitions import SetParameter
from leveret.wire.fields import Arguments
from leveret.wire.frames import PROTOCOL_HEADER, method_frame
from leveret.wire.methods import (
    METHODS,
    ChannelOpen,
    ConnectionClose,
    ConnectionCloseOk,
    ConnectionOpen,
    ConnectionOpenOk,
    ConnectionSecure,
    ConnectionSecureOk,
    ConnectionStart,
    ConnectionStartOk,
    ConnectionTune,
    ConnectionTuneOk,
    ConnectionUpdateSecret,
    ConnectionUpdateSecretOk,
    Method,
)

from .samples import SAMPLES, name_of
from .support import CAPABLE, PEER, Link, World

START_OK = ConnectionStartOk(CAPABLE, "PLAIN", b"\0guest\0guest", "en_US")
CHALLENGED = ConnectionStartOk(CAPABLE, "CHALLENGE", b"", "en_US")
TUNE_OK = ConnectionTuneOk(2047, 131072, 0)


def arrive(state: State) -> Link:
    """A connection in this state."""
    world = World()
    link = world.link()
    link.feed(PROTOCOL_HEADER)
    if state is AUTHENTICATING:
        world.held = True
        link.send(START_OK, channel=0)
    elif state is AWAIT_SECURE_OK:
        link.send(CHALLENGED, channel=0)
    elif state is not AWAIT_START_OK:
        link.send(START_OK, channel=0)
        if state is not AWAIT_TUNE_OK:
            link.send(TUNE_OK, channel=0)
        world.held = state is OPENING
        if state in (OPENING, OPEN, CLOSING, CLOSED):
            link.send(ConnectionOpen("/"), channel=0)
        if state is CLOSING:
            link.session.shutdown("shutdown")
        if state is CLOSED:
            link.send(ConnectionClose(200), channel=0)
    world.run()
    assert link.session.state is state
    link.received.clear()
    return link


REPLIES: dict[State, dict[type[Method], type[Method] | None]] = {
    AWAIT_START_OK: {ConnectionStartOk: ConnectionTune, ConnectionClose: ConnectionCloseOk},
    AUTHENTICATING: {},
    AWAIT_SECURE_OK: {ConnectionSecureOk: ConnectionTune, ConnectionClose: ConnectionCloseOk},
    AWAIT_TUNE_OK: {ConnectionTuneOk: None, ConnectionClose: ConnectionCloseOk},
    AWAIT_OPEN: {ConnectionOpen: ConnectionOpenOk, ConnectionClose: ConnectionCloseOk},
    OPENING: {},
    OPEN: {ConnectionUpdateSecret: ConnectionUpdateSecretOk, ConnectionClose: ConnectionCloseOk},
    CLOSING: {ConnectionClose: ConnectionCloseOk, ConnectionCloseOk: None},
    CLOSED: {},
}
"""What each state takes from the peer, and its answer. Everything else is an error, or ignored."""


@pytest.mark.parametrize("id", METHODS, ids=name_of)
@pytest.mark.parametrize("state", REPLIES, ids=lambda state: state.name)
def test_every_method_in_every_state(state: State, id: int) -> None:
    link = arrive(state)
    link.send(SAMPLES[id], channel=0)
    replies = REPLIES[state]
    if METHODS[id] in replies:
        expected = replies[METHODS[id]]
        assert [type(method) for method in link.on(0)] == ([expected] if expected else [])
        moved = CONNECTION[state][id]
        assert link.session.state is {AUTHENTICATING: AWAIT_TUNE_OK, OPENING: OPEN}.get(moved, moved)
    elif state in (AUTHENTICATING, OPENING, CLOSING, CLOSED):
        assert link.on(0) == []
        assert link.session.state is state
    else:
        text = f"CHANNEL_ERROR - unexpected method in connection state {state}"
        assert link.on(0) == [ConnectionClose(504, text, id >> 16, id & 0xFFFF)]
        assert link.session.state is CLOSING


def test_the_table_takes_exactly_these() -> None:
    assert {
        state: {METHODS[id] for id in moves if id in METHODS}
        for state, moves in CONNECTION.items()
        if state is not AWAIT_HEADER
    } == {state: set(replies) for state, replies in REPLIES.items()}


def test_every_state_can_end_but_the_last() -> None:
    for state, moves in CONNECTION.items():
        assert (moves.get(Moved.GONE) is CLOSED) is (state is not CLOSED)


@pytest.mark.parametrize(
    ("state", "name"),
    [
        (AWAIT_START_OK, "starting"),
        (AUTHENTICATING, "securing"),
        (AWAIT_SECURE_OK, "securing"),
        (AWAIT_TUNE_OK, "tuning"),
        (AWAIT_OPEN, "opening"),
        (OPEN, "running"),
        (CLOSING, "closing"),
        (CLOSED, "closed"),
    ],
)
def test_states_are_called_as_in_rabbitmq(state: State, name: str) -> None:
    assert str(state) == name


# -- the protocol header -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("header", [PROTOCOL_HEADER, b"AMQP\x01\x01\x00\x09"])
def test_a_right_header_starts(header: bytes) -> None:
    link = World().link()
    link.feed(header)
    (start,) = link.on(0)
    assert isinstance(start, ConnectionStart)
    assert (start.version_major, start.version_minor) == (0, 9)
    assert start.mechanisms == b"PLAIN AMQPLAIN CHALLENGE"
    assert start.locales == b"en_US"
    properties = start.server_properties
    assert properties["product"] == "RabbitMQ"
    assert properties["version"] == "4.2.0"
    assert str(properties["platform"]).startswith("Leveret ")
    assert " on Python 3." in str(properties["platform"])
    assert "Leveret" in str(properties["information"])
    assert properties["cluster_name"] == "leveret@localhost"
    assert properties["copyright"]
    assert properties["capabilities"] == dict.fromkeys(
        (
            "publisher_confirms",
            "exchange_exchange_bindings",
            "basic.nack",
            "consumer_cancel_notify",
            "connection.blocked",
            "consumer_priorities",
            "authentication_failure_close",
            "per_consumer_qos",
            "direct_reply_to",
        ),
        True,
    )


def test_start_says_what_the_broker_is_called_now() -> None:
    world = World()
    world.broker.commit(SetParameter("", "", "cluster_name", "warren"))
    link = world.link()
    link.feed(PROTOCOL_HEADER)
    (start,) = link.on(0)
    assert isinstance(start, ConnectionStart)
    assert start.server_properties["cluster_name"] == "warren"


def test_what_is_offered_is_up_to_who_checks_it() -> None:
    world = World()
    world.access.offered = ("PLAIN", "AMQPLAIN")
    link = world.link()
    link.feed(PROTOCOL_HEADER)
    (start,) = link.on(0)
    assert isinstance(start, ConnectionStart)
    assert start.mechanisms == b"PLAIN AMQPLAIN"


@pytest.mark.parametrize(
    "header",
    [
        b"AMQP\x00\x00\x09\x02",
        b"AMQP\x00\x01\x00\x00",
        b"AMQP\x03\x01\x00\x00",
        b"HELO you",
        b"GET / HT",
        b"\x16\x03\x01\x02\x00\x01\x00\x01",
    ],
)
def test_a_wrong_header_gets_the_right_one_and_a_close(header: bytes) -> None:
    link = World().link()
    link.feed(header + b"and more of that kind")
    assert link.raw == PROTOCOL_HEADER
    assert link.session.finished
    link.feed(b"still talking")
    assert link.raw == PROTOCOL_HEADER


def test_who_does_not_speak_amqp_is_named_in_the_log() -> None:
    assert "TLS client" in describe_header(b"\x16\x03\x01\x02\x00\x01\x00\x01")
    assert "HTTP GET" in describe_header(b"GET / HT")
    assert "HELO" in describe_header(b"HELO you")


def test_bytes_may_come_one_by_one() -> None:
    world = World()
    link = world.link()
    conversation = PROTOCOL_HEADER + b"".join(
        method_frame(0, method) for method in (START_OK, TUNE_OK, ConnectionOpen("/"))
    )
    for byte in conversation:
        link.feed(bytes((byte,)))
    assert [type(method) for method in link.on(0)] == [ConnectionStart, ConnectionTune, ConnectionOpenOk]


def test_everything_may_come_at_once() -> None:
    link = World().link()
    link.feed(
        PROTOCOL_HEADER
        + b"".join(method_frame(0, method) for method in (START_OK, TUNE_OK, ConnectionOpen("/")))
        + method_frame(5, ChannelOpen())
    )
    assert [type(method) for method in link.on(0)] == [ConnectionStart, ConnectionTune, ConnectionOpenOk]
    assert len(link.on(5)) == 1


# -- logging in --------------------------------------------------------------------------------------------------------


def test_credentials_reach_the_access_port() -> None:
    world = World()
    link = world.connect()
    assert world.access.calls == [("PLAIN", b"\0guest\0guest", False)]
    assert link.session.client is not None
    assert link.session.client.user is not None
    assert link.session.client.user.name == "guest"
    assert link.session.client.properties == CAPABLE


@pytest.mark.parametrize("late", [True, False])
def test_a_challenge_is_passed_on(late: bool) -> None:
    world = World(late=late)
    link = world.link()
    link.feed(PROTOCOL_HEADER)
    link.send(CHALLENGED, channel=0)
    assert link.last(0) == ConnectionSecure(b"what?")
    link.send(ConnectionSecureOk(b"\0guest\0guest"), channel=0)
    assert link.last(0) == ConnectionTune(2047, 131072, 60)


@pytest.mark.parametrize("late", [True, False])
def test_a_refused_login_is_told_to_who_understands(late: bool) -> None:
    link = World(late=late).link()
    link.feed(PROTOCOL_HEADER)
    link.send(ConnectionStartOk(CAPABLE, "PLAIN", b"\0guest\0wrong", "en_US"), channel=0)
    text = "Login was refused using authentication mechanism PLAIN. For details see the broker logfile."
    assert link.last(0) == ConnectionClose(403, f"ACCESS_REFUSED - {text}")
    assert not link.session.finished
    link.send(ConnectionCloseOk(), channel=0)
    assert link.session.finished


@pytest.mark.parametrize("late", [True, False])
@pytest.mark.parametrize(
    "properties",
    [
        Arguments.EMPTY,
        Arguments.of({"capabilities": {}}),
        Arguments.of({"capabilities": "many"}),
        Arguments.of({"capabilities": {"authentication_failure_close": False}}),
    ],
)
def test_a_refused_login_of_an_old_client_just_ends(properties: Arguments, late: bool) -> None:
    link = World(late=late).link()
    link.feed(PROTOCOL_HEADER)
    link.received.clear()
    link.send(ConnectionStartOk(properties, "PLAIN", b"\0guest\0wrong", "en_US"), channel=0)
    assert link.on(0) == []
    assert link.session.finished


def test_nothing_is_read_while_a_login_is_checked() -> None:
    world = World()
    world.held = True
    link = world.link()
    link.feed(PROTOCOL_HEADER)
    assert link.session.reading
    link.send(START_OK, channel=0)
    assert not link.session.reading
    link.send(TUNE_OK, channel=0)
    assert link.session.state is AUTHENTICATING
    world.held = False
    world.run()
    assert link.session.reading
    assert link.session.state is AWAIT_OPEN


def test_an_answer_after_the_end_is_ignored() -> None:
    world = World()
    world.held = True
    link = world.link()
    link.feed(PROTOCOL_HEADER)
    link.send(START_OK, channel=0)
    link.session.lost()
    link.received.clear()
    world.held = False
    world.run()
    assert link.received == []
    assert link.session.finished


def test_an_unknown_mechanism_is_refused() -> None:
    link = World().link()
    link.feed(PROTOCOL_HEADER)
    link.send(ConnectionStartOk(CAPABLE, "EXTERNAL", b"", "en_US"), channel=0)
    assert link.last(0) == ConnectionClose(503, "COMMAND_INVALID - unknown authentication mechanism 'EXTERNAL'", 10, 11)


def test_a_malformed_response_is_an_error() -> None:
    link = World().link()
    link.feed(PROTOCOL_HEADER)
    link.send(ConnectionStartOk(CAPABLE, "PLAIN", b"malformed", "en_US"), channel=0)
    assert link.last(0) == ConnectionClose(502, "SYNTAX_ERROR - malformed response", 10, 11)
    link.send(ConnectionCloseOk(), channel=0)
    assert link.session.finished


def test_a_bug_in_a_backend_tells_nothing() -> None:
    link = World().link()
    link.feed(PROTOCOL_HEADER)
    link.send(ConnectionStartOk(CAPABLE, "PLAIN", b"explode", "en_US"), channel=0)
    assert link.last(0) == ConnectionClose(541, "INTERNAL_ERROR", 10, 11)


def test_passwords_are_never_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    world = World()
    world.connect()
    for response in (b"\0guest\0hunter2", b"malformed hunter2"):
        link = world.link()
        link.feed(PROTOCOL_HEADER)
        link.send(ConnectionStartOk(CAPABLE, "PLAIN", response, "en_US"), channel=0)
    assert caplog.text
    assert "hunter2" not in caplog.text


# -- maxima ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("frame_max", "channel_max", "text"),
    [
        (4096, 2047, "negotiated frame_max = 4096 is lower than the minimum allowed value (8192)"),
        (131073, 2047, "negotiated frame_max = 131073 is higher than the maximum allowed value (131072)"),
        (0, 2047, "negotiated frame_max = 0 (no limit) is higher than the maximum allowed value (131072)"),
        (131072, 2048, "negotiated channel_max = 2048 is higher than the maximum allowed value (2047)"),
        (131072, 0, "negotiated channel_max = 0 (no limit) is higher than the maximum allowed value (2047)"),
    ],
)
def test_maxima_outside_what_was_offered(frame_max: int, channel_max: int, text: str) -> None:
    link = arrive(AWAIT_TUNE_OK)
    link.send(ConnectionTuneOk(channel_max, frame_max, 60), channel=0)
    assert link.on(0) == [ConnectionClose(530, f"NOT_ALLOWED - {text}", 10, 31)]


@pytest.mark.parametrize(("frame_max", "channel_max"), [(8192, 1), (131072, 2047), (9000, 100)])
def test_maxima_may_be_lowered(frame_max: int, channel_max: int) -> None:
    require_tuned(Settings(), ConnectionTuneOk(channel_max, frame_max, 0))


def test_without_limits_of_ours_everything_goes() -> None:
    unlimited = Settings(frame_max=0, channel_max=0)
    require_tuned(unlimited, ConnectionTuneOk(0, 0, 0))
    with pytest.raises(NotAllowed):
        require_tuned(unlimited, ConnectionTuneOk(0, 100, 0))


# -- the virtual host --------------------------------------------------------------------------------------------------


def test_an_unknown_vhost() -> None:
    link = arrive(AWAIT_OPEN)
    link.send(ConnectionOpen("nowhere"), channel=0)
    assert link.on(0) == [ConnectionClose(530, "NOT_ALLOWED - vhost nowhere not found", 10, 40)]


def test_a_vhost_that_the_user_may_not_open() -> None:
    world = World()
    link = world.link()
    link.feed(PROTOCOL_HEADER)
    link.send(ConnectionStartOk(CAPABLE, "PLAIN", b"\0bob\0builder", "en_US"), channel=0)
    link.send(TUNE_OK, ConnectionOpen("/"), channel=0)
    assert link.last(0) == ConnectionClose(530, "NOT_ALLOWED - access to vhost '/' refused for user 'bob'", 10, 40)


def test_a_channel_before_open_is_unexpected() -> None:
    link = arrive(AWAIT_OPEN)
    link.send(ChannelOpen(), channel=1)
    (close,) = link.on(0)
    assert isinstance(close, ConnectionClose)
    assert close.reply_code == 505
    assert close.reply_text.startswith("UNEXPECTED_FRAME - type 1, all octets = <<")


# -- time --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", [AWAIT_START_OK, AWAIT_SECURE_OK, AWAIT_TUNE_OK, AWAIT_OPEN])
def test_a_handshake_takes_ten_seconds_at_most(state: State) -> None:
    link = arrive(state)
    link.world.tick(9_999)
    assert not link.session.finished
    link.world.tick(1)
    assert link.session.finished
    assert link.on(0) == []


def test_who_says_nothing_is_dropped_too() -> None:
    world = World()
    link = world.link()
    world.tick(10_000)
    assert link.session.finished
    assert link.raw == b""


def test_until_it_is_open_it_wants_frequent_ticks() -> None:
    """The shell asks for ticks on this answer only, and a heartbeat may be as short as a second."""
    world = World()
    link = world.link()
    wanted = link.session.tick(world.clock.monotonic_ms())
    assert wanted is not None
    assert wanted <= 1_000


def test_loopback_is_told_to_the_access_port() -> None:
    world = World()
    world.connect(peer=type(PEER)("127.0.0.1", 1, "127.0.0.1", 2, loopback=True))
    assert world.access.calls[-1][2] is True
