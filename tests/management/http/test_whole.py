"""The node, health, errors, headers and the server itself."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme

import leveret
from leveret.config import DEFAULTS
from leveret.errors import ConfigError
from leveret.managing import Management
from leveret.node import Node

from .conftest import Api


class TestNode:
    async def test_overview(self, api: Api) -> None:
        found = await api("GET", "overview")
        assert (found["rabbitmq_version"], found["product_name"]) == ("4.2.0", "Leveret")
        assert found["product_version"] == leveret.__version__
        assert {one["protocol"] for one in found["listeners"]} == {"amqp", "http"}
        assert {"topic", "x-delayed-message", "x-consistent-hash"} <= {one["name"] for one in found["exchange_types"]}

    async def test_nodes(self, api: Api) -> None:
        (found,) = await api("GET", "nodes")
        assert found == (await api("GET", "nodes/rabbit@leveret")) | {"uptime": found["uptime"]} | {
            name: found[name] for name in ("mem_used", "fd_used")
        }
        assert found["mem_used"] > 10_000_000
        assert found["fd_used"] > 3
        memory = (await api("GET", "nodes/rabbit@leveret/memory"))["memory"]
        assert memory["total"]["rss"] == memory["binary"] + memory["other_system"]
        await api("GET", "nodes/rabbit@elsewhere", status=404)

    async def test_options_hide_secrets(self, api: Api) -> None:
        found = await api("GET", "config/effective")
        assert (found["port"], found["default-pass"]) == ("5672", "********")


class TestHealth:
    async def test_all_is_well(self, broker: leveret.Broker, api: Api) -> None:
        for path in (
            "alarms",
            "local-alarms",
            "virtual-hosts",
            "node-is-quorum-critical",
            "ready-to-serve-clients",
            "below-node-connection-limit",
            f"port-listener/{broker.port}",
            "protocol-listener/amqp",
            "protocol-listener/mqtt,http",
            "certificate-expiration/2/weeks",
        ):
            assert (await api("GET", f"health/checks/{path}"))["status"] == "ok", path
        assert await api("GET", "aliveness-test/%2F") == {"status": "ok"}

    async def test_what_is_not(self, broker: Any, api: Api) -> None:
        assert (await api("GET", "health/checks/port-listener/1", status=503))["missing"] == 1
        assert (await api("GET", "health/checks/protocol-listener/mqtt", status=503))["protocols"] == ["amqp", "http"]
        await api("GET", "health/checks/port-listener/x", status=400)
        await api("GET", "health/checks/certificate-expiration/x/weeks", status=400)
        for path in ("port-listener/" + "9" * 5000, "certificate-expiration/1/centuries"):
            await api("GET", f"health/checks/{path}", status=400)
        await api("GET", f"health/checks/certificate-expiration/{'9' * 400}/years", status=400)
        leaders = "health/checks/quorum-queues-without-elected-leaders/vhost/"
        await api("GET", leaders + "%2F")
        await api("GET", leaders + "nowhere", status=404)
        broker._node.alarms.log_full(True)
        found = await api("GET", "health/checks/alarms", status=503)
        assert found["alarms"] == [{"node": "rabbit@leveret", "resource": "disk"}]
        await api("GET", "health/checks/ready-to-serve-clients", status=503)


class TestPortInUse:
    async def test_what_listened_already_is_closed(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            node = Node(asyncio.get_running_loop())
            free = socket.create_server(("127.0.0.1", 0))
            port = free.getsockname()[1]
            free.close()
            options = replace(DEFAULTS, management_port=port, metrics_port=taken.getsockname()[1])
            with pytest.raises(ConfigError, match=f"{options.metrics_port}"):
                Management(node, options)
            socket.create_server(("127.0.0.1", port)).close()
            await node.stop()

    async def test_a_broker_that_does_not_start_keeps_nothing(self, tmp_path: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            broker = leveret.Broker(data_dir=tmp_path / "data", management_port=taken.getsockname()[1])
            with pytest.raises(ConfigError):
                await broker.start()
            port = broker.port
        async with leveret.Broker(port=port, data_dir=tmp_path / "data") as another:
            assert another.port == port


class TestErrors:
    async def test_no_such_path(self, api: Api) -> None:
        assert await api("GET", "hats", status=404) == {"error": "Object Not Found", "reason": "Not Found"}

    async def test_no_such_method(self, api: Api) -> None:
        response = await api.client.post("queues/%2F/q", json={})
        assert (response.status_code, response.json()["error"]) == (405, "Method Not Allowed")
        assert {"GET", "PUT", "DELETE"} <= {name.strip() for name in response.headers["allow"].split(",")}

    async def test_beside_the_pages_of_the_user_interface(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        (tmp_path / "index.html").write_text("a page")
        monkeypatch.setattr("leveret.management.http.app.UI", tmp_path)
        async with leveret.Broker(management_port=0) as broker:
            api = Api(broker)
            assert await api("GET", "hats", status=404) == {"error": "Object Not Found", "reason": "Not Found"}
            response = await api.client.post("queues/%2F/q", json={})
            assert (response.status_code, response.json()["error"]) == (405, "Method Not Allowed")
            assert {"GET", "PUT", "DELETE"} <= {name.strip() for name in response.headers["allow"].split(",")}
            assert (await api.client.get(broker.management_url)).text == "a page"
            await api.client.aclose()

    async def test_a_bug_says_nothing_to_the_caller(
        self, api: Api, broker: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr(type(broker._management.machine), "describe", lambda *_: 1 / 0)
        found = await api("GET", "nodes", status=500)
        assert found == {"error": "Internal Server Error", "reason": "Internal Server Error"}
        assert "the management API failed at GET /api/nodes" in caplog.text

    async def test_a_slash_at_the_end_is_no_matter(self, api: Api) -> None:
        assert await api("GET", "queues/") == []

    async def test_head_is_get_without_the_body(self, api: Api) -> None:
        response = await api.client.head("queues")
        assert (response.status_code, response.content) == (200, b"")

    async def test_a_body_has_a_bound(self, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("leveret.management.http.reply.API_BODY_MAX", 1000)
        found = await api("PUT", "queues/%2F/q", {"arguments": {"x": "x" * 2000}}, 413)
        assert found["error"] == "payload_too_large"


class TestServer:
    async def test_headers_for_browsers(self, api: Api) -> None:
        response = await api.client.get("overview")
        assert "default-src 'self'" in response.headers["content-security-policy"]
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["x-frame-options"] == "DENY"
        assert "access-control-allow-origin" not in response.headers

    async def test_other_sites_only_if_the_operator_says_so(self) -> None:
        options = replace(
            DEFAULTS, management_port=0, metrics=False, management_cors_allow_origins=("https://ok.example",)
        )
        async with _served(options) as client:
            asked = {"origin": "https://ok.example", "access-control-request-method": "PUT"}
            response = await client.options("api/queues", headers=asked)
            assert response.headers["access-control-allow-origin"] == "https://ok.example"
            response = await client.options("api/queues", headers=asked | {"origin": "https://no.example"})
            assert "access-control-allow-origin" not in response.headers

    async def test_the_name_that_the_options_say(self) -> None:
        async with _served(replace(DEFAULTS, management_port=0, metrics=False, cluster_name="hats")) as client:
            client.auth = ("guest", "guest")
            assert (await client.get("api/cluster-name")).json() == {"name": "hats"}
            assert (await client.get("api/overview")).json()["cluster_name"] == "hats"
            assert 'rabbitmq_cluster="hats"' in (await client.get("metrics")).text

    async def test_behind_a_proxy(self) -> None:
        async with _served(
            replace(DEFAULTS, management_port=0, metrics=False, management_path_prefix="/hats")
        ) as client:
            assert (await client.get("api/overview", auth=("guest", "guest"))).is_success
            bare = str(client.base_url).replace("/hats/", "/api/overview")
            assert (await client.get(bare, auth=("guest", "guest"))).status_code == 404
            response = await client.post("api/login", data={"username": "guest", "password": "guest"})
            assert "Path=/hats" in response.headers["set-cookie"]

    async def test_it_does_not_wait_for_ever(self, broker: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("leveret.management.http.server.API_REQUEST_TIMEOUT_MS", 20)
        host, port = broker._management.listening[0].host, broker._management.listening[0].port
        login = b"authorization: Basic Z3Vlc3Q6Z3Vlc3Q=\r\n"
        half = b"PUT /api/queues/%2F/q HTTP/1.1\r\nhost: x\r\n" + login + b"content-length: 9\r\n\r\n{"
        for sent in (b"", b"GET /api/overview HT", half):
            reader, writer = await asyncio.open_connection(host, port)
            writer.write(sent)
            with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
                await reader.readexactly(1)
            writer.close()

    async def test_who_goes_away_meanwhile_is_nothing_to_log(
        self, broker: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        host, port = broker._management.listening[0].host, broker._management.listening[0].port
        lost = _happens(monkeypatch, "connection_lost")
        login = b"authorization: Basic Z3Vlc3Q6Z3Vlc3Q=\r\n"
        for path in (b"POST /api/login", b"POST /api/definitions", b"PUT /api/queues/%2F/q"):
            next_lost = asyncio.ensure_future(anext(lost))
            _, writer = await asyncio.open_connection(host, port)
            writer.write(path + b" HTTP/1.1\r\nhost: x\r\n" + login + b"content-length: 9\r\n\r\n{")
            await writer.drain()
            await asyncio.sleep(0)
            writer.close()
            await next_lost
            tasks = broker._management._server._state.tasks
            if tasks:
                await asyncio.wait([*tasks])
        assert not [one for one in caplog.records if one.levelname == "ERROR"]

    async def test_only_so_many_connections(self, broker: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("leveret.management.http.server.API_CONNECTIONS_MAX", 1)
        host, port = broker._management.listening[0].host, broker._management.listening[0].port
        first, kept = await asyncio.open_connection(host, port)
        reader, writer = await asyncio.open_connection(host, port)
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await reader.readexactly(1)
        kept.write(b"GET /api/overview HTTP/1.1\r\nhost: x\r\n\r\n")
        assert (await first.readline()).startswith(b"HTTP/1.1 401")
        kept.close()
        writer.close()


class TestSlowReaders:
    @pytest.fixture
    async def asked(self, broker: leveret.Broker, api: Api) -> AsyncIterator[tuple[Any, Any]]:
        """Somebody asks for more than a socket holds, and reads nothing."""
        queues = [{"name": f"{number}" + "q" * 240, "vhost": "/"} for number in range(10_000)]
        await broker.import_definitions(json.dumps({"queues": queues}).encode())
        url = httpx.URL(broker.management_url)
        reader, writer = await asyncio.open_connection(url.host, url.port, limit=1024)
        writer.write(
            b"GET /api/queues HTTP/1.1\r\nhost: x\r\nauthorization: Basic Z3Vlc3Q6Z3Vlc3Q=\r\nconnection: close\r\n\r\n"
        )
        yield reader, writer
        writer.close()

    async def test_are_not_waited_for(self, asked: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("leveret.management.http.server.API_ANSWER_TIMEOUT_MS", 20)
        lost = _happens(monkeypatch, "connection_lost")
        async with asyncio.timeout(20):
            await anext(lost)
        with contextlib.suppress(ConnectionError):
            assert not (await asked[0].read(-1)).endswith(b"}]")

    async def test_have_time_as_long_as_they_read(
        self, asked: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("leveret.management.http.server.API_ANSWER_TIMEOUT_MS", 20)
        monkeypatch.setattr("leveret.management.http.server.API_ANSWER_BYTES_MIN", 0)
        looks = _happens(monkeypatch, "_is_taken")
        async with asyncio.timeout(30):
            for _ in range(3):
                await anext(looks)
            assert (await asked[0].read(-1)).endswith(b"}]")


async def _happens(monkeypatch: pytest.MonkeyPatch, name: str) -> AsyncIterator[None]:
    """Whenever a connection's method is called."""
    from leveret.management.http.server import _Patient

    calls: asyncio.Queue[None] = asyncio.Queue()
    method = getattr(_Patient, name)

    def called(*said: Any) -> None:
        calls.put_nowait(None)
        method(*said)

    monkeypatch.setattr(_Patient, name, called)
    while True:
        yield await calls.get()


