"""Policies, parameters and definition files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import UNSET

from ...broker.parameters import require_parameter
from ...wire.definitions import ClearParameter, SetParameter
from ...wire.records import SetPolicy
from .. import describe
from ..definitions import read, writing
from ..exporting import exporting
from .caller import ADMINISTRATOR, POLICYMAKER
from .context import refusals
from .reply import Turns, bad_request, body_of, done, field, in_parts, json, listing, not_found, object_of
from .tenants import hashed
from .waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.responses import Response

    from ...broker.policies import Policy
    from ...broker.vhost import VHost
    from .context import Call


def _is_operator(call: Call) -> bool:
    scope = call.request.scope
    return bool(scope["path"].removeprefix(scope["root_path"]).startswith("/operator-policies"))


async def list_policies(call: Call) -> Response:
    """Of a virtual host, or of all that the caller may look at."""
    call.caller.require(POLICYMAKER)
    vhosts = await call.vhosts(makes=True)
    operator = _is_operator(call)
    found = [one for vhost in vhosts for one in vhost.policies.all() if one.op.operator is operator]
    return await listing(call.request, found, describe.policy, lambda one: one.name, _place)


def _place(one: Policy) -> tuple[int, str, str]:
    return one.op.priority, one.op.vhost, one.name


async def _policy(call: Call) -> tuple[VHost, Policy | None]:
    call.caller.require(ADMINISTRATOR if _is_operator(call) else POLICYMAKER)
    vhost = await call.caller.vhost(call.part("vhost"), makes=True)
    return vhost, vhost.policies.get(call.part("name"), operator=_is_operator(call))


async def get_policy(call: Call) -> Response:
    """One."""
    _, found = await _policy(call)
    if found is None:
        raise not_found()
    return json(describe.policy(found))


async def put_policy(call: Call) -> Response:
    """Answered when every object that it is for has it."""
    vhost, known = await _policy(call)
    said = await object_of(call.request)
    op = SetPolicy(
        vhost.name,
        call.part("name"),
        _is_operator(call),
        field(said, "pattern", str),
        field(said, "definition", dict),
        said.get("priority", 0),
        said.get("apply-to", "all"),
    )
    with refusals():
        position = vhost.set_policy(op)
    await call.durable(position)
    await until(call.broker.reapplying.when_done)
    return done(created=known is None)


async def delete_policy(call: Call) -> Response:
    """Take it away again."""
    vhost, known = await _policy(call)
    if known is None:
        raise not_found()
    with refusals():
        position = vhost.clear_policy(known.name, operator=known.op.operator)
    await call.durable(position)
    await until(call.broker.reapplying.when_done)
    return done()


# Parameters


def _parameter(op: SetParameter) -> dict[str, Any]:
    return {"vhost": op.vhost, "component": op.component, "name": op.name, "value": op.value}


def _operator(vhost: VHost) -> Iterator[SetParameter]:
    """Operator policies, which RabbitMQ shows as parameters, too."""
    for op in (one.op for one in vhost.policies.all() if one.op.operator):
        value = {"pattern": op.pattern, "definition": op.definition, "priority": op.priority, "apply-to": op.apply_to}
        yield SetParameter(op.vhost, "operator_policy", op.name, value)


async def list_parameters(call: Call) -> Response:
    """Of a component, of a virtual host, or all."""
    call.caller.require(POLICYMAKER)
    vhosts = {one.name: one for one in await call.vhosts(makes=True)}
    every = [*call.broker.parameters.all(), *(one for each in vhosts.values() for one in _operator(each))]
    wanted = call.part("component") if "component" in call.request.path_params else None
    found = [op for op in every if op.vhost in vhosts and op.component and wanted in (None, op.component)]
    return await listing(call.request, found, _parameter, lambda one: one.name, lambda one: (one.vhost, one.name))


async def one_parameter(call: Call) -> Response:
    """GET, PUT `{"value": ...}` or DELETE."""
    call.caller.require(POLICYMAKER)
    vhost = await call.caller.vhost(call.part("vhost"), makes=True)
    return await _one(call, vhost.name, call.part("component"))


async def list_global_parameters(call: Call) -> Response:
    """Those of no virtual host."""
    call.caller.require(POLICYMAKER)
    found = [op for op in call.broker.parameters.all() if not op.component]
    return await listing(call.request, found, lambda op: {"name": op.name, "value": op.value}, lambda op: op.name)


async def one_global_parameter(call: Call) -> Response:
    """GET, PUT `{"value": ...}` or DELETE."""
    call.caller.require(ADMINISTRATOR)
    return await _one(call, "", "")


async def _one(call: Call, vhost: str, component: str) -> Response:
    name, parameters = call.part("name"), call.broker.parameters
    is_known = (vhost, component, name) in parameters
    if call.request.method == "PUT":
        said = await object_of(call.request)
        if "value" not in said:
            raise bad_request("[{key_missing,value}]")
        op = SetParameter(vhost, component, name, said["value"])
        with refusals():
            require_parameter(op)
        await call.durable(call.broker.commit(op))
        return done(created=not is_known)
    if not is_known:
        raise not_found()
    if call.request.method == "DELETE":
        await call.durable(call.broker.commit(ClearParameter(vhost, component, name)))
        return done()
    value = parameters.get(vhost, component, name)
    told = _parameter(SetParameter(vhost, component, name, value))
    return json(told if component else {"name": name, "value": value})


# Definitions


async def export_definitions(call: Call) -> Response:
    """As a file."""
    call.caller.require(ADMINISTRATOR)
    vhost = (await call.caller.vhost(call.part("vhost"))).name if "vhost" in call.request.path_params else None
    turns = Turns()
    told = await turns.through(exporting(call.broker, call.node.accounts, vhost))
    name = call.request.query_params.get("download", "")
    headers = {"content-disposition": f'attachment; filename="{_safe(name)}"'} if name else None
    return in_parts(await turns.through(writing(told)), headers)


def _safe(name: str) -> str:
    return "".join(letter for letter in name if letter.isascii() and (letter.isalnum() or letter in "._-"))[:100]


async def import_definitions(call: Call) -> Response:
    """All of it or nothing."""
    call.caller.require(ADMINISTRATOR)
    vhost = (await call.caller.vhost(call.part("vhost"))).name if "vhost" in call.request.path_params else None
    said = read(await body_of(call.request))
    for user in said.users if vhost is None else ():
        if isinstance(user.password, str) and user.password_hash is None:  # that takes long, and is not done here
            user.password_hash, user.hashing_algorithm = await hashed(call, user.password)
            user.password = UNSET
    position = call.node.import_definitions(said, vhost)
    await call.durable(position)
    await until(call.broker.reapplying.when_done)
    return done()
