"""The whole: overview, the node, names, and whether all is well."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING, Any, Final

from ... import __version__
from ...broker.exchange import EXCHANGE_TYPES
from ..definitions import RABBITMQ_VERSION
from ..describe import NODE_NAME
from .caller import ADMINISTRATOR, MONITORING
from .reply import bad_request, done, field, json, not_found, object_of

if TYPE_CHECKING:
    from starlette.responses import Response

    from .context import Call

CLUSTER_NAME: Final = "cluster_name"


def _cluster_name(call: Call) -> str:
    found = call.broker.parameters.get("", "", CLUSTER_NAME)
    return found if isinstance(found, str) else "leveret@localhost"


async def overview(call: Call) -> Response:
    """Sums over what the caller may look at."""
    vhosts = await call.caller.vhosts()
    queues = [queue for vhost in vhosts for queue in vhost.queues.values()]
    ready, unacked = sum(one.message_count for one in queues), sum(one.unacked_count for one in queues)
    consumers = sum(len(one.consumers) for one in queues)
    connections = call.broker.connections
    return json(
        {
            "management_version": RABBITMQ_VERSION,
            "rabbitmq_version": RABBITMQ_VERSION,
            "product_name": "Leveret",
            "product_version": __version__,
            "erlang_version": "",
            "erlang_full_version": f"Python {platform.python_version()}",
            "rates_mode": "basic",
            "cluster_name": _cluster_name(call),
            "node": NODE_NAME,
            "disable_stats": False,
            "enable_queue_totals": False,
            "is_op_policy_updating_enabled": True,
            "exchange_types": [
                {"name": name, "description": (kind.__doc__ or "").strip().splitlines()[0], "enabled": True}
                for name, kind in EXCHANGE_TYPES.items()
            ],
            "object_totals": {
                "channels": connections.channels,
                "connections": len(connections),
                "consumers": consumers,
                "exchanges": sum(len(one.router.exchanges) for one in vhosts),
                "queues": len(queues),
            },
            "queue_totals": {
                "messages": ready + unacked,
                "messages_ready": ready,
                "messages_unacknowledged": unacked,
            },
            "message_stats": {
                "publish": sum(one.published for one in queues),
                "deliver_get": sum(one.delivered for one in queues),
                "ack": sum(one.acknowledged for one in queues),
            },
            "listeners": [],
            "contexts": [],
        }
    )


def _node(call: Call) -> dict[str, Any]:
    alarms = call.broker.alarms
    return {
        "name": NODE_NAME,
        "type": "disc",
        "running": True,
        "mem_used": call.broker.pool.allocated,
        "mem_alarm": alarms.memory,
        "disk_free_alarm": alarms.disk,
        "partitions": [],
        "being_drained": False,
        "rates_mode": "basic",
        "applications": [],
        "enabled_plugins": [],
    }


async def list_nodes(call: Call) -> Response:
    """There is one."""
    call.caller.require(MONITORING)
    return json([_node(call)])


async def get_node(call: Call) -> Response:
    """It."""
    call.caller.require(MONITORING)
    if call.part("node") != NODE_NAME:
        raise not_found()
    return json(_node(call))


async def get_cluster_name(call: Call) -> Response:
    """What the broker is called."""
    return json({"name": _cluster_name(call)})


async def put_cluster_name(call: Call) -> Response:
    """`{"name": ...}`"""
    from ...wire.definitions import SetParameter

    call.caller.require(ADMINISTRATOR)
    name = field(await object_of(call.request), "name", str)
    if not name:
        raise bad_request("name is empty")
    await call.durable(call.broker.commit(SetParameter("", "", CLUSTER_NAME, name)))
    return done()


async def version(call: Call) -> Response:
    """Of RabbitMQ, whose work this does, and our own."""
    return json({"version": RABBITMQ_VERSION, "product": "Leveret", "product_version": __version__})


async def extensions(call: Call) -> Response:
    """RabbitMQ's user interface asks for its own."""
    return json([])


async def nothing(call: Call) -> Response:
    """A list of what there is none of here."""
    return json([])


# Health


async def check_alarms(call: Call) -> Response:
    """200 while no alarm is set, 503 otherwise."""
    alarms = call.broker.alarms
    names = [name for name, is_set in (("memory", alarms.memory), ("disk", alarms.disk)) if is_set]
    if not names:
        return json({"status": "ok"})
    told = [{"node": NODE_NAME, "resource": name} for name in names]
    return json({"status": "failed", "reason": "resource alarm(s) in effect", "alarms": told}, 503)


async def check_virtual_hosts(call: Call) -> Response:
    """200 while all of them can be used."""
    closing = [one.name for one in call.broker.vhosts.values() if one.closing]
    if closing:
        reason = "Some virtual hosts are down"
        return json({"status": "failed", "reason": reason, "virtual-hosts": closing}, 503)
    return json({"status": "ok"})


async def check_well(call: Call) -> Response:
    """What cannot be otherwise on one node that answers."""
    return json({"status": "ok"})


async def aliveness(call: Call) -> Response:
    """RabbitMQ's old test: a virtual host can be used."""
    vhost = await call.caller.vhost(call.part("vhost"))
    await call.caller.rights(vhost.name)
    return json({"status": "ok"})
