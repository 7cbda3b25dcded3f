"""The HTTP API beside RabbitMQ's: the same things are made in both, then every GET must have the same fields of the
same types, and every change the same status.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import quote

import httpx
import pika
import pytest

from ..process import BrokerProcess
from .rabbitmq import SERVER, RabbitMQ

PATIENCE_S: Final = 30.0

MAKING: Final[list[tuple[str, str, Any]]] = [
    ("PUT", "vhosts/hats", {"description": "d", "tags": "a,b"}),
    ("PUT", "vhosts/hats", {}),
    ("PUT", "users/ann", {"password": "ann", "tags": "monitoring"}),
    ("PUT", "users/ann", {"password": "ann", "tags": "monitoring"}),
    ("PUT", "users/bob", {"password": "bob"}),
    ("PUT", "permissions/hats/ann", {"configure": ".*", "write": ".*", "read": ".*"}),
    ("PUT", "permissions/hats/nobody", {"configure": ".*", "write": ".*", "read": ".*"}),
    ("PUT", "permissions/hats/ann", {"configure": ".*"}),
    ("PUT", "topic-permissions/hats/ann", {"exchange": "amq.topic", "write": ".*", "read": ".*"}),
    ("PUT", "exchanges/%2F/x", {"type": "topic", "durable": True}),
    ("PUT", "exchanges/%2F/x", {"type": "topic", "durable": True}),
    ("PUT", "exchanges/%2F/x", {"type": "direct", "durable": True}),
    ("PUT", "exchanges/%2F/y", {"type": "no such"}),
    ("PUT", "exchanges/%2F/y", {"type": "headers", "auto_delete": True, "internal": True}),
    ("PUT", "queues/%2F/q", {"durable": True, "arguments": {"x-max-length": 100}}),
    ("PUT", "queues/%2F/q", {"durable": True, "arguments": {"x-max-length": 100}}),
    ("PUT", "queues/%2F/q", {"durable": False}),
    ("PUT", "queues/%2F/a%2Fb", {"durable": True}),
    ("PUT", "queues/nowhere/q", {}),
    ("POST", "bindings/%2F/e/x/q/q", {"routing_key": "a.#"}),
    ("POST", "bindings/%2F/e/x/q/q", {"routing_key": "k", "arguments": {"a": 1}}),
    ("POST", "bindings/%2F/e/x/e/amq.fanout", {"routing_key": "f"}),
    ("POST", "bindings/%2F/e/x/q/nobody", {"routing_key": "f"}),
    ("PUT", "policies/%2F/p", {"pattern": "^q$", "definition": {"max-length": 50}, "apply-to": "queues"}),
    ("PUT", "policies/%2F/p", {"pattern": "^q$", "definition": {"max-length": 50}, "apply-to": "queues"}),
    ("PUT", "policies/%2F/r", {"pattern": "^q$", "definition": {"no-such-key": 50}}),
    ("PUT", "operator-policies/%2F/o", {"pattern": "^q$", "definition": {"max-length": 60}, "apply-to": "queues"}),
    ("PUT", "vhost-limits/hats/max-queues", {"value": 100}),
    ("PUT", "vhost-limits/hats/max-hats", {"value": 100}),
    ("PUT", "user-limits/ann/max-channels", {"value": 100}),
    ("PUT", "global-parameters/g", {"value": {"a": 1}}),
    (
        "POST",
        "exchanges/%2F/x/publish",
        {"properties": {}, "routing_key": "a.b", "payload": "x", "payload_encoding": "string"},
    ),
    (
        "POST",
        "exchanges/%2F/x/publish",
        {"properties": {}, "routing_key": "z", "payload": "x", "payload_encoding": "string"},
    ),
    ("POST", "exchanges/%2F/x/publish", {"routing_key": "z"}),
    (
        "POST",
        "exchanges/%2F/no/publish",
        {"properties": {}, "routing_key": "z", "payload": "x", "payload_encoding": "string"},
    ),
    ("POST", "queues/%2F/q/get", {"count": 1, "ackmode": "ack_requeue_true", "encoding": "auto"}),
    ("POST", "queues/%2F/q/get", {"count": 1, "ackmode": "no such", "encoding": "auto"}),
    ("POST", "queues/%2F/no/get", {"count": 1, "ackmode": "ack_requeue_true", "encoding": "auto"}),
    ("DELETE", "queues/%2F/no", None),
    ("DELETE", "exchanges/%2F/amq.direct", None),
    ("DELETE", "policies/%2F/no", None),
    ("DELETE", "permissions/%2F/no", None),
    ("DELETE", "users/no", None),
    ("DELETE", "queues/%2F/q?if-empty=true", None),
    ("DELETE", "exchanges/%2F/x?if-unused=true", None),
    ("POST", "definitions", {"queues": [{"name": "z", "vhost": "nowhere", "durable": True}]}),
    ("GET", "queues/%2F/no", None),
    ("GET", "no/such/path", None),
    ("GET", "queues?page=7", None),
]
"""Method, path, body."""

STATUSES: Final[dict[tuple[str, str], str]] = {
    ("POST", "exchanges/%2F/no/publish"): "404, as for any other object that is not there, not 400",
    ("POST", "queues/%2F/q/get no such"): "400 with a reason, not 500",
}
"""Where another status is right, and why."""

LOOKED_AT: Final = [
    "overview",
    "cluster-name",
    "nodes",
    "extensions",
    "definitions",
    "definitions/%2F",
    "connections",
    "connections/{connection}",
    "connections/{connection}/channels",
    "channels",
    "channels/{channel}",
    "vhosts/%2F/connections",
    "vhosts/%2F/channels",
    "consumers",
    "consumers/%2F",
    "exchanges",
    "exchanges/%2F",
    "exchanges/%2F/x",
    "exchanges/%2F/x/bindings/source",
    "exchanges/%2F/amq.fanout/bindings/destination",
    "queues",
    "queues/%2F",
    "queues/%2F/q",
    "queues/%2F/q/bindings",
    "queues?page=1&page_size=1",
    "queues/%2F/q?lengths_age=60&lengths_incr=5&msg_rates_age=60&msg_rates_incr=5",
    "bindings",
    "bindings/%2F/e/x/q/q",
    "bindings/%2F/e/x/q/q/k~xyz",
    "bindings/%2F/e/x/q/q/a.%23",
    "vhosts",
    "vhosts/hats",
    "vhosts/hats/permissions",
    "vhosts/hats/topic-permissions",
    "users",
    "users/ann",
    "users/ann/permissions",
    "users/ann/topic-permissions",
    "users/without-permissions",
    "user-limits",
    "vhost-limits",
    "permissions",
    "permissions/hats/ann",
    "topic-permissions/hats/ann",
    "parameters",
    "global-parameters",
    "global-parameters/g",
    "policies",
    "policies/%2F/p",
    "operator-policies",
    "operator-policies/%2F/o",
    "whoami",
    "aliveness-test/%2F",
    "health/checks/alarms",
    "health/checks/local-alarms",
    "health/checks/virtual-hosts",
    "health/checks/node-is-quorum-critical",
    "health/checks/port-listener/{port}",
    "health/checks/port-listener/1",
    "health/checks/protocol-listener/amqp091",
    "health/checks/certificate-expiration/1/weeks",
    "feature-flags",
    "nodes/{node}/memory",
]

ERLANG: Final = "of the Erlang machine"
DETAILED: Final = "figures are not kept for pairs of objects"
UNKNOWN: Final = "not counted"
OLD: Final = "gone from RabbitMQ 4"
LEFT_OUT: Final[dict[str, str]] = {
    "reductions": ERLANG,
    "reductions_details": ERLANG,
    "garbage_collection": ERLANG,
    "gc_num": ERLANG,
    "gc_bytes_reclaimed": ERLANG,
    "context_switches": ERLANG,
    "metrics_gc_queue_length": ERLANG,
    "ra_open_file_metrics": ERLANG,
    "pending_raft_commands": ERLANG,
    "mnesia_ram_tx_count": ERLANG,
    "mnesia_disk_tx_count": ERLANG,
    "backing_queue_status": OLD,
    "recoverable_slaves": OLD,
    "definitions/%2F parameters[] vhost": OLD,
    "definitions/%2F policies[] vhost": OLD,
    "queue_slave_procs": OLD,
    "quorum_queue_dlx_procs": ERLANG,
    "release_series_support_status": OLD,
    "io_": UNKNOWN,
    "msg_store_": UNKNOWN,
    "queue_index_": UNKNOWN,
    "disk_reads": UNKNOWN,
    "disk_writes": UNKNOWN,
    "recv_cnt": UNKNOWN,
    "send_cnt": UNKNOWN,
    "idle_since": UNKNOWN,
    "head_message_timestamp": UNKNOWN,
    "messages_persistent": UNKNOWN,
    "message_bytes_persistent": UNKNOWN,
    "message_bytes_ram": UNKNOWN,
    "message_bytes_paged_out": UNKNOWN,
    "linger": "an option of Erlang's sockets",
    "exit_on_close": "an option of Erlang's sockets",
    "cowboy_opts": "options of Erlang's HTTP server",
    "exchanges/%2F/x incoming": DETAILED,
    "exchanges/%2F/x outgoing": DETAILED,
    "vhosts[] recv_oct": UNKNOWN,
    "vhosts[] send_oct": UNKNOWN,
}
"""Fields (their names, or paths) that RabbitMQ has and Leveret has not, and why."""


def _is_left_out(missing: str) -> bool:
    path = missing.partition(": ")[0]
    name = path.rpartition(" ")[2].removesuffix("_details")
    return any(
        path.startswith(one) if " " in one else name.startswith(one) if one.endswith("_") else name == one
        for one in LEFT_OUT
    )


class Side:
    """One broker, with a client that consumes and publishes."""

    def __init__(self, url: str, port: int) -> None:
        self.client = httpx.Client(base_url=f"{url}api/", auth=("guest", "guest"), timeout=30)
        self.port = port
        self.statuses: dict[int, tuple[int, str]] = {}
        self.found: dict[str, Any] = {}

    def tour(self) -> None:
        """Make everything, then look at everything."""
        for number, (method, path, said) in enumerate(MAKING):
            response = self.client.request(method, path, json=said)
            self.statuses[number] = response.status_code, response.text
        connection = pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", self.port))
        channel = connection.channel()
        channel.confirm_delivery()
        channel.basic_qos(prefetch_count=1)
        for _ in range(3):
            channel.basic_publish("x", "a.b", b"body")
        channel.basic_consume("q", lambda *_: None, consumer_tag="taker")
        channel.basic_publish("", "a/b", b"body")
        channel.basic_get("a/b", auto_ack=True)
        connection.process_data_events(time_limit=0)
        self._wait_for_statistics()
        names = {
            "connection": quote(self.client.get("connections").json()[0]["name"], safe=""),
            "channel": quote(self.client.get("channels").json()[0]["name"], safe=""),
            "node": self.client.get("nodes").json()[0]["name"],
            "port": self.port,
        }
        between = self.client.get("bindings/%2F/e/x/q/q").json()
        key = next(one["properties_key"] for one in between if one["arguments"])
        for path in LOOKED_AT:
            response = self.client.get(path.format(**names).replace("k~xyz", quote(key, safe="")))
            self.found[path] = response.status_code, response.json()
        connection.close()

    def _wait_for_statistics(self) -> None:
        """RabbitMQ's are some seconds late."""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            queue = self.client.get("queues/%2F/q").json()
            channels = self.client.get("channels").json()
            connections = self.client.get("connections").json()
            if (
                queue.get("message_stats", {}).get("deliver_get")
                and queue["consumer_details"]
                and channels
                and "message_stats" in channels[0]
                and connections[0].get("recv_oct")
                and "message_stats" in self.client.get("vhosts/%2F").json()
            ):
                return
            time.sleep(0.2)
        raise AssertionError("no statistics")


