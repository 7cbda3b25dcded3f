"""The options in one table: `leveret serve` makes its flags and help from it, the page on configuration its rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ..access.mechanisms import AMQPLAIN, MECHANISMS, PLAIN
from ..access.passwords import ARGON2ID, SHA256, SHA512
from ..limits import (
    CHANNEL_MAX,
    CONSUMERS_PER_CHANNEL_MAX,
    EXPIRY_MAX_MS,
    FETCH_TIMEOUT_MS,
    FRAME_MAX,
    HANDSHAKE_TIMEOUT_MS,
    HEARTBEAT_S,
    LOGIN_FAILURES_MAX,
    MESSAGE_SIZE_MAX,
    PREFETCH_MAX,
)
from .values import (
    PORT_MAX,
    U32_MAX,
    Amount,
    amount,
    entries,
    number,
    one_of,
    parse_endpoint,
    parse_frame_max,
    parse_host,
    parse_message_size,
    parse_path,
    parse_pattern,
    parse_prefix,
    parse_segment_size,
    parse_size,
    parse_switch,
    parse_text,
    words,
)

LOG_LEVELS: Final = ("debug", "info", "warning", "error", "critical", "none")
DURABILITIES: Final = ("fsync", "os")
TLS_VERSIONS: Final = ("tlsv1.3", "tlsv1.2")
LOGIN_SOURCES: Final = ("distinguished_name", "common_name", "subject_alternative_name")
SAN_TYPES: Final = ("dns", "ip", "email", "uri")
HASHINGS: Final = (ARGON2ID, SHA256, SHA512)
BACKENDS: Final = ("internal", "http", "ldap", "oauth2")
U16_MAX: Final = 65_535


@dataclass(frozen=True, slots=True)
class Options:
    """What a broker runs with."""

    host: str = "127.0.0.1"
    port: int = 5672
    listen: tuple[str, ...] = ()
    """Endpoints instead of `host` and `port`."""
    management: bool = True
    management_host: str = ""
    """Empty: `host`."""
    management_port: int = 15672
    management_tls_port: int = 0
    management_path_prefix: str = ""
    management_login_session_timeout: int = 480
    management_cors_allow_origins: tuple[str, ...] = ()
    management_cors_max_age: int = 1800
    management_csp_policy: str = ""
    management_hsts_policy: str = ""
    metrics: bool = True
    metrics_host: str = ""
    """Empty: `host`."""
    metrics_port: int = 15692
    metrics_authentication: bool = False
    data_dir: Path | None = None
    """None: where this system keeps data of applications (`data_directory`)."""
    config: Path | None = None
    rabbitmq_conf: Path | None = None
    ephemeral: bool = False
    durability: str = "fsync"
    vm_memory_high_watermark: Amount = 0.6
    """A share of the machine's memory."""
    disk_free_limit: Amount = 50_000_000
    """A share of the machine's memory."""
    paging_budget: Amount = 0.4
    """A share of `vm_memory_high_watermark`."""
    segment_size: int = 16 << 20
    cluster_name: str = "leveret@localhost"
    load_definitions: Path | None = None

    # What clients may ask for.
    connection_max: int = 0
    """0: no limit of ours."""
    channel_max: int = CHANNEL_MAX
    """Per connection; 0: no limit of ours."""
    channel_max_per_node: int = 0
    """0: no limit of ours."""
    consumer_max_per_channel: int = CONSUMERS_PER_CHANNEL_MAX
    frame_max: int = FRAME_MAX
    """Bytes; 0: no limit of ours."""
    heartbeat: int = HEARTBEAT_S
    """Seconds that the broker proposes; 0: none."""
    handshake_timeout: int = HANDSHAKE_TIMEOUT_MS
    max_message_size: int = MESSAGE_SIZE_MAX
    consumer_timeout: int = 0
    """Milliseconds; 0: no limit."""
    default_consumer_prefetch: int = 0
    """Messages; 0: no limit."""

    # Who may log in.
    auth_mechanisms: tuple[str, ...] = (PLAIN, AMQPLAIN)
    anonymous_login_user: str = ""
    anonymous_login_pass: str = field(default="", repr=False)
    loopback_users: tuple[str, ...] = ("guest",)
    default_user: str = "guest"
    default_pass: str = field(default="guest", repr=False)
    default_vhost: str = "/"
    default_user_tags: tuple[str, ...] = ("administrator",)
    default_permissions_configure: str = ".*"
    default_permissions_write: str = ".*"
    default_permissions_read: str = ".*"
    password_hashing: str = ARGON2ID
    password_min_length: int = 1
    password_pattern: str = ""
    login_failures_max: int = LOGIN_FAILURES_MAX
    auth_backends: tuple[str, ...] = ("internal",)
    """In the order in which they are asked; `who:what` asks one about credentials and the other about rights."""
    auth_cache_backend: str = "internal"
    auth_cache_ttl: int = 15_000
    auth_http_method: str = "get"
    auth_http_user_path: str = ""
    auth_http_vhost_path: str = ""
    auth_http_resource_path: str = ""
    auth_http_topic_path: str = ""
    auth_http_timeout: int = FETCH_TIMEOUT_MS
    auth_ldap_servers: tuple[str, ...] = ()
    auth_ldap_port: int = 389
    auth_ldap_use_ssl: bool = False
    auth_ldap_use_starttls: bool = False
    auth_ldap_cafile: Path | None = None
    auth_ldap_user_dn_pattern: str = "${username}"
    auth_ldap_dn_lookup_attribute: str = ""
    auth_ldap_dn_lookup_base: str = ""
    auth_ldap_dn_lookup_bind_dn: str = ""
    auth_ldap_dn_lookup_bind_password: str = field(default="", repr=False)
    auth_ldap_tag_groups: tuple[str, ...] = ()
    """`tag=group` each."""
    auth_ldap_vhost_groups: tuple[str, ...] = ()
    """`vhost=group` each."""
    auth_ldap_timeout: int = 10_000
    auth_oauth2_resource_server_id: str = ""
    auth_oauth2_issuer: str = ""
    auth_oauth2_jwks_url: str = ""
    auth_oauth2_signing_keys: tuple[str, ...] = ()
    """`name=file` each."""
    auth_oauth2_default_key: str = ""
    auth_oauth2_username_claims: tuple[str, ...] = ("sub", "client_id")
    auth_oauth2_additional_scopes_key: str = ""
    auth_oauth2_scope_prefix: str = ""
    auth_oauth2_scope_aliases: tuple[str, ...] = ()
    """`alias=scope scope` each."""
    auth_oauth2_verify_aud: bool = True
    auth_oauth2_algorithms: tuple[str, ...] = ()

    # TLS and what comes before it.
    tls_port: int = 0
    """0: none."""
    tls_listen: tuple[str, ...] = ()
    tls_certfile: Path | None = None
    tls_keyfile: Path | None = None
    tls_cafile: Path | None = None
    tls_names: tuple[str, ...] = ()
    """`host=certfile:keyfile` each."""
    tls_password: str = field(default="", repr=False)
    tls_verify: bool = False
    tls_require_certificate: bool = False
    tls_versions: tuple[str, ...] = TLS_VERSIONS
    tls_ciphers: str = ""
    tls_honor_cipher_order: bool = True
    tls_login_from: str = "distinguished_name"
    tls_login_san_type: str = "dns"
    tls_login_san_index: int = 0
    proxy_protocol: bool = False
    proxy_trusted: tuple[str, ...] = ()

    # The log.
    log_level: str = "info"
    log_file: Path | None = None
    log_format: str = "text"
    log_rotation_size: int = 10 * 1024 * 1024
    log_rotation_count: int = 5
    log_categories: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Option:
    """One row of the table."""

    name: str
    """As in the TOML file and, with two dashes, as a flag."""
    parse: Callable[[object], object]
    """Raises ValueError, whose text completes the sentence `port must be ...`."""
    help: str
    metavar: str = ""
    """Empty for a switch: its flag takes no value."""
    shown: str = ""
    """The default as one would write it, where that is not how Python does."""
    variables: tuple[str, ...] = ()
    """Environment variables of RabbitMQ (its own or its container's) that mean the same."""
    secret: bool = False
    """Never shown, and no flag: flags are in the list of processes."""

    @property
    def field(self) -> str:
        """The attribute of `Options`."""
        return self.name.replace("-", "_")

    @property
    def variable(self) -> str:
        """The environment variable."""
        return "LEVERET_" + self.field.upper()

    @property
    def default(self) -> object:
        """What holds when nobody says."""
        return getattr(DEFAULTS, self.field)


