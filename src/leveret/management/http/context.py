"""One call of the API: who calls, what was asked, and waiting until it is done."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import unquote

from ...authorize import authorize
from ...errors import AccountError, AmqpError, DefinitionError, NotFound, PolicyError, VHostError
from ...limits import HISTORY_MAX
from ...ports import Undecided
from ..statistics import Span, View
from .reply import ApiError, bad_request, forbidden, not_found
from .waiting import until

if TYPE_CHECKING:
    from starlette.requests import Request

    from ...authorize import Rights
    from ...broker.broker import Broker
    from ...ports import Position
    from .caller import Caller, Managed

T = TypeVar("T")


class Call:
    """What handlers get."""

    def __init__(self, request: Request, caller: Caller) -> None:
        self.request = request
        self.caller = caller
        self.node: Managed = caller.node
        self.broker: Broker = caller.node.brain

    @property
    def view(self) -> View:
        """What of the past is asked for: `lengths_age` and `lengths_incr`, and so on, in seconds."""
        spans = (self._span(name) for name in ("lengths", "msg_rates", "data_rates"))
        return View(self.node.statistics, *spans)

    def _span(self, name: str) -> Span | None:
        query = self.request.query_params
        given = [query[key] for key in (f"{name}_age", f"{name}_incr") if key in query]
        if not all(one.isdecimal() and len(one) <= 12 and int(one) for one in given):
            raise bad_request(f"{name}_age and {name}_incr should be seconds")
        if len(given) < 2:
            return None
        span = Span(*map(int, given))
        if span.age_s // span.step_s > HISTORY_MAX:
            raise bad_request(f"{name}_age over {name}_incr is more than {HISTORY_MAX}")
        return span

    def part(self, name: str) -> str:
        """A part of the path; it may have had any letters, encoded."""
        return unquote(self.request.path_params[name])

    async def durable(self, position: Position | None) -> None:
        """Until a change is on disk."""
        if position is not None:
            await until(partial(self.broker.log.when_durable, position))

    async def require(self, rights: Rights, operation: str, vhost: str, **parts: str) -> None:
        """Ask the table of `authorize`. Raises ApiError."""
        await self.allowed(lambda: authorize(rights, operation, vhost, **parts))

    async def allowed(self, do: Callable[[], T]) -> T:
        """Do something that may need rights nobody knows yet: then it is done when they are known."""
        while True:
            try:
                with refusals():
                    return do()
            except Undecided as undecided:
                await until(undecided.ask)


@contextmanager
def refusals() -> Iterator[None]:
    """What the broker refuses, in the API's words."""
    try:
        yield
    except NotFound:
        raise not_found() from None
    except AmqpError as error:
        if error.name == "ACCESS_REFUSED":
            raise forbidden(f"ACCESS_REFUSED - {error.explanation}") from None
        raise bad_request(f"{error.code} {error.reply_text}") from None
    except (AccountError, PolicyError, DefinitionError) as error:
        raise bad_request(str(error)) from None
    except VHostError as error:
        text = str(error)
        if "does not exist" in text:
            raise not_found() from None
        status = 412 if "protected" in text else 400
        raise ApiError(status, "precondition_failed" if status == 412 else "bad_request", text) from None
