"""Passwords that must never be seen: not in the log at any level, not in errors, not in the list of processes."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pika
import pytest
from pika.exceptions import AMQPConnectionError

from .process import BrokerProcess
from .rawclient import RawClient

CANARY = "canary-5f3a9c"


def connect(port: int, user: str, password: str) -> None:
    parameters = pika.ConnectionParameters("127.0.0.1", port, credentials=pika.PlainCredentials(user, password))
    pika.BlockingConnection(parameters).close()


@pytest.mark.parametrize("form", ["text", "json"])
def test_nowhere(tmp_path: Path, form: str) -> None:
    log, conf, definitions = tmp_path / "leveret.log", tmp_path / "rabbitmq.conf", tmp_path / "definitions.json"
    conf.write_text(f"default_user = ann\ndefault_pass = {CANARY}-1\nssl_options.password = {CANARY}-2\n")
    definitions.write_text(json.dumps({"users": [{"name": "bob", "password": f"{CANARY}-3", "tags": ""}]}))
    arguments = ["--port", "0", "--data-dir", str(tmp_path / "data"), "--log-level", "debug", "--log-format", form]
    arguments += ["--log-file", str(log), "--rabbitmq-conf", str(conf), "--load-definitions", str(definitions)]
    with BrokerProcess(*arguments) as broker:
        port = broker.port if form == "text" else int(broker.expect(r"listening for AMQP on \S+:(\d+)")[1])
        for user, password in [("bob", f"{CANARY}-3"), ("bob", f"{CANARY}-4"), ("nobody", f"{CANARY}-5")]:
            with pytest.raises(AMQPConnectionError):  # bob may not open the virtual host
                connect(port, user, password)
        malformed = RawClient(socket.create_connection(("127.0.0.1", port)))
        malformed.socket.sendall(b"AMQP\x00\x00\x09\x01")
        malformed.receive((10, 10))
        response = f"{CANARY}-6".encode()
        malformed.send(10, 11, b"\0\0\0\0\x05PLAIN" + len(response).to_bytes(4, "big") + response + b"\x05en_US")
        malformed.receive((10, 50))
        malformed.close()
        processes = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=False).stdout
        environment = Path(f"/proc/{broker.pid}/cmdline").read_text()
        assert CANARY not in processes + environment
        broker.stop()
    assert CANARY not in broker.log
    assert CANARY not in log.read_text()
    kept = b"".join(path.read_bytes() for path in (tmp_path / "data").rglob("*") if path.is_file())
    assert CANARY.encode() not in kept


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("rabbitmq.conf", f"default_pass = {CANARY}\nheartbeat = often\n"),
        ("rabbitmq.conf", f"default_pass {CANARY}\n"),
        ("leveret.toml", f'default-pass = ["{CANARY}"]\n'),
        ("definitions.json", json.dumps({"users": [{"name": "a", "password": [CANARY]}]})),
        ("definitions.json", json.dumps({"users": [{"name": "a", "password_hash": CANARY}]})),
        ("definitions.json", json.dumps({"users": [{"name": "", "password": CANARY}]})),
    ],
)
def test_a_start_that_fails_does_not_say_it(tmp_path: Path, name: str, content: str) -> None:
    file = tmp_path / name
    file.write_text(content)
    option = {"rabbitmq.conf": "rabbitmq-conf", "leveret.toml": "config"}.get(name, "load-definitions")
    environment = {key: value for key, value in os.environ.items() if not key.startswith("LEVERET_")}
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "leveret",
            "serve",
            "--port",
            "0",
            "--ephemeral",
            "--management-port",
            "0",
            f"--{option}",
            str(file),
        ],
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 2
    assert "leveret: " in done.stderr
    assert CANARY not in done.stdout + done.stderr
