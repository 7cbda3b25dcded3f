"""What the image would run, run by what it is made of: the wheel, the lock file, its scripts, as its user.

A container is more than that (layers, base images), but what is ours of it is here.
"""

from __future__ import annotations

import json
import re
import signal
import tarfile
import urllib.request
from pathlib import Path

import pika
import pytest

from ..process import PATIENCE_S
from .conftest import Dist
from .support import ROOT, Container, Dockerfile

UID = 5672


@pytest.fixture
def container(root: Path, dockerfile: Dockerfile, tmp_path: Path) -> Container:
    return Container(root, dockerfile)


def connect(container: Container, user: str, password: str) -> None:
    credentials = pika.PlainCredentials(user, password)
    pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", container.port, credentials=credentials)).close()


def test_a_life(container: Container, dockerfile: Dockerfile) -> None:
    check = dockerfile.words("HEALTHCHECK")
    assert container.run(*check).returncode == 1, "nothing runs yet"
    with container.start() as process:
        process.expect(r"management: http://0\.0\.0\.0:\d+/")
        assert container.run(*check).returncode == 0
        connect(container, "guest", "guest")
        url = f"http://127.0.0.1:{container.management_port}"
        done = container.run("leveretctl", "-q", "list_vhosts", LEVERET_URL=url)
        assert done.stdout.splitlines() == ["name", "/"], done.stderr
        with urllib.request.urlopen(url, timeout=PATIENCE_S) as page:
            assert b"<title>Leveret" in page.read()
        process.signal(signal.Signals[dockerfile.one("STOPSIGNAL")])
        assert process.wait() == 0
        assert process.lines[-1].endswith("stopped")
        assert f"data directory: {container.root}/var/lib/leveret" in "\n".join(process.lines)
        assert process.complaints() == "", "the log goes to stdout"
    assert container.run(*check).returncode == 1
    log = container.data / "log"
    assert [*log.iterdir()]
    if container.as_user:
        assert {file.stat().st_uid for file in container.data.rglob("*")} == {UID}


def test_health_without_management(container: Container, dockerfile: Dockerfile) -> None:
    with container.start(LEVERET_MANAGEMENT="off", LEVERET_METRICS="off") as process:
        process.expect(r"ready in")
        assert container.run(*dockerfile.words("HEALTHCHECK")).returncode == 0
        process.signal(signal.SIGSTOP)
        assert container.run("leveret", "ping", "--timeout", "0.3").returncode == 1, "it hangs"
        process.signal(signal.SIGCONT)
        process.signal(signal.SIGTERM)
        assert process.wait() == 0


def test_the_first_user_of_rabbitmqs_image(container: Container) -> None:
    with container.start(RABBITMQ_DEFAULT_USER="ann", RABBITMQ_DEFAULT_PASS="secret-of-ann") as process:
        process.expect(r"ready in")
        connect(container, "ann", "secret-of-ann")
        with pytest.raises(pika.exceptions.AMQPConnectionError):
            connect(container, "guest", "guest")
        process.signal(signal.SIGTERM)
        assert process.wait() == 0


def test_configuration(container: Container) -> None:
    """Clients come from other machines; what is mounted goes before our files, variables before all."""

    def shown(**environment: str) -> dict[str, str]:
        done = container.run("leveret", "config", "show", "--json", **environment)
        assert done.returncode == 0, done.stderr
        return {name: found["value"] for name, found in json.loads(done.stdout).items()}

    assert shown()["host"] == "0.0.0.0"
    assert shown()["data-dir"] == str(container.data)
    assert "guest" not in shown()["loopback-users"]
    mounted = container.root / "etc/leveret/conf.d/20-own.conf"
    mounted.write_text("loopback_users.guest = true\nheartbeat = 17\n")
    try:
        assert (shown()["loopback-users"], shown()["heartbeat"]) == ("guest", "17")
        assert shown(LEVERET_HEARTBEAT="18")["heartbeat"] == "18"
    finally:
        mounted.unlink()


def test_what_comes_after_the_name_of_the_image(container: Container) -> None:
    done = container.run("leveret-entrypoint", "--port", "x")
    assert (done.returncode, done.stderr) == (2, "")
    assert done.stdout == "leveret: port must be a number from 0 to 65535, not 'x' (from --port)\n"
    done = container.run("leveret-entrypoint", "leveret", "version")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("leveret ")
    assert container.run("leveret-entrypoint", "serve", "--prot", "1").returncode == 2
    assert container.run("leveret-entrypoint", "no-such-command").returncode in (126, 127)


