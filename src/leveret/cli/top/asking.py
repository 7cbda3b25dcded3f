"""What one picture shows, asked of the HTTP API in three requests, however many queues there are."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, Final

from ..ctl.api import DATA, Api, Failed, NotThere
from .views import QUEUES, VIEWS, Item, View, at, number

HISTORY_S: Final = 300
SAMPLE_S: Final = 5
PAGE_MAX: Final = 500
"""Of the API."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be shown."""

    view: View = QUEUES
    sort: str = QUEUES.sort
    reverse: bool = False
    """The other way round than one expects: least first, or the last name first."""
    filter: str = ""
    vhost: str | None = None
    page: int = 1
    rows: int = 20

    def turned_to(self, name: str) -> Wanted:
        """Another view."""
        view = VIEWS[name]
        return replace(self, view=view, sort=view.sort, reverse=False, page=1)

    def sorted_by(self, step: int) -> Wanted:
        """The column so many places further."""
        sorts = self.view.sorts
        return replace(self, sort=sorts[(sorts.index(self.sort) + step) % len(sorts)], reverse=False, page=1)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What was answered."""

    wanted: Wanted
    at_s: float
    """Wall time."""
    overview: Item
    node: Item | None
    """None: only users with the tag monitoring may know."""
    items: list[Item] = field(default_factory=list)
    filtered: int = 0
    total: int = 0
    pages: int = 1

    @property
    def alarms(self) -> list[str]:
        """Which are set."""
        node = self.node or {}
        return [name for name, key in (("memory", "mem_alarm"), ("disk", "disk_free_alarm")) if node.get(key)]

    def lengths(self, name: str) -> list[float]:
        """Of the queue totals, oldest first."""
        return _samples(self.overview, f"queue_totals.{name}_details.samples")

    def rates(self, name: str) -> list[float]:
        """Of the message counts, per second, oldest first."""
        counts = _samples(self.overview, f"message_stats.{name}_details.samples")
        return [max(0.0, after - before) / SAMPLE_S for before, after in pairwise(counts)]

    def rate(self, name: str) -> float:
        """Per second, now."""
        return number(self.overview, f"message_stats.{name}_details.rate")


def ask(api: Api, wanted: Wanted) -> Snapshot:
    """A picture's worth of figures. Raises Failed."""
    try:
        return _ask(api, wanted)
    except (KeyError, TypeError, ValueError):
        raise Failed(f"{api.url} does not answer as a management interface does") from None


def _ask(api: Api, wanted: Wanted) -> Snapshot:
    past = {f"{kind}_{what}": str(value) for kind in ("lengths", "msg_rates") for what, value in _PAST.items()}
    overview = api.get("overview", **past)
    node = api.get("nodes", str(overview["node"])) if overview["listeners"] else None  # both are for the same users
    view, column = wanted.view, wanted.view.column(wanted.sort)
    path = [part or wanted.vhost or "" for part in view.path_of_vhost] if wanted.vhost is not None else [view.path]
    query = {
        "page": str(wanted.page),
        "page_size": str(max(1, min(wanted.rows, PAGE_MAX))),
        "sort": column.sort,
        "sort_reverse": "true" if wanted.reverse is column.text else "false",
        "columns": ",".join(view.fields),
    }
    if wanted.filter:
        query["name"] = wanted.filter
    try:
        answer = api.get(*path, **query)
    except NotThere:
        if wanted.vhost is None:
            raise
        raise NotThere(f"virtual host '{wanted.vhost}' not found", DATA) from None
    except Failed as failed:
        if wanted.page == 1 or "out of range" not in str(failed):
            raise
        return _ask(api, replace(wanted, page=1))  # there are fewer now
    return Snapshot(
        wanted,
        time.time(),
        overview,
        node,
        answer["items"],
        answer["filtered_count"],
        answer["total_count"],
        answer["page_count"],
    )


_PAST: Final = {"age": HISTORY_S, "incr": SAMPLE_S}


def _samples(overview: Item, path: str) -> list[float]:
    samples: Any = at(overview, path)
    return [float(one["sample"]) for one in reversed(samples)] if isinstance(samples, list) else []
