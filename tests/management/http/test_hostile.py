"""What people may send that makes no sense: it is refused, and the broker is as it was, also after a restart."""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

import leveret

from .conftest import Api

HUGE = 1 << 70
DIGITS = "9" * 5000

SENSELESS = [
    ("vhosts/a", {"description": 5}),
    ("vhosts/a", {"default_queue_type": 5}),
    ("vhosts/a", {"protected_from_deletion": "yes"}),
    ("vhosts/a", {"tags": 5}),
    ("vhosts/a", {"tags": [5]}),
    ("vhosts/a", {"metadata": {"description": []}}),
    ("users/a", {"tags": [{}], "password_hash": ""}),
    ("users/a", {"tags": True, "password_hash": ""}),
    ("users/a", {"tags": "", "password_hash": "", "hashing_algorithm": 5}),
    ("users/a", {"tags": "", "password_hash": "", "password": "a"}),
    ("user-limits/guest/max-connections", {"value": HUGE}),
    ("vhost-limits/%2F/max-queues", {"value": HUGE}),
    ("policies/%2F/a", {"pattern": "a", "definition": {"max-length": HUGE}}),
    ("policies/%2F/a", {"pattern": "a", "definition": {"max-length": 1}, "priority": "high"}),
    ("policies/%2F/a", {"pattern": "a", "definition": {"max-length": 1}, "apply-to": 5}),
    ("parameters/c/%2F/n", {"value": HUGE}),
    ("global-parameters/n", {"value": {"a": HUGE}}),
    ("cluster-name", {"name": "x" * 70_000}),
    ("queues/%2F/a", {"arguments": {"a": HUGE}}),
    ("queues/%2F/a", {"arguments": 5}),
    ("queues/%2F/a", {"arguments": "text"}),
    ("exchanges/%2F/a", {"type": "direct", "arguments": True}),
]


@pytest.mark.parametrize(("path", "said"), SENSELESS, ids=lambda value: str(value)[:60])
async def test_nothing_senseless_is_kept(path: str, said: dict[str, Any], tmp_path: Path) -> None:
    async with leveret.Broker(management_port=0, data_dir=tmp_path) as broker:
        api = Api(broker)
        answer = await api("PUT", path, said, HTTPStatus.BAD_REQUEST)
        assert answer["error"] == "bad_request"
        await api.client.aclose()
        before = broker.export_definitions()
    async with leveret.Broker(data_dir=tmp_path) as broker:
        assert broker.export_definitions() == before


@pytest.mark.parametrize(
    "properties",
    [
        {"headers": 5},
        {"headers": []},
        {"content_type": 5},
        {"content_type": {}},
        {"delivery_mode": HUGE},
        {"delivery_mode": "2"},
        {"timestamp": "now"},
        {"timestamp": 1.5},
        {"headers": {"a": HUGE}},
        {"headers": {"x" * 300: 1}},
        {"__init__": 5},
        {"__class__": 5},
        {"__slots__": ()},
    ],
    ids=str,
)
async def test_properties_that_are_none(api: Api, properties: dict[str, Any]) -> None:
    said = {"properties": properties, "routing_key": "q", "payload": "", "payload_encoding": "string"}
    await api("POST", "exchanges/%2F/amq.default/publish", said, HTTPStatus.BAD_REQUEST)


async def test_a_list_of_users_to_delete_that_is_none(api: Api) -> None:
    await api("PUT", "users/a", {"password": "a", "tags": ""})
    for users in ([{}], [[]], ["a", {}]):
        await api("POST", "users/bulk-delete", {"users": users}, HTTPStatus.BAD_REQUEST)
    await api("GET", "users/a")


@pytest.mark.parametrize(
    "path",
    [
        f"overview?lengths_age={DIGITS}&lengths_incr=1",
        f"overview?lengths_age=10&lengths_incr={DIGITS}",
        f"queues?page={DIGITS}",
        f"queues?page=1&page_size={DIGITS}",
        f"health/checks/port-listener/{DIGITS}",
        f"health/checks/certificate-expiration/{DIGITS}/days",
    ],
    ids=lambda path: path[:40],
)
async def test_numbers_of_many_digits(api: Api, path: str) -> None:
    await api("GET", path, status=HTTPStatus.BAD_REQUEST)


async def test_a_file_name_of_any_letters(api: Api) -> None:
    response = await api.client.get("definitions", params={"download": '日本"\r\n.json'})
    assert response.headers["content-disposition"] == 'attachment; filename=".json"'


async def test_a_reason_of_any_length(api: Api, broker: leveret.Broker) -> None:
    import aio_pika

    connection = await aio_pika.connect(broker.url)
    try:
        (told,) = await api("GET", "connections")
        reason = ("è" * 500).encode()
        await api("DELETE", f"connections/{told['name']}", headers={"x-reason": reason})
        with pytest.raises(Exception):  # noqa: B017, PT011 -- as the client says it
            await connection.channel()
        assert await api("GET", "connections") == []
    finally:
        await connection.close()


async def test_parameters_as_deep_as_nobody_needs(api: Api) -> None:
    value: list[Any] = []
    for _ in range(200):
        value = [value]
    await api("PUT", "parameters/c/%2F/n", {"value": value}, HTTPStatus.BAD_REQUEST)