def test_an_installation_without_pages_says_so(container: Container) -> None:
    (pages,) = container.root.glob("opt/leveret/lib/python*/site-packages/leveret/management/ui")
    aside = pages.rename(container.root / "aside")
    try:
        with container.start() as process:
            process.expect(r"\[WARNING\] web pages: none, they are not built here")
            process.signal(signal.SIGTERM)
            assert process.wait() == 0
    finally:
        aside.rename(pages)


def test_nothing_is_installed_that_is_not_needed(container: Container) -> None:
    folders = [folder.name for folder in container.root.glob("opt/leveret/lib/python*/site-packages/*")]
    assert "leveret" in folders
    assert not {"pip", "setuptools", "setuptools_rust", "pytest", "mypy"} & {*folders}
    wanted = (ROOT / "requirements/install.lock").read_text()
    for folder in folders:
        if folder.endswith(".dist-info") and not folder.startswith("leveret-"):
            name, _, version = folder.removesuffix(".dist-info").partition("-")
            pin = rf"^{name.replace('_', '[-_.]')}=={re.escape(version)}\b"
            assert re.search(pin, wanted, re.MULTILINE | re.IGNORECASE), folder


def test_what_the_dockerfile_promises(dockerfile: Dockerfile) -> None:
    assert dockerfile.one("USER") == f"{UID}:{UID}"
    assert f"--uid {UID}" in " ".join(dockerfile.all("RUN"))
    assert {*dockerfile.one("EXPOSE").split()} == {"5672", "5671", "15672", "15692"}
    assert dockerfile.words("VOLUME") == ["/var/lib/leveret"]
    assert "LEVERET_DATA_DIR=/var/lib/leveret" in " ".join(dockerfile.all("ENV"))
    assert dockerfile.words("ENTRYPOINT") + dockerfile.words("CMD") == ["leveret-entrypoint", "serve"]
    stages = {words[2] for words in dockerfile.bases if len(words) == 3}
    for image, *_ in dockerfile.bases:
        assert image in stages or re.search(r":\d+\.\d+\.\d+-slim-\w+$|:\d+\.\d+\.\d+-\w+-slim$", image), image


class TestDockerignore:
    @pytest.fixture(scope="class")
    @classmethod
    def patterns(cls) -> list[tuple[bool, re.Pattern[str]]]:
        """Whether it takes files in again, and which."""
        found = []
        for line in (ROOT / ".dockerignore").read_text().splitlines():
            if line and not line.startswith("#"):
                path = re.escape(line.removeprefix("!")).replace(r"\*\*/", "(.*/)?").replace(r"\*", "[^/]*")
                found.append((line.startswith("!"), re.compile(f"{path}(/.*)?")))
        return found

    @staticmethod
    def is_sent(patterns: list[tuple[bool, re.Pattern[str]]], path: str) -> bool:
        sent = True
        for again, pattern in patterns:
            if pattern.fullmatch(path):
                sent = again
        return sent

    def test_all_that_is_copied_or_built_from_is_sent(
        self, patterns: list[tuple[bool, re.Pattern[str]]], dockerfile: Dockerfile, dist: Dist
    ) -> None:
        with tarfile.open(dist.sdist) as archive:
            files = [one.name.partition("/")[2] for one in archive.getmembers() if one.isfile()]
        needed = [one for one in files if one != "PKG-INFO" and ".egg-info/" not in one and "management/ui/" not in one]
        needed += ["scripts/build_dist.py", "packaging/docker/install.sh"]
        for name, said in dockerfile.instructions:
            if name == "COPY" and "--from" not in said:
                needed += [source.rstrip("/") for source in said.split()[:-1] if source != "."]
        for path in needed:
            assert (ROOT / path).exists(), path
            if (ROOT / path).is_file():
                assert self.is_sent(patterns, path), path

    @pytest.mark.parametrize(
        "path",
        [
            ".git/config",
            ".venv/bin/python",
            "tests/test_app.py",
            "kernel/target/release/x.so",
            "ui/node_modules/x/index.js",
            "src/leveret/_kernel.abi3.so",
            "src/leveret/management/ui/index.html",
            "src/leveret/__pycache__/x.pyc",
            "packaging/compose/.env",
        ],
    )
    def test_what_stays(self, patterns: list[tuple[bool, re.Pattern[str]]], path: str) -> None:
        assert not self.is_sent(patterns, path)
