"""Who may do what through the API: a table of calls, and every kind of user against each."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import aio_pika
import pytest

import leveret

from .conftest import Api

NONE, MANAGEMENT, POLICYMAKER, MONITORING, ADMINISTRATOR = (
    "none",
    "management",
    "policymaker",
    "monitoring",
    "administrator",
)
EVERYBODY: Final = (MANAGEMENT, POLICYMAKER, MONITORING, ADMINISTRATOR)
SEEING: Final = (MONITORING, ADMINISTRATOR)
MAKING: Final = (POLICYMAKER, ADMINISTRATOR)
ADMINS: Final = (ADMINISTRATOR,)

CALLS: Final[list[tuple[str, str, Any, tuple[str, ...]]]] = [
    ("GET", "overview", None, EVERYBODY),
    ("GET", "whoami", None, EVERYBODY),
    ("GET", "version", None, EVERYBODY),
    ("GET", "cluster-name", None, EVERYBODY),
    ("PUT", "cluster-name", {"name": "x"}, ADMINS),
    ("GET", "nodes", None, SEEING),
    ("GET", "nodes/rabbit@leveret", None, SEEING),
    ("GET", "nodes/rabbit@leveret/memory", None, SEEING),
    ("GET", "config/effective", None, ADMINS),
    ("GET", "feature-flags", None, SEEING),
    ("GET", "definitions", None, ADMINS),
    ("POST", "definitions", {}, ADMINS),
    ("GET", "definitions/%2F", None, ADMINS),
    ("GET", "queues", None, EVERYBODY),
    ("GET", "queues/%2F", None, EVERYBODY),
    ("GET", "queues/other", None, SEEING),
    ("PUT", "queues/%2F/q", {}, EVERYBODY),
    ("PUT", "queues/other/q", {}, ()),
    ("GET", "exchanges/%2F/amq.direct", None, EVERYBODY),
    ("GET", "exchanges/other/amq.direct", None, SEEING),
    ("PUT", "exchanges/%2F/x", {"type": "fanout"}, EVERYBODY),
    ("GET", "bindings/%2F", None, EVERYBODY),
    ("POST", "bindings/%2F/e/amq.fanout/q/kept", {}, EVERYBODY),
    ("POST", "queues/%2F/kept/get", {"count": 1, "ackmode": "ack_requeue_true"}, EVERYBODY),
    ("DELETE", "queues/%2F/kept/contents", None, EVERYBODY),
    ("GET", "connections", None, EVERYBODY),
    ("GET", "channels", None, EVERYBODY),
    ("GET", "consumers/%2F", None, EVERYBODY),
    ("GET", "vhosts", None, EVERYBODY),
    ("GET", "vhosts/%2F", None, EVERYBODY),
    ("GET", "vhosts/other", None, SEEING),
    ("PUT", "vhosts/new", {}, ADMINS),
    ("GET", "users", None, ADMINS),
    ("GET", "users/none", None, ADMINS),
    ("PUT", "users/new", {"password": "x", "tags": "administrator"}, ADMINS),
    ("PUT", "users/none", {"tags": "administrator"}, ADMINS),
    ("POST", "users/bulk-delete", {"users": []}, ADMINS),
    ("GET", "users/none/permissions", None, ADMINS),
    ("GET", "permissions", None, ADMINS),
    ("PUT", "permissions/other/none", {"configure": "", "write": "", "read": ""}, ADMINS),
    ("GET", "topic-permissions", None, ADMINS),
    ("GET", "policies", None, MAKING),
    ("PUT", "policies/%2F/p", {"pattern": "x", "definition": {"max-length": 1}}, MAKING),
    ("PUT", "operator-policies/%2F/p", {"pattern": "x", "definition": {"max-length": 1}}, ADMINS),
    ("GET", "parameters", None, MAKING),
    ("GET", "global-parameters", None, MAKING),
    ("PUT", "global-parameters/x", {"value": 1}, ADMINS),
    ("GET", "vhost-limits", None, EVERYBODY),
    ("PUT", "vhost-limits/%2F/max-queues", {"value": 100}, ADMINS),
    ("GET", "user-limits", None, SEEING),
    ("PUT", "user-limits/none/max-channels", {"value": 100}, ADMINS),
    ("GET", "health/checks/alarms", None, EVERYBODY),
    ("GET", "aliveness-test/%2F", None, EVERYBODY),
    ("DELETE", "reset", None, ADMINS),
]


@pytest.mark.parametrize(("method", "path", "said", "allowed"), CALLS, ids=lambda one: str(one)[:40])
async def test_who_may(
    users: dict[str, Api], api: Api, method: str, path: str, said: Any, allowed: tuple[str, ...]
) -> None:
    await api("PUT", "queues/%2F/kept", {})
    for tag, user in users.items():
        response = await user.client.request(method, path, json=said)
        if tag in allowed:
            assert response.is_success, (tag, response.text)
        else:
            assert response.status_code == 401, (tag, response.text)
            assert response.json()["error"] in ("not_authorised", "not_authorized")


async def test_every_path_has_a_handler_that_asks_who_calls(broker: Any, api: Api) -> None:
    from leveret.management.http.app import PATHS

    api.client.auth = None
    for path, handlers in PATHS.items():
        for method in handlers if isinstance(handlers, dict) else ("GET",):
            answer = await api(method, path.replace("{", "").replace("}", ""), status=401)
            assert answer == {"error": "not_authorized", "reason": "Login failed"}, path


async def test_objects_are_under_the_same_rights_as_in_amqp(users: dict[str, Api], api: Api) -> None:
    await api("PUT", "permissions/%2F/management", {"configure": "^mine$", "write": "", "read": ""})
    user = users[MANAGEMENT]
    await user("PUT", "queues/%2F/mine", {}, 201)
    refused = await user("PUT", "queues/%2F/yours", {}, 401)
    assert refused["reason"] == (
        "ACCESS_REFUSED - configure access to queue 'yours' in vhost '/' refused for user 'management'"
    )
    said = {"properties": {}, "routing_key": "mine", "payload": "x", "payload_encoding": "string"}
    refused = await user("POST", "exchanges/%2F/amq.default/publish", said, 401)
    assert "write access to exchange 'amq.default' in vhost '/' refused" in refused["reason"]
    refused = await user("POST", "queues/%2F/mine/get", {"count": 1, "ackmode": "ack_requeue_true"}, 401)
    assert "read access to queue 'mine' in vhost '/' refused" in refused["reason"]


async def test_topic_permissions_count(users: dict[str, Api], api: Api) -> None:
    said = {"exchange": "amq.topic", "write": "^own\\.", "read": ""}
    await api("PUT", "topic-permissions/%2F/management", said, 201)
    publish = {"properties": {}, "payload": "x", "payload_encoding": "string"}
    user = users[MANAGEMENT]
    await user("POST", "exchanges/%2F/amq.topic/publish", publish | {"routing_key": "own.x"})
    refused = await user("POST", "exchanges/%2F/amq.topic/publish", publish | {"routing_key": "other.x"}, 401)
    assert "topic 'other.x'" in refused["reason"]


async def test_without_tags_nobody_comes_in(users: dict[str, Api]) -> None:
    answer = await users[NONE]("GET", "overview", status=401)
    assert answer == {"error": "not_authorized", "reason": "Not management user"}


async def test_wrong_passwords(broker: Any, api: Api) -> None:
    wrong = Api(broker, "guest", "wrong")
    response = await wrong.client.get("overview")
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == 'Basic realm="Leveret"'
    by_script = await wrong.client.get("overview", headers={"x-requested-with": "leveret"})
    assert by_script.status_code == 401
    assert "www-authenticate" not in by_script.headers  # else the browser opens a login of its own
    for header in ("Basic", "Basic !!!", "Basic Z3Vlc3Q=", "Bearer x"):
        await api("GET", "overview", status=401, headers={"authorization": header}, auth=None)
    await wrong.client.aclose()


class TestParameters:
    """A shovel's address may have a password in it."""

    async def test_of_virtual_hosts_that_one_may_not_look_at(self, users: dict[str, Api], api: Api) -> None:
        await api("PUT", "parameters/shovel/other/s", {"value": {"src-uri": "amqp://name:secret@there"}})
        await api("PUT", "parameters/shovel/%2F/own", {"value": 1})
        user = users[POLICYMAKER]
        for path in ("parameters", "parameters/shovel"):
            assert [one["name"] for one in await user("GET", path)] == ["own"]
        await user("GET", "parameters/shovel/other", status=401)
        await user("GET", "parameters/shovel/other/s", status=401)
        assert len(await api("GET", "parameters/shovel")) == 2

    async def test_who_sees_everything_still_makes_only_what_its_rights_allow(
        self, users: dict[str, Api], api: Api
    ) -> None:
        await api("PUT", "parameters/shovel/other/s", {"value": "secret"})
        kept = await api("GET", "users/policymaker")
        await api("PUT", "users/policymaker", {**kept, "tags": "policymaker,monitoring"})
        user = users[POLICYMAKER]
        await user("GET", "queues/other")
        policy = {"pattern": "x", "definition": {"max-length": 1}}
        await user("PUT", "policies/other/p", policy, 401)
        await user("DELETE", "policies/other/p", status=401)
        await user("PUT", "parameters/shovel/other/s", {"value": 1}, 401)
        await user("GET", "parameters/shovel/other/s", status=401)
        assert await user("GET", "parameters") == []
        await user("PUT", "policies/%2F/p", policy)
        await api("PUT", "policies/other/p", policy)  # administrators may do it everywhere

    @pytest.mark.parametrize("component", ["policy", "operator_policy"])
    async def test_policies_are_not_made_so(self, users: dict[str, Api], component: str) -> None:
        said = {"value": {"pattern": ".*", "definition": {"max-length": 1}, "priority": 1, "apply-to": "all"}}
        refused = await users[POLICYMAKER]("PUT", f"parameters/{component}/%2F/p", said, 400)
        assert refused["reason"] == "policies may not be set using this method"


