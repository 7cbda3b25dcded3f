"""The commands of docs/install.md: those that can be run here are, with the installed package, in their order."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shlex
import signal
from pathlib import Path

import pika
import pytest

from leveret.cli.ctl.app import COMMANDS

from .support import ROOT, Container, Dockerfile

PAGE = (ROOT / "docs/install.md").read_text()
RUN = dict(re.findall(r"<!-- run: (\S+) -->\n```sh\n(.*?)```", PAGE, re.DOTALL))
BLOCKS = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
NOT_HERE = {
    "pip install leveret-*.whl": "the fixture `root` installs it",
    "pip install --require-hashes": "the fixture `root` does the same by packaging/docker/install.sh",
    "make dist": "test_dist.py runs what it runs",
    "docker build": "there may be no Docker",
    "cd packaging/compose": "there may be no Docker",
    "sudo python3": "changes the machine",
}


def commands(block: str) -> list[list[str]]:
    return [shlex.split(line, comments=True) for line in block.replace("\\\n", " ").splitlines()]


def test_every_block_is_run_or_cannot_be() -> None:
    others = [block for block in BLOCKS if block not in RUN.values()]
    assert len(others) == len(NOT_HERE)
    for block, start in zip(others, NOT_HERE, strict=True):
        assert block.startswith(start)


def test_the_service_is_installed_where_it_looks_for_things() -> None:
    unit = (ROOT / "packaging/systemd/leveret.service").read_text()
    (block,) = [one for one in BLOCKS if one.startswith("sudo python3")]
    installed = {}
    for words in commands(block):
        assert words[0] == "sudo"
        if words[1] == "install":
            assert (ROOT / words[-2]).is_file()
            installed[words[-1]] = words[-2]
    (program,) = re.findall(r"^ExecStart=(\S+)", unit, re.MULTILINE)
    assert f"sudo python3 -m venv {program.removesuffix('/bin/leveret')}\n" in block
    (config,) = re.findall(r"LEVERET_CONFIG=%E(\S+)", unit)
    assert f"/etc{config}" in installed
    assert "/etc/systemd/system/leveret.service" in installed


def test_commands_of_leveretctl_exist() -> None:
    found = re.findall(r"leveretctl (?:--\w+ \S+ )*([a-z]\w+)", PAGE)
    assert len(found) > 5
    assert {*found} <= {*COMMANDS}


def hashed(password: str) -> str:
    """As RabbitMQ exports it."""
    salt = b"salt"
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()


@pytest.fixture
def container(root: Path, dockerfile: Dockerfile) -> Container:
    return Container(root, dockerfile)


def test_a_broker_that_moves_in_is_backed_up_and_comes_back(container: Container) -> None:
    work = container.root / "work"
    work.mkdir()
    work.chmod(0o777)

    def run(name: str) -> str:
        script = RUN[name].replace("/var/lib/leveret", str(container.data)).replace("5672", str(container.port))
        url = f"http://127.0.0.1:{container.management_port}"
        done = container.run("sh", "-euc", f"cd {work}\n{script}", LEVERET_URL=url)
        assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
        return done.stdout

    definitions = {
        "rabbit_version": "3.13.7",
        "users": [
            {
                "name": "ann",
                "password_hash": hashed("password-of-ann"),
                "hashing_algorithm": "rabbit_password_hashing_sha256",
                "tags": ["administrator"],
                "limits": {},
            }
        ],
        "vhosts": [{"name": "/"}],
        "permissions": [{"user": "ann", "vhost": "/", "configure": ".*", "write": ".*", "read": ".*"}],
        "queues": [{"name": "orders", "vhost": "/", "durable": True, "auto_delete": False, "arguments": {}}],
    }
    (work / "definitions.json").write_text(json.dumps(definitions))
    (work / "definitions.json").chmod(0o666)
    credentials = pika.PlainCredentials("ann", "password-of-ann")
    where = pika.ConnectionParameters("127.0.0.1", container.port, credentials=credentials)

    with container.start() as process:
        process.expect(r"management: http://")
        told = run("definitions")
        assert "orders\ttrue" in told
        assert "ann\t[administrator]" in told
        assert "answers in" in run("health")
        connection = pika.BlockingConnection(where)
        connection.channel().confirm_delivery()
        channel = connection.channel()
        channel.confirm_delivery()
        channel.basic_publish("", "orders", b"one", pika.BasicProperties(delivery_mode=2))
        connection.close()
        run("definitions-backup")
        exported = json.loads((work / "definitions.json").read_text())
        assert [queue["name"] for queue in exported["queues"]] == ["orders"]
        process.signal(signal.SIGTERM)
        assert process.wait() == 0
    run("backup")
    assert "No damage (records and messages)." in run("restore")
    restored = work / "restored"
    if container.as_user:
        os.chown(restored, container.data.stat().st_uid, container.data.stat().st_gid)
    with container.start(LEVERET_DATA_DIR=str(restored)) as process:
        process.expect(r"management: http://")
        connection = pika.BlockingConnection(where)
        assert connection.channel().basic_get("orders", auto_ack=True)[2] == b"one"
        connection.close()
        process.signal(signal.SIGTERM)
        assert process.wait() == 0
