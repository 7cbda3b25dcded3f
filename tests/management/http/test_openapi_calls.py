"""The API called as its OpenAPI document says, and as it does not say (schemathesis): answers are as documented."""

from __future__ import annotations

import contextlib
import os
import re
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from typing import Any, Final
from urllib.parse import quote, unquote

import httpx
import pika
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from schemathesis.checks import CHECKS
from schemathesis.core.parameters import ParameterLocation

from leveret.management.http.openapi.document import document
from leveret.management.http.openapi.operations import OPERATIONS, ListOf

from ...process import BrokerProcess

LONG: Final = os.environ.get("HYPOTHESIS_PROFILE") == "long"
EXAMPLES: Final = 100 if LONG else 4
CALLER: Final = "tester"


def _user(name: str, tags: str) -> dict[str, Any]:
    hashed = b64encode(b"salt" + sha256(b"salt" + name.encode()).digest()).decode()
    limits = {"max-channels": 100, "max-connections": 100}
    algorithm = "rabbit_password_hashing_sha256"
    return {"name": name, "password_hash": hashed, "hashing_algorithm": algorithm, "tags": tags, "limits": limits}


_VHOSTS: Final = ("/", "hats")
_USERS: Final = {CALLER: "administrator", "ann": "monitoring", "guest": "administrator"}
_POLICY: Final = {"pattern": "^hats", "definition": {"max-length": 1000}}
_AMPLE: Final = {"max-queues": 1_000_000, "max-connections": 1_000_000}
DATA: Final = {
    "vhosts": [{"name": name, "protected_from_deletion": False} for name in _VHOSTS],
    "users": [_user(name, tags) for name, tags in _USERS.items()],
    "permissions": [
        {"user": user, "vhost": vhost, "configure": ".*", "write": ".*", "read": ".*"}
        for user in _USERS
        for vhost in _VHOSTS
    ],
    "topic_permissions": [
        {"user": user, "vhost": "/", "exchange": "amq.topic", "write": ".*", "read": ".*"} for user in (CALLER, "ann")
    ],
    "parameters": [
        {"component": "shovel", "vhost": "/", "name": "hats", "value": {"a": 1}},
        {"component": "operator_policy", "vhost": "/", "name": "hats", "value": _POLICY},
        *({"component": "vhost-limits", "vhost": vhost, "name": "limits", "value": _AMPLE} for vhost in _VHOSTS),
    ],
    "global_parameters": [{"name": "hats", "value": None}],
    "policies": [{"vhost": "/", "name": "hats", **_POLICY}],
    "exchanges": [{"vhost": "/", "name": "hats", "type": "topic"}],
    "queues": [{"vhost": "/", "name": "letterbox"}],
    "bindings": [
        {"vhost": "/", "source": "amq.topic", "destination": name, "destination_type": kind, "routing_key": "hats.#"}
        for name, kind in (("letterbox", "queue"), ("hats", "exchange"))
    ],
}
"""What there is when an operation is called; names are those of the document's examples."""

NAMES: Final = {
    "vhost": [*_VHOSTS],
    "queue": ["letterbox"],
    "exchange": ["amq.topic", "amq.default", "hats"],
    "destination": ["letterbox", "hats"],
    "props": ["hats.%23", "~"],
    "user": [CALLER, "ann"],  # guest restores what they were
    "component": ["shovel", "vhost-limits"],
    "name": ["hats", "limits"],
    "node": ["rabbit@leveret"],
    "protocols": ["amqp"],
}
"""What paths name often, for else there would be nothing but 404; those of connections come when they are known."""

REFUSED: Final = {
    "declare": "a reserved name, arguments that mean something, or what is there and is different",
    "delete": "what is in use, or is the broker's own; a limit that is none",
    "bind": "the default exchange; arguments that mean something",
    "put": "patterns, hashes, definitions; users and virtual hosts that are not there",
    "import": "everything of that",
    "publish": "somebody else's user-id, what is not base64, CC that is no list",
    "act": "ids that are none, or none at all; no destination",
    "route": "headers that mean something",
    "search": "there is no such property",
    "enableFeatureFlag": "there is none of that name",
    "getDetailedMetrics": "what is no regular expression",
    "purge": "it is another connection's",
}
"""Operations, by how their names begin, that may answer 400 (or 412) to what has the right types, and to what."""


