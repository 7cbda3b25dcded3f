"""The API as an ASGI application: paths, who may call, and errors (RabbitMQ page "HTTP API Reference").

A path is matched as it was sent, so that names may have slashes (`%2F`); `Call.part` decodes.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from starlette.applications import Starlette
from starlette.convertors import StringConvertor, register_url_convertor
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route, Router
from starlette.staticfiles import StaticFiles

from . import browsing, events, messages, objects, overview, rules, tenants, topology, traffic
from .caller import log_in
from .context import Call, refusals
from .described import Described
from .guard import Guard
from .metrics import Metrics
from .reply import ApiError, error, json
from .sessions import Sessions, require_same_origin

if TYPE_CHECKING:
    from starlette.requests import Request

    from .caller import Managed

Handler = Callable[[Call], Awaitable[Response]]

UI: Final = Path(__file__).parent.parent / "ui"
"""Where the build of the user interface is, if there is one."""


class _Name(StringConvertor):
    """A part of a path that may be empty."""

    regex = "[^/]*"


register_url_convertor("name", _Name())

logger: Final = logging.getLogger("leveret")

_PERMISSION: Final = {
    "GET": tenants.get_permission,
    "PUT": tenants.put_permission,
    "DELETE": tenants.delete_permission,
}
_TOPIC_PERMISSION: Final = {
    "GET": tenants.get_topic_permissions,
    "PUT": tenants.put_topic_permission,
    "DELETE": tenants.delete_topic_permission,
}
_POLICY: Final = {"GET": rules.get_policy, "PUT": rules.put_policy, "DELETE": rules.delete_policy}
_PARAMETER: Final = dict.fromkeys(("GET", "PUT", "DELETE"), rules.one_parameter)
_GLOBAL_PARAMETER: Final = dict.fromkeys(("GET", "PUT", "DELETE"), rules.one_global_parameter)
_DEFINITIONS: Final = {"GET": rules.export_definitions, "POST": rules.import_definitions}

PATHS: Final[Mapping[str, Handler | Mapping[str, Handler]]] = {
    # The whole
    "overview": overview.overview,
    "cluster-name": {"GET": overview.get_cluster_name, "PUT": overview.put_cluster_name},
    "nodes": overview.list_nodes,
    "nodes/{node}": overview.get_node,
    "nodes/{node}/memory": overview.get_memory,
    "nodes/{node}/memory/relative": overview.get_memory,
    "extensions": overview.extensions,
    "version": overview.version,
    "config/effective": overview.effective_config,
    "feature-flags": overview.list_feature_flags,
    "feature-flags/{name}/enable": {"PUT": overview.enable_feature_flag},
    "deprecated-features": overview.nothing,
    "deprecated-features/used": overview.nothing,
    "rebalance/queues": {"POST": overview.rebalance},
    "reset": {"DELETE": overview.reset},
    "reset/{node}": {"DELETE": overview.reset},
    "auth/attempts/{node}": dict.fromkeys(("GET", "DELETE"), overview.attempts),
    "auth/attempts/{node}/source": dict.fromkeys(("GET", "DELETE"), overview.attempts),
    "auth/hash_password/{password}": tenants.hash_password,
    # Definitions, policies, parameters
    "definitions": _DEFINITIONS,
    "all-configuration": _DEFINITIONS,
    "definitions/{vhost}": _DEFINITIONS,
    "parameters": rules.list_parameters,
    "parameters/{component}": rules.list_parameters,
    "parameters/{component}/{vhost}": rules.list_parameters,
    "parameters/{component}/{vhost}/{name}": _PARAMETER,
    "global-parameters": rules.list_global_parameters,
    "global-parameters/{name}": _GLOBAL_PARAMETER,
    "policies": rules.list_policies,
    "policies/{vhost}": rules.list_policies,
    "policies/{vhost}/{name}": _POLICY,
    "operator-policies": rules.list_policies,
    "operator-policies/{vhost}": rules.list_policies,
    "operator-policies/{vhost}/{name}": _POLICY,
    "vhost-limits": tenants.list_vhost_limits,
    "vhost-limits/{vhost}": tenants.list_vhost_limits,
    "vhost-limits/{vhost}/{name}": dict.fromkeys(("PUT", "DELETE"), tenants.set_vhost_limit),
    "user-limits": tenants.list_user_limits,
    "user-limits/{user}": tenants.list_user_limits,
    "user-limits/{user}/{name}": dict.fromkeys(("PUT", "DELETE"), tenants.set_user_limit),
    # Who is connected
    "connections": traffic.list_connections,
    "connections/username/{user}": {
        "GET": traffic.list_connections,
        "DELETE": traffic.delete_connections_of_user,
    },
    "connections/{connection}": {"GET": traffic.get_connection, "DELETE": traffic.delete_connection},
    "connections/{connection}/channels": traffic.list_connection_channels,
    "connections/{connection}/sessions": traffic.list_connection_sessions,
    "vhosts/{vhost}/connections": traffic.list_connections,
    "channels": traffic.list_channels,
    "channels/{channel}": traffic.get_channel,
    "vhosts/{vhost}/channels": traffic.list_channels,
    "consumers": traffic.list_consumers,
    "consumers/{vhost}": traffic.list_consumers,
    # Exchanges, queues, bindings
    "exchanges": objects.list_exchanges,
    "exchanges/{vhost}": objects.list_exchanges,
    "exchanges/{vhost}/{exchange}": {
        "GET": objects.get_exchange,
        "PUT": objects.put_exchange,
        "DELETE": objects.delete_exchange,
    },
    "exchanges/{vhost}/{exchange}/publish": {"POST": messages.publish},
    "exchanges/{vhost}/{exchange}/bindings/{end}": objects.list_exchange_bindings,
    "queues": objects.list_queues,
    "queues/detailed": objects.list_queues,
    "queues/{vhost}": objects.list_queues,
    "queues/{vhost}/{queue}": {
        "GET": objects.get_queue,
        "PUT": objects.put_queue,
        "DELETE": objects.delete_queue,
    },
    "queues/{vhost}/{queue}/bindings": objects.list_queue_bindings,
    "queues/{vhost}/{queue}/contents": {"DELETE": objects.purge_queue},
    "queues/{vhost}/{queue}/get": {"POST": messages.get},
    "queues/{vhost}/{queue}/actions": {"POST": objects.act_on_queue},
    "bindings": objects.list_bindings,
    "bindings/{vhost}": objects.list_bindings,
    "bindings/{vhost}/e/{exchange}/{kind}/{destination}": {
        "GET": objects.list_bindings_between,
        "POST": objects.post_binding,
    },
    "bindings/{vhost}/e/{exchange}/{kind}/{destination}/{props}": {
        "GET": objects.get_binding,
        "DELETE": objects.delete_binding,
    },
    # Beyond RabbitMQ
    "leveret/queues/{vhost}/{queue}/messages": browsing.peek,
    "leveret/queues/{vhost}/{queue}/messages/search": browsing.search,
    "leveret/queues/{vhost}/{queue}/messages/actions": {"POST": browsing.act},
    "leveret/queues/{vhost}/{queue}/pause": {"POST": objects.pause_queue},
    "leveret/queues/{vhost}/{queue}/resume": {"POST": objects.resume_queue},
    "leveret/routes/{vhost}": {"POST": topology.route},
    "leveret/topology/{vhost}": topology.topology,
    "leveret/events": events.events,
    # Virtual hosts, users, permissions
    "vhosts": tenants.list_vhosts,
    "vhosts/{vhost}": {"GET": tenants.get_vhost, "PUT": tenants.put_vhost, "DELETE": tenants.delete_vhost},
    "vhosts/{vhost}/deletion/protection": dict.fromkeys(("POST", "DELETE"), tenants.protect_vhost),
    "vhosts/{vhost}/start/{node}": {"POST": tenants.start_vhost},
    "vhosts/{vhost}/permissions": tenants.list_permissions,
    "vhosts/{vhost}/topic-permissions": tenants.list_topic_permissions,
    "users": tenants.list_users,
    "users/without-permissions": tenants.list_users_without_permissions,
    "users/bulk-delete": {"POST": tenants.delete_users},
    "users/{user}": {"GET": tenants.get_user, "PUT": tenants.put_user, "DELETE": tenants.delete_user},
    "users/{user}/permissions": tenants.list_permissions,
    "users/{user}/topic-permissions": tenants.list_topic_permissions,
    "permissions": tenants.list_permissions,
    "permissions/{vhost}/{user}": _PERMISSION,
    "topic-permissions": tenants.list_topic_permissions,
    "topic-permissions/{vhost}/{user}": _TOPIC_PERMISSION,
    "topic-permissions/{vhost}/{user}/{exchange}": {"DELETE": tenants.delete_topic_permission},
    "whoami": tenants.whoami,
    # Health
    "aliveness-test/{vhost}": overview.aliveness,
    "healthchecks/node": overview.check_alarms,
    "healthchecks/node/{node}": overview.check_alarms,
    "health/checks/alarms": overview.check_alarms,
    "health/checks/local-alarms": overview.check_alarms,
    "health/checks/virtual-hosts": overview.check_virtual_hosts,
    "health/checks/port-listener/{port}": overview.check_port_listener,
    "health/checks/protocol-listener/{protocols}": overview.check_protocol_listener,
    "health/checks/certificate-expiration/{within}/{unit}": overview.check_certificates,
    "health/checks/below-node-connection-limit": overview.check_connection_limit,
    "health/checks/ready-to-serve-clients": overview.check_ready,
    "health/checks/is-in-service": overview.check_ready,
    "health/checks/metadata-store/initialized": overview.check_well,
    "health/checks/metadata-store/initialized/with-data": overview.check_well,
    "health/checks/node-is-quorum-critical": overview.check_alone,
    "health/checks/reached-target-cluster-size": overview.check_well,
    "health/checks/quorum-queues-without-elected-leaders/all-vhosts": overview.check_well,
    "health/checks/quorum-queues-without-elected-leaders/vhost/{vhost}": overview.check_leaders,
}
"""What is at `/api/...`; a handler alone is one for GET."""


def application(node: Managed) -> Guard:
    """The API of a node, and its user interface."""
    sessions = Sessions(node)
    prefix = node.management.path_prefix.rstrip("/")
    api = [
        Route("/login", sessions.endpoint, methods=["POST", "DELETE"]),
        Route("/auth", _authentication, methods=["GET"]),
        Route("/openapi.json", Described(prefix).endpoint, methods=["GET"]),
    ]
    for path, handlers in PATHS.items():
        table = handlers if isinstance(handlers, Mapping) else {"GET": handlers}
        path = path.replace("{exchange}", "{exchange:name}")  # that of the default one is empty
        api.append(Route(f"/{path}", _endpoint(node, sessions, table), methods=[*table]))
    # Apart from the pages, which would answer for every path and method that is not there.
    routes: list[Route | Mount] = [Mount(f"{prefix}/api", Router(api, redirect_slashes=False))]
    routes += Metrics(node, authenticated=True).routes(prefix)
    if UI.is_dir():
        routes.append(Mount(prefix or "/", StaticFiles(directory=UI, html=True)))
    if prefix:
        routes.append(Route("/", lambda request: RedirectResponse(f"{prefix}/"), methods=["GET"]))
    app = Starlette(
        routes=routes,
        exception_handlers={ApiError: _refused, HTTPException: _http_error},
    )
    app.router.redirect_slashes = False
    return Guard(app, node.management)


def metrics_application(node: Managed, authenticated: bool) -> Guard:
    """Metrics alone, as RabbitMQ has them on a port of their own."""
    app = Starlette(
        routes=Metrics(node, authenticated).routes(),
        exception_handlers={ApiError: _refused, HTTPException: _http_error},
    )
    return Guard(app, node.management)


def _endpoint(
    node: Managed, sessions: Sessions, handlers: Mapping[str, Handler]
) -> Callable[[Request], Awaitable[Response]]:
    async def serve(request: Request) -> Response:
        if request.method not in ("GET", "HEAD"):
            require_same_origin(request, node.management.cors_allow_origins)
        caller = await sessions.caller(request) or await log_in(request, node)
        method = "GET" if request.method == "HEAD" else request.method
        try:
            with refusals():
                return await handlers[method](Call(request, caller))
        except ApiError:
            raise
        except Exception as problem:
            return _failed(request, problem)

    return serve


async def _authentication(request: Request) -> Response:
    """What the user interface of RabbitMQ asks first: whether one logs in with OAuth 2 there."""
    return json({"oauth_enabled": False})


def _refused(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, ApiError)
    response = error(problem.status, problem.error, problem.reason)
    if "x-requested-with" in request.headers and "www-authenticate" in response.headers:
        del response.headers["www-authenticate"]  # a page's own script asks: browsers would open a login of their own
    return response


def _http_error(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, HTTPException)
    if problem.status_code == 404:
        return error(404, "Object Not Found", "Not Found")
    response = error(problem.status_code, problem.detail, problem.detail)
    for name, value in (problem.headers or {}).items():
        response.headers[name] = value
    return response


def _failed(request: Request, problem: Exception) -> Response:
    """A bug of ours: said in the log, with the path only; the caller hears no more than that."""
    logger.error("the management API failed at %s %s", request.method, request.scope["path"], exc_info=problem)
    return error(500, "Internal Server Error", "Internal Server Error")
