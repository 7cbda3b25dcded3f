"""The Compose example: that its parts fit each other, the image and the broker. Its schema is linted by `make lint`."""

from __future__ import annotations

import re
import shlex
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from ..process import PATIENCE_S, BrokerProcess
from .support import ROOT, Dockerfile

FOLDER = ROOT / "packaging/compose"


def load(name: str) -> Any:
    return YAML(typ="safe").load(FOLDER / name)


COMPOSE = load("compose.yaml")
BROKER = COMPOSE["services"]["leveret"]


def test_the_broker_is_as_its_image_has_it(dockerfile: Dockerfile) -> None:
    assert (FOLDER / BROKER["build"]).resolve() == ROOT
    (volume,) = BROKER["volumes"]
    name, _, target = volume.partition(":")
    assert name in COMPOSE["volumes"]
    assert [target] == dockerfile.words("VOLUME")
    assert BROKER["healthcheck"]["test"] == ["CMD", *dockerfile.words("HEALTHCHECK")]
    inner = {port.rpartition(":")[2] for port in BROKER["ports"]}
    assert inner <= {*dockerfile.one("EXPOSE").split()}
    assert BROKER["ulimits"]["nofile"] >= 65_536


def test_what_is_mounted_is_there() -> None:
    for service in COMPOSE["services"].values():
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            assert (FOLDER / source).is_file() if source.startswith("./") else source in COMPOSE["volumes"]


def test_variables_are_explained() -> None:
    used = {*re.findall(r"\$\{(\w+)", (FOLDER / "compose.yaml").read_text())}
    lines = (FOLDER / ".env.example").read_text().splitlines()
    assert used == {shlex.split(line, comments=True)[0].split("=")[0] for line in lines if line and line[0] != "#"}


def test_only_who_asks_for_it_gets_the_monitoring() -> None:
    assert {name for name, service in COMPOSE["services"].items() if "profiles" not in service} == {"leveret"}
    assert all(
        re.search(r":v?\d+\.\d+\.\d+$", COMPOSE["services"][name]["image"]) for name in ("prometheus", "grafana")
    )


def test_prometheus_finds_what_it_asks_for(tmp_path: Path) -> None:
    jobs = load("prometheus.yml")["scrape_configs"]
    env = {"LEVERET_MANAGEMENT": "on", "LEVERET_MANAGEMENT_PORT": "0"}
    with BrokerProcess("--port", "0", "--ephemeral", env=env) as broker:
        metrics = broker.expect(r"metrics: (http://\S+)/metrics$")[1]
        answers = {}
        for job in jobs:
            assert job["static_configs"] == [{"targets": ["leveret:15692"]}]
            asked = urllib.parse.urlencode(job.get("params", {}), doseq=True)
            url = f"{metrics}{job.get('metrics_path', '/metrics')}?{asked}"
            with urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:
                answers[job["job_name"]] = answer.read().decode()
        assert broker.stop() == 0
    assert re.search(r"^rabbitmq_queue_messages ", answers["leveret"], re.MULTILINE)
    assert "# TYPE rabbitmq_detailed_queue_messages_ready gauge" in answers["leveret-queues"]
    assert "# TYPE rabbitmq_detailed_queue_consumers gauge" in answers["leveret-queues"]


def test_grafana_asks_prometheus() -> None:
    (source,) = load("grafana.yaml")["datasources"]
    assert source["url"] == "http://prometheus:9090"
