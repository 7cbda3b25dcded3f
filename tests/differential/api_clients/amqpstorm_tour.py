"""A tour of AMQPStorm's management API: what each step came to, one line of JSON for each.

Arguments: the URL of the API, the port of AMQP, and the name of a connection that is open.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

from amqpstorm.management import ApiConnectionError, ApiError, ManagementApi

PATIENCE_S = 60.0
QUEUE = ("vhost", "name", "durable", "auto_delete", "arguments", "type")
EXCHANGE = ("vhost", "name", "durable", "auto_delete", "internal", "arguments", "type")


def say(step: str, do: Callable[[], Any]) -> None:
    """Print what it comes to, or its error."""
    try:
        told = {"value": do()}
    except (ApiError, ApiConnectionError) as error:
        told = {"error": str(error), "code": getattr(error, "error_code", None), "kind": type(error).__name__}
    print(json.dumps({"step": step, **told}))


def some(item: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: item.get(name) for name in names}


def each(items: list[dict[str, Any]], *names: str) -> list[dict[str, Any]]:
    return [some(item, *names) for item in items if item.get("name") != "amq.rabbitmq.event"]


def main(url: str, open_connection: str) -> None:
    api = ManagementApi(url, "guest", "guest", timeout=30)
    say("aliveness", api.aliveness_test)
    say("no aliveness", lambda: api.aliveness_test("nowhere"))
    say("whoami", lambda: some(api.whoami(), "name", "tags"))
    say("overview", lambda: some(api.overview()["object_totals"], "queues"))
    say("nodes", lambda: [some(node, "running", "type") for node in api.nodes()])
    say("node", lambda: some(api.node(api.nodes()[0]["name"]), "running", "type"))
    say("cluster name", lambda: [*api.cluster_name()])
    say("health", api.healthchecks.get)
    say("wrong password", lambda: ManagementApi(url, "guest", "wrong").whoami())

    tenants(api, url)
    objects(api)
    messages(api)
    traffic(api, url, open_connection)

    say("delete user", lambda: api.user.delete("ann"))
    say("delete user again", lambda: api.user.delete("ann"))
    say("delete vhost", lambda: api.virtual_host.delete("hats"))
    say("delete vhost again", lambda: api.virtual_host.delete("hats"))


def tenants(api: ManagementApi, url: str) -> None:
    say("create vhost", lambda: api.virtual_host.create("hats"))
    say("create vhost again", lambda: api.virtual_host.create("hats"))
    say("vhost", lambda: some(api.virtual_host.get("hats"), "name", "tracing", "tags"))
    say("no vhost", lambda: api.virtual_host.get("nowhere"))
    say("vhosts", lambda: each(api.virtual_host.list(), "name"))
    say("create user", lambda: api.user.create("ann", "secret", "management"))
    say("create user again", lambda: api.user.create("ann", "secret", "management"))
    say("user", lambda: some(api.user.get("ann"), "name", "tags"))
    say("no user", lambda: api.user.get("nobody"))
    say("users", lambda: each(api.user.list(), "name", "tags"))
    say("set permission", lambda: api.user.set_permission("ann", "hats", "^a", ".*", ".*"))
    say("set permission again", lambda: api.user.set_permission("ann", "hats"))
    say("permission", lambda: api.user.get_permission("ann", "hats"))
    say("no permission", lambda: api.user.get_permission("nobody", "hats"))
    say("permissions of user", lambda: api.user.get_permissions("ann"))
    say("permissions in", lambda: api.virtual_host.get_permissions("hats"))
    say("delete permission", lambda: api.user.delete_permission("ann", "hats"))
    say("delete permission again", lambda: api.user.delete_permission("ann", "hats"))
    say("not an administrator", lambda: ManagementApi(url, "ann", "secret").user.list())


def objects(api: ManagementApi) -> None:
    def declare_exchange(**more: Any) -> Any:
        return api.exchange.declare("x", virtual_host="hats", durable=True, **more)

    def declare_queue(**more: Any) -> Any:
        return api.queue.declare("q", virtual_host="hats", durable=True, **more)

    say("declare exchange", lambda: declare_exchange(exchange_type="topic"))
    say("declare exchange again", lambda: declare_exchange(exchange_type="topic"))
    say("declare exchange passively", lambda: some(declare_exchange(exchange_type="topic", passive=True), *EXCHANGE))
    say("declare another exchange", lambda: declare_exchange(exchange_type="direct"))
    say("declare wrong exchange", lambda: api.exchange.declare("w", exchange_type="no-such", virtual_host="hats"))
    say("look for nobody", lambda: api.exchange.declare("nobody", virtual_host="hats", passive=True))
    say("exchange", lambda: some(api.exchange.get("x", virtual_host="hats"), *EXCHANGE))
    say("exchanges", lambda: each(api.exchange.list(virtual_host="hats"), *EXCHANGE))
    say("all exchanges", lambda: each(api.exchange.list(show_all=True), "vhost", "name"))
    say("declare queue", lambda: declare_queue(arguments={"x-max-length": 100}))
    say("declare queue again", lambda: declare_queue(arguments={"x-max-length": 100}))
    say("declare another queue", lambda: declare_queue(auto_delete=True))
    say("declare wrong queue", lambda: api.queue.declare("w", virtual_host="hats", arguments={"x-max-length": "many"}))
    say("look for no queue", lambda: api.queue.declare("nobody", virtual_host="hats", passive=True))
    say("declare queue with a name", lambda: api.queue.declare("q r", virtual_host="hats"))
    say("queue", lambda: some(api.queue.get("q r", virtual_host="hats"), *QUEUE))
    say("queues", lambda: each(api.queue.list(virtual_host="hats"), *QUEUE))
    say("all queues", lambda: each(api.queue.list(show_all=True), "vhost", "name"))
    say("named queues", lambda: each(api.queue.list(virtual_host="hats", name="^q ", use_regex=True), "name"))
    say("queues of a page", lambda: each(api.queue.list(virtual_host="hats", page_size=1), "name"))
    say("bind", lambda: api.queue.bind("q", "x", "a.#", virtual_host="hats"))
    say("bind with arguments", lambda: api.queue.bind("q", "x", "b/c d", virtual_host="hats", arguments={"k": "v"}))
    say("bind nobody", lambda: api.queue.bind("nobody", "x", "a.#", virtual_host="hats"))
    say("bind exchange", lambda: api.exchange.bind("amq.fanout", "x", "e", virtual_host="hats"))
    names = ("source", "destination", "destination_type", "routing_key", "arguments")
    say("bindings of queue", lambda: each(api.queue.bindings("q", virtual_host="hats"), *names))
    say("bindings of exchange", lambda: each(api.exchange.bindings("x", virtual_host="hats"), *names))
    say("unbind", lambda: api.queue.unbind("q", "x", "a.#", virtual_host="hats", properties_key="a.%23"))
    say("unbind again", lambda: api.queue.unbind("q", "x", "a.#", virtual_host="hats", properties_key="a.%23"))
    say("unbind exchange", lambda: api.exchange.unbind("amq.fanout", "x", "e", virtual_host="hats"))


def messages(api: ManagementApi) -> None:
    def publish(body: str, key: str = "q", **more: Any) -> Any:
        return api.basic.publish(body, key, virtual_host="hats", **more)

    def get(**more: Any) -> Any:
        found = api.basic.get("q", virtual_host="hats", to_dict=True, **more)
        names = (
            "payload",
            "payload_bytes",
            "payload_encoding",
            "routing_key",
            "exchange",
            "message_count",
            "redelivered",
        )
        return [some(message, *names) | {"properties": message["properties"] or {}} for message in found]

    say(
        "publish",
        lambda: publish("one", properties={"content_type": "text/plain", "headers": {"a": [1, "b", {"c": True}]}}),
    )
    say("publish base64", lambda: publish("dHdv", payload_encoding="base64", properties={"delivery_mode": 2}))
    say("publish wrong base64", lambda: publish("***", payload_encoding="base64"))
    say("publish to nobody", lambda: publish("x", exchange="nobody"))
    say("publish unroutable", lambda: publish("x", key="zzz"))
    say("get", get)
    say("get requeued", lambda: get(requeue=True, count=2, encoding="base64"))
    say("get truncated", lambda: get(requeue=True, truncate=1))
    say("get the last", lambda: get(count=5))
    say("get nothing", get)
    say("get of nobody", lambda: api.basic.get("nobody", virtual_host="hats"))
    say("purge", lambda: api.queue.purge("q", virtual_host="hats"))
    say("purge nobody", lambda: api.queue.purge("nobody", virtual_host="hats"))
    say("delete queue", lambda: api.queue.delete("q", virtual_host="hats"))
    say("delete queue again", lambda: api.queue.delete("q", virtual_host="hats"))
    say("delete exchange", lambda: api.exchange.delete("x", virtual_host="hats"))
    say("delete exchange again", lambda: api.exchange.delete("x", virtual_host="hats"))


def traffic(api: ManagementApi, url: str, name: str) -> None:
    """A connection that has a channel: it is looked at, and closed. Statistics come late."""
    end = time.monotonic() + PATIENCE_S
    found: list[dict[str, Any]] = []
    while not (found and api.channel.list()):
        assert time.monotonic() < end, "no connection"
        time.sleep(0.2)
        every = api.connection.list()
        own = [one for one in every if one.get("client_properties", {}).get("connection_name") == name]
        found = [one for one in own if one.get("channels")]
    connection = found[0]["name"]
    say("connection", lambda: some(api.connection.get(connection), "user", "vhost", "protocol", "state", "channels"))
    channel = api.channel.list()[0]["name"]
    say("channel", lambda: some(api.channel.get(channel), "number", "user", "vhost", "prefetch_count", "confirm"))
    say("no channel", lambda: api.channel.get("nobody"))
    # RabbitMQ may close a connection on which it did not read what came with a DELETE: each has its own.
    say("close connection", lambda: ManagementApi(url, "guest", "guest").connection.close(connection, reason="enough"))
    say("close nobody", lambda: ManagementApi(url, "guest", "guest").connection.close("nobody"))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[3])
