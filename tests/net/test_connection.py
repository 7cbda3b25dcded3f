from __future__ import annotations

import contextlib
import logging
import socket
import struct

import pytest

from leveret import limits
from leveret.net import connection
from leveret.net.poller import READABLE

from .support import FakeSession, serving, until


async def test_bytes_go_in_and_come_out() -> None:
    async with serving() as fixture:
        reader, writer, session = await fixture.connect()
        before = fixture.clock.monotonic_ms()
        writer.write(b"hello")
        assert await reader.readexactly(5) == b"hello"
        assert session.received == b"hello"
        assert session.last_received_ms >= before


async def test_what_is_said_in_one_turn_leaves_in_one_write() -> None:
    async with serving() as fixture:
        reader, _writer, session = await fixture.connect()
        await fixture.turns()
        takes = session.takes
        for part in range(10):
            session.say(b"%d" % part)
        assert await reader.readexactly(10) == b"0123456789"
        assert session.takes == takes + 1


async def test_input_left_over_goes_on_in_later_turns_and_is_not_read_meanwhile() -> None:
    unread = []

    def look(session: FakeSession) -> None:
        unread.append(session.shell._reading)

    async with serving() as fixture:
        reader, writer, session = await fixture.connect()
        session.on_step = look
        session.more = 3
        writer.write(b"x")
        await session.until(lambda: session.steps == 4)
        assert unread == [True, False, False, False]
        await fixture.turns()
        writer.write(b"y")
        await session.until(lambda: session.received == b"xy")
        assert await reader.readexactly(2) == b"xy"


async def test_a_long_job_of_one_connection_does_not_stop_the_others() -> None:
    async with serving() as fixture:
        _, busy_writer, busy = await fixture.connect()
        reader, writer, _ = await fixture.connect()
        busy.more = 1_000_000_000
        busy_writer.write(b"x")
        await busy.until(lambda: busy.steps > 3)
        writer.write(b"quick")
        assert await reader.readexactly(5) == b"quick"
        assert busy.more > 0
        busy.more = 0


async def test_a_session_that_does_not_want_to_read_is_not_read() -> None:
    def stop(session: FakeSession) -> None:
        session.reading = False

    async with serving() as fixture:
        _, writer, session = await fixture.connect()
        session.on_step = stop
        session.echo = False
        writer.write(b"a")
        await session.until(lambda: session.received == b"a")
        writer.write(b"b")
        await fixture.turns(5)
        assert session.received == b"a"
        session.on_step = None
        session.reading = True
        session.shell.wake()
        await session.until(lambda: session.received == b"ab")


async def test_what_the_socket_does_not_take_is_counted_and_drained() -> None:
    size = 16 * 1024 * 1024
    async with serving() as fixture:
        reader, _writer, session = await fixture.connect()
        session.say(bytes(size))
        await fixture.turns(2)
        assert 0 < session.unwritten < size
        takes = session.takes
        session.say(b"end")
        await fixture.turns(2)
        assert session.takes == takes, "the socket is full: what is said waits in the session, where it counts"
        assert session.drains == 0
        assert len(await reader.readexactly(size)) == size
        await session.until(lambda: session.drains)
        assert session.unwritten == 0
        assert await reader.readexactly(3) == b"end"


async def test_a_finished_session_is_written_out_and_closed() -> None:
    def finish(session: FakeSession) -> None:
        session.say(b"goodbye")
        session.finished = True

    async with serving() as fixture:
        reader, writer, session = await fixture.connect()
        session.on_step = finish
        writer.write(b"1")
        assert await reader.read() == b"1goodbye"
        assert session.losses == 1
        steps = session.steps
        writer.write(b"ignored")
        await fixture.turns(3)
        assert session.steps == steps
        assert len(fixture.server.connections) == 1, "our end is closed, the peer's is not"
        writer.close()
        await writer.wait_closed()
        await until(lambda: not fixture.server.connections)
        assert session.losses == 1


async def test_a_large_farewell_is_written_before_the_end() -> None:
    size = 16 * 1024 * 1024

    def finish(session: FakeSession) -> None:
        session.say(bytes(size))
        session.finished = True

    async with serving() as fixture:
        reader, writer, session = await fixture.connect()
        session.on_step = finish
        writer.write(b"1")
        assert len(await reader.read()) == size + 1
        assert session.losses == 1


async def test_a_peer_that_goes_is_lost_once(caplog: pytest.LogCaptureFixture) -> None:
    async with serving() as fixture:
        with caplog.at_level(logging.INFO, "leveret"):
            _, writer, session = await fixture.connect()
            writer.close()
            await session.until(lambda: session.losses)
            await until(lambda: not fixture.server.connections)
        assert session.losses == 1
        ends = f"127.0.0.1:{session.peer.port} -> 127.0.0.1:{fixture.port}"
        assert caplog.messages == [
            f"accepting AMQP connection {ends}",
            f"closing AMQP connection {ends}: client unexpectedly closed TCP connection",
        ]


async def test_a_reset_is_lost_once(caplog: pytest.LogCaptureFixture) -> None:
    async with serving() as fixture:
        _, writer, session = await fixture.connect()
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
        await session.until(lambda: session.losses)
        session.say(b"too late")
        await fixture.turns(2)
        assert session.losses == 1
        assert "Connection reset by peer" in caplog.messages[-1]