class TestExclusiveQueues:
    """They are their connection's; who keeps house may do what rabbitmqctl does."""

    @pytest.fixture
    async def own(self, broker: leveret.Broker) -> AsyncIterator[None]:
        connection = await aio_pika.connect(broker.url)
        channel = await connection.channel()
        await channel.declare_queue("own", exclusive=True)
        await channel.default_exchange.publish(aio_pika.Message(b"secret"), "own")
        yield
        await connection.close()

    @pytest.mark.parametrize(
        ("method", "path", "said"),
        [
            ("POST", "queues/%2F/own/get", {"count": 1, "ackmode": "ack_requeue_false"}),
            ("DELETE", "queues/%2F/own/contents", None),
            ("DELETE", "queues/%2F/own", None),
            ("POST", "bindings/%2F/e/amq.fanout/q/own", {}),
            ("GET", "leveret/queues/%2F/own/messages", None),
            ("GET", "leveret/queues/%2F/own/messages/search", None),
            ("POST", "leveret/queues/%2F/own/messages/actions", {"action": "delete", "all": True}),
            ("POST", "leveret/queues/%2F/own/pause", None),
        ],
        ids=lambda one: str(one)[:40],
    )
    @pytest.mark.usefixtures("own")
    async def test_are_locked_for_others(
        self, users: dict[str, Api], api: Api, method: str, path: str, said: Any
    ) -> None:
        for tag in (MANAGEMENT, POLICYMAKER, MONITORING):
            refused = await users[tag](method, path, said, 400)
            assert "RESOURCE_LOCKED" in refused["reason"] or "cannot obtain exclusive access" in refused["reason"]
        await api(method, path, said)


