"""A broker as a process: logging, signals, and what is said at start and end."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import resource
import signal
import sys
from pathlib import Path
from time import perf_counter_ns
from typing import TYPE_CHECKING, Final

from . import __version__, config, logs, wire
from .broker.alarms import size_text
from .listeners import listeners_of
from .managing import Management
from .node import Node
from .supervisor import Supervisor

if TYPE_CHECKING:
    from .config import Options

_PAGES: Final = Path(__file__).parent / "management" / "ui" / "index.html"

logger = logging.getLogger("leveret")


def run(loaded: config.Loaded, started_ns: int) -> int:
    """Run a broker in the foreground until SIGTERM or SIGINT; the exit code. `started_ns`: when the program began.

    Raises ConfigError for what an operator can mend.
    """
    logs.set_up(loaded.options)
    for warning in loaded.warnings:
        logger.warning("%s", warning)
    _raise_file_limit()
    asyncio.run(_serve(loaded.options, started_ns))
    return 0


async def _serve(options: Options, started_ns: int) -> None:
    logger.info("Leveret %s on Python %s", __version__, sys.version.split()[0])
    if wire.IMPLEMENTATION == "kernel":
        logger.info("kernel: native, %s", wire.VERSION)
    else:
        logger.warning("kernel: twin in pure Python, many times slower than the native one, which is not built here")
    directory = None if options.ephemeral else config.data_directory(options)
    loop = asyncio.get_running_loop()
    node = Node(loop, options, directory)
    limit, total = size_text(node.budget.memory_limit), size_text(node.budget.memory_total)
    logger.info("memory high watermark: %s of %s", limit, total)
    if directory is not None:
        logger.info("disk free limit: %s", size_text(node.budget.disk_free_limit))
    listeners = listeners_of(options)
    management = Management(node, options, directory) if options.management else None
    node.recover()
    served = node.serve(listeners)
    for one, address in served:
        logger.info("listening for AMQP%s on %s", "" if one.tls is None else " over TLS", address)
    if directory is None:
        logger.info("data directory: none (ephemeral)")
    else:
        logger.info("data directory: %s", directory.absolute())
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _stop_on_signal, number, stopping)
    supervisor = Supervisor(os.environ)
    status = "serving AMQP on " + " ".join(str(address) for _, address in served)
    loop.add_signal_handler(signal.SIGHUP, _reload, node, supervisor, status)
    logger.info("ready in %d ms", (perf_counter_ns() - started_ns) // 1_000_000)
    _relax_garbage_collection()
    if management is not None:
        management.also(served)
        await management.start()
        logger.info("management: %s", " ".join(management.urls))
        if management.metrics_urls:
            logger.info("metrics: %s", " ".join(management.metrics_urls))
        _relax_garbage_collection()
        if not _PAGES.exists():
            logger.warning("web pages: none, they are not built here (make ui)")
    supervisor.ready(status)
    supervisor.watch(loop)
    await stopping.wait()
    supervisor.stopping()
    if management is not None:
        await management.stop()
    await node.stop()
    turns = node.turn.lengths
    logger.debug("turns: %d, p99 %d us, longest %d us", turns.count, turns.quantile_us(0.99), turns.max_us)
    supervisor.close()
    logger.info("stopped")


def _reload(node: Node, supervisor: Supervisor, status: str) -> None:
    supervisor.reloading()
    node.certificates.reload()
    supervisor.ready(status)


def _stop_on_signal(number: int, stopping: asyncio.Event) -> None:
    if stopping.is_set():
        logger.warning("got %s again: dropping all connections", signal.Signals(number).name)
        os._exit(1)
    logger.info("got %s: closing all connections", signal.Signals(number).name)
    stopping.set()


def _raise_file_limit() -> None:
    """As many connections as the system grants: the usual soft limit, 1024, is for programs that use select(2)."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _relax_garbage_collection() -> None:
    """Reference counts free what messages and connections leave behind: the cycle collector only costs pauses.

    What is loaded now stays for ever and is not looked at again; of the rest a young generation is looked at rarely.
    """
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)
