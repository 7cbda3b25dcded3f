"""Reports of all workers added up."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .histogram import Histogram
from .plan import Plan
from .worker import REPORT_S, Counts, Report


@dataclass(slots=True)
class Tally:
    """What came of a plan, after its warm-up."""

    plan: Plan
    start_ns: int = 0
    server: dict[str, str] = field(default_factory=dict)
    counts: Counts = field(default_factory=Counts)
    all: Counts = field(default_factory=Counts)
    """The warm-up's, too."""
    delivery: Histogram = field(default_factory=Histogram)
    confirmation: Histogram = field(default_factory=Histogram)
    moments: list[Counts] = field(default_factory=list)
    """By number of the reports, those of the warm-up, too."""
    cpu_ns: dict[int, int] = field(default_factory=dict)
    """By worker."""
    waited_ns: int = 0
    late_ns: int = 0
    blocked: str | None = None
    machine: float | None = None
    """How busy all cores were, 0..1."""
    finished: set[int] = field(default_factory=set)
    _reported: dict[int, int] = field(default_factory=dict)
    _last_sent_ns: int = 0
    _last_received_ns: int = 0

    @property
    def warmup_reports(self) -> int:
        """How many are not counted."""
        return round(self.plan.warmup_s / REPORT_S)

    def add(self, worker: int, report: Report) -> None:
        """One more."""
        while len(self.moments) <= report.number:
            self.moments.append(Counts())
        self.moments[report.number].add(report.counts)
        self.all.add(report.counts)
        if report.finished:
            self.finished.add(worker)
        self.blocked = report.blocked or self.blocked
        self._reported[worker] = report.number + 1
        if report.number < self.warmup_reports:
            return
        self.counts.add(report.counts)
        self.delivery.merge(*report.delivery)
        self.confirmation.merge(*report.confirmation)
        self.cpu_ns[worker] = self.cpu_ns.get(worker, 0) + report.cpu_ns
        self.waited_ns += report.waited_ns
        self.late_ns = report.late_ns if self.plan.rate else 0
        self._last_sent_ns = max(self._last_sent_ns, report.last_sent_ns)
        self._last_received_ns = max(self._last_received_ns, report.last_received_ns)

    @property
    def complete(self) -> int:
        """How many moments all workers have reported."""
        return min(self._reported.values(), default=0)

    @property
    def seconds(self) -> float:
        """What was measured so far."""
        if self.plan.count:
            return self._lasted(self.last_ns) if self.complete else 0.0
        return max(0, self.complete - self.warmup_reports) * REPORT_S

    @property
    def last_ns(self) -> int:
        """When the last message was sent or received."""
        return max(self.start_ns, self._last_sent_ns, self._last_received_ns)

    def _lasted(self, last_ns: int) -> float:
        """With a fixed number of messages: until the last one."""
        if not self.plan.count:
            return self.seconds
        return max(0.0, (last_ns - self.start_ns) / 1e9 - self.plan.warmup_s)

    def figures(self) -> dict[str, dict[str, float]]:
        """Messages and bytes of bodies, and both per second."""
        sending, receiving = self._lasted(self._last_sent_ns), self._lasted(self._last_received_ns)
        size = self.plan.size
        return {
            "published": _figures(self.counts.sent, self.counts.sent * size, sending),
            "confirmed": _figures(self.counts.confirmed, self.counts.confirmed * size, sending),
            "received": _figures(self.counts.received, self.counts.received_bytes, receiving),
        }

    def latencies(self) -> dict[str, dict[str, float] | None]:
        """Milliseconds."""
        return {
            "publish_to_receive": _latency(self.delivery),
            "publish_to_confirm": _latency(self.confirmation),
        }

    @property
    def busiest(self) -> float:
        """Of the workers: the share of a core that the busiest had."""
        return max(self.cpu_ns.values(), default=0) / 1e9 / self.seconds if self.seconds else 0.0

    @property
    def waiting(self) -> float:
        """The share of the time in which publishers waited for the broker."""
        publishers = self.plan.publishers
        return min(1.0, self.waited_ns / 1e9 / (self.seconds * publishers)) if self.seconds and publishers else 0.0

    def warnings(self) -> list[str]:
        """What keeps the figures from being the broker's."""
        plan, said = self.plan, []
        if self.blocked is not None:
            said.append(f"the broker blocked publishers: {self.blocked or 'no reason given'}")
        if self.busiest > 0.9 and (plan.rate == 0 or self.late_ns > 1e8):
            said.append(
                f"the client was the limit: a process of it had {self.busiest:.0%} of a core; "
                "the broker may be faster (--processes)"
            )
        if self.machine is not None and self.machine > 0.95 and plan.rate == 0:
            said.append("all cores of this machine were busy; if the broker is here, both had less than they could use")
        if plan.rate and self.seconds and self.counts.sent < 0.98 * plan.rate * self.seconds and not plan.count:
            share = self.counts.sent / (plan.rate * self.seconds)
            said.append(f"only {share:.0%} of the rate was published; latency includes how late messages were")
        if self.counts.nacked:
            said.append(f"{self.counts.nacked:,} messages were refused by the broker (basic.nack)")
        if self.counts.returned:
            said.append(f"{self.counts.returned:,} messages came back: no queue takes them")
        if self.counts.foreign:
            said.append(
                f"{self.counts.foreign:,} messages were there before the start; they are counted, without latency"
            )
        left = self.all.sent - self.all.received
        if plan.consumers and plan.publishers and not plan.exchange and left > max(self.all.sent * 0.02, 1000):
            said.append(
                f"{left:,} messages were still in the queues at the end: consumers are slower than publishers, "
                "and latency is the time in the queue (--rate, --confirm)"
            )
        if plan.consumers and plan.publishers and not plan.stamped:
            said.append("bodies of less than 8 bytes cannot hold a time: no latency of deliveries")
        return said

    def json(self) -> dict[str, Any]:
        """For programs."""
        plan = self.plan
        return {
            "broker": {"address": plan.address.shown, **self.server},
            "plan": {
                name: getattr(plan, name)
                for name in (
                    "publishers",
                    "consumers",
                    "size",
                    "rate",
                    "count",
                    "confirm",
                    "persistent",
                    "auto_ack",
                    "prefetch",
                    "exchange",
                    "arguments",
                    "processes",
                )
            }
            | {"queues": len(plan.queues), "keys": len(plan.keys)},
            "warmup_seconds": self.warmup_reports * REPORT_S,
            "seconds": self.seconds,
            **{name: {key: round(value, 1) for key, value in each.items()} for name, each in self.figures().items()},
            "nacked": self.counts.nacked,
            "returned": self.counts.returned,
            "latency_ms": self.latencies(),
            "waiting_for_broker": round(self.waiting, 3),
            "busiest_client_process": round(self.busiest, 3),
            "machine": None if self.machine is None else round(self.machine, 3),
            "every_seconds": REPORT_S,
            "over_time": [[each.sent, each.confirmed, each.received] for each in self.moments[: self.complete]],
            "warnings": self.warnings(),
        }


def _figures(messages: int, size: int, seconds: float) -> dict[str, float]:
    per_second = 1 / seconds if seconds > 0 else 0.0
    return {
        "messages": messages,
        "per_second": messages * per_second,
        "bytes": size,
        "bytes_per_second": size * per_second,
    }


QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "p999": 0.999}


def _latency(histogram: Histogram) -> dict[str, float] | None:
    if not histogram.buckets:
        return None
    found = dict(zip(QUANTILES, histogram.quantiles(*QUANTILES.values()), strict=True))
    return {name: round(us / 1000, 3) for name, us in found.items()} | {"max": round(histogram.max_us / 1000, 3)}
