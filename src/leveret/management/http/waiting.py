"""Answers of the broker that come later, as something to await."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Answer(Generic[T]):
    """Is told once, perhaps when nobody waits any more."""

    def __init__(self) -> None:
        self._future: asyncio.Future[T] = asyncio.get_running_loop().create_future()

    def tell(self, value: T) -> None:
        """This is it."""
        if not self._future.done():
            self._future.set_result(value)

    async def get(self) -> T:
        """Wait for it."""
        return await self._future


async def until(ask: Callable[[Callable[[], None]], None]) -> None:
    """Wait until what `ask` was given is called."""
    answer: Answer[None] = Answer()
    ask(lambda: answer.tell(None))
    await answer.get()
