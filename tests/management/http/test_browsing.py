"""Beyond RabbitMQ: looking at messages, searching, moving them, pausing, explaining, events."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aio_pika
import httpx
import pytest

import leveret

from .conftest import Api

MESSAGES = "leveret/queues/%2F/q/messages"


@pytest.fixture
async def filled(broker: leveret.Broker, api: Api) -> None:
    """Five messages in q; the second has a header."""
    await api("PUT", "queues/%2F/q", {})
    for number in range(5):
        properties = {"headers": {"colour": "red", "n": 7}, "type": "hat"} if number == 1 else {}
        await publish(api, "q", f"body {number}", properties)


async def publish(api: Api, queue: str, payload: str, properties: dict[str, Any] | None = None) -> None:
    said = {"properties": properties or {}, "routing_key": queue, "payload": payload, "payload_encoding": "string"}
    assert await api("POST", "exchanges/%2F/amq.default/publish", said) == {"routed": True}


async def bodies(api: Api, queue: str = "q") -> list[str]:
    found = await api("GET", f"leveret/queues/%2F/{queue}/messages")
    return [one["payload"] for one in found["messages"]]


class TestPeek:
    async def test_messages_stay_as_they_are(self, api: Api, filled: None) -> None:
        before = await api("GET", "queues/%2F/q")
        found = await api("GET", f"{MESSAGES}?offset=1&count=2&truncate=4")
        assert (found["offset"], found["total"]) == (1, 5)
        first, second = found["messages"]
        assert (first["position"], second["position"]) == (1, 2)
        assert (first["payload"], first["payload_bytes"], first["truncated"]) == ("body", 6, True)
        assert first["properties"] == {"headers": {"colour": "red", "n": 7}, "type": "hat"}
        assert first["redelivered"] is False
        assert await api("GET", "queues/%2F/q") == before
        (got,) = await api("POST", "queues/%2F/q/get", {"count": 1, "ackmode": "ack_requeue_false"})
        assert (got["payload"], got["redelivered"]) == ("body 0", False)
        again = await api("GET", f"{MESSAGES}?count=1")
        assert (again["messages"][0]["id"], again["messages"][0]["position"]) == (first["id"], 0)

    async def test_letters_that_are_none(self, api: Api, broker: Any) -> None:
        """Properties of messages may have any bytes; RabbitMQ passes them on, too."""
        from leveret.wire import Batch
        from leveret.wire.properties import Properties, encode_properties

        await api("PUT", "queues/%2F/q", {})
        brain, wrong = broker._node.brain, b"\xff".decode(errors="surrogateescape")
        raw = encode_properties(Properties(content_type=wrong, headers={wrong: {wrong: [b"\xff"]}}))
        vhost = brain.vhosts["/"]
        vhost.publish_from(vhost.router.exchanges[""], Batch.build(brain.pool, [("", "q", raw, b"\xff", False)]))
        (found,) = (await api("GET", MESSAGES))["messages"]
        expected = {"content_type": "\ufffd", "headers": {"\ufffd": {"\ufffd": ["\ufffd"]}}}
        assert found["properties"] == expected
        await api("GET", f"{MESSAGES}/search?header=a")
        (got,) = await api("POST", "queues/%2F/q/get", {"count": 1, "ackmode": "ack_requeue_false"})
        assert got["properties"] == expected

    async def test_past_the_end(self, api: Api, filled: None) -> None:
        assert (await api("GET", f"{MESSAGES}?offset=99"))["messages"] == []
        await api("GET", f"{MESSAGES}?offset=x", status=400)
        await api("GET", f"{MESSAGES}?count=0", status=400)
        await api("GET", "leveret/queues/%2F/nobody/messages", status=404)

    async def test_higher_priorities_come_first(self, api: Api) -> None:
        await api("PUT", "queues/%2F/q", {"arguments": {"x-max-priority": 5}})
        for number, priority in enumerate((0, 5, 3, 5)):
            await publish(api, "q", f"{number}", {"priority": priority})
        assert await bodies(api) == ["1", "3", "2", "0"]

    async def test_what_is_on_disk_only(self, broker: Any, tmp_path: Path) -> None:
        async with leveret.Broker(management_port=0, data_dir=tmp_path) as one:
            one._node.brain.pager.budget = 0  # type: ignore[union-attr]
            api = Api(one)
            await api("PUT", "queues/%2F/q", {"durable": True})
            connection = await aio_pika.connect(one.url)
            channel = await connection.channel(publisher_confirms=False)
            for number in range(10_000):
                message = aio_pika.Message(b"%05d" % number * 20, delivery_mode=number % 2 + 1)
                await channel.default_exchange.publish(message, "q")
            queue = one._node.brain.vhosts["/"].queues["q"]  # type: ignore[union-attr]
            while not queue.stored:  # noqa: ASYNC110 (nobody tells)
                await asyncio.sleep(0)
            for offset in (0, 4_000, 8_000, 100):
                found = await api("GET", f"{MESSAGES}?offset={offset}&count=500&truncate=5")
                numbers = [int(one["payload"]) for one in found["messages"]]
                assert numbers == [*range(offset, offset + len(numbers))]
                assert numbers
            found = await api("GET", f"{MESSAGES}/search?text=0431204312&limit=3")
            assert [one["position"] for one in found["messages"]] == [4312]
            await connection.close()
            await api.client.aclose()


class TestSearch:
    @pytest.mark.parametrize(
        ("query", "positions"),
        [
            ("text=body+3", [3]),
            ("text=body", [0, 1, 2, 3, 4]),
            ("header=colour", [1]),
            ("header=colour&value=red", [1]),
            ("header=n&value=7", [1]),
            ("header=colour&value=blue", []),
            ("property=type&value=hat", [1]),
            ("property=type&value=coat", []),
            ("routing_key=q&text=4", [4]),
            ("routing_key=other", []),
            ("text=body&offset=3", [3, 4]),
        ],
    )
    async def test_what_is_found(self, api: Api, filled: None, query: str, positions: list[int]) -> None:
        found = await api("GET", f"{MESSAGES}/search?{query}")
        assert [one["position"] for one in found["messages"]] == positions
        assert found["next_offset"] is None

    async def test_it_goes_on_where_it_ended(self, api: Api, filled: None, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("leveret.management.http.browsing.SEARCH_SCAN_MAX", 2)
        found = await api("GET", f"{MESSAGES}/search?text=4")
        assert (found["messages"], found["scanned"], found["next_offset"]) == ([], 2, 2)
        found = await api("GET", f"{MESSAGES}/search?text=4&offset=4")
        assert (len(found["messages"]), found["next_offset"]) == (1, None)

    async def test_what_is_wrong_is_said(self, api: Api, filled: None) -> None:
        await api("GET", f"{MESSAGES}/search?property=hats", status=400)
        await api("GET", f"{MESSAGES}/search?text={'x' * 2000}", status=400)


class TestActions:
    async def ids(self, api: Api, *positions: int) -> list[str]:
        found = await api("GET", MESSAGES)
        return [found["messages"][position]["id"] for position in positions]

    async def test_delete(self, api: Api, filled: None) -> None:
        ids = await self.ids(api, 1, 3)
        found = await api("POST", f"{MESSAGES}/actions", {"action": "delete", "ids": [*ids, "0-99", ids[0]]})
        assert found == {"done": 2, "missing": 1, "unroutable": 0, "refused": 0}
        assert await bodies(api) == ["body 0", "body 2", "body 4"]
        found = await api("POST", f"{MESSAGES}/actions", {"action": "delete", "ids": ids})
        assert (found["done"], found["missing"]) == (0, 2)

    async def test_move(self, api: Api, filled: None) -> None:
        await api("PUT", "queues/%2F/other", {})
        said = {"action": "move", "ids": await self.ids(api, 4, 1), "destination": {"routing_key": "other"}}
        assert (await api("POST", f"{MESSAGES}/actions", said))["done"] == 2
        assert await bodies(api) == ["body 0", "body 2", "body 3"]
        assert await bodies(api, "other") == ["body 1", "body 4"]
        moved = (await api("GET", "leveret/queues/%2F/other/messages"))["messages"][0]
        assert moved["properties"] == {"headers": {"colour": "red", "n": 7}, "type": "hat"}

    async def test_copy_all(self, api: Api, filled: None) -> None:
        await api("PUT", "queues/%2F/other", {})
        said = {"action": "copy", "all": True, "destination": {"routing_key": "other"}}
        assert (await api("POST", f"{MESSAGES}/actions", said))["done"] == 5
        assert await bodies(api) == await bodies(api, "other") == [f"body {number}" for number in range(5)]

    async def test_what_goes_nowhere_stays(self, api: Api, filled: None) -> None:
        said = {"action": "move", "all": True, "destination": {"routing_key": "nobody"}}
        found = await api("POST", f"{MESSAGES}/actions", said)
        assert found == {"done": 0, "missing": 0, "unroutable": 5, "refused": 0}
        said = {"action": "move", "all": True, "destination": {"exchange": "no", "routing_key": "x"}}
        await api("POST", f"{MESSAGES}/actions", said, 404)
        assert len(await bodies(api)) == 5

    async def test_what_is_refused_stays(self, api: Api, filled: None) -> None:
        arguments = {"x-max-length": 2, "x-overflow": "reject-publish"}
        await api("PUT", "queues/%2F/small", {"arguments": arguments})
        said = {"action": "move", "all": True, "destination": {"routing_key": "small"}}
        found = await api("POST", f"{MESSAGES}/actions", said)
        assert found == {"done": 2, "missing": 0, "unroutable": 0, "refused": 3}
        assert await bodies(api) == ["body 2", "body 3", "body 4"]

    async def test_redrive(self, api: Api) -> None:
        arguments = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead"}
        await api("PUT", "queues/%2F/work", {"arguments": arguments})
        await api("PUT", "queues/%2F/dead", {})
        for number in range(3):
            await publish(api, "work", f"{number}")
        await api("POST", "queues/%2F/work/get", {"count": 3, "ackmode": "reject_requeue_false"})
        await publish(api, "dead", "no dead letter")
        assert len(await bodies(api, "dead")) == 4
        found = await api("POST", "leveret/queues/%2F/dead/messages/actions", {"action": "redrive", "all": True})
        assert found == {"done": 3, "missing": 0, "unroutable": 1, "refused": 0}
        assert await bodies(api, "work") == ["0", "1", "2"]
        assert await bodies(api, "dead") == ["no dead letter"]

    async def test_rights_of_both_ends_are_asked_for(self, api: Api, filled: None, users: dict[str, Api]) -> None:
        await api("PUT", "queues/%2F/other", {})
        user = users["management"]
        said = {"action": "move", "all": True, "destination": {"routing_key": "other"}}
        await api("PUT", "permissions/%2F/management", {"configure": "", "write": "", "read": "^q$"})
        assert len(await bodies(user)) == 5
        refused = await user("POST", f"{MESSAGES}/actions", said, 401)
        assert "write access to exchange 'amq.default'" in refused["reason"]
        await api("PUT", "permissions/%2F/management", {"configure": "", "write": ".*", "read": ""})
        assert "read access to queue 'q'" in (await user("GET", MESSAGES, status=401))["reason"]
        assert "read access to queue 'q'" in (await user("POST", f"{MESSAGES}/actions", said, 401))["reason"]
        assert (
            "configure access to queue 'q'" in (await user("POST", "leveret/queues/%2F/q/pause", status=401))["reason"]
        )
        assert len(await bodies(api)) == 5

    @pytest.mark.parametrize(
        "said",
        [
            {},
            {"action": "eat", "all": True},
            {"action": "delete"},
            {"action": "delete", "ids": ["x"]},
            {"action": "delete", "ids": ["1-" + "9" * 50]},
            {"action": "delete", "ids": ["0-0"] * 10_001},
            {"action": "move", "all": True},
            {"action": "move", "all": True, "destination": {"routing_key": "q"}},
            {"action": "move", "all": True, "destination": {"routing_key": "x" * 300}},
        ],
        ids=lambda said: str(said)[:50],
    )
    async def test_what_is_wrong_is_said(self, api: Api, filled: None, said: dict[str, Any]) -> None:
        response = await api.client.post(f"{MESSAGES}/actions", json=said)
        if response.is_success:
            assert response.json()["done"] == 0
        else:
            assert response.status_code == 400, response.text
        assert len(await bodies(api)) == 5

    async def test_moves_are_kept(self, tmp_path: Path) -> None:
        async with leveret.Broker(management_port=0, data_dir=tmp_path) as broker:
            api = Api(broker)
            await api("PUT", "queues/%2F/q", {})
            await api("PUT", "queues/%2F/other", {})
            for number in range(4):
                await publish(api, "q", f"{number}", {"delivery_mode": 2})
            ids = await self.ids(api, 0, 2)
            await api("POST", f"{MESSAGES}/actions", {"action": "delete", "ids": ids[:1]})
            said = {"action": "move", "ids": ids[1:], "destination": {"routing_key": "other"}}
            await api("POST", f"{MESSAGES}/actions", said)
            await api.client.aclose()
        async with leveret.Broker(management_port=0, data_dir=tmp_path) as broker:
            api = Api(broker)
            assert await bodies(api) == ["1", "3"]
            assert await bodies(api, "other") == ["2"]
            await api.client.aclose()


class TestPause:
    async def test_nothing_is_delivered_until_it_goes_on(self, broker: leveret.Broker, api: Api, filled: None) -> None:
        await api("POST", "leveret/queues/%2F/q/pause", status=204)
        await api("POST", "leveret/queues/%2F/q/pause", status=204)
        assert (await api("GET", "queues/%2F/q"))["paused"] is True
        assert await api("POST", "queues/%2F/q/get", {"count": 1, "ackmode": "ack_requeue_true"}) == []
        connection = await aio_pika.connect(broker.url)
        channel = await connection.channel()
        queue = await channel.declare_queue("q", passive=True)
        got: asyncio.Queue[bytes] = asyncio.Queue()

        async def take(message: aio_pika.abc.AbstractIncomingMessage) -> None:
            got.put_nowait(message.body)

        await queue.consume(take, no_ack=True)
        await publish(api, "q", "body 5")
        assert (await queue.declare()).message_count == 6
        assert got.empty()
        await api("POST", "leveret/queues/%2F/q/resume", status=204)
        assert [await got.get() for _ in range(6)] == [b"body %d" % number for number in range(6)]
        await connection.close()

    @pytest.mark.parametrize("checkpoint", [False, True])
    async def test_it_is_kept(self, tmp_path: Path, checkpoint: bool) -> None:
        async with leveret.Broker(management_port=0, data_dir=tmp_path) as broker:
            api = Api(broker)
            await api("PUT", "queues/%2F/q", {})
            await api("PUT", "queues/%2F/other", {})
            await api("POST", "leveret/queues/%2F/q/pause")
            await api("POST", "leveret/queues/%2F/other/pause")
            await api("POST", "leveret/queues/%2F/other/resume")
            await api.client.aclose()
        for _ in range(1 + checkpoint):  # a clean stop makes a checkpoint: the next start reads that
            async with leveret.Broker(management_port=0, data_dir=tmp_path) as broker:
                api = Api(broker)
                assert (await api("GET", "queues/%2F/q"))["paused"] is True
                assert (await api("GET", "queues/%2F/other"))["paused"] is False
                await api.client.aclose()


class TestRoutes:
    async def test_each_step_is_told(self, api: Api) -> None:
        await api("PUT", "exchanges/%2F/in", {"type": "topic", "arguments": {"alternate-exchange": "lost"}})
        await api("PUT", "exchanges/%2F/inner", {"type": "headers"})
        await api("PUT", "exchanges/%2F/lost", {"type": "fanout"})
        for queue in ("a", "b", "rest"):
            await api("PUT", f"queues/%2F/{queue}", {})
        await api("POST", "bindings/%2F/e/in/q/a", {"routing_key": "x.*"})
        await api("POST", "bindings/%2F/e/in/q/a", {"routing_key": "y.*"})
        await api("POST", "bindings/%2F/e/in/e/inner", {"routing_key": "x.#"})
        await api("POST", "bindings/%2F/e/inner/q/b", {"arguments": {"x-match": "all", "colour": "red"}})
        await api("POST", "bindings/%2F/e/lost/q/rest", {})

        found = await api("POST", "leveret/routes/%2F", {"exchange": "in", "routing_key": "x.1"})
        assert (found["queues"], found["unroutable"]) == (["a"], False)
        assert [
            (hop["from"]["name"], hop["to"]["name"], hop["reason"], hop["routing_key"]) for hop in found["hops"]
        ] == [
            ("in", "a", "binding", "x.*"),
            ("in", "inner", "binding", "x.#"),
        ]
        said = {"exchange": "in", "routing_key": "x.1", "headers": {"colour": "red"}}
        found = await api("POST", "leveret/routes/%2F", said)
        assert found["queues"] == ["a", "b"]
        assert found["hops"][2]["from"] == {"type": "exchange", "name": "inner", "kind": "headers"}
        assert found["hops"][2]["arguments"] == {"x-match": "all", "colour": "red"}

        found = await api("POST", "leveret/routes/%2F", {"exchange": "in", "routing_key": "z"})
        assert found["queues"] == ["rest"]
        assert found["hops"][0]["reason"] == "alternate-exchange"
        found = await api("POST", "leveret/routes/%2F", {"exchange": "", "routing_key": "a"})
        assert (found["queues"], found["hops"][0]["reason"]) == (["a"], "default")
        found = await api("POST", "leveret/routes/%2F", {"exchange": "amq.direct", "routing_key": "a"})
        assert found == {"queues": [], "hops": [], "unroutable": True, "steps_cut": False}
        await api("POST", "leveret/routes/%2F", {"exchange": "no", "routing_key": "a"}, 404)

    @pytest.mark.parametrize("kind", ["x-consistent-hash", "x-random", "x-modulus-hash", "x-local-random", "topic"])
    async def test_every_kind(self, api: Api, kind: str) -> None:
        key = "" if kind == "x-local-random" else "1"
        await api("PUT", "exchanges/%2F/x", {"type": kind})
        for queue in ("a", "b"):
            await api("PUT", f"queues/%2F/{queue}", {})
            await api("POST", f"bindings/%2F/e/x/q/{queue}", {"routing_key": key})
        found = await api("POST", "leveret/routes/%2F", {"exchange": "x", "routing_key": key})
        assert found["queues"]
        assert set(found["queues"]) <= {"a", "b"}
        assert (await api("GET", "queues/%2F/a"))["messages"] == 0


async def test_topology(api: Api) -> None:
    arguments = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead"}
    await api("PUT", "queues/%2F/q", {"arguments": arguments})
    await api("PUT", "queues/%2F/dead", {})
    await api("PUT", "exchanges/%2F/x", {"type": "topic", "arguments": {"alternate-exchange": "amq.fanout"}})
    await api("POST", "bindings/%2F/e/x/q/q", {"routing_key": "a.#"})
    found = await api("GET", "leveret/topology/%2F")
    nodes = {node["id"]: node for node in found["nodes"]}
    assert nodes["exchange:x"]["kind"] == "topic"
    assert nodes["queue:q"]["messages"] == 0
    assert {(edge["source"], edge["target"], edge["kind"]) for edge in found["edges"]} == {
        ("exchange:x", "queue:q", "binding"),
        ("exchange:x", "exchange:amq.fanout", "alternate"),
        ("queue:q", "queue:dead", "dead-letter"),
    }
    assert found["cut"] is False


class TestEvents:
    async def read(self, lines: Any) -> tuple[str, Any]:
        """The next event."""
        name = ""
        async for line in lines:
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: "):
                return name, json.loads(line.removeprefix("data: "))
        raise AssertionError("no more events")

    async def test_they_come_as_they_happen(self, broker: Any, api: Api) -> None:
        async with api.client.stream("GET", "leveret/events") as response:
            assert response.headers["content-type"].startswith("text/event-stream")
            lines = response.aiter_lines()
            await anext(lines)
            await api("PUT", "queues/%2F/q", {"arguments": {"x-max-length": 3}})
            name, about = await self.read(lines)
            assert (name, about["name"], about["arguments"]) == ("queue.created", "q", {"x-max-length": 3})
            await api("POST", "leveret/queues/%2F/q/pause")
            assert await self.read(lines) == ("queue.paused", {"name": "q", "vhost": "/"})
        while broker._node.brain.events.listeners:  # noqa: ASYNC110 (nobody tells)
            await asyncio.sleep(0)

    async def test_only_of_vhosts_that_one_may_look_at(self, users: dict[str, Api], api: Api) -> None:
        async with users["management"].client.stream("GET", "leveret/events") as response:
            lines = response.aiter_lines()
            await anext(lines)
            await api("PUT", "queues/other/hidden", {})
            await api("PUT", "queues/%2F/seen", {})
            assert (await self.read(lines))[1]["name"] == "seen"

    async def test_who_is_too_slow_is_dropped(self, broker: Any, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("leveret.management.http.events.EVENTS_WAITING_MAX", 3)
        from leveret.management.http.events import _Reader

        caller = SimpleNamespace(user=SimpleNamespace(name="a"), is_administrator=True, has=lambda _: True)
        reader = _Reader(caller, None)  # type: ignore[arg-type]
        for _ in range(4):
            reader.told("queue.created", {"name": "q"})
        assert reader.is_over
        assert [one async for one in reader.read()] == [b": here\n\n"]

    async def test_there_are_only_so_many(self, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("leveret.management.http.events.EVENT_READERS_MAX", 0)
        await api("GET", "leveret/events", status=503)

    async def test_the_broker_stops_all_the_same(self) -> None:
        async with leveret.Broker(management_port=0) as broker:
            client = httpx.AsyncClient(base_url=broker.management_url, auth=("guest", "guest"))
            response = await client.send(client.build_request("GET", "api/leveret/events"), stream=True)
        with pytest.raises(httpx.HTTPError):
            async for _ in response.aiter_bytes():
                pass
        await client.aclose()


class TestMoving:
    """What was accepted once is not asked the same questions again, and goes where it is told to and nowhere else."""

    @pytest.fixture
    async def of_ann(self, broker: leveret.Broker, api: Api) -> None:
        """A message of another user in q, which was sent to `copied`, too."""
        await broker.add_user("ann", "ann")
        await broker.set_permissions("ann")
        for name in ("q", "other", "copied"):
            await api("PUT", f"queues/%2F/{name}", {})
        connection = await aio_pika.connect(broker.url.replace("guest:guest@", "ann:ann@"))
        channel = await connection.channel()
        message = aio_pika.Message(b"hello", user_id="ann", headers={"CC": ["copied"], "colour": "red"})
        await channel.default_exchange.publish(message, "q")
        await connection.close()

    @pytest.mark.usefixtures("of_ann")
    @pytest.mark.parametrize("action", ["move", "copy"])
    async def test_messages_of_others(self, api: Api, action: str) -> None:
        said = {"action": action, "all": True, "destination": {"exchange": "", "routing_key": "other"}}
        assert (await api("POST", f"{MESSAGES}/actions", said))["done"] == 1
        (found,) = (await api("GET", "leveret/queues/%2F/other/messages"))["messages"]
        assert (found["payload"], found["properties"]["user_id"]) == ("hello", "ann")
        assert found["properties"]["headers"] == {"colour": "red"}
        assert await bodies(api, "copied") == ["hello"]

    async def test_not_while_the_disk_is_short(self, broker: Any, api: Api, filled: None) -> None:
        await api("PUT", "queues/%2F/other", {})
        broker._node.alarms.log_full(True)
        for action in ("move", "copy", "redrive"):
            said = {"action": action, "all": True, "destination": {"exchange": "", "routing_key": "other"}}
            found = await api("POST", f"{MESSAGES}/actions", said, 503)
            assert found["error"] == "resource_alarm"
        said = {"properties": {}, "routing_key": "q", "payload": "", "payload_encoding": "string"}
        await api("POST", "exchanges/%2F/amq.default/publish", said, 503)
        assert len(await bodies(api)) == 5
        assert (await api("POST", f"{MESSAGES}/actions", {"action": "delete", "all": True}))["done"] == 5
