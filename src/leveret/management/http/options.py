"""What an operator says about the management interface, and where clients can connect."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ManagementOptions:
    """RabbitMQ's keys under `management.`, as far as they are for what answers requests."""

    path_prefix: str = ""
    login_session_timeout_ms: int = 8 * 3_600_000
    cors_allow_origins: tuple[str, ...] = ()
    cors_max_age_s: int = 1800
    csp_policy: str = ""
    hsts_policy: str = ""


@dataclass(frozen=True, slots=True)
class Listening:
    """Where clients can connect; `protocol` as RabbitMQ names it: `amqp`, `amqp/ssl`, `http`, `https`."""

    protocol: str
    host: str
    port: int


class Logins:
    """Attempts to log in to the management interface."""

    def __init__(self) -> None:
        self.attempts = 0
        self.failures = 0
