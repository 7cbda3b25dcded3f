"""Virtual hosts, users, permissions, limits, policies and definitions through the API."""

from __future__ import annotations

import base64
import hashlib

from .conftest import Api


class TestUsers:
    async def test_one_is_made_changed_and_deleted(self, api: Api) -> None:
        await api("PUT", "users/ann", {"password": "a", "tags": ["monitoring"]}, 201)
        found = await api("GET", "users/ann")
        assert (found["name"], found["tags"], found["limits"]) == ("ann", ["monitoring"], {})
        assert found["password_hash"].startswith("$argon2id$")
        await api("PUT", "users/ann", {"tags": "management,policymaker"}, 204)
        found = await api("GET", "users/ann")
        assert (found["tags"], found["password_hash"]) == (["management", "policymaker"], "")  # as RabbitMQ
        await api("DELETE", "users/ann", status=204)
        await api("GET", "users/ann", status=404)
        await api("DELETE", "users/ann", status=404)

    async def test_with_a_hash_of_rabbitmq(self, api: Api) -> None:
        salt = b"salt"
        hashed = base64.b64encode(salt + hashlib.sha256(salt + b"pw").digest()).decode()
        said = {"password_hash": hashed, "hashing_algorithm": "rabbit_password_hashing_sha256", "tags": "management"}
        await api("PUT", "users/ann", said, 201)
        ann = Api(api.broker, "ann", "pw")
        assert (await ann("GET", "whoami"))["name"] == "ann"
        await ann.client.aclose()

    async def test_what_is_wrong_is_said(self, api: Api) -> None:
        assert (await api("PUT", "users/ann", {"password": "x"}, 400))["reason"] == "[{key_missing,tags}]"
        await api("PUT", "users/ann", {"password": 5, "tags": ""}, 400)
        await api("PUT", "users/ann", {"password_hash": "no hash", "tags": ""}, 400)
        for said in (
            {"tags": [{}]},
            {"tags": None},
            {"tags": "", "password_hash": 5},
            {"tags": "", "hashing_algorithm": {}},
            {"tags": "", "password": "x", "hashing_algorithm": "rot13"},
        ):
            await api("PUT", "users/ann", said, 400)
        await api("POST", "users/bulk-delete", {"users": [{}]}, 400)
        await api("GET", "users/ann", status=404)

    async def test_those_without_permissions(self, api: Api) -> None:
        await api("PUT", "users/ann", {"password": "a", "tags": ""})
        assert [one["name"] for one in await api("GET", "users/without-permissions")] == ["ann"]
        await api("POST", "users/bulk-delete", {"users": ["ann", "nobody"]}, 204)
        assert [one["name"] for one in await api("GET", "users")] == ["guest"]

    async def test_hash_password(self, api: Api) -> None:
        assert (await api("GET", "auth/hash_password/secret"))["ok"].startswith("$argon2id$")


class TestPermissions:
    async def test_of_a_user(self, api: Api) -> None:
        await api("PUT", "users/ann", {"password": "a", "tags": ""})
        said = {"configure": "^a", "write": ".*", "read": ""}
        await api("PUT", "permissions/%2F/ann", said, 201)
        await api("PUT", "permissions/%2F/ann", said, 204)
        expected = {"user": "ann", "vhost": "/"} | said
        assert await api("GET", "permissions/%2F/ann") == expected
        assert await api("GET", "users/ann/permissions") == [expected]
        assert expected in await api("GET", "vhosts/%2F/permissions")
        await api("PUT", "permissions/%2F/ann", said | {"read": "("}, 400)
        await api("PUT", "permissions/%2F/nobody", said, 400)
        await api("DELETE", "permissions/%2F/ann", status=204)
        await api("GET", "permissions/%2F/ann", status=404)

    async def test_of_topics(self, api: Api) -> None:
        await api("PUT", "users/ann", {"password": "a", "tags": ""})
        said = {"exchange": "amq.topic", "write": "^a", "read": "^b"}
        await api("PUT", "topic-permissions/%2F/ann", said, 201)
        expected = {"user": "ann", "vhost": "/"} | said
        assert await api("GET", "topic-permissions/%2F/ann") == [expected]
        assert await api("GET", "topic-permissions") == [expected]
        await api("DELETE", "topic-permissions/%2F/ann/amq.topic", status=204)
        await api("GET", "topic-permissions/%2F/ann", status=404)


