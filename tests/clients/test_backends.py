"""Real clients whose users somebody else knows: an HTTP service, and tokens of OAuth 2."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aio_pika
import jwt
import pika
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm
from pika.exceptions import AMQPConnectionError, ChannelClosedByBroker

from ..process import BrokerProcess

CANARY = "canary-31c7"
Answer = Callable[[str, dict[str, str]], str | None]


@contextmanager
def service(answer: Answer) -> Iterator[tuple[str, list[tuple[str, dict[str, str]]]]]:
    """An HTTP server, and what it was asked. None is a 500."""
    asked: list[tuple[str, dict[str, str]]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.answer(urlsplit(self.path).query)

        def do_POST(self) -> None:
            self.answer(self.rfile.read(int(self.headers["content-length"])).decode())

        def answer(self, query: str) -> None:
            parameters = {name: values[0] for name, values in parse_qs(query, keep_blank_values=True).items()}
            path = urlsplit(self.path).path
            asked.append((path, parameters))
            body = answer(path, parameters)
            self.send_response(500 if body is None else 200)
            data = (body or "").encode()
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def broker(url: str, *flags: str) -> Iterator[BrokerProcess]:
    paths = [f"--auth-http-{name}-path={url}/{name}" for name in ("user", "vhost", "resource", "topic")]
    with BrokerProcess("--port", "0", "--ephemeral", "--log-level", "debug", *paths, *flags) as started:
        assert started.port
        yield started
        started.stop()
        assert CANARY not in started.log


@contextmanager
def connect(port: int, user: str, password: str) -> Iterator[pika.BlockingConnection]:
    credentials = pika.PlainCredentials(user, password)
    connection = pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", port, credentials=credentials))
    try:
        yield connection
    finally:
        if connection.is_open:
            connection.close()


def rules(path: str, asked: dict[str, str]) -> str | None:
    """ann may do everything but write to `secret`, and publish to topics only news."""
    if path == "/user":
        return "allow monitoring" if asked["username"] == "ann" and asked.get("password", CANARY) == CANARY else "deny"
    if path == "/vhost":
        return "allow" if asked["vhost"] == "/" else "deny"
    if path == "/topic":
        return "allow" if asked["routing_key"].startswith("news.") else "deny"
    return "deny" if asked["name"] == "secret" and asked["permission"] == "write" else "allow"


@pytest.mark.parametrize("method", ["get", "post"])
def test_an_http_service(method: str) -> None:
    with (
        service(rules) as (url, asked),
        broker(url, "--auth-backends=http", f"--auth-http-method={method}") as started,
    ):
        with pytest.raises(AMQPConnectionError), connect(started.port, "ann", "wrong"):
            pass
        with connect(started.port, "ann", CANARY) as connection:
            channel = connection.channel()
            channel.confirm_delivery()
            queue = channel.queue_declare("").method.queue
            channel.exchange_declare("topics", "topic")
            channel.queue_bind(queue, "topics", "news.#")
            for number in range(20):
                channel.basic_publish("topics", f"news.{number % 3}", b"m")
            assert channel.queue_declare(queue, passive=True).method.message_count == 20
            with pytest.raises(ChannelClosedByBroker, match="write access to topic 'sport' in exchange 'topics'"):
                channel.basic_publish("topics", "sport", b"m")
            channel = connection.channel()
            channel.confirm_delivery()
            channel.exchange_declare("secret", "fanout")
            with pytest.raises(ChannelClosedByBroker, match="write access to exchange 'secret' in vhost '/' refused"):
                channel.basic_publish("secret", "", b"m")
    questions = [(path, sorted(parameters.items())) for path, parameters in asked]
    assert len(questions) - len({repr(question) for question in questions}) <= 1  # each is asked once


def test_a_service_that_is_down() -> None:
    with service(lambda path, asked: None) as (url, _), broker(url, "--auth-backends=http,internal") as started:
        with pytest.raises(AMQPConnectionError), connect(started.port, "ann", CANARY):
            pass
        started.expect(r"/user answered 500")
        with connect(started.port, "guest", "guest") as connection:
            connection.channel().queue_declare("", exclusive=True)


def test_credentials_here_and_rights_there() -> None:
    with service(rules) as (url, asked), broker(url, "--auth-backends=internal:http") as started:
        with pytest.raises(AMQPConnectionError), connect(started.port, "guest", "guest"):
            pass
        assert asked == [("/user", {"username": "guest"})]


def test_what_was_answered_is_remembered() -> None:
    with (
        service(rules) as (url, asked),
        broker(url, "--auth-backends=cache", "--auth-cache-backend=http") as started,
    ):
        for _ in range(5):
            with connect(started.port, "ann", CANARY) as connection:
                connection.channel().queue_declare("q")
    assert sorted(path for path, _ in asked) == ["/resource", "/user", "/vhost"]


KEY = rsa.generate_private_key(65537, 2048)


def token(seconds: float = 60, **claims: Any) -> str:
    said = {
        "sub": "ann",
        "aud": "rabbitmq",
        "exp": time.time() + seconds,
        "scope": "rabbitmq.configure:*/* rabbitmq.read:*/a",
    }
    return jwt.encode({**said, **claims}, KEY, "RS256", headers={"kid": "one"})


def keys(path: str, asked: dict[str, str]) -> str | None:
    if path == "/.well-known/openid-configuration":
        return None  # the tests that need it have their own
    return json.dumps({"keys": [{**json.loads(RSAAlgorithm.to_jwk(KEY.public_key())), "kid": "one", "use": "sig"}]})


OAUTH = ("--auth-backends=oauth2", "--auth-oauth2-resource-server-id=rabbitmq")


def test_a_token() -> None:
    with service(keys) as (url, asked), broker(url, *OAUTH, f"--auth-oauth2-jwks-url={url}/keys") as started:
        with connect(started.port, "", token()) as connection:
            channel = connection.channel()
            channel.queue_declare("a")
            assert channel.basic_get("a") == (None, None, None)
            channel.confirm_delivery()
            with pytest.raises(ChannelClosedByBroker, match=r"write access to exchange 'amq\.default'"):
                channel.basic_publish("", "a", b"m")
        for wrong in (token(-1), token(aud="other"), "password", token()[:-6]):
            with pytest.raises(AMQPConnectionError), connect(started.port, "ann", wrong):
                pass
        assert len(asked) == 1


def test_the_issuer_says_where_its_keys_are() -> None:
    where: list[str] = []

    def answer(path: str, asked: dict[str, str]) -> str | None:
        if path == "/.well-known/openid-configuration":
            return json.dumps({"jwks_uri": f"{where[0]}/keys"})
        return keys(path, asked)

    with service(answer) as (url, asked):
        where.append(url)
        with (
            broker(url, *OAUTH, f"--auth-oauth2-issuer={url}") as started,
            connect(started.port, "ann", token(iss=url)) as connection,
        ):
            connection.channel().queue_declare("a")
    assert [path for path, _ in asked] == ["/.well-known/openid-configuration", "/keys"]


async def test_a_token_that_ends_and_one_that_is_renewed() -> None:
    with service(keys) as (url, _), broker(url, *OAUTH, f"--auth-oauth2-jwks-url={url}/keys") as started:

        async def login(seconds: float) -> aio_pika.abc.AbstractConnection:
            return await aio_pika.connect(host="127.0.0.1", port=started.port, login="ann", password=token(seconds))

        ending, renewed = await login(2), await login(2)
        closed: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        ending.close_callbacks.add(lambda _, why: closed.done() or closed.set_result(why))
        await renewed.update_secret(token(60))
        assert "credential expired" in str(await asyncio.wait_for(closed, 10))
        channel = await renewed.channel()
        await channel.declare_queue("still", exclusive=True)
        await renewed.close()


def test_options_that_cannot_be() -> None:
    for flags, text in [
        (["--auth-backends=nobody"], "auth-backends must be of internal, http, ldap, oauth2, cache, not 'nobody'"),
        (["--auth-backends=http"], "the backend http needs auth-http-user-path, a URL"),
        (["--auth-backends=oauth2"], "the backend oauth2 needs auth-oauth2-resource-server-id"),
        (["--auth-backends=ldap"], "the backend ldap needs auth-ldap-servers"),
        ([*OAUTH, "--auth-oauth2-signing-keys=a=/nowhere.pem"], "cannot read /nowhere.pem: No such file"),
        ([*OAUTH, "--auth-oauth2-algorithms=none"], "auth-oauth2-algorithms must be of RS256, "),
    ]:
        with BrokerProcess("--port", "0", "--ephemeral", *flags) as started:
            assert started.wait() == 2
            assert text in started.log
