"""Where Debian's RabbitMQ 3.10 and Leveret differ and should; and what Leveret cannot do yet."""

from __future__ import annotations

from .compare import Known

PENDING: dict[str, str] = {}
"""What scenarios need -> why they are skipped. `pytest tests/differential --run-pending` runs them all the same."""

KNOWN: tuple[Known, ...] = ()
