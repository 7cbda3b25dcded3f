"""Names of exchanges and queues: what is cleaned, reserved and generated (RabbitMQ "Queues", section Names)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import AccessRefused

if TYPE_CHECKING:
    from ..ports import Randomness

DEFAULT_EXCHANGE = ""
RESERVED_PREFIX = "amq."
GENERATED_PREFIX = "amq.gen-"


def clean(name: str) -> str:
    """A name as RabbitMQ stores it: without line breaks."""
    return name.replace("\r", "").replace("\n", "")


def is_reserved(name: str) -> bool:
    """Whether the broker itself gives this name: what has it is there from the start or made for somebody."""
    return not name or name.startswith(RESERVED_PREFIX)


def refuse_reserved(kind: str, name: str) -> None:
    """Raises AccessRefused when a client wants to make an object under the broker's own prefix."""
    if name.startswith(RESERVED_PREFIX):
        raise AccessRefused(f"{kind} name '{name}' contains reserved prefix '{RESERVED_PREFIX}*'")


def generate(randomness: Randomness) -> str:
    """A name for a queue that was declared without one."""
    return GENERATED_PREFIX + randomness.token(16)
