"""Messages: publishing one, and getting some."""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from ...amqp.checking import first_refused
from ...broker.consumer import Consumer
from ...broker.permits import Permits
from ...broker.queue import Queue
from ...errors import SyntaxError_
from ...limits import API_ANSWER_MAX, API_GET_MAX, MESSAGE_SIZE_MAX
from ...ports import Origin
from ...wire import ACK, REJECT, REQUEUE, Batch
from ...wire.properties import Properties, decode_properties, encode_properties
from ...wire.spec import PROPERTIES
from ..exporting import plain
from ..importing import field_of
from .objects import exchange_of, queue_of
from .reply import Turns, bad_request, field, json, object_of, shown, whole
from .waiting import Answer, until

if TYPE_CHECKING:
    from starlette.responses import Response

    from ...ports import Position
    from ...wire import Extent, Message, Selection
    from .context import Call

_MODES: Final = {
    "ack_requeue_true": REQUEUE,
    "ack_requeue_false": ACK,
    "reject_requeue_true": REQUEUE,
    "reject_requeue_false": REJECT,
}


_KINDS: Final[Mapping[str, type]] = {"shortstr": str, "table": dict, "octet": int, "timestamp": int}
"""What the properties of these domains are in JSON."""


_SETTLED_AT_ONCE: Final = 500


class _Publisher:
    """Somebody who publishes one message, and waits until it is decided what becomes of it."""

    def __init__(self, user: str) -> None:
        self.origin = Origin("HTTP API", 0, user)
        self.is_returned = False
        self.outcome: Answer[tuple[Position | None, bool]] = Answer()

    def returned(self, batch: Batch, selection: Selection) -> None:
        self.is_returned = True

    def published(self, count: int, position: Position | None, rejected: Selection | None) -> None:
        self.outcome.tell((position, rejected is not None))

    def slow_down(self) -> None:
        """It sends no more than this one."""


async def publish(call: Call) -> Response:
    """`{"properties", "routing_key", "payload", "payload_encoding"}`; whether it was routed. Answered when it is on
    disk, if it has to be.
    """
    exchange = await exchange_of(call)
    rights, said = await call.caller.rights(exchange.vhost), await object_of(call.request)
    body = _payload(field(said, "payload", str), field(said, "payload_encoding", str))
    if len(body) > MESSAGE_SIZE_MAX:
        raise bad_request(f"message size {len(body)} is larger than configured max size {MESSAGE_SIZE_MAX}")
    try:
        properties = encode_properties(_properties(field(said, "properties", dict, {})))
    except (TypeError, ValueError, OverflowError) as error:
        raise bad_request(f"properties: {error}") from None
    vhost, user = call.broker.vhosts[exchange.vhost], call.caller.user
    key = field(said, "routing_key", str)
    try:
        batch = Batch.build(call.broker.pool, [(exchange.name, key, properties, body, True)])
    except ValueError as error:
        raise bad_request(f"routing_key: {error}") from None
    publisher = _Publisher(user.name)
    permits = Permits(rights, vhost)

    def do() -> None:
        row, refusal = first_refused(batch, user, "", permits) or (None, None)
        vhost.publish(batch, publisher, row, refusal)

    await call.ready_to_publish()
    await call.allowed(do)
    position, refused = await publisher.outcome.get()
    await call.durable(position)
    return json({"routed": not publisher.is_returned and not refused})


def _payload(text: str, encoding: str) -> bytes:
    if encoding == "string":
        return text.encode(errors="replace")
    if encoding != "base64":
        raise bad_request(f"unsupported encoding {shown(encoding)}")
    try:
        return b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise bad_request("payload is not base64") from None


def _properties(said: Mapping[str, Any]) -> Properties:
    properties = Properties()
    for name, domain, _ in PROPERTIES:
        if said.get(name) is not None:
            value: Any = field(said, name, _KINDS[domain])
            setattr(properties, name, field_of(value) if name == "headers" else value)
    if unknown := [name for name in said if name not in Properties.__slots__]:
        raise bad_request(f"unknown property {shown(unknown[0])}")
    return properties


