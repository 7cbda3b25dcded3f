"""Who may do what through the API: a table of calls, and every kind of user against each."""

from __future__ import annotations

from typing import Any, Final

import pytest

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
    for header in ("Basic", "Basic !!!", "Basic Z3Vlc3Q=", "Bearer x"):
        await api("GET", "overview", status=401, headers={"authorization": header}, auth=None)
    await wrong.client.aclose()