class TestTls:
    @pytest.fixture
    async def management(self, tmp_path: Path) -> AsyncIterator[Management]:
        authority = trustme.CA()
        certificate = authority.issue_cert("127.0.0.1")
        certificate.private_key_pem.write_to_path(tmp_path / "key.pem")
        certificate.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
        authority.cert_pem.write_to_path(tmp_path / "ca.pem")
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        options = replace(
            DEFAULTS,
            management_port=0,
            management_tls_port=port,
            metrics=False,
            tls_certfile=tmp_path / "cert.pem",
            tls_keyfile=tmp_path / "key.pem",
            tls_cafile=tmp_path / "ca.pem",
            tls_verify=True,
            tls_require_certificate=True,
        )
        node = Node(asyncio.get_running_loop(), options)
        node.recover()
        management = Management(node, options, Path("/nowhere"))
        node.serve([])
        await management.start()
        yield management
        await management.stop()
        await node.stop()

    async def test_the_api(self, management: Management, tmp_path: Path) -> None:
        context = ssl.create_default_context(cafile=tmp_path / "ca.pem")
        async with httpx.AsyncClient(base_url=management.urls[1], auth=("guest", "guest"), verify=context) as client:
            for _ in range(3):
                assert (await client.get("api/overview")).is_success
            body = {"arguments": {"x": "x" * 100_000}}
            assert (await client.put("api/queues/%2F/q", json=body)).is_success
            response = await client.post("api/login", data={"username": "guest", "password": "guest"})
            assert "Secure" in response.headers["set-cookie"]

    async def test_a_certificate_that_changes(self, management: Management, tmp_path: Path) -> None:
        """And clients need none, whatever AMQP wants."""
        port = management.listening[1].port
        before = await _shown(port)
        certificate = trustme.CA().issue_cert("127.0.0.1")
        certificate.private_key_pem.write_to_path(tmp_path / "key.pem")
        certificate.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
        management.node.certificates.reload()
        assert before != await _shown(port)
        assert len(management.certificates_until()) == 1

    async def test_nobody_waits_for_a_handshake_for_ever(
        self, management: Management, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("leveret.management.http.server.PRELUDE_TIMEOUT_MS", 20)
        for sent in (b"", b"\x16\x03\x01", b"GET / HTTP/1.1\r\n\r\n"):
            reader, writer = await asyncio.open_connection("127.0.0.1", management.listening[1].port)
            writer.write(sent)
            with contextlib.suppress(ConnectionError):
                assert len(await reader.read(-1)) < 100
            writer.close()

    async def test_only_so_many_at_once(self, management: Management, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("leveret.management.http.server.API_CONNECTIONS_MAX", 1)
        first = await asyncio.open_connection("127.0.0.1", management.listening[1].port)
        reader, writer = await asyncio.open_connection("127.0.0.1", management.listening[1].port)
        with contextlib.suppress(ConnectionError):
            assert await reader.read(-1) == b""
        writer.close()
        first[1].close()


async def _shown(port: int) -> bytes | None:
    """The certificate of who listens there."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    found: bytes | None = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    return found


class _served:
    """A node with a management interface of these options, and a client for it."""

    def __init__(self, options: Any) -> None:
        self._options = options

    async def __aenter__(self) -> httpx.AsyncClient:
        self._node = Node(asyncio.get_running_loop(), self._options)
        self._node.recover()
        self._management = Management(self._node, self._options, Path("/nowhere"))
        await self._management.start()
        self._client = httpx.AsyncClient(base_url=self._management.urls[0])
        return self._client

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()
        await self._management.stop()
        await self._node.stop()
