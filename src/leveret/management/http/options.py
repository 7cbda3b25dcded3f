"""What an operator says about the management interface."""

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