@asynccontextmanager
async def events_of(user: Api) -> AsyncIterator[AsyncIterator[tuple[str, Any]]]:
    """Name and data of each event that it is told."""
    async with user.client.stream("GET", "leveret/events") as response:
        assert response.status_code == 200
        lines = response.aiter_lines()
        await anext(lines)

        async def told() -> AsyncIterator[tuple[str, Any]]:
            async for line in lines:
                if line.startswith("event: "):
                    data = await anext(lines)
                    yield line.removeprefix("event: "), json.loads(data.removeprefix("data: "))

        yield told()


class TestEvents:
    @pytest.mark.parametrize("tag", EVERYBODY)
    async def test_what_is_told_is_what_could_be_listed(
        self, broker: leveret.Broker, users: dict[str, Api], api: Api, tag: str
    ) -> None:
        async with events_of(users[tag]) as told:
            await api("PUT", "queues/%2F/first", {})
            await api("PUT", "permissions/other/guest", {"configure": ".+", "write": ".*", "read": ".*"})
            await api("PUT", "queues/other/theirs", {})
            await api("PUT", "policies/%2F/p", {"pattern": "x", "definition": {"max-length": 1}})
            await api("PUT", "users/new", {"password": "x", "tags": ""})
            await (await aio_pika.connect(broker.url)).close()
            own = await aio_pika.connect(broker.url.replace("guest:guest@", f"{tag}:{tag}@"))
            await own.close()
            await api("DELETE", "queues/%2F/first")
            found: list[tuple[str, Any]] = []
            async with asyncio.timeout(10):
                while not found or found[-1][0] != "queue.deleted":
                    found.append(await anext(told))
        names = {name for name, _ in found}
        sees_all = tag in (MONITORING, ADMINISTRATOR)
        assert "queue.created" in names
        assert ({about["name"] for name, about in found if name == "queue.created"} == {"first", "theirs"}) is sees_all
        assert ("policy.set" in names) is (tag in MAKING)
        assert ("user.created" in names) is (tag in ADMINS)
        assert ("permission.created" in names) is (tag in ADMINS)
        connected = {about["user"] for name, about in found if name == "connection.created"}
        assert connected == ({"guest", tag} if sees_all else {tag})

    async def test_they_end_when_what_a_user_is_or_may_changes(self, users: dict[str, Api], api: Api) -> None:
        changes: list[tuple[str, str, Any]] = [
            ("DELETE", "permissions/%2F/management", None),
            ("PUT", "permissions/%2F/management", {"configure": "", "write": "", "read": ""}),
            ("PUT", "users/management", {"password": "other", "tags": "management"}),
        ]
        for change in changes:
            async with asyncio.timeout(10), events_of(users[MANAGEMENT]) as told:
                await api(*change)
                await api("PUT", "queues/%2F/unseen", {})
                with pytest.raises(StopAsyncIteration):
                    await anext(told)
            await api("DELETE", "queues/%2F/unseen")
            if change[0] == "DELETE":
                await api("PUT", "permissions/%2F/management", {"configure": "x", "write": "", "read": ""})

    async def test_other_users_changes_end_nothing(self, users: dict[str, Api], api: Api) -> None:
        async with asyncio.timeout(10), events_of(users[MANAGEMENT]) as told:
            await api("PUT", "users/monitoring", {"password": "other", "tags": ""})
            await api("PUT", "queues/%2F/seen", {})
            name, _ = await anext(told)
            assert name == "queue.created"


async def test_looking_for_what_one_may_see_is_nothing_to_warn_of(
    users: dict[str, Api], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("WARNING"):
        assert [one["name"] for one in await users[MANAGEMENT]("GET", "vhosts")] == ["/"]
    assert not caplog.records
