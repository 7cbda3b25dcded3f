"""Connections, channels and consumers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import describe
from ..statistics import DATA, STATS, stats
from .caller import ADMINISTRATOR
from .reply import Turns, done, forbidden, json, listing, not_found

if TYPE_CHECKING:
    from starlette.responses import Response

    from ...broker.connections import Connected
    from ..statistics import View
    from .context import Call

CLOSED = "Closed via management plugin"
"""What a client is told that somebody closed; the header `X-Reason` is another text."""


async def _visible(call: Call) -> list[Connected]:
    """Connections of the path's virtual host or user; of others only for who sees all."""
    path, connections = call.request.path_params, call.broker.connections
    if "vhost" in path:
        found = connections.of_vhost((await call.caller.vhost(call.part("vhost"))).name)
    elif "user" in path:
        found = connections.of_user(call.part("user"))
    else:
        found = connections.all()
    if call.caller.sees_all:
        return found
    own = {id(one) for one in connections.of_user(call.caller.user.name)}
    return [one for one in found if id(one) in own]


async def list_connections(call: Call) -> Response:
    """Open connections; beyond RabbitMQ they are found by the name that their clients gave them, too."""
    view = call.view
    return await listing(
        call.request, await _visible(call), lambda one: _told(one, view), lambda one: one.name, alias=_alias
    )


def _alias(one: Connected) -> str:
    name = one.describe().get("user_provided_name")
    return name if isinstance(name, str) else ""


def _told(one: Connected, view: View) -> dict[str, Any]:
    """Nothing when it is not open."""
    told = one.describe()
    return told and told | view.data_of(one, DATA, one.traffic())


def _channels(one: Connected, view: View) -> list[dict[str, Any]]:
    """The channels of a connection, each with what went through it."""
    counted = one.channel_counts()
    found = one.describe_channels()
    for told in found:
        counts = counted.get(told["name"])
        if counts is not None and (figures := view.stats_of(told["name"], STATS, stats(counts), 0)):
            told["message_stats"] = figures
    return found


def _reason(call: Call) -> str:
    said = call.request.headers.get("x-reason", CLOSED)  # its bytes are UTF-8, by what is customary
    return said.encode("latin-1").decode("utf-8", "replace")


async def _connection(call: Call) -> tuple[Connected, dict[str, Any]]:
    name = call.part("connection")
    for one in call.broker.connections.all():
        if one.name == name and (told := one.describe()):
            if told["user"] != call.caller.user.name and not call.caller.sees_all:
                raise forbidden("User not authorised to access connection")
            return one, told
    raise not_found()


async def get_connection(call: Call) -> Response:
    """One, by its name."""
    return json(_told((await _connection(call))[0], call.view))


async def delete_connection(call: Call) -> Response:
    """Close it; one's own, or as administrator any."""
    one, told = await _connection(call)
    if told["user"] != call.caller.user.name:
        call.caller.require(ADMINISTRATOR)
    one.close(_reason(call))
    return done()


async def delete_connections_of_user(call: Call) -> Response:
    """Close all of a user."""
    if call.part("user") != call.caller.user.name:
        call.caller.require(ADMINISTRATOR)
    reason, turns = _reason(call), Turns()
    for one in call.broker.connections.of_user(call.part("user")):
        one.close(reason)
        if turns.over:
            await turns.others()
    return done()


async def list_connection_channels(call: Call) -> Response:
    """The channels of a connection."""
    one, _ = await _connection(call)
    return await listing(call.request, _channels(one, call.view), lambda told: told, lambda told: str(told["name"]))


async def list_connection_sessions(call: Call) -> Response:
    """Sessions are AMQP 1.0's: these connections have channels."""
    await _connection(call)
    return json([])


async def list_channels(call: Call) -> Response:
    """Open channels."""
    view, turns = call.view, Turns()
    found: list[dict[str, Any]] = []
    for one in await _visible(call):
        found += _channels(one, view)
        if turns.over:
            await turns.others()
    return await listing(call.request, found, lambda told: told, lambda told: str(told["name"]))


async def get_channel(call: Call) -> Response:
    """One, by its name, with its consumers."""
    name, view = call.part("channel"), call.view
    for one in await _visible(call):
        for told in _channels(one, view) if name.startswith(one.name) else ():
            if told["name"] == name:
                consumers = await _consumers(call, one.name, told["number"])
                return json(told | {"consumer_details": consumers, "deliveries": [], "publishes": []})
    raise not_found()


async def _consumers(call: Call, connection: str, channel: int) -> list[dict[str, Any]]:
    """Those of a channel."""
    found = []
    turns = Turns()
    for vhost in [*call.broker.vhosts.values()]:
        for queue in [*vhost.queues.values()]:
            for one in queue.consumers:
                origin = one.channel.origin
                if (origin.connection, origin.channel) == (connection, channel):
                    found.append(describe.consumer(one))
            if turns.over:
                await turns.others()
    return found


async def list_consumers(call: Call) -> Response:
    """Of a virtual host, or of all that the caller may look at."""
    found = [one for vhost in await call.vhosts() for queue in vhost.queues.values() for one in queue.consumers]
    timeout_ms = call.node.consumer_timeout_ms
    return await listing(call.request, found, lambda one: describe.consumer(one, timeout_ms), lambda one: one.tag)
