"""Definition files: what is in them, what becomes of them, and that nothing does when something is wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest

from leveret.access.accounts import Accounts
from leveret.access.passwords import ARGON2ID, SHA256
from leveret.broker.broker import Broker
from leveret.clock import ManualClock
from leveret.errors import DefinitionError
from leveret.limits import DEFINITIONS_SIZE_MAX
from leveret.management import definitions as file
from leveret.management.exporting import export
from leveret.management.importing import import_
from leveret.ports import Position
from leveret.wire import Pool
from leveret.wire.definitions import SetPermission, SetTopicPermission, SetUser
from leveret.wire.fields import Arguments

from ..access.support import sha256
from ..amqp.support import LateLog
from ..broker.support import CountingNames, Wakes, pump

NONE = Arguments.EMPTY

OWN = {"x-own": [1, {"a": 2}]}
WHOLE: dict[str, Any] = {
    "rabbit_version": "3.10.8",
    "users": [
        {"name": "ann", "password_hash": sha256("a"), "hashing_algorithm": SHA256, "tags": ["administrator", "own"]},
        {"name": "bob", "password_hash": sha256("b"), "tags": "monitoring, management", "limits": {"max-channels": 9}},
        {"name": "plain", "password": "p", "tags": ""},
        {"name": "cert", "password_hash": "", "hashing_algorithm": SHA256, "tags": [], "limits": []},
    ],
    "vhosts": [
        {"name": "/"},
        {"name": "shop", "description": "of hats", "tags": ["x"], "default_queue_type": "undefined", "metadata": {}},
        {"name": "new", "metadata": {"description": "newer", "tags": ["y"], "default_queue_type": "classic"}},
    ],
    "permissions": [{"user": "ann", "vhost": "shop", "configure": ".*", "write": "^a", "read": ""}],
    "topic_permissions": [{"user": "ann", "vhost": "shop", "exchange": "x", "write": "^{username}", "read": ".*"}],
    "parameters": [
        {"vhost": "shop", "component": "vhost-limits", "name": "limits", "value": {"max-queues": 50}},
        {"vhost": "shop", "component": "federation-upstream", "name": "up", "value": {"uri": "amqp://x"}},
        {
            "vhost": "shop",
            "component": "operator_policy",
            "name": "op",
            "value": {"pattern": ".*", "definition": {"max-length": 9}, "priority": 1, "apply-to": "queues"},
        },
    ],
    "global_parameters": [{"name": "cluster_name", "value": "hats"}],
    "policies": [
        {
            "vhost": "shop",
            "name": "ttl",
            "pattern": "^q",
            "apply-to": "all",
            "definition": {"message-ttl": 1000},
            "priority": 2,
        }
    ],
    "queues": [
        {"vhost": "shop", "name": "q", "durable": True, "auto_delete": False, "type": "classic", "arguments": {}},
        {
            "vhost": "shop",
            "name": "high",
            "durable": True,
            "arguments": {"x-max-priority": 9, "x-queue-type": "classic"},
        },
        {
            "vhost": "shop",
            "name": "passing",
            "durable": False,
            "auto_delete": True,
            "arguments": {"x-own": [1, {"a": 2}]},
        },
        {"vhost": "/", "name": "q", "durable": True, "arguments": {"x-dead-letter-exchange": "x"}},
    ],
    "exchanges": [
        {"vhost": "shop", "name": "x", "type": "topic", "durable": True, "internal": False, "arguments": {}},
        {"vhost": "shop", "name": "later", "type": "x-delayed-message", "arguments": {"x-delayed-type": "direct"}},
        {"vhost": "shop", "name": "inner", "type": "fanout", "durable": False, "internal": True, "arguments": []},
    ],
    "bindings": [
        {"vhost": "shop", "source": "", "destination": "q", "destination_type": "queue", "routing_key": "q"},
        {"vhost": "shop", "source": "x", "destination": "q", "destination_type": "queue", "routing_key": "a.#"},
        {"vhost": "shop", "source": "x", "destination": "inner", "destination_type": "exchange", "routing_key": "b"},
        {
            "vhost": "shop",
            "source": "amq.headers",
            "destination": "high",
            "destination_type": "queue",
            "routing_key": "",
            "arguments": {"x-match": "any", "n": 1},
        },
    ],
    "something new": {"that": "nobody knows"},
}


class Node:
    def __init__(self) -> None:
        self.log = LateLog()
        self.log.late = False
        self.accounts = Accounts()
        self.broker = Broker(self.log, ManualClock(), CountingNames(), Wakes(), Pool(), accounts=self.accounts)

    def load(self, said: object, vhost: str | None = None) -> Position | None:
        data = json.dumps(said).encode()
        return import_(self.broker, self.accounts, file.read(data), lambda password: (sha256("p"), SHA256), vhost)

    def export(self, vhost: str | None = None) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(file.write(export(self.broker, self.accounts, vhost)))
        return told


def sorted_lists(told: dict[str, Any]) -> dict[str, Any]:
    return {
        name: sorted(value, key=lambda each: json.dumps(each, sort_keys=True)) if isinstance(value, list) else value
        for name, value in told.items()
    }


@pytest.fixture
def node() -> Node:
    return Node()


class TestImport:
    def test_users(self, node: Node) -> None:
        node.load(WHOLE)
        assert node.accounts.users == {
            "ann": SetUser("ann", sha256("a"), SHA256, ("administrator", "own")),
            "bob": SetUser("bob", sha256("b"), SHA256, ("monitoring", "management")),
            "plain": SetUser("plain", sha256("p"), SHA256, ()),
            "cert": SetUser("cert", "", SHA256, ()),
        }
        assert node.accounts.limits("bob") == {"max-channels": 9}
        assert node.accounts.permission("ann", "shop") == SetPermission("ann", "shop", ".*", "^a", "")
        topic = SetTopicPermission("ann", "shop", "x", "^{username}", ".*")
        assert node.accounts.topic_permissions("ann") == {("shop", "x"): topic}

    def test_virtual_hosts(self, node: Node) -> None:
        node.load(WHOLE)
        assert [*node.broker.vhosts] == ["/", "shop", "new"]
        shop, new = node.broker.vhosts["shop"].definition, node.broker.vhosts["new"].definition
        assert (shop.description, shop.tags, shop.default_queue_type) == ("of hats", ("x",), "")
        assert (new.description, new.tags, new.default_queue_type) == ("newer", ("y",), "classic")
        assert node.broker.vhosts["/"].definition.description == "Default virtual host"

    def test_parameters_and_policies(self, node: Node) -> None:
        node.load(WHOLE)
        pump(node.broker)
        assert node.broker.parameters.vhost_limit("shop", "max-queues") == 50
        assert node.broker.parameters.get("shop", "federation-upstream", "up") == {"uri": "amqp://x"}
        assert node.broker.parameters.get("", "", "cluster_name") == "hats"
        queue = node.broker.vhosts["shop"].queues["q"]
        assert queue.settings.message_ttl_ms == 1000
        assert queue.settings.max_length == 9

    def test_objects(self, node: Node) -> None:
        node.load(WHOLE)
        shop = node.broker.vhosts["shop"]
        assert {queue.name: (queue.durable, queue.auto_delete) for queue in shop.queues.values()} == {
            "q": (True, False),
            "high": (True, False),
            "passing": (False, True),
        }
        assert len(shop.queues["high"].lanes) == 10
        assert dict(shop.queues["passing"].arguments) == {"x-own": [1, {"a": 2}]}
        assert dict(node.broker.vhosts["/"].queues["q"].arguments) == {"x-dead-letter-exchange": "x"}
        assert shop.router.exchanges["inner"].internal
        bound = [
            (binding.destination.name, binding.routing_key, dict(binding.arguments))
            for name in ("x", "amq.headers")
            for binding in shop.router.bindings_from(shop.router.exchanges[name])
        ]
        assert bound == [("q", "a.#", {}), ("inner", "b", {}), ("high", "", {"x-match": "any", "n": 1})]

    def test_integers_are_long_as_with_rabbitmq(self, node: Node) -> None:
        node.load(WHOLE)
        assert node.broker.vhosts["shop"].queues["high"].arguments.types["x-max-priority"] == "long"

    def test_ids_are_nobody_elses(self, node: Node) -> None:
        node.load(WHOLE)
        vhost = node.broker.vhosts["shop"]
        vhost.declare_queue("after", durable=True)
        lanes = [lane.id for queue in node.broker.queues() for lane in queue.lanes]
        assert len(lanes) == len({*lanes})
        assert not {*lanes} & {each.id for v in node.broker.vhosts.values() for each in v.router.exchanges.values()}

    def test_everything_is_one_record(self, node: Node) -> None:
        node.load(WHOLE)
        (record,) = node.log.records
        assert "passing" not in repr(record)

    def test_again_changes_nothing(self, node: Node) -> None:
        node.load(WHOLE)
        before = node.export()
        objects = {**node.broker.objects}
        node.load(WHOLE)
        assert node.export() == before
        assert node.broker.objects == objects

    def test_what_is_there_stays_and_accounts_are_changed(self, node: Node) -> None:
        node.load(WHOLE)
        node.load(
            {
                "users": [{"name": "ann", "password_hash": "", "hashing_algorithm": SHA256, "tags": []}],
                "queues": [{"vhost": "shop", "name": "q", "durable": False, "arguments": {"x-max-length": 1}}],
            }
        )
        assert node.accounts.users["ann"].password_hash == ""
        assert node.broker.vhosts["shop"].queues["q"].durable

    def test_of_one_virtual_host(self, node: Node) -> None:
        node.broker.vhosts.put("target")
        of_shop = {
            name: [{key: value for key, value in each.items() if key != "vhost"} for each in WHOLE[name]]
            for name in ("policies", "exchanges", "queues", "parameters", "bindings")
        }
        of_shop["queues"] = of_shop["queues"][:3]
        node.load(of_shop, "target")
        assert [*node.broker.vhosts["target"].queues] == ["q", "high", "passing"]
        assert not node.broker.vhosts["/"].queues


class TestNothingHappens:
    """All or nothing."""

    @pytest.mark.parametrize(
        ("change", "text"),
        [
            ({"users": [{"name": ""}]}, r"users\[0\]: the name of a user has 1 to 255 bytes"),
            (
                {"users": [{"name": "a", "password_hash": "canary"}]},
                r"users\[0\]: the password hash of user 'a' is not",
            ),
            ({"users": [{"name": "a", "password": "canary", "password_hash": ""}]}, "has a password and a hash"),
            ({"users": [{"name": "a", "limits": {"max": 1}}]}, "Unrecognised terms"),
            ({"vhosts": [{"name": ""}]}, r"vhosts\[0\]: the name of a vhost"),
            ({"permissions": [{"user": "eve", "vhost": "/", "configure": "", "write": "", "read": ""}]}, "user 'eve'"),
            (
                {"permissions": [{"user": "ann", "vhost": "no", "configure": "", "write": "", "read": ""}]},
                r"permissions\[0\]: vhost 'no' does not exist",
            ),
            (
                {"permissions": [{"user": "ann", "vhost": "/", "configure": "(", "write": "", "read": ""}]},
                r"permissions\[0\]: invalid regular expression",
            ),
            ({"queues": [{"name": "q"}]}, r"queues\[0\]: no vhost is named"),
            (
                {"queues": [{"name": "n", "vhost": "/", "type": "quorum"}]},
                r"queues\[0\]: queue 'n' in vhost '/' of type",
            ),
            ({"queues": [{"name": "n", "vhost": "/", "arguments": {"x-message-ttl": "a"}}]}, "invalid arg"),
            ({"queues": [{"name": "n", "vhost": "/", "arguments": {"x": 1 << 70}}]}, "cannot be a table"),
            ({"exchanges": [{"name": "n", "vhost": "/", "type": "x-own"}]}, r"exchanges\[0\]: unknown exchange type"),
            ({"exchanges": [{"name": "amq.n", "vhost": "/", "type": "fanout"}]}, "reserved prefix"),
            ({"bindings": [binding := {"source": "no", "destination": "q", "destination_type": "queue"}]}, "no vhost"),
            ({"bindings": [{**binding, "vhost": "/"}]}, r"bindings\[0\]: no exchange 'no' in vhost '/'"),
            ({"bindings": [{**binding, "vhost": "/", "source": "amq.topic"}]}, "no queue 'q'"),
            (
                {"bindings": [{**binding, "vhost": "/", "source": "amq.topic", "destination_type": "x"}]},
                "destination_type is 'queue' or 'exchange'",
            ),
            (
                {"policies": [{"vhost": "/", "name": "p", "pattern": "(", "definition": {"max-length": 1}}]},
                r"policies\[0\]: Validation failed",
            ),
            (
                {"parameters": [{"vhost": "/", "component": "vhost-limits", "name": "limits", "value": {"x": 1}}]},
                "Unrecognised terms",
            ),
            ({"parameters": [{"vhost": "/", "component": "operator_policy", "name": "p", "value": 1}]}, "no pattern"),
        ],
    )
    def test_when_one_thing_is_wrong(self, node: Node, change: dict[str, Any], text: str) -> None:
        said = {
            "users": [{"name": "ann", "password_hash": sha256("a")}],
            "vhosts": [{"name": "shop"}],
            "queues": [{"name": "first", "vhost": "shop"}],
        }
        said |= change
        before = node.export()
        with pytest.raises(DefinitionError, match=text) as refusal:
            node.load(said)
        assert "canary" not in str(refusal.value)
        assert node.export() == before
        assert node.log.records == []

    @pytest.mark.parametrize(
        "data", [b"", b"[]", b"{", b'{"queues": 1}', b'{"queues": [{"durable": true}]}', b"\xff", b"[" * 5000]
    )
    def test_what_is_no_definition_file(self, data: bytes) -> None:
        with pytest.raises(DefinitionError, match="not a definition file"):
            file.read(data)

    def test_what_is_too_large(self) -> None:
        class Huge(bytes):
            def __len__(self) -> int:
                return DEFINITIONS_SIZE_MAX + 1

        with pytest.raises(DefinitionError, match="larger than"):
            file.read(Huge())


class TestExport:
    def test_and_import_make_the_same(self, node: Node) -> None:
        node.load(WHOLE)
        told = node.export()
        other = Node()
        other.load(told)
        assert sorted_lists(other.export()) == sorted_lists(told)

    def test_what_rabbitmq_looks_at(self, node: Node) -> None:
        node.load(WHOLE)
        told = node.export()
        assert told["rabbit_version"] == "4.2.0"
        assert told["users"][0] == {
            "name": "ann",
            "password_hash": sha256("a"),
            "hashing_algorithm": SHA256,
            "tags": ["administrator", "own"],
            "limits": {},
        }
        assert [queue["type"] for queue in told["queues"]] == ["classic"] * 4
        (operator,) = [each for each in told["parameters"] if each["component"] == "operator_policy"]
        assert operator["value"]["apply-to"] == "queues"
        assert told["policies"][0]["apply-to"] == "all"

    def test_what_is_not_told(self, node: Node) -> None:
        vhost = node.broker.vhosts["/"]
        vhost.declare_queue("mine", exclusive=True, owner=node)
        vhost.declare_queue("ours", durable=True)
        vhost.bind("amq.fanout", "mine", "", NONE, to_queue=True, owner=node)
        vhost.bind("amq.fanout", "ours", "", NONE, to_queue=True, owner=node)
        told = node.export()
        assert [queue["name"] for queue in told["queues"]] == ["ours"]
        assert told["exchanges"] == []
        assert [each["destination"] for each in told["bindings"]] == ["ours"]

    def test_of_one_virtual_host(self, node: Node) -> None:
        node.load(WHOLE)
        told = node.export("shop")
        assert told["original_vhost_name"] == "shop"
        assert told["users"] == told["vhosts"] == told["permissions"] == told["global_parameters"] == []
        assert [queue["name"] for queue in told["queues"]] == ["q", "high", "passing"]
        assert "vhost" not in told["queues"][0]

    def test_argon2id(self, node: Node) -> None:
        kept = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$" + "A" * 43
        node.load({"users": [{"name": "ann", "password_hash": kept, "hashing_algorithm": ARGON2ID}]})
        assert node.export()["users"][0]["hashing_algorithm"] == "argon2id"
