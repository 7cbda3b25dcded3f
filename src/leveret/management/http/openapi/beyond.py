"""What the API answers that RabbitMQ's has not."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired, TypedDict

from msgspec import Meta

from .answers import Count, Default, ExchangeKind, Message, Plain


class SeenMessage(Message):
    """A message where it is."""

    id: Annotated[str, Meta(description="The same as long as it is in this queue.")]
    position: Annotated[int, Meta(ge=0, description="From the head, among those that can be delivered.")]
    truncated: Annotated[bool, Meta(description="Whether the body is longer than what is shown of it.")]


class Peeked(TypedDict):
    """Some of the messages of a queue."""

    messages: list[SeenMessage]
    offset: Count
    total: Count


class Found(TypedDict):
    """What was found among so many messages."""

    messages: list[SeenMessage]
    scanned: Count
    next_offset: Annotated[Count | None, Meta(description="Where to go on; null: that was all.")]


class Acted(TypedDict):
    """What became of the messages."""

    done: Count
    missing: Annotated[int, Meta(description="That were not in the queue any more.")]
    unroutable: Annotated[int, Meta(ge=0, description="That no queue would have; they stay.")]
    refused: Annotated[int, Meta(ge=0, description="That a full queue would not have; they stay.")]


class End(TypedDict):
    """An exchange or a queue."""

    type: Literal["exchange", "queue"]
    name: Default
    kind: NotRequired[ExchangeKind]


class ByBinding(TypedDict):
    """A binding that matches."""

    routing_key: str
    arguments: Plain


Hop = TypedDict(
    "Hop",
    {
        "from": End,
        "to": End,
        "reason": Literal["binding", "alternate-exchange", "default"],
        "bindings": list[ByBinding],
        "routing_key": NotRequired[Annotated[str, Meta(description="Of the first of `bindings`.")]],
        "arguments": NotRequired[Plain],
    },
)
Hop.__doc__ = "One step of a message."


class Way(TypedDict):
    """Where a message would go."""

    queues: list[str]
    hops: list[Hop]
    unroutable: bool
    steps_cut: Annotated[bool, Meta(description="Whether there were more steps than are told.")]


class GraphNode(TypedDict):
    """An exchange or a queue."""

    id: Annotated[str, Meta(examples=["queue:letterbox"])]
    type: Literal["exchange", "queue"]
    name: Default
    durable: bool
    kind: NotRequired[ExchangeKind]
    internal: NotRequired[bool]
    messages: NotRequired[Count]
    consumers: NotRequired[Count]
    paused: NotRequired[bool]
    publish_rate: NotRequired[float]
    deliver_rate: NotRequired[float]


class Edge(TypedDict):
    """What leads from one to the other."""

    source: Annotated[str, Meta(description="`id` of a node.")]
    target: Annotated[str, Meta(description="`id` of a node.")]
    kind: Literal["binding", "alternate", "dead-letter"]
    rate: Annotated[float | None, Meta(description="What the queue gets a second, from everywhere.")]
    routing_key: NotRequired[str]
    arguments: NotRequired[Plain]


class Topology(TypedDict):
    """A virtual host as a graph."""

    nodes: list[GraphNode]
    edges: list[Edge]
    cut: Annotated[bool, Meta(description="Whether there is more than is told.")]
