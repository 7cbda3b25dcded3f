"""What the management costs those who send messages: `python bench/management.py`.

    page    a page of 100 of 10,000 queues, with 1,000 connections open: under 50 ms (target)
    listing each list, all of it, asked for in a loop, beside 1,000 messages a second: p99 under 20 ms (target)
    scrape  the metrics of each object, asked for in a loop, beside the same

`--scale 0.1` does a tenth. The broker, the messages and who asks run in processes of their own.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import socket
import subprocess
import sys
import tempfile
import time
from multiprocessing import Event, Process, Queue
from pathlib import Path
from typing import Any

import aio_pika
import httpx
from attacks import p99, rss_mb
from side_by_side import build
from tests.process import BrokerProcess
from tests.rawclient import RawClient

from leveret.wire.frames import method_frame
from leveret.wire.methods import ChannelOpen

LISTS = (
    "api/queues?page=1&page_size=100",
    "api/queues",
    "api/queues?page=1&page_size=100&sort=messages&sort_reverse=true",
    "api/queues?page=1&page_size=100&name=99&use_regex=true",
    "api/queues?columns=name,messages",
    "api/connections",
    "api/channels",
    "api/bindings",
    "api/definitions",
    "api/overview",
    "api/leveret/topology/%2F",
)


def ask(url: str, path: str, stop: Any, answers: Any) -> None:
    """In a loop, over one connection."""
    taken: list[float] = []
    size = 0
    with httpx.Client(auth=("guest", "guest"), timeout=60) as client:
        while not stop.is_set() or not taken:
            began = time.perf_counter()
            response = client.get(url + path)
            taken.append(1000 * (time.perf_counter() - began))
            assert response.status_code == 200, response.text
            size = len(response.content)
    answers.put((sorted(taken), size))


def beside(binary: Path, broker: BrokerProcess, url: str, path: str, seconds: float) -> None:
    """What 1,000 messages a second notice of it."""
    stop, answers = Event(), Queue()
    asking = Process(target=ask, args=(url, path, stop, answers)) if path else None
    if asking:
        asking.start()
    command = f"{binary} -p {broker.port} -s 16 -r 1000 -b 1 -d {seconds} -x load -i {broker.pid}"
    done = subprocess.run(command.split(), capture_output=True, text=True, timeout=180, check=True)
    figures = json.loads(done.stdout.strip().splitlines()[-1])
    stop.set()
    said = ""
    if asking:
        taken, size = answers.get(timeout=60)
        asking.join()
        middle, late = taken[len(taken) // 2], p99(taken)
        said = f"{len(taken):5} answers of {size / 1000:8,.0f} kB, p50 {middle:7.1f} ms, p99 {late:7.1f} ms"
    messages = f"messages p50 {figures['p50_us'] / 1000:6.2f} p99 {figures['p99_us'] / 1000:6.2f} ms"
    print(f"{path or '(nothing)':66} {messages}   {said}", flush=True)


async def prepare(port: int, queues: int) -> None:
    async with await aio_pika.connect(f"amqp://guest:guest@127.0.0.1:{port}/") as connection:
        channel = await connection.channel()
        exchange = await channel.declare_exchange("bench", "topic")
        for number in range(queues):
            queue = await channel.declare_queue(f"queue-{number:05}")
            if number % 10 == 0:
                await queue.bind(exchange, f"key.{number}")


def connect(port: int, count: int) -> list[RawClient]:
    clients = []
    for _ in range(count):
        client = RawClient(socket.create_connection(("127.0.0.1", port)))
        client.log_in()
        client.socket.sendall(method_frame(1, ChannelOpen()))
        clients.append(client)
    return clients


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--only", default="", help="of the paths, those that contain this")
    options = parser.parse_args()
    arguments = ("--port", "0", "--ephemeral", "--management", "--management-port", "0")
    with tempfile.TemporaryDirectory() as folder, BrokerProcess(*arguments) as broker:
        binary = build(Path(folder))
        url = broker.expect(r"management: (http://\S+)")[1]
        assert broker.port
        time.sleep(1)
        print(f"idle, with the management loaded: {rss_mb(broker.pid):.0f} MB")
        httpx.get(url + "api/overview", auth=("guest", "guest")).raise_for_status()
        print(f"when it was asked: {rss_mb(broker.pid):.0f} MB")
        asyncio.run(prepare(broker.port, int(10_000 * options.scale)))
        clients = connect(broker.port, int(1000 * options.scale))
        print(f"{10_000 * options.scale:,.0f} queues, {len(clients):,} connections: {rss_mb(broker.pid):.0f} MB")
        for path in ("", *LISTS, "metrics/per-object", "metrics"):
            if re.search(options.only, path):
                beside(binary, broker, url, path, options.seconds)
        for client in clients:
            client.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
