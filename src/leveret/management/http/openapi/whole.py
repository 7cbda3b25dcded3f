"""What the API answers about the whole: overview, the node, and whether all is well."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypedDict

from msgspec import Meta

from .answers import Bytes, Churn, Count, Details, Lengths, MessageStats, NodeName, Plain, Port


class Name(TypedDict):
    """A name."""

    name: str


class Version(TypedDict):
    """Of RabbitMQ, whose work this does, and our own."""

    version: str
    product: str
    product_version: str


class Plugin(TypedDict):
    """A kind of exchanges, or a way to log in."""

    name: str
    description: str
    enabled: bool


class Listener(TypedDict):
    """Where clients connect."""

    node: NodeName
    protocol: Annotated[str, Meta(examples=["amqp", "http"])]
    ip_address: str
    port: Port
    socket_opts: Plain


class Context(TypedDict):
    """Where this API is."""

    node: NodeName
    description: str
    path: str
    port: Annotated[str, Meta(description="A number.")]
    ip: str
    ssl_opts: list[Any]


class Totals(TypedDict):
    """How many there are."""

    channels: Count
    connections: Count
    consumers: Count
    exchanges: Count
    queues: Count


class Overview(TypedDict):
    """Sums over what the caller may look at."""

    management_version: str
    rabbitmq_version: str
    product_name: str
    product_version: str
    erlang_version: str
    erlang_full_version: str
    rates_mode: str
    sample_retention_policies: dict[str, list[int]]
    cluster_name: str
    cluster_tags: Plain
    node: NodeName
    node_tags: Plain
    disable_stats: bool
    enable_queue_totals: bool
    is_op_policy_updating_enabled: bool
    statistics_db_event_queue: int
    exchange_types: list[Plugin]
    object_totals: Totals
    queue_totals: Lengths
    message_stats: MessageStats
    churn_rates: Churn
    listeners: list[Listener]
    contexts: list[Context]


class Node(Churn):
    """The node: its process, and the machine that it is on."""

    name: NodeName
    type: str
    running: bool
    being_drained: bool
    os_pid: str
    uptime: Annotated[int, Meta(description="Milliseconds.")]
    processors: Count
    run_queue: Count
    fd_total: int
    sockets_total: int
    proc_total: int
    mem_limit: Bytes
    mem_alarm: bool
    mem_calculation_strategy: str
    payload_bytes: Bytes
    disk_free_limit: Bytes
    disk_free_alarm: bool
    db_dir: str
    config_files: list[str]
    log_files: list[str]
    net_ticktime: int
    partitions: list[str]
    rates_mode: str
    applications: list[Any]
    enabled_plugins: list[str]
    auth_mechanisms: list[Plugin]
    exchange_types: list[Plugin]
    contexts: list[Any]
    cluster_links: list[Any]
    mem_used: Count
    mem_used_details: Details
    fd_used: Count
    fd_used_details: Details
    sockets_used: Count
    sockets_used_details: Details
    proc_used: Count
    proc_used_details: Details
    disk_free: Count
    disk_free_details: Details


class MemoryTotal(TypedDict):
    """Of the process, in bytes."""

    erlang: Bytes
    rss: Bytes
    allocated: Bytes


class MemoryParts(TypedDict):
    """Where it is, in bytes: RabbitMQ's parts, of which those are known that are not 0."""

    binary: Annotated[int, Meta(ge=0, description="Payload of messages.")]
    connection_readers: Bytes
    connection_writers: Bytes
    connection_channels: Bytes
    connection_other: Bytes
    queue_procs: Bytes
    quorum_queue_procs: Bytes
    quorum_queue_dlx_procs: Bytes
    stream_queue_procs: Bytes
    stream_queue_replica_reader_procs: Bytes
    stream_queue_coordinator_procs: Bytes
    plugins: Bytes
    metadata_store: Bytes
    other_proc: Bytes
    metrics: Bytes
    mgmt_db: Bytes
    mnesia: Bytes
    quorum_ets: Bytes
    metadata_store_ets: Bytes
    other_ets: Bytes
    msg_index: Bytes
    code: Bytes
    atom: Bytes
    other_system: Bytes
    allocated_unused: Bytes
    reserved_unallocated: Bytes
    total: MemoryTotal
    strategy: str


class Memory(TypedDict):
    """Memory of the node."""

    memory: MemoryParts


class MemoryShares(TypedDict):
    """Where the memory is, in percent."""

    connection_readers: Count
    connection_writers: Count
    connection_channels: Count
    connection_other: Count
    queue_procs: Count
    quorum_queue_procs: Count
    quorum_queue_dlx_procs: Count
    stream_queue_procs: Count
    stream_queue_replica_reader_procs: Count
    stream_queue_coordinator_procs: Count
    plugins: Count
    metadata_store: Count
    other_proc: Count
    metrics: Count
    mgmt_db: Count
    mnesia: Count
    quorum_ets: Count
    metadata_store_ets: Count
    other_ets: Count
    binary: Count
    msg_index: Count
    code: Count
    atom: Count
    other_system: Count
    allocated_unused: Count
    reserved_unallocated: Count
    total: Count


class RelativeMemory(TypedDict):
    """Memory of the node, in percent."""

    memory: MemoryShares


class FeatureFlag(TypedDict):
    """A feature flag of RabbitMQ's."""

    name: str
    desc: str
    doc_url: str
    state: Annotated[str, Meta(examples=["enabled"])]
    stability: Annotated[str, Meta(examples=["required"])]
    provided_by: str


class Alarm(TypedDict):
    """An alarm that is set."""

    node: NodeName
    resource: Annotated[str, Meta(examples=["disk", "memory"])]


class Well(TypedDict):
    """All is well."""

    status: Literal["ok"]


class WellAlone(Well):
    """All is well, and why."""

    reason: str


class WellPort(Well):
    """Something listens there."""

    port: Port


class WellProtocol(Well):
    """It is listened for."""

    protocol: str


class WellLimit(Well):
    """There may be more connections."""

    limit: Count | Literal["infinity"]
    connections: Count


class Ill(TypedDict):
    """What is wrong."""

    status: Literal["failed"]
    reason: str


class IllAlarms(Ill):
    """Alarms are set."""

    alarms: list[Alarm]


IllVHosts = TypedDict("IllVHosts", {"status": Literal["failed"], "reason": str, "virtual-hosts": list[str]})
IllVHosts.__doc__ = "These virtual hosts cannot be used."


class IllPort(Ill):
    """Nothing listens there."""

    missing: Count
    ports: list[Port]


class IllProtocols(Ill):
    """None of them is listened for."""

    missing: str | list[str]
    protocols: list[str]


class EndingCertificate(TypedDict):
    """A certificate that ends soon."""

    node: NodeName
    certfile: str
    certfile_expires_on: Annotated[float, Meta(description="Seconds since 1970.")]


class IllCertificates(Ill):
    """These certificates end within the time."""

    expired: list[EndingCertificate]


class IllLimit(Ill):
    """No more connections."""

    limit: Count
    connections: Count
