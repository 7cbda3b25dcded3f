"""What paths and queries may say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from msgspec import Meta

from ....limits import PAGE_SIZE_MAX, PEEK_MAX, SEARCH_TEXT_MAX
from ..reply import DIGITS_MAX

NUMBER_MAX: Final = 10**DIGITS_MAX - 1
"""Of a path or a query."""
_Text = Annotated[str, Meta(min_length=1)]
_Seconds = Annotated[int, Meta(ge=1, le=NUMBER_MAX)]
_Number = Annotated[int, Meta(ge=0, le=NUMBER_MAX)]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One of a path (required), a query or a header."""

    name: str
    type: Any
    about: str
    example: Any = None
    place: Literal["path", "query", "header"] = "query"


def _in_path(name: str, type: Any, about: str, example: Any = None) -> Parameter:
    return Parameter(name, type, about, example, "path")


IN_PATH: Final = {
    one.name: one
    for one in (
        _in_path("vhost", _Text, "A virtual host; `/` is `%2F` in a path.", "/"),
        _in_path("queue", _Text, "A queue.", "letterbox"),
        _in_path("exchange", _Text, "An exchange; the default one is `amq.default`.", "amq.topic"),
        _in_path("kind", Literal["q", "e"], "Whether the destination is a queue or an exchange."),
        _in_path("destination", _Text, "A queue or an exchange.", "letterbox"),
        _in_path("end", Literal["source", "destination"], "Bindings from the exchange, or to it."),
        _in_path("props", _Text, "`properties_key` of the binding.", "hats.%23"),
        _in_path("connection", _Text, "The name of a connection.", "127.0.0.1:40000 -> 127.0.0.1:5672"),
        _in_path("channel", _Text, "The name of a channel.", "127.0.0.1:40000 -> 127.0.0.1:5672 (1)"),
        _in_path("user", _Text, "A user.", "ann"),
        _in_path("component", _Text, "What a parameter is for.", "shovel"),
        _in_path("name", _Text, "Its name.", "hats"),
        _in_path("node", _Text, "A node.", "rabbit@leveret"),
        _in_path("password", str, "A password.", "secret"),
        _in_path("port", _Number, "A port.", 5672),
        _in_path("protocols", _Text, "Protocols, with commas between.", "amqp,mqtt"),
        _in_path("within", _Number, "So many of the unit.", 2),
        _in_path("unit", Literal["days", "weeks", "months", "years"], "A unit of time.", "weeks"),
    )
}
VHOST_LIMIT: Final = _in_path("name", Literal["max-connections", "max-queues"], "Which limit.")
USER_LIMIT: Final = _in_path("name", Literal["max-connections", "max-channels"], "Which limit.")

COLUMNS: Final = Parameter(
    "columns", list[str], "Only these fields are answered, required or not; `a.b` is inside of `a`.", ["name"]
)
LIST: Final = (
    COLUMNS,
    Parameter("sort", str, "The field that tells the order; `a.b` is inside of `a`.", "name"),
    Parameter("sort_reverse", bool, "The other way round."),
    Parameter("name", str, "Only those with this text in their names."),
    Parameter("use_regex", bool, "`name` is a regular expression."),
    Parameter(
        "page", Annotated[int, Meta(ge=1, le=NUMBER_MAX)], "Which page is answered; without it, all as a list.", 1
    ),
    Parameter("page_size", Annotated[int, Meta(ge=1, le=PAGE_SIZE_MAX)], "How many are on a page.", 100),
)


def _span(name: str, about: str) -> tuple[Parameter, Parameter]:
    return (
        Parameter(f"{name}_age", _Seconds, f"Samples of {about} go back so many seconds.", 60),
        Parameter(f"{name}_incr", _Seconds, f"Seconds between two samples of {about}.", 5),
    )


_LENGTHS: Final = _span("lengths", "queue lengths")
_MESSAGES: Final = _span("msg_rates", "message counts")
_DATA: Final = _span("data_rates", "bytes and other figures")
HISTORY: Final = (*_LENGTHS, *_MESSAGES)
ALL_HISTORY: Final = (*HISTORY, *_DATA)
DATA_HISTORY: Final = _DATA
MESSAGE_HISTORY: Final = _MESSAGES

IF_UNUSED: Final = Parameter("if-unused", bool, "Refused while it is in use.")
IF_EMPTY: Final = Parameter("if-empty", bool, "Refused while messages are in it.")
DOWNLOAD: Final = Parameter("download", str, "Browsers save the file under this name.", "definitions.json")
REASON: Final = Parameter("X-Reason", str, "What the client is told.", place="header")

OFFSET: Final = Parameter("offset", _Number, "Messages before the first one that is looked at.", 0)
TRUNCATE: Final = Parameter("truncate", _Number, "Bytes of each body that are shown.", 50000)
COUNT: Final = Parameter("count", Annotated[int, Meta(ge=1, le=NUMBER_MAX)], f"How many, {PEEK_MAX} at most.", 50)
SEARCH: Final = (
    Parameter("text", Annotated[str, Meta(max_length=SEARCH_TEXT_MAX)], "Is in the body."),
    Parameter("routing_key", str, "Is the routing key."),
    Parameter("header", str, "There is such a header."),
    Parameter("property", str, "There is such a property.", "correlation_id"),
    Parameter("value", str, "Of the header, or else of the property."),
    Parameter("limit", Annotated[int, Meta(ge=1, le=NUMBER_MAX)], f"How many, {PEEK_MAX} at most.", 50),
    OFFSET,
    TRUNCATE,
)

FAMILIES: Final = (
    Parameter("family", list[str], "Which metrics.", ["queue_coarse_metrics"]),
    Parameter("vhost", list[str], "Only of these virtual hosts."),
    Parameter("queue", str, "Only of queues that match this regular expression."),
)
