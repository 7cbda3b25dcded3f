"""Numbers and names of AMQP 0-9-1 with RabbitMQ's extensions.

Made by tools/generate_spec.py of tools/amqp-0-9-1.toml: change those, not this.
A method's id is here class id << 16 | method id, which is how its first four bytes read.
"""

from __future__ import annotations

from typing import Final

FRAME_END: Final = 206
FRAME_METHOD: Final = 1
FRAME_HEADER: Final = 2
FRAME_BODY: Final = 3
FRAME_HEARTBEAT: Final = 8

REPLY_SUCCESS: Final = 200
CONTENT_TOO_LARGE: Final = 311
NO_ROUTE: Final = 312
NO_CONSUMERS: Final = 313
CONNECTION_FORCED: Final = 320
INVALID_PATH: Final = 402
ACCESS_REFUSED: Final = 403
NOT_FOUND: Final = 404
RESOURCE_LOCKED: Final = 405
PRECONDITION_FAILED: Final = 406
FRAME_ERROR: Final = 501
SYNTAX_ERROR: Final = 502
COMMAND_INVALID: Final = 503
CHANNEL_ERROR: Final = 504
UNEXPECTED_FRAME: Final = 505
RESOURCE_ERROR: Final = 506
NOT_ALLOWED: Final = 530
NOT_IMPLEMENTED: Final = 540
INTERNAL_ERROR: Final = 541

REPLY_NAMES: Final[dict[int, str]] = {
    REPLY_SUCCESS: "REPLY_SUCCESS",
    CONTENT_TOO_LARGE: "CONTENT_TOO_LARGE",
    NO_ROUTE: "NO_ROUTE",
    NO_CONSUMERS: "NO_CONSUMERS",
    CONNECTION_FORCED: "CONNECTION_FORCED",
    INVALID_PATH: "INVALID_PATH",
    ACCESS_REFUSED: "ACCESS_REFUSED",
    NOT_FOUND: "NOT_FOUND",
    RESOURCE_LOCKED: "RESOURCE_LOCKED",
    PRECONDITION_FAILED: "PRECONDITION_FAILED",
    FRAME_ERROR: "FRAME_ERROR",
    SYNTAX_ERROR: "SYNTAX_ERROR",
    COMMAND_INVALID: "COMMAND_INVALID",
    CHANNEL_ERROR: "CHANNEL_ERROR",
    UNEXPECTED_FRAME: "UNEXPECTED_FRAME",
    RESOURCE_ERROR: "RESOURCE_ERROR",
    NOT_ALLOWED: "NOT_ALLOWED",
    NOT_IMPLEMENTED: "NOT_IMPLEMENTED",
    INTERNAL_ERROR: "INTERNAL_ERROR",
}

CLASS_CONNECTION: Final = 10
CLASS_CHANNEL: Final = 20
CLASS_ACCESS: Final = 30
CLASS_EXCHANGE: Final = 40
CLASS_QUEUE: Final = 50
CLASS_BASIC: Final = 60
CLASS_CONFIRM: Final = 85
CLASS_TX: Final = 90

CLASS_NAMES: Final[dict[int, str]] = {
    CLASS_CONNECTION: "connection",
    CLASS_CHANNEL: "channel",
    CLASS_ACCESS: "access",
    CLASS_EXCHANGE: "exchange",
    CLASS_QUEUE: "queue",
    CLASS_BASIC: "basic",
    CLASS_CONFIRM: "confirm",
    CLASS_TX: "tx",
}