@pytest.fixture(scope="module")
def sides() -> Iterator[dict[str, Side]]:
    if not SERVER.exists():
        assert os.environ.get("CI") != "true", "continuous integration must have rabbitmq-server"
        pytest.skip("rabbitmq-server is not on this machine")
    environment = {"LEVERET_MANAGEMENT": "true", "LEVERET_MANAGEMENT_PORT": "0"}
    with RabbitMQ(management=True) as rabbitmq, BrokerProcess("--port", "0", "--ephemeral", env=environment) as leveret:
        port = leveret.port
        url = leveret.expect(r"management: (http://\S+)")[1]
        rabbitmq.ready()
        found = {"rabbitmq": Side(rabbitmq.management_url, rabbitmq.port), "leveret": Side(url, port)}
        for side in found.values():
            side.tour()
            side.client.close()
        yield found
        assert leveret.stop() == 0, leveret.log


@pytest.mark.parametrize("number", range(len(MAKING)), ids=lambda number: " ".join(MAKING[number][:2]))
def test_same_status(sides: dict[str, Side], number: int) -> None:
    theirs, ours = sides["rabbitmq"].statuses[number], sides["leveret"].statuses[number]
    method, path, said = MAKING[number]
    if said and said.get("ackmode") == "no such":
        path += " no such"
    if reason := STATUSES.get((method, path)):
        assert theirs[0] != ours[0], f"the same now, not: {reason}"
    else:
        assert theirs[0] == ours[0], (theirs, ours)