class _Getter:
    """The channel that gets messages for somebody who calls the API."""

    room: Final = 1

    def __init__(self, user: str) -> None:
        self.origin = Origin("HTTP API", 0, user)

    def deliver(self, consumer: Consumer, extent: Extent, selection: Selection) -> None:
        """Nothing is delivered to a getter."""

    def when_room(self, callback: Any) -> None:
        """There is always room."""

    def cancelled(self, consumer: Consumer) -> None:
        """It does not consume."""

    def timeout_set(self, consumer: Consumer) -> None:
        """It settles at once."""


async def get(call: Call) -> Response:
    """`{"count", "ackmode", "encoding", "truncate"}`; the messages, which are then settled as `ackmode` says."""
    queue = await queue_of(call)
    rights, said = await call.caller.rights(queue.vhost), await object_of(call.request)
    count, wanted = whole(said, "count", 1), field(said, "ackmode", str, "ack_requeue_false")
    encoding, truncate = field(said, "encoding", str, "auto"), said.get("truncate")
    if wanted not in _MODES:
        raise bad_request(f"unknown ackmode {shown(wanted)}")
    if encoding not in ("auto", "base64"):
        raise bad_request(f"unsupported encoding {shown(encoding)}")
    if not 0 < count <= API_GET_MAX:
        raise bad_request(f"count should be from 1 to {API_GET_MAX}")
    vhost = call.broker.vhosts[queue.vhost]
    consumer = Consumer("", _Getter(call.caller.user.name), no_ack=False)
    found: list[dict[str, Any]] = []
    portions: list[tuple[Consumer, Extent, Selection]] = []
    turns, size, mode = Turns(), 0, REQUEUE
    try:
        while len(found) < count and size < API_ANSWER_MAX:
            if turns.over:
                await turns.others()
            got = await call.allowed(
                lambda: vhost.get(queue.name, no_ack=False, owner=call.owner(queue), consumer=consumer, rights=rights)
            )
            if isinstance(got, Queue):
                await until(got.when_loaded)  # its first message is on disk
                continue
            if got is None:
                break
            portions.append((got.owner, got.extent, got.selection))
            found.append(_message(got.extent, got.selection[0], got.message_count, encoding, truncate))
            size += len(found[-1]["payload"])
        answer = json(found)
        mode = _MODES[wanted]  # whatever fails before: nobody has seen them
        while len(portions) > _SETTLED_AT_ONCE:
            vhost.settle(portions[-_SETTLED_AT_ONCE:], mode)
            del portions[-_SETTLED_AT_ONCE:]
            await turns.others()
        return answer
    finally:
        if portions:
            vhost.settle(portions, mode)


def _message(extent: Extent, row: int, left: int, encoding: str, truncate: Any) -> dict[str, Any]:
    told = message_of(extent[row], encoding, truncate if isinstance(truncate, int) and truncate >= 0 else None)
    return {"redelivered": extent.is_redelivered(row), "message_count": left, **told}


def message_of(message: Message, encoding: str, truncate: int | None) -> dict[str, Any]:
    """A message as RabbitMQ's API shows it, with so many bytes of its body (None: all)."""
    body = message.body
    text, used = _shown(body if truncate is None else body[:truncate], encoding)
    return {
        "payload_bytes": len(body),
        "exchange": message.exchange,
        "routing_key": message.routing_key,
        "properties": _told(message.properties),
        "payload": text,
        "payload_encoding": used,
    }


def _shown(body: bytes, encoding: str) -> tuple[str, str]:
    if encoding == "auto":
        try:
            return body.decode(), "string"
        except UnicodeDecodeError:
            pass
    return b64encode(body).decode(), "base64"


def _told(raw: bytes) -> dict[str, Any]:
    """Those that a message has."""
    try:
        properties = decode_properties(raw)
    except SyntaxError_:
        return {}
    found = {name: getattr(properties, name) for name in Properties.__slots__}
    return {name: plain(value) for name, value in found.items() if value is not None}
