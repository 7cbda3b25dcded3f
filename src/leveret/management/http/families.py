"""The metrics of Prometheus: names and help as RabbitMQ has them, and what they are figures of."""

from __future__ import annotations

from typing import Final, NamedTuple

GAUGE: Final = "gauge"
COUNTER: Final = "counter"


class Family(NamedTuple):
    """One metric, without RabbitMQ's prefix; `figure` names what it is among the figures of an object."""

    name: str
    kind: str
    help: str
    figure: str


QUEUE_COARSE: Final = (
    Family("queue_messages_ready", GAUGE, "Messages ready to be delivered to consumers", "ready"),
    Family("queue_messages_unacked", GAUGE, "Messages delivered to consumers but not yet acknowledged", "unacked"),
    Family("queue_messages", GAUGE, "Sum of ready and unacknowledged messages - total queue depth", "messages"),
)
QUEUE_CONSUMERS: Final = (Family("queue_consumers", GAUGE, "Consumers on a queue", "consumers"),)
QUEUE: Final = (
    Family("queue_consumer_capacity", GAUGE, "Consumer capacity", "capacity"),
    Family("queue_consumer_utilisation", GAUGE, "Same as consumer capacity", "capacity"),
    Family("queue_process_memory_bytes", GAUGE, "Memory in bytes used by the messages of the queue", "bytes"),
    Family("queue_messages_ram", GAUGE, "Ready and unacknowledged messages stored in memory", "ram"),
    Family("queue_messages_ready_ram", GAUGE, "Ready messages stored in memory", "ready_ram"),
    Family("queue_messages_unacked_ram", GAUGE, "Unacknowledged messages stored in memory", "unacked"),
    Family("queue_messages_bytes", GAUGE, "Size in bytes of ready and unacknowledged messages", "bytes"),
    Family("queue_messages_ready_bytes", GAUGE, "Size in bytes of ready messages", "ready_bytes"),
    Family("queue_messages_unacked_bytes", GAUGE, "Size in bytes of all unacknowledged messages", "unacked_bytes"),
    Family("queue_messages_paged_out", GAUGE, "Messages paged out to disk", "paged_out"),
)
QUEUE_DELIVERY: Final = (
    Family("queue_get_ack_total", COUNTER, "Messages fetched with basic.get in manual acknowledgement mode", "get"),
    Family(
        "queue_get_total", COUNTER, "Messages fetched with basic.get in automatic acknowledgement mode", "get_no_ack"
    ),
    Family(
        "queue_messages_delivered_ack_total",
        COUNTER,
        "Messages delivered to consumers in manual acknowledgement mode",
        "deliver",
    ),
    Family(
        "queue_messages_delivered_total",
        COUNTER,
        "Messages delivered to consumers in automatic acknowledgement mode",
        "deliver_no_ack",
    ),
    Family("queue_messages_redelivered_total", COUNTER, "Messages that came back to be delivered again", "redeliver"),
    Family("queue_messages_acked_total", COUNTER, "Messages acknowledged by consumers", "ack"),
    Family("queue_get_empty_total", COUNTER, "Times basic.get fetched no message", "get_empty"),
)
QUEUE_PUBLISHED: Final = (
    Family("queue_messages_published_total", COUNTER, "Messages published to queues", "published"),
)
CHANNEL: Final = (
    Family("channel_consumers", GAUGE, "Consumers on a channel", "consumer_count"),
    Family("channel_messages_unacked", GAUGE, "Delivered but not yet acknowledged messages", "messages_unacknowledged"),
    Family("channel_messages_unconfirmed", GAUGE, "Published but not yet confirmed messages", "messages_unconfirmed"),
    Family(
        "channel_messages_uncommitted",
        GAUGE,
        "Messages received in a transaction but not yet committed",
        "messages_uncommitted",
    ),
    Family(
        "channel_acks_uncommitted",
        GAUGE,
        "Message acknowledgements in a transaction not yet committed",
        "acks_uncommitted",
    ),
    Family("consumer_prefetch", GAUGE, "Limit of unacknowledged messages for each consumer", "prefetch_count"),
    Family(
        "channel_prefetch",
        GAUGE,
        "Total limit of unacknowledged messages for all consumers on a channel",
        "global_prefetch_count",
    ),
)
CHANNEL_PUBLISHED: Final = (
    Family(
        "channel_messages_published_total",
        COUNTER,
        "Total number of messages published into an exchange on a channel",
        "publish",
    ),
    Family(
        "channel_messages_confirmed_total",
        COUNTER,
        "Total number of messages published into an exchange and confirmed on the channel",
        "confirm",
    ),
    Family(
        "channel_messages_unroutable_returned_total",
        COUNTER,
        "Total number of messages published as mandatory into an exchange and returned to the publisher as unroutable",
        "return_unroutable",
    ),
    Family(
        "channel_messages_unroutable_dropped_total",
        COUNTER,
        "Total number of messages published as non-mandatory into an exchange and dropped as unroutable",
        "drop_unroutable",
    ),
)
CHANNEL_DELIVERED: Final = tuple(
    Family(one.name.replace("queue_", "channel_", 1), one.kind, one.help, one.figure) for one in QUEUE_DELIVERY
)
CONNECTION_COARSE: Final = (
    Family("connection_incoming_bytes_total", COUNTER, "Total number of bytes received on a connection", "received"),
    Family("connection_outgoing_bytes_total", COUNTER, "Total number of bytes sent on a connection", "sent"),
)
CONNECTION: Final = (Family("connection_channels", GAUGE, "Channels on a connection", "channels"),)
CHURN: Final = (
    Family("connections_opened_total", COUNTER, "Total number of connections opened", "connection_created"),
    Family(
        "connections_closed_total", COUNTER, "Total number of connections closed or terminated", "connection_closed"
    ),
    Family("channels_opened_total", COUNTER, "Total number of channels opened", "channel_created"),
    Family("channels_closed_total", COUNTER, "Total number of channels closed", "channel_closed"),
    Family("queues_declared_total", COUNTER, "Total number of queues declared", "queue_declared"),
    Family("queues_created_total", COUNTER, "Total number of queues created", "queue_created"),
    Family("queues_deleted_total", COUNTER, "Total number of queues deleted", "queue_deleted"),
)
NODE: Final = (
    Family("process_open_fds", GAUGE, "Open file descriptors", "fd_used"),
    Family("process_open_tcp_sockets", GAUGE, "Open TCP sockets", "sockets_used"),
    Family("process_resident_memory_bytes", GAUGE, "Memory used in bytes", "mem_used"),
    Family("disk_space_available_bytes", GAUGE, "Disk space available in bytes", "disk_free"),
    Family("process_max_fds", GAUGE, "Open file descriptors limit", "fd_total"),
    Family("process_max_tcp_sockets", GAUGE, "Open TCP sockets limit", "fd_total"),
    Family("resident_memory_limit_bytes", GAUGE, "Memory high watermark in bytes", "mem_limit"),
    Family("disk_space_available_limit_bytes", GAUGE, "Free disk space low watermark in bytes", "disk_free_limit"),
)
ALARMS: Final = (
    Family("alarms_file_descriptor_limit", GAUGE, "is 1 if file descriptor limit alarm is in effect", "none"),
    Family("alarms_free_disk_space_watermark", GAUGE, "is 1 if free disk space watermark alarm is in effect", "disk"),
    Family("alarms_memory_used_watermark", GAUGE, "is 1 if VM memory watermark alarm is in effect", "memory"),
)
TOTALS: Final = (
    Family("connections", GAUGE, "Connections currently open", "connections"),
    Family("channels", GAUGE, "Channels currently open", "channels"),
    Family("consumers", GAUGE, "Consumers currently connected", "consumers"),
    Family("queues", GAUGE, "Queues available", "queues"),
)
GLOBAL: Final = (
    Family("global_messages_received_total", COUNTER, "Total number of messages received from publishers", "publish"),
    Family(
        "global_messages_received_confirm_total",
        COUNTER,
        "Total number of messages received from publishers expecting confirmations",
        "confirm",
    ),
    Family("global_messages_routed_total", COUNTER, "Total number of messages routed to queues or streams", "routed"),
    Family("global_messages_confirmed_total", COUNTER, "Total number of messages confirmed to publishers", "confirm"),
    Family(
        "global_messages_unroutable_dropped_total",
        COUNTER,
        "Total number of messages published as non-mandatory into an exchange and dropped as unroutable",
        "drop_unroutable",
    ),
    Family(
        "global_messages_unroutable_returned_total",
        COUNTER,
        "Total number of messages published as mandatory into an exchange and returned to the publisher as unroutable",
        "return_unroutable",
    ),
    Family("global_publishers", GAUGE, "Publishers currently connected", "publishers"),
    Family("global_consumers", GAUGE, "Consumers currently connected", "consumers"),
)
GLOBAL_QUEUE: Final = (
    Family(
        "global_messages_delivered_total", COUNTER, "Total number of messages delivered to consumers", "deliver_get"
    ),
    Family(
        "global_messages_delivered_consume_manual_ack_total",
        COUNTER,
        "Total number of messages delivered to consumers using basic.consume with manual acknowledgment",
        "deliver",
    ),
    Family(
        "global_messages_delivered_consume_auto_ack_total",
        COUNTER,
        "Total number of messages delivered to consumers using basic.consume with automatic acknowledgment",
        "deliver_no_ack",
    ),
    Family(
        "global_messages_delivered_get_manual_ack_total",
        COUNTER,
        "Total number of messages delivered to consumers using basic.get with manual acknowledgment",
        "get",
    ),
    Family(
        "global_messages_delivered_get_auto_ack_total",
        COUNTER,
        "Total number of messages delivered to consumers using basic.get with automatic acknowledgment",
        "get_no_ack",
    ),
    Family(
        "global_messages_get_empty_total",
        COUNTER,
        "Total number of times basic.get operations fetched no message",
        "get_empty",
    ),
    Family(
        "global_messages_redelivered_total", COUNTER, "Total number of messages redelivered to consumers", "redeliver"
    ),
    Family("global_messages_acknowledged_total", COUNTER, "Total number of messages acknowledged by consumers", "ack"),
)

OF_QUEUES: Final[dict[str, tuple[Family, ...]]] = {
    "queue_coarse_metrics": QUEUE_COARSE,
    "queue_consumer_count": QUEUE_CONSUMERS,
    "queue_metrics": (*QUEUE_CONSUMERS, *QUEUE),
    "queue_delivery_metrics": QUEUE_DELIVERY,
    "queue_exchange_metrics": QUEUE_PUBLISHED,
}
OF_EXCHANGES: Final = {
    "exchange_bindings": Family("exchange_bindings", GAUGE, "Number of bindings for an exchange", "bindings"),
    "exchange_names": Family("exchange_name", GAUGE, "Enumerates exchanges without any additional info", "there"),
}
OF_CHANNELS: Final[dict[str, tuple[Family, ...]]] = {
    "channel_metrics": CHANNEL,
    "channel_exchange_metrics": CHANNEL_PUBLISHED,
    "channel_queue_metrics": CHANNEL_DELIVERED,
}
OF_CONNECTIONS: Final[dict[str, tuple[Family, ...]]] = {
    "connection_coarse_metrics": CONNECTION_COARSE,
    "connection_metrics": CONNECTION,
}