@pytest.mark.parametrize("path", LOOKED_AT)
def test_same_fields(sides: dict[str, Side], path: str) -> None:
    (status, theirs), (own_status, ours) = sides["rabbitmq"].found[path], sides["leveret"].found[path]
    assert own_status == status, ours
    found = _missing(_shape(theirs), _shape(ours), path.partition("?")[0])
    missing = [one for one in found if not _is_left_out(one)]
    assert not missing, "\n".join(missing)


def _shape(value: Any) -> Any:
    """Types in the place of values; items of a list come together."""
    if isinstance(value, dict):
        return {name: _shape(each) for name, each in value.items()}
    if isinstance(value, list):
        merged: Any = None
        for each in map(_shape, value):
            merged = _together(merged, each)
        return [merged]
    if value is None:
        return None
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__


def _together(one: Any, other: Any) -> Any:
    if isinstance(one, dict) and isinstance(other, dict):
        return {name: _together(one.get(name), other.get(name)) for name in one | other}
    return other if one is None else one


def _missing(theirs: Any, ours: Any, path: str) -> Iterator[str]:
    if theirs is None or ours is None:
        return
    if isinstance(theirs, dict) and isinstance(ours, dict):
        for name, shape in theirs.items():
            if "@" in name:  # a node
                continue
            if name in ours:
                yield from _missing(shape, ours[name], f"{path} {name}")
            else:
                yield f"{path} {name}: missing"
    elif isinstance(theirs, list) and isinstance(ours, list):
        yield from _missing(theirs[0], ours[0], f"{path}[]")
    elif type(theirs) is not type(ours) or theirs != ours:
        yield f"{path}: {theirs} there, {ours} here"
