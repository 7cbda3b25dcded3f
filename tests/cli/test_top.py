"""`leveret top`: what it shows with and without a terminal, its keys, and what it says when there is no broker."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from leveret.cli.top.picture import rows_for
from leveret.cli.top.views import VIEWS, clean

from ..process import BrokerProcess
from .terminal import Terminal


@contextmanager
def managed(port: int = 0) -> Iterator[tuple[BrokerProcess, str]]:
    environment = {"LEVERET_MANAGEMENT": "true", "LEVERET_MANAGEMENT_PORT": str(port), "LEVERET_METRICS_PORT": "0"}
    with BrokerProcess("--port", "0", "--ephemeral", env=environment) as broker:
        url = broker.expect(r"management: (http://\S+)")[1]
        yield broker, url


def fill(url: str, size: int = 1) -> None:
    """Queues: `large` has 30 messages, `small` 2, `none` is empty, those of a second virtual host."""
    with httpx.Client(base_url=f"{url}api/", auth=("guest", "guest")) as api:

        def put(path: str, said: dict[str, Any]) -> None:
            assert api.put(path, json=said).is_success, path

        put("vhosts/other", {})
        put("permissions/other/guest", {"configure": ".*", "write": ".*", "read": ".*"})
        put("queues/other/elsewhere", {"durable": True})
        put("users/ann", {"password": "ann", "tags": "management"})
        put("permissions/%2F/ann", {"configure": "", "write": "", "read": ".*"})
        put("queues/%2F/" + quote("bell\x07\x1b[31mred", safe=""), {"durable": True})
        for name, count in (("large", 30), ("small", 2), ("none", 0)):
            put(f"queues/%2F/{name}", {"durable": True})
            message = {"properties": {}, "routing_key": name, "payload": "x" * size, "payload_encoding": "string"}
            for _ in range(count):
                assert api.post("exchanges/%2F/amq.default/publish", json=message).is_success


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with managed() as (broker, url):
        fill(url)
        yield url
        assert broker.stop() == 0, broker.log


def top(url: str, *arguments: str, columns: int = 80, code: int = 0) -> str:
    """What is printed without a terminal; errors, too."""
    environment = os.environ | {"LEVERET_URL": url, "COLUMNS": str(columns)}
    command = [sys.executable, "-m", "leveret", "top", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == code, done
    assert "\x1b" not in done.stdout, "no escape codes without a terminal"
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def cells(printed: str, name: str) -> list[str]:
    """The cells of the row of that name."""
    (row,) = [line for line in printed.splitlines() if line.startswith(f"{name} ")]
    return row.split()


def test_one_picture_without_a_terminal(url: str) -> None:
    printed = top(url, "--once", "--sort", "ready")
    lines = printed.splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert lines[0].startswith("leveret top  rabbit@leveret  Leveret ")
    assert " up " in lines[0]
    assert lines[1].startswith("memory ")
    assert lines[1].endswith("no alarms")
    assert "5 queues" in lines[2]
    assert "8 exchanges" not in lines[2]  # two virtual hosts have twice as many
    assert next(line for line in lines if line.startswith("ready")).split()[1] == "32"
    assert "1-5 of 5" in printed
    head = next(line for line in lines if line.startswith("queue "))
    assert head.split() == ["queue", "ready▼", "unacked", "in/s", "out/s", "ack/s", "cons", "memory", "state"]
    assert [line.split()[0] for line in lines[lines.index(head) + 1 :]][:2] == ["large", "small"]
    assert cells(printed, "large")[1:7] == ["30", "0", "0", "0", "0", "0"]
    assert cells(printed, "large")[-1] in ("running", "idle")


def test_a_wide_one_has_more_columns(url: str) -> None:
    printed = top(url, "--once", columns=200)
    head = next(line for line in printed.splitlines() if line.startswith("queue "))
    assert {"vhost", "type", "features", "messages", "redel/s", "bytes"} <= {*head.split()}
    assert "redelivered" in printed
    assert "elsewhere" in printed
    assert "other" in cells(printed, "elsewhere")


def test_every_width_is_kept(url: str) -> None:
    for columns in (40, 60, 100, 160):
        for view in VIEWS:
            printed = top(url, "--once", "--view", view, columns=columns)
            assert max(len(line) for line in printed.splitlines()) <= columns


def test_sort_reverse_limit_filter_and_vhost(url: str) -> None:
    def names(*arguments: str) -> list[str]:
        lines = top(url, "--once", *arguments).splitlines()
        start = next(number for number, line in enumerate(lines) if line.startswith("queue"))
        return [line.split()[0] for line in lines[start + 1 :]]

    assert names("--sort", "ready", "--limit", "2") == ["large", "small"]
    assert names("--sort", "name", "--filter", "l") == ["bell��[31mred", "elsewhere", "large", "small"]
    assert names("--sort", "name", "--filter", "l", "--reverse")[0] == "small"
    assert names("--sort", "messages", "--reverse")[-1] == "large"
    assert names("--vhost", "other") == ["elsewhere"]
    assert "no queue is here whose name has this in it" in top(url, "--once", "--filter", "nowhere")
    assert "no connection is here" in top(url, "--once", "--view", "connections")


def test_count_and_interval_without_a_terminal(url: str) -> None:
    assert top(url, "--count", "3", "--interval", "0.1").count("leveret top") == 3


def test_who_is_no_monitor_sees_what_they_may(url: str) -> None:
    printed = top(url, "--once", "--username", "ann", "--password", "ann")
    assert "memory and alarms are shown to users with the tag monitoring" in printed
    assert cells(printed, "large")
    assert "elsewhere" not in printed


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--password", "wrong"], 69, "user 'guest': Login failed"),
        (["--vhost", "nowhere"], 65, "leveret top: virtual host 'nowhere' not found"),
        (["--view", "exchanges"], 64, "there is no view 'exchanges': it is one of queues, connections, channels"),
        (["--sort", "colour"], 64, "queues cannot be sorted by 'colour': it is one of name, vhost"),
    ],
)
def test_what_is_wrong_is_said(url: str, arguments: list[str], code: int, said: str) -> None:
    assert said in top(url, "--once", *arguments, code=code)


def test_a_refused_connection_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    printed = top(f"http://127.0.0.1:{port}", code=69)
    assert f"unable to connect to http://127.0.0.1:{port}" in printed
    assert "Is the broker running" in printed


def test_another_server_is_told_from_a_broker(url: str) -> None:
    assert "does not answer as a management interface" in top(f"{url}api/whoami?x=", "--once", code=69)


def test_the_live_view_and_its_keys(url: str) -> None:
    with Terminal("top", "--interval", "0.2", "--sort", "ready", env={"LEVERET_URL": url}) as terminal:
        lines = terminal.until(lambda lines: lines[-1])
        assert lines[0].startswith("leveret top  rabbit@leveret")
        assert lines[-1].startswith("q quit  s sort  r reverse  / filter")
        assert [line.split()[0] for line in lines[10:12]] == ["large", "small"]

        terminal.press("r")
        terminal.until(lambda lines: "ready▲" in lines[9] and not lines[10].startswith("large"))
        terminal.press("s")
        terminal.until(lambda lines: "unacked▼" in lines[9])
        terminal.press("S")
        terminal.until(lambda lines: "ready▼" in lines[9] and lines[10].startswith("large"))

        terminal.press("/smalx\x7f")
        terminal.until("filter: smal▏")
        assert "large" in terminal.text, "not before enter"
        terminal.press("l\r")
        terminal.until(lambda lines: "1-1 of 1 (5 in all)" in lines[8] and lines[10].startswith("small"))
        terminal.press("\x1b")
        terminal.until("1-5 of 5")

        terminal.press("\t")
        terminal.until("[connections]")
        terminal.until(lambda lines: lines[10] == "no connection is here" and lines[-1].startswith("q quit"))
        terminal.press("\t")
        terminal.until("[channels]")
        terminal.press("\t")
        terminal.until("[queues]")

        terminal.press(" ")
        terminal.until(lambda lines: lines[0].endswith("paused"))
        terminal.press(" ")
        terminal.until(lambda lines: not lines[0].endswith("paused"))
        terminal.press("q")
        assert terminal.ended() == 0
        assert b"\x1b[?1049l" in terminal.output, "the screen from before is back"
        assert termios.tcgetattr(terminal.follower) == terminal.before


def test_a_large_terminal_and_one_that_changes_its_size(url: str) -> None:
    with Terminal("top", "--interval", "0.2", columns=200, rows=50, env={"LEVERET_URL": url}) as terminal:
        lines = terminal.until(lambda lines: lines[-1])
        assert "elsewhere" in terminal.text
        assert "features" in lines[9]
        assert "redelivered" in lines[5]
        assert lines[49].startswith("q quit")
        terminal.resize(60, 15)
        os.kill(terminal.process.pid, signal.SIGWINCH)
        lines = terminal.until(lambda lines: lines[14].startswith("q quit") and "1-4 of 5" in lines[8])
        terminal.press("n")
        terminal.until("5-5 of 5")
        terminal.press("q")
        assert terminal.ended() == 0


def test_names_cannot_write_to_the_terminal(url: str) -> None:
    with Terminal("top", "--filter", "bell", env={"LEVERET_URL": url}) as terminal:
        terminal.until("bell��[31mred")
        assert b"bell\x07" not in terminal.output
        assert b"\x1b[31mred" not in terminal.output
    assert clean("a\u202eb\nc") == "a�b�c"


@pytest.mark.parametrize("keys", ["\x03", "q"])
def test_ctrl_c_leaves_the_terminal_as_it_was(url: str, keys: str) -> None:
    with Terminal("top", env={"LEVERET_URL": url}) as terminal:
        terminal.until("large")
        assert termios.tcgetattr(terminal.follower) != terminal.before
        terminal.press(keys)
        assert terminal.ended() == 0
        assert termios.tcgetattr(terminal.follower) == terminal.before
        assert terminal.output.endswith(b"\x1b[?25h\x1b[?1049l"), "the cursor and the screen from before are back"
        assert b"Traceback" not in terminal.output


def test_it_ends_after_so_many_looks(url: str) -> None:
    with Terminal("top", "--count", "3", "--interval", "0.1", env={"LEVERET_URL": url}) as terminal:
        assert terminal.ended() == 0


def test_a_wrong_password_is_said_before_the_screen_is_taken(url: str) -> None:
    with Terminal("top", "--password", "wrong", env={"LEVERET_URL": url}) as terminal:
        assert terminal.ended() == 69
        assert "user 'guest': Login failed" in terminal.text
        assert b"\x1b[?1049h" not in terminal.output


def test_a_restart_of_the_broker_is_survived() -> None:
    with managed() as (broker, url):
        port = httpx.URL(url).port
        assert port is not None
        with Terminal("top", "--interval", "0.2", "--sort", "ready", env={"LEVERET_URL": url}) as terminal:
            terminal.until("no queue is here")
            assert broker.stop() == 0
            lines = terminal.until(f"unable to connect to http://127.0.0.1:{port}")
            assert lines[0].endswith(" connecting...")
            assert "Connection refused" in lines[-1]
            with managed(port) as (again, _):
                terminal.until(lambda lines: "connecting..." not in lines[0])
                fill(url)
                terminal.until("large")
                terminal.press("q")
                assert terminal.ended() == 0
                assert again.stop() == 0


def test_alarms_are_red() -> None:
    environment = {"LEVERET_MANAGEMENT": "true", "LEVERET_MANAGEMENT_PORT": "0", "LEVERET_METRICS_PORT": "0"}
    with BrokerProcess("--port", "0", "--ephemeral", "--vm-memory-high-watermark", "64KB", env=environment) as broker:
        url = broker.expect(r"management: (http://\S+)")[1]
        fill(url, size=4096)
        with Terminal("top", "--interval", "0.2", env={"LEVERET_URL": url}) as terminal:
            lines = terminal.until("MEMORY ALARM")
            assert lines[1].endswith("MEMORY ALARM  publishers are blocked")
            assert b"41m MEMORY ALARM" in terminal.output  # white on red
            terminal.press("q")
            assert terminal.ended() == 0


def test_rows_fit_the_terminal() -> None:
    assert rows_for(24, None) == 13
    assert rows_for(24, 5) == 5
    assert rows_for(3, None) == 1
