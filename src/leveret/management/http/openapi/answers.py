"""What the API answers, as types: the document's schemas are made of them. Docstrings and descriptions are in it, too.

What may be missing is `NotRequired`, or in a class of its own. With `columns` everything may be missing.
"""

from __future__ import annotations

from typing import Annotated, Any, Generic, Literal, NotRequired, TypedDict, TypeVar

from msgspec import Meta

T = TypeVar("T")

Count = Annotated[int, Meta(ge=0)]
Bytes = Annotated[int, Meta(ge=0, description="Bytes.")]
Port = Annotated[int, Meta(ge=0, le=65535)]
Milliseconds = Annotated[int, Meta(description="Milliseconds since 1970.")]
Plain = dict[str, Any]
NodeName = Annotated[str, Meta(description="Of the node.", examples=["rabbit@leveret"])]
ExchangeKind = Annotated[str, Meta(description="One of `exchange_types` in the overview.", examples=["topic"])]
Default = Annotated[str, Meta(description="Empty: the default exchange.")]


class Error(TypedDict):
    """Why it was not done."""

    error: Annotated[str, Meta(examples=["bad_request"])]
    reason: Annotated[str, Meta(examples=["Not Found"])]


# Figures over time


class Sample(TypedDict):
    """A figure at some time."""

    sample: int
    timestamp: Milliseconds


class Details(TypedDict):
    """How a figure changes; averages and samples where the request says of which time."""

    rate: Annotated[float, Meta(description="A second, in the last interval.")]
    avg: NotRequired[float]
    avg_rate: NotRequired[float]
    samples: NotRequired[list[Sample]]


class MessageStats(TypedDict, total=False):
    """Messages since the start; what was never counted may be missing."""

    publish: Count
    publish_details: Details
    confirm: Count
    confirm_details: Details
    return_unroutable: Count
    return_unroutable_details: Details
    drop_unroutable: Count
    drop_unroutable_details: Details
    deliver: Count
    deliver_details: Details
    deliver_no_ack: Count
    deliver_no_ack_details: Details
    get: Count
    get_details: Details
    get_no_ack: Count
    get_no_ack_details: Details
    get_empty: Count
    get_empty_details: Details
    redeliver: Count
    redeliver_details: Details
    ack: Count
    ack_details: Details
    deliver_get: Count
    deliver_get_details: Details


class Churn(TypedDict, total=False):
    """What came and went since the start; nothing for who does not see all."""

    channel_closed: Count
    channel_closed_details: Details
    channel_created: Count
    channel_created_details: Details
    connection_closed: Count
    connection_closed_details: Details
    connection_created: Count
    connection_created_details: Details
    queue_created: Count
    queue_created_details: Details
    queue_declared: Count
    queue_declared_details: Details
    queue_deleted: Count
    queue_deleted_details: Details


class Lengths(TypedDict):
    """How many messages there are."""

    messages: Count
    messages_details: Details
    messages_ready: Count
    messages_ready_details: Details
    messages_unacknowledged: Count
    messages_unacknowledged_details: Details


class Data(TypedDict):
    """Bytes on the wire."""

    recv_oct: Bytes
    recv_oct_details: Details
    send_oct: Bytes
    send_oct_details: Details


class Page(TypedDict, Generic[T]):
    """A page of a list."""

    items: list[T]
    page: Annotated[int, Meta(ge=1)]
    page_count: Annotated[int, Meta(ge=1)]
    page_size: Annotated[int, Meta(ge=1)]
    item_count: Annotated[int, Meta(ge=0, description="On this page.")]
    filtered_count: Annotated[int, Meta(ge=0, description="That have the wanted name.")]
    total_count: Count


# Queues, exchanges, bindings


class QueueName(TypedDict):
    """Which queue."""

    name: str
    vhost: str


class ConnectionName(TypedDict):
    """Which connection."""

    name: str
    peer_host: str
    peer_port: Port


class ConsumerChannel(TypedDict):
    """The channel of a consumer."""

    name: str
    number: Count
    connection_name: str
    peer_host: str
    peer_port: Port
    user: str
    node: NodeName


class Consumer(TypedDict):
    """A consumer."""

    consumer_tag: str
    queue: QueueName
    exclusive: bool
    ack_required: bool
    prefetch_count: Count
    consumer_timeout: Annotated[int, Meta(ge=0, description="Milliseconds; 0: none.")]
    active: bool
    activity_status: Annotated[str, Meta(examples=["up"])]
    arguments: Plain
    channel_details: ConsumerChannel


class Queue(Lengths):
    """A queue."""

    name: str
    vhost: str
    durable: bool
    auto_delete: bool
    exclusive: bool
    arguments: Plain
    type: Annotated[str, Meta(examples=["classic"])]
    node: NodeName
    state: Annotated[str, Meta(examples=["running"])]
    paused: Annotated[bool, Meta(description="Nothing is delivered. Not in RabbitMQ.")]
    consumers: Count
    consumer_capacity: float
    consumer_utilisation: float
    policy: str | None
    operator_policy: str | None
    effective_policy_definition: Plain
    exclusive_consumer_tag: str | None
    single_active_consumer_tag: str | None
    messages_paged_out: Annotated[int, Meta(ge=0, description="On disk only.")]
    messages_ram: Count
    messages_ready_ram: Count
    messages_unacknowledged_ram: Count
    message_bytes: Bytes
    message_bytes_ready: Bytes
    message_bytes_unacknowledged: Bytes
    memory: Bytes
    storage_version: int
    message_stats: NotRequired[MessageStats]


