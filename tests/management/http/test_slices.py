"""Whatever is asked for, others have their turn: nothing walks over many objects at once, and nothing asks for ever."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import aio_pika
import pytest

import leveret
from leveret.management.statistics import Series, Span

from .conftest import Api

MANY = 300
"""Objects of each kind; a request that pauses after every one has more turns than that."""


@pytest.fixture
async def many(broker: leveret.Broker, monkeypatch: pytest.MonkeyPatch) -> leveret.Broker:
    """Queues with bindings, and one with messages; every look at the clock says that it is time for others."""
    await broker.import_definitions(
        json.dumps(
            {
                "exchanges": [{"name": "x", "vhost": "/", "type": "topic"}],
                "queues": [{"name": f"q{number}", "vhost": "/"} for number in range(MANY)],
                "bindings": [
                    {
                        "source": "x",
                        "vhost": "/",
                        "destination": f"q{number}",
                        "destination_type": "queue",
                        "routing_key": "#",
                    }
                    for number in range(MANY)
                ],
            }
        ).encode()
    )
    monkeypatch.setattr("leveret.management.http.reply._SLICE_NS", -1)
    return broker


@contextmanager
def turns() -> Iterator[list[int]]:
    """How many turns of the loop there were."""
    count = [0]

    async def going() -> None:
        while True:
            count[0] += 1
            await asyncio.sleep(0)

    task = asyncio.get_running_loop().create_task(going())
    try:
        yield count
    finally:
        task.cancel()


WALKS = [
    "overview",
    "queues",
    "queues?page=1&sort=messages",
    "queues?page=1&name=q&use_regex=true",
    "bindings",
    "bindings/%2F",
    "exchanges/%2F/x/bindings/source",
    "exchanges/%2F/amq.default/bindings/source",
    "definitions",
    "definitions/%2F",
    "leveret/topology/%2F",
    "../metrics",
    "../metrics/per-object",
    "../metrics/detailed?family=queue_metrics",
]


@pytest.mark.parametrize("path", WALKS)
async def test_a_walk_over_many(many: leveret.Broker, api: Api, path: str) -> None:
    with turns() as count:
        response = await api.client.get(path)
    assert response.is_success
    assert count[0] > MANY


@pytest.mark.parametrize(
    ("path", "least"),
    [
        ("leveret/topology/%2F", 5 * MANY // 2),  # and as many queues, and bindings
        ("../metrics/detailed?family=exchange_names", MANY),
        ("../metrics/detailed?family=exchange_bindings", MANY),
    ],
)
async def test_a_walk_over_exchanges(many: leveret.Broker, api: Api, path: str, least: int) -> None:
    exchanges = [{"name": f"e{number}", "vhost": "/", "type": "fanout"} for number in range(MANY)]
    await many.import_definitions(json.dumps({"exchanges": exchanges}).encode())
    with turns() as count:
        response = await api.client.get(path)
    assert response.is_success
    assert count[0] > least


@pytest.mark.usefixtures("many")
async def test_sorting_by_what_is_shown(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("leveret.management.http.reply._PORTION", 50)
    with turns() as count:
        found = await api("GET", "queues?sort=messages&sort_reverse=true&columns=name")
    assert [one["name"] for one in found[:2]] == ["q99", "q98"]  # the order of names, turned round
    assert count[0] > 3 * MANY  # by name, as JSON, and by what is shown


async def test_the_way_of_a_message(many: leveret.Broker, api: Api) -> None:
    with turns() as count:
        found = await api("POST", "leveret/routes/%2F", {"exchange": "x", "routing_key": "a"})
    assert len(found["queues"]) == MANY
    assert count[0] > MANY


async def _ignored(message: Any) -> None:
    """Nobody acknowledges."""


async def test_a_channel_among_many_consumers(many: leveret.Broker, api: Api) -> None:
    connection = await aio_pika.connect(many.url)
    channel = await connection.channel()
    await (await channel.get_queue("q7")).consume(_ignored)
    (found,) = await api("GET", "channels")
    with turns() as count:
        told = await api("GET", "channels/" + found["name"].replace(" ", "%20").replace(">", "%3E"))
    assert [one["queue"]["name"] for one in told["consumer_details"]] == ["q7"]
    assert count[0] > MANY
    await connection.close()


class TestMessages:
    @pytest.fixture
    async def deep(self, many: leveret.Broker) -> None:
        connection = await aio_pika.connect(many.url)
        channel = await connection.channel()
        for number in range(MANY):
            await channel.default_exchange.publish(aio_pika.Message(b"%d" % number), "q0")
        await connection.close()

    @pytest.mark.usefixtures("deep")
    @pytest.mark.parametrize("mode", ["ack_requeue_true", "ack_requeue_false"])
    async def test_getting(self, api: Api, mode: str) -> None:
        with turns() as count:
            found = await api("POST", "queues/%2F/q0/get", {"count": MANY, "ackmode": mode})
        assert len(found) == MANY
        assert count[0] > MANY
        left = (await api("GET", "leveret/queues/%2F/q0/messages"))["total"]
        assert left == (MANY if mode == "ack_requeue_true" else 0)

    @pytest.mark.usefixtures("deep")
    @pytest.mark.parametrize(
        "said",
        [
            {"action": "delete"},
            {"action": "copy", "destination": {"routing_key": "q1"}},
            {"action": "move", "destination": {"routing_key": "q1"}},
        ],
        ids=lambda said: said["action"],
    )
    async def test_acting(self, api: Api, said: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("leveret.management.http.browsing._AT_ONCE", 1)
        with turns() as count:
            found = await api("POST", "leveret/queues/%2F/q0/messages/actions", {**said, "all": True})
        assert found["done"] == MANY
        assert count[0] > MANY

    @pytest.mark.usefixtures("deep")
    async def test_what_is_in_one_answer_has_a_bound(self, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("leveret.management.http.messages.API_ANSWER_MAX", 5)
        monkeypatch.setattr("leveret.management.http.browsing.API_ANSWER_MAX", 5)
        found = await api("GET", "leveret/queues/%2F/q0/messages")
        assert [one["payload"] for one in found["messages"]] == ["0", "1", "2", "3", "4", "5"]
        assert found["total"] == MANY
        found = await api("GET", "leveret/queues/%2F/q0/messages/search")
        assert (len(found["messages"]), found["next_offset"]) == (6, 6)
        found = await api("POST", "queues/%2F/q0/get", {"count": MANY, "ackmode": "ack_requeue_false"})
        assert [one["payload"] for one in found] == ["0", "1", "2", "3", "4"]
        assert (await api("GET", "leveret/queues/%2F/q0/messages"))["total"] == MANY - 5

    @pytest.mark.usefixtures("deep")
    async def test_a_search_has_a_bound_in_bytes(self, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("leveret.management.http.browsing.SEARCH_BYTES_MAX", 20)
        found = await api("GET", "leveret/queues/%2F/q0/messages/search?text=nothing")
        assert found == {"messages": [], "scanned": 16, "next_offset": 16}


@pytest.mark.parametrize(
    "path", ["queues?page=1&use_regex=true&name=", "../metrics/detailed?family=queue_metrics&queue="]
)
async def test_a_pattern_that_takes_for_ever_is_tried_once(
    api: Api, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        await api("PUT", f"queues/%2F/{'q' * 60}{number}", {})
    monkeypatch.setattr("leveret.patterns.PATTERN_TIMEOUT_S", 1e-9)
    found = await api("GET", path + "(q%7Cqq)*!", status=400)
    assert found["reason"] == "regular expression takes too long"


async def test_names_of_many_letters_in_large_answers(api: Api, broker: leveret.Broker) -> None:
    """An answer in many parts is what it would be in one."""
    queues = [{"name": f'{number}-é\u2028"' + "q" * 200, "vhost": "/"} for number in range(600)]
    await broker.import_definitions(json.dumps({"queues": queues}).encode())
    response = await api.client.get("queues")
    assert len(response.content) == int(response.headers["content-length"]) > 2 * 256 * 1024
    assert [one["name"] for one in response.json()] == sorted(one["name"] for one in queues)
    exported = await api("GET", "definitions")
    assert exported == json.loads(broker.export_definitions())


class TestHistory:
    def test_of_a_busy_object(self) -> None:
        """As many steps as samples and times together; what lies before the first sample is not known."""
        series = Series()
        for number in range(100):
            series.record(10_000 + number * 5_000, (number,))
        told = series.history(0, Span(600, 5))
        assert [one["sample"] for one in told["samples"]] == [*range(99, -1, -1)]
        assert told["samples"][0]["timestamp"] == 505_000
        told = series.history(0, Span(20, 2))
        assert [(one["timestamp"], one["sample"]) for one in told["samples"]][:4] == [
            (504_000, 98),
            (502_000, 98),
            (500_000, 98),
            (498_000, 97),
        ]
        assert told["avg_rate"] == pytest.approx(0.2)