CONNECTION_START: Final = 0x000A000A
CONNECTION_START_OK: Final = 0x000A000B
CONNECTION_SECURE: Final = 0x000A0014
CONNECTION_SECURE_OK: Final = 0x000A0015
CONNECTION_TUNE: Final = 0x000A001E
CONNECTION_TUNE_OK: Final = 0x000A001F
CONNECTION_OPEN: Final = 0x000A0028
CONNECTION_OPEN_OK: Final = 0x000A0029
CONNECTION_CLOSE: Final = 0x000A0032
CONNECTION_CLOSE_OK: Final = 0x000A0033
CONNECTION_BLOCKED: Final = 0x000A003C
CONNECTION_UNBLOCKED: Final = 0x000A003D
CONNECTION_UPDATE_SECRET: Final = 0x000A0046
CONNECTION_UPDATE_SECRET_OK: Final = 0x000A0047
CHANNEL_OPEN: Final = 0x0014000A
CHANNEL_OPEN_OK: Final = 0x0014000B
CHANNEL_FLOW: Final = 0x00140014
CHANNEL_FLOW_OK: Final = 0x00140015
CHANNEL_CLOSE: Final = 0x00140028
CHANNEL_CLOSE_OK: Final = 0x00140029
ACCESS_REQUEST: Final = 0x001E000A
ACCESS_REQUEST_OK: Final = 0x001E000B
EXCHANGE_DECLARE: Final = 0x0028000A
EXCHANGE_DECLARE_OK: Final = 0x0028000B
EXCHANGE_DELETE: Final = 0x00280014
EXCHANGE_DELETE_OK: Final = 0x00280015
EXCHANGE_BIND: Final = 0x0028001E
EXCHANGE_BIND_OK: Final = 0x0028001F
EXCHANGE_UNBIND: Final = 0x00280028
EXCHANGE_UNBIND_OK: Final = 0x00280033
QUEUE_DECLARE: Final = 0x0032000A
QUEUE_DECLARE_OK: Final = 0x0032000B
QUEUE_BIND: Final = 0x00320014
QUEUE_BIND_OK: Final = 0x00320015
QUEUE_PURGE: Final = 0x0032001E
QUEUE_PURGE_OK: Final = 0x0032001F
QUEUE_DELETE: Final = 0x00320028
QUEUE_DELETE_OK: Final = 0x00320029
QUEUE_UNBIND: Final = 0x00320032
QUEUE_UNBIND_OK: Final = 0x00320033
BASIC_QOS: Final = 0x003C000A
BASIC_QOS_OK: Final = 0x003C000B
BASIC_CONSUME: Final = 0x003C0014
BASIC_CONSUME_OK: Final = 0x003C0015
BASIC_CANCEL: Final = 0x003C001E
BASIC_CANCEL_OK: Final = 0x003C001F
BASIC_PUBLISH: Final = 0x003C0028
BASIC_RETURN: Final = 0x003C0032
BASIC_DELIVER: Final = 0x003C003C
BASIC_GET: Final = 0x003C0046
BASIC_GET_OK: Final = 0x003C0047
BASIC_GET_EMPTY: Final = 0x003C0048
BASIC_ACK: Final = 0x003C0050
BASIC_REJECT: Final = 0x003C005A
BASIC_RECOVER_ASYNC: Final = 0x003C0064
BASIC_RECOVER: Final = 0x003C006E
BASIC_RECOVER_OK: Final = 0x003C006F
BASIC_NACK: Final = 0x003C0078
CONFIRM_SELECT: Final = 0x0055000A
CONFIRM_SELECT_OK: Final = 0x0055000B
TX_SELECT: Final = 0x005A000A
TX_SELECT_OK: Final = 0x005A000B
TX_COMMIT: Final = 0x005A0014
TX_COMMIT_OK: Final = 0x005A0015
TX_ROLLBACK: Final = 0x005A001E
TX_ROLLBACK_OK: Final = 0x005A001F

