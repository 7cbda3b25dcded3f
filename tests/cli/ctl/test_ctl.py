"""leveretctl against a running broker: what rabbitmqctl has not, and what the comparison with it leaves out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from leveret.cli.ctl.app import GONE, program, run
from leveret.cli.ctl.command import COMMANDS, Common

from ...process import BrokerProcess

Ctl = Callable[..., str]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    environment = {"LEVERET_MANAGEMENT": "true", "LEVERET_MANAGEMENT_PORT": "0"}
    with BrokerProcess("--port", "0", "--ephemeral", env=environment) as broker:
        yield broker.expect(r"management: (http://\S+)")[1]
        assert broker.stop() == 0, broker.log


@pytest.fixture
def ctl(url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ctl:
    """Runs a command, which has to end with this code; what it prints, errors too."""
    monkeypatch.setenv("LEVERET_URL", url)

    def call(*arguments: str, code: int = 0) -> str:
        ended = run([*arguments])
        printed = capsys.readouterr()
        assert ended == code, printed
        return printed.out + printed.err

    return call


def test_status(ctl: Ctl) -> None:
    printed = ctl("status")
    assert "Status of node rabbit@leveret ..." in printed
    assert "Leveret version: " in printed
    assert "none: messages and definitions live in memory only" in printed
    assert "protocol: amqp" in printed
    assert json.loads(ctl("status", "--formatter", "json"))["alarms"] == []
    assert "rabbit@leveret" in ctl("cluster_status")


def test_environment_hides_secrets(ctl: Ctl) -> None:
    printed = ctl("environment")
    assert "\ndefault-pass\t********\n" in printed
    assert "\nephemeral\ttrue\n" in printed


@pytest.mark.parametrize(
    "command",
    [
        "ping",
        "check_running",
        "is_running",
        "is_booting",
        "node_health_check",
        "check_alarms",
        "check_local_alarms",
        "check_virtual_hosts",
        "check_port_connectivity",
        "check_certificate_expiration",
        "check_protocol_listener amqp",
        "alarms",
        "listeners",
        "memory_breakdown",
        "server_version",
        "list_ciphers",
        "list_hashes",
        "list_feature_flags",
        "list_deprecated_features",
        "report",
        "help",
        "version",
    ],
)
def test_what_is_well(ctl: Ctl, command: str) -> None:
    assert ctl(*command.split()).strip()


def test_what_is_not_well(ctl: Ctl) -> None:
    assert "No active listener" in ctl("check_port_listener", "1", code=69)
    assert "No active listener" in ctl("check_protocol_listener", "mqtt", code=69)


def test_definitions_go_out_and_come_back(ctl: Ctl, tmp_path: Path) -> None:
    file = str(tmp_path / "definitions.json")
    ctl("add_vhost", "exported")
    ctl("export_definitions", file)
    assert "exported" in ctl("-q", "export_definitions", "-")
    ctl("delete_vhost", "exported")
    ctl("import_definitions", file)
    assert "exported" in ctl("list_vhosts").splitlines()
    assert "cannot read" in ctl("import_definitions", str(tmp_path / "no"), code=66)
    assert "cannot write" in ctl("export_definitions", str(tmp_path), code=74)


def test_passwords_are_read_from_a_pipe(ctl: Ctl, monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    monkeypatch.setattr("sys.stdin", io.StringIO("secret\nsecret\n"))
    ctl("add_user", "piped")
    assert "Success" in ctl("authenticate_user", "piped")
    ctl("delete_user", "piped")


def test_a_hash_made_there_is_taken_back(ctl: Ctl) -> None:
    hashed = ctl("-q", "hash_password", "secret").strip()
    assert hashed.startswith("$argon2id$")
    ctl("add_user", "hashed", "--pre-hashed-password", hashed)
    assert "Success" in ctl("authenticate_user", "hashed", "secret")
    ctl("delete_user", "hashed")


def test_a_paused_queue(ctl: Ctl, url: str) -> None:
    import httpx

    httpx.put(f"{url}api/queues/%2F/paused", json={}, auth=("guest", "guest"))
    ctl("pause_queue", "paused")
    assert "paused\ttrue" in ctl("list_queues", "name", "paused")
    ctl("resume_queue", "paused")
    assert "paused\tfalse" in ctl("list_queues", "name", "paused")
    assert "with 0 ready messages" in ctl("delete_queue", "paused")


def test_pretty_tables(ctl: Ctl) -> None:
    printed = ctl("list_users", "--formatter", "pretty_table")
    assert "│ guest │ [administrator] │" in printed


def test_policies_that_match(ctl: Ctl) -> None:
    ctl("set_policy", "low", "^or", '{"max-length":1}')
    ctl("set_policy", "high", "^orders", '{"max-length":2}', "--priority", "5")
    lines = ctl("-s", "list_policies_that_match", "orders").splitlines()
    assert [line.split("\t")[1] for line in lines] == ["high", "low"]
    ctl("clear_policy", "low")
    ctl("clear_policy", "high")


def test_what_cannot_be_says_why(ctl: Ctl) -> None:
    for name, why in GONE.items():
        assert why in ctl(name, "x", code=64)
        assert name not in COMMANDS


def test_typing_errors(ctl: Ctl) -> None:
    assert "Did you mean 'list_queues'?" in ctl("list_queue", code=64)
    assert "Did you mean" not in ctl("xyzzy", code=64)
    assert "Missing argument 'USERNAME'" in ctl("add_user", code=64)
    assert "Usage: leveretctl" in ctl(code=64)
    assert "Invalid value for '--formatter'" in ctl("list_users", "--formatter", "erlang", code=64)


def test_nobody_answers(ctl: Ctl) -> None:
    printed = ctl("--url", "http://127.0.0.1:1", "list_users", code=69)
    assert "unable to connect to http://127.0.0.1:1" in printed
    assert "Is the broker running" in printed
    printed = ctl("--url", "http://127.0.0.1:1", "await_startup", "-t", "0.01", code=69)
    assert "unable to connect" in printed


def test_wrong_password(ctl: Ctl) -> None:
    assert "user 'guest': Login failed" in ctl("--password", "wrong", "list_users", code=69)


def test_help_tells_the_columns_of_lists(ctl: Ctl) -> None:
    text = " ".join(ctl("help", "list_queues").split())
    assert "messages_unacknowledged, messages_unacknowledged_ram, name," in text
    assert text.endswith("Without any: name, messages.")
    assert "there are ack_required, active," in ctl("list_consumers", "colour", code=64)


def test_shells_complete_columns(ctl: Ctl) -> None:
    found = ShellComplete(program(), {"obj": Common()}, "leveretctl", "_LEVERETCTL_COMPLETE")
    assert [one.value for one in found.get_completions(["list_queues", "name"], "messages_un")] == [
        "messages_unacknowledged",
        "messages_unacknowledged_ram",
    ]


def test_no_escape_codes_in_a_pipe(ctl: Ctl) -> None:
    assert "\x1b" not in ctl("status")


def test_an_address_without_a_scheme(ctl: Ctl, url: str) -> None:
    assert "guest" in ctl("--url", url.removeprefix("http://"), "list_users")


def test_every_command_has_help(ctl: Ctl) -> None:
    for name, declared in COMMANDS.items():
        assert declared.handler.__doc__, name
        assert f"leveretctl {name}" in ctl("help", name)