class Server:
    """A broker with clients."""

    def __init__(self, process: BrokerProcess) -> None:
        self._port = process.port
        self.url = process.expect(r"management: (http://\S+)/")[1]
        self.session = requests.Session()
        self.guarded: set[str] = set()
        """Operations that proved to need a login."""
        self._api = httpx.Client(base_url=f"{self.url}/api/", auth=("guest", "guest"), timeout=30)
        self._amqp: Any = None
        self.restore()

    def stop(self) -> None:
        with contextlib.suppress(pika.exceptions.AMQPError):
            self._amqp.close()
        self.session.close()
        self._api.close()

    def restore(self) -> None:
        """There is DATA, and a connection that consumes."""
        response = self._api.post("definitions", json=DATA)
        assert response.is_success, response.text
        try:
            self._amqp.process_data_events(time_limit=0)
        except (AttributeError, pika.exceptions.AMQPError):
            login = pika.PlainCredentials(CALLER, CALLER)
            self._amqp = pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", self._port, credentials=login))
            channel = self._amqp.channel()
            channel.basic_qos(prefetch_count=1)
            channel.basic_consume("letterbox", lambda *_: None)
            NAMES["port"] = [str(self._port)]
            NAMES["connection"] = [one["name"] for one in self._api.get("connections").json()]
            NAMES["channel"] = [one["name"] for one in self._api.get("channels").json()]

    def fill(self) -> None:
        """There is something of everything that there can be."""
        self.restore()
        message = {"properties": {"headers": {"a": 1}}, "routing_key": "hats.red", "payload": "x"}
        for encoding, payload in (("string", "text"), ("base64", "/w==")):
            said = message | {"payload": payload, "payload_encoding": encoding}
            assert self._api.post("exchanges/%2F/amq.topic/publish", json=said).json() == {"routed": True}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    env = {
        "LEVERET_MANAGEMENT": "true",
        "LEVERET_MANAGEMENT_PORT": "0",
        "LEVERET_LOGIN_FAILURES_MAX": "0",  # many are refused here, and none of them guesses
    }
    with BrokerProcess("--port", "0", "--ephemeral", env=env) as process:
        one = Server(process)
        yield one
        one.stop()
        assert process.stop() == 0, process.log


def strict(found: dict[str, Any]) -> dict[str, Any]:
    """Answers have no other fields than those that are documented: the document as it is leaves that open."""
    sent: set[str] = set()
    for path in found["paths"].values():
        for operation in path.values():
            sent |= _referred(found, operation.get("requestBody"))
    for name, schema in found["components"]["schemas"].items():
        if "properties" in schema and name not in sent:
            schema.setdefault("additionalProperties", False)
    return found


def _referred(found: dict[str, Any], part: Any) -> set[str]:
    """Schemas to which a part refers, and those to which they do."""
    names: set[str] = set()
    waiting = [part]
    while waiting:
        for name in re.findall(r"#/components/schemas/(\w+)", repr(waiting.pop())):
            if name not in names:
                names.add(name)
                waiting.append(found["components"]["schemas"][name])
    return names


LISTS: Final = [
    one.id
    for methods in OPERATIONS.values()
    for path in methods.values()
    for one in path.values()
    if isinstance(one.answers.get(200), ListOf)
]
SIMILAR: Final = [one for one in LISTS if one != "listQueues"] + ["importConfiguration", "importVHostDefinitions"]
"""Of a hundred ways to ask for a list, and of five hundred to be wrong in a definition file, all are tried with one
operation, unless there is time: the others go through the same code.
"""

CONFIG: Final = schemathesis.Config.from_dict(
    {
        "generation": {
            "max-examples": EXAMPLES,
            "deterministic": not LONG,
            "database": "none",
            "with-security-parameters": False,  # every call has a login; ignored_auth tries others
            "allow-extra-parameters": False,  # as in RabbitMQ, what nobody knows has no effect
        },
        "checks": {
            # 503 is how health checks say that something is not well; status_code_conformance looks where it may be.
            "not_a_server_error": {"expected-statuses": ["2xx", "3xx", "4xx", "503"]},
        },
        "operations": [{"include-operation-id": SIMILAR, "phases": {"coverage": {"enabled": LONG}}}],
    }
)
SCHEMA: Final = schemathesis.openapi.from_dict(strict(document()), config=CONFIG)


