"""Runs a plan: starts the workers, hears their reports, ends them, and leaves the broker as it was."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from multiprocessing import connection
from typing import Any, Final

import psutil

from .connection import UNAVAILABLE
from .plan import BenchError
from .tally import Tally
from .topology import Topology
from .worker import work

_HEAD_START_NS: Final = 50_000_000
_IDLE_NS: Final = 2_000_000_000
"""With a fixed number of messages: how long after the last one to give the others up."""
_PATIENCE_S: Final = 5.0
"""For a worker's end."""
_LOOK_S: Final = 0.25


class Coordinator:
    """One load test."""

    def __init__(self, topology: Topology, progress: Callable[[Tally], None]) -> None:
        self._topology = topology
        self._plan = topology.plan
        self._progress = progress
        self.tally = Tally(topology.plan)
        self.interrupted = False
        self._pipes: list[connection.Connection] = []
        self._running: set[int] = set()
        self._told = False

    def run(self) -> Tally:
        """To the end, or until Ctrl-C. Raises BenchError."""
        self._topology.make()
        processes: list[Any] = []
        try:
            context = multiprocessing.get_context("spawn")
            for share in self._plan.shares():
                ours, theirs = context.Pipe()
                process = context.Process(target=work, args=(self._plan, share, theirs), daemon=True)
                process.start()
                theirs.close()
                processes.append(process)
                self._pipes.append(ours)
            self._run()
        except KeyboardInterrupt:
            self.interrupted = True
        finally:
            for process in processes:
                process.join(_PATIENCE_S if not self._running else 0.1)
                if process.is_alive():
                    process.kill()
                    process.join()
            for pipe in self._pipes:
                pipe.close()
            self._topology.remove()
        return self.tally

    def _run(self) -> None:
        self._running = {*range(len(self._pipes))}
        waiting = len(self._pipes)
        while waiting:
            for _, message in self._messages(None):
                if message[0] == "ready":
                    self.tally.server = message[1]
                    waiting -= 1
        self.tally.start_ns = time.monotonic_ns() + _HEAD_START_NS
        for pipe in self._pipes:
            pipe.send(self.tally.start_ns)
        try:
            self._watch()
        except KeyboardInterrupt:
            self.interrupted = True
            self._tell()
            self._watch()

    def _watch(self) -> None:
        """Until all workers are done."""
        tally, measuring = self.tally, False
        while self._running:
            for number, message in self._messages(_LOOK_S):
                if message[0] == "report":
                    tally.add(number, message[1])
                elif message[0] == "done":
                    self._running.discard(number)
            if not measuring and tally.complete >= tally.warmup_reports:
                measuring = True
                psutil.cpu_percent()
            self._progress(tally)
            if self._plan.count and self._enough():
                self._tell()
        if tally.seconds:
            tally.machine = psutil.cpu_percent() / 100

    def _messages(self, patience_s: float | None) -> list[tuple[int, Any]]:
        """What workers say. Raises BenchError when one failed."""
        found = []
        pipes = [self._pipes[number] for number in sorted(self._running)]
        for pipe in connection.wait(pipes, patience_s):
            assert isinstance(pipe, connection.Connection)
            number = self._pipes.index(pipe)
            try:
                message = pipe.recv()
            except (EOFError, ConnectionResetError):
                raise BenchError("a process of the load test died", UNAVAILABLE) from None
            if message[0] == "failed":
                self._running.discard(number)
                raise BenchError(message[1], message[2])
            found.append((number, message))
        return found

    def _enough(self) -> bool:
        """Whether all of a fixed number of messages were published and received, or no more come."""
        tally, plan = self.tally, self._plan
        if len(tally.finished) < len(self._pipes):
            return False
        if not plan.consumers or (not plan.exchange and tally.all.received >= plan.count):
            return True
        return time.monotonic_ns() - tally.last_ns > _IDLE_NS

    def _tell(self) -> None:
        """The workers to end."""
        if not self._told:
            self._told = True
            for number in self._running:
                self._pipes[number].send(0)
