"""One call of the API: who calls, what was asked, and waiting until it is done."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import unquote

from ...authorize import authorize
from ...errors import AccountError, AmqpError, DefinitionError, NotFound, PolicyError, VHostError
from ...limits import HISTORY_MAX
from ...ports import Undecided
from ..statistics import Span, View
from .reply import ApiError, bad_request, forbidden, not_found, number_in
from .waiting import until

if TYPE_CHECKING:
    from starlette.requests import Request

    from ...authorize import Rights
    from ...broker.binding import Destination
    from ...broker.broker import Broker
    from ...broker.vhost import VHost
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
        keys = (f"{name}_age", f"{name}_incr")
        given = [number_in(query[key], key, 1) for key in keys if key in query]
        if len(given) < 2:
            return None
        span = Span(*given)
        if span.age_s // span.step_s > HISTORY_MAX:
            raise bad_request(f"{name}_age and {name}_incr: more than {HISTORY_MAX} samples")
        return span

    def part(self, name: str) -> str:
        """A part of the path; it may have had any letters, encoded."""
        return unquote(self.request.path_params[name])

    async def vhosts(self, *, makes: bool = False) -> list[VHost]:
        """The one in the path, or all that the caller may look at, or with `makes` may make policies in. Raises
        ApiError.
        """
        if "vhost" in self.request.path_params:
            return [await self.caller.vhost(self.part("vhost"), makes=makes)]
        return await self.caller.vhosts(makes=makes)

    async def durable(self, position: Position | None) -> None:
        """Until a change is on disk."""
        if position is not None:
            await until(partial(self.broker.log.when_durable, position))

    def owner(self, target: Destination) -> Hashable:
        """As whom to do something with it: administrators may do with exclusive queues what rabbitmqctl does, others
        what other connections may.
        """
        return getattr(target, "owner", None) if self.caller.is_administrator else None

    async def ready_to_publish(self) -> None:
        """Wait until the disk is not behind. Raises ApiError while memory or disk is short."""
        if self.broker.alarms.short:
            short = " & ".join(self.broker.alarms.resources)
            raise ApiError(503, "resource_alarm", f"nothing is published while it is low on {short}")
        await self.caught_up()

    async def caught_up(self) -> None:
        """Wait until the disk is not behind."""
        for disk in (self.broker.log, self.broker.pager):
            while disk.lagging:
                await until(disk.when_caught_up)

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
        raise bad_request(error.explanation) from None
    except (AccountError, PolicyError, DefinitionError) as error:
        raise bad_request(str(error)) from None
    except VHostError as error:
        text = str(error)
        if "does not exist" in text:
            raise not_found() from None
        status = 412 if "protected" in text else 400
        raise ApiError(status, "precondition_failed" if status == 412 else "bad_request", text) from None
