"""Metrics in Prometheus' text format, with RabbitMQ's names (RabbitMQ page "Monitoring with Prometheus").

The text is written here and not by Prometheus' client: that makes all of it at once, which for 10,000 queues would
hold up everything else for half a second. Figures of queues are taken once, and written family by family.
"""

from __future__ import annotations

import os
import platform
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Final

from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from ... import __version__
from ...broker.counts import AT_MOST_ONCE, DISABLED
from ...broker.deaths import DELIVERY_LIMIT, EXPIRED, MAXLEN, REJECTED
from ..definitions import RABBITMQ_VERSION
from ..describe import NODE_NAME
from ..statistics import LENGTHS, STATS, sum_up
from .caller import MONITORING, log_in
from .families import (
    ALARMS,
    CHANNEL,
    CHANNEL_DELIVERED,
    CHANNEL_PUBLISHED,
    CHURN,
    CONNECTION,
    CONNECTION_COARSE,
    COUNTER,
    GAUGE,
    GLOBAL,
    GLOBAL_QUEUE,
    NODE,
    OF_CHANNELS,
    OF_CONNECTIONS,
    OF_EXCHANGES,
    OF_QUEUES,
    QUEUE,
    QUEUE_COARSE,
    QUEUE_CONSUMERS,
    QUEUE_DELIVERY,
    QUEUE_PUBLISHED,
    TOTALS,
    Family,
)
from .reply import TOO_SLOW, Turns, bad_request, searching

if TYPE_CHECKING:
    from starlette.requests import Request

    from ...broker.queue import Queue
    from .caller import Managed

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_CHUNK: Final = 64 * 1024
_STATS: Final = {name: len(LENGTHS) + index for index, name in enumerate(STATS)}
_CLASSIC: Final = "rabbit_classic_queue"
_PROTOCOL: Final = "amqp091"

Figures = Mapping[str, float]


_DEATHS: Final = {
    "rejected": (REJECTED, "Total number of messages dead-lettered due to basic.reject or basic.nack"),
    "expired": (EXPIRED, "Total number of messages dead-lettered due to message TTL exceeded"),
    "maxlen": (MAXLEN, "Total number of messages dead-lettered due to overflow drop-head or reject-publish-dlx"),
    "delivery_limit": (DELIVERY_LIMIT, "Total number of messages dead-lettered due to delivery-limit exceeded"),
}


# The text


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def labels(**said: str) -> str:
    """`{name="value",...}`"""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in said.items()) + "}" if said else ""


def _head(prefix: str, name: str, kind: str, help: str) -> str:
    return f"# TYPE {prefix}{name} {kind}\n# HELP {prefix}{name} {help}\n"


class _Text:
    """What is written, in pieces; others have their turn between."""

    def __init__(self, prefix: str = "rabbitmq_") -> None:
        self._prefix = prefix
        self._turns = Turns()
        self._parts: list[str] = []
        self._size = 0

    def add(self, name: str, kind: str, help: str, samples: Iterable[tuple[str, float]], prefix: str = "") -> None:
        """One metric: labels and value of each sample."""
        prefix = prefix or self._prefix
        self._put(_head(prefix, name, kind, help))
        for of, value in samples:
            self._put(f"{prefix}{name}{of} {value}\n")

    def families(self, families: Iterable[Family], figures: Figures, of: str = "") -> None:
        """Metrics of one thing."""
        for one in families:
            self.add(one.name, one.kind, one.help, [(of, figures[one.figure])])

    async def objects(self, families: Iterable[Family], objects: list[tuple[str, Figures]]) -> AsyncIterator[bytes]:
        """Metrics of many: labels and figures of each."""
        for one in families:
            self._put(_head(self._prefix, one.name, one.kind, one.help))
            for of, figures in objects:
                self._put(f"{self._prefix}{one.name}{of} {figures[one.figure]}\n")
                if self._size > _CHUNK:
                    yield self.taken()
                if self._turns.over:
                    await self._turns.others()

    def _put(self, text: str) -> None:
        self._parts.append(text)
        self._size += len(text)

    def taken(self) -> bytes:
        """What is written so far, once."""
        text = "".join(self._parts)
        self._parts, self._size = [], 0
        return text.encode()


# Figures


