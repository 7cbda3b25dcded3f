"""Objects of the broker as RabbitMQ's API shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote_plus

from ..broker.binding import Binding
from ..broker.events import NODE
from .exporting import plain_arguments, queue_type
from .statistics import EXCHANGE_STATS, LENGTHS, QUEUE_STATS, STATS, exchange_stats, lengths, queue_stats

if TYPE_CHECKING:
    from ..access.accounts import Accounts
    from ..broker.connections import Connections
    from ..broker.consumer import Consumer
    from ..broker.exchange import Exchange
    from ..broker.policies import Policy
    from ..broker.queue import Queue
    from ..broker.vhost import VHost
    from ..wire.definitions import SetPermission, SetTopicPermission, SetUser
    from .statistics import View

NODE_NAME: Final = f"rabbit@{NODE}"
"""Tools expect one of this form."""


def queue(one: Queue, view: View) -> dict[str, Any]:
    """A queue."""
    arguments = plain_arguments(one.arguments)
    values = lengths(one)
    ready, unacked = one.message_bytes, one.unacked_bytes
    paged_out = one.paged_out_count
    active = one.active_consumer
    told = {
        "name": one.name,
        "vhost": one.vhost,
        "durable": one.durable,
        "auto_delete": one.auto_delete,
        "exclusive": one.exclusive,
        "arguments": arguments,
        "type": queue_type(arguments),
        "node": NODE_NAME,
        "state": "running",
        "paused": one.paused,
        "consumers": len(one.consumers),
        "consumer_capacity": 1.0 if one.ring else 0.0,
        "consumer_utilisation": 1.0 if one.ring else 0.0,
        "policy": None if one.policy is None else one.policy.name,
        "operator_policy": None if one.operator_policy is None else one.operator_policy.name,
        "effective_policy_definition": _in_effect(one),
        "exclusive_consumer_tag": next((each.tag for each in one.consumers if each.exclusive), None),
        "single_active_consumer_tag": None if active is None else active.tag,
        "messages_paged_out": paged_out,
        "messages_ram": values[0] - paged_out,
        "messages_ready_ram": values[1] - paged_out,
        "messages_unacknowledged_ram": values[2],
        "message_bytes": ready + unacked,
        "message_bytes_ready": ready,
        "message_bytes_unacknowledged": unacked,
        "memory": ready + unacked,
        "storage_version": 2,
        **view.lengths_of(one, values),
    }
    stats = view.stats_of(one, QUEUE_STATS, queue_stats(one), len(LENGTHS))
    if stats:
        told["message_stats"] = stats
    return told


def one_queue(one: Queue, view: View, connections: Connections) -> dict[str, Any]:
    """A queue alone: with its consumers, and whose it is."""
    told = queue(one, view) | {
        "consumer_details": [consumer(each) for each in one.consumers],
        "deliveries": [],
        "incoming": [],
    }
    if one.owner is not None:
        owner = next((each for each in connections.of_vhost(one.vhost) if each is one.owner), None)
        about = {} if owner is None else owner.describe()
        if about:
            told["owner_pid_details"] = {name: about[name] for name in ("name", "peer_host", "peer_port")}
    return told


def _in_effect(one: Queue | Exchange) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for policy in (one.policy, one.operator_policy):
        if policy is not None:
            found |= policy.op.definition
    return found


def exchange(one: Exchange, view: View) -> dict[str, Any]:
    """An exchange; what was published to it, if there was anything."""
    told = {
        "name": one.name,
        "vhost": one.vhost,
        "type": one.type,
        "durable": one.durable,
        "auto_delete": one.auto_delete,
        "internal": one.internal,
        "arguments": plain_arguments(one.arguments),
        "policy": None if one.policy is None else one.policy.name,
        "user_who_performed_action": "",
    }
    if stats := view.stats_of(one, EXCHANGE_STATS, exchange_stats(one), 0):
        told["message_stats"] = stats
    return told


def binding(one: Binding) -> dict[str, Any]:
    """A binding."""
    return {
        "source": one.source.name,
        "vhost": one.source.vhost,
        "destination": one.destination.name,
        "destination_type": one.destination_type,
        "routing_key": one.routing_key,
        "arguments": plain_arguments(one.arguments),
        "properties_key": properties_key(one),
    }


def any_binding(one: Binding | Queue) -> dict[str, Any]:
    """A binding; of a queue: that which it has from the start."""
    return binding(one) if isinstance(one, Binding) else default_binding(one)


def default_binding(one: Queue) -> dict[str, Any]:
    """What every queue has from the start."""
    return {
        "source": "",
        "vhost": one.vhost,
        "destination": one.name,
        "destination_type": "queue",
        "routing_key": one.name,
        "arguments": {},
        "properties_key": _quoted(one.name),
    }


def properties_key(one: Binding) -> str:
    """What tells a binding from others between the same two."""
    key = _quoted(one.routing_key)
    return f"{key}~{one.arguments.raw.hex()}" if one.arguments else key or "~"


def _quoted(key: str) -> str:
    return quote_plus(key).replace("~", "%7E")


def consumer(one: Consumer, timeout_ms: int = 0) -> dict[str, Any]:
    """A consumer; how long it may take for a message, with what the node says (0: any time)."""
    assert one.queue is not None
    limits = (timeout_ms, one.timeout_ms, one.queue.settings.consumer_timeout_ms)
    origin = one.channel.origin
    host, port = _peer(origin.connection)
    is_single = one.queue.settings.single_active_consumer
    is_active = not is_single or one is one.queue.active_consumer
    return {
        "consumer_tag": one.tag,
        "queue": {"name": one.queue.name, "vhost": one.queue.vhost},
        "exclusive": one.exclusive,
        "ack_required": not one.no_ack,
        "prefetch_count": one.prefetch,
        "consumer_timeout": min((limit for limit in limits if limit), default=0),
        "active": is_active,
        "activity_status": "up" if not is_single else "single_active" if is_active else "waiting",
        "arguments": plain_arguments(one.arguments),
        "channel_details": {
            "name": f"{origin.connection} ({origin.channel})",
            "number": origin.channel,
            "connection_name": origin.connection,
            "peer_host": host,
            "peer_port": port,
            "user": origin.user,
            "node": NODE_NAME,
        },
    }


def _peer(connection: str) -> tuple[str, int]:
    """Where a connection of this name comes from."""
    host, _, port = connection.partition(" -> ")[0].rpartition(":")
    return host, int(port) if port.isdecimal() else 0


def vhost(one: VHost, view: View) -> dict[str, Any]:
    """A virtual host, with its figures of the last sample: to sum them up takes long where there are many queues."""
    said = one.definition
    default_type = said.default_queue_type or "classic"
    sampled = view.statistics.of(one).newest
    values = sampled or (0,) * (len(LENGTHS) + len(STATS))
    told = {
        "name": one.name,
        "description": said.description,
        "tags": [*said.tags],
        "default_queue_type": default_type,
        "protected_from_deletion": said.protected,
        "metadata": {"description": said.description, "tags": [*said.tags], "default_queue_type": default_type},
        "tracing": one.tracer is not None,
        "cluster_state": {NODE_NAME: "stopping" if one.closing else "running"},
        **view.lengths_of(one, values),
    }
    stats = view.stats_of(one, STATS, values[len(LENGTHS) :], len(LENGTHS))
    if stats:
        told["message_stats"] = stats
    return told


def user(one: SetUser, accounts: Accounts) -> dict[str, Any]:
    """A user; its hash only for who may have it."""
    return {
        "name": one.name,
        "password_hash": one.password_hash,
        "hashing_algorithm": one.hashing,
        "tags": [*one.tags],
        "limits": {**accounts.limits(one.name)},
    }


def permission(one: SetPermission) -> dict[str, Any]:
    """What a user may do in a virtual host."""
    return {
        "user": one.user,
        "vhost": one.vhost,
        "configure": one.configure,
        "write": one.write,
        "read": one.read,
    }


def topic_permission(one: SetTopicPermission) -> dict[str, Any]:
    """Which routing keys a user may use."""
    return {
        "user": one.user,
        "vhost": one.vhost,
        "exchange": one.exchange,
        "write": one.write,
        "read": one.read,
    }


def policy(one: Policy) -> dict[str, Any]:
    """A policy, or an operator policy."""
    op = one.op
    return {
        "vhost": op.vhost,
        "name": op.name,
        "pattern": op.pattern,
        "apply-to": op.apply_to,
        "definition": op.definition,
        "priority": op.priority,
    }
