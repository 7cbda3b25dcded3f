"""Notices: messages that the broker itself publishes, about what it does: events and traces.

They are noted down on the spot and published in the broker's turn, never from within a change. There is room for some:
when more is done in one turn than can be told, the rest is not told. Nor is what does not fit the properties of a
message: what clients sent (headers, arguments) is in there one table deeper, so it may be nested too deep or too long.
"""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from ..limits import NOTICE_BYTES_MAX, NOTICE_PROPERTIES_MAX, NOTICES_MAX
from ..wire import Batch
from ..wire.properties import encode_properties

if TYPE_CHECKING:
    from ..wire.properties import Properties
    from .broker import Broker
    from .exchange import Exchange

logger = logging.getLogger("leveret.broker")


class _Notice(NamedTuple):
    exchange: Exchange
    routing_key: str
    properties: bytes
    body: bytes


class Notices:
    """One per broker."""

    __slots__ = ("_broker", "_bytes", "_lost", "_waiting")

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._waiting: deque[_Notice] = deque()
        self._bytes = 0
        self._lost = 0

    @property
    def pending(self) -> bool:
        """Whether any is to be published."""
        return bool(self._waiting or self._lost)

    def add(self, exchange: Exchange, routing_key: str, properties: Properties, body: bytes = b"") -> None:
        """Publish this in the next turn, if there is room for it. Never raises: what it tells of has happened."""
        if not self._waiting and not self._lost:
            self._broker.wake()
        if len(self._waiting) >= NOTICES_MAX or self._bytes >= NOTICE_BYTES_MAX:
            self._lost += 1
            return
        try:
            raw = encode_properties(properties)
        except ValueError:
            self._lost += 1
            return
        size = len(raw) + len(body)
        if len(raw) > NOTICE_PROPERTIES_MAX or self._bytes + size > NOTICE_BYTES_MAX:
            self._lost += 1
            return
        self._bytes += size
        self._waiting.append(_Notice(exchange, routing_key, raw, body))

    def step(self) -> None:
        """Publish what is there; what comes of it waits for the next turn."""
        waiting, self._waiting = self._waiting, deque()
        self._bytes = 0
        if self._lost:
            logger.warning("%d events or traces were not published: too many at once, or too large", self._lost)
            self._lost = 0
        while waiting:
            exchange = waiting[0].exchange
            rows = []
            while waiting and waiting[0].exchange is exchange:
                notice = waiting.popleft()
                rows.append((exchange.name, notice.routing_key, notice.properties, notice.body, False))
            vhost = self._broker.vhosts.get(exchange.vhost)
            if vhost is not None:
                vhost.publish_from(exchange, Batch.build(self._broker.pool, rows))
