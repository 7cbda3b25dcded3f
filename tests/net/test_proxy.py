"""PROXY headers: read in any pieces, of both versions, and nothing else."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leveret.net.proxy import HEADER_SIZE_MAX, SIGNATURE, Proxied, ProxyError, Trusted, parse
from leveret.net.server import Address
from leveret.net.tls import TlsContext, TlsOptions

from .certificates import Authority
from .support import Fixture


def v2(command: int = 0x21, family: int = 0x11, data: bytes = b"", more: bytes = b"") -> bytes:
    return SIGNATURE + struct.pack(">BBH", command, family, len(data + more)) + data + more


def addresses(source: str, destination: str, family: int = socket.AF_INET) -> bytes:
    packed = socket.inet_pton(family, source) + socket.inet_pton(family, destination)
    return packed + struct.pack(">HH", 50000, 5672)


SOURCE, DESTINATION = ("10.1.2.3", 50000), ("10.0.0.1", 5672)
V6_SOURCE, V6_DESTINATION = ("2001:db8::1", 50000), ("2001:db8::2", 5672)
HEADERS = [
    (b"PROXY TCP4 10.1.2.3 10.0.0.1 50000 5672\r\n", SOURCE, DESTINATION),
    (b"PROXY TCP6 2001:db8::1 2001:db8::2 50000 5672\r\n", V6_SOURCE, V6_DESTINATION),
    (b"PROXY UNKNOWN\r\n", None, None),
    (b"PROXY UNKNOWN ff:: ff:: 1 2\r\n", None, None),
    (v2(data=addresses("10.1.2.3", "10.0.0.1")), SOURCE, DESTINATION),
    (v2(data=addresses("10.1.2.3", "10.0.0.1"), more=b"\x04\x00\x01x"), SOURCE, DESTINATION),
    (v2(family=0x21, data=addresses("2001:db8::1", "2001:db8::2", socket.AF_INET6)), V6_SOURCE, V6_DESTINATION),
    (v2(command=0x20, family=0x00), None, None),
    (v2(command=0x20, data=addresses("10.1.2.3", "10.0.0.1")), None, None),
    (v2(family=0x31, data=bytes(216)), None, None),
]


@pytest.mark.parametrize(("header", "source", "destination"), HEADERS)
def test_headers(header: bytes, source: tuple[str, int] | None, destination: tuple[str, int] | None) -> None:
    assert parse(header + b"AMQP") == Proxied(len(header), source, destination)
    for size in range(len(header)):
        assert parse(header[:size]) is None


@pytest.mark.parametrize(
    "data",
    [
        b"AMQP\x00\x00\x09\x01",
        b"PROXI",
        b"PROXY TCP4 10.1.2.3 10.0.0.1 50000\r\n",
        b"PROXY TCP4 10.1.2.3 10.0.0.1 50000 99999\r\n",
        b"PROXY TCP4 10.1.2.3 10.0.0.1 50000 -1\r\n",
        b"PROXY TCP4 2001:db8::1 10.0.0.1 50000 5672\r\n",
        b"PROXY TCP4 a b 1 2\r\n",
        b"PROXY TCP4 \xff b 1 2\r\n",
        b"PROXY UDP4 10.1.2.3 10.0.0.1 50000 5672\r\n",
        b"PROXY TCP4 " + b"1" * 200,
        v2(command=0x11),
        v2(command=0x22),
        v2(data=bytes(11)),
        v2(family=0x21, data=bytes(35)),
        SIGNATURE + b"\x21\x11\xff\xff",
    ],
)
def test_what_is_none(data: bytes) -> None:
    with pytest.raises(ProxyError):
        parse(data)


@given(st.one_of(st.binary(max_size=60), st.binary(max_size=60).map(lambda data: SIGNATURE + data)))
def test_noise(data: bytes) -> None:
    try:
        found = parse(data)
    except ProxyError:
        return
    assert found is None or found.size <= len(data) <= HEADER_SIZE_MAX


def test_trusted() -> None:
    assert Trusted().has("203.0.113.1")
    some = Trusted(["10.0.0.0/8", "::1"])
    assert [some.has(host) for host in ("10.9.9.9", "::ffff:10.1.1.1", "::1", "11.0.0.1", "::2")] == [True] * 3 + [
        False
    ] * 2
    with pytest.raises(ValueError, match="does not appear to be"):
        Trusted(["nonsense"])


@pytest.fixture
async def proxied() -> AsyncIterator[Fixture]:
    fixture = Fixture(lambda session: None, proxied=Trusted())
    fixture.turn.start(lambda: False, lambda budget_ms: False)
    yield fixture
    await fixture.stop()


async def test_the_address_is_that_of_the_header(proxied: Fixture) -> None:
    reader, writer = await proxied.open()
    writer.write(HEADERS[0][0] + b"hello")
    assert await reader.readexactly(5) == b"hello"
    (ends,) = proxied.ends
    assert (ends.peer, ends.local) == (Address(*SOURCE), Address(*DESTINATION))
    assert ends.proxy is not None
    assert ends.proxy.host == "127.0.0.1"


async def test_byte_by_byte(proxied: Fixture) -> None:
    reader, writer = await proxied.open()
    for octet in HEADERS[4][0] + b"hello":
        writer.write(bytes([octet]))
        await asyncio.sleep(0.001)  # each is a packet of its own
    assert await reader.readexactly(5) == b"hello"


async def test_a_health_check_of_the_balancer(proxied: Fixture) -> None:
    reader, writer = await proxied.open()
    writer.write(v2(command=0x20, family=0x00) + b"hello")
    assert await reader.readexactly(5) == b"hello"
    assert proxied.ends[0].peer.host == "127.0.0.1"
    assert proxied.ends[0].proxy is None


@pytest.mark.parametrize("data", [b"AMQP\x00\x00\x09\x01", b"PROXY TCP4 1"])
async def test_without_a_header_there_is_no_connection(
    proxied: Fixture, data: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    reader, writer = await proxied.open()
    writer.write(data)
    writer.write_eof()
    with suppress(ConnectionError):
        assert await reader.read() == b""
    assert not proxied.sessions
    assert "PROXY header" in caplog.text


async def test_from_elsewhere_no_header_is_believed(caplog: pytest.LogCaptureFixture) -> None:
    fixture = Fixture(lambda session: None, proxied=Trusted(["10.0.0.0/8"]))
    fixture.turn.start(lambda: False, lambda budget_ms: False)
    reader, _ = await fixture.open()
    assert await reader.read() == b""
    assert "no PROXY headers are taken from there" in caplog.text
    assert not fixture.sessions
    await fixture.stop()


async def test_before_tls(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    fixture = Fixture(lambda session: None, TlsContext(TlsOptions(authority.certificate())), Trusted())
    fixture.turn.start(lambda: False, lambda budget_ms: False)
    plain = socket.create_connection(("127.0.0.1", fixture.port))
    plain.sendall(HEADERS[0][0])
    plain.setblocking(False)
    reader, writer = await asyncio.open_connection(sock=plain, ssl=authority.client(), server_hostname="localhost")
    writer.write(b"hello")
    assert await reader.readexactly(5) == b"hello"
    assert fixture.ends[0].peer == Address(*SOURCE)
    assert fixture.ends[0].tls is not None
    writer.close()
    await fixture.stop()
