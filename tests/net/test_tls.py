"""TLS on a real socket: what is offered and refused, certificates of clients, names, reload, and bytes both ways."""

from __future__ import annotations

import asyncio
import logging
import os
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from leveret.errors import ConfigError
from leveret.limits import PRELUDE_TIMEOUT_MS
from leveret.net.tls import Certificate, TlsContext, TlsOptions, distinguished_name, login_name
from leveret.ports import Tls

from .certificates import Authority
from .support import FakeSession, Fixture, until


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def options(authority: Authority) -> TlsOptions:
    return TlsOptions(authority.certificate(), cafile=authority.cafile)


@asynccontextmanager
async def serve(
    options: TlsOptions | TlsContext, configure: Callable[[FakeSession], None] = lambda session: None
) -> AsyncIterator[Fixture]:
    fixture = Fixture(configure, options if isinstance(options, TlsContext) else TlsContext(options))
    fixture.turn.start(lambda: False, lambda budget_ms: False)
    try:
        yield fixture
    finally:
        await fixture.stop()


async def connect(
    fixture: Fixture, context: ssl.SSLContext, name: str = "localhost"
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    known = len(fixture.sessions)
    reader, writer = await asyncio.open_connection("127.0.0.1", fixture.port, ssl=context, server_hostname=name)
    await until(lambda: len(fixture.sessions) > known or reader.at_eof() or reader.exception())
    return reader, writer


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, data: bytes = b"hello") -> bytes:
    writer.write(data)
    return await reader.readexactly(len(data))


async def test_bytes_go_both_ways(authority: Authority, options: TlsOptions) -> None:
    async with serve(options) as fixture:
        reader, writer = await connect(fixture, authority.client())
        assert await echo(reader, writer) == b"hello"
        writer.close()


@pytest.mark.parametrize("size", [1, 16_384, 16_385, 300_000, 3_000_000])
async def test_any_size(authority: Authority, options: TlsOptions, size: int) -> None:
    data = os.urandom(size)
    async with serve(options) as fixture:
        reader, writer = await connect(fixture, authority.client())
        assert await echo(reader, writer, data) == data
        writer.close()


async def test_a_peer_that_reads_late(authority: Authority, options: TlsOptions) -> None:
    data = os.urandom(8_000_000)

    def configure(session: FakeSession) -> None:
        session.echo = False

    async with serve(options, configure) as fixture:
        reader, writer = await connect(fixture, authority.client())
        await until(lambda: fixture.sessions)
        session = fixture.sessions[0]
        session.say(data)
        await until(lambda: session.unwritten > 0)
        assert await reader.readexactly(len(data)) == data
        await session.until(lambda: session.drains > 0)
        writer.close()


async def test_reading_that_pauses_goes_on_with_what_was_decrypted(authority: Authority, options: TlsOptions) -> None:
    data = os.urandom(100_000)
    async with serve(options) as fixture:
        reader, writer = await connect(fixture, authority.client())
        await echo(reader, writer)
        session = fixture.sessions[0]
        session.more = 50  # it is not read while it has something to go on with
        assert await echo(reader, writer, data) == data
        writer.close()


async def test_the_end_of_input(authority: Authority, options: TlsOptions) -> None:
    async with serve(options) as fixture:
        reader, writer = await connect(fixture, authority.client())
        await echo(reader, writer)
        fixture.sessions[0].echo = False
        writer.write(b"last words")
        writer.close()
        await writer.wait_closed()
        session = fixture.sessions[0]
        await session.until(lambda: session.losses == 1)
        assert session.received.endswith(b"last words")


async def test_a_session_that_ends(authority: Authority, options: TlsOptions) -> None:
    async with serve(options) as fixture:
        reader, writer = await connect(fixture, authority.client())
        await echo(reader, writer)
        session = fixture.sessions[0]
        session.finished = True
        session.say(b"goodbye")
        assert await reader.read() == b"goodbye"  # and its end in good order: no exception
        writer.close()


