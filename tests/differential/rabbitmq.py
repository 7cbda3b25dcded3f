"""A RabbitMQ node of one's own: Debian's rabbitmq-server in a folder and on ports that nobody else uses."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

SERVER = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
CTL = Path("/usr/lib/rabbitmq/bin/rabbitmqctl")
START_S = 120
STOP_S = 60
PLUGINS = (
    "rabbitmq_consistent_hash_exchange",
    "rabbitmq_random_exchange",
    "rabbitmq_recent_history_exchange",
    "rabbitmq_jms_topic_exchange",
)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


class RabbitMQ:
    """Started when it is entered; stopped, with its port mapper, and its folder gone when it is left."""

    def __init__(self, *, management: bool = False) -> None:
        """With `management` it has the HTTP API, at `management_url`."""
        self.host = "127.0.0.1"
        self.port = _free_port()
        self._folder = Path(tempfile.mkdtemp(prefix="differential-"))
        self._mapper_port = _free_port()
        plugins = self._folder / "plugins"
        enabled = (*PLUGINS, "rabbitmq_management") if management else PLUGINS
        plugins.write_text(f"[{','.join(enabled)}].\n")
        management_port = _free_port()
        self.management_url = f"http://{self.host}:{management_port}/"
        config = self._folder / "rabbitmq.conf"
        config.write_text(
            f"listeners.tcp.default = {self.host}:{self.port}\ndisk_free_limit.absolute = 1MB\n"
            + "vm_memory_high_watermark.relative = 0.9\n"
            + (
                f"management.tcp.port = {management_port}\nmanagement.tcp.ip = {self.host}\n"
                "collect_statistics_interval = 1000\n"
                if management
                else ""
            )
        )
        self._node = f"differential{self.port}@localhost"
        self._environment = {name: value for name, value in os.environ.items() if not name.startswith("RABBITMQ_")} | {
            "HOME": str(self._folder),
            "ERL_EPMD_PORT": str(self._mapper_port),
            "ERL_EPMD_ADDRESS": self.host,
            "RABBITMQ_NODENAME": self._node,
            "RABBITMQ_DIST_PORT": str(_free_port()),
            "RABBITMQ_MNESIA_BASE": str(self._folder / "data"),
            "RABBITMQ_LOG_BASE": str(self._folder / "log"),
            "RABBITMQ_GENERATED_CONFIG_DIR": str(self._folder / "config"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(plugins),
            "RABBITMQ_CONFIG_FILE": str(config),
            "RABBITMQ_CONF_ENV_FILE": str(self._folder / "none"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none",
        }
        self._output = (self._folder / "output").open("wb")
        self._process = subprocess.Popen(
            [SERVER],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run its command line tool."""
        return subprocess.run(
            [CTL, "-n", self._node, *arguments],
            env=self._environment,
            capture_output=True,
            check=False,
            text=True,
            stdin=subprocess.DEVNULL,
        )

    def ctl(self, *arguments: str) -> str:
        """Run its command line tool, which has to succeed; what that says."""
        done = self.run("-q", *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @property
    def log(self) -> str:
        """What it said so far."""
        return (self._folder / "output").read_text(errors="replace")

    def ready(self) -> None:
        """Wait until it takes connections."""
        deadline = time.monotonic() + START_S
        while "completed with" not in self.log:
            assert self._process.poll() is None, self.log
            assert time.monotonic() < deadline, self.log
            time.sleep(0.1)

    def stop(self) -> None:
        """Stop the node and its port mapper, and remove what it wrote."""
        try:
            os.killpg(self._process.pid, signal.SIGTERM)
            self._process.wait(STOP_S)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._output.close()
        deadline = time.monotonic() + STOP_S
        while self._mapper_listens() and time.monotonic() < deadline:  # it refuses to go while a node is registered
            subprocess.run(["epmd", "-kill"], env=self._environment, capture_output=True, check=False)
            time.sleep(0.05)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _mapper_listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((self.host, self._mapper_port)) == 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()
