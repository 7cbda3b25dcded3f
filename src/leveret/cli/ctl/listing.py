"""Commands that list."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import click

from .api import UNAVAILABLE, Failed, NotThere
from .command import Ctl, Handler, argument, command, option

Item = str | Callable[[dict[str, Any]], Any]


def _at(path: str) -> Callable[[dict[str, Any]], Any]:
    def find(one: Any) -> Any:
        for name in path.split("."):
            one = one.get(name) if isinstance(one, dict) else None
        return one

    return find


def _items(*names: str, **others: Item) -> dict[str, Item]:
    return {name: name for name in names} | others


QUEUE: Final = _items(
    "name", "durable", "auto_delete", "arguments", "exclusive", "messages_ready", "messages_unacknowledged", "messages",
    "messages_ready_ram", "messages_unacknowledged_ram", "messages_ram", "message_bytes", "message_bytes_ready",
    "message_bytes_unacknowledged", "consumers", "consumer_utilisation", "consumer_capacity", "memory", "state", "type",
    "policy", "operator_policy", "effective_policy_definition", "exclusive_consumer_tag", "single_active_consumer_tag",
    "paused", "vhost",
    pid="name", owner_pid=_at("owner_pid_details.name"),
)  # fmt: skip
QUEUE_DEFAULT: Final = "name messages"
EXCHANGE: Final = _items("name", "type", "durable", "auto_delete", "internal", "arguments", "policy", "vhost")
EXCHANGE_DEFAULT: Final = "name type"
BINDING: Final = _items(
    "routing_key", "arguments", "vhost",
    source_name="source", source_kind=lambda _: "exchange", destination_name="destination",
    destination_kind="destination_type",
)  # fmt: skip
BINDING_DEFAULT: Final = "source_name source_kind destination_name destination_kind routing_key arguments"
CONNECTION: Final = _items(
    "name", "user", "vhost", "protocol", "state", "host", "port", "peer_host", "peer_port", "ssl", "ssl_protocol",
    "ssl_cipher", "peer_cert_subject", "peer_cert_issuer", "peer_cert_validity", "auth_mechanism", "channel_max",
    "frame_max", "timeout", "channels", "client_properties", "connected_at", "recv_oct", "send_oct", "send_pend",
    "node",
    pid="name",
)  # fmt: skip
CONNECTION_DEFAULT: Final = "user peer_host peer_port state"
CHANNEL: Final = _items(
    "name", "number", "user", "vhost", "state", "consumer_count", "prefetch_count", "global_prefetch_count", "confirm",
    "transactional", "messages_unacknowledged", "messages_unconfirmed", "messages_uncommitted", "acks_uncommitted",
    pid="name", connection=_at("connection_details.name"),
)  # fmt: skip
CHANNEL_DEFAULT: Final = "pid user consumer_count messages_unacknowledged"
CONSUMER: Final = _items(
    "consumer_tag", "ack_required", "prefetch_count", "active", "arguments", "exclusive", "activity_status",
    queue_name=_at("queue.name"), channel_pid=_at("channel_details.name"),
)  # fmt: skip
CONSUMER_DEFAULT: Final = "queue_name channel_pid consumer_tag ack_required prefetch_count active arguments"
VHOST: Final = _items(
    "name", "description", "tags", "default_queue_type", "tracing", "cluster_state", "protected_from_deletion",
    "messages",
)  # fmt: skip
VHOST_DEFAULT: Final = "name"
FLAG: Final = _items("name", "state", "stability", "provided_by", "desc", "doc_url")
FLAG_DEFAULT: Final = "name state"


def _list(
    ctl: Ctl, found: Sequence[dict[str, Any]], items: Mapping[str, Item], columns: Sequence[str], default: str
) -> None:
    wanted = [name for column in columns for name in column.split(",") if name] or default.split()
    ctl.show(wanted, [[_value(one, items[name]) for name in wanted] for one in found])


def _value(one: dict[str, Any], item: Item) -> Any:
    return one.get(item) if isinstance(item, str) else item(one)


def _listing(group: str, items: Mapping[str, Item], default: str) -> Callable[[Handler], Handler]:
    """A command that takes the columns that are wanted; its help, and shells, know which there are."""

    def complete(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
        return [name for name in items if name.startswith(incomplete)]

    epilog = f"Columns: {', '.join(sorted(items))}. Without any: {', '.join(default.split())}."
    return command(group, argument("columns", nargs=-1, shell_complete=complete), epilog=epilog)


def _require(items: Mapping[str, Item], columns: Sequence[str]) -> None:
    unknown = [name for column in columns for name in column.split(",") if name and name not in items]
    if unknown:
        known = ", ".join(sorted(items))
        raise click.UsageError(f"Info key(s) {','.join(unknown)} are not supported; there are {known}")


def _in_vhost(ctl: Ctl, what: str) -> list[dict[str, Any]]:
    """Of a virtual host; of one that is not there nothing, as with rabbitmqctl."""
    try:
        found: list[dict[str, Any]] = ctl.api.get(what, ctl.vhost)
    except NotThere:
        return []
    return found


@_listing("Observability", QUEUE, QUEUE_DEFAULT)
def list_queues(ctl: Ctl, columns: tuple[str, ...]) -> None:
    """Lists queues and their properties."""
    _require(QUEUE, columns)
    ctl.say(f"Timeout: {ctl.timeout_s:.1f} seconds ...\nListing queues for vhost {ctl.vhost} ...")
    _list(ctl, _in_vhost(ctl, "queues"), QUEUE, columns, QUEUE_DEFAULT)


@_listing("Observability", EXCHANGE, EXCHANGE_DEFAULT)
def list_exchanges(ctl: Ctl, columns: tuple[str, ...]) -> None:
    """Lists exchanges."""
    _require(EXCHANGE, columns)
    ctl.say(f"Listing exchanges for vhost {ctl.vhost} ...")
    _list(ctl, _in_vhost(ctl, "exchanges"), EXCHANGE, columns, EXCHANGE_DEFAULT)


@_listing("Observability", BINDING, BINDING_DEFAULT)
def list_bindings(ctl: Ctl, columns: tuple[str, ...]) -> None:
    """Lists all bindings of a virtual host."""
    _require(BINDING, columns)
    ctl.say(f"Listing bindings for vhost {ctl.vhost}...")
    _list(ctl, _in_vhost(ctl, "bindings"), BINDING, columns, BINDING_DEFAULT)


@_listing("Observability", CONNECTION, CONNECTION_DEFAULT)
def list_connections(ctl: Ctl, columns: tuple[str, ...]) -> None:
    """Lists connections of the node."""
    _require(CONNECTION, columns)
    ctl.say("Listing connections ...")
    _list(ctl, ctl.api.get("connections"), CONNECTION, columns, CONNECTION_DEFAULT)


@_listing("Observability", CHANNEL, CHANNEL_DEFAULT)
def list_channels(ctl: Ctl, columns: tuple[str, ...]) -> None:
    """Lists all channels of the node."""
    _require(CHANNEL, columns)
    ctl.say("Listing channels ...")
    _list(ctl, ctl.api.get("channels"), CHANNEL, columns, CHANNEL_DEFAULT)


@_listing("Observability", CONSUMER, CONSUMER_DEFAULT)
def list_consumers(ctl: Ctl, columns: tuple[str, ...]) -> None:
    """Lists all consumers of a virtual host."""
    _require(CONSUMER, columns)
    ctl.say(f"Listing consumers in vhost {ctl.vhost} ...")
    _list(ctl, _in_vhost(ctl, "consumers"), CONSUMER, columns, CONSUMER_DEFAULT)


@command("Observability")
def list_unresponsive_queues(ctl: Ctl) -> None:
    """Lists queues that do not answer: there are none here."""
    ctl.say(f"Listing unresponsive queues for vhost {ctl.vhost} ...")
    ctl.show(["name"], [])


@_listing("Virtual hosts", VHOST, VHOST_DEFAULT)
def list_vhosts(ctl: Ctl, columns: tuple[str, ...]) -> None:
    """Lists virtual hosts."""
    _require(VHOST, columns)
    ctl.say("Listing vhosts ...")
    _list(ctl, ctl.api.get("vhosts"), VHOST, columns, VHOST_DEFAULT)


@command("Users")
def list_users(ctl: Ctl) -> None:
    """Lists users and their tags."""
    ctl.say("Listing users ...")
    ctl.show(["user", "tags"], [[one["name"], one["tags"]] for one in ctl.api.get("users")])


_PERMISSIONS: Final = ("configure", "write", "read")
_TOPICS: Final = ("exchange", "write", "read")


@command("Access control")
def list_permissions(ctl: Ctl) -> None:
    """Lists what users may do in a virtual host."""
    ctl.say(f'Listing permissions for vhost "{ctl.vhost}" ...')
    _permissions(ctl, "user", _PERMISSIONS, "vhosts", ctl.vhost, "permissions")


@command("Access control", argument("username"))
def list_user_permissions(ctl: Ctl, username: str) -> None:
    """Lists what a user may do, by virtual host."""
    ctl.say(f'Listing permissions for user "{username}" ...')
    _permissions(ctl, "vhost", _PERMISSIONS, "users", username, "permissions")


@command("Access control")
def list_topic_permissions(ctl: Ctl) -> None:
    """Lists which routing keys users may use in a virtual host."""
    ctl.say(f'Listing topic permissions for vhost "{ctl.vhost}" ...')
    _permissions(ctl, "user", _TOPICS, "vhosts", ctl.vhost, "topic-permissions")


@command("Access control", argument("username"))
def list_user_topic_permissions(ctl: Ctl, username: str) -> None:
    """Lists which routing keys a user may use, by virtual host."""
    ctl.say(f'Listing topic permissions for user "{username}" ...')
    _permissions(ctl, "vhost", _TOPICS, "users", username, "topic-permissions")


def _permissions(ctl: Ctl, whose: str, fields: Sequence[str], *parts: str) -> None:
    columns = [whose, *fields]
    try:
        found = ctl.api.get(*parts)
    except NotThere:
        kind = "user" if parts[0] == "users" else "vhost"
        raise Failed(f'{{:no_such_{kind}, "{parts[1]}"}}', UNAVAILABLE) from None
    ctl.show(columns, [[one[name] for name in columns] for one in found])


@command("Policies")
def list_policies(ctl: Ctl) -> None:
    """Lists the policies of a virtual host."""
    ctl.say(f'Listing policies for vhost "{ctl.vhost}" ...')
    _policies(ctl, "policies")


@command("Policies")
def list_operator_policies(ctl: Ctl) -> None:
    """Lists the operator policies of a virtual host."""
    ctl.say(f'Listing operator policy overrides for vhost "{ctl.vhost}" ...')
    _policies(ctl, "operator-policies")


def _policies(ctl: Ctl, kind: str) -> None:
    columns = ["vhost", "name", "pattern", "apply-to", "definition", "priority"]
    rows = [[compact(one[name]) for name in columns] for one in _in_vhost(ctl, kind)]
    ctl.show(columns, rows)


def compact(value: Any) -> Any:
    """Objects are shown as JSON."""
    if isinstance(value, dict | list) or value is None:
        return json.dumps(value, separators=(",", ":"))
    return value


@command("Parameters")
def list_parameters(ctl: Ctl) -> None:
    """Lists the runtime parameters of a virtual host."""
    ctl.say(f'Listing runtime parameters for vhost "{ctl.vhost}" ...')
    columns = ["component", "name", "value"]
    own = ("vhost-limits", "operator_policy")  # which have lists of their own
    found = [one for one in ctl.api.get("parameters") if one["vhost"] == ctl.vhost and one["component"] not in own]
    ctl.show(
        columns, [[one["component"], one["name"], json.dumps(one["value"], separators=(",", ":"))] for one in found]
    )


@command("Parameters")
def list_global_parameters(ctl: Ctl) -> None:
    """Lists global runtime parameters."""
    ctl.say("Listing global runtime parameters ...")
    found = ctl.api.get("global-parameters")
    ctl.show(["name", "value"], [[one["name"], json.dumps(one["value"], separators=(",", ":"))] for one in found])


@command("Virtual hosts", option("--global", "everywhere", is_flag=True, help="Of all virtual hosts."))
def list_vhost_limits(ctl: Ctl, everywhere: bool) -> None:
    """Lists the limits of a virtual host."""
    if everywhere:
        ctl.say("Listing limits for all vhosts ...")
        ctl.show(["vhost", "limits"], [[one["vhost"], compact(one["value"])] for one in ctl.api.get("vhost-limits")])
        return
    ctl.say(f'Listing limits for vhost "{ctl.vhost}" ...')
    for one in _in_vhost(ctl, "vhost-limits"):
        print(compact(one["value"]))


@command(
    "Users",
    option("--user", help="Whose limits."),
    option("--global", "everywhere", is_flag=True, help="Of all users."),
)
def list_user_limits(ctl: Ctl, user: str | None, everywhere: bool) -> None:
    """Lists the limits of a user."""
    if everywhere:
        ctl.say("Listing limits for all users ...")
        ctl.show(["user", "limits"], [[one["user"], compact(one["value"])] for one in ctl.api.get("user-limits")])
        return
    user = user or "guest"
    ctl.say(f'Listing limits for user "{user}" ...')
    found = ctl.api.get("user-limits", user)
    print(compact(found[0]["value"]) if found else "{}")


@_listing("Feature flags", FLAG, FLAG_DEFAULT)
def list_feature_flags(ctl: Ctl, columns: tuple[str, ...]) -> None:
    """Lists feature flags."""
    _require(FLAG, columns)
    ctl.say("Listing feature flags ...")
    _list(ctl, ctl.api.get("feature-flags"), FLAG, columns, FLAG_DEFAULT)


@command("Feature flags")
def list_deprecated_features(ctl: Ctl) -> None:
    """Lists deprecated features: there are none."""
    ctl.say("Listing deprecated features ...")
    ctl.show(["name", "state"], [])


@command("Configuration and environment")
def list_hashes(ctl: Ctl) -> None:
    """Lists how passwords may be kept."""
    ctl.say("Listing supported hash algorithms ...")
    ctl.show(["algorithm"], [["argon2id"], ["rabbit_password_hashing_sha256"], ["rabbit_password_hashing_sha512"]])


@command("Configuration and environment")
def list_ciphers(ctl: Ctl) -> None:
    """Lists the ciphers of TLS that this machine has."""
    import ssl

    ctl.say("Listing ciphers ...")
    ctl.show(["cipher"], [[one["name"]] for one in ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).get_ciphers()])