METHOD_NAMES: Final[dict[int, str]] = {
    CONNECTION_START: "connection.start",
    CONNECTION_START_OK: "connection.start-ok",
    CONNECTION_SECURE: "connection.secure",
    CONNECTION_SECURE_OK: "connection.secure-ok",
    CONNECTION_TUNE: "connection.tune",
    CONNECTION_TUNE_OK: "connection.tune-ok",
    CONNECTION_OPEN: "connection.open",
    CONNECTION_OPEN_OK: "connection.open-ok",
    CONNECTION_CLOSE: "connection.close",
    CONNECTION_CLOSE_OK: "connection.close-ok",
    CONNECTION_BLOCKED: "connection.blocked",
    CONNECTION_UNBLOCKED: "connection.unblocked",
    CONNECTION_UPDATE_SECRET: "connection.update-secret",
    CONNECTION_UPDATE_SECRET_OK: "connection.update-secret-ok",
    CHANNEL_OPEN: "channel.open",
    CHANNEL_OPEN_OK: "channel.open-ok",
    CHANNEL_FLOW: "channel.flow",
    CHANNEL_FLOW_OK: "channel.flow-ok",
    CHANNEL_CLOSE: "channel.close",
    CHANNEL_CLOSE_OK: "channel.close-ok",
    ACCESS_REQUEST: "access.request",
    ACCESS_REQUEST_OK: "access.request-ok",
    EXCHANGE_DECLARE: "exchange.declare",
    EXCHANGE_DECLARE_OK: "exchange.declare-ok",
    EXCHANGE_DELETE: "exchange.delete",
    EXCHANGE_DELETE_OK: "exchange.delete-ok",
    EXCHANGE_BIND: "exchange.bind",
    EXCHANGE_BIND_OK: "exchange.bind-ok",
    EXCHANGE_UNBIND: "exchange.unbind",
    EXCHANGE_UNBIND_OK: "exchange.unbind-ok",
    QUEUE_DECLARE: "queue.declare",
    QUEUE_DECLARE_OK: "queue.declare-ok",
    QUEUE_BIND: "queue.bind",
    QUEUE_BIND_OK: "queue.bind-ok",
    QUEUE_PURGE: "queue.purge",
    QUEUE_PURGE_OK: "queue.purge-ok",
    QUEUE_DELETE: "queue.delete",
    QUEUE_DELETE_OK: "queue.delete-ok",
    QUEUE_UNBIND: "queue.unbind",
    QUEUE_UNBIND_OK: "queue.unbind-ok",
    BASIC_QOS: "basic.qos",
    BASIC_QOS_OK: "basic.qos-ok",
    BASIC_CONSUME: "basic.consume",
    BASIC_CONSUME_OK: "basic.consume-ok",
    BASIC_CANCEL: "basic.cancel",
    BASIC_CANCEL_OK: "basic.cancel-ok",
    BASIC_PUBLISH: "basic.publish",
    BASIC_RETURN: "basic.return",
    BASIC_DELIVER: "basic.deliver",
    BASIC_GET: "basic.get",
    BASIC_GET_OK: "basic.get-ok",
    BASIC_GET_EMPTY: "basic.get-empty",
    BASIC_ACK: "basic.ack",
    BASIC_REJECT: "basic.reject",
    BASIC_RECOVER_ASYNC: "basic.recover-async",
    BASIC_RECOVER: "basic.recover",
    BASIC_RECOVER_OK: "basic.recover-ok",
    BASIC_NACK: "basic.nack",
    CONFIRM_SELECT: "confirm.select",
    CONFIRM_SELECT_OK: "confirm.select-ok",
    TX_SELECT: "tx.select",
    TX_SELECT_OK: "tx.select-ok",
    TX_COMMIT: "tx.commit",
    TX_COMMIT_OK: "tx.commit-ok",
    TX_ROLLBACK: "tx.rollback",
    TX_ROLLBACK_OK: "tx.rollback-ok",
}

# Flags of the properties of a content (4.2.6.1).
FLAG_CONTENT_TYPE: Final = 0x8000
FLAG_CONTENT_ENCODING: Final = 0x4000
FLAG_HEADERS: Final = 0x2000
FLAG_DELIVERY_MODE: Final = 0x1000
FLAG_PRIORITY: Final = 0x0800
FLAG_CORRELATION_ID: Final = 0x0400
FLAG_REPLY_TO: Final = 0x0200
FLAG_EXPIRATION: Final = 0x0100
FLAG_MESSAGE_ID: Final = 0x0080
FLAG_TIMESTAMP: Final = 0x0040
FLAG_TYPE: Final = 0x0020
FLAG_USER_ID: Final = 0x0010
FLAG_APP_ID: Final = 0x0008
FLAG_CLUSTER_ID: Final = 0x0004

PROPERTIES: Final[tuple[tuple[str, str, int], ...]] = (
    ("content_type", "shortstr", FLAG_CONTENT_TYPE),
    ("content_encoding", "shortstr", FLAG_CONTENT_ENCODING),
    ("headers", "table", FLAG_HEADERS),
    ("delivery_mode", "octet", FLAG_DELIVERY_MODE),
    ("priority", "octet", FLAG_PRIORITY),
    ("correlation_id", "shortstr", FLAG_CORRELATION_ID),
    ("reply_to", "shortstr", FLAG_REPLY_TO),
    ("expiration", "shortstr", FLAG_EXPIRATION),
    ("message_id", "shortstr", FLAG_MESSAGE_ID),
    ("timestamp", "timestamp", FLAG_TIMESTAMP),
    ("type", "shortstr", FLAG_TYPE),
    ("user_id", "shortstr", FLAG_USER_ID),
    ("app_id", "shortstr", FLAG_APP_ID),
    ("cluster_id", "shortstr", FLAG_CLUSTER_ID),
)
"""(name, domain, flag) in the order of the wire."""
