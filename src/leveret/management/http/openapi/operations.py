"""Each operation of the API in a few lines: what it is called and does, takes and gives. Paths are those of `app`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from ...definitions import Definitions
from . import answers, beyond, bodies, whole
from .parameters import (
    ALL_HISTORY,
    COLUMNS,
    COUNT,
    DATA_HISTORY,
    DOWNLOAD,
    FAMILIES,
    HISTORY,
    IF_EMPTY,
    IF_UNUSED,
    LIST,
    MESSAGE_HISTORY,
    OFFSET,
    REASON,
    SEARCH,
    TRUNCATE,
    USER_LIMIT,
    VHOST_LIMIT,
    Parameter,
)

Answers = Mapping[int, Any]

TEXT: Final = "text/plain"
STREAM: Final = "text/event-stream"
FORM: Final = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path. What every operation answers is not said here: 401, 404 where a path names something,
    400 and 403 for what changes something, 413 for what is sent.
    """

    id: str
    summary: str
    answers: Answers
    parameters: tuple[Parameter, ...] = ()
    takes: Any = None
    takes_as: str = "application/json"
    gives_as: str = "application/json"
    example: Any = None
    open: bool = False
    """Whether it needs no login."""
    basic: bool = False
    """Whether a session is no login here."""


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list of these, or a page of it."""

    type: Any


def _get(id: str, summary: str, gives: Any, *parameters: Parameter, **more: Any) -> Operation:
    return Operation(id, summary, {200: gives}, parameters, **more)


def _list(id: str, summary: str, of: Any, *parameters: Parameter) -> Operation:
    return Operation(id, summary, {200: ListOf(of)}, (*LIST, *parameters))


def _put(id: str, summary: str, takes: Any, example: Any = None, **more: Any) -> Operation:
    return Operation(id, summary, {201: None, 204: None}, takes=takes, example=example, **more)


def _do(id: str, summary: str, *parameters: Parameter, **more: Any) -> Operation:
    return Operation(id, summary, {204: None}, parameters, **more)


def _post(id: str, summary: str, takes: Any, gives: Any, example: Any = None) -> Operation:
    return Operation(id, summary, {200: gives}, takes=takes, example=example)


def _check(id: str, summary: str, ill: Any = None, well: Any = whole.Well) -> Operation:
    return Operation(id, summary, {200: well} | ({} if ill is None else {503: ill}))


_MESSAGE: Final = {"properties": {}, "routing_key": "letterbox", "payload": "Hello", "payload_encoding": "string"}
_POLICY: Final = {"pattern": "^hats\\.", "definition": {"max-length": 1000}, "apply-to": "queues"}
_EVERYTHING: Final = {"configure": ".*", "write": ".*", "read": ".*"}

OPERATIONS: Final[Mapping[str, Mapping[str, Mapping[str, Operation]]]] = {
    "The whole": {
        "overview": {"GET": _get("getOverview", "Names, sums and listeners", whole.Overview, *ALL_HISTORY)},
        "cluster-name": {
            "GET": _get("getClusterName", "What the broker is called", whole.Name),
            "PUT": _do(
                "setClusterName", "Call the broker something else", takes=bodies.NewName, example={"name": "hats"}
            ),
        },
        "nodes": {"GET": _get("listNodes", "Nodes: there is one", list[whole.Node], *DATA_HISTORY)},
        "nodes/{node}": {"GET": _get("getNode", "The node", whole.Node, *DATA_HISTORY)},
        "nodes/{node}/memory": {"GET": _get("getMemory", "Where the memory is, in bytes", whole.Memory)},
        "nodes/{node}/memory/relative": {
            "GET": _get("getMemoryShares", "Where the memory is, in percent", whole.RelativeMemory)
        },
        "extensions": {"GET": _get("listExtensions", "Extensions of the pages: none", list[answers.Plain])},
        "version": {"GET": _get("getVersion", "Of RabbitMQ and of the broker", whole.Version)},
        "config/effective": {"GET": _get("getConfig", "Options as they are in effect", dict[str, Any])},
        "feature-flags": {"GET": _get("listFeatureFlags", "Feature flags: all are on", list[whole.FeatureFlag])},
        "feature-flags/{name}/enable": {"PUT": _do("enableFeatureFlag", "Has no effect: all are on already")},
        "deprecated-features": {"GET": _get("listDeprecatedFeatures", "There are none", list[answers.Plain])},
        "deprecated-features/used": {"GET": _get("listUsedDeprecatedFeatures", "There are none", list[answers.Plain])},
        "rebalance/queues": {"POST": _do("rebalanceQueues", "Has no effect: there is one node")},
        "reset": {"DELETE": _do("forgetStatistics", "Forget the samples")},
        "reset/{node}": {"DELETE": _do("forgetNodeStatistics", "Forget the samples of the node")},
        "auth/attempts/{node}": {
            "GET": _get("listLoginAttempts", "Attempts to log in: not counted", list[answers.Plain]),
            "DELETE": _do("forgetLoginAttempts", "Has no effect"),
        },
        "auth/attempts/{node}/source": {
            "GET": _get("listLoginAttemptsBySource", "Attempts to log in by source: not counted", list[answers.Plain]),
            "DELETE": _do("forgetLoginAttemptsBySource", "Has no effect"),
        },
    },
    "Definitions": {
        path: {
            "GET": _get(f"export{name}", f"{what} as a file", Definitions, DOWNLOAD),
            "POST": _do(f"import{name}", f"Make {what.lower()} of a file: everything or nothing", takes=Definitions),
        }
        for path, name, what in (
            ("definitions", "Definitions", "All definitions"),
            ("all-configuration", "Configuration", "All definitions"),
            ("definitions/{vhost}", "VHostDefinitions", "Definitions of a virtual host"),
        )
    },
    "Policies and parameters": {
        "parameters": {"GET": _list("listParameters", "Runtime parameters", answers.Parameter)},
        "parameters/{component}": {
            "GET": _list("listParametersOf", "Runtime parameters of a component", answers.Parameter)
        },
        "parameters/{component}/{vhost}": {
            "GET": _list(
                "listVHostParametersOf", "Runtime parameters of a component in a virtual host", answers.Parameter
            )
        },
        "parameters/{component}/{vhost}/{name}": {
            "GET": _get("getParameter", "A runtime parameter", answers.Parameter),
            "PUT": _put("putParameter", "Set a runtime parameter", bodies.ParameterValue),
            "DELETE": _do("deleteParameter", "Clear a runtime parameter"),
        },
        "global-parameters": {
            "GET": _list("listGlobalParameters", "Parameters of no virtual host", answers.GlobalParameter)
        },
        "global-parameters/{name}": {
            "GET": _get("getGlobalParameter", "A global parameter", answers.GlobalParameter),
            "PUT": _put("putGlobalParameter", "Set a global parameter", bodies.ParameterValue),
            "DELETE": _do("deleteGlobalParameter", "Clear a global parameter"),
        },
        "policies": {"GET": _list("listPolicies", "Policies", answers.Policy)},
        "policies/{vhost}": {"GET": _list("listVHostPolicies", "Policies of a virtual host", answers.Policy)},
        "policies/{vhost}/{name}": {
            "GET": _get("getPolicy", "A policy", answers.Policy),
            "PUT": _put("putPolicy", "Set a policy; answered when it is in effect", bodies.PolicyDeclaration, _POLICY),
            "DELETE": _do("deletePolicy", "Take a policy away; answered when that is in effect"),
        },
        "operator-policies": {"GET": _list("listOperatorPolicies", "Operator policies", answers.Policy)},
        "operator-policies/{vhost}": {
            "GET": _list("listVHostOperatorPolicies", "Operator policies of a virtual host", answers.Policy)
        },
        "operator-policies/{vhost}/{name}": {
            "GET": _get("getOperatorPolicy", "An operator policy", answers.Policy),
            "PUT": _put("putOperatorPolicy", "Set an operator policy", bodies.PolicyDeclaration, _POLICY),
            "DELETE": _do("deleteOperatorPolicy", "Take an operator policy away"),
        },
        "vhost-limits": {"GET": _list("listVHostLimits", "Limits of virtual hosts", answers.VHostLimits)},
        "vhost-limits/{vhost}": {"GET": _list("getVHostLimits", "Limits of a virtual host", answers.VHostLimits)},
        "vhost-limits/{vhost}/{name}": {
            "PUT": _do(
                "setVHostLimit",
                "Set a limit of a virtual host",
                VHOST_LIMIT,
                takes=bodies.LimitValue,
                example={"value": 100},
            ),
            "DELETE": _do("deleteVHostLimit", "Take a limit of a virtual host away", VHOST_LIMIT),
        },
        "user-limits": {"GET": _list("listUserLimits", "Limits of users", answers.UserLimits)},
        "user-limits/{user}": {"GET": _list("getUserLimits", "Limits of a user", answers.UserLimits)},
        "user-limits/{user}/{name}": {
            "PUT": _do(
                "setUserLimit", "Set a limit of a user", USER_LIMIT, takes=bodies.LimitValue, example={"value": 100}
            ),
            "DELETE": _do("deleteUserLimit", "Take a limit of a user away", USER_LIMIT),
        },
    },
    "Connections": {
        "connections": {"GET": _list("listConnections", "Open connections", answers.Connection, *DATA_HISTORY)},
        "connections/username/{user}": {
            "GET": _list("listUserConnections", "Connections of a user", answers.Connection, *DATA_HISTORY),
            "DELETE": _do("closeUserConnections", "Close the connections of a user", REASON),
        },
        "connections/{connection}": {
            "GET": _get("getConnection", "A connection", answers.Connection, *DATA_HISTORY),
            "DELETE": _do("closeConnection", "Close a connection", REASON),
        },
        "connections/{connection}/channels": {
            "GET": _list("listConnectionChannels", "Channels of a connection", answers.Channel, *MESSAGE_HISTORY)
        },
        "connections/{connection}/sessions": {
            "GET": _get("listConnectionSessions", "Sessions of AMQP 1.0 of a connection: none", list[answers.Plain])
        },
        "vhosts/{vhost}/connections": {
            "GET": _list("listVHostConnections", "Connections to a virtual host", answers.Connection, *DATA_HISTORY)
        },
        "channels": {"GET": _list("listChannels", "Open channels", answers.Channel, *MESSAGE_HISTORY)},
        "channels/{channel}": {
            "GET": _get("getChannel", "A channel, with its consumers", answers.ChannelAlone, *MESSAGE_HISTORY)
        },
        "vhosts/{vhost}/channels": {
            "GET": _list("listVHostChannels", "Channels to a virtual host", answers.Channel, *MESSAGE_HISTORY)
        },
        "consumers": {"GET": _list("listConsumers", "Consumers", answers.Consumer)},
        "consumers/{vhost}": {"GET": _list("listVHostConsumers", "Consumers in a virtual host", answers.Consumer)},
    },
    "Queues": {
        "queues": {"GET": _list("listQueues", "Queues", answers.Queue, *HISTORY)},
        "queues/detailed": {"GET": _list("listDetailedQueues", "The same as `queues`", answers.Queue, *HISTORY)},
        "queues/{vhost}": {"GET": _list("listVHostQueues", "Queues of a virtual host", answers.Queue, *HISTORY)},
        "queues/{vhost}/{queue}": {
            "GET": _get("getQueue", "A queue, with its consumers", answers.QueueAlone, COLUMNS, *HISTORY),
            "PUT": _put("declareQueue", "Declare a queue", bodies.QueueDeclaration, {"durable": True}),
            "DELETE": _do("deleteQueue", "Delete a queue", IF_EMPTY, IF_UNUSED),
        },
        "queues/{vhost}/{queue}/bindings": {"GET": _list("listQueueBindings", "Bindings to a queue", answers.Binding)},
        "queues/{vhost}/{queue}/contents": {"DELETE": _do("purgeQueue", "Delete the messages that are ready")},
        "queues/{vhost}/{queue}/get": {
            "POST": _post("getMessages", "Get messages", bodies.Getting, list[answers.GotMessage], {"count": 5})
        },
        "queues/{vhost}/{queue}/actions": {
            "POST": _do(
                "actOnQueue",
                "Has no effect: there are no mirrored queues",
                takes=bodies.QueueAction,
                example={"action": "sync"},
            )
        },
    },
    "Exchanges": {
        "exchanges": {"GET": _list("listExchanges", "Exchanges", answers.Exchange)},
        "exchanges/{vhost}": {"GET": _list("listVHostExchanges", "Exchanges of a virtual host", answers.Exchange)},
        "exchanges/{vhost}/{exchange}": {
            "GET": _get("getExchange", "An exchange", answers.Exchange),
            "PUT": _put("declareExchange", "Declare an exchange", bodies.ExchangeDeclaration, {"type": "topic"}),
            "DELETE": _do("deleteExchange", "Delete an exchange", IF_UNUSED),
        },
        "exchanges/{vhost}/{exchange}/publish": {
            "POST": _post("publish", "Publish a message", bodies.Publishing, answers.Routed, _MESSAGE)
        },
        "exchanges/{vhost}/{exchange}/bindings/{end}": {
            "GET": _list("listExchangeBindings", "Bindings from an exchange, or to it", answers.Binding)
        },
    },
    "Bindings": {
        "bindings": {"GET": _list("listBindings", "Bindings", answers.Binding)},
        "bindings/{vhost}": {"GET": _list("listVHostBindings", "Bindings of a virtual host", answers.Binding)},
        "bindings/{vhost}/e/{exchange}/{kind}/{destination}": {
            "GET": _list(
                "listBindingsBetween",
                "Bindings between an exchange and a queue, or another exchange",
                answers.Binding,
            ),
            "POST": Operation(
                "bind",
                "Bind a queue or an exchange",
                {201: None},
                takes=bodies.BindingDeclaration,
                example={"routing_key": "hats.#"},
            ),
        },
        "bindings/{vhost}/e/{exchange}/{kind}/{destination}/{props}": {
            "GET": _get("getBinding", "A binding", answers.Binding),
            "DELETE": _do("unbind", "Take a binding away"),
        },
    },
    "Virtual hosts": {
        "vhosts": {"GET": _list("listVHosts", "Virtual hosts", answers.VHost, *HISTORY)},
        "vhosts/{vhost}": {
            "GET": _get("getVHost", "A virtual host", answers.VHost, *HISTORY),
            "PUT": _put("putVHost", "Make a virtual host, or change what is said of it", bodies.VHostDeclaration),
            "DELETE": Operation(
                "deleteVHost", "Delete a virtual host, with everything in it", {204: None, 412: answers.Error}
            ),
        },
        "vhosts/{vhost}/deletion/protection": {
            "POST": _do("protectVHost", "Protect a virtual host from deletion"),
            "DELETE": _do("unprotectVHost", "Let a virtual host be deleted"),
        },
        "vhosts/{vhost}/start/{node}": {"POST": _do("startVHost", "Has no effect: all are started")},
        "vhosts/{vhost}/permissions": {
            "GET": _list("listVHostPermissions", "Who may what in a virtual host", answers.Permission)
        },
        "vhosts/{vhost}/topic-permissions": {
            "GET": _list(
                "listVHostTopicPermissions", "Who may use which routing keys in a virtual host", answers.TopicPermission
            )
        },
    },
    "Users": {
        "users": {"GET": _list("listUsers", "Users", answers.User)},
        "users/without-permissions": {
            "GET": _list("listUsersWithoutPermissions", "Users who may connect nowhere", answers.User)
        },
        "users/bulk-delete": {
            "POST": _do("deleteUsers", "Delete several users", takes=bodies.Users, example={"users": ["ann", "bob"]})
        },
        "users/{user}": {
            "GET": _get("getUser", "A user", answers.User),
            "PUT": _put(
                "putUser", "Make a user, or change it", bodies.UserDeclaration, {"password": "secret", "tags": ""}
            ),
            "DELETE": _do("deleteUser", "Delete a user, with its permissions"),
        },
        "users/{user}/permissions": {"GET": _list("listUserPermissions", "What a user may where", answers.Permission)},
        "users/{user}/topic-permissions": {
            "GET": _list("listUserTopicPermissions", "Which routing keys a user may use where", answers.TopicPermission)
        },
        "permissions": {"GET": _list("listPermissions", "Who may what where", answers.Permission)},
        "permissions/{vhost}/{user}": {
            "GET": _get("getPermission", "Permissions of a user in a virtual host", answers.Permission),
            "PUT": _put(
                "putPermission", "Set permissions of a user in a virtual host", bodies.Permissions, _EVERYTHING
            ),
            "DELETE": _do("deletePermission", "Take permissions away: the user cannot connect there any more"),
        },
        "topic-permissions": {
            "GET": _list("listTopicPermissions", "Who may use which routing keys where", answers.TopicPermission)
        },
        "topic-permissions/{vhost}/{user}": {
            "GET": _get(
                "getTopicPermissions", "Topic permissions of a user in a virtual host", list[answers.TopicPermission]
            ),
            "PUT": _put(
                "putTopicPermission",
                "Set topic permissions for an exchange",
                bodies.TopicPermissions,
                {"exchange": "amq.topic", "write": "^hats", "read": ".*"},
            ),
            "DELETE": _do("deleteTopicPermissions", "Clear topic permissions for all exchanges"),
        },
        "topic-permissions/{vhost}/{user}/{exchange}": {
            "DELETE": _do("deleteTopicPermission", "Clear topic permissions for an exchange")
        },
        "whoami": {"GET": _get("whoAmI", "Who calls", answers.WhoAmI)},
        "login": {
            "POST": Operation(
                "logIn",
                "Begin a session: with this form, or by Basic authentication",
                {200: answers.LoggedIn},
                takes=bodies.Login,
                takes_as=FORM,
                open=True,
            ),
            "DELETE": _do("logOut", "End a session", open=True),
        },
        "auth": {"GET": _get("getLogin", "How one logs in", answers.OAuth, open=True)},
        "auth/hash_password/{password}": {
            "GET": _get("hashPassword", "A hash of a password, as `putUser` takes it", answers.HashedPassword)
        },
    },
    "Health": {
        "aliveness-test/{vhost}": {"GET": _check("testAliveness", "Whether a queue can be declared")},
        "healthchecks/node": {"GET": _check("checkNode", "Whether no alarm is set", whole.IllAlarms)},
        "healthchecks/node/{node}": {"GET": _check("checkNodeOf", "Whether no alarm is set", whole.IllAlarms)},
        "health/checks/alarms": {"GET": _check("checkAlarms", "Whether no alarm is set", whole.IllAlarms)},
        "health/checks/local-alarms": {"GET": _check("checkLocalAlarms", "Whether no alarm is set", whole.IllAlarms)},
        "health/checks/virtual-hosts": {
            "GET": _check("checkVHosts", "Whether all virtual hosts can be used", whole.IllVHosts)
        },
        "health/checks/port-listener/{port}": {
            "GET": _check("checkPort", "Whether something listens there", whole.IllPort, whole.WellPort)
        },
        "health/checks/protocol-listener/{protocols}": {
            "GET": _check(
                "checkProtocols",
                "Whether one of these protocols is listened for",
                whole.IllProtocols,
                whole.WellProtocol,
            )
        },
        "health/checks/certificate-expiration/{within}/{unit}": {
            "GET": _check("checkCertificates", "Whether no certificate ends within this time", whole.IllCertificates)
        },
        "health/checks/below-node-connection-limit": {
            "GET": _check("checkLimit", "Whether there may be more connections", whole.IllLimit, whole.WellLimit)
        },
        "health/checks/ready-to-serve-clients": {
            "GET": _check("checkReady", "Whether messages may be published", whole.IllAlarms)
        },
        "health/checks/is-in-service": {
            "GET": _check("checkInService", "Whether messages may be published", whole.IllAlarms)
        },
        "health/checks/metadata-store/initialized": {"GET": _check("checkStore", "Always, if it answers")},
        "health/checks/metadata-store/initialized/with-data": {
            "GET": _check("checkStoreWithData", "Always, if it answers")
        },
        "health/checks/node-is-quorum-critical": {
            "GET": _check("checkQuorumCritical", "Always well: there is one node", well=whole.WellAlone)
        },
        "health/checks/reached-target-cluster-size": {"GET": _check("checkClusterSize", "Always: there is one node")},
        "health/checks/quorum-queues-without-elected-leaders/all-vhosts": {
            "GET": _check("checkLeaders", "Always: there are no quorum queues")
        },
        "health/checks/quorum-queues-without-elected-leaders/vhost/{vhost}": {
            "GET": _check("checkVHostLeaders", "Always: there are no quorum queues")
        },
    },
    "Beyond RabbitMQ": {
        "leveret/queues/{vhost}/{queue}/messages": {
            "GET": _get("peek", "Messages of a queue where they are", beyond.Peeked, OFFSET, COUNT, TRUNCATE)
        },
        "leveret/queues/{vhost}/{queue}/messages/search": {
            "GET": _get("search", "Messages of a queue that have all of this", beyond.Found, *SEARCH)
        },
        "leveret/queues/{vhost}/{queue}/messages/actions": {
            "POST": _post(
                "act",
                "Delete, copy, move or re-drive messages",
                bodies.Action,
                beyond.Acted,
                {"action": "move", "all": True, "destination": {"routing_key": "later"}},
            )
        },
        "leveret/queues/{vhost}/{queue}/pause": {"POST": _do("pauseQueue", "Deliver nothing until it is resumed")},
        "leveret/queues/{vhost}/{queue}/resume": {"POST": _do("resumeQueue", "Deliver again")},
        "leveret/routes/{vhost}": {
            "POST": _post(
                "route",
                "Where a message would go",
                bodies.Asked,
                beyond.Way,
                {"exchange": "amq.topic", "routing_key": "hats.red"},
            )
        },
        "leveret/topology/{vhost}": {"GET": _get("getTopology", "A virtual host as a graph", beyond.Topology)},
        "leveret/events": {
            "GET": Operation(
                "listenToEvents",
                "What happens, as it happens: server-sent events",
                {200: str, 503: answers.Error},
                gives_as=STREAM,
            )
        },
    },
    "This document": {
        "openapi.json": {"GET": _get("getOpenAPI", "The API as an OpenAPI document", answers.Plain, open=True)},
    },
}
"""By section, by path under `/api/`, by method."""

METRICS: Final[Mapping[str, Operation]] = {
    "metrics": _get("getMetrics", "Metrics of the whole, for Prometheus", str, gives_as=TEXT, basic=True),
    "metrics/per-object": _get("getObjectMetrics", "Metrics of each object", str, gives_as=TEXT, basic=True),
    "metrics/detailed": _get(
        "getDetailedMetrics", "Chosen metrics of each object", str, *FAMILIES, gives_as=TEXT, basic=True
    ),
    "metrics/memory-breakdown": _get("getMemoryMetrics", "Metrics of memory", str, gives_as=TEXT, basic=True),
}
"""By path."""
