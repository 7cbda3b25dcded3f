"""Opening a connection over time: refusals that come late, logins that end, rights nobody knows yet, limits, vhosts."""

from __future__ import annotations

from collections.abc import Callable

from leveret.amqp import Settings
from leveret.amqp.handshake import AUTHENTICATING
from leveret.limits import HANDSHAKE_TIMEOUT_MS, LOGIN_REFUSAL_DELAY_MS
from leveret.ports import Undecided
from leveret.wire.definitions import SetParameter
from leveret.wire.fields import Arguments
from leveret.wire.frames import PROTOCOL_HEADER
from leveret.wire.methods import (
    BasicQos,
    BasicQosOk,
    ChannelClose,
    ChannelCloseOk,
    ChannelOpen,
    ConnectionClose,
    ConnectionOpen,
    ConnectionOpenOk,
    ConnectionStartOk,
    ConnectionTuneOk,
    ConnectionUpdateSecret,
    ConnectionUpdateSecretOk,
    Method,
    QueueDeclare,
    QueueDeclareOk,
)

from .support import CAPABLE, Content, Link, World

START_OK = ConnectionStartOk(CAPABLE, "PLAIN", b"\0guest\0guest", "en_US")
TUNE_OK = ConnectionTuneOk(2047, 131072, 0)


class TestRefusals:
    """How late a login that is refused is told so."""

    wrong = ConnectionStartOk(CAPABLE, "PLAIN", b"\0guest\0wrong", "en_US")

    def refused(self, properties: Arguments = CAPABLE) -> tuple[World, Link]:
        world = World(settings=Settings())
        link = world.link()
        link.feed(PROTOCOL_HEADER)
        link.received.clear()
        link.send(ConnectionStartOk(properties, "PLAIN", b"\0guest\0wrong", "en_US"), channel=0)
        return world, link

    def test_after_three_seconds(self) -> None:
        world, link = self.refused()
        assert link.on(0) == []
        assert not link.session.reading
        world.tick(LOGIN_REFUSAL_DELAY_MS - 1)
        assert link.on(0) == []
        world.tick(1)
        (close,) = link.on(0)
        assert isinstance(close, ConnectionClose)
        assert close.reply_code == 403

    def test_who_does_not_understand_it_is_not_told(self) -> None:
        world, link = self.refused(Arguments.EMPTY)
        world.tick(LOGIN_REFUSAL_DELAY_MS)
        assert link.on(0) == []
        assert link.session.finished

    def test_the_time_of_the_check_counts(self) -> None:
        world = World(settings=Settings())
        world.held = True
        link = world.link()
        link.feed(PROTOCOL_HEADER)
        link.received.clear()
        link.send(self.wrong, channel=0)
        world.tick(2_000)
        world.held = False
        world.run()
        assert link.on(0) == []
        world.tick(LOGIN_REFUSAL_DELAY_MS - 2_000)
        assert len(link.on(0)) == 1

    def test_while_it_is_checked_no_time_is_counted(self) -> None:
        world = World()
        world.held = True
        link = world.link()
        link.feed(PROTOCOL_HEADER)
        world.tick(HANDSHAKE_TIMEOUT_MS - 1)
        link.send(START_OK, channel=0)
        for _ in range(3):
            world.tick(HANDSHAKE_TIMEOUT_MS)
        assert not link.session.finished
        world.held = False
        world.run()
        link.send(TUNE_OK, ConnectionOpen("/"), channel=0)
        assert link.last(0) == ConnectionOpenOk()

    def test_afterwards_it_is_counted_again(self) -> None:
        world = World()
        link = world.link()
        link.feed(PROTOCOL_HEADER)
        link.send(START_OK, channel=0)
        world.tick(HANDSHAKE_TIMEOUT_MS)
        assert link.session.finished

    def test_what_it_says_meanwhile_is_not_served(self) -> None:
        _, link = self.refused()
        link.send(TUNE_OK, ConnectionOpen("/"), channel=0)
        assert link.on(0) == []
        assert link.session.state is AUTHENTICATING

    def test_who_goes_meanwhile(self) -> None:
        world, link = self.refused()
        link.session.lost()
        world.tick(LOGIN_REFUSAL_DELAY_MS)
        assert link.on(0) == []
        assert link.session.finished

    def test_the_next_tick_is_when_it_is_due(self) -> None:
        world, link = self.refused()
        now_ms = world.clock.monotonic_ms()
        assert link.session.tick(now_ms) == now_ms + 1_000
        assert link.session.tick(now_ms + 2_500) == now_ms + LOGIN_REFUSAL_DELAY_MS


