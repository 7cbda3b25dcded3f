"""kill -9 while the management interface changes something: what it answered is kept, and no message is lost."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from random import Random
from threading import Thread
from typing import Any

import httpx
import pytest

from ..process import BrokerProcess

FILES = [f"file-{number}" for number in range(20)]
QUEUES_PER_FILE = 30
MESSAGES = "leveret/queues/%2F/{}/messages"


class Model:
    """What was asked for, and what was answered."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.paused = {False}
        """What it may be: one, unless nobody knows whether the last change was made."""
        self.sent = 0
        self.confirmed: set[int] = set()
        self.imported: set[str] = set()

    def check(self, api: httpx.Client) -> None:
        """The broker has what it promised."""
        assert ask(api, "GET", "queues/%2F/a")["paused"] in self.paused
        found: Counter[int] = Counter()
        for name in ("a", "b"):
            total, offset = 1, 0
            while offset < total:
                page = ask(api, "GET", MESSAGES.format(name) + f"?count=500&offset={offset}")
                found.update(int(one["payload"]) for one in page["messages"])
                total, offset = page["total"], offset + len(page["messages"])
        assert self.confirmed <= {*found}
        assert {one for one, times in found.items() if times > 1} == set()
        names = [one["name"] for one in ask(api, "GET", "queues?columns=name")]
        files = Counter(name.partition("/")[0] for name in names if "/" in name)
        assert {*files.values()} <= {QUEUES_PER_FILE}  # all of a file or nothing
        assert self.imported <= {*files}

    def work(self, api: httpx.Client) -> None:
        """Until the broker is gone."""
        try:
            while True:
                self.random.choice([self.pause, self.publish, self.publish, self.move, self.move, self.import_])(api)
        except httpx.HTTPError:
            pass

    def pause(self, api: httpx.Client) -> None:
        paused = not next(iter(self.paused))
        self.paused = {True, False}
        ask(api, "POST", f"leveret/queues/%2F/a/{'pause' if paused else 'resume'}")
        self.paused = {paused}

    def publish(self, api: httpx.Client) -> None:
        number, self.sent = self.sent, self.sent + 1
        said = {
            "properties": {"delivery_mode": 2},
            "routing_key": self.random.choice("ab"),
            "payload": str(number),
            "payload_encoding": "string",
        }
        assert ask(api, "POST", "exchanges/%2F/amq.default/publish", said) == {"routed": True}
        self.confirmed.add(number)

    def move(self, api: httpx.Client) -> None:
        source, target = self.random.sample("ab", 2)
        said = {"action": "move", "all": True, "destination": {"exchange": "", "routing_key": target}}
        ask(api, "POST", MESSAGES.format(source) + "/actions", said)

    def import_(self, api: httpx.Client) -> None:
        name = self.random.choice(FILES)
        queues = [{"name": f"{name}/{number}", "vhost": "/", "durable": True} for number in range(QUEUES_PER_FILE)]
        ask(api, "POST", "definitions", {"queues": queues})
        self.imported.add(name)


def ask(api: httpx.Client, method: str, path: str, said: Any = None) -> Any:
    response = api.request(method, path, json=said)
    assert response.is_success, response.text
    return response.json() if response.content else None


def run(directory: Path, cycles: int, seed: int) -> Model:
    model = Model(seed)
    for cycle in range(cycles):
        arguments = ("--port", "0", "--data-dir", str(directory), "--management-port", "0")
        with BrokerProcess(*arguments, env={"LEVERET_MANAGEMENT": "true", "LEVERET_METRICS": "false"}) as broker:
            url = broker.expect(r"management: (\S+)")[1]
            with httpx.Client(base_url=f"{url}api/", auth=("guest", "guest"), timeout=60) as api:
                if cycle == 0:
                    for name in "ab":
                        ask(api, "PUT", f"queues/%2F/{name}", {"durable": True})
                model.check(api)
                worker = Thread(target=model.work, args=(api,))
                worker.start()
                worker.join(model.random.uniform(0.1, 1.0))
                broker.kill()
                worker.join()
    return model


@pytest.mark.timeout(300)
def test_what_was_answered_survives_6_kills(disk_path: Path) -> None:
    model = run(disk_path / "data", cycles=6, seed=3)
    assert len(model.confirmed) > 20


@pytest.mark.long
@pytest.mark.timeout(7200)
def test_what_was_answered_survives_300_kills(disk_path: Path) -> None:
    run(disk_path / "data", cycles=300, seed=4)
