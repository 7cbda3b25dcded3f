"""`leveret inspect` and `leveret repair`: what they say, their exit codes, and a broker before and after."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pika
import pytest

from ..crash.test_corruption import flipped, made, segments
from ..process import BrokerProcess
from ..test_maintenance import everything, write
from .test_commands import leveret

LINE = 80


def narrow(*arguments: str) -> subprocess.CompletedProcess[str]:
    """In 80 columns."""
    return leveret(*arguments, COLUMNS=str(LINE))


def damaged(path: Path) -> Path:
    """A data directory with a record that cannot be read."""
    log = made(False)
    return write(path, flipped(log, segments(log)[-2], 1000, 0))


def answering(answer: str, *arguments: str) -> tuple[int, str]:
    """Run at a terminal, and answer its question."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "leveret", *arguments]
    environment = os.environ | {"COLUMNS": str(LINE), "TERM": "dumb"}
    with subprocess.Popen(command, stdin=theirs, stdout=subprocess.PIPE, text=True, env=environment) as process:
        os.close(theirs)
        os.write(ours, f"{answer}\n".encode())
        assert process.stdout is not None
        said = process.stdout.read()
        code = process.wait(30)
    os.close(ours)
    return code, said


class TestInspect:
    def test_a_sound_directory(self, tmp_path: Path) -> None:
        path = write(tmp_path / "data", made(False).files)
        before = everything(path)
        done = narrow("inspect", str(path))
        assert (done.returncode, done.stderr) == (0, "")
        assert "359 messages" in done.stdout
        assert "1 exchange, 4 queues, 2 bindings" in done.stdout
        assert "No damage (records; messages are read with --check)." in done.stdout
        assert "\x1b" not in done.stdout
        assert all(len(line) <= LINE for line in done.stdout.splitlines() if str(path) not in line)
        assert "No damage (records and messages)." in narrow("inspect", "--check", str(path)).stdout
        assert everything(path) == before

    def test_for_programs(self, tmp_path: Path) -> None:
        path = damaged(tmp_path / "data")
        done = leveret("inspect", "--json", str(path))
        assert done.returncode == 1
        report = json.loads(done.stdout)
        assert report["directory"] == str(path)
        assert report["damage"][0]["file"] == segments(made(False))[-2]
        assert sum(queue["messages"] for queue in report["queues"]) == report["messages"]

    def test_damage(self, tmp_path: Path) -> None:
        path = damaged(tmp_path / "data")
        done = narrow("inspect", str(path))
        assert done.returncode == 1
        assert segments(made(False))[-2] in done.stdout
        assert f"leveret repair {path}" in done.stdout
        assert all(len(line) <= LINE for line in done.stdout.splitlines() if str(path) not in line)

    def test_a_broker_has_it(self, tmp_path: Path) -> None:
        with BrokerProcess("--port", "0", "--data-dir", str(tmp_path / "data")) as broker:
            assert broker.port
            for command in (["inspect"], ["repair", "--yes"]):
                done = leveret(*command, str(tmp_path / "data"))
                said = f"leveret: data directory {tmp_path / 'data'} is in use by process {broker.pid}\n"
                assert (done.returncode, done.stdout, done.stderr) == (2, "", said)
            assert broker.stop() == 0
        done = leveret("inspect", str(tmp_path / "data"))
        assert done.returncode == 0
        assert "0 messages" in done.stdout

    @pytest.mark.parametrize("command", ["inspect", "repair"])
    def test_nothing_there(self, tmp_path: Path, command: str) -> None:
        done = leveret(command, str(tmp_path / "none"))
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == f"leveret: {tmp_path / 'none'} is no data directory of Leveret: there is nothing\n"
        assert leveret(command, str(tmp_path)).returncode == 2
        assert list(tmp_path.iterdir()) == []


class TestRepair:
    def test_nothing_to_do(self, tmp_path: Path) -> None:
        path = write(tmp_path / "data", made(True).files)
        before = everything(path)
        done = leveret("repair", str(path))
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == f"Nothing is damaged: 359 messages in {path}.\n"
        assert {name: data for name, data in everything(path).items() if name != "LOCK"} == before

    def test_it_asks(self, tmp_path: Path) -> None:
        path = damaged(tmp_path / "data")
        before = everything(path)
        code, said = answering("n", "repair", str(path))
        assert code == 1
        assert said.endswith("Nothing was changed.\n")
        assert {name: data for name, data in everything(path).items() if name != "LOCK"} == before
        code, said = answering("y", "repair", str(path))
        assert code == 0
        assert "Repaired: " in said
        assert (path / "damaged-1").is_dir()
        assert leveret("inspect", "--check", str(path)).returncode == 0

    def test_without_a_terminal_it_does_nothing(self, tmp_path: Path) -> None:
        path = damaged(tmp_path / "data")
        before = everything(path)
        done = narrow("repair", str(path))
        assert done.returncode == 2
        assert done.stderr == "leveret: nothing was changed: without a terminal to ask, say --yes\n"
        assert "lost at most" in done.stdout
        assert all(len(line) <= LINE for line in done.stdout.splitlines())
        assert {name: data for name, data in everything(path).items() if name != "LOCK"} == before

    def test_what_it_cannot(self, tmp_path: Path) -> None:
        log = made(False)
        one, other = segments(log)[-2:]
        path = write(tmp_path / "data", log.files | {one: log.files[other], other: log.files[one]})
        done = leveret("repair", "--yes", str(path))
        assert done.returncode == 2
        assert done.stderr == f"leveret: this is {other} under another name; rename it: {path}/{one} at offset 0\n"


