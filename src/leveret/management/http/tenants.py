"""Virtual hosts, users, permissions and limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

from ...access.passwords import ALGORITHMS, ARGON2ID, SHA256
from ...broker.parameters import LIMITS, MAX_CONNECTIONS, MAX_QUEUES, VHOST_LIMITS, require_parameter
from ...broker.policy_keys import NUMBER_MAX
from ...wire.definitions import ClearParameter, SetParameter
from .. import describe
from ..definitions import words
from .caller import ADMINISTRATOR, MONITORING
from .context import refusals
from .reply import Turns, bad_request, done, field, flag, json, listing, names, not_found, object_of, optional
from .waiting import Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.responses import Response

    from ...ports import Position
    from ...wire.definitions import SetPermission, SetTopicPermission, SetUser
    from .context import Call

T = TypeVar("T", "SetPermission", "SetTopicPermission")

_VHOST_LIMITS: Final = (MAX_CONNECTIONS, MAX_QUEUES)


async def whoami(call: Call) -> Response:
    """Who calls."""
    user = call.caller.user
    known = user.name in call.node.accounts.users
    return json({"name": user.name, "tags": [*user.tags], "is_internal_user": known})


# Virtual hosts


async def list_vhosts(call: Call) -> Response:
    """Those that the caller may look at."""
    view = call.view
    return await listing(
        call.request,
        await call.caller.vhosts(),
        lambda one: describe.vhost(one, view),
        lambda one: one.name,
    )


async def get_vhost(call: Call) -> Response:
    """One."""
    return json(describe.vhost(await call.caller.vhost(call.part("vhost")), call.view))


async def put_vhost(call: Call) -> Response:
    """Make one, or change what is said of it."""
    call.caller.require(ADMINISTRATOR)
    name, said = call.part("vhost"), await object_of(call.request)
    told = _about(optional(said, "metadata", dict) or {}) | _about(said)
    flags = {one: flag(said, one, False) for one in ("protected_from_deletion", "tracing") if said.get(one) is not None}
    known = name in call.broker.vhosts
    with refusals():
        position = call.broker.vhosts.put(name, **told, protected=flags.get("protected_from_deletion"))
        if not known:  # who makes one may use it (RabbitMQ)
            user = call.caller.user.name
            if user in call.node.accounts.users:
                position = call.node.administration.set_permission(user, name, ".*", ".*", ".*") or position
    if "tracing" in flags:
        call.broker.vhosts[name].trace(flags["tracing"])
    await call.durable(position)
    return done(created=not known)


def _about(said: dict[str, Any]) -> dict[str, Any]:
    """What is said of a virtual host; `null` says nothing. Raises ApiError, DefinitionError."""
    queue_type = optional(said, "default_queue_type", str)
    told = {
        "description": optional(said, "description", str),
        "tags": words(said.get("tags")),
        "default_queue_type": "" if queue_type == "undefined" else queue_type,
    }
    return {name: value for name, value in told.items() if value is not None}


async def delete_vhost(call: Call) -> Response:
    """With everything in it."""
    call.caller.require(ADMINISTRATOR)
    deleted: Answer[Position | None] = Answer()
    with refusals():
        call.broker.vhosts.delete(call.part("vhost"), deleted.tell)
    await call.durable(await deleted.get())
    return done()


async def protect_vhost(call: Call) -> Response:
    """POST protects one from deletion, DELETE ends that."""
    call.caller.require(ADMINISTRATOR)
    name = call.part("vhost")
    if name not in call.broker.vhosts:
        raise not_found()
    with refusals():
        await call.durable(call.broker.vhosts.put(name, protected=call.request.method == "POST"))
    return done()


async def start_vhost(call: Call) -> Response:
    """There is none that is not started."""
    call.caller.require(ADMINISTRATOR)
    if call.part("vhost") not in call.broker.vhosts or call.part("node") != describe.NODE_NAME:
        raise not_found()
    return done()


# Users


def _shown(one: SetUser, call: Call) -> dict[str, Any]:
    return describe.user(one, call.node.accounts)


async def list_users(call: Call) -> Response:
    """All of the internal list."""
    call.caller.require(ADMINISTRATOR)
    users = call.node.accounts.users.values()
    return await listing(call.request, users, lambda one: _shown(one, call), lambda one: one.name)


async def list_users_without_permissions(call: Call) -> Response:
    """Those who may connect to no virtual host."""
    call.caller.require(ADMINISTRATOR)
    accounts = call.node.accounts
    users = [one for one in accounts.users.values() if not accounts.permissions(one.name)]
    return await listing(call.request, users, lambda one: _shown(one, call), lambda one: one.name)


async def get_user(call: Call) -> Response:
    """One."""
    call.caller.require(ADMINISTRATOR)
    return json(_shown(_user(call), call))


def _user(call: Call) -> SetUser:
    user = call.node.accounts.users.get(call.part("user"))
    if user is None:
        raise not_found()
    return user


async def put_user(call: Call) -> Response:
    """Make one, or change it: a password, or a hash; without either it cannot log in with one (RabbitMQ)."""
    call.caller.require(ADMINISTRATOR)
    name, said = call.part("user"), await object_of(call.request)
    if said.get("tags") is None and "administrator" not in said:
        raise bad_request("[{key_missing,tags}]")
    tags = words(said.get("tags", "")) or ()
    known = call.node.accounts.users.get(name)
    if "password" in said and "password_hash" in said:
        raise bad_request("both_password_and_password_hash_are_provided")
    if field(said, "hashing_algorithm", str, SHA256) not in ALGORITHMS:
        raise bad_request("unknown hashing algorithm")
    if "password" in said:
        password_hash, hashing = await hashed(call, field(said, "password", str))
    elif "password_hash" in said:
        password_hash = field(said, "password_hash", str)
        own = ARGON2ID if password_hash.startswith("$argon2") else SHA256  # RabbitMQ's default is what it has itself
        hashing = field(said, "hashing_algorithm", str, own)
    else:
        password_hash, hashing = "", SHA256
    with refusals():
        await call.durable(call.node.administration.put_user(name, password_hash, hashing, tags))
    return done(created=known is None)


async def hashed(call: Call, password: str) -> tuple[str, str]:
    """The hash of a password, and its kind. Raises ApiError for one that the rules do not allow."""
    made: Answer[tuple[str, str]] = Answer()
    with refusals():
        call.node.credentials.hash(password.encode(), lambda *both: made.tell(both))
    return await made.get()


async def delete_user(call: Call) -> Response:
    """With its permissions."""
    call.caller.require(ADMINISTRATOR)
    _user(call)
    await call.durable(call.node.administration.delete_user(call.part("user")))
    return done()


async def delete_users(call: Call) -> Response:
    """Several: `{"users": [...]}`; those who are not there are no matter."""
    call.caller.require(ADMINISTRATOR)
    said = await object_of(call.request)
    position = None
    for name in names(said, "users"):
        if name in call.node.accounts.users:
            position = call.node.administration.delete_user(name)
    await call.durable(position)
    return done()


async def hash_password(call: Call) -> Response:
    """A hash as `PUT users` takes it."""
    call.caller.require(ADMINISTRATOR)
    return json({"ok": (await hashed(call, call.part("password")))[0]})


# Permissions


def _place(one: SetPermission | SetTopicPermission) -> tuple[str, ...]:
    return one.vhost, one.user, getattr(one, "exchange", "")


async def list_permissions(call: Call) -> Response:
    """Of everybody, of a user, or in a virtual host."""
    return await _listed(call, call.node.accounts.permissions, describe.permission)


async def _listed(
    call: Call, of: Callable[[str], Mapping[Any, T]], described: Callable[[T], dict[str, Any]]
) -> Response:
    call.caller.require(ADMINISTRATOR)
    path = call.request.path_params
    names = [_user(call).name] if "user" in path else [*call.node.accounts.users]
    vhost = call.part("vhost") if "vhost" in path else None
    if vhost is not None and vhost not in call.broker.vhosts:
        raise not_found()
    found, turns = [], Turns()
    for name in names:
        found += [one for one in of(name).values() if vhost in (None, one.vhost)]
        if turns.over:
            await turns.others()
    return await listing(call.request, found, described, lambda one: one.user, _place)


async def get_permission(call: Call) -> Response:
    """Of a user in a virtual host."""
    call.caller.require(ADMINISTRATOR)
    found = call.node.accounts.permission(call.part("user"), call.part("vhost"))
    if found is None:
        raise not_found()
    return json(describe.permission(found))


async def put_permission(call: Call) -> Response:
    """Three patterns."""
    call.caller.require(ADMINISTRATOR)
    user, vhost, said = call.part("user"), call.part("vhost"), await object_of(call.request)
    patterns = [field(said, name, str) for name in ("configure", "write", "read")]
    known = call.node.accounts.permission(user, vhost) is not None
    with refusals():
        position = call.node.administration.set_permission(user, vhost, *patterns)
    await call.durable(position)
    return done(created=not known)


async def delete_permission(call: Call) -> Response:
    """The user may not even connect there any more."""
    call.caller.require(ADMINISTRATOR)
    user, vhost = call.part("user"), call.part("vhost")
    if call.node.accounts.permission(user, vhost) is None:
        raise not_found()
    await call.durable(call.node.administration.clear_permission(user, vhost))
    return done()


async def list_topic_permissions(call: Call) -> Response:
    """Of everybody, of a user, or in a virtual host."""
    return await _listed(call, call.node.accounts.topic_permissions, describe.topic_permission)


async def get_topic_permissions(call: Call) -> Response:
    """Of a user in a virtual host, for each exchange."""
    call.caller.require(ADMINISTRATOR)
    vhost = call.part("vhost")
    if vhost not in call.broker.vhosts:
        raise not_found()
    permissions = call.node.accounts.topic_permissions(_user(call).name).values()
    found = [one for one in permissions if one.vhost == vhost]
    if not found:
        raise not_found()
    return json([*map(describe.topic_permission, found)])


async def put_topic_permission(call: Call) -> Response:
    """Of a user for an exchange."""
    call.caller.require(ADMINISTRATOR)
    user, vhost, said = call.part("user"), call.part("vhost"), await object_of(call.request)
    exchange, write, read = (field(said, name, str) for name in ("exchange", "write", "read"))
    known = (vhost, exchange) in call.node.accounts.topic_permissions(user)
    with refusals():
        position = call.node.administration.set_topic_permission(user, vhost, exchange, write, read)
    await call.durable(position)
    return done(created=not known)


async def delete_topic_permission(call: Call) -> Response:
    """For one exchange, or for all."""
    call.caller.require(ADMINISTRATOR)
    exchange = call.part("exchange") if "exchange" in call.request.path_params else None
    with refusals():
        position = call.node.administration.clear_topic_permission(call.part("user"), call.part("vhost"), exchange)
    if position is None:
        raise not_found()
    await call.durable(position)
    return done()


# Limits


def _first(one: tuple[str, Any]) -> str:
    return one[0]


async def list_vhost_limits(call: Call) -> Response:
    """`[{"vhost": ..., "value": {...}}]`"""
    vhosts = await call.vhosts()
    found = [(one.name, call.broker.parameters.get(one.name, VHOST_LIMITS, LIMITS)) for one in vhosts]
    limited = [(name, value) for name, value in found if value]
    return await listing(call.request, limited, lambda one: dict(zip(("vhost", "value"), one, strict=True)), _first)


def _number(said: dict[str, Any]) -> int:
    """The limit that is said. Raises ApiError."""
    value = field(said, "value", int)
    if abs(value) > NUMBER_MAX:
        raise bad_request(f"value should be at most {NUMBER_MAX}")
    return value


async def set_vhost_limit(call: Call) -> Response:
    """PUT `{"value": n}`, or DELETE."""
    call.caller.require(ADMINISTRATOR)
    vhost, name = call.part("vhost"), call.part("name")
    if vhost not in call.broker.vhosts:
        raise not_found()
    value = None if call.request.method == "DELETE" else _number(await object_of(call.request))
    if name not in _VHOST_LIMITS:
        raise bad_request(f'Validation failed\n\nUnrecognised terms [{{<<"{name}">>,{value}}}] in limits\n')
    limits = {**(call.broker.parameters.get(vhost, VHOST_LIMITS, LIMITS) or {})}
    if value is None:
        limits.pop(name, None)
    else:
        limits[name] = value
    limits = dict(sorted(limits.items()))
    op = SetParameter(vhost, VHOST_LIMITS, LIMITS, limits)
    with refusals():
        require_parameter(op)
    change = op if limits else ClearParameter(vhost, VHOST_LIMITS, LIMITS)
    await call.durable(call.broker.commit(change))
    return done()


async def list_user_limits(call: Call) -> Response:
    """`[{"user": ..., "value": {...}}]`"""
    call.caller.require(MONITORING)
    accounts = call.node.accounts
    names = [_user(call).name] if "user" in call.request.path_params else [*accounts.users]
    limited = [(name, {**accounts.limits(name)}) for name in names if accounts.limits(name)]
    return await listing(call.request, limited, lambda one: dict(zip(("user", "value"), one, strict=True)), _first)


async def set_user_limit(call: Call) -> Response:
    """PUT `{"value": n}`, or DELETE."""
    call.caller.require(ADMINISTRATOR)
    user, name = _user(call).name, call.part("name")
    value = -1 if call.request.method == "DELETE" else _number(await object_of(call.request))
    with refusals():
        await call.durable(call.node.administration.set_user_limits(user, {name: value}))
    return done()
