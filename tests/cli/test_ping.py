"""`leveret ping` at brokers that answer, at those that do not, and at others."""

from __future__ import annotations

import re
import signal
import socket
import threading
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from leveret import config
from leveret.cli.commands import app
from leveret.cli.ping import Target, target_of
from leveret.errors import ConfigError

from ..net.certificates import Authority
from ..process import BrokerProcess


def ping(*arguments: str, **environment: str) -> Result:
    """Of a fresh environment: only these options count."""
    none = {option.variable: None for option in config.TABLE}
    return CliRunner(env=none | environment).invoke(app, ["ping", *arguments])


def test_a_broker_without_management(broker: BrokerProcess) -> None:
    done = ping("--port", str(broker.port))
    assert done.exit_code == 0, done.output
    assert re.fullmatch(rf"127\.0\.0\.1:{broker.port} answers in \d+\.\d ms\n", done.output)
    assert ping("-q", LEVERET_PORT=str(broker.port)).output == ""
    assert ping("-q", RABBITMQ_NODE_PORT=str(broker.port)).exit_code == 0


def test_the_log_has_no_warning_of_it() -> None:
    with BrokerProcess("--port", "0", "--ephemeral") as broker:
        assert ping("--port", str(broker.port)).exit_code == 0
        assert broker.stop() == 0
        assert "accepting AMQP connection" in broker.log
        assert "WARNING" not in "\n".join(line for line in broker.lines if "kernel: twin" not in line)


def test_one_that_does_not_run() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    done = ping(LEVERET_PORT=str(port))
    assert done.exit_code == 1
    assert done.output == f"leveret: no broker at 127.0.0.1:{port}: Connection refused\n"


def test_one_that_hangs() -> None:
    with BrokerProcess("--port", "0", "--ephemeral") as broker:
        port = str(broker.port)
        broker.signal(signal.SIGSTOP)
        done = ping("--port", port, "--timeout", "0.3")
        assert done.exit_code == 1
        assert done.output == f"leveret: no broker at 127.0.0.1:{port}: timed out\n"
        broker.signal(signal.SIGCONT)
        assert ping("--port", port).exit_code == 0
        assert broker.stop() == 0


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "who answers does not speak AMQP 0-9-1"),
        (b"AMQP\0\0\x09\x01", "who answers does not speak AMQP 0-9-1"),
        (b"\x01\0\0\0\0\0\x04\0\x0a\0\x0b\xce", "the broker says something else"),
        (b"", "the connection ended"),
    ],
)
def test_somebody_else(answer: bytes, why: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            accepted, _ = server.accept()
            with accepted:
                accepted.recv(8)
                accepted.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        done = ping(LEVERET_LISTEN=f"127.0.0.1:{server.getsockname()[1]}")
        thread.join()
    assert done.exit_code == 1
    assert done.output.endswith(f": {why}\n")


def test_behind_a_balancer() -> None:
    with BrokerProcess("--port", "0", "--ephemeral", "--proxy-protocol") as broker:
        done = ping(LEVERET_PORT=str(broker.port), LEVERET_PROXY_PROTOCOL="on")
        assert done.exit_code == 0, done.output
        assert broker.stop() == 0


@pytest.mark.parametrize("versions", ["tlsv1.3", "tlsv1.2"])
@pytest.mark.parametrize("wanted", [False, True])
def test_over_tls_alone(tmp_path: Path, versions: str, wanted: bool) -> None:
    """Also where a certificate is wanted that `ping` has not: then it is said in TLS that the broker is there."""
    authority = Authority(tmp_path)
    own = authority.certificate()
    options = {
        "LEVERET_LISTEN": "none",
        "LEVERET_TLS_CERTFILE": str(own.certfile),
        "LEVERET_TLS_KEYFILE": str(own.keyfile),
        "LEVERET_TLS_CAFILE": str(authority.cafile),
        "LEVERET_TLS_VERSIONS": versions,
        "LEVERET_TLS_VERIFY": str(wanted),
        "LEVERET_TLS_REQUIRE_CERTIFICATE": str(wanted),
    }
    with BrokerProcess("--ephemeral", env={**options, "LEVERET_TLS_LISTEN": "127.0.0.1:0"}) as broker:
        port = broker.expect(r"listening for AMQP over TLS on \S+:(\d+)")[1]
        broker.expect(r"ready in")
        done = ping(**options, LEVERET_TLS_LISTEN=f"127.0.0.1:{port}")
        assert done.exit_code == 0, done.output
        assert broker.stop() == 0


def test_a_broker_that_takes_any_port_cannot_be_found() -> None:
    done = ping(LEVERET_PORT="0")
    assert (done.exit_code, done.output) == (
        1,
        "leveret: nobody can know which port a broker with port 0 took: say --port\n",
    )


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, Target("127.0.0.1", 5672)),
        ({"LEVERET_HOST": "0.0.0.0"}, Target("127.0.0.1", 5672)),
        ({"LEVERET_HOST": "broker.example"}, Target("broker.example", 5672)),
        ({"LEVERET_LISTEN": ":5673,127.0.0.2:5674"}, Target("127.0.0.1", 5673)),
        ({"LEVERET_LISTEN": "[::]:5673"}, Target("::1", 5673)),
        ({"LEVERET_LISTEN": "none", "LEVERET_TLS_PORT": "5671"}, Target("127.0.0.1", 5671, tls=True)),
        ({"LEVERET_TLS_PORT": "5671", "LEVERET_PROXY_PROTOCOL": "on"}, Target("127.0.0.1", 5672, False, True)),
    ],
)
def test_where_it_asks(environment: dict[str, str], expected: Target) -> None:
    assert target_of(config.load({}, environment)) == expected


def test_nowhere_to_ask() -> None:
    with pytest.raises(ConfigError, match="nowhere to ask"):
        target_of(config.load({}, {"LEVERET_LISTEN": "none"}))