class TestOffered:
    @pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
    async def test_versions(self, authority: Authority, options: TlsOptions, version: ssl.TLSVersion) -> None:
        client = authority.client()
        client.minimum_version = client.maximum_version = version
        async with serve(options) as fixture:
            _, writer = await connect(fixture, client)
            tls = fixture.ends[0].tls
            assert tls is not None
            assert tls.protocol == {ssl.TLSVersion.TLSv1_2: "tlsv1.2", ssl.TLSVersion.TLSv1_3: "tlsv1.3"}[version]
            assert tls.cipher
            assert tls.bits >= 128
            writer.close()

    @pytest.mark.filterwarnings("ignore::DeprecationWarning")
    @pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
    async def test_old_versions_are_refused(
        self, authority: Authority, options: TlsOptions, version: ssl.TLSVersion, caplog: pytest.LogCaptureFixture
    ) -> None:
        client = authority.client()
        client.set_ciphers("DEFAULT@SECLEVEL=0")
        client.minimum_version = client.maximum_version = version
        async with serve(options) as fixture:
            with pytest.raises((ssl.SSLError, ConnectionResetError)):
                await connect(fixture, client)
            assert not fixture.sessions

    async def test_one_version_only(self, authority: Authority, options: TlsOptions) -> None:
        client = authority.client()
        client.maximum_version = ssl.TLSVersion.TLSv1_2
        async with serve(replace(options, versions=("tlsv1.3",))) as fixture:
            with pytest.raises((ssl.SSLError, ConnectionResetError)):
                await connect(fixture, client)

    async def test_ciphers(self, authority: Authority, options: TlsOptions) -> None:
        client = authority.client()
        client.maximum_version = ssl.TLSVersion.TLSv1_2
        async with serve(replace(options, ciphers="ECDHE-ECDSA-AES256-GCM-SHA384")) as fixture:
            _, writer = await connect(fixture, client)
            assert fixture.ends[0].tls is not None
            assert fixture.ends[0].tls.cipher == "ECDHE-ECDSA-AES256-GCM-SHA384"
            writer.close()
            client.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256")
            with pytest.raises((ssl.SSLError, ConnectionResetError)):
                await connect(fixture, client)

    async def test_who_does_not_speak_tls(self, options: TlsOptions, caplog: pytest.LogCaptureFixture) -> None:
        async with serve(options) as fixture:
            reader, writer = await fixture.open()
            writer.write(b"AMQP\x00\x00\x09\x01" * 4)
            with suppress(ConnectionError):
                assert await reader.read() == b""
            assert not fixture.sessions
            assert "the peer does not speak TLS; it may be a client without TLS on the TLS port" in caplog.text

    async def test_who_says_nothing(self, options: TlsOptions, caplog: pytest.LogCaptureFixture) -> None:
        async with serve(options) as fixture:
            reader, _ = await fixture.open()
            await until(lambda: fixture.server.preludes)
            (prelude,) = fixture.server.preludes
            assert prelude.tick_at_ms is not None
            assert prelude.tick_at_ms <= fixture.clock.monotonic_ms() + PRELUDE_TIMEOUT_MS
            prelude.tick(prelude.tick_at_ms)
            assert await reader.read() == b""
            assert "timeout" in caplog.text
            assert not fixture.server.preludes

    async def test_a_stop_does_not_wait_for_them(self, options: TlsOptions) -> None:
        async with serve(options) as fixture:
            reader, _ = await fixture.open()
            await until(lambda: fixture.server.preludes)
            await fixture.server.stop("shutdown")
            assert await reader.read() == b""