class TestVHosts:
    async def test_one_is_made_changed_and_deleted(self, api: Api) -> None:
        await api("PUT", "vhosts/v", {"description": "d", "tags": "a,b"}, 201)
        found = await api("GET", "vhosts/v")
        assert (found["name"], found["description"], found["tags"]) == ("v", "d", ["a", "b"])
        assert (found["tracing"], found["default_queue_type"]) == (False, "classic")
        assert (await api("GET", "permissions/v/guest"))["configure"] == ".*", "who makes it may use it"
        await api("PUT", "vhosts/v", {"description": "e", "tracing": True}, 204)
        found = await api("GET", "vhosts/v")
        assert (found["description"], found["tracing"]) == ("e", True)
        await api("PUT", "queues/v/q", {})
        await api("DELETE", "vhosts/v", status=204)
        await api("GET", "vhosts/v", status=404)

    async def test_what_is_wrong_is_said(self, api: Api) -> None:
        for wrong in (
            {"tags": [{}]},
            {"tags": 5},
            {"description": 5},
            {"default_queue_type": {}},
            {"protected_from_deletion": "perhaps"},
            {"tracing": 1},
            {"metadata": []},
            {"metadata": {"tags": [5]}, "tags": "a"},
        ):
            await api("PUT", "vhosts/hats", wrong, 400)
        await api("GET", "vhosts/hats", status=404)

    async def test_null_says_nothing(self, api: Api) -> None:
        await api("PUT", "vhosts/hats", {"description": "d", "tags": "a,b", "metadata": {"description": "e"}}, 201)
        await api("PUT", "vhosts/hats", {"description": None, "tags": None, "metadata": None, "tracing": None}, 204)
        response = await api.client.put("vhosts/hats", content=b"null")
        assert response.status_code == 204
        found = await api("GET", "vhosts/hats")
        assert (found["description"], found["tags"]) == ("d", ["a", "b"])

    async def test_protection(self, api: Api) -> None:
        await api("PUT", "vhosts/v", {})
        await api("POST", "vhosts/v/deletion/protection", status=204)
        assert (await api("GET", "vhosts/v"))["protected_from_deletion"] is True
        await api("DELETE", "vhosts/v", status=412)
        await api("DELETE", "vhosts/v/deletion/protection", status=204)
        await api("DELETE", "vhosts/v", status=204)

    async def test_limits(self, api: Api) -> None:
        await api("PUT", "vhost-limits/%2F/max-queues", {"value": 1}, 204)
        assert await api("GET", "vhost-limits") == [{"vhost": "/", "value": {"max-queues": 1}}]
        await api("PUT", "queues/%2F/a", {}, 201)
        assert "queue limit in vhost '/' (1) is reached" in (await api("PUT", "queues/%2F/b", {}, 400))["reason"]
        await api("DELETE", "vhost-limits/%2F/max-queues", status=204)
        await api("PUT", "queues/%2F/b", {}, 201)
        await api("PUT", "vhost-limits/%2F/max-hats", {"value": 1}, 400)
        await api("PUT", "user-limits/guest/max-channels", {"value": 7}, 204)
        assert await api("GET", "user-limits/guest") == [{"user": "guest", "value": {"max-channels": 7}}]

    async def test_limits_that_are_none(self, api: Api) -> None:
        for value in ("1", None, True, 1 << 63, -(1 << 80)):
            for path in ("vhost-limits/%2F/max-queues", "user-limits/guest/max-channels"):
                await api("PUT", path, {"value": value}, 400)

    async def test_limits_of_nobody(self, api: Api) -> None:
        await api("GET", "user-limits/nobody", status=404)