def _mechanism(value: object) -> str:
    return one_of(tuple(name.lower() for name in MECHANISMS))(value).upper()


DEFAULTS: Final = Options()

TABLE: Final = (
    Option("host", parse_host, "Address or host name to listen on.", "HOST", variables=("RABBITMQ_NODE_IP_ADDRESS",)),
    Option(
        "port",
        number(PORT_MAX),
        "Port for AMQP; 0 takes a free one and says which.",
        "PORT",
        variables=("RABBITMQ_NODE_PORT",),
    ),
    Option(
        "listen", words(parse_endpoint), "Where to listen instead of host and port: 127.0.0.1:5672,[::1]:5672.", "LIST"
    ),
    Option("management", parse_switch, "Whether there is a management interface."),
    Option("management-host", parse_text, "Address or host name for it; empty: that of AMQP.", "HOST"),
    Option("management-port", number(PORT_MAX), "Port for it; 0 takes a free one and says which.", "PORT"),
    Option(
        "management-tls-port", number(PORT_MAX), "Port for it over TLS, with the certificate of AMQP; 0: none.", "PORT"
    ),
    Option("management-path-prefix", parse_prefix, "What its paths begin with, behind a proxy.", "PATH"),
    Option(
        "management-login-session-timeout",
        number(U32_MAX // 60_000, 1),
        "How long one stays logged in, in minutes.",
        "MINUTES",
    ),
    Option(
        "management-cors-allow-origins",
        words(),
        "Other sites whose pages may call it; none, if empty.",
        "LIST",
    ),
    Option("management-cors-max-age", number(U32_MAX), "How long browsers remember that, in seconds.", "SECONDS"),
    Option("management-csp-policy", parse_text, "Its content security policy; empty: a strict one.", "TEXT"),
    Option("management-hsts-policy", parse_text, "Its Strict-Transport-Security header; empty: none.", "TEXT"),
    Option("metrics", parse_switch, "Whether Prometheus finds metrics on a port of their own."),
    Option("metrics-host", parse_text, "Address or host name for it; empty: that of AMQP.", "HOST"),
    Option("metrics-port", number(PORT_MAX), "That port; 0 takes a free one and says which.", "PORT"),
    Option("metrics-authentication", parse_switch, "Whether it asks for a login there (tag monitoring)."),
    Option("data-dir", parse_path, "Directory for everything that is kept.", "DIR"),
    Option("config", parse_path, "TOML file with these options.", "FILE"),
    Option(
        "rabbitmq-conf",
        parse_path,
        "File in the format of rabbitmq.conf, or a directory of such files.",
        "FILE",
        variables=("RABBITMQ_CONFIG_FILE",),
    ),
    Option("ephemeral", parse_switch, "Keep nothing: messages and definitions live in memory only."),
    Option(
        "durability",
        one_of(DURABILITIES),
        "When a message counts as kept: fsync (it is on disk) or os (the system has it).",
        "WORD",
    ),
    Option(
        "vm-memory-high-watermark",
        amount(1.0),
        "Payload that blocks publishers: a share of all memory, or a size.",
        "AMOUNT",
    ),
    Option(
        "disk-free-limit",
        amount(100.0),
        "Less free space blocks publishers: a size, or a share of all memory.",
        "AMOUNT",
        "50MB",
    ),
    Option("paging-budget", amount(1.0), "More payload leaves memory: a share of the watermark, or a size.", "AMOUNT"),
    Option("segment-size", parse_segment_size, "Size of one file of the log, at least 1MiB.", "SIZE", "16MiB"),
    Option("cluster-name", parse_text, "What the broker says it is called.", "NAME"),
    Option("load-definitions", parse_path, "Definition file that is imported at every start.", "FILE"),
    Option("connection-max", number(U32_MAX), "Connections of this node; 0: no limit.", "COUNT"),
    Option("channel-max", number(U16_MAX), "Channels per connection; 0: no limit.", "COUNT"),
    Option("channel-max-per-node", number(U32_MAX), "Channels of this node; 0: no limit.", "COUNT"),
    Option("consumer-max-per-channel", number(U32_MAX), "Consumers per channel.", "COUNT"),
    Option(
        "frame-max", parse_frame_max, "Size of one frame that is proposed to clients; 0: no limit.", "SIZE", "128KiB"
    ),
    Option("heartbeat", number(U16_MAX), "Seconds that are proposed to clients; 0: none.", "SECONDS"),
    Option("handshake-timeout", number(EXPIRY_MAX_MS, 1), "How long a client may take to log in, in ms.", "MS"),
    Option("max-message-size", parse_message_size, "The largest message, at most 512MiB.", "SIZE", "16MiB"),
    Option(
        "consumer-timeout",
        number(EXPIRY_MAX_MS),
        "How long a consumer may leave a message unacknowledged, in ms; 0: as long as it likes.",
        "MS",
    ),
    Option(
        "default-consumer-prefetch",
        number(PREFETCH_MAX),
        "Prefetch of consumers on channels without a basic.qos; 0: no limit.",
        "COUNT",
    ),
    Option(
        "auth-mechanisms",
        words(_mechanism),
        f"How clients may log in: {', '.join(MECHANISMS)}.",
        "LIST",
        "PLAIN,AMQPLAIN",
    ),
    Option("anonymous-login-user", parse_text, "Who logs in with ANONYMOUS.", "NAME"),
    Option("anonymous-login-pass", parse_text, "That user's password.", "TEXT", secret=True),
    Option("loopback-users", words(), "Users who may only come from this machine; none, if empty.", "LIST", "guest"),
    Option(
        "default-user",
        parse_text,
        "User that the first start makes; none, if empty.",
        "NAME",
        variables=("RABBITMQ_DEFAULT_USER",),
    ),
    Option(
        "default-pass",
        parse_text,
        "That user's password.",
        "TEXT",
        variables=("RABBITMQ_DEFAULT_PASS",),
        secret=True,
    ),
    Option(
        "default-vhost",
        parse_text,
        "Virtual host that the first start makes.",
        "NAME",
        variables=("RABBITMQ_DEFAULT_VHOST",),
    ),
    Option("default-user-tags", words(), "Tags of the first user.", "LIST", "administrator"),
    Option("default-permissions-configure", parse_text, "What the first user may configure.", "PATTERN"),
    Option("default-permissions-write", parse_text, "What the first user may write to.", "PATTERN"),
    Option("default-permissions-read", parse_text, "What the first user may read.", "PATTERN"),
    Option("password-hashing", one_of(HASHINGS), "How new passwords are kept.", "WORD"),
    Option("password-min-length", number(1000, 1), "How long new passwords have to be, in bytes.", "COUNT"),
    Option("password-pattern", parse_pattern, "What new passwords have to match; empty: nothing.", "PATTERN"),
    Option(
        "login-failures-max",
        number(U32_MAX),
        "Failed logins of one address in a minute, before it has to wait; 0: any number.",
        "COUNT",
    ),
    Option(
        "auth-backends",
        words(),
        "Who is asked about users: internal, http, ldap, oauth2, cache; of ldap:internal the second about rights.",
        "LIST",
        "internal",
    ),
    Option("auth-cache-backend", one_of(BACKENDS), "Whose answers the cache remembers.", "WORD"),
    Option("auth-cache-ttl", number(EXPIRY_MAX_MS, 1), "How long, in ms.", "MS"),
    Option("auth-http-method", one_of(("get", "post")), "How the HTTP service is asked.", "WORD"),
    Option("auth-http-user-path", parse_text, "Where it is asked about logins.", "URL"),
    Option("auth-http-vhost-path", parse_text, "Where it is asked about virtual hosts.", "URL"),
    Option("auth-http-resource-path", parse_text, "Where it is asked about queues and exchanges.", "URL"),
    Option("auth-http-topic-path", parse_text, "Where it is asked about routing keys.", "URL"),
    Option("auth-http-timeout", number(EXPIRY_MAX_MS, 1), "How long an answer may take, in ms.", "MS"),
    Option("auth-ldap-servers", words(), "LDAP servers, tried in order.", "LIST"),
    Option("auth-ldap-port", number(PORT_MAX), "Their port.", "PORT"),
    Option("auth-ldap-use-ssl", parse_switch, "Whether they speak TLS from the start."),
    Option("auth-ldap-use-starttls", parse_switch, "Whether they are asked to speak TLS."),
    Option("auth-ldap-cafile", parse_path, "Who signs their certificates, in PEM.", "FILE"),
    Option("auth-ldap-user-dn-pattern", parse_text, "What a user is called there.", "TEXT"),
    Option("auth-ldap-dn-lookup-attribute", parse_text, "Attribute by which users are looked up instead.", "NAME"),
    Option("auth-ldap-dn-lookup-base", parse_text, "Below which entry.", "DN"),
    Option("auth-ldap-dn-lookup-bind-dn", parse_text, "Who looks; anybody, if empty.", "DN"),
    Option("auth-ldap-dn-lookup-bind-password", parse_text, "The password of who looks.", "TEXT", secret=True),
    Option("auth-ldap-tag-groups", entries, "Groups whose members have a tag: tag=group;tag=group.", "LIST"),
    Option("auth-ldap-vhost-groups", entries, "Groups whose members may use a vhost: vhost=group;vhost=group.", "LIST"),
    Option("auth-ldap-timeout", number(EXPIRY_MAX_MS, 1), "How long an answer may take, in ms.", "MS"),
    Option("auth-oauth2-resource-server-id", parse_text, "What tokens are for: their audience.", "TEXT"),
    Option("auth-oauth2-issuer", parse_text, "Who makes tokens; it is asked where its keys are.", "URL"),
    Option("auth-oauth2-jwks-url", parse_text, "Where the keys are that tokens are signed with.", "URL"),
    Option("auth-oauth2-signing-keys", words(), "Keys in files: name=file.pem.", "LIST"),
    Option("auth-oauth2-default-key", parse_text, "The key of tokens that name none.", "NAME"),
    Option(
        "auth-oauth2-username-claims", words(), "The first claim that is there is the user.", "LIST", "sub,client_id"
    ),
    Option("auth-oauth2-additional-scopes-key", parse_text, "Another claim with scopes.", "NAME"),
    Option("auth-oauth2-scope-prefix", parse_text, "How our scopes begin; empty: the resource's id and a dot.", "TEXT"),
    Option("auth-oauth2-scope-aliases", words(), "Scopes that stand for others: alias=scope scope.", "LIST"),
    Option("auth-oauth2-verify-aud", parse_switch, "Whether tokens have to be for this resource."),
    Option("auth-oauth2-algorithms", words(), "How tokens may be signed; empty: any way that is safe.", "LIST"),
    Option("tls-port", number(PORT_MAX), "Port for AMQP over TLS; 0: none.", "PORT"),
    Option("tls-listen", words(parse_endpoint), "Where to listen for TLS instead of host and tls-port.", "LIST"),
    Option("tls-certfile", parse_path, "Certificate of the broker, with those that it needs, in PEM.", "FILE"),
    Option("tls-keyfile", parse_path, "The key of that certificate, in PEM.", "FILE"),
    Option(
        "tls-names",
        entries,
        "Other certificates, by the host that clients ask for (SNI): shop.example.com=shop.pem:shop.key;...",
        "LIST",
    ),
    Option("tls-cafile", parse_path, "Who signs the certificates of clients, in PEM.", "FILE"),
    Option("tls-password", parse_text, "The password of the key.", "TEXT", secret=True),
    Option("tls-verify", parse_switch, "Whether a certificate that a client shows has to be good."),
    Option("tls-require-certificate", parse_switch, "Whether a client has to show one."),
    Option("tls-versions", words(one_of(TLS_VERSIONS)), "Versions that are offered.", "LIST", "tlsv1.3,tlsv1.2"),
    Option("tls-ciphers", parse_text, "Ciphers for TLS 1.2, in OpenSSL's notation; empty: its own choice.", "TEXT"),
    Option("tls-honor-cipher-order", parse_switch, "Whether our order of ciphers counts, not the client's."),
    Option("tls-login-from", one_of(LOGIN_SOURCES), "What of a certificate is the user's name (EXTERNAL).", "WORD"),
    Option("tls-login-san-type", one_of(SAN_TYPES), "Which kind of alternative name.", "WORD"),
    Option("tls-login-san-index", number(1000), "Which of them, from 0.", "NUMBER"),
    Option("proxy-protocol", parse_switch, "Whether connections begin with a PROXY header."),
    Option("proxy-trusted", words(), "Networks from which PROXY headers are believed; all, if empty.", "LIST"),
    Option("log-level", one_of(LOG_LEVELS), f"How much to tell: {', '.join(LOG_LEVELS)}.", "LEVEL"),
    Option("log-file", parse_path, "File for the log, beside the console.", "FILE"),
    Option("log-format", one_of(("text", "json")), "How a line of the log looks: text or json.", "WORD"),
    Option("log-rotation-size", parse_size, "Size at which the file is put aside; 0: never.", "SIZE", "10MiB"),
    Option("log-rotation-count", number(10_000), "Files that were put aside and are kept.", "COUNT"),
    Option("log-categories", words(), "Other levels of some categories: connection=warning,queue=debug.", "LIST"),
)


_HIDDEN: Final = "********"


def shown(option: Option, value: object) -> str:
    """A value as one would write it; a secret is hidden."""
    if option.secret:
        return _HIDDEN if value else ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return "" if value is None else str(value)


def data_directory(options: Options) -> Path:
    """Where this broker keeps its data; nothing is made or touched."""
    if options.data_dir is not None:
        return options.data_dir
    import platformdirs  # only when nobody says: `serve --data-dir` starts without it

    return platformdirs.user_data_path("leveret", appauthor=False)