def publish(broker: BrokerProcess, count: int) -> None:
    connection = pika.BlockingConnection(pika.URLParameters(f"amqp://127.0.0.1:{broker.port}/%2F"))
    channel = connection.channel()
    channel.confirm_delivery()
    for name in ("orders", "mails"):
        channel.queue_declare(name, durable=True)
        for number in range(count):
            body = f"{name} number {number:04}".encode()
            channel.basic_publish("", name, body, pika.BasicProperties(delivery_mode=2))
    connection.close()


def consume(broker: BrokerProcess, name: str, count: int) -> list[bytes]:
    connection = pika.BlockingConnection(pika.URLParameters(f"amqp://127.0.0.1:{broker.port}/%2F"))
    channel = connection.channel()
    found = []
    for method, _, body in channel.consume(name, inactivity_timeout=10):
        assert method is not None, f"{name}: only {len(found)} messages"
        assert method.redelivered
        assert body is not None
        found.append(body)
        channel.basic_ack(method.delivery_tag)
        if len(found) == count:
            break
    assert channel.get_waiting_message_count() == 0
    connection.close()
    return found


def hurt(path: Path, text: bytes) -> tuple[Path, int]:
    """Change a byte of this message in the log."""
    for file in sorted((path / "log").iterdir()):
        data = bytearray(file.read_bytes())
        at = data.find(text)
        if at >= 0:
            data[at] ^= 0xFF
            file.write_bytes(data)
            return file, at
    raise AssertionError("it is not in the log")


def test_killed_damaged_refused_repaired_served(tmp_path: Path) -> None:
    path = tmp_path / "data"
    with BrokerProcess("--port", "0", "--data-dir", str(path)) as broker:
        publish(broker, 30)
        broker.kill()
    file, at = hurt(path, b"orders number 0013")
    with BrokerProcess("--port", "0", "--data-dir", str(path), "--log-level", "error") as broker:
        assert broker.wait() == 2
        said = broker.lines[-1]
    start = f"leveret: a record is damaged that was on disk: {file} at offset "
    assert said.startswith(start)
    assert said.endswith(f" (try: leveret repair {path})")
    assert 0 < at - int(said[len(start) :].split()[0]) < 200
    done = leveret("repair", "--yes", str(path))
    assert done.returncode == 0
    assert "Repaired: 59 messages in 2 queues." in done.stdout
    with BrokerProcess("--port", "0", "--data-dir", str(path)) as broker:
        assert consume(broker, "orders", 29) == [b"orders number %04d" % number for number in range(30) if number != 13]
        assert consume(broker, "mails", 30) == [b"mails number %04d" % number for number in range(30)]
        assert broker.stop() == 0
    assert leveret("inspect", "--check", str(path)).returncode == 0


def test_damaged_messages_are_repaired_after_a_clean_stop(tmp_path: Path) -> None:
    path = tmp_path / "data"
    with BrokerProcess("--port", "0", "--data-dir", str(path)) as broker:
        publish(broker, 10)
        assert broker.stop() == 0
    hurt(path, b"orders number 0003")
    assert leveret("inspect", str(path)).returncode == 0
    with BrokerProcess("--port", "0", "--data-dir", str(path)) as broker:
        connection = pika.BlockingConnection(pika.URLParameters(f"amqp://127.0.0.1:{broker.port}/%2F"))
        channel = connection.channel()
        assert channel.basic_get("orders")[0] is None
        assert channel.basic_get("mails", auto_ack=True)[2] == b"mails number 0000"
        connection.close()
        broker.expect(r"queue 'orders' in vhost '/': 10 messages cannot be read and are set aside: block at position")
        assert broker.stop() == 0
    done = leveret("repair", "--yes", str(path))
    assert done.returncode == 0
    assert "Repaired: 18 messages in 2 queues." in done.stdout
    assert leveret("inspect", "--check", str(path)).returncode == 0
    with BrokerProcess("--port", "0", "--data-dir", str(path)) as broker:
        connection = pika.BlockingConnection(pika.URLParameters(f"amqp://127.0.0.1:{broker.port}/%2F"))
        channel = connection.channel()
        got = [channel.basic_get("orders", auto_ack=True)[2] for _ in range(9)]
        assert got == [b"orders number %04d" % number for number in range(10) if number != 3]
        connection.close()
        assert broker.stop() == 0
