"""`rabbitmq.conf`: its lines, its keys, and what is said about those that mean nothing here."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leveret.config import TABLE, Loaded, load_all
from leveret.config.rabbitmq import KEYS
from leveret.errors import ConfigError

EXAMPLE = r"""
# from RabbitMQ's own example
listeners.tcp.default = 5672
listeners.ssl.1 = 127.0.0.1:5671
  heartbeat = 30   # seconds
frame_max = 65536

ssl_options.certfile = '/srv/tls/it''s.pem'
ssl_options.verify = verify_peer
ssl_options.fail_if_no_peer_cert = true
ssl_options.versions.1 = tlsv1.3
ssl_options.ciphers.1 = ECDHE-ECDSA-AES256-GCM-SHA384
ssl_options.ciphers.2 = ECDHE-RSA-AES256-GCM-SHA384
default_user = admin
default_pass = p#ss
default_user_tags.administrator = true
default_user_tags.monitoring = false
default_permissions.write = ^a
loopback_users.guest = false
auth_mechanisms.1 = PLAIN
auth_mechanisms.2 = EXTERNAL
vm_memory_high_watermark.relative = 0.7
disk_free_limit.absolute = 2GB
consumer_timeout = undefined
connection_max = infinity
load_definitions = $(HERE)/definitions.json
log.console.level = warning
log.file = rabbit.log
log.dir = /var/log/rabbitmq
log.connection.level = error
log.file.formatter = json
tcp_listen_options.backlog = 128
auth_backends.1 = rabbit_auth_backend_oauth2
auth_backends.2.authn = http
auth_backends.2.authz = internal
auth_oauth2.resource_server_id = rabbitmq
auth_oauth2.scope_aliases.admin = rabbitmq.read:*/* rabbitmq.tag:administrator
auth_oauth2.signing_keys.one = /srv/one.pem
auth_http.user_path = http://localhost/user
"""


def load(tmp_path: Path, text: str, flags: dict[str, object] | None = None, **environment: str) -> Loaded:
    file = tmp_path / "rabbitmq.conf"
    file.write_text(text)
    return load_all({"rabbitmq-conf": str(file), **(flags or {})}, environment)


def test_an_example(tmp_path: Path) -> None:
    text = EXAMPLE.replace("it''s", "its")
    options = load(tmp_path, text, HERE="/srv").options
    assert (options.listen, options.tls_listen) == (("5672",), ("127.0.0.1:5671",))
    assert (options.heartbeat, options.frame_max) == (30, 65536)
    assert options.tls_certfile == Path("/srv/tls/its.pem")
    assert options.tls_verify
    assert options.tls_require_certificate
    assert options.tls_versions == ("tlsv1.3",)
    assert options.tls_ciphers == "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384"
    assert (options.default_user, options.default_pass) == ("admin", "p#ss")
    assert options.default_user_tags == ("administrator",)
    assert options.default_permissions_write == "^a"
    assert options.loopback_users == ()
    assert options.auth_mechanisms == ("PLAIN", "EXTERNAL")
    assert options.vm_memory_high_watermark == 0.7
    assert options.disk_free_limit == 2_000_000_000
    assert (options.consumer_timeout, options.connection_max) == (0, 0)
    assert options.load_definitions == Path("/srv/definitions.json")
    assert options.log_level == "warning"
    assert options.log_file == Path("/var/log/rabbitmq/rabbit.log")
    assert options.log_categories == ("connection=error",)
    assert options.log_format == "json"
    assert options.auth_backends == ("oauth2", "http:internal")
    assert options.auth_oauth2_scope_aliases == ("admin=rabbitmq.read:*/* rabbitmq.tag:administrator",)
    assert options.auth_oauth2_signing_keys == ("one=/srv/one.pem",)
    assert options.auth_http_user_path == "http://localhost/user"


