"""What arguments and policies may say, as types, as far as RabbitMQ's documentation has them; others may be there."""

from __future__ import annotations

from typing import Annotated, Literal, TypedDict

from msgspec import Meta

from ....limits import EXPIRY_MAX_MS, PRIORITY_MAX

Number = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Milliseconds = Annotated[int, Meta(ge=0, le=EXPIRY_MAX_MS, description="Milliseconds.")]
Expiry = Annotated[int, Meta(ge=1, le=EXPIRY_MAX_MS, description="Milliseconds without use.")]
Overflow = Literal["drop-head", "reject-publish", "reject-publish-dlx"]
Locator = Literal["client-local", "balanced", "random", "least-leaders", "min-masters"]

QueueArguments = TypedDict(
    "QueueArguments",
    {
        "x-message-ttl": Milliseconds,
        "x-expires": Expiry,
        "x-max-length": Annotated[Number, Meta(examples=[1000])],
        "x-max-length-bytes": Number,
        "x-overflow": Overflow,
        "x-dead-letter-exchange": Annotated[str, Meta(description="Empty: the default exchange.")],
        "x-dead-letter-routing-key": Annotated[str, Meta(description="Only with `x-dead-letter-exchange`.")],
        "x-max-priority": Annotated[int, Meta(ge=0, le=PRIORITY_MAX)],
        "x-single-active-consumer": bool,
        "x-queue-type": Literal["classic"],
        "x-queue-mode": Literal["default", "lazy"],
        "x-queue-version": Literal[2],
        "x-queue-leader-locator": Locator,
        "x-consumer-timeout": Annotated[Number, Meta(description="Milliseconds.")],
        "x-delivery-limit": Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)],
    },
    total=False,
)
QueueArguments.__doc__ = "Optional arguments of a queue; others are kept and have no effect."

ExchangeArguments = TypedDict(
    "ExchangeArguments",
    {"alternate-exchange": Annotated[str, Meta(description="Gets what is not routed.")]},
    total=False,
)
ExchangeArguments.__doc__ = "Optional arguments of an exchange; kinds of exchanges have more."

PolicyDefinition = TypedDict(
    "PolicyDefinition",
    {
        "message-ttl": Annotated[Number, Meta(description="Milliseconds.")],
        "expires": Annotated[int, Meta(ge=1, le=2**63 - 1, description="Milliseconds without use.")],
        "max-length": Annotated[Number, Meta(examples=[1000])],
        "max-length-bytes": Number,
        "overflow": Overflow,
        "dead-letter-exchange": str,
        "dead-letter-routing-key": str,
        "alternate-exchange": str,
        "delivery-limit": Annotated[int, Meta(ge=-(2**63) + 1, le=2**63 - 1)],
        "consumer-timeout": Annotated[Number, Meta(description="Milliseconds.")],
        "queue-mode": Literal["default", "lazy"],
        "queue-version": Literal[2],
        "queue-leader-locator": Locator,
    },
    total=False,
)
PolicyDefinition.__doc__ = "What a policy sets: one key at least; those of RabbitMQ's other queue types are taken, too."