@pytest.mark.parametrize("method", ["receive", "step", "take_output", "lost"])
async def test_a_session_that_fails_ends_alone(
    method: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> None:
        raise RuntimeError("our fault")

    async with serving() as fixture:
        other_reader, other_writer, _ = await fixture.connect()
        reader, writer, session = await fixture.connect()
        monkeypatch.setattr(session, method, fail)
        writer.write(b"x")
        if method == "lost":
            writer.write_eof()
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() in (b"", b"x")
        assert any("failed" in record.message and record.exc_info for record in caplog.records)
        assert session.losses == (method != "lost")
        other_writer.write(b"still here")
        assert await other_reader.readexactly(10) == b"still here"


async def test_a_session_that_fails_while_it_goes_on_ends_alone() -> None:
    def fail_later(session: FakeSession) -> None:
        if session.steps > 1:
            raise RuntimeError("our fault")

    async with serving() as fixture:
        _, writer, session = await fixture.connect()
        session.on_step, session.more = fail_later, 5
        writer.write(b"x")
        await session.until(lambda: session.losses)
        await fixture.turns(3)
        assert session.steps == 2


async def test_a_tick_comes_when_it_was_asked_for() -> None:
    def configure(session: FakeSession) -> None:
        session.next_tick_in_ms = 1

    async with serving(configure) as fixture:
        _, _writer, session = await fixture.connect()
        await session.until(lambda: len(session.ticks) >= 3)
        assert all(later > earlier for earlier, later in zip(session.ticks, session.ticks[1:], strict=False))


async def test_a_new_deadline_asks_for_the_next_tick_again() -> None:
    def configure(session: FakeSession) -> None:
        session.next_tick_in_ms = 1_000_000

    async with serving(configure) as fixture:
        _, _, session = await fixture.connect()
        session.say(b"open")
        await fixture.turns(2)
        assert len(session.ticks) == 1
        session.next_tick_in_ms = 1
        session.deadline_ms = 1
        session.say(b"close")
        await session.until(lambda: len(session.ticks) >= 3)


async def test_a_session_that_ends_at_a_tick_is_closed() -> None:
    def configure(session: FakeSession) -> None:
        session.finished = True

    async with serving(configure) as fixture:
        reader, _writer, session = await fixture.connect()
        assert await reader.read() == b""
        assert session.losses == 1


async def test_a_peer_that_was_told_the_last_word_may_close_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "CLOSE_GRACE_MS", 60_000)
    async with serving() as fixture:
        reader, writer, session = await fixture.connect()
        session.finished = True
        session.say(b"close-ok")
        assert await reader.readexactly(8) == b"close-ok"
        assert session.losses == 1
        await fixture.turns(10)
        assert not reader.at_eof()
        writer.close()
        await until(lambda: not fixture.server.connections)


async def test_a_peer_that_never_closes_its_end_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "CLOSE_TIMEOUT_MS", 1)
    async with serving() as fixture:
        reader, _writer, session = await fixture.connect()
        session.finished = True
        session.shell.wake()
        assert await reader.read() == b""
        await until(lambda: not fixture.server.connections)


async def test_a_peer_that_half_closes_and_never_reads_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "CLOSE_TIMEOUT_MS", 1)
    async with serving() as fixture:
        _, writer, session = await fixture.connect()
        session.say(bytes(32 * 1024 * 1024))
        await fixture.turns(2)
        assert session.unwritten
        writer.write_eof()
        await session.until(lambda: session.losses)
        await until(lambda: not fixture.server.connections)


async def test_a_flood_is_read_in_parts() -> None:
    async with serving() as fixture:
        _, writer, session = await fixture.connect()
        session.echo = False
        size = 4 * limits.READ_SIZE_MAX
        writer.write(bytes(size))
        await session.until(lambda: len(session.received) == size)
        assert max(session.reads) <= limits.READ_SIZE_MAX


async def test_a_session_that_stops_reading_is_not_read_although_its_socket_was_ready_before() -> None:
    async with serving() as fixture:
        _, writer, session = await fixture.connect()
        session.reading = False
        session.shell.wake()
        await fixture.turns()
        writer.write(b"later")
        session.shell.ready(READABLE)
        assert session.received == b""


async def test_those_who_are_readable_at_once_share_what_a_turn_reads() -> None:
    async with serving() as fixture:
        clients = [await fixture.connect() for _ in range(16)]
        await fixture.turns(2)
        sessions = [session for *_, session in clients]
        for session in sessions:
            session.echo = False
        share = limits.READ_BYTES_PER_TURN // len(clients)
        for _, writer, _ in clients:  # the loop sees them readable in one iteration
            sent = 0
            with contextlib.suppress(BlockingIOError):
                while sent <= share:
                    sent += writer.get_extra_info("socket")._sock.send(bytes(share))
        await until(lambda: all(session.reads for session in sessions))
        assert {session.reads[0] for session in sessions} == {share}


async def test_a_reset_is_noticed_while_more_is_to_be_written() -> None:
    async with serving() as fixture:
        _, writer, session = await fixture.connect()
        session.reading = False
        session.say(bytes(16 * 1024 * 1024))
        await fixture.turns(2)
        assert session.unwritten
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
        await session.until(lambda: session.losses)
        await until(lambda: not fixture.server.connections)


async def test_what_was_said_before_a_peer_closed_its_end_still_leaves() -> None:
    size = 16 * 1024 * 1024
    async with serving() as fixture:
        reader, writer, session = await fixture.connect()
        session.say(bytes(size))
        await fixture.turns(2)
        assert session.unwritten
        writer.write_eof()
        await session.until(lambda: session.losses)
        assert len(await reader.read()) == size
        await until(lambda: not fixture.server.connections)
