"""A process of a load test: its publishers and consumers on one loop, and a report every fifth of a second."""

from __future__ import annotations

import select
import selectors
import signal
import time
from dataclasses import dataclass, field, fields
from multiprocessing.connection import Connection as Pipe
from typing import Final, Literal

from .connection import Connection
from .consumer import Consumer
from .histogram import Buckets, Histogram
from .plan import BenchError, Plan, Share
from .publisher import Publisher

REPORT_S: Final = 0.2
_REPORT_NS: Final = int(REPORT_S * 1e9)
_ENDLESS: Final = 1 << 62


@dataclass(slots=True)
class Counts:
    """Messages, and bytes of bodies."""

    sent: int = 0
    confirmed: int = 0
    nacked: int = 0
    returned: int = 0
    received: int = 0
    received_bytes: int = 0
    foreign: int = 0

    def add(self, other: Counts) -> None:
        """More of them."""
        for name in COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))


COUNTS: Final = tuple(each.name for each in fields(Counts))


@dataclass(slots=True)
class Report:
    """What happened since the one before. `number` 0 ends REPORT_S after the start, and so on."""

    number: int
    counts: Counts = field(default_factory=Counts)
    delivery: tuple[Buckets, int] = field(default_factory=lambda: ({}, 0))
    """Microseconds from publishing to receiving, and the longest."""
    confirmation: tuple[Buckets, int] = field(default_factory=lambda: ({}, 0))
    last_sent_ns: int = 0
    last_received_ns: int = 0
    waited_ns: int = 0
    """Of all publishers together."""
    late_ns: int = 0
    cpu_ns: int = 0
    finished: bool = True
    """Whether all publishers have published what they had to."""
    blocked: str | None = None


Message = (
    tuple[Literal["ready"], dict[str, str]]
    | tuple[Literal["report"], Report]
    | tuple[Literal["failed"], str, int]
    | tuple[Literal["done"]]
)


def work(plan: Plan, share: Share, pipe: Pipe) -> None:
    """Connect, say so, and work from the time that is told then until the plan's end, or until told to end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who started us decides
    worker: Worker | None = None
    try:
        worker = Worker(plan, share)
        pipe.send(("ready", worker.server))
        start_ns = pipe.recv()
        if start_ns:
            worker.run(pipe, start_ns)
        pipe.send(("done",))
    except BenchError as error:
        pipe.send(("failed", error.text, error.code))
    except (EOFError, BrokenPipeError):
        pass  # who started us is gone
    finally:
        if worker is not None:
            worker.close()
        pipe.close()


class Worker:
    """The connections of one process."""

    def __init__(self, plan: Plan, share: Share) -> None:
        self._plan = plan
        self._selector = selectors.DefaultSelector()
        self.consumers = [Consumer(plan, number) for number in share.consumers]
        self.publishers = [Publisher(plan, number) for number in share.publishers]
        self._all: list[Connection] = [*self.consumers, *self.publishers]
        self.server = self._all[0].server
        self._before = Counts()
        self._cpu_ns = time.process_time_ns()

    def run(self, pipe: Pipe, start_ns: int) -> None:
        """Until the end. Raises BenchError."""
        plan = self._plan
        clock, selector, publishers = time.monotonic_ns, self._selector, self.publishers
        waits = isinstance(selector, selectors.EpollSelector)
        for each in self._all:
            each.go(selector)
        for consumer in self.consumers:
            consumer.begin(start_ns)
        for publisher in publishers:
            publisher.begin(start_ns)
        end = _ENDLESS if plan.count else round((plan.warmup_s + plan.time_s) / REPORT_S)
        number, report_ns = 0, start_ns + _REPORT_NS
        while True:
            now_ns = clock()
            if now_ns >= report_ns:
                pipe.send(("report", self._report(number, now_ns)))
                number += 1
                report_ns += _REPORT_NS
                if number >= end or pipe.poll():
                    return
            next_ns = report_ns if now_ns >= start_ns else start_ns
            if now_ns >= start_ns:
                for publisher in publishers:
                    if (then_ns := publisher.publish(now_ns)) < next_ns:
                        next_ns = then_ns
            wait_ns = next_ns - clock()
            if wait_ns > 0 and waits:  # its own waiting is no finer than a millisecond
                select.select([selector.fileno()], [], [], wait_ns / 1e9)
                wait_ns = 0
            for key, events in selector.select(max(0, wait_ns) / 1e9):
                key.data.ready(events)

    def _report(self, number: int, now_ns: int) -> Report:
        publishers, consumers, before = self.publishers, self.consumers, self._before
        total = Counts(
            sent=sum(each.sent for each in publishers),
            confirmed=sum(each.confirmed for each in publishers),
            nacked=sum(each.nacked for each in publishers),
            returned=sum(each.returned for each in publishers),
            received=sum(each.received for each in consumers),
            received_bytes=sum(each.received_bytes for each in consumers),
            foreign=sum(each.foreign for each in consumers),
        )
        self._before = total
        cpu_ns = time.process_time_ns()
        report = Report(
            number,
            counts=Counts(*(getattr(total, name) - getattr(before, name) for name in COUNTS)),
            last_sent_ns=max((each.last_ns for each in publishers), default=0),
            last_received_ns=max((each.last_ns for each in consumers), default=0),
            waited_ns=sum(each.waited_ns(now_ns) for each in publishers),
            late_ns=max((each.late_ns for each in publishers), default=0),
            cpu_ns=cpu_ns - self._cpu_ns,
            finished=all(each.finished for each in publishers),
            blocked=next((each.blocked for each in self._all if each.blocked is not None), None),
        )
        self._cpu_ns = cpu_ns
        report.delivery = _taken([each.latency for each in consumers])
        report.confirmation = _taken([each.latency for each in publishers])
        return report

    def close(self) -> None:
        """All connections."""
        for each in self._all:
            each.close()


def _taken(histograms: list[Histogram]) -> tuple[Buckets, int]:
    total = Histogram()
    for each in histograms:
        total.merge(*each.take())
    return total.take()
