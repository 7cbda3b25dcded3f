"""`rabbitmq.conf`: its lines, its keys, and what each means here (RabbitMQ page "Configuration").

    key.sub_key = value      # a comment
    key = 'a value with # in it'
    key = $(VARIABLE)        out of the environment

A key that Leveret does not know is a warning that names it, with the key that was perhaps meant; so is one of a feature
that Leveret lacks. A value that cannot be is an error. Where a key is said twice the last counts, and of a directory
the files in the order of their names.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from ..errors import ConfigError


class Line(NamedTuple):
    """One setting, and where it stands."""

    key: str
    value: str
    where: str


@dataclass(slots=True)
class Read:
    """(option, value, where) each, and what to warn of."""

    values: list[tuple[str, object, str]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def read(path: Path, environment: Mapping[str, str]) -> Read:
    """A file, or all `*.conf` of a directory. Raises ConfigError with file and line."""
    files = sorted(path.glob("*.conf")) if path.is_dir() else [_file(path)]
    lines: dict[str, Line] = {}
    for file in files:
        for line in _lines(file, environment):
            lines.pop(line.key, None)
            lines[line.key] = line
    found = Read()
    for line in lines.values():
        _take(found, line)
    _join(found, lines)
    return found


def _file(path: Path) -> Path:
    """RABBITMQ_CONFIG_FILE names its file without the suffix."""
    if not path.exists() and path.with_name(path.name + ".conf").exists():
        return path.with_name(path.name + ".conf")
    return path


# Lines

_SETTING: Final = re.compile(r"""^\s*([A-Za-z0-9_.\-]+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'\s*(?:\#.*)?|(.*?))\s*$""")
_VARIABLE: Final = re.compile(r"\$\((\w+)\)")


def _lines(file: Path, environment: Mapping[str, str]) -> Iterator[Line]:
    try:
        text = file.read_text("utf-8")
    except OSError as error:
        raise ConfigError(f"cannot read {file}: {error.strerror} (from rabbitmq-conf)") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{file} is not UTF-8 (from rabbitmq-conf)") from None
    for number, content in enumerate(text.splitlines(), 1):
        if not content.strip() or content.lstrip().startswith("#"):
            continue
        where = f"{file}, line {number}"
        setting = _SETTING.match(content)
        if setting is None:
            raise ConfigError(f"{where} is no setting; it has to be: key = value")
        key, quoted, plain = setting.groups()
        value = re.sub(r"(^|\s)#.*$", "", plain).strip() if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
        yield Line(key, _expand(value, environment, where), where)


def _expand(value: str, environment: Mapping[str, str], where: str) -> str:
    def of(found: re.Match[str]) -> str:
        if found[1] not in environment:
            raise ConfigError(f"{where}: there is no environment variable {found[1]}")
        return environment[found[1]]

    return _VARIABLE.sub(of, value)


# Keys

_Convert = Callable[[str], object]


def _same(value: str) -> object:
    return value


def _switch_of(yes: str, no: str) -> _Convert:
    def convert(value: str) -> object:
        if value not in (yes, no):
            raise ValueError(f"{yes} or {no}")
        return value == yes

    return convert


def _share(value: str) -> object:
    """RabbitMQ takes 1 as a share, too."""
    try:
        return float(value.rstrip("%")) / 100 if value.endswith("%") else float(value)
    except ValueError:
        raise ValueError("a share such as 0.6") from None


def _time_or_none(value: str) -> object:
    return 0 if value in ("undefined", "infinity") else value


def _limit_or_none(value: str) -> object:
    return 0 if value == "infinity" else value


_HASHINGS: Final = {
    "rabbit_password_hashing_sha256": "rabbit_password_hashing_sha256",
    "rabbit_password_hashing_sha512": "rabbit_password_hashing_sha512",
}
_LEVELS: Final = {"emergency": "critical", "alert": "critical", "notice": "info", "panic": "critical"}


def _level(value: str) -> object:
    return _LEVELS.get(value, value)


KEYS: Final[dict[str, tuple[str, _Convert]]] = {
    "listeners.tcp.default": ("listen", lambda value: [value]),
    "listeners.ssl.default": ("tls-listen", lambda value: [value]),
    "management.tcp.port": ("management-port", _same),
    "management.tcp.ip": ("management-host", _same),
    "management.ssl.port": ("management-tls-port", _same),
    "management.path_prefix": ("management-path-prefix", _same),
    "management.login_session_timeout": ("management-login-session-timeout", _same),
    "management.cors.max_age": ("management-cors-max-age", _same),
    "management.csp.policy": ("management-csp-policy", _same),
    "management.hsts.policy": ("management-hsts-policy", _same),
    "prometheus.tcp.port": ("metrics-port", _same),
    "prometheus.tcp.ip": ("metrics-host", _same),
    "prometheus.authentication.enabled": ("metrics-authentication", _same),
    "management.load_definitions": ("load-definitions", _same),
    "cluster_name": ("cluster-name", _same),
    "load_definitions": ("load-definitions", _same),
    "definitions.local.path": ("load-definitions", _same),
    "vm_memory_high_watermark.relative": ("vm-memory-high-watermark", _share),
    "vm_memory_high_watermark.absolute": ("vm-memory-high-watermark", _same),
    "disk_free_limit.relative": ("disk-free-limit", _share),
    "disk_free_limit.absolute": ("disk-free-limit", _same),
    "connection_max": ("connection-max", _limit_or_none),
    "max_connections": ("connection-max", _limit_or_none),
    "channel_max": ("channel-max", _same),
    "max_channels_per_connection": ("channel-max", _same),
    "channel_max_per_node": ("channel-max-per-node", _limit_or_none),
    "consumer_max_per_channel": ("consumer-max-per-channel", _same),
    "frame_max": ("frame-max", _same),
    "heartbeat": ("heartbeat", _same),
    "handshake_timeout": ("handshake-timeout", _same),
    "max_message_size": ("max-message-size", _same),
    "consumer_timeout": ("consumer-timeout", _time_or_none),
    "anonymous_login_user": ("anonymous-login-user", lambda value: "" if value == "none" else value),
    "anonymous_login_pass": ("anonymous-login-pass", _same),
    "default_user": ("default-user", _same),
    "default_pass": ("default-pass", _same),
    "default_vhost": ("default-vhost", _same),
    "default_permissions.configure": ("default-permissions-configure", _same),
    "default_permissions.write": ("default-permissions-write", _same),
    "default_permissions.read": ("default-permissions-read", _same),
    "password_hashing_module": ("password-hashing", lambda value: _HASHINGS.get(value, value)),
    "auth_cache.cached_backend": ("auth-cache-backend", lambda value: _backend(value)),
    "auth_cache.cache_ttl": ("auth-cache-ttl", _same),
    "auth_http.http_method": ("auth-http-method", _same),
    "auth_http.user_path": ("auth-http-user-path", _same),
    "auth_http.vhost_path": ("auth-http-vhost-path", _same),
    "auth_http.resource_path": ("auth-http-resource-path", _same),
    "auth_http.topic_path": ("auth-http-topic-path", _same),
    "auth_http.request_timeout": ("auth-http-timeout", _same),
    "auth_ldap.port": ("auth-ldap-port", _same),
    "auth_ldap.use_ssl": ("auth-ldap-use-ssl", _same),
    "auth_ldap.use_starttls": ("auth-ldap-use-starttls", _same),
    "auth_ldap.ssl_options.cacertfile": ("auth-ldap-cafile", _same),
    "auth_ldap.user_dn_pattern": ("auth-ldap-user-dn-pattern", _same),
    "auth_ldap.dn_lookup_attribute": ("auth-ldap-dn-lookup-attribute", lambda value: "" if value == "none" else value),
    "auth_ldap.dn_lookup_base": ("auth-ldap-dn-lookup-base", lambda value: "" if value == "none" else value),
    "auth_ldap.dn_lookup_bind.user_dn": ("auth-ldap-dn-lookup-bind-dn", _same),
    "auth_ldap.dn_lookup_bind.password": ("auth-ldap-dn-lookup-bind-password", _same),
    "auth_ldap.timeout": ("auth-ldap-timeout", lambda value: 10_000 if value == "infinity" else value),
    "auth_oauth2.resource_server_id": ("auth-oauth2-resource-server-id", _same),
    "auth_oauth2.issuer": ("auth-oauth2-issuer", _same),
    "auth_oauth2.jwks_uri": ("auth-oauth2-jwks-url", _same),
    "auth_oauth2.jwks_url": ("auth-oauth2-jwks-url", _same),
    "auth_oauth2.default_key": ("auth-oauth2-default-key", _same),
    "auth_oauth2.additional_scopes_key": ("auth-oauth2-additional-scopes-key", _same),
    "auth_oauth2.scope_prefix": ("auth-oauth2-scope-prefix", _same),
    "auth_oauth2.verify_aud": ("auth-oauth2-verify-aud", _same),
    "credential_validator.min_length": ("password-min-length", _same),
    "credential_validator.regexp": ("password-pattern", _same),
    "ssl_options.certfile": ("tls-certfile", _same),
    "ssl_options.keyfile": ("tls-keyfile", _same),
    "ssl_options.cacertfile": ("tls-cafile", _same),
    "ssl_options.password": ("tls-password", _same),
    "ssl_options.verify": ("tls-verify", _switch_of("verify_peer", "verify_none")),
    "ssl_options.fail_if_no_peer_cert": ("tls-require-certificate", _same),
    "ssl_options.honor_cipher_order": ("tls-honor-cipher-order", _same),
    "ssl_cert_login_from": ("tls-login-from", _same),
    "ssl_cert_login_san_type": ("tls-login-san-type", _same),
    "ssl_cert_login_san_index": ("tls-login-san-index", _same),
    "proxy_protocol": ("proxy-protocol", _same),
    "log.default.level": ("log-level", _level),
    "log.console.level": ("log-level", _level),
    "log.file.rotation.size": ("log-rotation-size", _same),
    "log.file.rotation.count": ("log-rotation-count", _same),
}
"""What RabbitMQ calls an option, what we do, and how its values become ours."""

_LISTS: Final = {
    "listeners.tcp.": "listen",
    "listeners.ssl.": "tls-listen",
    "auth_mechanisms.": "auth-mechanisms",
    "ssl_options.versions.": "tls-versions",
    "ssl_options.ciphers.": "tls-ciphers",
    "auth_oauth2.preferred_username_claims.": "auth-oauth2-username-claims",
    "auth_oauth2.algorithms.": "auth-oauth2-algorithms",
    "auth_ldap.servers.": "auth-ldap-servers",
}
"""Keys that end in a number or a name of no meaning: their values are one list."""
_NAMED: Final = {
    "auth_oauth2.signing_keys.": "auth-oauth2-signing-keys",
    "auth_oauth2.scope_aliases.": "auth-oauth2-scope-aliases",
}
"""Keys that end in a name of meaning: `name=value`."""
_FLAGS: Final = {"loopback_users.": "loopback-users", "default_user_tags.": "default-user-tags"}
"""Keys that end in a name: it is in the list if the value is true."""

WITHOUT_EFFECT: Final = (
    "collect_statistics",
    "collect_statistics_interval",
    "classic_queue.default_version",
    "credential_validator.validation_backend",
    "default_queue_type",
    "definitions.import_backend",
    "definitions.skip_if_unchanged",
    "deprecated_features.",
    "hipe_compile",
    "initial_frame_max",
    "log.console",
    "log.dir",
    "memory_monitor_interval",
    "mirroring_sync_batch_size",
    "msg_store_",
    "net_ticktime",
    "num_acceptors.",
    "queue_index_",
    "queue_leader_locator",
    "queue_master_locator",
    "raft.",
    "reverse_dns_lookups",
    "ssl_handshake_timeout",
    "ssl_options.client_renegotiation",
    "ssl_options.depth",
    "ssl_options.honor_ecc_order",
    "ssl_options.reuse_sessions",
    "ssl_options.secure_renegotiate",
    "tcp_listen_options.",
    "total_memory_available_override_value",
    "vm_memory_calculation_strategy",
    "vm_memory_high_watermark_paging_ratio",
)
"""Keys about how RabbitMQ works inside, or whose default is the only thing that Leveret does: nothing to warn of."""
LACKING: Final = (
    ("auth_http.", "this setting of the HTTP service"),
    ("auth_ldap.", "this part of LDAP"),
    ("auth_oauth2.", "this part of OAuth 2"),
    ("auth_cache.", "this part of the cache"),
    ("cluster_formation.", "clusters"),
    ("cluster_", "clusters"),
    ("stream.", "streams"),
    ("mqtt.", "MQTT"),
    ("stomp.", "STOMP"),
    ("web_mqtt.", "MQTT over WebSockets"),
    ("web_stomp.", "STOMP over WebSockets"),
    ("prometheus.", "this part of the metrics"),
    ("management.", "this part of the management interface"),
    ("federation.", "federation"),
    ("shovel.", "shovels"),
    ("trust_store.", "a store of trusted certificates"),
    ("default_users.", "several first users: load_definitions has them"),
    ("default_limits.", "limits that new vhosts have from the start"),
    ("default_policies.", "policies that new vhosts have from the start"),
    ("log.syslog", "syslog"),
    ("log.exchange", "the log as an exchange"),
    ("log.journald", "journald"),
    ("quorum_queue.", "quorum queues"),
    ("message_interceptors.", "interceptors"),
    ("definitions.", "definitions from there"),
    ("tracing.", "the tracing plugin"),
    ("event_exchange.", "settings of the event exchange"),
    ("metadata_store.", "another store of metadata"),
)
"""By how the key begins: what Leveret has not."""
_CATEGORIES: Final = ("connection", "channel", "queue", "exchange", "user", "upgrade", "federation", "mirroring", "ra")


def _take(found: Read, line: Line) -> None:
    key, value, where = line
    if key in KEYS:
        name, convert = KEYS[key]
        try:
            found.values.append((name, convert(value), f"{key}, {where}"))
        except ValueError as error:
            raise ConfigError(f"{key} must be {error}, not {value!r} ({where})") from None
        return
    together = (*_LISTS, *_FLAGS, *_NAMED, "auth_backends.")
    if any(key.startswith(prefix) for prefix in together) or key in ("listeners.tcp", "listeners.ssl"):
        return
    if key == "loopback_users" or _is_log(key):
        return
    if any(key == known or (known[-1] in "._" and key.startswith(known)) for known in WITHOUT_EFFECT):
        return
    for prefix, what in LACKING:
        if key.startswith(prefix):
            found.warnings.append(f"{where}: {key} has no effect, Leveret does not have {what}")
            return
    found.warnings.append(f"{where}: unknown key {key}{_nearest(key)}")


def _is_log(key: str) -> bool:
    if key in ("log.file", "log.file.level", "log.console.formatter", "log.file.formatter"):
        return True
    return key in {f"log.{category}.level" for category in _CATEGORIES}


def _join(found: Read, lines: Mapping[str, Line]) -> None:
    """What several keys say together."""
    for prefix, name in _LISTS.items():
        said = [line for key, line in lines.items() if key.startswith(prefix) and key not in KEYS]
        if said:
            values = [line.value for line in said]
            value: object = ":".join(values) if name == "tls-ciphers" else values
            found.values.append((name, value, f"{said[0].key}, {said[0].where}"))
    for prefix, name in _FLAGS.items():
        flags = [line for key, line in lines.items() if key.startswith(prefix)]
        if flags:
            chosen = [line.key.removeprefix(prefix) for line in flags if line.value == "true"]
            found.values.append((name, chosen, f"{flags[0].key}, {flags[0].where}"))
    if (none := lines.get("loopback_users")) is not None and none.value == "none":
        found.values.append(("loopback-users", [], f"{none.key}, {none.where}"))
    if (none := lines.get("listeners.tcp")) is not None and none.value == "none":
        found.values.append(("listen", ["none"], f"{none.key}, {none.where}"))
    for prefix, name in _NAMED.items():
        named = [line for key, line in lines.items() if key.startswith(prefix)]
        if named:
            pairs = [f"{line.key.removeprefix(prefix)}={line.value}" for line in named]
            found.values.append((name, pairs, f"{named[0].key}, {named[0].where}"))
    _join_backends(found, [line for key, line in lines.items() if key.startswith("auth_backends.")])
    _join_log(found, lines)


def _backend(value: str) -> str:
    """Backends have a short name, and that of their module."""
    return value.removeprefix("rabbit_auth_backend_")


def _join_backends(found: Read, said: list[Line]) -> None:
    by_number: dict[str, dict[str, str]] = {}
    for line in said:
        _, number, *part = line.key.split(".")
        by_number.setdefault(number, {})[".".join(part)] = _backend(line.value)
    links = [
        parts[""] if "" in parts else f"{parts.get('authn', 'internal')}:{parts.get('authz', 'internal')}"
        for _, parts in sorted(by_number.items())
    ]
    if links:
        found.values.append(("auth-backends", links, f"{said[0].key}, {said[0].where}"))


def _join_log(found: Read, lines: Mapping[str, Line]) -> None:
    file = lines.get("log.file")
    if file is not None and file.value not in ("true", "false"):
        folder = lines.get("log.dir")
        path = Path(file.value) if folder is None else Path(folder.value) / file.value
        found.values.append(("log-file", path, f"{file.key}, {file.where}"))
    for key in ("log.console.formatter", "log.file.formatter"):
        if (line := lines.get(key)) is not None:
            value = "text" if line.value == "plaintext" else line.value
            found.values.append(("log-format", value, f"{key}, {line.where}"))
    levels = [
        f"{category}={_level(line.value)}"
        for category in _CATEGORIES
        if (line := lines.get(f"log.{category}.level")) is not None
    ]
    if levels:
        found.values.append(("log-categories", levels, "log.*.level"))


def _nearest(key: str) -> str:
    import difflib

    near = difflib.get_close_matches(key, [*KEYS, "auth_mechanisms.1", "loopback_users.guest"], 1)
    return f"; did you mean {near[0]}?" if near else ""