class TestExpiry:
    """Logins that end (OAuth 2)."""

    def connect(self) -> tuple[World, Link]:
        world = World()
        world.access.expires_ms = world.clock.wall_ms() + 60_000
        link = world.connect()
        return world, link

    def test_the_connection_is_closed(self) -> None:
        world, link = self.connect()
        assert link.session.tick(world.clock.monotonic_ms()) is not None
        world.tick(59_999)
        assert link.on(0) == []
        world.tick(1)
        assert link.on(0) == [ConnectionClose(320, "CONNECTION_FORCED - credential expired", 0, 0)]

    def test_a_new_secret_makes_it_last_longer(self) -> None:
        world, link = self.connect()
        world.access.expires_ms = world.clock.wall_ms() + 100_000
        assert link.call(ConnectionUpdateSecret(b"new", "it is time"), 0) == ConnectionUpdateSecretOk()
        world.tick(99_999)
        world.tick(1)
        assert link.last(0) == ConnectionClose(320, "CONNECTION_FORCED - credential expired", 0, 0)

    def test_a_new_secret_that_is_refused(self) -> None:
        _, link = self.connect()
        link.send(ConnectionUpdateSecret(b"wrong", ""), channel=0)
        text = "NOT_ALLOWED - New secret was refused by one of the backends"
        assert link.on(0) == [ConnectionClose(530, text, 10, 70)]

    def test_new_rights_come_with_it(self) -> None:
        world, link = self.connect()
        before = link.session.connection.rights  # type: ignore[union-attr]
        world.access.rights["guest"] = new = NoRights()
        assert link.call(ConnectionUpdateSecret(b"new", ""), 0) == ConnectionUpdateSecretOk()
        assert link.session.connection is not None
        assert link.session.connection.rights is new is not before

    def test_other_channels_wait_for_it(self) -> None:
        world, link = self.connect()
        link.open_channel(1)
        world.held = True
        link.send(ConnectionUpdateSecret(b"new", ""), channel=0)
        link.send(QueueDeclare("q"))
        assert link.on(1) == []
        world.held = False
        world.run()
        assert link.on(1) == [QueueDeclareOk("q", 0, 0)]


class NoRights:
    """Nothing is allowed; or nobody knows yet, as long as `asked` is a list."""

    user = "guest"
    version = 0

    def __init__(self) -> None:
        self.asked: list[Callable[[], None]] | None = None
        self.allowed: set[str] = set()

    def may(self, permission: str, kind: str, name: str) -> bool:
        if name in self.allowed:
            return True
        if self.asked is not None:
            raise Undecided(self.asked.append)
        return False

    def has_topics(self, exchange: str) -> bool:
        return False

    def may_topic(self, permission: str, exchange: str, routing_key: str) -> bool:
        return False

    def answer(self, *names: str) -> None:
        """Whoever asked tries again; these names are allowed from now on."""
        assert self.asked is not None
        self.allowed.update(names)
        asked, self.asked = self.asked, []
        for go_on in asked:
            go_on()


class TestUndecided:
    """Rights that somebody else has to be asked about."""

    def connect(self) -> tuple[World, Link, NoRights]:
        world = World()
        rights = NoRights()
        rights.asked = []
        world.access.rights["guest"] = rights
        link = world.channel()
        return world, link, rights

    def test_a_method_is_done_when_the_answer_is_there(self) -> None:
        world, link, rights = self.connect()
        link.send(QueueDeclare("q"))
        assert link.on(1) == []
        rights.answer("q")
        world.run()
        assert link.on(1) == [QueueDeclareOk("q", 0, 0)]

    def test_or_refused(self) -> None:
        world, link, rights = self.connect()
        link.send(QueueDeclare("q"))
        asked, rights.asked = rights.asked, None
        assert asked is not None
        asked[0]()
        world.run()
        (close,) = link.on(1)
        assert isinstance(close, ChannelClose)
        assert (
            close.reply_text == "ACCESS_REFUSED - configure access to queue 'q' in vhost '/' refused for user 'guest'"
        )

    def test_what_follows_on_the_channel_waits_and_others_go_on(self) -> None:
        world, link, rights = self.connect()
        link.open_channel(2)
        rights.allowed.add("other")
        link.send(QueueDeclare("q"), BasicQos(prefetch_count=1))
        link.send(QueueDeclare("other"), channel=2)
        assert link.on(1) == []
        assert link.on(2) == [QueueDeclareOk("other", 0, 0)]
        rights.answer("q")
        world.run()
        assert link.on(1) == [QueueDeclareOk("q", 0, 0), BasicQosOk()]

    def test_a_queue_without_a_name_keeps_the_one_that_was_asked_for(self) -> None:
        world, link, rights = self.connect()
        link.send(QueueDeclare(""))
        assert rights.asked is not None
        assert len(rights.asked) == 1
        name = link.session.channels[1].generated
        assert name.startswith("amq.gen-")
        rights.answer(name)
        world.run()
        assert link.on(1) == [QueueDeclareOk(name, 0, 0)]
        assert link.session.channels[1].generated == ""

    def test_messages_wait_and_none_is_published_twice(self) -> None:
        world, link, rights = self.connect()
        rights.allowed.add("q")
        link.call(QueueDeclare("q"))
        link.publish(b"1", b"2")
        link.publish(b"3")
        rights.answer("amq.default")
        world.run()
        link.received.clear()
        assert link.call(QueueDeclare("q", passive=True)) == QueueDeclareOk("q", 3, 0)

    def test_who_is_gone_when_the_answer_comes(self) -> None:
        world, link, rights = self.connect()
        link.send(QueueDeclare("q"))
        link.session.lost()
        rights.answer("q")
        world.run()
        assert "q" not in world.broker.vhosts["/"].queues


