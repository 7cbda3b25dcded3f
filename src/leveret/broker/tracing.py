"""Tracing: each message that is published or delivered, once more as a message of `amq.rabbitmq.trace` (RabbitMQ page
"Firehose Tracer").

The routing key is `publish.EXCHANGE` or `deliver.QUEUE`, the body is the message's, its properties and what became of
it are headers. It costs a message for each message, while it is on, and nothing otherwise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..errors import AmqpError
from ..limits import SHORTSTR_MAX
from ..wire.properties import Properties, decode_properties
from .events import NODE

if TYPE_CHECKING:
    from ..ports import Origin
    from ..wire import Batch, Extent, Message, Selection
    from ..wire.fields import Value
    from .exchange import Exchange
    from .notices import Notices
    from .placement import Cells

NAME: Final = "amq.rabbitmq.trace"


class Tracer:
    """Of one virtual host, while its tracing is on."""

    __slots__ = ("_exchange", "_notices")

    def __init__(self, exchange: Exchange, notices: Notices) -> None:
        self._exchange = exchange
        self._notices = notices

    def published(self, batch: Batch, cells: Cells, count: int, origin: Origin) -> None:
        """The first `count` rows went where the cells say."""
        queues: dict[int, list[Value]] = {}
        for reached, rows in cells:
            names: list[Value] = (
                [] if isinstance(reached, AmqpError) else [each.name for each in reached if each.is_queue]
            )
            for row in range(len(batch)) if rows is None else rows:
                queues[row] = names
        for row in range(count):
            message = batch[row]
            about = self._about(message, origin)
            about["routed_queues"] = queues.get(row, [])
            self._tell(f"publish.{message.exchange}", about, message)

    def delivered(self, queue: str, extent: Extent, rows: Selection, origin: Origin) -> None:
        """These were sent to a consumer, or somebody got one."""
        for row in rows:
            message = extent[row]
            about = {"redelivered": int(extent.is_redelivered(row)), **self._about(message, origin)}
            self._tell(f"deliver.{queue}", about, message)

    def _about(self, message: Message, origin: Origin) -> dict[str, Value]:
        properties = decode_properties(message.properties)
        headers = dict(properties.headers or {})
        known: dict[str, Value] = {
            name: value
            for name in Properties.__slots__
            if name != "headers" and (value := getattr(properties, name)) is not None
        }
        if properties.headers is not None:
            known["headers"] = headers
        keys: list[Value] = [message.routing_key]
        for more in (headers.get("CC"), headers.pop("BCC", None)):  # BCC is for nobody's eyes, its keys are told
            if isinstance(more, list):
                keys += [key for key in more if isinstance(key, str)]
        return {
            "exchange_name": message.exchange,
            "routing_keys": keys,
            "properties": known,
            "node": NODE,
            "vhost": self._exchange.vhost,
            "connection": origin.connection,
            "channel": origin.channel,
            "user": origin.user,
        }

    def _tell(self, routing_key: str, about: dict[str, Value], message: Message) -> None:
        if message.exchange != NAME:  # traces are not traced
            key = routing_key.encode()[:SHORTSTR_MAX].decode(errors="ignore")
            self._notices.add(self._exchange, key, Properties(headers=about), message.body)
