"""Threads for what takes too long for a turn: slow password hashes.

Few, so that a storm of logins leaves the loop a core; what they are given waits in order.
"""

from __future__ import annotations

import logging
import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable
    from concurrent.futures import Future

T = TypeVar("T")

logger = logging.getLogger("leveret.net")


class Workers:
    """The port `Workers` on an event loop. Threads are made when there is something to do."""

    def __init__(self, loop: asyncio.AbstractEventLoop, count: int | None = None) -> None:
        self._loop = loop
        self._count = count or max(1, (os.cpu_count() or 1) // 2)
        self._pool: ThreadPoolExecutor | None = None

    def run(self, work: Callable[[], T], done: Callable[[T], None]) -> None:
        """Do `work` in a thread; `done` is called with its result, in the loop."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._count, thread_name_prefix="worker")

        def finished(future: Future[T]) -> None:
            if not future.cancelled():
                self._loop.call_soon_threadsafe(tell, future)

        def tell(future: Future[T]) -> None:
            if self._pool is None:
                return  # the node has stopped
            if (error := future.exception()) is not None:
                logger.error("a worker failed: %r", error, exc_info=error)
            else:
                done(future.result())

        self._pool.submit(work).add_done_callback(finished)

    def stop(self) -> None:
        """Nobody waits for results any more."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=False, cancel_futures=True)
