"""Import: a definition file becomes changes of the broker, all of them or none.

Everything is looked at first, in the order in which it would be made; what is wrong is told with its place in the file.
Then all changes are one record of the log. What is there already stays: users, permissions, policies and parameters get
what the file says, queues, exchanges and bindings are left as they are (RabbitMQ does the same).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec

from ..access import passwords
from ..access.administration import require_limits, require_name, require_pattern
from ..broker.arguments import refuse_queue_type, validate_queue_arguments
from ..broker.binding import Binding
from ..broker.delaying import store_name
from ..broker.exchange import exchange_kind, make_exchange
from ..broker.exchanges import DelayedMessageExchange
from ..broker.levels import max_priority
from ..broker.names import clean, refuse_reserved
from ..broker.parameters import require_parameter
from ..broker.policies import Policies
from ..broker.predeclared import predeclared
from ..errors import AccountError, AmqpError, DefinitionError, PolicyError
from ..limits import PARAMETERS_MAX, PREDECLARED_IDS, USERS_MAX, VHOSTS_MAX
from ..wire.definitions import (
    SetParameter,
    SetPermission,
    SetTopicPermission,
    SetUser,
    SetUserLimits,
    SetVHost,
)
from ..wire.fields import Arguments, Long, Value
from ..wire.records import Bind, DeclareExchange, DeclareQueue, DefinitionOp, SetPolicy
from .definitions import words

if TYPE_CHECKING:
    from ..access.accounts import Accounts
    from ..broker.broker import Broker
    from ..broker.exchange import Exchange
    from ..ports import Position
    from . import definitions as file

    HashPassword = Callable[[bytes], tuple[str, str]]
    Planned = tuple[DefinitionOp, bool]

_SKIPPED = ("", "amq.default")
"""Sources of bindings that every queue has by itself."""


def import_(
    broker: Broker,
    accounts: Accounts,
    definitions: file.Definitions,
    hash_password: HashPassword,
    vhost: str | None = None,
) -> Position | None:
    """Make everything that a file tells of; the position at which it is on disk, None when there is nothing to do.

    `vhost`: where everything goes, of a file of one virtual host. `hash_password` gives a hash and its kind. Raises
    DefinitionError, and has changed nothing then.
    """
    plan = _Plan(broker, accounts, hash_password, vhost)
    plan.add(definitions)
    return broker.commit_all(plan.ops)


class _Plan:
    """Changes that were looked at, and what there will be when they are made."""

    def __init__(self, broker: Broker, accounts: Accounts, hash_password: HashPassword, vhost: str | None) -> None:
        self.ops: list[Planned] = []
        self._broker = broker
        self._accounts = accounts
        self._hash_password = hash_password
        self._vhost = vhost
        self._next_id = broker.peek_id()
        self._users = {*accounts.users}
        self._vhosts = {*broker.vhosts}
        self._exchanges: dict[tuple[str, str], Exchange] = {}
        self._queues: dict[tuple[str, str], tuple[int, bool]] = {}  # id, durable
        self._parameters = 0
        self._bindings: set[tuple[int, int, str, bytes]] = set()

    def add(self, said: file.Definitions) -> None:
        if self._vhost is None:
            self._each("vhosts", said.vhosts, self._add_vhost)
            self._each("users", said.users, self._add_user)
            self._each("permissions", said.permissions, self._add_permission)
            self._each("topic_permissions", said.topic_permissions, self._add_topic_permission)
            self._each("global_parameters", said.global_parameters, self._add_global_parameter)
        self._each("parameters", said.parameters, self._add_parameter)
        self._each("policies", said.policies, self._add_policy)
        self._each("exchanges", said.exchanges, self._add_exchange)
        self._each("queues", said.queues, self._add_queue)
        self._each("bindings", said.bindings, self._add_binding)

    def _each(self, name: str, items: list[Any], add: Callable[[Any], None]) -> None:
        for number, item in enumerate(items):
            with _place(f"{name}[{number}]"):
                add(item)

    def _plan(self, op: DefinitionOp, durable: bool = True) -> None:
        self.ops.append((op, durable))

    def _take_ids(self, count: int) -> int:
        first = self._next_id
        self._next_id += count
        return first

    def _in(self, item: Any) -> str:
        """The virtual host of an item."""
        name: str | None = item.vhost if self._vhost is None else self._vhost
        if name is None:
            raise DefinitionError("no vhost is named")
        if name not in self._vhosts:
            raise DefinitionError(f"vhost '{name}' does not exist")
        return name

    # -- the broker ----------------------------------------------------------------------------------------------

    def _add_vhost(self, said: file.VHost) -> None:
        require_name("vhost", said.name)
        there = self._broker.vhosts.get(said.name)
        metadata = said.metadata or {}
        first_id = self._take_ids(PREDECLARED_IDS) if there is None else there.definition.first_id
        before = SetVHost(said.name, first_id) if there is None else there.definition
        tags = words(said.tags if said.tags is not None else metadata.get("tags"))
        description = said.description if said.description is not None else metadata.get("description")
        queue_type = said.default_queue_type or metadata.get("default_queue_type")
        op = SetVHost(
            said.name,
            first_id,
            before.description if description is None else str(description),
            before.tags if tags is None else tags,
            before.default_queue_type if queue_type in (None, "undefined") else str(queue_type),
            before.protected if said.protected_from_deletion is None else said.protected_from_deletion,
        )
        self._vhosts.add(said.name)
        if len(self._vhosts) > VHOSTS_MAX:
            raise DefinitionError(f"vhost limit of {VHOSTS_MAX} is reached")
        if there is None or op != before:
            self._plan(op)
        if there is None:
            for exchange in predeclared(said.name, first_id):
                self._exchanges[said.name, exchange.name] = exchange

    def _add_user(self, said: file.User) -> None:
        require_name("user", said.name)
        hashing = said.hashing_algorithm or passwords.SHA256
        password_hash = said.password_hash or ""
        if said.password is not msgspec.UNSET:
            if said.password_hash is not None:
                raise DefinitionError(f"user '{said.name}' has a password and a hash")
            password_hash, hashing = self._hash_password(said.password.encode())
        if not passwords.is_password_hash(password_hash, hashing):
            raise DefinitionError(f"the password hash of user '{said.name}' is not one of {hashing}")
        tags = words(said.tags) or ()
        for tag in tags:
            require_name("tag", tag)
        op = SetUser(said.name, password_hash, hashing, tags)
        if self._accounts.users.get(said.name) != op:
            self._plan(op)
        self._users.add(said.name)
        if len(self._users) > USERS_MAX:
            raise DefinitionError(f"user limit of {USERS_MAX} is reached")
        if isinstance(said.limits, dict) and said.limits:
            self._plan(SetUserLimits(said.name, require_limits(said.limits)))

    def _known_user(self, name: str) -> str:
        if name not in self._users:
            raise DefinitionError(f"user '{name}' does not exist")
        return name

    def _add_permission(self, said: file.Permission) -> None:
        user, vhost = self._known_user(said.user), self._in(said)
        for pattern in (said.configure, said.write, said.read):
            require_pattern(pattern)
        self._plan(SetPermission(user, vhost, said.configure, said.write, said.read))

    def _add_topic_permission(self, said: file.TopicPermission) -> None:
        user, vhost = self._known_user(said.user), self._in(said)
        for pattern in (said.write, said.read):
            require_pattern(pattern)
        self._plan(SetTopicPermission(user, vhost, said.exchange, said.write, said.read))

    def _add_global_parameter(self, said: file.GlobalParameter) -> None:
        self._set_parameter(SetParameter("", "", said.name, said.value))

    def _add_parameter(self, said: file.Parameter) -> None:
        vhost = self._in(said)
        if said.component == "operator_policy":
            self._set_policy(_operator_policy(vhost, said))
        else:
            self._set_parameter(SetParameter(vhost, said.component, said.name, said.value))

    def _set_parameter(self, op: SetParameter) -> None:
        require_parameter(op)
        self._parameters += 1
        if len(self._broker.parameters) + self._parameters > PARAMETERS_MAX:
            raise DefinitionError(f"parameter limit of {PARAMETERS_MAX} is reached")
        self._plan(op)

    def _add_policy(self, said: file.Policy) -> None:
        op = SetPolicy(self._in(said), said.name, False, said.pattern, said.definition, said.priority, said.apply_to)
        self._set_policy(op)

    def _set_policy(self, op: SetPolicy) -> None:
        vhost = self._broker.vhosts.get(op.vhost)
        (Policies() if vhost is None else vhost.policies).validate(op)
        self._plan(op)

    # -- objects -------------------------------------------------------------------------------------------------

    def _add_exchange(self, said: file.Exchange) -> None:
        vhost, name = self._in(said), clean(said.name)
        if not name or self._exchange(vhost, name) is not None:
            return
        refuse_reserved("exchange", name)
        exchange_kind(said.type)
        op = DeclareExchange(
            self._take_ids(1),
            vhost,
            name,
            said.type,
            said.durable,
            said.auto_delete,
            said.internal,
            table_of(said.arguments).raw,
        )
        made = self._exchanges[vhost, name] = make_exchange(op)
        self._plan(op, said.durable)
        if isinstance(made, DelayedMessageExchange):
            store = DeclareQueue(self._take_ids(1), vhost, store_name(name), said.durable, False, False, b"")
            self._plan(store, said.durable)

    def _exchange(self, vhost: str, name: str) -> Exchange | None:
        there = self._broker.vhosts.get(vhost)
        found = None if there is None else there.router.exchanges.get(name)
        return found or self._exchanges.get((vhost, name))

    def _add_queue(self, said: file.Queue) -> None:
        vhost, name = self._in(said), clean(said.name)
        if self._queue(vhost, name) is not None:
            return
        require_name("queue", name)
        title = f"queue '{name}' in vhost '{vhost}'"
        arguments = table_of(said.arguments)
        refuse_queue_type(title, said.type)
        validate_queue_arguments(title, arguments)
        first_id = self._take_ids(1 + max_priority(arguments))
        self._queues[vhost, name] = (first_id, said.durable)
        op = DeclareQueue(first_id, vhost, name, said.durable, said.auto_delete, False, arguments.raw)
        self._plan(op, said.durable)

    def _queue(self, vhost: str, name: str) -> tuple[int, bool] | None:
        there = self._broker.vhosts.get(vhost)
        found = None if there is None else there.queues.get(name)
        return self._queues.get((vhost, name)) if found is None else (found.id, found.durable)

    def _add_binding(self, said: file.Binding) -> None:
        vhost, source_name, name = self._in(said), clean(said.source), clean(said.destination)
        if source_name in _SKIPPED:
            return
        source = self._exchange(vhost, source_name)
        if source is None:
            raise DefinitionError(f"no exchange '{source_name}' in vhost '{vhost}'")
        if said.destination_type == "queue":
            queue = self._queue(vhost, name)
            if queue is None:
                raise DefinitionError(f"no queue '{name}' in vhost '{vhost}'")
            id, durable = queue
        elif said.destination_type == "exchange":
            target = self._exchange(vhost, name)
            if target is None:
                raise DefinitionError(f"no exchange '{name}' in vhost '{vhost}'")
            id, durable = target.id, target.durable
        else:
            raise DefinitionError(f"destination_type is 'queue' or 'exchange', not '{said.destination_type}'")
        arguments = table_of(said.arguments)
        source.validate_binding(Binding(source, _Anything(id), said.routing_key, arguments))  # type: ignore[arg-type]
        key = (source.id, id, said.routing_key, arguments.raw)
        if key in self._bindings or self._is_bound(vhost, source, id, said.routing_key, arguments):
            return
        self._bindings.add(key)
        self._plan(Bind(vhost, source.id, id, said.routing_key, arguments.raw), source.durable and durable)

    def _is_bound(self, vhost: str, source: Exchange, id: int, routing_key: str, arguments: Arguments) -> bool:
        there, target = self._broker.vhosts.get(vhost), self._broker.objects.get(id)
        if there is None or target is None or self._broker.objects.get(source.id) is not source:
            return False
        return there.router.find(source, target, routing_key, arguments) is not None


class _Anything:
    """In the place of a destination that is not made yet."""

    def __init__(self, id: int) -> None:
        self.id = id


@contextmanager
def _place(where: str) -> Iterator[None]:
    """What is wrong here is told with its place in the file."""
    try:
        yield
    except AmqpError as error:
        raise DefinitionError(f"{where}: {error.explanation}") from None
    except (DefinitionError, AccountError, PolicyError) as error:
        raise DefinitionError(f"{where}: {error}") from None


def _operator_policy(vhost: str, said: file.Parameter) -> SetPolicy:
    value = said.value if isinstance(said.value, dict) else {}
    pattern, definition = value.get("pattern"), value.get("definition")
    if not isinstance(pattern, str) or not isinstance(definition, dict):
        raise DefinitionError(f"operator policy '{said.name}' has no pattern or no definition")
    return SetPolicy(
        vhost, said.name, True, pattern, definition, value.get("priority", 0), value.get("apply-to", "all")
    )


def table_of(arguments: Mapping[str, Any] | list[Any]) -> Arguments:
    """A field table of what JSON says; RabbitMQ makes every integer a long one."""
    if isinstance(arguments, list):  # Erlang's empty object
        if arguments:
            raise DefinitionError("arguments are an object")
        return Arguments.EMPTY
    if not isinstance(arguments, Mapping):
        raise DefinitionError("arguments are an object")
    try:
        return Arguments.of({name: field_of(value) for name, value in arguments.items()})
    except (TypeError, ValueError, OverflowError) as error:
        raise DefinitionError(f"arguments cannot be a table: {error}") from None


def field_of(value: Any) -> Value:
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return Long(value)
    if isinstance(value, list):
        return [field_of(each) for each in value]
    if isinstance(value, dict):
        return {name: field_of(each) for name, each in value.items()}
    return value  # type: ignore[no-any-return]
