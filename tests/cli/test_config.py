"""`leveret config`: what files say and what holds, without a secret."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


def config(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("LEVERET_", "RABBITMQ_"))}
    return subprocess.run(
        [sys.executable, "-m", "leveret", "config", *map(str, arguments)],
        env=clean | {"COLUMNS": "400", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    file = tmp_path / "rabbitmq.conf"
    file.write_text("hartbeat = 1\nheartbeat = 20\ndefault_user = ann\ndefault_pass = canary\n")
    return file


def test_check(conf: Path, tmp_path: Path) -> None:
    toml = tmp_path / "leveret.toml"
    toml.write_text("port = 5673\n")
    done = config("check", conf, toml)
    assert done.returncode == 0
    assert f"warning  {conf}, line 1: unknown key hartbeat; did you mean heartbeat?" in done.stdout
    assert f"ok       {conf}: 3 options set" in done.stdout
    assert f"ok       {toml}: 1 option set" in done.stdout


def test_check_says_what_is_wrong(tmp_path: Path, conf: Path) -> None:
    wrong = tmp_path / "wrong.conf"
    wrong.write_text("heartbeat = often\n")
    done = config("check", wrong, conf)
    assert done.returncode == 1
    assert "error    heartbeat must be a number from 0 to 65535, not 'often' (from heartbeat, " in done.stdout
    assert f"ok       {conf}" in done.stdout


def test_show(conf: Path) -> None:
    done = config("show", "--rabbitmq-conf", conf, "--changed", LEVERET_PORT="5699")
    assert done.returncode == 0
    assert [line.split()[:2] for line in done.stdout.splitlines() if not line.startswith((" ", "warning"))] == [
        ["option", "value"],
        ["port", "5699"],
        ["rabbitmq-conf", str(conf)],
        ["heartbeat", "20"],
        ["default-user", "ann"],
        ["default-pass", "********"],
    ]
    assert "LEVERET_PORT" in done.stdout
    assert "unknown key hartbeat" in done.stdout


def test_show_everything_as_json(conf: Path) -> None:
    said = json.loads(config("show", "--rabbitmq-conf", conf, "--json").stdout)
    assert said["heartbeat"] == {"value": "20", "from": f"heartbeat, {conf}, line 2"}
    assert said["port"] == {"value": "5672", "from": "default"}
    assert said["default-pass"]["value"] == "********"


def test_show_what_cannot_be(tmp_path: Path) -> None:
    done = config("show", LEVERET_PORT="many")
    assert done.returncode == 2
    assert "leveret: port must be a number from 0 to 65535, not 'many' (from LEVERET_PORT)" in done.stdout


def test_no_secret_is_shown(conf: Path) -> None:
    for arguments in (("check", conf), ("show", "--rabbitmq-conf", conf), ("show", "--rabbitmq-conf", conf, "--json")):
        done = config(*arguments)
        assert "canary" not in done.stdout + done.stderr
