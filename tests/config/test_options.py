from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from leveret.config import DEFAULTS, TABLE, Option, Options, data_directory, load, parse_size
from leveret.errors import ConfigError

ROOT = Path(__file__).parent.parent.parent


def test_defaults_hold_when_nobody_says() -> None:
    assert load({}, {}) == Options() == DEFAULTS
    assert (DEFAULTS.host, DEFAULTS.port, DEFAULTS.management_port) == ("127.0.0.1", 5672, 15672)


def test_flag_beats_environment_beats_file_beats_default(tmp_path: Path) -> None:
    file = tmp_path / "leveret.toml"
    file.write_text('port = 1\nmanagement_port = 2\nlog-level = "error"\nephemeral = true\n')
    options = load(
        {"port": "3", "host": None}, {"LEVERET_PORT": "4", "LEVERET_MANAGEMENT_PORT": "5", "LEVERET_CONFIG": str(file)}
    )
    assert options == Options(
        host="127.0.0.1", port=3, management_port=5, config=file, ephemeral=True, log_level="error"
    )


SAMPLES: dict[str, object] = {
    "host": "::1",
    "port": 99,
    "listen": ["127.0.0.1:5672", "[::1]:5673"],
    "management": False,
    "management-host": "::1",
    "management-port": 98,
    "management-tls-port": 97,
    "management-path-prefix": "/hats",
    "management-login-session-timeout": 5,
    "management-cors-allow-origins": ["https://hats.example"],
    "management-cors-max-age": 60,
    "management-csp-policy": "default-src 'self'",
    "metrics": False,
    "metrics-host": "::1",
    "metrics-port": 96,
    "metrics-authentication": True,
    "management-hsts-policy": "max-age=31536000",
    "data-dir": "/srv/x",
    "ephemeral": True,
    "durability": "os",
    "vm-memory-high-watermark": 0.5,
    "disk-free-limit": 1_000_000,
    "paging-budget": 0.25,
    "segment-size": 2_000_000,
    "cluster-name": "hats",
    "load-definitions": "/srv/definitions.json",
    "connection-max": 7,
    "channel-max": 100,
    "channel-max-per-node": 8,
    "consumer-max-per-channel": 5,
    "frame-max": 65_536,
    "heartbeat": 10,
    "handshake-timeout": 5_000,
    "max-message-size": 1_000_000,
    "consumer-timeout": 1_800_000,
    "default-consumer-prefetch": 250,
    "auth-mechanisms": ["PLAIN", "EXTERNAL"],
    "anonymous-login-user": "ann",
    "anonymous-login-pass": "hidden",
    "loopback-users": ["guest", "ann"],
    "default-user": "admin",
    "default-pass": "hidden",
    "default-vhost": "shop",
    "default-user-tags": ["monitoring"],
    "default-permissions-configure": "^c",
    "default-permissions-write": "^w",
    "default-permissions-read": "^r",
    "password-hashing": "rabbit_password_hashing_sha512",
    "password-min-length": 8,
    "password-pattern": "[0-9]",
    "login-failures-max": 3,
    "auth-backends": ["oauth2", "http:internal"],
    "auth-cache-backend": "http",
    "auth-cache-ttl": 1_000,
    "auth-http-method": "post",
    "auth-http-user-path": "http://x/user",
    "auth-http-vhost-path": "http://x/vhost",
    "auth-http-resource-path": "http://x/resource",
    "auth-http-topic-path": "http://x/topic",
    "auth-http-timeout": 1_000,
    "auth-ldap-servers": ["a", "b"],
    "auth-ldap-port": 636,
    "auth-ldap-use-ssl": True,
    "auth-ldap-use-starttls": True,
    "auth-ldap-cafile": "/srv/ca.pem",
    "auth-ldap-user-dn-pattern": "cn=${username},ou=people",
    "auth-ldap-dn-lookup-attribute": "uid",
    "auth-ldap-dn-lookup-base": "ou=people",
    "auth-ldap-dn-lookup-bind-dn": "cn=reader",
    "auth-ldap-dn-lookup-bind-password": "hidden",
    "auth-ldap-tag-groups": ["administrator=cn=admins,ou=groups"],
    "auth-ldap-vhost-groups": ["/=cn=all,ou=groups"],
    "auth-ldap-timeout": 1_000,
    "auth-oauth2-resource-server-id": "rabbitmq",
    "auth-oauth2-issuer": "https://id",
    "auth-oauth2-jwks-url": "https://id/keys",
    "auth-oauth2-signing-keys": ["a=/srv/a.pem"],
    "auth-oauth2-default-key": "a",
    "auth-oauth2-username-claims": ["email"],
    "auth-oauth2-additional-scopes-key": "roles",
    "auth-oauth2-scope-prefix": "api://",
    "auth-oauth2-scope-aliases": ["admin=a b"],
    "auth-oauth2-verify-aud": True,
    "auth-oauth2-algorithms": ["RS256"],
    "tls-port": 5671,
    "tls-listen": ["5671"],
    "tls-certfile": "/srv/cert.pem",
    "tls-keyfile": "/srv/key.pem",
    "tls-cafile": "/srv/ca.pem",
    "tls-names": ["shop.example.com=/srv/shop.pem:/srv/shop.key"],
    "tls-password": "hidden",
    "tls-verify": True,
    "tls-require-certificate": True,
    "tls-versions": ["tlsv1.3"],
    "tls-ciphers": "ECDHE-RSA-AES256-GCM-SHA384",
    "tls-honor-cipher-order": True,
    "tls-login-from": "common_name",
    "tls-login-san-type": "email",
    "tls-login-san-index": 1,
    "proxy-protocol": True,
    "proxy-trusted": ["10.0.0.0/8"],
    "log-level": "debug",
    "log-file": "/srv/log",
    "log-format": "json",
    "log-rotation-size": 1_000_000,
    "log-rotation-count": 9,
    "log-categories": ["connection=error"],
}
PATHS = {option.name for option in TABLE if option.metavar in ("FILE", "DIR")}