def test_nothing_to_warn_of_in_it(tmp_path: Path) -> None:
    assert load(tmp_path, EXAMPLE, HERE="/srv").warnings == []


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("default_user = a", "a"),
        ("default_user=a", "a"),
        ("  default_user   =   a b   ", "a b"),
        ("default_user = a # comment", "a"),
        ("default_user = a#b", "a#b"),
        ("default_user = 'a # b' # comment", "a # b"),
        (r"default_user = 'it\'s'", "it's"),
        ("default_user = $(NAME)x", "annx"),
        ("default_user =", ""),
    ],
)
def test_lines(tmp_path: Path, line: str, value: str) -> None:
    assert load(tmp_path, f"# comment\n\n{line}\n", NAME="ann").options.default_user == value


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("nonsense", "rabbitmq.conf, line 2 is no setting; it has to be: key = value"),
        ("= 1", "line 2 is no setting"),
        ("heartbeat = often", "heartbeat must be a number from 0 to 65535, not 'often' (from heartbeat, "),
        ("ssl_options.verify = maybe", "ssl_options.verify must be verify_peer or verify_none, not 'maybe' ("),
        ("vm_memory_high_watermark.relative = a", "must be a share such as 0.6"),
        ("default_user = $(NOBODY)", "line 2: there is no environment variable NOBODY"),
        ("default_pass = $(NOBODY)", "line 2: there is no environment variable NOBODY"),
        ("listeners.tcp.default = many", "listen must be a port, or an address and a port"),
        ("auth_mechanisms.1 = RABBIT-CR-DEMO", "auth-mechanisms must be one of plain, amqplain, external, anonymous"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, line: str, text: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        load(tmp_path, f"\n{line}\n")
    assert text in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("hartbeat = 1", "line 1: unknown key hartbeat; did you mean heartbeat?"),
        ("xyz = 1", "line 1: unknown key xyz"),
        ("mqtt.allow_anonymous = true", "line 1: mqtt.allow_anonymous has no effect, Leveret does not have MQTT"),
        ("auth_ldap.queries.tags = x", "Leveret does not have this part of LDAP"),
        ("cluster_formation.peer_discovery_backend = x", "Leveret does not have clusters"),
    ],
)
def test_what_has_no_effect_is_told(tmp_path: Path, line: str, text: str) -> None:
    (warning,) = load(tmp_path, line).warnings
    assert text in warning


def test_the_last_of_two_counts(tmp_path: Path) -> None:
    loaded = load(tmp_path, "heartbeat = 1\nheartbeat = 2\n")
    assert loaded.options.heartbeat == 2
    assert loaded.origins["heartbeat"].endswith("line 2")


def test_a_directory_is_read_in_the_order_of_names(tmp_path: Path) -> None:
    (tmp_path / "20-b.conf").write_text("heartbeat = 2\nframe_max = 8192\n")
    (tmp_path / "10-a.conf").write_text("heartbeat = 1\nchannel_max = 3\n")
    (tmp_path / "ignored.txt").write_text("nonsense")
    options = load_all({"rabbitmq-conf": str(tmp_path)}, {}).options
    assert (options.heartbeat, options.frame_max, options.channel_max) == (2, 8192, 3)


def test_the_order_of_sources(tmp_path: Path) -> None:
    toml = tmp_path / "leveret.toml"
    toml.write_text("heartbeat = 2\nframe-max = 16384\n")
    conf = "heartbeat = 1\nframe_max = 8192\nchannel_max = 5\n"
    loaded = load(tmp_path, conf, {"config": str(toml)}, LEVERET_HEARTBEAT="3")
    assert (loaded.options.heartbeat, loaded.options.frame_max, loaded.options.channel_max) == (3, 16384, 5)
    assert loaded.origins["heartbeat"] == "LEVERET_HEARTBEAT"
    assert loaded.origins["frame-max"] == str(toml)
    assert loaded.origins["channel-max"].startswith("channel_max, ")


def test_rabbitmqs_own_variables(tmp_path: Path) -> None:
    (tmp_path / "rabbit.conf").write_text("heartbeat = 7\n")
    environment = {
        "RABBITMQ_CONFIG_FILE": str(tmp_path / "rabbit"),
        "RABBITMQ_NODE_PORT": "5699",
        "RABBITMQ_DEFAULT_USER": "ann",
        "RABBITMQ_DEFAULT_PASS": "hidden",
        "RABBITMQ_DEFAULT_VHOST": "shop",
    }
    options = load_all({}, environment).options
    assert (options.heartbeat, options.port) == (7, 5699)
    assert (options.default_user, options.default_pass, options.default_vhost) == ("ann", "hidden", "shop")


@pytest.mark.parametrize("missing", ["nowhere.conf", "no/where"])
def test_a_file_that_is_not_there(tmp_path: Path, missing: str) -> None:
    with pytest.raises(ConfigError, match=r"cannot read .* \(from rabbitmq-conf\)"):
        load_all({"rabbitmq-conf": str(tmp_path / missing)}, {})


def test_a_secret_is_in_no_error_and_in_no_repr(tmp_path: Path) -> None:
    loaded = load(tmp_path, "default_pass = canary\nssl_options.password = canary\n")
    assert loaded.options.default_pass == "canary"
    assert "canary" not in repr(loaded)
    assert "canary" not in repr(loaded.options)


def test_every_key_leads_to_an_option() -> None:
    names = {option.name for option in TABLE}
    assert {name for name, _ in KEYS.values()} <= names


@given(st.text(max_size=200))
def test_noise(text: str) -> None:
    from leveret.config.rabbitmq import _lines

    class File:
        def read_text(self, encoding: str) -> str:
            return text

        def __str__(self) -> str:
            return "noise"

    try:
        for line in _lines(File(), {}):  # type: ignore[arg-type]
            assert line.key
    except ConfigError:
        return
