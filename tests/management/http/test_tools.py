"""What tools send and look for: rabbitmqadmin of both versions, and clients of other languages. Tours found it."""

from __future__ import annotations

import random
from typing import Any
from urllib.parse import unquote

import msgspec
import pytest
from starlette.requests import Request

from leveret.management.http.reply import listing

from .conftest import Api


class TestTexts:
    """rabbitmqadmin's first version sends what it was given as texts."""

    async def test_flags(self, api: Api) -> None:
        said = {"durable": "false", "auto_delete": "true"}
        await api("PUT", "queues/%2F/q", said, 201)
        found = await api("GET", "queues/%2F/q")
        assert (found["durable"], found["auto_delete"]) == (False, True)
        await api("PUT", "exchanges/%2F/x", said | {"type": "fanout", "internal": "true"}, 201)
        found = await api("GET", "exchanges/%2F/x")
        assert (found["durable"], found["auto_delete"], found["internal"]) == (False, True, True)
        await api("PUT", "vhosts/other", {"tracing": "true"}, 201)
        assert (await api("GET", "vhosts/other"))["tracing"] is True
        await api("PUT", "vhosts/other", {"tracing": "false"}, 204)
        assert (await api("GET", "vhosts/other"))["tracing"] is False

    @pytest.mark.parametrize("flag", ["maybe", "True", "", 1, None, []])
    async def test_what_is_no_flag(self, api: Api, flag: object) -> None:
        await api("PUT", "queues/%2F/q", {"durable": flag}, 400)

    async def test_a_count(self, api: Api) -> None:
        await api("PUT", "queues/%2F/q", {})
        for _ in range(3):
            message = {"properties": {}, "routing_key": "q", "payload": "x", "payload_encoding": "string"}
            await api("POST", "exchanges/%2F/amq.default/publish", message)
        said = {"count": "2", "ackmode": "ack_requeue_true", "encoding": "auto"}
        assert len(await api("POST", "queues/%2F/q/get", said)) == 2
        for wrong in ("", "-1", "two", "2" * 30, "²"):
            await api("POST", "queues/%2F/q/get", said | {"count": wrong}, 400)


class TestPaths:
    async def test_the_default_exchange_has_an_empty_name(self, api: Api) -> None:
        await api("PUT", "queues/%2F/q", {})
        message = {"properties": {}, "routing_key": "q", "payload": "x", "payload_encoding": "string"}
        assert await api("POST", "exchanges/%2F//publish", message) == {"routed": True}

    @pytest.mark.parametrize("key", ["~", "a b", "a+b", "a/b", "%7E", "a~b", "#", ""])
    async def test_a_binding_is_where_its_location_says(self, api: Api, key: str) -> None:
        await api("PUT", "exchanges/%2F/x", {"type": "topic"})
        await api("PUT", "queues/%2F/q%20%2Fr", {})
        path = "bindings/%2F/e/x/q/q%20%2Fr"
        response = await api.client.post(path, json={"routing_key": key})
        there = response.url.join(response.headers["location"])
        found = (await api.client.get(there)).json()
        assert found["routing_key"] == key
        # What terraform takes: the second part, decoded once.
        assert found["properties_key"] == unquote(response.headers["location"].split("/")[1])
        assert (await api.client.delete(there)).status_code == 204
        assert await api("GET", path) == []

    async def test_the_script_is_rabbitmqs(self, api: Api) -> None:
        assert (await api.client.get(api.broker.management_url + "cli/rabbitmqadmin")).status_code == 404

    async def test_keys_of_bindings(self, api: Api) -> None:
        await api("PUT", "exchanges/%2F/x", {"type": "topic"})
        await api("PUT", "queues/%2F/q", {})
        for key in ("~", "a b/#", ""):
            await api("POST", "bindings/%2F/e/x/q/q", {"routing_key": key})
        found = await api("GET", "bindings/%2F/e/x/q/q")
        assert [one["properties_key"] for one in found] == ["~", "a+b%2F%23", "%7E"]
        assert [one["routing_key"] for one in found] == ["", "a b/#", "~"]


