"""How a broker looks in a terminal of any width."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ..sparks import bar, lasting, middle, short, size, spark, squeeze
from .asking import Snapshot, Wanted
from .views import VIEWS, Column, Item, clean, number

MIN_WIDTH: Final = 40
_ABOVE: Final = 10
"""Lines above the rows of the table."""
_BELOW: Final = 1
_THIRD_FROM: Final = 118
"""From this width on a third group of figures is shown."""

_ACCENT: Final = "cyan"
_STATES: Final = {"running": "green", "idle": "dim", "paused": "yellow", "flow": "yellow", "blocked": "yellow"}
_KEYS: Final = (
    ("q", "quit"),
    ("s", "sort"),
    ("r", "reverse"),
    ("/", "filter"),
    ("n p", "page"),
    ("space", "pause"),
    ("tab", "next view"),
)


def rows_for(height: int, limit: int | None) -> int:
    """How many rows of the table a terminal has room for."""
    room = max(1, height - _ABOVE - _BELOW)
    return room if limit is None else min(room, limit)


def picture(
    wanted: Wanted,
    snapshot: Snapshot,
    width: int,
    height: int | None = None,
    *,
    notice: Text | None = None,
    problem: str | None = None,
    editing: str | None = None,
) -> RenderableType:
    """All of it; with a height also the keys, on the last line, which make room for a problem as the clock does for a
    notice.
    """
    width = max(width, MIN_WIDTH)
    parts: list[RenderableType] = [
        _title(snapshot, notice, width),
        _machine(snapshot, width),
        _objects(snapshot),
        Text(),
        *_figures(snapshot, width),
        Text(),
        _tabs(wanted, snapshot, width, editing),
    ]
    rows = snapshot.items if height is None else snapshot.items[: max(1, height - _ABOVE - _BELOW)]
    parts.append(_table(wanted, rows, width))
    if height is not None:
        parts += [Text()] * max(0, height - _ABOVE - _BELOW - max(1, len(rows)))  # none is said in a line
        parts.append(_help(width, editing) if problem is None else _problem(problem, width))
    return Group(*parts)


def _title(snapshot: Snapshot, notice: Text | None, width: int) -> Text:
    overview, node = snapshot.overview, snapshot.node
    line = Text.assemble(("leveret top", f"bold {_ACCENT}"), "  ", (clean(overview.get("node", "")), "bold"))
    product = f"{overview.get('product_name', '')} {overview.get('product_version', '')}"
    line.append(f"  {clean(product)}", "dim")
    if node is not None:
        line.append(f"  up {lasting(number(node, 'uptime') / 1000)}", "dim")
    right = notice or Text(time.strftime("%H:%M:%S", time.localtime(snapshot.at_s)), style="dim")
    return _ends(line, right, width)


def _machine(snapshot: Snapshot, width: int) -> Text:
    node = snapshot.node
    if node is None:
        return Text("memory and alarms are shown to users with the tag monitoring", style="dim", no_wrap=True)
    used, most = number(node, "mem_used"), number(node, "mem_limit")
    share = min(1.0, used / most) if most else 0.0
    alarms = snapshot.alarms
    style = "red" if "memory" in alarms else "yellow" if share > 0.8 else "green"
    full, empty = bar(share, max(6, min(24, width // 8)))
    line = Text.assemble(
        ("memory ", "dim"), (full, style), (empty, "dim"), f" {size(used)}", (f" of {size(most)}", "dim")
    )
    if node.get("disk_free"):
        line.append("   disk free ", "dim")
        line.append(size(number(node, "disk_free")))
    right = Text()
    for alarm in alarms:
        right.append(f" {alarm.upper()} ALARM ", "bold white on red")
        right.append(" ")
    if alarms:
        right.append("publishers are blocked", "red")
    else:
        right.append("no alarms", "green")
    return _ends(line, right, width)


def _objects(snapshot: Snapshot) -> Text:
    line = Text(no_wrap=True, overflow="ellipsis")
    for name in ("connections", "channels", "queues", "consumers", "exchanges"):
        count = number(snapshot.overview, f"object_totals.{name}")
        line.append(f"{count:,.0f}", "bold")
        line.append(f" {name if count != 1 else name[:-1]}   ", "dim")
    return line


def _figures(snapshot: Snapshot, width: int) -> list[Text]:
    groups: list[list[tuple[str, str, Sequence[float], str]]] = [
        [
            (label, f"{number(snapshot.overview, f'queue_totals.{name}'):,.0f}", snapshot.lengths(name), "yellow")
            for label, name in (
                ("ready", "messages_ready"),
                ("unacked", "messages_unacknowledged"),
                ("messages", "messages"),
            )
        ],
        [
            (label, f"{short(snapshot.rate(name))}/s", snapshot.rates(name), style)
            for label, name, style in (
                ("published", "publish", _ACCENT),
                ("delivered", "deliver_get", "green"),
                ("acked", "ack", "green"),
            )
        ],
    ]
    if width >= _THIRD_FROM:
        groups.append(
            [
                (label, f"{short(snapshot.rate(name))}/s", snapshot.rates(name), style)
                for label, name, style in (
                    ("confirmed", "confirm", _ACCENT),
                    ("redelivered", "redeliver", "magenta"),
                    ("unroutable", "drop_unroutable", "red"),
                )
            ]
        )
    each = width // len(groups)
    lines = [Text(no_wrap=True) for _ in range(3)]
    for place, group in enumerate(groups):
        labels = 12 if place == 2 else 10
        values = 12 if place == 0 else 8
        chart = max(0, each - labels - values - 4)
        for line, (label, value, series, style) in zip(lines, group, strict=True):
            bars = spark(squeeze(series, chart), chart)
            line.append(f"{label:{labels}}", "dim")
            line.append(f"{value:>{values}}", "bold")
            line.append(f"  {bars:{chart}}  "[: each - labels - values], style if any(series) else "dim")
    return lines


def _tabs(wanted: Wanted, snapshot: Snapshot, width: int, editing: str | None) -> Text:
    line = Text()
    for name in VIEWS:
        if name == wanted.view.name:
            line.append(f"[{name}]", f"bold black on {_ACCENT}")
        else:
            line.append(f" {name} ", "dim")
    if editing is not None:
        line.append(f" filter: {clean(editing)}▏", "bold yellow")
    elif wanted.filter:
        line.append(f" filter: {clean(wanted.filter)}", "yellow")
    if wanted.vhost is not None:
        line.append(f" vhost: {clean(wanted.vhost)}", "dim")
    first = (snapshot.wanted.page - 1) * snapshot.wanted.rows + 1
    last = first + len(snapshot.items) - 1
    right = f"{first:,}-{last:,} of {snapshot.filtered:,}" if snapshot.items else ""
    if snapshot.filtered != snapshot.total:
        right += f" ({snapshot.total:,} in all)"
    return _ends(line, Text(right, style="dim"), width)


def _table(wanted: Wanted, rows: Sequence[Item], width: int) -> RenderableType:
    columns = wanted.view.fitting(width, wanted.vhost is not None)
    widths = {columns[0].name: wanted.view.name_width(columns, rows, width)}
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for column in columns:
        title = Text(column.title)
        if column.name == wanted.sort:
            title = Text(column.title + ("▲" if wanted.reverse is not column.text else "▼"), style=f"bold {_ACCENT}")
        table.add_column(
            title,
            justify="left" if column.text else "right",
            no_wrap=True,
            overflow="ellipsis",
            width=widths.setdefault(column.name, column.width),
        )
    for item in rows:
        table.add_row(*(_cell(column, item, widths[column.name]) for column in columns))
    if not rows:
        what = "is here whose name has this in it" if wanted.filter else "is here"
        return Group(table, Text(f"no {wanted.view.name[:-1]} {what}", style="dim"))
    return table


def _cell(column: Column, item: Item, width: int) -> Text:
    shown = middle(column.shown(item), width) if column.text else column.shown(item)
    if column.name == "state":
        return Text(shown, style=_STATES.get(shown, "red"))
    if column.name == "name":
        return Text(shown, style="bold" if not item.get("paused") else "yellow")
    return Text(shown, style="dim" if shown in ("0", "0 B") or column.name in ("vhost", "type", "features") else "")


def _help(width: int, editing: str | None) -> Text:
    line = Text(no_wrap=True)
    keys = (("enter", "filter"), ("esc", "leave it")) if editing is not None else _KEYS
    for key, what in keys:
        if line.cell_len + len(key) + len(what) + 3 > width:
            break
        line.append(key, f"bold {_ACCENT}")
        line.append(f" {what}  ", "dim")
    return line


def _problem(problem: str, width: int) -> Text:
    line = Text(clean(problem), style="yellow", no_wrap=True)
    line.truncate(width, overflow="ellipsis")
    return line


def _ends(left: Text, right: Text, width: int) -> Text:
    """One line, with something at each end; what is at the right stays whole."""
    right.truncate(width)
    left.truncate(max(0, width - right.cell_len - 1), overflow="ellipsis")
    line = left.copy()
    line.no_wrap = True
    line.append(" " * (width - left.cell_len - right.cell_len))
    line.append_text(right)
    return line
