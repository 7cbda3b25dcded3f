"""Queues, exchanges and bindings through the API."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from .conftest import Api

ODD = "a/b c%2F?<x>&#é"
"""A name with everything that paths use for themselves."""


class TestQueues:
    async def test_one_is_made_shown_and_deleted(self, api: Api) -> None:
        await api("PUT", "queues/%2F/q", {"durable": True, "arguments": {"x-max-length": 5}}, 201)
        await api("PUT", "queues/%2F/q", {"durable": True, "arguments": {"x-max-length": 5}}, 204)
        found = await api("GET", "queues/%2F/q")
        assert (found["name"], found["vhost"], found["durable"], found["auto_delete"]) == ("q", "/", True, False)
        assert found["arguments"] == {"x-max-length": 5}
        assert (found["messages"], found["messages_details"], found["consumer_details"]) == (0, {"rate": 0.0}, [])
        await api("DELETE", "queues/%2F/q", status=204)
        assert await api("GET", "queues/%2F/q", status=404) == {"error": "Object Not Found", "reason": "Not Found"}
        await api("DELETE", "queues/%2F/q", status=404)

    async def test_flags_may_be_texts(self, api: Api) -> None:
        await api("PUT", "queues/%2F/q", {"durable": "false", "auto_delete": "true"}, 201)
        found = await api("GET", "queues/%2F/q")
        assert (found["durable"], found["auto_delete"]) == (False, True)
        await api("PUT", "queues/%2F/p", {"durable": "perhaps"}, 400)

    async def test_names_may_have_any_letters(self, api: Api) -> None:
        path = quote(ODD, safe="")
        await api("PUT", f"vhosts/{path}", {}, 201)
        await api("PUT", f"queues/{path}/{path}", {}, 201)
        found = await api("GET", f"queues/{path}/{path}")
        assert (found["name"], found["vhost"]) == (ODD, ODD)
        await api("DELETE", f"queues/{path}/{path}", status=204)

    async def test_another_declaration_is_refused_with_the_text_of_amqp(self, api: Api) -> None:
        await api("PUT", "queues/%2F/q", {"durable": True})
        refused = await api("PUT", "queues/%2F/q", {"durable": False}, 400)
        assert refused["error"] == "bad_request"
        assert "inequivalent arg 'durable' for queue 'q' in vhost '/'" in refused["reason"]

    async def test_what_is_no_argument_is_refused(self, api: Api) -> None:
        refused = await api("PUT", "queues/%2F/q", {"arguments": {"x-max-length": "many"}}, 400)
        assert "x-max-length" in refused["reason"]
        assert (await api("PUT", "queues/%2F/q", {"durable": "perhaps"}, 400))["error"] == "bad_request"
        assert (await api("PUT", "queues/%2F/q", status=400, content=b"{"))["error"] == "bad_request"
        assert (await api("PUT", "queues/%2F/q", ["x"], 400))["reason"] == "body is not a JSON object"

    async def test_if_empty_and_if_unused(self, api: Api) -> None:
        await api("PUT", "queues/%2F/q", {})
        await _publish(api, "q", "x")
        refused = await api("DELETE", "queues/%2F/q?if-empty=true", status=400)
        assert "queue 'q' in vhost '/' not empty" in refused["reason"]
        await api("DELETE", "queues/%2F/q/contents", status=204)
        await api("DELETE", "queues/%2F/q?if-empty=true&if-unused=true", status=204)

    async def test_counts_tell_what_happened(self, api: Api) -> None:
        await api("PUT", "queues/%2F/q", {})
        for _ in range(3):
            await _publish(api, "q", "x")
        await api("POST", "queues/%2F/q/get", {"count": 2, "ackmode": "ack_requeue_false", "encoding": "auto"})
        await api("POST", "queues/%2F/q/get", {"count": 1, "ackmode": "ack_requeue_true", "encoding": "auto"})
        found = await api("GET", "queues/%2F/q")
        stats = found["message_stats"]
        assert (found["messages"], found["messages_ready"], found["messages_unacknowledged"]) == (1, 1, 0)
        assert (stats["publish"], stats["get"], stats["ack"], stats["redeliver"]) == (3, 3, 2, 1)
        whole = (await api("GET", "overview"))["message_stats"]
        assert (whole["publish"], whole["get"], whole["ack"]) == (3, 3, 2)
        await api("DELETE", "queues/%2F/q")
        whole = (await api("GET", "overview"))["message_stats"]
        assert (whole["publish"], whole["get"], whole["ack"]) == (3, 3, 2), "what is gone counts"


class TestListings:
    @pytest.fixture(autouse=True)
    async def _queues(self, api: Api) -> None:
        for number in range(12):
            await api("PUT", f"queues/%2F/q{number:02}", {})
        for number in range(4):
            await _publish(api, f"q{number:02}", "x" * (10 - number))

    async def test_all(self, api: Api) -> None:
        found = await api("GET", "queues")
        assert [one["name"] for one in found] == [f"q{number:02}" for number in range(12)]
        assert found == await api("GET", "queues/%2F")

    async def test_pages(self, api: Api) -> None:
        page = await api("GET", "queues?page=2&page_size=5")
        assert [one["name"] for one in page.pop("items")] == ["q05", "q06", "q07", "q08", "q09"]
        assert page == {
            "filtered_count": 12,
            "item_count": 5,
            "page": 2,
            "page_count": 3,
            "page_size": 5,
            "total_count": 12,
        }
        assert (await api("GET", "queues?page=1&page_size=500"))["page_size"] == 500
        for wrong in ("page=1&page_size=501", "page_size=-1", "page=x", "lengths_incr=0", "lengths_age=x"):
            await api("GET", f"queues?{wrong}", status=400)
        refused = await api("GET", "queues?page=9", status=400)
        assert refused["reason"] == "Page out of range, page: 9 page size: 100, len: 12"
        await api("GET", "queues?page=none", status=400)
        await api("GET", "queues?page=0", status=400)

    async def test_names(self, api: Api) -> None:
        page = await api("GET", "queues?page=1&name=Q1")
        assert [one["name"] for one in page["items"]] == ["q10", "q11"]
        assert (page["filtered_count"], page["total_count"]) == (2, 12)
        page = await api("GET", "queues?page=1&use_regex=true&name=" + quote("^q.[02]$"))
        assert [one["name"] for one in page["items"]] == ["q00", "q02", "q10"]
        await api("GET", "queues?page=1&use_regex=true&name=(", status=400)

    async def test_order(self, api: Api) -> None:
        page = await api("GET", "queues?page=1&page_size=3&sort=message_bytes&sort_reverse=true")
        assert [one["name"] for one in page["items"]] == ["q00", "q01", "q02"]
        page = await api("GET", "queues?page=1&page_size=2&sort=name&sort_reverse=true")
        assert [one["name"] for one in page["items"]] == ["q11", "q10"]
        found = await api("GET", "queues?sort=message_stats.publish&sort_reverse=true")
        assert {one["name"] for one in found[:4]} == {"q00", "q01", "q02", "q03"}

    async def test_columns(self, api: Api) -> None:
        found = await api("GET", "queues?columns=name,message_stats.publish")
        assert found[0] == {"name": "q00", "message_stats": {"publish": 1}}
        assert found[-1] == {"name": "q11"}
        assert await api("GET", "queues/%2F/q01?columns=name,messages") == {"name": "q01", "messages": 1}


class TestExchanges:
    async def test_one_is_made_shown_and_deleted(self, api: Api) -> None:
        await api("PUT", "exchanges/%2F/x", {"type": "topic"}, 201)
        await api("PUT", "exchanges/%2F/x", {"type": "topic"}, 204)
        found = await api("GET", "exchanges/%2F/x")
        assert (found["name"], found["type"], found["durable"], found["internal"]) == ("x", "topic", True, False)
        assert "x" in [one["name"] for one in await api("GET", "exchanges/%2F")]
        await api("DELETE", "exchanges/%2F/x", status=204)
        await api("GET", "exchanges/%2F/x", status=404)

    async def test_what_is_no_type_is_refused(self, api: Api) -> None:
        refused = await api("PUT", "exchanges/%2F/x", {"type": "nothing"}, 400)
        assert "unknown exchange type 'nothing'" in refused["reason"]
        assert (await api("PUT", "exchanges/%2F/x", {}, 400))["reason"] == "[{key_missing,type}]"

    async def test_predeclared_ones_stay(self, api: Api) -> None:
        assert len(await api("GET", "exchanges/%2F")) == 8
        await api("DELETE", "exchanges/%2F/amq.topic", status=401)
        assert (await api("GET", "exchanges/%2F/amq.default"))["name"] == ""

    async def test_one_in_use(self, api: Api) -> None:
        await api("PUT", "exchanges/%2F/x", {"type": "fanout"})
        await api("PUT", "queues/%2F/q", {})
        await api("POST", "bindings/%2F/e/x/q/q", {}, 201)
        assert "in use" in (await api("DELETE", "exchanges/%2F/x?if-unused=true", status=400))["reason"]


class TestBindings:
    @pytest.fixture(autouse=True)
    async def _ends(self, api: Api) -> None:
        await api("PUT", "exchanges/%2F/x", {"type": "topic"})
        await api("PUT", "exchanges/%2F/y", {"type": "headers"})
        await api("PUT", "queues/%2F/q", {})

    async def test_to_a_queue(self, api: Api) -> None:
        response = await api.client.post("bindings/%2F/e/x/q/q", json={"routing_key": "a.*"})
        assert response.status_code == 201
        assert response.headers["location"] == "q/a.%252A"
        found = await api("GET", "bindings/%2F/e/x/q/q")
        assert [(one["routing_key"], one["properties_key"]) for one in found] == [("a.*", "a.%2A")]
        assert await api("GET", "bindings/%2F/e/x/q/q/a.%2A") == found[0]
        assert [one["source"] for one in await api("GET", "queues/%2F/q/bindings")] == ["", "x"]
        assert await api("GET", "exchanges/%2F/x/bindings/source") == found
        await api("DELETE", "bindings/%2F/e/x/q/q/a.%2A", status=204)
        assert await api("GET", "bindings/%2F/e/x/q/q") == []
        await api("DELETE", "bindings/%2F/e/x/q/q/a.%2A", status=404)

    async def test_its_name_is_encoded_in_a_path(self, api: Api) -> None:
        for key in ("a.*", "a.%2A", "é/~"):  # the name of the second, as it is, would be that of the first, encoded
            await api("POST", "bindings/%2F/e/x/q/q", {"routing_key": key}, 201)
        for one in await api("GET", "bindings/%2F/e/x/q/q"):
            path = "bindings/%2F/e/x/q/q/" + quote(one["properties_key"], safe="")
            assert await api("GET", path) == one
            await api("DELETE", path, status=204)
        assert await api("GET", "bindings/%2F/e/x/q/q") == []

    async def test_between_what_there_is_not(self, api: Api) -> None:
        await api("GET", "bindings/%2F/e/x/x/y", status=404)
        await api("GET", "exchanges/%2F/x/bindings/middle", status=404)

    async def test_to_an_exchange_with_arguments(self, api: Api) -> None:
        said = {"routing_key": "", "arguments": {"x-match": "any", "k": "v"}}
        await api("POST", "bindings/%2F/e/y/e/x", said, 201)
        await api("POST", "bindings/%2F/e/y/e/x", {"routing_key": ""}, 201)
        found = await api("GET", "bindings/%2F/e/y/e/x")
        assert {one["properties_key"] for one in found} >= {"~"}
        with_arguments = next(one for one in found if one["arguments"])
        assert with_arguments["arguments"] == {"x-match": "any", "k": "v"}
        await api("DELETE", "bindings/%2F/e/y/e/x/" + quote(with_arguments["properties_key"], safe=""), status=204)
        assert len(await api("GET", "exchanges/%2F/x/bindings/destination")) == 1

    @pytest.mark.parametrize("key", ["a/b.#", "50%", "%2F", "a b", "ü~?", "<img src=x>"])
    @pytest.mark.parametrize("arguments", [{}, {"k": "v"}])
    @pytest.mark.parametrize("encoded", [False, True])
    async def test_keys_of_any_letters(self, api: Api, key: str, arguments: dict[str, str], encoded: bool) -> None:
        """The properties key is encoded already; some encode it as the rest of the path, some take it as it is."""
        await api("POST", "bindings/%2F/e/x/q/q", {"routing_key": key, "arguments": arguments}, 201)
        (one,) = await api("GET", "bindings/%2F/e/x/q/q")
        part = quote(one["properties_key"], safe="") if encoded else one["properties_key"]
        assert await api("GET", f"bindings/%2F/e/x/q/q/{part}") == one
        await api("DELETE", f"bindings/%2F/e/x/q/q/{part}", status=204)
        assert await api("GET", "bindings/%2F/e/x/q/q") == []

    async def test_a_key_alone_is_a_binding_without_arguments(self, api: Api) -> None:
        await api("POST", "bindings/%2F/e/x/q/q", {"routing_key": "a", "arguments": {"k": "v"}}, 201)
        await api("DELETE", "bindings/%2F/e/x/q/q/a", status=404)
        assert len(await api("GET", "bindings/%2F/e/x/q/q")) == 1

    async def test_to_nothing(self, api: Api) -> None:
        await api("POST", "bindings/%2F/e/x/q/nobody", {}, 404)
        await api("POST", "bindings/%2F/e/nobody/q/q", {}, 404)


class TestMessages:
    async def test_publish_and_get(self, api: Api) -> None:
        await api("PUT", "queues/%2F/q", {})
        said = {
            "properties": {"delivery_mode": 2, "headers": {"n": 1, "list": [1, "x"]}, "content_type": "text/plain"},
            "routing_key": "q",
            "payload": "héllo",
            "payload_encoding": "string",
        }
        assert await api("POST", "exchanges/%2F/amq.default/publish", said) == {"routed": True}
        get = {"count": 5, "ackmode": "ack_requeue_true", "encoding": "auto"}
        (first,) = await api("POST", "queues/%2F/q/get", get)
        assert first == {
            "payload_bytes": 6,
            "redelivered": False,
            "exchange": "",
            "routing_key": "q",
            "message_count": 0,
            "properties": said["properties"],
            "payload": "héllo",
            "payload_encoding": "string",
        }
        (second,) = await api("POST", "queues/%2F/q/get", get | {"encoding": "base64", "truncate": 3})
        assert (second["redelivered"], second["payload"], second["payload_bytes"]) == (True, "aMOp", 6)

    async def test_what_goes_nowhere(self, api: Api) -> None:
        said = {"properties": {}, "routing_key": "nobody", "payload": "AAE=", "payload_encoding": "base64"}
        assert await api("POST", "exchanges/%2F/amq.direct/publish", said) == {"routed": False}
        assert (await api("GET", "overview"))["message_stats"]["return_unroutable"] == 1

    @pytest.mark.parametrize(
        "wrong",
        [
            {"payload": None},
            {"payload_encoding": "rot13"},
            {"payload_encoding": "base64", "payload": "?"},
            {"properties": {"nothing": 1}},
            {"properties": {"priority": "high"}},
            {"routing_key": "x" * 300},
            {"properties": {"headers": {"n": 2**70}}},
        ],
        ids=str,
    )
    async def test_what_is_wrong_is_said(self, api: Api, wrong: dict[str, object]) -> None:
        said = {"properties": {}, "routing_key": "q", "payload": "x", "payload_encoding": "string"}
        assert (await api("POST", "exchanges/%2F/amq.default/publish", said | wrong, 400))["error"] == "bad_request"

    async def test_an_internal_exchange_takes_none(self, api: Api) -> None:
        await api("PUT", "exchanges/%2F/inner", {"type": "fanout", "internal": True})
        said = {"properties": {}, "routing_key": "q", "payload": "x", "payload_encoding": "string"}
        refused = await api("POST", "exchanges/%2F/inner/publish", said, 401)
        assert "internal" in refused["reason"]

    async def test_ackmodes(self, api: Api) -> None:
        arguments = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead"}
        await api("PUT", "queues/%2F/q", {"arguments": arguments})
        await api("PUT", "queues/%2F/dead", {})
        await _publish(api, "q", "x")
        await api("POST", "queues/%2F/q/get", {"count": 1, "ackmode": "reject_requeue_false", "encoding": "auto"})
        (dead,) = await api("POST", "queues/%2F/dead/get", {"count": 1, "ackmode": "ack_requeue_false"})
        assert dead["properties"]["headers"]["x-death"][0]["reason"] == "rejected"
        await api("POST", "queues/%2F/q/get", {"ackmode": "keep"}, 400)
        assert (await api("GET", "queues/%2F/dead"))["messages"] == 0


async def _publish(api: Api, queue: str, payload: str) -> None:
    said = {"properties": {}, "routing_key": queue, "payload": payload, "payload_encoding": "string"}
    assert await api("POST", "exchanges/%2F/amq.default/publish", said) == {"routed": True}