def test_there_is_a_sample_of_each() -> None:
    assert {option.name for option in TABLE} == {*SAMPLES, "config", "rabbitmq-conf"}


@pytest.mark.parametrize("option", [option for option in TABLE if option.name in SAMPLES], ids=lambda one: one.name)
def test_every_option_is_a_flag_a_variable_and_a_key(option: Option, tmp_path: Path) -> None:
    value = SAMPLES[option.name]
    expected = Path(str(value)) if option.name in PATHS else tuple(value) if isinstance(value, list) else value
    text = ",".join(value) if isinstance(value, list) else str(value)
    file = tmp_path / f"{option.name}.toml"
    file.write_text(f"{option.name} = {str(value).lower() if isinstance(value, bool) else repr(value)}\n")
    assert getattr(load({option.name: text}, {}), option.field) == expected
    assert getattr(load({}, {option.variable: text}), option.field) == expected
    assert getattr(load({"config": str(file)}, {}), option.field) == expected


@pytest.mark.parametrize(
    ("flags", "environment", "message"),
    [
        ({"port": "70000"}, {}, "port must be a number from 0 to 65535, not '70000' (from --port)"),
        (
            {"consumer-timeout": "1h"},
            {},
            "consumer-timeout must be a number from 0 to 315360000000, not '1h' (from --consumer-timeout)",
        ),
        (
            {"frame-max": "4096"},
            {},
            "frame-max must be a size of at least 8192, or 0 for no limit, not '4096' (from --frame-max)",
        ),
        (
            {"max-message-size": "1GB"},
            {},
            "max-message-size must be a size of at most 512MiB, not '1GB' (from --max-message-size)",
        ),
        ({"port": "-1"}, {}, "port must be a number from 0 to 65535, not '-1' (from --port)"),
        ({}, {"LEVERET_PORT": "x"}, "port must be a number from 0 to 65535, not 'x' (from LEVERET_PORT)"),
        (
            {"log-level": "loud"},
            {},
            "log-level must be one of debug, info, warning, error, critical, none, not 'loud' (from --log-level)",
        ),
        ({}, {"LEVERET_EPHEMERAL": "maybe"}, "ephemeral must be true or false, not 'maybe' (from LEVERET_EPHEMERAL)"),
        ({"durability": "none"}, {}, "durability must be one of fsync, os, not 'none' (from --durability)"),
        (
            {"vm-memory-high-watermark": "1.5"},
            {},
            "vm-memory-high-watermark must be a share from 0.0 to 1.0 or a size such as 512MiB or 2GB, not '1.5' "
            "(from --vm-memory-high-watermark)",
        ),
        (
            {},
            {"LEVERET_DISK_FREE_LIMIT": "50 bytes"},
            "disk-free-limit must be a share from 0.0 to 100.0 or a size such as 512MiB or 2GB, not '50 bytes' "
            "(from LEVERET_DISK_FREE_LIMIT)",
        ),
        ({"segment-size": "64"}, {}, "segment-size must be a size of at least 1MiB, not '64' (from --segment-size)"),
        (
            {"segment-size": "0.5"},
            {},
            "segment-size must be a size such as 50MB or 64MiB, not '0.5' (from --segment-size)",
        ),
        ({"host": "a b"}, {}, "host must be a host name or an address, not 'a b' (from --host)"),
        ({"data-dir": ""}, {}, "data-dir must be a path, not '' (from --data-dir)"),
    ],
)
def test_a_bad_value_names_option_and_source(
    flags: dict[str, object], environment: dict[str, str], message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load(flags, environment)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("content", "part"),
    [
        ("port = ", "is not TOML"),
        ("prot = 1", "unknown option 'prot' (from "),
        ("port = true", "port must be a number from 0 to 65535, not True (from "),
        ("port = 5.5", "port must be a number"),
        ("vm_memory_high_watermark = nan", "vm-memory-high-watermark must be a share from 0.0 to 1.0"),
        ("paging_budget = -1", "paging-budget must be a share from 0.0 to 1.0"),
        ("segment_size = true", "segment-size must be a size"),
        ('config = "other.toml"', "unknown option 'config'"),
        ("[port]\nx = 1", "port must be a number"),
    ],
)
def test_a_bad_file_is_named(tmp_path: Path, content: str, part: str) -> None:
    file = tmp_path / "leveret.toml"
    file.write_text(content)
    with pytest.raises(ConfigError) as caught:
        load({"config": str(file)}, {})
    assert part in str(caught.value)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read .*missing.toml: No such file or directory"):
        load({}, {"LEVERET_CONFIG": str(tmp_path / "missing.toml")})