class QueueAlone(Queue):
    """A queue, and who uses it."""

    consumer_details: list[Consumer]
    deliveries: list[Plain]
    incoming: list[Plain]
    owner_pid_details: NotRequired[Annotated[ConnectionName, Meta(description="Of an exclusive queue.")]]


class Exchange(TypedDict):
    """An exchange."""

    name: Default
    vhost: str
    type: ExchangeKind
    durable: bool
    auto_delete: bool
    internal: bool
    arguments: Plain
    policy: str | None
    user_who_performed_action: str


class Binding(TypedDict):
    """A binding."""

    source: Default
    vhost: str
    destination: str
    destination_type: Literal["queue", "exchange"]
    routing_key: str
    arguments: Plain
    properties_key: Annotated[str, Meta(description="Its name among those between the same two, as in the path.")]


class Message(TypedDict):
    """A message."""

    exchange: Default
    routing_key: str
    properties: Plain
    payload: str
    payload_bytes: Annotated[int, Meta(ge=0, description="Of the whole body.")]
    payload_encoding: Literal["string", "base64"]
    redelivered: bool


class GotMessage(Message):
    """A message that left a queue, or went back to it."""

    message_count: Annotated[int, Meta(ge=0, description="That the queue has after it.")]


class Routed(TypedDict):
    """What became of a message."""

    routed: Annotated[bool, Meta(description="Whether it came to any queue, and was not refused there.")]


# Who is connected


class Connection(Data):
    """An open connection."""

    name: str
    user: str
    vhost: str
    node: NodeName
    protocol: Annotated[str, Meta(examples=["AMQP 0-9-1"])]
    type: Annotated[str, Meta(examples=["network"])]
    state: Annotated[str, Meta(examples=["running", "flow", "blocked"])]
    host: str
    port: Port
    peer_host: str
    peer_port: Port
    ssl: bool
    ssl_protocol: str | None
    ssl_cipher: str | None
    ssl_hash: str | None
    ssl_key_exchange: str | None
    peer_cert_subject: str | None
    peer_cert_issuer: str | None
    peer_cert_validity: str | None
    auth_mechanism: Annotated[str, Meta(examples=["PLAIN"])]
    channel_max: Count
    frame_max: Count
    timeout: Annotated[int, Meta(ge=0, description="Of heartbeats, in seconds; 0: none.")]
    channels: Count
    client_properties: Plain
    user_provided_name: str | None
    connected_at: Milliseconds
    send_pend: Bytes
    user_who_performed_action: str


class Channel(TypedDict):
    """An open channel."""

    name: str
    number: Count
    user: str
    vhost: str
    node: NodeName
    state: Annotated[str, Meta(examples=["running", "waiting"])]
    connection_details: ConnectionName
    consumer_count: Count
    prefetch_count: Count
    global_prefetch_count: Count
    confirm: bool
    transactional: bool
    messages_unacknowledged: Count
    messages_unconfirmed: Count
    messages_uncommitted: Count
    acks_uncommitted: Count
    user_who_performed_action: str
    message_stats: NotRequired[MessageStats]


class ChannelAlone(Channel):
    """A channel, with its consumers."""

    consumer_details: list[Consumer]
    deliveries: list[Plain]
    publishes: list[Plain]


# Virtual hosts, users, what they may


class VHostMetadata(TypedDict):
    """What is said of a virtual host, once more."""

    description: str
    tags: list[str]
    default_queue_type: str


class VHost(Lengths):
    """A virtual host."""

    name: str
    description: str
    tags: list[str]
    default_queue_type: str
    protected_from_deletion: bool
    metadata: VHostMetadata
    tracing: bool
    cluster_state: Annotated[dict[str, str], Meta(description="By node.")]
    message_stats: NotRequired[MessageStats]


class User(TypedDict):
    """A user."""

    name: str
    password_hash: str
    hashing_algorithm: str
    tags: list[str]
    limits: dict[str, int]


class WhoAmI(TypedDict):
    """Who calls."""

    name: str
    tags: list[str]
    is_internal_user: bool


class LoggedIn(TypedDict):
    """Who has a session now."""

    name: str
    tags: list[str]


class OAuth(TypedDict):
    """How one logs in."""

    oauth_enabled: bool


class HashedPassword(TypedDict):
    """A hash."""

    ok: str


class Permission(TypedDict):
    """What a user may do in a virtual host: names of what it may configure, write to and read."""

    user: str
    vhost: str
    configure: str
    write: str
    read: str


class TopicPermission(TypedDict):
    """Which routing keys a user may use with a topic exchange."""

    user: str
    vhost: str
    exchange: str
    write: str
    read: str


class VHostLimits(TypedDict):
    """Of a virtual host."""

    vhost: str
    value: dict[str, int]


class UserLimits(TypedDict):
    """Of a user."""

    user: str
    value: dict[str, int]


Policy = TypedDict(
    "Policy",
    {
        "vhost": str,
        "name": str,
        "pattern": str,
        "apply-to": str,
        "definition": Plain,
        "priority": int,
    },
)
Policy.__doc__ = "A policy, or an operator policy."


class Parameter(TypedDict):
    """A runtime parameter."""

    vhost: str
    component: str
    name: str
    value: Any


class GlobalParameter(TypedDict):
    """A parameter of no virtual host."""

    name: str
    value: Any
