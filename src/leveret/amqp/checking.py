"""What the front door itself refuses of messages, and in which order (RabbitMQ's): `immediate`, an exchange that must
not be written to, then what is wrong with the exchange (which the brain says), `reply-to`, `expiration`, a routing key
that must not be used, `user-id`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ..broker.replies import NAME
from ..errors import AmqpError, NotImplemented_, PreconditionFailed
from ..limits import EXPIRATION_MAX_MS
from ..wire import COLUMN_PROPERTY, EXPIRATION, IMMEDIATE, REPLY_TO, USER_ID, Patch

if TYPE_CHECKING:
    from ..broker.permits import Permits
    from ..ports import User
    from ..wire import Batch, Pool, Selection

CHECKED: Final = IMMEDIATE | REPLY_TO | EXPIRATION | USER_ID
"""Features of messages that have to be looked at."""

IMPERSONATOR: Final = "impersonator"
"""A user with this tag may publish with any user-id (RabbitMQ "Validated User-ID")."""
_NUMBER: Final = re.compile(rb"[+-]?[0-9]+")


def first_refused(batch: Batch, user: User, reply_name: str, permits: Permits) -> tuple[int, AmqpError] | None:
    """The first row that is refused, and why. `reply_name`: where this channel consumes replies directly.

    Raises Undecided.
    """
    found: tuple[int, AmqpError] | None = None
    features = batch.features
    allowed = permits.cover(batch)
    if features & IMMEDIATE:
        found = batch.select(IMMEDIATE)[0], NotImplemented_("immediate=true")
    if not allowed and (refused := permits.first_refused(batch)) is not None:
        found = _first(found, *refused)
    if features & REPLY_TO and not reply_name:
        rows = _to_reply_consumer(batch)
        if rows is not None:
            found = _first(found, rows[0], PreconditionFailed("fast reply consumer does not exist"))
    if features & EXPIRATION and (row := batch.bad_expiration()) >= 0:
        found = _first(found, row, PreconditionFailed(_what_is_wrong(batch, row)))
    if not allowed and (refused := permits.first_topic_refused(batch)) is not None:
        found = _first(found, *refused)
    if features & USER_ID and IMPERSONATOR not in user.tags:
        own = user.name.encode()
        for value, rows in batch.partition(COLUMN_PROPERTY, batch.select(USER_ID), "user_id"):
            assert isinstance(value, bytes)
            if value != own:
                other = value.decode(errors="replace")
                text = f"user_id property set to '{other}' but authenticated user was '{user.name}'"
                found = _first(found, rows[0], PreconditionFailed(text))
    return found


def with_reply_name(batch: Batch, reply_name: str, pool: Pool) -> Batch:
    """Messages that ask for a direct reply say where it goes."""
    rows = _to_reply_consumer(batch)
    return batch if rows is None else batch.rewrite(pool, [(rows, Patch(reply_to=reply_name))])


def _to_reply_consumer(batch: Batch) -> Selection | None:
    for value, rows in batch.partition(COLUMN_PROPERTY, batch.select(REPLY_TO), "reply_to"):
        if value == NAME.encode():
            return rows
    return None


def _first(found: tuple[int, AmqpError] | None, row: int, error: AmqpError) -> tuple[int, AmqpError]:
    """Of one row what was found first counts."""
    return found if found is not None and found[0] <= row else (row, error)


def _what_is_wrong(batch: Batch, row: int) -> str:
    """With the expiration of a row, in RabbitMQ's words."""
    values = batch.partition(COLUMN_PROPERTY, batch.select(EXPIRATION), "expiration")
    value = next(value for value, rows in values if len(rows.window(row, row + 1)))
    assert isinstance(value, bytes)
    number = _NUMBER.match(value)
    if number is None:
        reason = "no_integer"
    elif number.end() < len(value):
        rest = value[number.end() :].decode("latin-1")
        reason = f'{{leftover_string,"{_escaped(rest)}"}}'
    else:
        kind = "value_negative" if int(value) < 0 else "value_too_large"
        assert int(value) < 0 or int(value) > EXPIRATION_MAX_MS
        reason = f"{{{kind},{int(value)}}}"
    return f"invalid expiration '{value.decode(errors='replace')}': {reason}"


def _escaped(text: str) -> str:
    """As in an Erlang string."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t").replace("\r", "\\r")
