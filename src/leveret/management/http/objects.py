"""Queues, exchanges and bindings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from ...broker.binding import Binding
from ...wire.fields import Arguments
from .. import describe
from ..importing import table_of
from .context import refusals
from .reply import bad_request, columns_of, done, field, flag, json, listing, not_found, object_of, pick, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from starlette.responses import Response

    from ...broker.binding import Destination
    from ...broker.exchange import Exchange
    from ...broker.queue import Queue
    from ...broker.vhost import VHost
    from .context import Call


def _place(one: Queue | Exchange) -> tuple[str, str]:
    return one.vhost, one.name


# Queues


async def list_queues(call: Call) -> Response:
    """Of a virtual host, or of all."""
    queues = [queue for vhost in await call.vhosts() for queue in vhost.queues.values()]
    view = call.view
    return await listing(call.request, queues, lambda one: describe.queue(one, view), lambda one: one.name, _place)


async def queue_of(call: Call) -> Queue:
    """The queue of the path. Raises ApiError."""
    vhost = await call.caller.vhost(call.part("vhost"))
    queue = vhost.queues.get(call.part("queue"))
    if queue is None:
        raise not_found()
    return queue


async def get_queue(call: Call) -> Response:
    """One, with its consumers."""
    queue = await queue_of(call)
    told = describe.one_queue(queue, call.view, call.broker.connections)
    columns = columns_of(call.request.query_params)
    return json(pick(told, columns) if columns else told)


async def put_queue(call: Call) -> Response:
    """As queue.declare."""
    name, said = call.part("queue"), await object_of(call.request)
    vhost = await call.caller.vhost(call.part("vhost"))
    rights = await call.caller.rights(vhost.name)
    known = name in vhost.queues
    arguments = _arguments(said)
    declared = await call.allowed(
        lambda: vhost.declare_queue(
            name,
            durable=flag(said, "durable", True),
            auto_delete=flag(said, "auto_delete", False),
            arguments=arguments,
            rights=rights,
        )
    )
    await call.durable(declared.position)
    return done(created=not known)


async def delete_queue(call: Call) -> Response:
    """As queue.delete; `?if-empty=true`, `?if-unused=true`."""
    queue = await queue_of(call)
    rights, query = await call.caller.rights(queue.vhost), call.request.query_params
    deleted = await call.allowed(
        lambda: call.broker.vhosts[queue.vhost].delete_queue(
            queue.name,
            if_unused=query.get("if-unused") == "true",
            if_empty=query.get("if-empty") == "true",
            owner=call.owner(queue),
            rights=rights,
        )
    )
    await call.durable(deleted.position)
    return done()


async def purge_queue(call: Call) -> Response:
    """As queue.purge."""
    queue = await queue_of(call)
    rights = await call.caller.rights(queue.vhost)
    vhost = call.broker.vhosts[queue.vhost]
    purged = await call.allowed(lambda: vhost.purge_queue(queue.name, owner=call.owner(queue), rights=rights))
    await call.durable(purged.position)
    return done()


async def pause_queue(call: Call) -> Response:
    """Nothing is delivered until it is resumed; not in RabbitMQ."""
    return await _pause(call, True)


async def resume_queue(call: Call) -> Response:
    """Deliver again."""
    return await _pause(call, False)


async def _pause(call: Call, paused: bool) -> Response:
    queue = await queue_of(call)
    rights = await call.caller.rights(queue.vhost)
    vhost = call.broker.vhosts[queue.vhost]
    vhost.queue(queue.name, call.owner(queue))  # it may be locked
    await call.durable(await call.allowed(lambda: vhost.pause_queue(queue, paused, rights)))
    return done()


async def act_on_queue(call: Call) -> Response:
    """`{"action": "sync" | "cancel_sync"}`, which mirrored queues had: nothing to do."""
    await queue_of(call)
    action = field(await object_of(call.request), "action", str)
    if action not in ("sync", "cancel_sync"):
        raise bad_request(f"unknown action {shown(action)}")
    return done()


def _arguments(said: dict[str, Any]) -> Arguments:
    with refusals():
        return table_of(said.get("arguments") or {})


# Exchanges


async def list_exchanges(call: Call) -> Response:
    """Of a virtual host, or of all."""
    exchanges = [exchange for vhost in await call.vhosts() for exchange in vhost.router.exchanges.values()]
    view = call.view
    return await listing(
        call.request, exchanges, lambda one: describe.exchange(one, view), lambda one: one.name, _place
    )


async def exchange_of(call: Call) -> Exchange:
    """The exchange of the path; the default one is `amq.default` there, too. Raises ApiError."""
    vhost = await call.caller.vhost(call.part("vhost"))
    name = call.part("exchange")
    exchange = vhost.router.exchanges.get("" if name == "amq.default" else name)
    if exchange is None:
        raise not_found()
    return exchange


async def get_exchange(call: Call) -> Response:
    """One."""
    return json(describe.exchange(await exchange_of(call), call.view))


async def put_exchange(call: Call) -> Response:
    """As exchange.declare."""
    name, said = call.part("exchange"), await object_of(call.request)
    vhost = await call.caller.vhost(call.part("vhost"))
    rights = await call.caller.rights(vhost.name)
    known = name in vhost.router.exchanges
    arguments, kind = _arguments(said), field(said, "type", str)
    position = await call.allowed(
        lambda: vhost.declare_exchange(
            name,
            kind,
            durable=flag(said, "durable", True),
            auto_delete=flag(said, "auto_delete", False),
            internal=flag(said, "internal", False),
            arguments=arguments,
            rights=rights,
        )
    )
    await call.durable(position)
    return done(created=not known)


async def delete_exchange(call: Call) -> Response:
    """As exchange.delete; `?if-unused=true`."""
    exchange = await exchange_of(call)
    rights = await call.caller.rights(exchange.vhost)
    unused = call.request.query_params.get("if-unused") == "true"
    vhost = call.broker.vhosts[exchange.vhost]
    await call.durable(
        await call.allowed(lambda: vhost.delete_exchange(exchange.name, if_unused=unused, rights=rights))
    )
    return done()


# Bindings


async def list_bindings(call: Call) -> Response:
    """Of a virtual host, or of all; those that queues have from the start come first."""
    vhosts = await call.vhosts()
    found: list[Binding | Queue] = [queue for vhost in vhosts for queue in vhost.queues.values()]
    for vhost in vhosts:
        for exchange in vhost.router.exchanges.values():
            found += vhost.router.bindings_from(exchange)
    return await _bindings(call, found)


async def list_queue_bindings(call: Call) -> Response:
    """Those to a queue."""
    queue = await queue_of(call)
    bound = call.broker.vhosts[queue.vhost].router.bindings_to(queue)
    found: list[Binding | Queue] = [queue, *bound]
    return await _bindings(call, found)


async def list_exchange_bindings(call: Call) -> Response:
    """Those from an exchange (`source`), or to it (`destination`)."""
    exchange = await exchange_of(call)
    vhost = call.broker.vhosts[exchange.vhost]
    found: list[Binding | Queue]
    if call.part("end") not in ("source", "destination"):
        raise not_found()
    if call.part("end") == "destination":
        found = [*vhost.router.bindings_to(exchange)]
    elif exchange.name:
        found = [*vhost.router.bindings_from(exchange)]
    else:
        found = [*vhost.queues.values()]
    return await _bindings(call, found)


async def _bindings(call: Call, found: Iterable[Binding | Queue]) -> Response:
    return await listing(call.request, found, describe.any_binding, order=_binding_place)


def _binding_place(one: Binding | Queue) -> tuple[str, ...]:
    if isinstance(one, Binding):
        key = describe.properties_key(one) if one.arguments else ""
        return one.source.vhost, one.source.name, one.destination.name, one.routing_key, key
    return one.vhost, "", one.name, one.name


def _between(call: Call, vhost: VHost) -> Iterator[Binding]:
    """The bindings between the two ends of the path."""
    source, target = _ends(call, vhost)
    # Those of the one that has fewer: the other may have very many.
    for binding in min(vhost.router.bindings_from(source), vhost.router.bindings_to(target), key=len):
        if binding.source is source and binding.destination is target:
            yield binding


def _ends(call: Call, vhost: VHost) -> tuple[Exchange, Destination]:
    source = vhost.router.exchanges.get(call.part("exchange"))
    name = call.part("destination")
    ends: dict[str, Mapping[str, Destination]] = {"q": vhost.queues, "e": vhost.router.exchanges}
    target = ends.get(call.part("kind"), {}).get(name)
    if source is None or target is None:
        raise not_found()
    return source, target


async def list_bindings_between(call: Call) -> Response:
    """Between an exchange and a queue, or another exchange."""
    vhost = await call.caller.vhost(call.part("vhost"))
    return await _bindings(call, _between(call, vhost))


async def post_binding(call: Call) -> Response:
    """As queue.bind and exchange.bind; where it is, is in `location`, from where it was asked for (RabbitMQ)."""
    vhost = await call.caller.vhost(call.part("vhost"))
    rights, said = await call.caller.rights(vhost.name), await object_of(call.request)
    key, arguments = field(said, "routing_key", str, ""), _arguments(said)
    source, target = _ends(call, vhost)
    owner = call.owner(target)
    position = await call.allowed(
        lambda: vhost.bind(
            source.name, target.name, key, arguments, to_queue=target.is_queue, owner=owner, rights=rights
        )
    )
    await call.durable(position)
    made = vhost.router.find(source, target, key, arguments)
    where = "" if made is None else describe.properties_key(made)
    response = done(created=True)
    response.headers["location"] = "/".join(quote(part, safe="") for part in (target.name, where))
    return response


async def _binding(call: Call) -> tuple[VHost, Binding]:
    vhost = await call.caller.vhost(call.part("vhost"))
    found = [*_between(call, vhost)]
    # The key is encoded already, and more than once if it became part of a path as everything does.
    raw, once = call.request.path_params["props"], call.part("props")
    for wanted in (once, raw):
        for one in found:
            if wanted == describe.properties_key(one):
                return vhost, one
    for one in found:
        if not one.arguments and one.routing_key in (once, unquote(once)):
            return vhost, one
    raise not_found()


async def get_binding(call: Call) -> Response:
    """One, by its properties key."""
    return json(describe.binding((await _binding(call))[1]))


async def delete_binding(call: Call) -> Response:
    """As queue.unbind and exchange.unbind."""
    vhost, one = await _binding(call)
    rights = await call.caller.rights(vhost.name)
    owner = call.owner(one.destination)
    position = await call.allowed(
        lambda: vhost.unbind(
            one.source.name,
            one.destination.name,
            one.routing_key,
            one.arguments,
            to_queue=one.destination.is_queue,
            owner=owner,
            rights=rights,
        )
    )
    await call.durable(position)
    return done()
