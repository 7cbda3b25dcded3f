"""The AMQP 0-9-1 front door, sans-IO: bytes in, calls on the brain, bytes out."""

from __future__ import annotations

from .session import Session, Shell
from .settings import Peer, Settings

__all__ = ["Peer", "Session", "Settings", "Shell"]
