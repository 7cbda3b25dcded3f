"""Real clients over TLS: passwords, certificates instead of them, and a certificate that changes while they work."""

from __future__ import annotations

import json
import signal
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import aio_pika
import pika
import pytest
from pika.exceptions import AMQPConnectionError

from leveret.net.tls import Certificate

from ..net.certificates import Authority
from ..process import BrokerProcess


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def broker(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerProcess]:
    certificate = authority.certificate()
    definitions = tmp_path_factory.mktemp("definitions") / "users.json"
    users = [{"name": name, "password_hash": "", "tags": ""} for name in ("ann", "CN=ann")]
    users.append({"name": "guest", "password": "guest", "tags": ""})
    everything = {"vhost": "/", "configure": ".*", "write": ".*", "read": ".*"}
    permissions = [{"user": user, **everything} for user in ("ann", "guest")]
    definitions.write_text(json.dumps({"users": users, "permissions": permissions}))
    arguments = {
        "port": 0,
        "tls-listen": "127.0.0.1:0",
        "tls-certfile": certificate.certfile,
        "tls-keyfile": certificate.keyfile,
        "tls-cafile": authority.cafile,
        "auth-mechanisms": "PLAIN,EXTERNAL",
        "tls-login-from": "common_name",
        "load-definitions": definitions,
        "loopback-users": "guest",
    }
    flags = [f"--{name}={value}" for name, value in arguments.items()]
    with BrokerProcess("--ephemeral", "--tls-verify", *flags) as started:
        yield started


def tls_port(broker: BrokerProcess) -> int:
    assert broker.port
    return int(next(line for line in broker.lines if "over TLS on" in line).rpartition(":")[2])


@contextmanager
def connect(
    broker: BrokerProcess, context: ssl.SSLContext, credentials: object = None
) -> Iterator[pika.BlockingConnection]:
    parameters = pika.ConnectionParameters(
        "127.0.0.1",
        tls_port(broker),
        ssl_options=pika.SSLOptions(context, "localhost"),
        credentials=credentials or pika.PlainCredentials("guest", "guest"),
    )
    connection = pika.BlockingConnection(parameters)
    try:
        yield connection
    finally:
        if connection.is_open:
            connection.close()


def round_trip(connection: pika.BlockingConnection, body: bytes = b"hello") -> None:
    channel = connection.channel()
    channel.confirm_delivery()
    queue = channel.queue_declare("", exclusive=True).method.queue
    channel.basic_publish("", queue, body)
    _, _, got = channel.basic_get(queue, auto_ack=True)
    assert got == body
    channel.close()


@pytest.mark.parametrize("size", [1, 100_000, 5_000_000])
def test_pika(broker: BrokerProcess, authority: Authority, size: int) -> None:
    with connect(broker, authority.client()) as connection:
        round_trip(connection, b"x" * size)


async def test_aio_pika(broker: BrokerProcess, authority: Authority) -> None:
    connection = await aio_pika.connect(
        f"amqps://guest:guest@localhost:{tls_port(broker)}/", ssl=True, ssl_context=authority.client()
    )
    async with connection:
        channel = await connection.channel()
        queue = await channel.declare_queue(exclusive=True)
        await channel.default_exchange.publish(aio_pika.Message(b"hello"), queue.name)
        message = await queue.get(timeout=5)
        assert message.body == b"hello"
        await message.ack()


def certificate(authority: Authority, name: str) -> Certificate:
    return authority.certificate(f"{name}.example.com", file=name, common_name=name)


class TestExternal:
    def test_a_certificate_instead_of_a_password(self, broker: BrokerProcess, authority: Authority) -> None:
        context = authority.client(certificate(authority, "ann"))
        with connect(broker, context, pika.credentials.ExternalCredentials()) as connection:
            round_trip(connection)
            channel = connection.channel()
            properties = pika.BasicProperties(user_id="ann")
            channel.queue_declare("mine", exclusive=True)
            channel.basic_publish("", "mine", b"", properties)
            assert channel.basic_get("mine")[1].user_id == "ann"

    def test_of_somebody_who_is_no_user(self, broker: BrokerProcess, authority: Authority) -> None:
        context = authority.client(certificate(authority, "eve"))
        with pytest.raises(AMQPConnectionError), connect(broker, context, pika.credentials.ExternalCredentials()):
            pass
        broker.expect("EXTERNAL login refused: user 'eve' - invalid credentials")

    def test_without_one_it_is_not_offered(self, broker: BrokerProcess, authority: Authority) -> None:
        with (
            pytest.raises(AMQPConnectionError),
            connect(broker, authority.client(), pika.credentials.ExternalCredentials()),
        ):
            pass

    def test_one_with_a_password_beside_it(self, broker: BrokerProcess, authority: Authority) -> None:
        with connect(broker, authority.client(certificate(authority, "eve"))) as connection:
            round_trip(connection)


def test_a_new_certificate_under_load(broker: BrokerProcess, authority: Authority) -> None:
    """Connections that are open go on, new ones see the new certificate."""

    def serial() -> str:
        with ssl.create_default_context(cafile=str(authority.cafile)).wrap_socket(
            socket.create_connection(("127.0.0.1", tls_port(broker))), server_hostname="localhost"
        ) as connected:
            return str((connected.getpeercert() or {})["serialNumber"])

    before = serial()
    with connect(broker, authority.client()) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        channel.queue_declare("load", exclusive=True)
        for number in range(5):
            for _ in range(20):
                channel.basic_publish("", "load", b"x" * 10_000)
            if number == 2:
                authority.certificate()
                broker.signal(signal.SIGHUP)
                broker.expect("certificates reloaded")
        assert channel.queue_declare("load", passive=True).method.message_count == 100
    assert serial() != before


def test_a_client_without_tls_on_the_tls_port(broker: BrokerProcess) -> None:
    with pytest.raises(AMQPConnectionError):
        pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", tls_port(broker)))
    broker.expect("the peer does not speak TLS; it may be a client without TLS on the TLS port")


def test_a_client_with_tls_on_the_other_port(broker: BrokerProcess, authority: Authority) -> None:
    options = pika.SSLOptions(authority.client(), "localhost")
    with pytest.raises((AMQPConnectionError, ssl.SSLError)):
        pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", broker.port, ssl_options=options))
    broker.expect("TLS client detected on non-TLS AMQP port")
