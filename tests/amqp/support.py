"""Two peers joined without a network: a session over the real brain, and a small client that knows frames and methods.

By default answers come late (the log is durable and logins are checked on a later turn), so that every test takes the
waiting path; `World(late=False)` answers at once, and `world.held = True` keeps answers back until a test wants them.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from leveret.amqp import Peer, Session, Settings
from leveret.authorize import EVERYTHING, Rights
from leveret.broker.alarms import Alarms
from leveret.broker.broker import Broker
from leveret.clock import ManualClock
from leveret.errors import SyntaxError_
from leveret.ports import Challenge, Position, Remote, User
from leveret.wire import Pool
from leveret.wire.fields import Arguments
from leveret.wire.frames import HEARTBEAT_FRAME, PROTOCOL_HEADER, content_frames, method_frame
from leveret.wire.methods import (
    METHODS,
    BasicPublish,
    ChannelOpen,
    ChannelOpenOk,
    ConnectionOpen,
    ConnectionOpenOk,
    ConnectionStart,
    ConnectionStartOk,
    ConnectionTune,
    ConnectionTuneOk,
    Method,
)
from leveret.wire.records import Op, Settle

if TYPE_CHECKING:
    from leveret.ports import Fetched
    from leveret.wire.definitions import AccountOp

TRANSIENT = b"\x00\x00"
PERSISTENT = b"\x10\x00\x02"
"""Properties with nothing but delivery-mode = 2."""

CAPABLE = Arguments.of(
    {
        "capabilities": dict.fromkeys(
            ("consumer_cancel_notify", "authentication_failure_close", "connection.blocked"), True
        )
    }
)
"""Client properties of one that understands all we may tell it."""

PEER = Peer("10.0.0.2", 50000, "10.0.0.1", 5672, loopback=False)


class LateLog:
    """A log that is durable when told."""

    def __init__(self) -> None:
        self.records: list[list[Op]] = []
        self.durable = Position(0)
        self.late = True
        self.lagging = False
        """Set it by hand; who waits for the opposite is called with the next `sync`."""
        self._waiting: list[tuple[Position, Callable[[], None]]] = []
        self._caught_up: list[Callable[[], None]] = []

    def append(self, record: list[Op]) -> Position:
        self.records.append(record)
        position = Position(len(self.records))
        if not self.late:
            self.durable = position
        return position

    def settle(self, ops: list[Settle]) -> None:
        self.append([*ops])

    def want(self, position: Position) -> None:
        """It is durable when told, not earlier."""

    @property
    def written(self) -> int:
        return len(self.records)

    @property
    def backlog(self) -> int:
        return 0

    def fetch(self, ranges: Sequence[tuple[int, int]], callback: Fetched) -> None:
        raise AssertionError("nothing leaves memory")

    def when_durable(self, position: Position, callback: Callable[[], None]) -> None:
        if position <= self.durable:
            callback()
        else:
            self._waiting.append((position, callback))

    def when_caught_up(self, callback: Callable[[], None]) -> None:
        self._caught_up.append(callback)

    def sync(self, upto: int | None = None) -> bool:
        """Everything (or up to there) is durable now; whether somebody was waiting for that."""
        self.durable = Position(len(self.records) if upto is None else upto)
        due = [callback for position, callback in self._waiting if position <= self.durable]
        self._waiting = [entry for entry in self._waiting if entry[0] > self.durable]
        if not self.lagging:
            due += self._caught_up
            self._caught_up = []
        for callback in due:
            callback()
        return bool(due)


class FakeAccess:
    """guest/guest and bob/builder, who may not open the vhost `closed`. Mechanism CHALLENGE asks twice."""

    def __init__(self) -> None:
        self.late = True
        self._answers: list[Callable[[], None]] = []
        self.calls: list[tuple[str, bytes, bool]] = []
        self.rights: dict[str, Rights] = {}
        """What users may do, if it is not everything."""
        self.offered: tuple[str, ...] = ("PLAIN", "AMQPLAIN", "CHALLENGE")
        self.expires_ms: int | None = None

    def mechanisms(self, remote: Remote) -> tuple[str, ...]:
        return self.offered

    def authenticate(
        self, mechanism: str, response: bytes, remote: Remote, answer: Callable[[User | Challenge | None], None]
    ) -> None:
        self.calls.append((mechanism, response, remote.loopback))
        if response == b"malformed":
            raise SyntaxError_("malformed response")
        if response == b"explode":
            raise RuntimeError("a bug in a backend")
        result: User | Challenge | None = None
        if mechanism == "CHALLENGE" and response == b"":
            result = Challenge(b"what?")
        elif response == b"\0guest\0guest":
            result = User("guest", ("administrator",))
        elif response == b"\0bob\0builder":
            result = User("bob")
        elif response == b"\0federator\0secret":
            result = User("federator", ("impersonator",))
        if result is not None and not isinstance(result, Challenge):
            result = replace(result, expires_ms=self.expires_ms)
        self._answer(lambda: answer(result))

    def open(self, user: User, vhost: str, remote: Remote, answer: Callable[[Rights | None], None]) -> None:
        allowed = user.name != "bob"
        self._answer(lambda: answer(self.rights.get(user.name, EVERYTHING) if allowed else None))

    def refresh(self, user: User, secret: bytes, answer: Callable[[User | str], None]) -> None:
        wrong = "New secret was refused by one of the backends"
        self._answer(lambda: answer(wrong if secret == b"wrong" else replace(user, expires_ms=self.expires_ms)))

    def _answer(self, answer: Callable[[], None]) -> None:
        if self.late:
            self._answers.append(answer)
        else:
            answer()

    def answer(self) -> bool:
        """Let the answers come."""
        answers, self._answers = self._answers, []
        for answer in answers:
            answer()
        return bool(answers)


class SameLimits:
    """Accounts of users that all have the same limits."""

    def __init__(self, limits: dict[str, int]) -> None:
        self._limits = limits

    def apply(self, op: object) -> None:
        pass

    def all(self) -> Iterator[AccountOp]:
        return iter(())

    def user_limit(self, user: str, limit: str) -> int | None:
        return self._limits.get(limit)


class CountingNames:
    """Names instead of chance."""

    def __init__(self) -> None:
        self.count = 0

    def token(self, size: int) -> str:
        self.count += 1
        return f"{self.count:0{size}d}"

    def numbers(self, count: int) -> list[int]:
        """Spread evenly, the same in every run."""
        first = self.count + 1
        self.count += count
        return [number * 0x9E3779B97F4A7C15 % 2**64 for number in range(first, first + count)]


class Wakes:
    """A scheduler, or a shell, that only counts."""

    def __init__(self) -> None:
        self.count = 0

    def wake(self) -> None:
        self.count += 1

    def wake_at(self, when_ms: int) -> None:
        pass


@dataclass(frozen=True)
class Content:
    """A method with its content, as the client got it."""

    method: Method
    properties: bytes
    body: bytes


class World:
    """A broker and the connections to it; time stands still unless told."""

    def __init__(
        self, *, late: bool = True, settings: Settings | None = None, user_limits: dict[str, int] | None = None
    ) -> None:
        self.clock = ManualClock()
        self.log = LateLog()
        self.log.late = late
        self.access = FakeAccess()
        self.access.late = late
        self.pool = Pool()
        self.scheduler = Wakes()
        self.memory_used = 0
        self.disk_free: int | None = 1000
        alarms = Alarms(lambda: self.memory_used, 1000, lambda: self.disk_free, 500)
        self.broker = Broker(
            self.log,
            self.clock,
            CountingNames(),
            self.scheduler,
            self.pool,
            alarms,
            accounts=SameLimits(user_limits or {}),
        )
        self.settings = settings or Settings(login_refusal_delay_ms=0)
        self.held = False
        """Late answers do not come while this is set."""
        self.links: list[Link] = []

    def link(self, **changes: object) -> Link:
        """A new connection of which nothing is sent yet."""
        link = Link(self, **changes)  # type: ignore[arg-type]
        self.links.append(link)
        return link

    def connect(self, **changes: object) -> Link:
        """An open connection."""
        link = self.link(**changes)
        link.open()
        return link

    def channel(self, **changes: object) -> Link:
        """An open connection with channel 1 open."""
        link = self.connect(**changes)
        link.open_channel(1)
        return link

    def run(self) -> None:
        """Turns, until nothing happens any more."""
        while True:
            woken = self._wakes()
            busy = False
            for link in self.links:
                busy |= link.session.step(2)
            busy |= self.broker.pump(2)
            if not self.held:
                busy |= self.log.sync()
                busy |= self.access.answer()
            for link in self.links:
                busy |= link.flush()
            if not busy and self._wakes() == woken:
                return

    def _wakes(self) -> int:
        return self.scheduler.count + sum(link.shell.count for link in self.links)

    def short(self, *, memory: bool = False, disk: bool = False) -> None:
        """Resources become short, or those that were are not any more."""
        self.memory_used = 1000 if memory else 0
        self.disk_free = 0 if disk else 1000
        self.broker.alarms.check_memory()
        self.broker.alarms.check_disk()
        self.run()

    def tick(self, milliseconds: int) -> None:
        """Time passes in one go, then every session looks at its clocks."""
        self.clock.advance(milliseconds)
        for link in self.links:
            link.session.tick(self.clock.monotonic_ms())
        self.run()


@dataclass
class Link:
    """The client's end of a connection. `received` is what came: (channel, Method | Content), heartbeats as None."""

    world: World
    peer: Peer = PEER
    frame_max: int = 131072
    received: list[tuple[int, Method | Content | None]] = field(default_factory=list)
    raw: bytes = b""
    """Every byte that came."""
    reads: bool = True
    """Whether the client reads; if not, what the session sends stays unwritten."""

    def __post_init__(self) -> None:
        self.shell = Wakes()
        world = self.world
        self.session = Session(
            world.broker,
            world.access,
            world.pool,
            world.clock,
            peer=self.peer,
            settings=world.settings,
            shell=self.shell,
        )
        self._rest = b""
        self._backlog = b""
        self._content: dict[int, tuple[Method, bytes, int, bytes]] = {}

    # -- sending -------------------------------------------------------------------------------------------------

    def push(self, data: bytes) -> None:
        """Bytes arrive, nothing happens yet."""
        self.session.last_received_ms = self.world.clock.monotonic_ms()
        self.session.receive(data, len(data))

    def feed(self, data: bytes) -> None:
        """Bytes arrive, and everything happens that can."""
        self.push(data)
        self.world.run()

    def send(self, *methods: Method, channel: int = 1) -> None:
        """Methods arrive in one read."""
        self.feed(b"".join(method_frame(channel, method) for method in methods))

    def call(self, method: Method, channel: int = 1) -> Method | Content | None:
        """Send a method; the one thing that is answered on its channel."""
        self.received.clear()
        self.send(method, channel=channel)
        (answer,) = self.on(channel)
        return answer

    def publish(
        self,
        *bodies: bytes,
        exchange: str = "",
        key: str = "q",
        channel: int = 1,
        mandatory: bool = False,
        immediate: bool = False,
        properties: bytes = TRANSIENT,
    ) -> None:
        """Contents arrive in one read."""
        publish = BasicPublish(exchange, key, mandatory, immediate)
        self.feed(b"".join(content_frames(channel, publish, properties, body, self.frame_max) for body in bodies))

    def open(
        self, user: str = "guest", password: str = "guest", heartbeat: int = 0, properties: Arguments = CAPABLE
    ) -> None:
        """The whole handshake."""
        self.feed(PROTOCOL_HEADER)
        assert isinstance(self.last(0), ConnectionStart)
        self.send(ConnectionStartOk(properties, "PLAIN", f"\0{user}\0{password}".encode(), "en_US"), channel=0)
        assert isinstance(self.last(0), ConnectionTune)
        self.send(ConnectionTuneOk(2047, self.frame_max, heartbeat), channel=0)
        assert self.call(ConnectionOpen("/"), 0) == ConnectionOpenOk()
        self.received.clear()

    def open_channel(self, number: int) -> None:
        assert self.call(ChannelOpen(), number) == ChannelOpenOk()
        self.received.clear()

    # -- receiving -----------------------------------------------------------------------------------------------

    def flush(self) -> bool:
        """Take the session's output, as a shell does."""
        if not self.reads:
            self._backlog += self.session.take_output() or b""
            self.session.unwritten = len(self._backlog)
            return False
        data, self._backlog = self._backlog, b""
        if data:
            self.session.unwritten = 0
            self.session.drained()
        data += self.session.take_output() or b""
        if not data:
            return False
        assert self.session.output_bytes == 0
        self.raw += data
        self._rest += data
        self._parse()
        return True

    def _parse(self) -> None:
        while len(self._rest) >= 8:
            if self._rest.startswith(b"AMQP"):
                self._rest = self._rest[8:]
                continue
            kind, channel, size = struct.unpack_from(">BHI", self._rest)
            if len(self._rest) < size + 8:
                return
            assert size + 8 <= max(self.frame_max, 4096)
            frame, self._rest = self._rest[: size + 8], self._rest[size + 8 :]
            assert frame[-1] == 0xCE
            self._frame(kind, channel, frame)

    def _frame(self, kind: int, channel: int, frame: bytes) -> None:
        payload = frame[7:-1]
        if kind == 1:
            assert channel not in self._content
            method = METHODS[struct.unpack_from(">I", payload)[0]].decode(payload[4:])
            if method.has_content:
                self._content[channel] = (method, b"", -1, b"")
            else:
                self.received.append((channel, method))
        elif kind == 2:
            method, _, _, _ = self._content[channel]
            class_id, weight, size = struct.unpack_from(">HHQ", payload)
            assert (class_id, weight) == (60, 0)
            self._content[channel] = (method, payload[12:], size, b"")
            self._complete(channel)
        elif kind == 3:
            method, properties, size, body = self._content[channel]
            self._content[channel] = (method, properties, size, body + payload)
            self._complete(channel)
        else:
            assert frame == HEARTBEAT_FRAME
            self.received.append((channel, None))

    def _complete(self, channel: int) -> None:
        method, properties, size, body = self._content[channel]
        assert len(body) <= size
        if len(body) == size:
            del self._content[channel]
            self.received.append((channel, Content(method, properties, body)))

    def on(self, channel: int) -> list[Method | Content | None]:
        """What came on a channel since `received` was last cleared."""
        return [what for number, what in self.received if number == channel]

    def last(self, channel: int) -> Method | Content | None:
        return self.on(channel)[-1]

    def take(self, channel: int = 1) -> list[Method | Content | None]:
        """What came on a channel; then everything is forgotten."""
        came = self.on(channel)
        self.received.clear()
        return came

    def bodies(self, channel: int = 1) -> list[bytes]:
        """Bodies of the contents that came on a channel; then everything is forgotten."""
        return [what.body for what in self.take(channel) if isinstance(what, Content)]
