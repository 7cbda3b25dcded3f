"""An exchange, and the contract that every kind of exchange keeps.

A kind is one small class in `exchanges/`, found by its type name in EXCHANGE_TYPES. It owns an index over its
bindings and answers one question: which destinations does this key, with these values of the message, reach? It knows
nothing of batches, of caches, nor of what lies behind a destination: that is the router's. It may name a destination
twice; the router sends each queue one copy. Indices keep the order of binding, so that routing is the same on every
run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final, NamedTuple, TypeAlias

from ..errors import PreconditionFailed
from ..wire.fields import Arguments, ByteArray

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..wire import Batch, Pool, Selection
    from ..wire.records import DeclareExchange
    from .binding import Binding, Destination
    from .policies import Policy
    from .settings import Definition

ALTERNATE_EXCHANGE: Final = "alternate-exchange"


class Chance(NamedTuple):
    """What an exchange needs that goes by chance: a number below `choices`, drawn anew for each message.

    `exchange` is its id: two on one way draw apart, whatever they have to choose from.
    """

    exchange: int
    choices: int


Column: TypeAlias = tuple[int, str | None]
"""A column of `Batch.partition` and its name."""
Need: TypeAlias = Column | Chance


class Exchange:
    """What all kinds have in common. `alternate` names the exchange that gets what this one routes nowhere."""

    __slots__ = (
        "alternate",
        "arguments",
        "auto_delete",
        "durable",
        "id",
        "internal",
        "name",
        "operator_policy",
        "policy",
        "published_in",
        "published_out",
        "vhost",
    )

    type_name: ClassVar[str]
    is_queue: ClassVar[bool] = False
    records: ClassVar[bool] = False
    """Whether it wants to see the messages that come to it: see `record`."""

    every_key: ClassVar[bool] = False
    """Whether all routing keys of a message count (it has several by CC and BCC), not only the first."""

    def __init__(
        self,
        id: int,
        vhost: str,
        name: str,
        *,
        durable: bool = False,
        auto_delete: bool = False,
        internal: bool = False,
        arguments: Arguments = Arguments.EMPTY,
    ) -> None:
        self.id = id
        self.vhost = vhost
        self.name = name
        self.durable = durable
        self.auto_delete = auto_delete
        self.internal = internal
        self.arguments = arguments
        self.policy: Policy | None = None
        """In effect."""
        self.published_in = 0
        """Messages that were published to it, since the broker started."""
        self.published_out = 0
        """How many of them reached a queue; once for each queue."""
        self.operator_policy: Policy | None = None
        self.alternate: str | None = None
        self.configure(None)
        self.clear()

    def __str__(self) -> str:
        return f"exchange '{self.name}' in vhost '{self.vhost}'"

    def configure(self, definition: Definition | None) -> None:
        """What a policy sets is in effect from now on where the arguments say nothing. The router has to be told."""
        alternate = self.arguments.get(ALTERNATE_EXCHANGE)
        # RabbitMQ: what the default exchange routes nowhere is lost, whatever a policy says.
        if self.name and definition is not None and ALTERNATE_EXCHANGE not in self.arguments:
            alternate = definition.get(ALTERNATE_EXCHANGE)
        self.alternate = alternate if isinstance(alternate, str) else None

    @property
    def type(self) -> str:
        return self.type_name

    @property
    def needs(self) -> tuple[Need, ...]:
        """What beyond the routing key `match` looks at. May change with the bindings."""
        return ()

    def clear(self) -> None:
        """Make the index empty: at the start, and at the end, for its bindings know the exchange, which is a circle."""

    def validate(self) -> None:
        """Look at the arguments of a declaration. Raises PreconditionFailed."""
        if ALTERNATE_EXCHANGE in self.arguments and self.alternate is None:
            raise PreconditionFailed(
                f"invalid type '{self.arguments.types[ALTERNATE_EXCHANGE]}' for arg '{ALTERNATE_EXCHANGE}' in {self}"
            )

    def validate_binding(self, binding: Binding) -> None:
        """Look at a binding from here before it is made. Raises PreconditionFailed."""

    def bind(self, binding: Binding) -> None:
        """Take a new binding into the index."""
        raise NotImplementedError

    def unbind(self, binding: Binding) -> None:
        """Take a binding out of the index again: the very object that was bound."""
        raise NotImplementedError

    def match(self, routing_key: str, values: tuple[object, ...]) -> Sequence[Destination]:
        """The destinations of one message, in the order of binding, possibly with duplicates.

        `values` has one entry per entry of `needs`: the raw value as `Batch.partition` gives it, None when absent; for
        Chance the number.
        Raises SyntaxError_ when such a value is malformed.
        """
        raise NotImplementedError

    def record(self, batch: Batch, rows: Selection | None) -> None:
        """If it `records`: these rows (None: all) were published and came here, whatever they matched."""
        raise NotImplementedError

    def history(self, pool: Pool) -> Batch | None:
        """If it `records`: what a new binding's destination gets, in order; None when there is nothing."""
        raise NotImplementedError

    @property
    def kept_bytes(self) -> int:
        """What recorded messages take in memory."""
        return 0


EXCHANGE_TYPES: Final[dict[str, type[Exchange]]] = {}
"""The kinds that clients may declare, by type name. Filled by `exchanges/`."""


def exchange_kind(type: str) -> type[Exchange]:
    """The class behind a type name. Raises PreconditionFailed when there is none."""
    kind = EXCHANGE_TYPES.get(type)
    if kind is None:
        # RabbitMQ calls a type invalid if its name is one of Erlang's atoms; of those only this one is predictable.
        problem = "unknown" if type else "invalid"
        raise PreconditionFailed(f"{problem} exchange type '{type}'")
    return kind


def make_exchange(op: DeclareExchange) -> Exchange:
    """The exchange that an op declares. Raises PreconditionFailed for an unknown type or bad arguments."""
    exchange = exchange_kind(op.type)(
        op.id,
        op.vhost,
        op.name,
        durable=op.durable,
        auto_delete=op.auto_delete,
        internal=op.internal,
        arguments=Arguments(op.arguments) if op.arguments else Arguments.EMPTY,
    )
    exchange.validate()
    return exchange


def _erlang_type(value: object) -> str:
    """The type of an array's item; of integers the most usual."""
    match value:
        case bool():
            return "bool"
        case int():
            return "signedint"
        case float():
            return "double"
        case str():
            return "longstr"
        case list():
            return "array"
        case None:
            return "void"
        case _:
            return "table"


def erlang_term(value: object) -> str:
    """A field's value as RabbitMQ shows it in texts: `<<"text">>`, `true`, `3`."""
    match value:
        case str():
            quoted = "".join(f"\\{letter}" if letter in '"\\' else letter for letter in value)
            utf8 = "/utf8" if any(letter > "\xff" for letter in value) else ""
            return f'<<"{quoted}"{utf8}>>' if value else "<<>>"
        case ByteArray() | bytes():
            if value and all(0x20 <= octet < 0x7F for octet in value):
                return erlang_term(value.decode())
            return f"<<{','.join(map(str, value))}>>"
        case list():
            return f"[{','.join(f'{{{_erlang_type(item)},{erlang_term(item)}}}' for item in value)}]"
        case bool():
            return "true" if value else "false"
        case None:
            return "undefined"
        case _:
            return str(value)