class TestFields:
    """Without these the second version cannot read an answer."""

    async def test_tags_of_the_cluster(self, api: Api) -> None:
        overview = await api("GET", "overview")
        assert overview["cluster_tags"] == overview["node_tags"] == {}

    async def test_parts_of_the_memory(self, api: Api) -> None:
        node = (await api("GET", "nodes"))[0]["name"]
        memory = (await api("GET", f"nodes/{node}/memory"))["memory"]
        assert {"queue_procs", "metadata_store", "atom", "reserved_unallocated"} <= memory.keys()
        parts = [size for name, size in memory.items() if name not in ("total", "strategy")]
        assert sum(parts) == memory["total"]["rss"]

    async def test_a_protocol_that_is_missing(self, api: Api) -> None:
        one = await api("GET", "health/checks/protocol-listener/mqtt", status=503)
        assert one["missing"] == "mqtt"
        two = await api("GET", "health/checks/protocol-listener/mqtt,stomp", status=503)
        assert two["missing"] == ["mqtt", "stomp"]

    async def test_reasons(self, api: Api) -> None:
        await api("PUT", "queues/%2F/q", {})
        refused = await api("PUT", "queues/%2F/q", {"durable": False}, 400)
        assert refused["reason"].startswith("inequivalent arg 'durable' for queue 'q' in vhost '/'")
        refused = await api("PUT", "vhost-limits/%2F/max-hats", {"value": 3}, 400)
        assert refused["reason"] == 'Validation failed\n\nUnrecognised terms [{<<"max-hats">>,3}] in limits\n'


class TestOrder:
    async def test_lists(self, api: Api) -> None:
        for vhost in ("b", "a"):
            await api("PUT", f"vhosts/{vhost}", {})
            for name in ("y", "x"):
                await api("PUT", f"queues/{vhost}/{name}", {})
                await api("PUT", f"policies/{vhost}/{name}", {"pattern": "z", "definition": {"max-length": 1}})
        await api("PUT", "policies/b/first", {"pattern": "z", "definition": {"max-length": 1}, "priority": -1})
        pairs = [("a", "x"), ("a", "y"), ("b", "x"), ("b", "y")]
        for path in ("queues", "queues?page=1"):
            found = await api("GET", path)
            assert [(one["vhost"], one["name"]) for one in (found if path == "queues" else found["items"])] == pairs
        assert [(one["vhost"], one["name"]) for one in await api("GET", "policies")] == [("b", "first"), *pairs]
        assert [one["name"] for one in await api("GET", "vhosts?sort_reverse=true")] == ["b", "a", "/"]
        assert [one["vhost"] for one in await api("GET", "permissions")] == ["/", "a", "b"]
        found = await api("GET", "queues?sort=name&sort_reverse=true")
        assert [(one["vhost"], one["name"]) for one in found] == [("b", "y"), ("a", "y"), ("b", "x"), ("a", "x")]
        found = await api("GET", "queues?sort=durable")
        assert [(one["vhost"], one["name"]) for one in found] == pairs

    @pytest.mark.parametrize("reverse", [False, True])
    @pytest.mark.parametrize("count", [0, 1, 512, 513, 5000])
    async def test_many(self, count: int, reverse: bool) -> None:
        items = [(number % 7, str(number)) for number in range(count)]
        random.Random(count).shuffle(items)
        ordered = sorted(items, reverse=reverse)

        async def got(query: str) -> Any:
            scope = {"type": "http", "query_string": f"sort_reverse={str(reverse).lower()}&{query}".encode()}
            response = await listing(
                Request(scope), items, lambda one: {"name": one[1], "kind": one[0]}, lambda one: one[1], lambda one: one
            )
            return msgspec.json.decode(bytes(response.body))

        assert [(one["kind"], one["name"]) for one in await got("")] == ordered
        assert [(one["kind"], one["name"]) for one in await got("sort=kind")] == ordered
        page = await got("page=2&page_size=400") if count > 400 else await got("page=1")
        wanted = ordered[400:800] if count > 400 else ordered[:100]
        assert [(one["kind"], one["name"]) for one in page["items"]] == wanted
