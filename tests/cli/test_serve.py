"""`leveret serve` as a process: options, what it says, its exit codes, its end."""

from __future__ import annotations

import os
import re
import resource
import signal
import socket
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from leveret import __version__

from ..process import BrokerProcess
from ..rawclient import CONNECTION_CLOSE, RawClient


def test_start_up_lines(tmp_path: Path) -> None:
    with BrokerProcess("--port", "0", "--data-dir", str(tmp_path / "data")) as broker:
        assert broker.port > 0
        assert re.search(rf"\[INFO\] Leveret {re.escape(__version__)} on Python 3\.\d+", broker.log)
        assert re.search(
            r"\[INFO\] kernel: native|\[WARNING\] kernel: twin in pure Python, many times slower", broker.log
        )
        assert f"data directory: {tmp_path / 'data'}" in broker.log
        assert (tmp_path / "data").is_dir()
        assert {"FORMAT", "LOCK", "log", "spill"} <= {*os.listdir(tmp_path / "data")}
        assert broker.stop() == 0


def test_an_ephemeral_broker_keeps_nothing_and_warns_of_nothing() -> None:
    with BrokerProcess("--port", "0", "--ephemeral", "--data-dir", "/dev/null") as broker:
        assert broker.port
        assert "data directory: none (ephemeral)" in broker.log
        assert broker.stop() == 0


def test_options_from_the_environment_and_a_file(tmp_path: Path) -> None:
    file = tmp_path / "leveret.toml"
    file.write_text("port = 0\nephemeral = true\nmanagement = true\nmanagement-port = 0\n")
    environment = {"LEVERET_CONFIG": str(file), "LEVERET_HOST": "127.0.0.2", "LEVERET_MANAGEMENT": "on"}
    with BrokerProcess(env=environment) as broker:
        assert broker.port
        assert f"listening for AMQP on 127.0.0.2:{broker.port}" in broker.log
        broker.expect(r"management: http://127\.0\.0\.2:\d+/")
        assert broker.stop() == 0


def test_the_log_level_is_heeded() -> None:
    with BrokerProcess("--port", "0", "--ephemeral", "--log-level", "error") as broker:
        broker.signal(signal.SIGTERM)
        assert broker.wait() in (0, -signal.SIGTERM)  # it may not have come as far as catching signals
        assert broker.log == ""


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--port", "70000"], r"leveret: port must be a number from 0 to 65535, not '70000' \(from --port\)"),
        (["--port"], r"leveret: argument --port: expected one argument \(try: leveret serve --help\)"),
        (
            ["--prot=1"],
            r"leveret: unrecognized arguments: --prot=1; did you mean --port\? \(try: leveret serve --help\)",
        ),
        (["hare"], r"leveret: unrecognized arguments: hare \(try: leveret serve --help\)"),
        (
            ["--config", "/nowhere.toml"],
            r"leveret: cannot read /nowhere\.toml: No such file or directory \(from config\)",
        ),
        (["--host", "no.such.host.invalid"], r"leveret: cannot listen on no\.such\.host\.invalid:0: .+"),
        (["--data-dir", "/dev/null/x"], r"leveret: cannot use data directory /dev/null/x: Not a directory"),
        (["--data-dir", "/dev/null"], r"leveret: cannot use data directory /dev/null: File exists"),
    ],
)
def test_what_an_operator_can_mend_is_one_line_and_exit_code_2(arguments: list[str], line: str, tmp_path: Path) -> None:
    home = {"HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path), "LEVERET_LOG_LEVEL": "error"}
    common = [] if "--port" in arguments else ["--port", "0"]
    with BrokerProcess(*common, *arguments, env=home) as broker:
        assert broker.wait() == 2
        assert re.fullmatch(line, broker.log)


def test_a_port_in_use_is_one_line_and_exit_code_2() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with BrokerProcess("--port", str(port), "--ephemeral", "--log-level", "error") as broker:
            assert broker.wait() == 2
            assert broker.log == f"leveret: cannot listen on 127.0.0.1:{port}: Address already in use"


@pytest.mark.parametrize("option", ["management-port", "metrics-port"])
def test_another_port_in_use_names_its_option(option: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        env = {"LEVERET_MANAGEMENT": "true", "LEVERET_MANAGEMENT_PORT": "0", "LEVERET_METRICS_PORT": "0"}
        flags = ("--port", "0", f"--{option}", str(port), "--ephemeral", "--log-level", "error")
        with BrokerProcess(*flags, env=env) as broker:
            assert broker.wait() == 2
            assert broker.log == f"leveret: cannot listen on 127.0.0.1:{port}: Address already in use ({option})"


def test_two_brokers_side_by_side() -> None:
    with (
        BrokerProcess("--port", "0", "--ephemeral") as one,
        BrokerProcess("--port", "0", "--ephemeral") as other,
    ):
        assert one.port != other.port
        for broker in (one, other):
            client = RawClient(broker.connect())
            client.log_in()
            client.close()
        assert one.stop() == other.stop() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_closes_connections_with_320_and_waits_for_the_answer(number: signal.Signals) -> None:
    with BrokerProcess("--port", "0", "--ephemeral") as broker:
        client = RawClient(broker.connect())
        client.log_in()
        broker.signal(number)
        arguments = client.receive(CONNECTION_CLOSE)
        code, size = struct.unpack(">HB", arguments[:3])
        text = arguments[3 : 3 + size].decode()
        assert (code, text) == (
            320,
            "CONNECTION_FORCED - broker forced connection closure with reason 'shutdown'",
        )
        client.send(10, 51, b"")  # close-ok
        assert client.stream.read() == b""
        client.close()
        assert broker.wait() == 0
        assert f"got {number.name}: closing all connections" in broker.log
        assert broker.lines[-1].endswith("stopped")


def test_a_signal_does_not_wait_for_a_peer_that_never_answers() -> None:
    with BrokerProcess("--port", "0", "--ephemeral") as broker:
        silent, deaf = broker.connect(), RawClient(broker.connect())
        deaf.log_in()
        broker.signal(signal.SIGTERM)
        assert broker.wait() == 0
        silent.close()
        deaf.close()


def test_out_of_file_descriptors_is_survived() -> None:
    limit = 64
    with BrokerProcess("--port", "0", "--ephemeral") as broker:
        port = broker.port
        resource.prlimit(broker.pid, resource.RLIMIT_NOFILE, (limit, limit))
        crowd = [socket.create_connection(("127.0.0.1", port)) for _ in range(limit)]
        broker.expect(r"\[ERROR\] cannot accept connections for \d+ ms: Too many open files")
        for connection in crowd:
            connection.close()
        client = RawClient(broker.connect())
        client.log_in()
        client.close()
        assert broker.stop() == 0


def test_it_starts_without_what_only_other_commands_need() -> None:
    script = (
        "import sys; sys.argv = ['leveret', 'serve', '--port', 'x']\n"
        "import leveret.app, leveret.__main__\n"
        "try: leveret.__main__.main()\n"
        "except SystemExit: pass\n"
        "print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "leveret.amqp.session" in loaded
    assert not loaded & {"typer", "rich", "click", "pydantic", "email", "http", "uvicorn", "platformdirs", "tomllib"}
