"""What a listener offers its connections, and who the peer is. Passed in; nothing here is read from the environment."""

from __future__ import annotations

import platform
from dataclasses import dataclass, field

from .. import __version__, limits
from ..ports import Remote, Tls


@dataclass(frozen=True, slots=True)
class Peer:
    """The two ends of a connection's socket. `loopback`: the peer is on this machine."""

    host: str
    port: int
    local_host: str
    local_port: int
    loopback: bool
    tls: Tls | None = None
    certificate: str = ""
    """The name that the peer's certificate gives it, if it proved one."""

    @property
    def remote(self) -> Remote:
        """Where a login comes from."""
        return Remote(self.host, self.loopback, self.certificate, self.tls is not None)

    def __str__(self) -> str:
        return f"{self.host}:{self.port} -> {self.local_host}:{self.local_port}"


@dataclass(frozen=True, slots=True)
class Settings:
    """Maxima that are negotiated (0: no limit), timeouts, and what connection.start says about us."""

    frame_max: int = limits.FRAME_MAX
    channel_max: int = limits.CHANNEL_MAX
    heartbeat_s: int = limits.HEARTBEAT_S
    handshake_timeout_ms: int = limits.HANDSHAKE_TIMEOUT_MS
    close_timeout_ms: int = limits.CLOSE_TIMEOUT_MS
    message_size_max: int = limits.MESSAGE_SIZE_MAX
    consumers_per_channel_max: int = limits.CONSUMERS_PER_CHANNEL_MAX
    consumer_prefetch: int = 0
    """Of consumers on channels without a basic.qos; 0: no limit."""
    consumer_timeout_ms: int | None = None
    """So long any delivery may be unsettled; None: as long as its queue and consumer say."""
    login_refusal_delay_ms: int = limits.LOGIN_REFUSAL_DELAY_MS
    cluster_name: str = "leveret@localhost"
    product: str = "RabbitMQ"
    """Clients look at product and version to know what a broker can do; Leveret does what this RabbitMQ does."""
    version: str = "4.2.0"
    platform: str = field(default_factory=lambda: f"Leveret {__version__} on Python {platform.python_version()}")
    copyright: str = "Apache License 2.0"
    information: str = "Leveret, an AMQP 0-9-1 broker"
