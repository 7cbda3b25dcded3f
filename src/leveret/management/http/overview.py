"""The whole: overview, the node, names, and whether all is well."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING, Final

from ... import __version__
from ...broker.parameters import CLUSTER_NAME, require_parameter
from ...limits import LISTEN_BACKLOG
from ...wire.definitions import SetParameter
from ..definitions import RABBITMQ_VERSION
from ..describe import NODE_NAME
from ..statistics import ALL, CHURN, CHURNED, LENGTHS, STATS, churn, sum_up
from .caller import ADMINISTRATOR, MONITORING
from .machine import exchange_types
from .reply import Turns, bad_request, done, field, json, not_found, number_in, object_of, shown

if TYPE_CHECKING:
    from starlette.responses import Response

    from .context import Call

_FEATURES: Final = {
    "classic_queue_type_delivery_support": "Delivery of messages of classic queues",
    "direct_exchange_routing_v2": "Direct exchanges find their queues at once",
    "feature_flags_v2": "Feature flags",
    "listener_records_in_ets": "Listeners are known",
    "tracking_records_in_ets": "Connections are known",
    "user_limits": "Limits of connections and channels of a user",
    "virtual_host_metadata": "Virtual hosts have a description and tags",
}
"""Names of RabbitMQ's for what is here."""


async def overview(call: Call) -> Response:
    """Sums over what the caller may look at; rates only for who sees all."""
    vhosts, view, broker, node = await call.caller.vhosts(), call.view, call.broker, call.node
    values = await Turns().through(sum_up(vhosts))
    connections = broker.connections
    everything = call.caller.sees_all
    key = ALL if everything else None
    visible = len(connections) if everything else len(connections.of_user(call.caller.user.name))
    listeners = [
        {
            "node": NODE_NAME,
            "protocol": one.protocol,
            "ip_address": one.host,
            "port": one.port,
            "socket_opts": {"backlog": LISTEN_BACKLOG, "nodelay": True, "ip": one.host, "port": one.port},
        }
        for one in node.listening
    ]
    return json(
        {
            "management_version": RABBITMQ_VERSION,
            "rabbitmq_version": RABBITMQ_VERSION,
            "product_name": "Leveret",
            "product_version": __version__,
            "erlang_version": "",
            "erlang_full_version": f"Python {platform.python_version()}",
            "rates_mode": "basic",
            "sample_retention_policies": {"global": [600], "basic": [600], "detailed": [600]},
            "cluster_name": node.cluster_name,
            "cluster_tags": {},
            "node": NODE_NAME,
            "node_tags": {},
            "disable_stats": False,
            "enable_queue_totals": False,
            "is_op_policy_updating_enabled": True,
            "statistics_db_event_queue": 0,
            "exchange_types": exchange_types(),
            "object_totals": {
                "channels": connections.channels if everything else 0,
                "connections": visible,
                "consumers": sum(len(queue.consumers) for vhost in vhosts for queue in vhost.queues.values()),
                "exchanges": sum(len(one.router.exchanges) for one in vhosts),
                "queues": sum(len(one.queues) for one in vhosts),
            },
            "queue_totals": view.lengths_of(key, values),
            "message_stats": view.stats_of(key, STATS, values[len(LENGTHS) :], len(LENGTHS)),
            "churn_rates": view.data_of(CHURNED, CHURN, churn(broker.churn)) if everything else {},
            "listeners": listeners if everything else [],
            "contexts": [
                {
                    "node": NODE_NAME,
                    "description": "Leveret management",
                    "path": "/",
                    "port": str(one.port),
                    "ip": one.host,
                    "ssl_opts": [],
                }
                for one in node.listening
                if everything and one.protocol in ("http", "https")
            ],
        }
    )


async def list_nodes(call: Call) -> Response:
    """There is one."""
    call.caller.require(MONITORING)
    return json([call.node.machine.describe(call.view)])


async def get_node(call: Call) -> Response:
    """It."""
    _require_node(call)
    return json(call.node.machine.describe(call.view))


def _require_node(call: Call) -> None:
    call.caller.require(MONITORING)
    if call.part("node") != NODE_NAME:
        raise not_found()


_PARTS: Final = (
    *("connection_readers", "connection_writers", "connection_channels", "connection_other"),
    *(
        "queue_procs",
        "quorum_queue_procs",
        "quorum_queue_dlx_procs",
        "stream_queue_procs",
        "stream_queue_replica_reader_procs",
    ),
    *("stream_queue_coordinator_procs", "plugins", "metadata_store", "other_proc", "metrics", "mgmt_db", "mnesia"),
    *("quorum_ets", "metadata_store_ets", "other_ets", "binary", "msg_index", "code", "atom", "other_system"),
    *("allocated_unused", "reserved_unallocated"),
)
"""RabbitMQ's parts of the memory: clients look for all of them."""


async def get_memory(call: Call) -> Response:
    """Where the memory of the process is, as far as that is known: payload, and the rest."""
    _require_node(call)
    figures, payload = call.node.machine.figures(), call.broker.pool.allocated
    rss = max(figures["mem_used"], payload)
    parts = dict.fromkeys(_PARTS, 0) | {"binary": payload, "other_system": rss - payload}
    if call.request.url.path.endswith("/relative"):
        return json({"memory": {name: round(100 * size / rss) for name, size in parts.items()} | {"total": 100}})
    total = {"erlang": rss, "rss": rss, "allocated": rss}
    return json({"memory": parts | {"total": total, "strategy": "rss"}})


async def get_cluster_name(call: Call) -> Response:
    """What the broker is called."""
    return json({"name": call.node.cluster_name})


