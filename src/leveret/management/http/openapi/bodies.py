"""What is sent to the API, as types. What may be missing is not required; a flag may be a text, as in RabbitMQ."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, NotRequired, Required, TypedDict

from msgspec import Meta

from ....limits import ACTION_IDS_MAX, API_GET_MAX, NAME_BYTES_MAX
from .arguments import ExchangeArguments, PolicyDefinition, QueueArguments

VALUE: Final = {
    "description": "What a field table may hold.",
    "anyOf": [
        {"type": ["string", "boolean", "null"]},
        {"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1},
        {"type": "number", "not": {"type": "integer"}},
        {"type": "array", "items": {"$ref": "#/components/schemas/FieldValue"}},
        {"$ref": "#/components/schemas/Table"},
    ],
}
TABLE: Final = {
    "description": "A field table: arguments, or headers.",
    "type": "object",
    "propertyNames": {"maxLength": NAME_BYTES_MAX},
    "additionalProperties": {"$ref": "#/components/schemas/FieldValue"},
}

Flag = Annotated[bool | Literal["true", "false"], Meta(description="`true` or `false`.")]
Table = Annotated[dict[str, Any], Meta(extra_json_schema={"$ref": "#/components/schemas/Table"})]
ShortText = Annotated[str, Meta(max_length=NAME_BYTES_MAX, description=f"At most {NAME_BYTES_MAX} bytes.")]
Pattern = Annotated[str, Meta(description="A regular expression.", examples=["^hats\\."])]
Limit = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1, description="Below 0: none.")]
Tags = Annotated[str | list[str], Meta(description="A list, or a text with commas.", examples=["monitoring"])]


class QueueDeclaration(TypedDict, total=False):
    """As queue.declare."""

    durable: Annotated[Flag, Meta(extra_json_schema={"default": True})]
    auto_delete: Annotated[Flag, Meta(extra_json_schema={"default": False})]
    arguments: QueueArguments
    node: Annotated[str, Meta(description="Has no effect: there is one.")]


class ExchangeDeclaration(TypedDict, total=False):
    """As exchange.declare."""

    type: Required[Annotated[str, Meta(description="One of `exchange_types` in the overview.", examples=["topic"])]]
    durable: Annotated[Flag, Meta(extra_json_schema={"default": True})]
    auto_delete: Annotated[Flag, Meta(extra_json_schema={"default": False})]
    internal: Annotated[Flag, Meta(extra_json_schema={"default": False})]
    arguments: ExchangeArguments


class BindingDeclaration(TypedDict, total=False):
    """As queue.bind and exchange.bind."""

    routing_key: ShortText
    arguments: Table


class QueueAction(TypedDict):
    """What mirrored queues did; has no effect."""

    action: Literal["sync", "cancel_sync"]


class Properties(TypedDict, total=False):
    """The properties of a message."""

    content_type: Annotated[ShortText, Meta(examples=["application/json"])]
    content_encoding: ShortText
    headers: Table
    delivery_mode: Annotated[int, Meta(ge=0, le=255, description="2: kept on disk.")]
    priority: Annotated[int, Meta(ge=0, le=255)]
    correlation_id: ShortText
    reply_to: ShortText
    expiration: Annotated[str, Meta(description="Milliseconds.", pattern="^[0-9]{1,10}$", examples=["60000"])]
    message_id: ShortText
    timestamp: Annotated[int, Meta(ge=0, le=2**63 - 1, description="Seconds since 1970.")]
    type: ShortText
    user_id: Annotated[str, Meta(description="The caller's own name.")]
    app_id: ShortText
    cluster_id: ShortText


class Publishing(TypedDict):
    """A message."""

    properties: NotRequired[Properties]
    routing_key: ShortText
    payload: str
    payload_encoding: Annotated[Literal["string", "base64"], Meta(description="How `payload` tells the body.")]


class Getting(TypedDict, total=False):
    """How many messages, and what becomes of them."""

    count: Annotated[int, Meta(ge=1, le=API_GET_MAX, extra_json_schema={"default": 1})]
    ackmode: Literal["ack_requeue_true", "ack_requeue_false", "reject_requeue_true", "reject_requeue_false"]
    encoding: Annotated[
        Literal["auto", "base64"],
        Meta(description="`auto`: as text where it is UTF-8.", extra_json_schema={"default": "auto"}),
    ]
    truncate: Annotated[int, Meta(ge=0, description="Bytes of each body that are shown.")]


class DeclaredMetadata(TypedDict, total=False):
    """The same, as RabbitMQ's files have it."""

    description: str | None
    tags: Tags | None
    default_queue_type: str | None


class VHostDeclaration(TypedDict, total=False):
    """What is said of a virtual host; what is not said stays."""

    description: str | None
    tags: Tags | None
    default_queue_type: Annotated[str | None, Meta(examples=["classic"])]
    protected_from_deletion: Flag | None
    tracing: Flag | None
    metadata: DeclaredMetadata | None


class UserDeclaration(TypedDict, total=False):
    """A user: with a password, or its hash, or neither; then it cannot log in with a password."""

    tags: Required[Tags]
    password: str
    password_hash: Annotated[str, Meta(description="As `hash_password` gives it; empty: none.")]
    hashing_algorithm: Literal[
        "rabbit_password_hashing_sha256", "rabbit_password_hashing_sha512", "rabbit_password_hashing_md5", "argon2id"
    ]


class Users(TypedDict):
    """Names of users."""

    users: list[str]


class Permissions(TypedDict):
    """Names of what a user may configure, write to and read."""

    configure: Pattern
    write: Pattern
    read: Pattern


class TopicPermissions(TypedDict):
    """Routing keys that a user may use with an exchange."""

    exchange: str
    write: Pattern
    read: Pattern


class LimitValue(TypedDict):
    """A limit."""

    value: Limit


class ParameterValue(TypedDict):
    """A value; `null` is one."""

    value: Any


PolicyDeclaration = TypedDict(
    "PolicyDeclaration",
    {
        "pattern": Pattern,
        "definition": Annotated[PolicyDefinition, Meta(extra_json_schema={"minProperties": 1})],
        "priority": NotRequired[Annotated[int, Meta(extra_json_schema={"default": 0})]],
        "apply-to": NotRequired[
            Annotated[
                Literal["all", "queues", "classic_queues", "quorum_queues", "streams", "exchanges"],
                Meta(extra_json_schema={"default": "all"}),
            ]
        ],
    },
)
PolicyDeclaration.__doc__ = "A policy, or an operator policy."


class NewName(TypedDict):
    """A name."""

    name: Annotated[str, Meta(min_length=1)]


class Login(TypedDict, total=False):
    """Who begins a session; nothing: who logs in with this request."""

    username: str
    password: str


# Beyond RabbitMQ


class Destination(TypedDict, total=False):
    """Where messages go, as if they were published there."""

    exchange: Annotated[str, Meta(description="Empty: the default exchange.", max_length=NAME_BYTES_MAX)]
    routing_key: ShortText


class Action(TypedDict, total=False):
    """What is done with messages: with those of `ids`, or with `all`."""

    action: Required[Literal["delete", "move", "copy", "redrive"]]
    ids: Annotated[list[str], Meta(max_length=ACTION_IDS_MAX)]
    all: bool
    destination: Annotated[Destination, Meta(description="Of `move` and `copy`.")]


class Asked(TypedDict, total=False):
    """A message that is not published."""

    exchange: Annotated[str, Meta(description="Empty: the default exchange.")]
    routing_key: ShortText
    headers: Table
