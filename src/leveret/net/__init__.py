"""Sockets and time: listeners, the shell of a connection, the turn of the event loop, timers. Knows nothing of AMQP."""

from __future__ import annotations

from .connection import Connection, Session
from .housekeeper import Housekeeper
from .server import Server, listen_at
from .turn import Turn
from .workers import Workers

__all__ = ["Connection", "Housekeeper", "Server", "Session", "Turn", "Workers", "listen_at"]
