from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket

import pytest

from leveret.clock import SystemClock
from leveret.errors import ConfigError
from leveret.net import Server, Turn, server
from leveret.net.server import Address

from .support import FakeSession, serving


def make_server() -> Server:
    loop, clock = asyncio.get_running_loop(), SystemClock()
    return Server(loop, Turn(loop, clock), clock, lambda ends, shell: FakeSession(shell, ends.peer))


async def test_a_port_in_use_is_one_clear_line() -> None:
    async with serving() as fixture:
        with pytest.raises(ConfigError) as caught:
            make_server().listen("127.0.0.1", fixture.port)
        assert str(caught.value) == f"cannot listen on 127.0.0.1:{fixture.port}: Address already in use"


async def test_a_host_name_that_does_not_exist_is_one_clear_line() -> None:
    with pytest.raises(ConfigError, match=r"^cannot listen on no\.such\.host\.invalid:5672: "):
        make_server().listen("no.such.host.invalid", 5672)


async def test_an_address_of_another_machine_is_one_clear_line() -> None:
    with pytest.raises(ConfigError, match=r"^cannot listen on 192\.0\.2\.1:\d+: Cannot assign requested address"):
        make_server().listen("192.0.2.1", 0)


async def test_every_address_of_a_name_is_listened_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def two(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        assert (host, port) == ("twice", 0)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in ("127.0.0.1", "127.0.0.2")]

    monkeypatch.setattr(socket, "getaddrinfo", two)
    tested = make_server()
    first, second = tested.listen("twice", 0)
    assert (first.host, second.host) == ("127.0.0.1", "127.0.0.2")
    assert first.port == second.port > 0
    await tested.stop("test ends", timeout_ms=0)


async def test_the_end_of_file_descriptors_is_a_pause(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(server, "ACCEPT_PAUSE_MS", 1)
    accept = socket.socket.accept
    failures = 2

    def accept_or_not(self: socket.socket) -> tuple[socket.socket, object]:
        nonlocal failures
        if failures:
            failures -= 1
            raise OSError(errno.EMFILE, "Too many open files")
        return accept(self)

    async with serving() as fixture:
        monkeypatch.setattr(socket.socket, "accept", accept_or_not)
        reader, writer, _ = await fixture.connect()
        writer.write(b"x")
        assert await reader.readexactly(1) == b"x"
        assert caplog.messages == ["cannot accept connections for 1 ms: Too many open files"] * 2
        assert all(record.levelno == logging.ERROR for record in caplog.records)


async def test_a_stop_tells_everybody_and_waits_for_them() -> None:
    async with serving() as fixture:
        reader, writer, session = await fixture.connect()
        _, other_writer, other = await fixture.connect()

        def close_ok(session: FakeSession) -> None:
            session.finished = True
            session.shell.wake()

        session.on_step = other.on_step = close_ok
        session.echo = False
        stopping = asyncio.create_task(fixture.server.stop("shutdown"))
        assert await reader.readexactly(3) == b"bye"
        assert session.shut == other.shut == "shutdown"
        assert not stopping.done()
        with pytest.raises(OSError, match=r"refused|Connect call failed"):
            await asyncio.open_connection("127.0.0.1", fixture.port)
        writer.write(b"k")
        other_writer.write(b"k")
        assert await reader.read() == b""
        writer.close()
        other_writer.close()
        await stopping
        assert session.losses == other.losses == 1
        assert not fixture.server.connections


async def test_a_stop_drops_whoever_does_not_answer() -> None:
    async with serving() as fixture:
        reader, _writer, session = await fixture.connect()
        await fixture.server.stop("shutdown", timeout_ms=1)
        assert session.losses == 1
        assert not fixture.server.connections
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() in (b"", b"bye")


async def test_many_come_at_once() -> None:
    async with serving() as fixture:
        clients = await asyncio.gather(*(fixture.open() for _ in range(300)))
        for number, (_, writer) in enumerate(clients):
            writer.write(b"%03d" % number)
        for number, (reader, _) in enumerate(clients):
            assert await reader.readexactly(3) == b"%03d" % number


def test_addresses_read_as_usual() -> None:
    assert str(Address("127.0.0.1", 5672)) == "127.0.0.1:5672"
    assert str(Address("::1", 5672)) == "[::1]:5672"