def _of_queue(one: Queue) -> Figures:
    ready, unacked, counts = one.message_count, one.unacked_count, one.counts
    ready_bytes, unacked_bytes, paged_out = one.message_bytes, one.unacked_bytes, one.paged_out_count
    return {
        "ready": ready,
        "unacked": unacked,
        "messages": ready + unacked,
        "consumers": len(one.consumers),
        "capacity": 1 if one.ring else 0,
        "ready_bytes": ready_bytes,
        "unacked_bytes": unacked_bytes,
        "bytes": ready_bytes + unacked_bytes,
        "paged_out": paged_out,
        "ready_ram": ready - paged_out,
        "ram": ready + unacked - paged_out,
        "published": one.published,
        **{name: getattr(counts, name) for name in counts.__slots__},
    }


class Metrics:
    """Those of a node."""

    def __init__(self, node: Managed, authenticated: bool) -> None:
        """`authenticated`: only for who may log in and see everything."""
        self._node = node
        self._authenticated = authenticated

    def routes(self, prefix: str = "") -> list[Route]:
        """Where they are."""
        paths: dict[str, Callable[[Request], Awaitable[Response]]] = {
            "": self._aggregated,
            "/per-object": self._per_object,
            "/detailed": self._detailed,
            "/memory-breakdown": self._memory,
        }
        return [
            Route(f"{prefix}/metrics{path}", self._guarded(serve), methods=["GET"]) for path, serve in paths.items()
        ]

    def _guarded(self, serve: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        async def guarded(request: Request) -> Response:
            if self._authenticated:
                (await log_in(request, self._node)).require(MONITORING)
            return await serve(request)

        return guarded

    # -- what there is -------------------------------------------------------------------------------------------

    async def _queues(
        self, turns: Turns, vhosts: set[str] | None = None, matches: Callable[[str], bool] | None = None
    ) -> list[tuple[str, Figures]]:
        found = []
        for vhost in [*self._node.brain.vhosts.values()]:
            if vhosts is not None and vhost.name not in vhosts:
                continue
            for queue in [*vhost.queues.values()]:
                if matches is None or matches(queue.name):
                    found.append((labels(vhost=queue.vhost, queue=queue.name), _of_queue(queue)))
                if turns.over:
                    await turns.others()
        return found

    async def _connections(self, turns: Turns) -> tuple[list[tuple[str, Figures]], list[tuple[str, Figures]]]:
        """Connections, and channels."""
        connections: list[tuple[str, Figures]] = []
        channels: list[tuple[str, Figures]] = []
        for one in self._node.brain.connections.all():
            received, sent = one.traffic()
            described, counted = one.describe_channels(), one.channel_counts()
            figures = {"received": received, "sent": sent, "channels": len(described)}
            connections.append((labels(connection=one.name), figures))
            for channel in described:
                counts = counted.get(channel["name"])
                names = STATS[:-1]
                stats = {name: 0 if counts is None else getattr(counts, name) for name in names}
                channels.append((labels(channel=channel["name"]), {**channel, **stats}))
            if turns.over:
                await turns.others()
        return connections, channels

    async def _whole(self, turns: Turns) -> dict[str, float]:
        """Sums over everything."""
        broker = self._node.brain
        values = await turns.through(sum_up([*broker.vhosts.values()]))
        whole: dict[str, float] = {name: values[index] for name, index in _STATS.items()}
        received, sent = broker.connections.gone_traffic
        publishers = 0
        for one in broker.connections.all():
            more_received, more_sent = one.traffic()
            received, sent = received + more_received, sent + more_sent
            publishers += sum(counts.publish > 0 for counts in one.channel_counts().values())
            if turns.over:
                await turns.others()
        whole |= {"received": received, "sent": sent, "publishers": publishers}
        whole |= {"connections": len(broker.connections), "channels": broker.connections.channels}
        whole["routed"] = whole["publish"] - whole["drop_unroutable"] - whole["return_unroutable"]
        whole["queues"] = sum(len(one.queues) for one in broker.vhosts.values())
        return whole

    # -- the pages -----------------------------------------------------------------------------------------------

    def _node_families(self, text: _Text) -> None:
        node, churn = self._node, self._node.brain.churn
        text.families(ALARMS, {"none": 0, "disk": int(node.brain.alarms.disk), "memory": int(node.brain.alarms.memory)})
        text.families(CHURN, {name: getattr(churn, name) for name in churn.__slots__})
        limit, alarms = node.machine.file_limit, node.brain.alarms
        more = {
            "fd_total": limit,
            "mem_limit": alarms.memory_limit or 0,
            "disk_free_limit": alarms.disk_free_limit or 0,
        }
        text.families(NODE, {**node.machine.figures(), **more})
        self._logins(text)

    def _logins(self, text: _Text) -> None:
        http, every = self._node.logins, self._node.access
        counts = {
            "attempts_total": (http.attempts, every.attempts - http.attempts, "authorization attempts"),
            "attempts_succeeded_total": (
                http.attempts - http.failures,
                every.attempts - every.failures - http.attempts + http.failures,
                "successful authentication attempts",
            ),
            "attempts_failed_total": (http.failures, every.failures - http.failures, "failed authentication attempts"),
        }
        for name, (of_http, of_amqp, what) in counts.items():
            samples = [(labels(protocol="http"), of_http), (labels(protocol=_PROTOCOL), of_amqp)]
            text.add(f"auth_{name}", COUNTER, f"Total number of {what}", samples)

    def _identity(self, text: _Text) -> None:
        build = labels(
            rabbitmq_version=RABBITMQ_VERSION,
            prometheus_plugin_version=RABBITMQ_VERSION,
            prometheus_client_version="",
            erlang_version="",
            product_name="Leveret",
            product_version=__version__,
        )
        text.add("build_info", "untyped", "RabbitMQ & Erlang/OTP version info", [(build, 1)], "rabbitmq_")
        name = self._node.cluster_name
        identity = labels(rabbitmq_node=NODE_NAME, rabbitmq_cluster=name, rabbitmq_cluster_permanent_id="leveret")
        text.add("identity_info", "untyped", "RabbitMQ node & cluster identity info", [(identity, 1)], "rabbitmq_")

    def _own(self, text: _Text) -> None:
        """What RabbitMQ has not."""
        turns = self._node.turns
        lengths = [(labels(quantile=f"{share}"), turns.quantile_us(share) / 1e6) for share in (0.5, 0.99, 0.999)]
        text.add("turn_seconds", GAUGE, "How long a turn of the event loop took", lengths, "leveret_")
        text.add("turn_max_seconds", GAUGE, "The longest turn so far", [("", turns.max_us / 1e6)], "leveret_")
        text.add("turns_total", COUNTER, "Turns so far", [("", turns.count)], "leveret_")
        payload = self._node.brain.pool.allocated
        text.add("payload_bytes", GAUGE, "Payload of messages in memory", [("", payload)], "leveret_")
        text.add(
            "process_start_time_seconds", GAUGE, "When it started", [("", self._node.machine.started_s)], "leveret_"
        )
        version = labels(version=platform.python_version(), processors=str(os.cpu_count() or 1))
        text.add("python_info", GAUGE, "What it runs on", [(version, 1)], "leveret_")

    def _globals(self, text: _Text, whole: Figures) -> None:
        text.families(GLOBAL, whole, labels(protocol=_PROTOCOL))
        text.families(GLOBAL_QUEUE, whole, labels(protocol=_PROTOCOL, queue_type=_CLASSIC))
        deaths = self._node.brain.deaths
        for name, (reason, help) in _DEATHS.items():
            samples = [
                (labels(queue_type=_CLASSIC, dead_letter_strategy=strategy), deaths.of(reason, strategy))
                for strategy in (AT_MOST_ONCE, DISABLED)
            ]
            text.add(f"global_messages_dead_lettered_{name}_total", COUNTER, help, samples)

    async def _aggregated(self, request: Request) -> Response:
        text, turns = _Text(), Turns()
        whole = await self._whole(turns)
        sums: dict[str, float] = {}
        for _, figures in await self._queues(turns):
            for name, value in figures.items():
                sums[name] = sums.get(name, 0) + value
            if turns.over:
                await turns.others()
        _, channels = await self._connections(turns)
        of_channels = {one.figure: sum(figures[one.figure] for _, figures in channels) for one in CHANNEL}
        consumers = int(sums.get("consumers", 0))
        empty = dict.fromkeys([one.figure for one in (*QUEUE_COARSE, *QUEUE_CONSUMERS, *QUEUE, *QUEUE_PUBLISHED)], 0)
        whole = {**empty, **sums, **whole, "consumers": consumers}
        self._node_families(text)
        # Counts of what is gone are in `whole`: sums of counters never go down.
        text.families((*QUEUE_COARSE, *QUEUE_CONSUMERS, *QUEUE, *QUEUE_PUBLISHED), whole)
        text.families(CHANNEL, of_channels)
        text.families((*CHANNEL_PUBLISHED, *CHANNEL_DELIVERED), whole)
        text.families(CONNECTION_COARSE, whole)
        text.families(CONNECTION, whole)
        text.families(TOTALS, whole)
        self._identity(text)
        self._globals(text, whole)
        self._own(text)
        return Response(text.taken(), media_type=CONTENT_TYPE)

    async def _per_object(self, request: Request) -> Response:
        return StreamingResponse(self._stream_objects(), media_type=CONTENT_TYPE)

    async def _stream_objects(self) -> AsyncIterator[bytes]:
        text, turns = _Text(), Turns()
        whole = await self._whole(turns)
        self._node_families(text)
        queues = await self._queues(turns)
        whole["consumers"] = sum(figures["consumers"] for _, figures in queues)
        connections, channels = await self._connections(turns)
        for families, objects in (
            ((*QUEUE_COARSE, *QUEUE_CONSUMERS, *QUEUE, *QUEUE_DELIVERY, *QUEUE_PUBLISHED), queues),
            ((*CHANNEL, *CHANNEL_PUBLISHED, *CHANNEL_DELIVERED), channels),
            ((*CONNECTION_COARSE, *CONNECTION), connections),
        ):
            async for part in text.objects(families, objects):
                yield part
        text.families(TOTALS, whole)
        self._identity(text)
        self._globals(text, whole)
        self._own(text)
        yield text.taken()

    async def _detailed(self, request: Request) -> Response:
        query = request.query_params
        wanted = query.getlist("family")
        vhosts = {*query.getlist("vhost")} or None
        pattern = query.get("queue")
        matches = None if not pattern else searching(pattern)
        families = [*dict.fromkeys(one for name in wanted for one in OF_QUEUES.get(name, ()))]
        try:
            queues = await self._queues(Turns(), vhosts, matches) if families else []
        except TimeoutError:
            raise bad_request(TOO_SLOW) from None
        stream = self._stream_detailed(wanted, vhosts, families, queues)
        return StreamingResponse(stream, media_type=CONTENT_TYPE)

    async def _stream_detailed(
        self,
        wanted: list[str],
        vhosts: set[str] | None,
        of_queues: list[Family],
        queues: list[tuple[str, Figures]],
    ) -> AsyncIterator[bytes]:
        text, turns = _Text("rabbitmq_detailed_"), Turns()
        if {"connection_churn_metrics", "node_coarse_metrics", "node_metrics", "auth_attempt_metrics"} & {*wanted}:
            self._node_families(text)
        async for part in text.objects(of_queues, queues):
            yield part
        of_channels = [*dict.fromkeys(one for name in wanted for one in OF_CHANNELS.get(name, ()))]
        of_connections = [*dict.fromkeys(one for name in wanted for one in OF_CONNECTIONS.get(name, ()))]
        if of_channels or of_connections:
            connections, channels = await self._connections(turns)
            async for part in text.objects(of_channels, channels):
                yield part
            async for part in text.objects(of_connections, connections):
                yield part
        async for part in self._of_cluster({*wanted}, vhosts):
            yield part
        self._identity(text)
        yield text.taken()

    async def _of_cluster(self, wanted: set[str], vhosts: set[str] | None) -> AsyncIterator[bytes]:
        text = _Text("rabbitmq_cluster_")
        found = [one for one in self._node.brain.vhosts.values() if vhosts is None or one.name in vhosts]
        if "vhost_status" in wanted:
            samples = [(labels(vhost=one.name), float(not one.closing)) for one in found]
            text.add("vhost_status", GAUGE, "Whether a given vhost is running", samples)
        families = [one for name, one in OF_EXCHANGES.items() if name in wanted]
        if families:
            turns = Turns()
            exchanges: list[tuple[str, Figures]] = []
            for vhost in found:
                for one in [*vhost.router.exchanges.values()]:
                    if one.name and vhost.router.exchanges.get(one.name) is one:
                        figures = {"bindings": len(vhost.router.bindings_from(one)), "there": 1}
                        exchanges.append((labels(vhost=vhost.name, exchange=one.name, type=one.type), figures))
                    if turns.over:
                        await turns.others()
            async for part in text.objects(families, exchanges):
                yield part
        yield text.taken()

    async def _memory(self, request: Request) -> Response:
        text, figures, payload = _Text(), self._node.machine.figures(), self._node.brain.pool.allocated
        rest = max(figures["mem_used"] - payload, 0)
        text.add("memory_binary_bytes", GAUGE, "Payload of messages", [("", payload)])
        text.add("memory_other_system_bytes", GAUGE, "Everything else", [("", rest)])
        return Response(text.taken(), media_type=CONTENT_TYPE)