async def put_cluster_name(call: Call) -> Response:
    """`{"name": ...}`"""
    call.caller.require(ADMINISTRATOR)
    name = field(await object_of(call.request), "name", str)
    if not name:
        raise bad_request("name is empty")
    op = SetParameter("", "", CLUSTER_NAME, name)
    require_parameter(op)
    await call.durable(call.broker.commit(op))
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


async def effective_config(call: Call) -> Response:
    """Options as they are in effect; secrets are hidden."""
    call.caller.require(ADMINISTRATOR)
    return json(call.node.effective())


async def list_feature_flags(call: Call) -> Response:
    """What RabbitMQ's clients may look for and is here, always on."""
    call.caller.require(MONITORING)
    return json(
        [
            {
                "name": name,
                "desc": about,
                "doc_url": "",
                "state": "enabled",
                "stability": "required",
                "provided_by": "leveret",
            }
            for name, about in _FEATURES.items()
        ]
    )


async def enable_feature_flag(call: Call) -> Response:
    """All are on already."""
    call.caller.require(ADMINISTRATOR)
    if call.part("name") not in (*_FEATURES, "all"):
        raise bad_request(f"Feature flag {call.part('name')} is not supported")
    return done()


async def rebalance(call: Call) -> Response:
    """One node has all there is: nothing to move."""
    call.caller.require(ADMINISTRATOR)
    return done()


async def reset(call: Call) -> Response:
    """Forget the samples."""
    call.caller.require(ADMINISTRATOR)
    if "node" in call.request.path_params:
        _require_node(call)
    call.node.statistics.forget()
    return done()


async def attempts(call: Call) -> Response:
    """Attempts to log in are not counted by source; GET an empty list, DELETE is nothing."""
    call.caller.require(ADMINISTRATOR)
    _require_node(call)
    return done() if call.request.method == "DELETE" else json([])


# Health

_UNITS: Final = {"days": 1, "weeks": 7, "months": 30, "years": 365}


def _failed(reason: str, **more: object) -> Response:
    return json({"status": "failed", "reason": reason, **more}, 503)


async def check_alarms(call: Call) -> Response:
    """200 while no alarm is set, 503 otherwise."""
    resources = call.broker.alarms.resources
    if not resources:
        return json({"status": "ok"})
    told = [{"node": NODE_NAME, "resource": name} for name in resources]
    return _failed("There are alarms in effect in the cluster", alarms=told)


async def check_virtual_hosts(call: Call) -> Response:
    """200 while all of them can be used."""
    closing = [one.name for one in call.broker.vhosts.values() if one.closing]
    if closing:
        return _failed("Some virtual hosts are down", **{"virtual-hosts": closing})
    return json({"status": "ok"})


async def check_port_listener(call: Call) -> Response:
    """200 when something listens there."""
    port = number_in(call.part("port"), "port")
    ports = [one.port for one in call.node.listening]
    if port in ports:
        return json({"status": "ok", "port": port})
    return _failed("No active listener", missing=port, ports=ports)


async def check_protocol_listener(call: Call) -> Response:
    """200 when one of these protocols is listened for."""
    wanted = call.part("protocols").split(",")
    protocols = sorted({one.protocol for one in call.node.listening})
    names = {"amqp091": "amqp", "amqp0.9.1": "amqp", "amqp10": "amqp", "amqps": "amqp/ssl"}
    for one in wanted:
        if names.get(one.lower(), one.lower()) in protocols:
            return json({"status": "ok", "protocol": one})
    return _failed("No active listener", missing=wanted if len(wanted) > 1 else wanted[0], protocols=protocols)


async def check_certificates(call: Call) -> Response:
    """503 when a certificate of a listener ends within this time."""
    within, unit = number_in(call.part("within"), "time"), call.part("unit")
    if unit not in _UNITS:
        raise bad_request(f"Invalid unit: {shown(unit)}")
    end_s = call.node.clock.wall_ms() / 1000 + within * _UNITS[unit] * 86_400
    ending = {str(file): until for file, until in call.node.certificates_until().items() if until < end_s}
    if ending:
        told = [{"node": NODE_NAME, "certfile": file, "certfile_expires_on": until} for file, until in ending.items()]
        return _failed("Certificates expiring", expired=told)
    return json({"status": "ok"})


async def check_connection_limit(call: Call) -> Response:
    """503 when there are as many connections as there may be."""
    connections = call.broker.connections
    limit, count = connections.open_max, len(connections)
    if limit is not None and count >= limit:
        return _failed("node connection limit is reached", limit=limit, connections=count)
    return json({"status": "ok", "limit": "infinity" if limit is None else limit, "connections": count})


async def check_ready(call: Call) -> Response:
    """What answers serves clients, unless nothing may be published."""
    if call.broker.alarms.short:
        return await check_alarms(call)
    return json({"status": "ok"})


async def check_alone(call: Call) -> Response:
    """Of a node without others nothing depends on a majority."""
    return json({"status": "ok", "reason": "single node cluster"})


async def check_well(call: Call) -> Response:
    """What cannot be otherwise on one node that answers."""
    return json({"status": "ok"})


async def check_leaders(call: Call) -> Response:
    """Of no quorum queue the leader is missing: there are none."""
    await call.caller.vhost(call.part("vhost"))
    return json({"status": "ok"})


async def aliveness(call: Call) -> Response:
    """RabbitMQ's old test: a message goes through a queue of this virtual host."""
    vhost = await call.caller.vhost(call.part("vhost"))
    rights = await call.caller.rights(vhost.name)
    await call.allowed(lambda: vhost.declare_queue("aliveness-test", rights=rights))
    return json({"status": "ok"})
