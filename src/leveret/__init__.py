"""Leveret: a message broker that speaks AMQP 0-9-1, does RabbitMQ's job, and moves messages in batches.

async with leveret.Broker() as broker:  # a broker inside this program, on a free port of 127.0.0.1
    connect(broker.url)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .embedded import Broker

__all__ = ["Broker", "__version__"]

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    if name == "Broker":  # on demand: importing the package costs nothing, and floors below do not depend on it
        import importlib

        return importlib.import_module(".embedded", __name__).Broker
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
