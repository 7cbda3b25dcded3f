"""What crash tests share."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

PATIENCE_S = 30.0


def until(condition: Callable[[], object], what: str) -> None:
    """Look again and again, for a while, whether it is so."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, what
        threading.Event().wait(0.01)