class TestRules:
    async def test_a_policy_takes_effect(self, api: Api) -> None:
        await api("PUT", "queues/%2F/q1", {})
        said = {"pattern": "^q", "definition": {"max-length": 7}, "priority": 3, "apply-to": "queues"}
        await api("PUT", "policies/%2F/p", said, 201)
        assert await api("GET", "policies/%2F/p") == {"vhost": "/", "name": "p"} | said
        found = await api("GET", "queues/%2F/q1")
        assert (found["policy"], found["effective_policy_definition"]) == ("p", {"max-length": 7})
        operator = {"pattern": "^q", "definition": {"max-length": 3}}
        await api("PUT", "operator-policies/%2F/o", operator, 201)
        assert (await api("GET", "queues/%2F/q1"))["operator_policy"] == "o"
        assert [one["name"] for one in await api("GET", "operator-policies")] == ["o"]
        await api("DELETE", "policies/%2F/p", status=204)
        assert (await api("GET", "queues/%2F/q1"))["policy"] is None
        assert "nothing" in (await api("PUT", "policies/%2F/p", said | {"definition": {"nothing": 1}}, 400))["reason"]

    async def test_a_policy_of_any_name_is_what_its_path_says(self, api: Api) -> None:
        said = {"pattern": "^q", "definition": {"max-length": 5}}
        await api("PUT", "vhosts/operator-policies", {}, 201)
        for path in ("%2F/operator-policies", "operator-policies/p"):
            await api("PUT", f"policies/{path}", said, 201)
            assert (await api("GET", f"policies/{path}"))["definition"] == said["definition"]
        assert await api("GET", "operator-policies") == []
        assert len(await api("GET", "policies")) == 2

    async def test_parameters(self, api: Api) -> None:
        await api("PUT", "global-parameters/hats", {"value": {"a": [1]}}, 201)
        assert await api("GET", "global-parameters/hats") == {"name": "hats", "value": {"a": [1]}}
        await api("DELETE", "global-parameters/hats", status=204)
        await api("GET", "global-parameters/hats", status=404)
        await api("PUT", "cluster-name", {"name": "warren"}, 204)
        assert (await api("GET", "overview"))["cluster_name"] == "warren"
        assert 'rabbitmq_cluster="warren"' in (await api.client.get("../metrics")).text

    async def test_null_is_a_value(self, api: Api) -> None:
        await api("PUT", "global-parameters/g", {"value": None}, 201)
        await api("PUT", "global-parameters/g", {"value": None}, 204)
        assert await api("GET", "global-parameters/g") == {"name": "g", "value": None}
        await api("DELETE", "global-parameters/g", status=204)
        await api("GET", "global-parameters/g", status=404)

    async def test_definitions_go_out_and_come_back(self, api: Api) -> None:
        await api("PUT", "queues/%2F/q", {"arguments": {"x-max-length": 5}})
        await api("PUT", "exchanges/%2F/x", {"type": "topic"})
        await api("POST", "bindings/%2F/e/x/q/q", {"routing_key": "a"})
        response = await api.client.get("definitions?download=../x y.json")
        assert response.headers["content-disposition"] == 'attachment; filename="..xy.json"'
        await api("DELETE", "queues/%2F/q")
        await api("DELETE", "exchanges/%2F/x")
        await api("POST", "definitions", status=204, content=response.content)
        assert (await api("GET", "queues/%2F/q"))["arguments"] == {"x-max-length": 5}
        assert len(await api("GET", "bindings/%2F/e/x/q/q")) == 1
        refused = await api("POST", "definitions", {"queues": [{"name": "z"}]}, 400)
        assert "queue" in refused["reason"]

    async def test_definitions_are_saved_under_a_name(self, api: Api) -> None:
        response = await api.client.get("definitions", params={"download": 'á"\n日.json'})
        assert response.headers["content-disposition"] == 'attachment; filename=".json"'

    async def test_definitions_of_one_vhost(self, api: Api) -> None:
        await api("PUT", "vhosts/v", {})
        await api("PUT", "queues/%2F/q", {})
        said = await api("GET", "definitions/%2F")
        assert (said["users"], said["original_vhost_name"]) == ([], "/")
        await api("POST", "definitions/v", said, 204)
        assert (await api("GET", "queues/v/q"))["vhost"] == "v"
