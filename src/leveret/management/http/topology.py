"""Beyond RabbitMQ: where a message would go, and the whole of a virtual host as a graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...broker.exchange import Exchange
from ...broker.hops import hops
from ...limits import TOPOLOGY_EDGES_MAX, TOPOLOGY_NODES_MAX
from ...wire import Batch
from ...wire.properties import Properties, encode_properties
from ..exporting import plain_arguments
from ..importing import field_of
from ..statistics import EXCHANGE_STATS, LENGTHS, QUEUE_STATS
from .reply import Turns, bad_request, field, json, not_found, object_of

if TYPE_CHECKING:
    from starlette.responses import Response

    from ...broker.binding import Destination
    from ...broker.hops import Hop
    from ...broker.queue import Queue
    from ...broker.vhost import VHost
    from ..statistics import Statistics
    from .context import Call

_PUBLISHED = len(LENGTHS) + QUEUE_STATS.index("publish")
_DELIVERED = len(LENGTHS) + QUEUE_STATS.index("deliver_get")
_IN = EXCHANGE_STATS.index("publish_in")


async def route(call: Call) -> Response:
    """`{"exchange", "routing_key", "headers"}`: the way such a message would take, step by step; none is published."""
    vhost = await call.caller.vhost(call.part("vhost"))
    said = await object_of(call.request)
    name, key = field(said, "exchange", str, ""), field(said, "routing_key", str, "")
    exchange = vhost.router.exchanges.get("" if name == "amq.default" else name)
    if exchange is None:
        raise not_found()
    properties = Properties()
    try:
        properties.headers = {name: field_of(value) for name, value in field(said, "headers", dict, {}).items()}
        batch = Batch.build(call.broker.pool, [(exchange.name, key, encode_properties(properties), b"", False)])
    except (TypeError, ValueError) as error:
        raise bad_request(str(error)) from None
    steps, cut = await Turns().through(hops(vhost.router, exchange, batch, call.broker.randomness))
    queues = dict.fromkeys(one.destination.name for one in steps if one.destination.is_queue)
    return json({"queues": [*queues], "hops": [*map(_hop, steps)], "unroutable": not queues, "steps_cut": cut})


def _hop(one: Hop) -> dict[str, Any]:
    told = {"from": _end(one.source), "to": _end(one.destination)}
    if one.bindings:
        bindings = [{"routing_key": by.routing_key, "arguments": plain_arguments(by.arguments)} for by in one.bindings]
        return {**told, "reason": "binding", **bindings[0], "bindings": bindings}
    return {**told, "reason": "alternate-exchange" if one.is_alternate else "default", "bindings": []}


def _end(one: Destination) -> dict[str, Any]:
    if isinstance(one, Exchange):
        return {"type": "exchange", "name": one.name, "kind": one.type}
    return {"type": "queue", "name": one.name}


async def topology(call: Call) -> Response:
    """Exchanges and queues, and what leads from one to the other."""
    vhost = await call.caller.vhost(call.part("vhost"))
    turns, statistics = Turns(), call.node.statistics
    cut = len(vhost.router.exchanges) + len(vhost.queues) > TOPOLOGY_NODES_MAX
    exchanges = [*vhost.router.exchanges.values()][:TOPOLOGY_NODES_MAX]
    queues = [*vhost.queues.values()][: TOPOLOGY_NODES_MAX - len(exchanges)]
    nodes: list[dict[str, Any]] = []
    edges: list[dict[str, Any]] = []
    known = dict.fromkeys([*exchanges, *queues])
    for exchange in exchanges:
        nodes.append(_exchange_node(exchange, statistics))
        for binding in [*vhost.router.bindings_from(exchange)]:
            if binding.destination in known:
                told = {"routing_key": binding.routing_key, "arguments": plain_arguments(binding.arguments)}
                edges.append(_edge(exchange, binding.destination, "binding", statistics, **told))
            if len(edges) > TOPOLOGY_EDGES_MAX:
                break
            if turns.over:
                await turns.others()
        if turns.over:
            await turns.others()
        alternate = vhost.router.alternate_of(exchange)
        if alternate is not None and alternate in known:
            edges.append(_edge(exchange, alternate, "alternate", statistics))
    for queue in queues:
        nodes.append(_queue_node(queue, statistics))
        letters = _dead_letters(vhost, queue)
        if letters is not None and letters in known:
            edges.append(_edge(queue, letters, "dead-letter", statistics))
        if turns.over:
            await turns.others()
    cut = cut or len(edges) > TOPOLOGY_EDGES_MAX
    return json({"nodes": nodes, "edges": edges[:TOPOLOGY_EDGES_MAX], "cut": cut})


def _id(one: Destination) -> str:
    return f"{'queue' if one.is_queue else 'exchange'}:{one.name}"


def _exchange_node(one: Exchange, statistics: Statistics) -> dict[str, Any]:
    return {
        "id": _id(one),
        "type": "exchange",
        "name": one.name,
        "kind": one.type,
        "durable": one.durable,
        "internal": one.internal,
        "publish_in_rate": statistics.of(one).rate(_IN),
    }


def _queue_node(one: Queue, statistics: Statistics) -> dict[str, Any]:
    series = statistics.of(one)
    return {
        "id": _id(one),
        "type": "queue",
        "name": one.name,
        "durable": one.durable,
        "messages": one.message_count + one.unacked_count,
        "consumers": len(one.consumers),
        "paused": one.paused,
        "publish_rate": series.rate(_PUBLISHED),
        "deliver_rate": series.rate(_DELIVERED),
    }


def _edge(source: Destination, target: Destination, kind: str, statistics: Statistics, **told: Any) -> dict[str, Any]:
    """What comes to a queue is known per queue, not per binding: where several lead there it is their sum."""
    rate = statistics.of(target).rate(_PUBLISHED) if target.is_queue else None
    return {"source": _id(source), "target": _id(target), "kind": kind, "rate": rate, **told}


def _dead_letters(vhost: VHost, queue: Queue) -> Destination | None:
    """Where its dead letters go: through the default exchange that is a queue."""
    settings = queue.settings
    name = settings.dead_letter_exchange
    if name is None:
        return None
    if name == "" and settings.dead_letter_routing_key is not None:
        return vhost.queues.get(settings.dead_letter_routing_key)
    return vhost.router.exchanges.get(name)
