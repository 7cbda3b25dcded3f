"""A sans-IO session that does as it is told, and a server around it on a real loopback socket."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from leveret.clock import SystemClock
from leveret.net import Connection, Server, Turn
from leveret.net.poller import READABLE
from leveret.net.proxy import Trusted
from leveret.net.server import Address, Ends
from leveret.net.tls import TlsContext


@dataclass(eq=False)
class FakeSession:
    """Echoes what it gets, and keeps a record of what the shell did with it."""

    shell: Connection
    peer: Address
    last_received_ms: int = -1
    unwritten: int = 0
    deadline_ms: int = 0
    reading: bool = True
    flow: bool = False
    held_bytes: int = 0
    finished: bool = False
    received: bytearray = field(default_factory=bytearray)
    reads: list[int] = field(default_factory=list)
    output: list[bytes] = field(default_factory=list)
    takes: int = 0
    more: int = 0  # so many steps say that there is more
    steps: int = 0
    drains: int = 0
    ticks: list[int] = field(default_factory=list)
    next_tick_in_ms: int | None = None
    shut: str | None = None
    losses: int = 0
    unwritten_seen: list[int] = field(default_factory=list)
    echo: bool = True
    on_step: Callable[[FakeSession], None] | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def receive(self, data: memoryview, size: int) -> None:
        self.received += data[:size]
        self.reads.append(size)
        if self.echo:
            self.say(bytes(data[:size]))

    def step(self, budget_ms: int) -> bool:
        assert budget_ms > 0
        self.steps += 1
        if self.on_step is not None:
            self.on_step(self)
        self.changed.set()
        if self.more > 0:
            self.more -= 1
            return True
        return False

    def say(self, data: bytes) -> None:
        self.output.append(data)
        self.shell.wake()

    def take_output(self) -> bytes | None:
        self.takes += 1
        data = b"".join(self.output)
        self.output.clear()
        self.unwritten_seen.append(self.unwritten)
        return data or None

    def drained(self) -> None:
        self.drains += 1
        self.changed.set()

    def tick(self, now_ms: int) -> int | None:
        self.ticks.append(now_ms)
        self.changed.set()
        return None if self.next_tick_in_ms is None else now_ms + self.next_tick_in_ms

    def shutdown(self, text: str) -> None:
        self.shut = text
        self.say(b"bye")

    def lost(self) -> None:
        self.losses += 1
        self.changed.set()

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until something of this session changed so that the condition holds."""
        while not condition():
            self.changed.clear()
            async with asyncio.timeout(10):
                await self.changed.wait()


async def until(condition: Callable[[], object]) -> None:
    """Let the event loop run until the condition holds."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110  # a condition of many parts, none of which has an event
            await asyncio.sleep(0)


class Socket:
    """A socket of which a test says when it is ready."""

    def __init__(self, serve: Callable[[], object]) -> None:
        self.serve = serve

    def ready(self, events: int) -> None:
        self.serve()


class Sockets:
    """The poller, as far as the turn asks it. A socket is ready once."""

    def __init__(self) -> None:
        self.watchers: dict[int, Socket] = {}
        self.again: list[tuple[int, int]] = []
        self._ready: list[tuple[int, int]] = []

    def add(self, serve: Callable[[], object] = lambda: None) -> int:
        number = len(self.watchers)
        self.watchers[number] = Socket(serve)
        self._ready.append((number, READABLE))
        return number

    def poll(self, timeout: float, at_most: int) -> list[tuple[int, int]]:
        assert timeout == 0
        polled = self._ready[:at_most]
        del self._ready[:at_most]
        return polled


class Fixture:
    """A running server, its sessions in order of arrival, and the port."""

    def __init__(
        self,
        configure: Callable[[FakeSession], None],
        tls: TlsContext | None = None,
        proxied: Trusted | None = None,
    ) -> None:
        self.ends: list[Ends] = []
        self.clock = SystemClock()
        loop = asyncio.get_running_loop()
        self.turn = Turn(loop, self.clock)
        self.sessions: list[FakeSession] = []
        self._configure = configure
        self._arrived = asyncio.Event()
        self._writers: list[asyncio.StreamWriter] = []
        self.server = Server(loop, self.turn, self.clock, self._open)
        self.port = self.server.listen("127.0.0.1", 0, tls=tls, proxied=proxied)[0].port

    def _open(self, ends: Ends, shell: Connection) -> FakeSession:
        self.ends.append(ends)
        session = FakeSession(shell, ends.peer)
        self._configure(session)
        self.sessions.append(session)
        self._arrived.set()
        return session

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        self._writers.append(writer)
        return reader, writer

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, FakeSession]:
        count = len(self.sessions)
        reader, writer = await self.open()
        while len(self.sessions) == count:
            self._arrived.clear()
            await self._arrived.wait()
        session = self.sessions[-1]
        await session.until(lambda: session.ticks)  # the session is attached
        return reader, writer, session

    async def stop(self) -> None:
        for writer in self._writers:
            writer.close()
        for writer in self._writers:
            with contextlib.suppress(OSError):
                await writer.wait_closed()
        await self.server.stop("test ends", timeout_ms=0)
        await until(lambda: not self.server.connections)
        self.turn.stop()

    async def turns(self, count: int = 1) -> None:
        """Let this many turns pass."""
        until = self.turn.lengths.count + count
        while self.turn.lengths.count < until:
            self.turn.wake()
            await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def serving(configure: Callable[[FakeSession], None] = lambda session: None) -> AsyncIterator[Fixture]:
    fixture = Fixture(configure)
    try:
        yield fixture
    finally:
        await fixture.stop()
