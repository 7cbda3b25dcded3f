"""The process and its machine: memory, files, disk."""

from __future__ import annotations

import os
import resource
from typing import TYPE_CHECKING, Any, Final

import psutil

from ..describe import NODE_NAME
from ..statistics import CHURN, CHURNED, NODE, View, churn

if TYPE_CHECKING:
    from .caller import Managed

FIGURES: Final = ("mem_used", "fd_used", "sockets_used", "proc_used", "disk_free")
"""What is sampled."""


class Machine:
    """Of one node."""

    def __init__(self, node: Managed) -> None:
        self._node = node
        self._process = psutil.Process()
        self._started_ms = int(self._process.create_time() * 1000)

    @property
    def started_s(self) -> float:
        """When the process began, in seconds of the wall clock."""
        return self._started_ms / 1000

    @property
    def file_limit(self) -> int:
        """Files that it may have open."""
        return resource.getrlimit(resource.RLIMIT_NOFILE)[0]

    def figures(self) -> dict[str, int]:
        """FIGURES as they are now."""
        connections = len(self._node.brain.connections)
        with self._process.oneshot():
            return {
                "mem_used": self._process.memory_info().rss,
                "fd_used": self._process.num_fds(),
                "sockets_used": connections,
                "proc_used": self._process.num_threads(),
                "disk_free": self._node.disk_free() or 0,
            }

    def describe(self, view: View) -> dict[str, Any]:
        """As `/api/nodes` shows it: with the figures of the last sample, and their rates."""
        node, alarms = self._node, self._node.brain.alarms
        limit = self.file_limit
        sampled = view.statistics.of(NODE).newest or tuple(self.figures().values())
        return {
            "name": NODE_NAME,
            "type": "disc",
            "running": True,
            "being_drained": False,
            "os_pid": str(os.getpid()),
            "uptime": node.clock.wall_ms() - self._started_ms,
            "processors": os.cpu_count() or 1,
            "run_queue": 0,
            "fd_total": limit,
            "sockets_total": limit,
            "proc_total": limit,
            "mem_limit": alarms.memory_limit or 0,
            "mem_alarm": alarms.memory,
            "mem_calculation_strategy": "rss",
            "payload_bytes": node.brain.pool.allocated,
            "disk_free_limit": alarms.disk_free_limit or 0,
            "disk_free_alarm": alarms.disk,
            "db_dir": node.data_dir,
            "config_files": [*node.config_files],
            "log_files": [node.log_file],
            "net_ticktime": 60,
            "partitions": [],
            "rates_mode": "basic",
            "applications": [],
            "enabled_plugins": ["rabbitmq_management"],
            "auth_mechanisms": [{"name": name, "description": "", "enabled": True} for name in node.mechanisms],
            "exchange_types": exchange_types(),
            "contexts": [],
            "cluster_links": [],
            **view.data_of(NODE, FIGURES, sampled),
            **view.data_of(CHURNED, CHURN, churn(node.brain.churn)),
        }


def exchange_types() -> list[dict[str, Any]]:
    """What exchanges can be."""
    from ...broker.exchange import EXCHANGE_TYPES

    return [
        {"name": name, "description": (kind.__doc__ or "").strip().splitlines()[0], "enabled": True}
        for name, kind in EXCHANGE_TYPES.items()
    ]
