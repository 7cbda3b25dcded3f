"""Objects of the broker as RabbitMQ's API shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from ..broker.events import NODE
from .exporting import plain_arguments, queue_type

if TYPE_CHECKING:
    from ..access.accounts import Accounts
    from ..broker.binding import Binding
    from ..broker.broker import Broker
    from ..broker.consumer import Consumer
    from ..broker.exchange import Exchange
    from ..broker.policies import Policy
    from ..broker.queue import Queue
    from ..broker.vhost import VHost
    from ..wire.definitions import SetPermission, SetTopicPermission, SetUser

NODE_NAME: Final = f"rabbit@{NODE}"
"""Tools expect one of this form."""


def queue(one: Queue) -> dict[str, Any]:
    """A queue."""
    arguments = plain_arguments(one.arguments)
    ready, unacked = one.message_count, one.unacked_count
    size = one.message_bytes
    return {
        "name": one.name,
        "vhost": one.vhost,
        "durable": one.durable,
        "auto_delete": one.auto_delete,
        "exclusive": one.exclusive,
        "arguments": arguments,
        "type": queue_type(arguments),
        "node": NODE_NAME,
        "state": "running",
        "messages": ready + unacked,
        "messages_ready": ready,
        "messages_unacknowledged": unacked,
        "message_bytes": size,
        "message_bytes_ready": size,
        "consumers": len(one.consumers),
        "consumer_capacity": 1.0 if one.ring else 0.0,
        "consumer_utilisation": 1.0 if one.ring else 0.0,
        "policy": None if one.policy is None else one.policy.name,
        "operator_policy": None if one.operator_policy is None else one.operator_policy.name,
        "effective_policy_definition": _in_effect(one),
        "exclusive_consumer_tag": next((each.tag for each in one.consumers if each.exclusive), None),
        "single_active_consumer_tag": None,
        "message_stats": {
            "publish": one.published,
            "deliver_get": one.delivered,
            "ack": one.acknowledged,
        },
        "memory": size,
    }


def _in_effect(one: Queue | Exchange) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for policy in (one.policy, one.operator_policy):
        if policy is not None:
            found |= policy.op.definition
    return found


def exchange(one: Exchange) -> dict[str, Any]:
    """An exchange."""
    return {
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


def default_binding(one: Queue) -> dict[str, Any]:
    """What every queue has from the start."""
    return {
        "source": "",
        "vhost": one.vhost,
        "destination": one.name,
        "destination_type": "queue",
        "routing_key": one.name,
        "arguments": {},
        "properties_key": quote(one.name, safe=""),
    }


def properties_key(one: Binding) -> str:
    """What tells a binding from others between the same two."""
    if not one.arguments:
        return quote(one.routing_key, safe="") if one.routing_key else "~"
    return f"{quote(one.routing_key, safe='')}~{quote(one.arguments.raw.hex(), safe='')}"


def consumer(one: Consumer) -> dict[str, Any]:
    """A consumer."""
    assert one.queue is not None
    origin = one.channel.origin
    return {
        "consumer_tag": one.tag,
        "queue": {"name": one.queue.name, "vhost": one.queue.vhost},
        "exclusive": one.exclusive,
        "ack_required": not one.no_ack,
        "prefetch_count": one.prefetch,
        "active": True,
        "activity_status": "up",
        "arguments": plain_arguments(one.arguments),
        "channel_details": {
            "name": f"{origin.connection} ({origin.channel})",
            "number": origin.channel,
            "connection_name": origin.connection,
            "user": origin.user,
            "node": NODE_NAME,
        },
    }


def vhost(one: VHost, broker: Broker) -> dict[str, Any]:
    """A virtual host."""
    said = one.definition
    ready = sum(each.message_count for each in one.queues.values())
    unacked = sum(each.unacked_count for each in one.queues.values())
    default_type = said.default_queue_type or "classic"
    return {
        "name": one.name,
        "description": said.description,
        "tags": [*said.tags],
        "default_queue_type": default_type,
        "protected_from_deletion": said.protected,
        "metadata": {"description": said.description, "tags": [*said.tags], "default_queue_type": default_type},
        "tracing": one.tracer is not None,
        "cluster_state": {NODE_NAME: "stopping" if one.closing else "running"},
        "messages": ready + unacked,
        "messages_ready": ready,
        "messages_unacknowledged": unacked,
        "connections": broker.connections.count(one.name),
        "queues": len(one.queues),
    }


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