class TestLimits:
    """How many connections and channels there may be."""

    def open(self, world: World) -> Method | None:
        link = world.link()
        link.feed(PROTOCOL_HEADER)
        link.send(START_OK, channel=0)
        link.send(TUNE_OK, ConnectionOpen("/"), channel=0)
        answer = link.last(0)
        assert not isinstance(answer, Content)
        return answer

    def test_of_a_node(self) -> None:
        world = World()
        world.broker.connections.open_max = 1
        first = world.connect()
        text = "NOT_ALLOWED - connection refused: node connection limit (1) is reached"
        assert self.open(world) == ConnectionClose(530, text, 10, 40)
        first.session.lost()
        assert self.open(world) == ConnectionOpenOk()

    def test_of_a_virtual_host(self) -> None:
        world = World()
        world.broker.commit(SetParameter("/", "vhost-limits", "limits", {"max-connections": 1}))
        world.connect()
        text = "NOT_ALLOWED - access to vhost '/' refused for user 'guest': connection limit (1) is reached"
        assert self.open(world) == ConnectionClose(530, text, 10, 40)

    def test_of_a_user(self) -> None:
        world = World(user_limits={"max-connections": 1})
        world.connect()
        text = "NOT_ALLOWED - connection refused for user 'guest': user connection limit (1) is reached"
        assert self.open(world) == ConnectionClose(530, text, 10, 40)

    def test_channels_of_a_user(self) -> None:
        world = World(user_limits={"max-channels": 2})
        one, two = world.connect(), world.connect()
        one.open_channel(1)
        two.open_channel(1)
        two.send(ChannelOpen(), channel=2)
        text = "number of channels opened for user 'guest' has reached the maximum allowed user limit of 2"
        assert two.last(0) == ConnectionClose(530, f"NOT_ALLOWED - {text}", 0, 0)
        one.open_channel(2)  # those of the other are closed

    def test_channels_of_a_node(self) -> None:
        world = World()
        world.broker.connections.channels_max = 2
        link = world.connect()
        link.open_channel(1)
        link.open_channel(2)
        assert link.call(ChannelClose(200), 2) == ChannelCloseOk()
        link.open_channel(3)
        link.send(ChannelOpen(), channel=4)
        text = "number of channels opened on node 'leveret' has reached the maximum allowed limit of 2"
        assert link.last(0) == ConnectionClose(530, f"NOT_ALLOWED - {text}", 0, 0)
        assert world.broker.connections.channels == 0

    def test_a_channel_that_we_closed_counts_no_more(self) -> None:
        world = World()
        link = world.channel()
        link.send(QueueDeclare("nowhere", passive=True))
        assert world.broker.connections.channels == 0
        link.session.lost()
        assert world.broker.connections.channels == 0


class TestVHosts:
    def test_a_connection_to_another_one(self) -> None:
        world = World()
        world.broker.vhosts.put("shop")
        link = world.link()
        link.feed(PROTOCOL_HEADER)
        link.send(START_OK, channel=0)
        link.send(TUNE_OK, ConnectionOpen("shop"), channel=0)
        link.open_channel(1)
        assert link.call(QueueDeclare("q")) == QueueDeclareOk("q", 0, 0)
        assert [*world.broker.vhosts["shop"].queues] == ["q"]
        assert [*world.broker.vhosts["/"].queues] == []

    def test_connections_are_closed_when_it_is_deleted(self) -> None:
        world = World()
        link = world.channel()
        link.send(QueueDeclare("q"))
        link.received.clear()
        world.broker.vhosts.delete("/", lambda position: None)
        world.run()
        assert link.on(0) == [ConnectionClose(320, "CONNECTION_FORCED - vhost '/' is deleted", 0, 0)]
        assert "/" not in world.broker.vhosts
        other = world.link()
        other.feed(PROTOCOL_HEADER)
        other.send(START_OK, channel=0)
        other.send(TUNE_OK, ConnectionOpen("/"), channel=0)
        assert other.last(0) == ConnectionClose(530, "NOT_ALLOWED - vhost / not found", 10, 40)

    def test_one_that_goes_while_the_user_is_checked(self) -> None:
        world = World()
        link = world.link()
        link.feed(PROTOCOL_HEADER)
        link.send(START_OK, TUNE_OK, channel=0)
        world.held = True
        link.send(ConnectionOpen("/"), channel=0)
        world.broker.vhosts.delete("/", lambda position: None)
        world.run()
        world.held = False
        world.run()
        assert link.last(0) == ConnectionClose(530, "NOT_ALLOWED - vhost / not found", 10, 40)
