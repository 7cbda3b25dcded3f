"""The unit of systemd: its linter, how much it lets a broker do, and whether that is enough for one."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pika
import pytest

from ..process import PATIENCE_S
from .support import ROOT, Process

FOLDER = ROOT / "packaging/systemd"
EXPOSURE_MAX = 1.5
"""Of 10, as `systemd-analyze security` counts; what is left is mostly that a broker has a network."""


def analyze(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True)


@pytest.fixture(scope="module", autouse=True)
def _systemd() -> None:
    subprocess.run([ROOT / "scripts/ensure-debian.sh", "systemd-analyze=systemd"], check=True)
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd")


@pytest.fixture(scope="module")
def unit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As it is, but for a program that exists here."""
    text = (FOLDER / "leveret.service").read_text()
    assert text.count("/opt/leveret/bin/leveret ") == 1
    copy = tmp_path_factory.mktemp("systemd") / "leveret.service"
    copy.write_text(text.replace("/opt/leveret/bin/leveret ", f"{sys.executable} "))
    return copy


def settings() -> dict[str, list[str]]:
    """Of the section of the service, by name."""
    found: dict[str, list[str]] = {}
    for line in (FOLDER / "leveret.service").read_text().splitlines():
        if line and line[0] not in "#[":
            name, _, value = line.partition("=")
            found.setdefault(name, []).append(value)
    return found


def test_verify(unit: Path) -> None:
    done = analyze("verify", "--man=no", "--recursive-errors=no", unit)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_linter_lints(unit: Path) -> None:
    unit.with_name("wrong.service").write_text(unit.read_text().replace("RestartSec", "RestartSecs"))
    assert "RestartSecs" in analyze("verify", "--man=no", unit.with_name("wrong.service")).stderr


def test_exposure(unit: Path) -> None:
    done = analyze("security", "--offline=true", "--no-pager", f"--threshold={EXPOSURE_MAX * 10:.0f}", unit)
    assert done.returncode == 0, done.stdout


def test_the_user_is_one_that_sysusers_makes(tmp_path: Path) -> None:
    (line,) = [one for one in (FOLDER / "leveret.sysusers").read_text().splitlines() if one and one[0] != "#"]
    assert settings()["User"] == settings()["Group"] == [line.split()[1]]
    if shutil.which("systemd-sysusers") is not None:
        done = subprocess.run(
            ["systemd-sysusers", "--dry-run", f"--root={tmp_path}", "--inline", line], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr


def test_its_configuration_can_be_used() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "leveret", "config", "check", FOLDER / "leveret.toml"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout
    assert "warning" not in done.stdout
    for said in settings()["Environment"]:
        assert re.fullmatch(r"LEVERET_(CONFIG=%E/leveret/leveret\.toml|DATA_DIR=%S/leveret)", said)


def expand(name: str) -> set[str]:
    """The system calls of a set of systemd's, or one."""
    if not name.startswith("@"):
        return {name}
    lines = analyze("syscall-filter", "--no-pager", name).stdout.splitlines()[1:]
    return {call for line in lines if line.strip() and "#" not in line for call in expand(line.strip())}


def allowed() -> set[str]:
    found: set[str] = set()
    for said in settings()["SystemCallFilter"]:
        names = {call for name in said.lstrip("~").split() for call in expand(name)}
        found = found - names if said.startswith("~") else found | names
    return found


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Every system call in the life of a broker: logins, messages that are kept, the API, reload, the end."""
    subprocess.run([ROOT / "scripts/ensure-debian.sh", "strace=strace"], check=True)
    if shutil.which("strace") is None:
        pytest.skip("no strace")
    folder = tmp_path_factory.mktemp("calls")
    complaints = (folder / "stderr").open("w+")
    command = ["strace", "-f", "-qq", "-e", "signal=none", "-o", folder / "trace", sys.executable, "-m", "leveret"]
    popen = subprocess.Popen(
        [*command, "serve", "--port", "0", "--management-port", "0", "--metrics-port", "0", "--data-dir", folder / "d"],
        env={name: value for name, value in os.environ.items() if not name.startswith(("LEVERET_", "RABBITMQ_"))},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with Process(popen, complaints) as process:
        process.expect(r"metrics: http://")
        found = dict(re.findall(r"(AMQP on|management:) \S+?:(\d+)/?$", "\n".join(process.lines), re.MULTILINE))
        connection = pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", int(found["AMQP on"])))
        channel = connection.channel()
        channel.confirm_delivery()
        channel.queue_declare("kept", durable=True)
        for _ in range(10):
            channel.basic_publish("", "kept", bytes(100_000), pika.BasicProperties(delivery_mode=2))
        assert channel.basic_get("kept", auto_ack=True)[0]
        connection.close()
        manager = urllib.request.HTTPPasswordMgrWithDefaultRealm()
        url = f"http://127.0.0.1:{found['management:']}/api"
        manager.add_password(None, url, "guest", "guest")
        opener = urllib.request.build_opener(urllib.request.HTTPBasicAuthHandler(manager))
        user = urllib.request.Request(
            f"{url}/users/ann", b'{"password": "x", "tags": ""}', {"Content-Type": "application/json"}, method="PUT"
        )
        assert opener.open(user, timeout=PATIENCE_S).status == 201
        for path in ("overview", "nodes", "definitions"):
            assert opener.open(f"{url}/{path}", timeout=PATIENCE_S).status == 200
        child = int(re.search(r"^(\d+)", (folder / "trace").read_text())[1])  # type: ignore[index]
        os.kill(child, signal.SIGHUP)
        os.kill(child, signal.SIGTERM)
        assert process.wait() == 0
    return (folder / "trace").read_text().splitlines()


def test_the_filter_of_system_calls_lets_a_broker_work(calls: list[str]) -> None:
    used = {found[1] for line in calls if (found := re.match(r"\d+ +(\w+)\(", line))}
    assert {"execve", "fdatasync", "epoll_wait", "sendto"} & used
    assert not used - allowed()
    assert "mount" not in allowed()


def test_no_memory_is_written_and_executed(calls: list[str]) -> None:
    """What MemoryDenyWriteExecute forbids: such a mapping, and making one executable later."""
    assert settings()["MemoryDenyWriteExecute"] == ["yes"]
    assert any("mmap(" in line and "PROT_EXEC" in line for line in calls)
    for line in calls:
        if "PROT_EXEC" in line:
            assert "mmap(" in line, line
            assert "PROT_WRITE" not in line, line


def test_no_other_kinds_of_sockets(calls: list[str]) -> None:
    families = {found[1] for line in calls if (found := re.search(r"\bsocket\((AF_\w+)", line))}
    assert "AF_INET" in families
    assert families <= {*settings()["RestrictAddressFamilies"][0].split()}