def test_data_directory_is_the_systems_unless_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert data_directory(Options()).name == "leveret"
    assert data_directory(Options(data_dir=tmp_path / "here")) == tmp_path / "here"


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("1073741824", 1 << 30),
        (1073741824, 1 << 30),
        (" 50MB ", 50_000_000),
        ("8 MB", 8_000_000),
        *((text, 2_000) for text in ("2k", "2K", "2kB", "2KB", "2kb", "2Kb")),
        *((text, 2_048) for text in ("2ki", "2Ki", "2kiB", "2KiB", "2kib", "2KIB")),
        ("3m", 3_000_000),
        ("3MiB", 3 << 20),
        ("768Mi", 768 << 20),
        ("2GB", 2_000_000_000),
        ("4G", 4_000_000_000),
        ("4Gi", 4 << 30),
        ("2TB", 2 * 10**12),
        ("1Ti", 1 << 40),
        ("1PB", 10**15),
        ("1Pi", 1 << 50),
    ],
)
def test_sizes_have_the_units_of_rabbitmq(text: object, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text",
    ["", "MB", "-1", -1, "1.5GB", 1.5, "5B", "5i", "5iB", "5EB", "5MBB", "0x10", "1e9", "\u0665MB", True, None, []],
)
def test_what_is_no_size(text: object) -> None:
    with pytest.raises(ValueError, match=r"^a size such as 50MB or 64MiB$"):
        parse_size(text)


def test_a_decimal_point_makes_a_share() -> None:
    def watermark(value: object) -> object:
        return load({"vm-memory-high-watermark": value}, {}).vm_memory_high_watermark

    assert [watermark(value) for value in ("0.4", ".4", 0.4)] == [0.4] * 3
    assert [type(watermark(value)) for value in ("1.0", "1", "0", "0.0")] == [float, int, int, float]
    assert load({"disk-free-limit": "1.5"}, {}).disk_free_limit == 1.5


def test_the_page_is_current() -> None:
    script = ROOT / "scripts" / "config_page.py"
    done = subprocess.run([sys.executable, str(script), "--check"], check=False)
    assert done.returncode == 0, "run scripts/config_page.py"


def test_secrets_have_no_flag() -> None:
    from leveret.cli.serve import parse

    assert [option.name for option in TABLE if option.secret] == [
        "anonymous-login-pass",
        "default-pass",
        "auth-ldap-dn-lookup-bind-password",
        "tls-password",
    ]
    for option in TABLE:
        if option.secret:
            with pytest.raises(ConfigError):
                parse([f"--{option.name}=hidden"])


def test_what_is_shown_as_default_is_the_default() -> None:
    for option in TABLE:
        if option.shown:
            assert option.parse(option.shown) == option.default
