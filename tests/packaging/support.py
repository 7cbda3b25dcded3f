"""What the Dockerfile says, and processes as its container would run them."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, Self

from ..process import PATIENCE_S

ROOT = Path(__file__).parent.parent.parent


def unlike_ours() -> dict[str, str]:
    """Our environment without what would find the sources under test, or options of a broker."""
    dropped = ("LEVERET_", "RABBITMQ_", "PYTHON")
    return {name: value for name, value in os.environ.items() if not name.startswith(dropped)}


class Dockerfile:
    """The instructions of its last stage, by name, as far as tests want to know."""

    def __init__(self, file: Path) -> None:
        lines = re.sub(r"\\\n\s*", "", re.sub(r"^\s*#.*\n", "", file.read_text(), flags=re.MULTILINE)).splitlines()
        self.instructions = [tuple(line.split(None, 1)) for line in lines if line.strip()]
        stages = [at for at, (name, _) in enumerate(self.instructions) if name == "FROM"]
        self.last = self.instructions[stages[-1] :]
        self.bases = [rest.split() for name, rest in self.instructions if name == "FROM"]

    def all(self, name: str) -> list[str]:
        """What is said with that instruction."""
        return [rest for found, rest in self.last if found == name]

    def one(self, name: str) -> str:
        """What is said with an instruction that is there once."""
        (said,) = self.all(name)
        return said

    def words(self, name: str) -> list[str]:
        """Of an instruction in exec form, with or without options before it."""
        said = self.one(name)
        return [str(word) for word in json.loads(said[said.index("[") :])]

    def environment(self, root: Path, outer: dict[str, str]) -> dict[str, str]:
        """ENV, over another environment, with the container's folders below `root`."""
        found = dict(outer)
        for said in self.all("ENV"):
            for pair in shlex.split(said):
                name, _, value = pair.partition("=")
                value = re.sub(r"(?<![\w/])/(?=opt|etc|var|usr)", f"{root}/", value)
                found[name] = value.replace("$PATH", f"{root}/usr/local/bin:{found.get('PATH', os.defpath)}")
        return found


def free_port() -> int:
    """A port that nobody has."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class Process:
    """The container's first process; its lines on stdout are in `lines`."""

    def __init__(self, popen: subprocess.Popen[str], complaints: IO[str]) -> None:
        self._popen = popen
        self._complaints = complaints
        self._patience = threading.Timer(PATIENCE_S, popen.kill)
        self._patience.start()
        self.lines: list[str] = []

    def expect(self, pattern: str) -> None:
        """Read up to a line in which it is found."""
        assert self._popen.stdout is not None
        for line in self._popen.stdout:
            self.lines.append(line.rstrip("\n"))
            if re.search(pattern, line):
                return
        raise AssertionError(f"no line like {pattern!r}:\n" + "\n".join([*self.lines, self.complaints()]))

    def signal(self, number: signal.Signals) -> None:
        self._popen.send_signal(number)

    def wait(self) -> int:
        """Its exit code; the rest of its lines are there then."""
        assert self._popen.stdout is not None
        self.lines += self._popen.stdout.read().splitlines()
        return self._popen.wait()

    def complaints(self) -> str:
        """What came on stderr."""
        self._complaints.seek(0)
        return self._complaints.read()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._patience.cancel()
        self._popen.kill()
        self._popen.wait()
        assert self._popen.stdout is not None
        self._popen.stdout.close()
        self._complaints.close()


def can_be_read(program: Path) -> bool:
    """Whether other users can run it, wherever it really is: a Python below /root is root's alone."""
    real = program.resolve()
    return all(folder.stat().st_mode & 0o001 for folder in (real, *real.parents))


class Container:
    """Runs what a container would run, with its environment and as its user, on ports that are free."""

    def __init__(self, root: Path, dockerfile: Dockerfile) -> None:
        self.root = root
        self.data = root / "var/lib/leveret"
        shutil.rmtree(self.data, ignore_errors=True)
        self.data.mkdir(parents=True)
        self.port, self.management_port = free_port(), free_port()
        self._environment = dockerfile.environment(root, unlike_ours()) | {
            "LEVERET_PORT": str(self.port),
            "LEVERET_MANAGEMENT_PORT": str(self.management_port),
            "LEVERET_METRICS_PORT": "0",
        }
        self._who: dict[str, Any] = {}
        if os.getuid() == 0 and can_be_read(root / "opt/leveret/bin/python"):
            user, _, group = dockerfile.one("USER").partition(":")
            self._who = {"user": int(user), "group": int(group), "extra_groups": []}
            os.chown(self.data, int(user), int(group))
        self.as_user = bool(self._who)
        self._entrypoint = dockerfile.words("ENTRYPOINT")
        self._command = dockerfile.words("CMD")

    def run(self, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """As `docker exec` would, or `docker run` with another entrypoint."""
        return subprocess.run(
            self._located(command),
            env=self._environment | environment,
            cwd=self.data,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            **self._who,
        )

    def start(self, *arguments: str, **environment: str) -> Process:
        """As `docker run` would: the entrypoint, with the command of the image or other arguments."""
        complaints = tempfile.TemporaryFile("w+")  # noqa: SIM115 (the process closes it)
        return Process(
            subprocess.Popen(
                self._located([*self._entrypoint, *(arguments or self._command)]),
                env=self._environment | environment,
                cwd=self.data,
                stdout=subprocess.PIPE,
                stderr=complaints,
                text=True,
                **self._who,
            ),
            complaints,
        )

    def _located(self, command: Sequence[str]) -> list[str]:
        found = shutil.which(command[0], path=self._environment["PATH"])
        return [found or command[0], *command[1:]]