@SCHEMA.hook
def flatmap_case(context: Any, case: Any) -> Any:
    """Names of what there is, often."""
    if case.meta is None or case.meta.is_negative_at(ParameterLocation.PATH):
        return st.just(case)
    known = {name: [quote(one, safe="") for one in NAMES.get(name, ())] for name in case.path_parameters}
    if "limits/" in case.path or "feature-flags" in case.path:
        known.pop("name", None)  # there are others

    def named(names: dict[str, str]) -> Any:
        case.path_parameters = case.path_parameters | names
        return case

    chosen = {name: st.sampled_from([case.path_parameters[name], *there]) for name, there in known.items()}
    return st.fixed_dictionaries(chosen).map(named)


@SCHEMA.hook
def filter_case(context: Any, case: Any) -> bool:
    """Clients take `.` and `..` out of a path before they send it."""
    return not any(unquote(str(value)) in (".", "..") for value in case.path_parameters.values())


def _left_out(case: Any, server: Server) -> list[str]:
    """Checks that would find what is as it should be."""
    out = []
    name, query = case.operation.definition.raw["operationId"], case.query
    if "columns" in query:  # required fields are missing then; that answers are whole is seen without
        out.append("response_schema_conformance")
    if case.operation.label in server.guarded:  # once is enough: a wrong password takes long
        out.append("ignored_auth")
    if name.startswith((*REFUSED,)):
        out.append("positive_data_acceptance")
    if "page" in query or "use_regex" in query or any(each.endswith("_age") for each in query):
        # There is no such page, it is no expression, or there would be too many samples.
        out.append("positive_data_acceptance")
    flags = {"sort_reverse", "use_regex", "if-unused", "if-empty"} & {*query}
    if any(query[each] not in ("true", "false", True, False) for each in flags):
        out.append("negative_data_rejection")  # as in RabbitMQ, whatever is not `true` is `false`
    if not isinstance(query.get("columns", []), list):
        out.append("negative_data_rejection")  # as it is sent, anything is the name of a column
    return out


# The one that is left out never ends.
@SCHEMA.exclude(operation_id="listenToEvents").parametrize()
@settings(max_examples=EXAMPLES, derandomize=not LONG, deadline=None, suppress_health_check=[*HealthCheck])
def test_answers_are_as_documented(case: Any, server: Server) -> None:
    excluded = CHECKS.get_by_names([*dict.fromkeys(_left_out(case, server))])
    changes = case.method != "GET"
    try:
        response = case.call_and_validate(
            base_url=server.url, session=server.session, auth=(CALLER, CALLER), excluded_checks=excluded
        )
        if response.status_code < 300:
            server.guarded.add(case.operation.label)
        changes = changes and response.status_code < 300
    finally:
        if changes:
            server.restore()


# What there is


READING: Final = [
    one.ok() for one in SCHEMA.exclude(operation_id="listenToEvents").get_all_operations() if one.ok().method == "get"
]
THERE: Final = {"kind": "q", "end": "source", "password": "secret", "within": "2", "unit": "weeks"}
"""What paths name beside the first of NAMES."""
SPANS: Final = {
    f"{of}_{end}": number for of in ("lengths", "msg_rates", "data_rates") for end, number in (("age", 60), ("incr", 5))
}


@pytest.mark.parametrize("operation", READING, ids=lambda one: one.definition.raw["operationId"])
def test_what_there_is_is_as_documented(operation: Any, server: Server) -> None:
    server.fill()
    parts = {one.name for one in operation.iter_parameters() if one.location == ParameterLocation.PATH}
    told = {one.name for one in operation.iter_parameters() if one.location == ParameterLocation.QUERY}
    names = {name: quote(THERE.get(name) or NAMES[name][0], safe="") for name in parts}
    spans = {name: number for name, number in SPANS.items() if name in told}
    queries: list[dict[str, Any]] = [{}, spans] if spans else [{}]
    if "page" in told:
        queries += [{"page": 1, "page_size": 10}, {"page": 1, "name": "nothing"}, {"sort": "name", **spans}]
    for query in queries:
        case = operation.Case(path_parameters=names, query=query)
        response = case.call_and_validate(base_url=server.url, session=server.session, auth=(CALLER, CALLER))
        assert response.status_code == 200, response.text
        if operation.definition.raw["operationId"] in LISTS and "page" not in query:
            assert response.json() or operation.path == "/api/users/without-permissions"
