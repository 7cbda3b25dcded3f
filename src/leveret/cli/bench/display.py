"""How a load test looks: while it runs, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ..sparks import size, spark, squeeze
from .plan import Plan
from .tally import Tally
from .worker import REPORT_S

_STYLES: Final = {"published": "cyan", "confirmed": "magenta", "received": "green"}
_CHART: Final = 40


def described(plan: Plan) -> str:
    """The plan in a line."""
    parts = [
        f"{_count(plan.publishers, 'publisher')} → {_count(len(plan.queues), 'queue')}"
        f" → {_count(plan.consumers, 'consumer')}",
        size(plan.size),
        "persistent" if plan.persistent else "transient",
        f"confirms, {plan.confirm:,} open" if plan.confirm else "no confirms",
    ]
    if plan.consumers:
        parts.append("auto-ack" if plan.auto_ack else f"acks, prefetch {plan.prefetch:,}")
    if plan.exchange:
        parts.append(f"exchange {plan.exchange}")
    if plan.rate:
        parts.append(f"{plan.rate:,.0f} messages/s")
    return " · ".join(parts)


def progress(tally: Tally) -> RenderableType:
    """While it runs."""
    plan, complete = tally.plan, tally.complete
    warming = complete < tally.warmup_reports
    moments = tally.moments[:complete]
    if plan.count:
        counted = tally.all.received if plan.consumers else tally.all.sent
        done, total, text = counted, plan.count, f"{counted:,} of {plan.count:,}"
    else:
        total = round((plan.warmup_s + plan.time_s) / REPORT_S)
        done, text = complete, f"{complete * REPORT_S:.0f} of {total * REPORT_S:.0f} s"
    head = Table.grid(padding=(0, 2), expand=False)
    bar = ProgressBar(total=max(total, 1), completed=min(done, total), width=_CHART, complete_style="cyan")
    head.add_row(bar, Text(text), Text("warming up" if warming else "", style="yellow"))
    body = Table.grid(padding=(0, 2))
    body.add_column(style="dim", width=9)
    body.add_column(justify="right", width=12)
    body.add_column(style="dim")
    body.add_column()
    recent = moments[-5:]
    for name, on, series in (
        ("published", plan.publishers, [each.sent for each in moments]),
        ("confirmed", plan.confirm, [each.confirmed for each in moments]),
        ("received", plan.consumers, [each.received for each in moments]),
    ):
        if on:
            rate = sum(series[-5:]) / (len(recent) * REPORT_S) if recent else 0.0
            body.add_row(name, f"{rate:,.0f}", "/s", Text(spark(series, _CHART), style=_STYLES[name]))
    if tally.delivery.buckets:
        p50, p99 = tally.delivery.quantiles(0.5, 0.99)
        body.add_row("latency", _ms(p50 / 1000), "ms", Text(f"p50, p99 {_ms(p99 / 1000)} ms", style="dim"))
    return Group(head, body)


def show(console: Console, tally: Tally, interrupted: bool) -> None:
    """What came of it."""
    plan = tally.plan
    title = Text.assemble((_product(tally.server), "bold"), (f" at {plan.address.shown}", "dim"))
    console.print()
    console.print(title, soft_wrap=True)
    console.print(Text(described(plan), style="dim"))
    warmup = tally.warmup_reports * REPORT_S
    lasted = f"{tally.seconds:.1f} s" + (f", after {warmup:.1f} s of warm-up" if warmup else "")
    console.print(Text(lasted + (" (interrupted)" if interrupted else ""), style="dim"))
    console.print()
    console.print(_throughput(tally))
    if latencies := _latencies(tally):
        console.print()
        console.print(latencies)
    warnings = tally.warnings()
    if tally.waiting and plan.publishers and not plan.rate:
        console.print()
        console.print(Text(f"Publishers waited for the broker {tally.waiting:.0%} of the time.", style="dim"))
    for warning in warnings:
        console.print()
        grid = Table.grid(padding=(0, 1))
        grid.add_row(Text("!", style="bold yellow"), Text(warning, style="yellow"))
        console.print(grid)


def _product(server: Mapping[str, str]) -> str:
    """What the broker is. Leveret's product is RabbitMQ, as clients look at that; its platform says who it is."""
    own, _, _ = server["platform"].partition(" on ")
    if own.startswith("Leveret "):
        return own
    return " ".join(filter(None, (server["product"], server["version"]))) or "a broker"


def _throughput(tally: Tally) -> Table:
    plan = tally.plan
    table = _table("", "messages", "messages/s", "MB/s", "over time")
    table.columns[-1].justify = "left"
    series = {
        "published": [each.sent for each in tally.moments],
        "confirmed": [each.confirmed for each in tally.moments],
        "received": [each.received for each in tally.moments],
    }
    shown = {"published": plan.publishers, "confirmed": plan.confirm and plan.publishers, "received": plan.consumers}
    for name, figures in tally.figures().items():
        if not shown[name]:
            continue
        line = squeeze(series[name][tally.warmup_reports : tally.complete], _CHART // 2)
        table.add_row(
            Text(name, style=_STYLES[name]),
            f"{figures['messages']:,.0f}",
            Text(f"{figures['per_second']:,.0f}", style="bold"),
            f"{figures['bytes_per_second'] / 1e6:,.1f}",
            Text(spark(line, len(line)), style=_STYLES[name]),
        )
    return table


def _latencies(tally: Tally) -> Table | None:
    table = _table("latency, ms", "p50", "p95", "p99", "p99.9", "max")
    for name, found in tally.latencies().items():
        if found is not None:
            table.add_row(name.replace("_to_", " → "), *(_ms(value) for value in found.values()))
    return table if table.rows else None


def _table(first: str, *columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 3, 0, 0))
    table.add_column(escape(first), min_width=17)
    for column in columns:
        table.add_column(column, justify="right")
    return table


def _ms(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' * (number != 1)}"