class TestClients:
    """Certificates of clients."""

    async def test_a_good_one(self, authority: Authority, options: TlsOptions) -> None:
        certificate = authority.certificate("ann.example.com", "b.example.com", file="client", common_name="ann")
        async with serve(replace(options, verify=True, require=True)) as fixture:
            reader, writer = await connect(fixture, authority.client(certificate))
            assert await echo(reader, writer) == b"hello"
            tls = fixture.ends[0].tls
            assert tls is not None
            assert login_name(tls, "common_name") == "ann"
            assert login_name(tls) == tls.subject
            assert tls.subject.startswith("CN=ann,OU=Testing cert")
            assert login_name(tls, "subject_alternative_name") == "ann.example.com"
            assert login_name(tls, "subject_alternative_name", "dns", 1) == "b.example.com"
            assert login_name(tls, "subject_alternative_name", "dns", 2) == ""
            assert login_name(tls, "subject_alternative_name", "email") == ""
            writer.close()

    @pytest.mark.parametrize(("require", "allowed"), [(True, False), (False, True)])
    async def test_none(self, authority: Authority, options: TlsOptions, require: bool, allowed: bool) -> None:
        async with serve(replace(options, verify=True, require=require)) as fixture:
            try:
                reader, writer = await connect(fixture, authority.client())
                assert await echo(reader, writer) == b"hello"
            except (ssl.SSLError, ConnectionError, asyncio.IncompleteReadError):
                assert not allowed
                assert not fixture.sessions
            else:
                assert allowed
                assert fixture.ends[0].tls is not None
                assert login_name(fixture.ends[0].tls) == ""
                writer.close()

    @pytest.mark.parametrize("wrong", ["expired", "authority"])
    async def test_bad_ones(
        self, authority: Authority, options: TlsOptions, wrong: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        other = Authority(tmp_path / "other") if wrong == "authority" else authority
        certificate = other.certificate("ann.example.com", file="client", expired=wrong == "expired")
        async with serve(replace(options, verify=True)) as fixture:
            with pytest.raises((ssl.SSLError, ConnectionError, asyncio.IncompleteReadError)):
                await echo(*await connect(fixture, authority.client(certificate)))
            assert not fixture.sessions
            assert "the peer's certificate is not one we trust, or has expired" in caplog.text

    async def test_one_that_nobody_asked_for_is_not_believed(self, authority: Authority, options: TlsOptions) -> None:
        certificate = authority.certificate("ann.example.com", file="client")
        async with serve(options) as fixture:
            _, writer = await connect(fixture, authority.client(certificate))
            assert fixture.ends[0].tls is not None
            assert login_name(fixture.ends[0].tls) == ""
            writer.close()


class TestNames:
    async def test_by_the_name_that_a_client_asks_for(self, authority: Authority, options: TlsOptions) -> None:
        names = {
            "shop.example.com": authority.certificate("shop.example.com", file="shop"),
            "*.cloud.example.com": authority.certificate("*.cloud.example.com", file="cloud"),
        }
        async with serve(replace(options, names=names)) as fixture:
            for name in ("shop.example.com", "a.cloud.example.com", "localhost"):
                _, writer = await connect(fixture, authority.client(), name)
                writer.close()
            with pytest.raises(ssl.SSLCertVerificationError):
                await connect(fixture, authority.client(), "other.example.com")

    @pytest.mark.parametrize(
        ("name", "shown"),
        [
            ((), ""),
            (((("countryName", "DE"),), (("commonName", "a"),)), "CN=a,C=DE"),
            (((("commonName", "a"), ("userId", "b")),), "CN=a+UID=b"),
            (((("commonName", ' a,b+"\\<>; '),),), 'CN=\\ a\\,b\\+\\"\\\\\\<\\>\\;\\ '),
            (((("commonName", "#1"),),), "CN=\\#1"),
            (((("own", "x"),),), "own=x"),
        ],
    )
    def test_distinguished_names(self, name: tuple[tuple[tuple[str, str], ...], ...], shown: str) -> None:
        assert distinguished_name(name) == shown

    def test_other_alternative_names(self) -> None:
        names = (("email", "a@x"), ("IP Address", "10.0.0.1"), ("URI", "spiffe://a"), ("DNS", "x"))
        tls = Tls("tlsv1.3", "", 0, alternative_names=names)
        found = [login_name(tls, "subject_alternative_name", kind) for kind in ("email", "ip", "uri", "dns")]
        assert found == ["a@x", "10.0.0.1", "spiffe://a", "x"]


class TestReload:
    async def test_new_connections_get_the_new_one_and_old_ones_stay(
        self, authority: Authority, options: TlsOptions
    ) -> None:
        context = TlsContext(options)
        async with serve(context) as fixture:
            reader, writer = await connect(fixture, authority.client())
            first = writer.get_extra_info("peercert")["serialNumber"]
            assert not context.reload()
            authority.certificate()
            assert context.reload()
            _, other = await connect(fixture, authority.client())
            assert other.get_extra_info("peercert")["serialNumber"] != first
            assert await echo(reader, writer) == b"hello"
            writer.close()
            other.close()

    async def test_what_cannot_be_used_changes_nothing(
        self, authority: Authority, options: TlsOptions, caplog: pytest.LogCaptureFixture
    ) -> None:
        context = TlsContext(options)
        async with serve(context) as fixture:
            options.certificate.certfile.write_text("nonsense")
            assert not context.reload()
            assert "certificates were not reloaded, the old ones stay" in caplog.text
            _, writer = await connect(fixture, authority.client())
            writer.close()
            options.certificate.certfile.unlink()
            assert not context.reload()
            authority.certificate()
            assert context.reload()


class TestFiles:
    def test_what_is_missing_or_wrong(self, authority: Authority, options: TlsOptions, tmp_path: Path) -> None:
        nowhere = tmp_path / "nowhere.pem"
        for wrong in (
            replace(options, certificate=Certificate(nowhere, nowhere)),
            replace(options, cafile=nowhere),
            replace(options, cafile=options.certificate.keyfile),
            replace(options, ciphers="NONE-SUCH"),
            replace(options, certificate=replace(options.certificate, keyfile=authority.certificate(file="b").keyfile)),
        ):
            with pytest.raises(ConfigError, match=r"cannot use .* for TLS"):
                TlsContext(wrong)

    def test_what_is_said_is_for_people(self, authority: Authority, options: TlsOptions, tmp_path: Path) -> None:
        certificate, key = options.certificate.certfile, options.certificate.keyfile
        other = authority.certificate(file="b").keyfile
        nowhere, junk = tmp_path / "nowhere.key", tmp_path / "junk.pem"
        junk.write_text("junk")
        for files, said in (
            (Certificate(certificate, nowhere), f"cannot use {nowhere} for TLS: No such file or directory"),
            (Certificate(certificate, other), "the key belongs to another certificate"),
            (Certificate(junk, key), "no certificate or no key in PEM is in it, or the password of the key is wrong"),
            (Certificate(certificate, junk), "no certificate or no key in PEM is in it"),
        ):
            with pytest.raises(ConfigError) as caught:
                TlsContext(replace(options, certificate=files))
            assert said in str(caught.value)
        for wrong, said in (
            (replace(options, cafile=key), f"cannot use {key} for TLS: no certificate in PEM is in it"),
            (replace(options, ciphers="NONE-SUCH"), "OpenSSL knows none of them"),
        ):
            with pytest.raises(ConfigError) as caught:
                TlsContext(wrong)
            assert said in str(caught.value)

    def test_a_key_with_a_password(self, authority: Authority, options: TlsOptions, tmp_path: Path) -> None:
        from cryptography.hazmat.primitives import serialization

        key = serialization.load_pem_private_key(options.certificate.keyfile.read_bytes(), None)
        locked = tmp_path / "locked.key"
        locked.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.BestAvailableEncryption(b"canary"),
            )
        )
        right = Certificate(options.certificate.certfile, locked, "canary")
        TlsContext(replace(options, certificate=right))
        with pytest.raises(ConfigError) as refusal:
            TlsContext(replace(options, certificate=replace(right, password="wrong-canary")))
        assert "canary" not in str(refusal.value)
        assert "canary" not in repr(right)


async def test_a_storm_of_handshakes_lets_others_go_on(authority: Authority, options: TlsOptions) -> None:
    caplog_level = logging.getLogger("leveret.net").level
    logging.getLogger("leveret.net").setLevel(logging.ERROR)
    try:
        async with serve(options) as fixture:
            reader, writer = await connect(fixture, authority.client())
            client = authority.client()
            others = await asyncio.gather(*[connect(fixture, client) for _ in range(50)])
            assert await echo(reader, writer) == b"hello"
            assert len(fixture.sessions) == 51
            for _, other in others:
                other.close()
            writer.close()
    finally:
        logging.getLogger("leveret.net").setLevel(caplog_level)
