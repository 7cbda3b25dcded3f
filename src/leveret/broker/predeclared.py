"""The exchanges that every virtual host has from the start (RabbitMQ page "AMQP 0-9-1 Model Explained")."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .exchanges import DefaultExchange, DirectExchange, FanoutExchange, HeadersExchange, TopicExchange

if TYPE_CHECKING:
    from .exchange import Exchange

PREDECLARED: Final[tuple[tuple[str, type[Exchange], bool], ...]] = (
    ("amq.direct", DirectExchange, False),
    ("amq.fanout", FanoutExchange, False),
    ("amq.headers", HeadersExchange, False),
    ("amq.match", HeadersExchange, False),
    ("amq.rabbitmq.trace", TopicExchange, True),
    ("amq.topic", TopicExchange, False),
)
"""Name, kind and whether internal, of what every virtual host has beside the default exchange; all durable."""


def predeclared(vhost: str, first_id: int) -> list[Exchange]:
    """The exchanges that a new virtual host starts with, with consecutive ids; the default exchange first."""
    exchanges: list[Exchange] = [DefaultExchange(first_id, vhost, "", durable=True)]
    for id, (name, kind, internal) in enumerate(PREDECLARED, first_id + 1):
        exchanges.append(kind(id, vhost, name, durable=True, internal=internal))
    return exchanges
