"""`leveret bench`: what it measures, what it says when it cannot, and that it leaves nothing behind."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pika
import pytest
import trustme

from leveret.cli.bench.command import _argument
from leveret.cli.bench.consumer import _Shape
from leveret.cli.bench.histogram import Histogram
from leveret.cli.bench.plan import Address, Plan, deal, numbered
from leveret.cli.bench.publisher import _acks, _messages, _Run
from leveret.cli.bench.tally import Tally
from leveret.cli.bench.worker import Counts, Report
from leveret.cli.commands import app
from leveret.wire import Batch, Extent, Pool, methods, render_deliver
from leveret.wire.frames import content_frames, method_frame

from ..process import BrokerProcess
from .terminal import Terminal


class Done(NamedTuple):
    """What a run printed."""

    stdout: str
    stderr: str


def run(url: str, *arguments: str, code: int = 0) -> Done:
    """In this process, which is quicker than another one; only its workers are processes."""
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
        ended = app(["bench", url, *arguments], standalone_mode=False)
    done = Done(out.getvalue(), err.getvalue())
    assert ended == code, done
    assert "\x1b" not in done.stdout
    return done


def measured(broker: BrokerProcess, *arguments: str) -> Any:
    """The JSON of a run."""
    return json.loads(run(f"amqp://127.0.0.1:{broker.port}/", "--json", *arguments).stdout)


@pytest.fixture
def channel(broker: BrokerProcess) -> Iterator[Any]:
    with pika.BlockingConnection(pika.ConnectionParameters(broker.host, broker.port)) as connection:
        yield connection.channel()


def test_a_number_of_messages_is_published_confirmed_and_received(broker: BrokerProcess) -> None:
    found = measured(broker, "--count", "50000", "--size", "100")
    for name in ("published", "confirmed", "received"):
        assert found[name]["messages"] == 50_000
        assert found[name]["bytes"] == 5_000_000
        assert found[name]["per_second"] == pytest.approx(found[name]["bytes_per_second"] / 100, rel=0.01)
        assert found[name]["per_second"] > 1000
    for name in ("publish_to_receive", "publish_to_confirm"):
        latency = found["latency_ms"][name]
        assert [*latency] == ["p50", "p95", "p99", "p999", "max"]
        assert 0 < latency["p50"] <= latency["p95"] <= latency["p99"] <= latency["p999"] <= latency["max"] < 30_000
    assert found["nacked"] == found["returned"] == 0
    assert found["plan"]["confirm"] == 1000
    assert found["plan"]["queues"] == 1
    assert sum(moment[0] for moment in found["over_time"]) == 50_000
    assert sum(moment[2] for moment in found["over_time"]) == 50_000


@pytest.mark.parametrize(
    "arguments",
    [
        ["--confirm", "0", "--auto-ack"],
        ["--size", "0"],
        ["--size", "7", "--confirm", "1"],
        ["--size", "70000", "--prefetch", "10"],
        ["--size", "400000", "--batch", "1"],
        ["--publishers", "3", "--consumers", "5", "--queues", "4", "--processes", "3"],
        ["--publishers", "5", "--consumers", "2", "--queues", "2", "--ack-every", "50", "--prefetch", "60"],
        ["--persistent", "--confirm", "100"],
        ["--exchange-type", "topic", "--routing-key", "a.{i}.b", "--keys", "12", "--binding-key", "a.*.b"],
        ["--exchange-type", "direct", "--routing-key", "k{i}", "--keys", "7", "--queues", "3"],
        ["--exchange-type", "x-consistent-hash", "--routing-key", "k{i}", "--keys", "50", "--queues", "4"],
        ["--queue-argument", "x-max-priority=3", "--rate", "20000"],
    ],
    ids=" ".join,
)
def test_plans(broker: BrokerProcess, arguments: list[str]) -> None:
    count = 1000 if "400000" in arguments else 4000
    found = measured(broker, "--count", str(count), *arguments)
    assert found["published"]["messages"] == found["received"]["messages"] == count
    if found["plan"]["confirm"]:
        assert found["confirmed"]["messages"] == count
        assert found["latency_ms"]["publish_to_confirm"]["p50"] > 0
    assert (found["latency_ms"]["publish_to_receive"] is None) is (found["plan"]["size"] < 8)


def test_fanout_receives_a_copy_for_each_queue(broker: BrokerProcess) -> None:
    found = measured(
        broker, "--count", "1000", "--exchange-type", "fanout", "--queues", "3", "--consumers", "3", "--processes", "2"
    )
    assert found["published"]["messages"] == 1000
    assert found["received"]["messages"] == 3000


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    environment = {"LEVERET_MANAGEMENT": "true", "LEVERET_MANAGEMENT_PORT": "0", "LEVERET_METRICS_PORT": "0"}
    with BrokerProcess("--port", "0", "--ephemeral", env=environment) as broker:
        url = broker.expect(r"management: (http://\S+)")[1]
        measured(broker, "--count", "100", "--queues", "5", "--exchange-type", "fanout")
        with httpx.Client(base_url=f"{url}api/", auth=("guest", "guest")) as api:
            assert api.get("queues").json() == []
            assert {one["name"] for one in api.get("exchanges").json()} == {
                "", "amq.direct", "amq.fanout", "amq.headers", "amq.match", "amq.rabbitmq.event", "amq.rabbitmq.trace",
                "amq.topic",
            }  # fmt: skip
            assert api.get("connections").json() == []


def test_a_queue_that_was_there_stays(broker: BrokerProcess, channel: Any) -> None:
    channel.queue_declare("bench-there", durable=True)
    channel.confirm_delivery()
    for _ in range(3):
        channel.basic_publish("", "bench-there", b"a message of somebody else")
    found = measured(broker, "--queue", "bench-there", "--count", "500")
    assert found["received"]["messages"] == 503
    assert "3 messages were there before the start; they are counted, without latency" in found["warnings"]
    assert channel.queue_declare("bench-there", passive=True).method.message_count == 0
    channel.queue_delete("bench-there")


def test_a_queue_is_filled_and_drained(broker: BrokerProcess, channel: Any) -> None:
    channel.queue_declare("bench-fill", durable=True)
    found = measured(broker, "--queue", "bench-fill", "--count", "2000", "--consumers", "0")
    assert found["published"]["messages"] == 2000
    assert channel.queue_declare("bench-fill", passive=True).method.message_count == 2000
    found = measured(broker, "--queue", "bench-fill", "--count", "2000", "--publishers", "0")
    assert found["received"]["messages"] == 2000
    channel.queue_delete("bench-fill")


def test_what_no_queue_takes_is_counted(broker: BrokerProcess) -> None:
    arguments = ["--exchange-type", "direct", "--binding-key", "other", "--routing-key", "key", "--mandatory"]
    found = measured(broker, "--count", "300", *arguments, "--consumers", "0")
    assert found["returned"] == 300
    assert "300 messages came back: no queue takes them" in found["warnings"]


def test_refused_messages_are_counted(broker: BrokerProcess) -> None:
    arguments = ["-A", "x-max-length=10", "-A", "x-overflow=reject-publish", "--consumers", "0"]
    found = measured(broker, "--count", "100", *arguments, "--confirm", "5")
    assert found["confirmed"]["messages"] + found["nacked"] == 100
    assert found["nacked"] >= 80
    assert any("basic.nack" in warning for warning in found["warnings"])


def test_a_rate_is_kept(broker: BrokerProcess) -> None:
    found = measured(broker, "--rate", "2000", "--time", "1", "--warmup", "0.2", "--publishers", "2")
    assert found["seconds"] == 1.0
    assert found["warmup_seconds"] == pytest.approx(0.2)
    assert found["published"]["messages"] == pytest.approx(2000, rel=0.2)
    assert len(found["over_time"]) == 6


def test_the_summary_for_people(broker: BrokerProcess) -> None:
    environment = os.environ | {"COLUMNS": "100", "LEVERET_AMQP_URL": f"amqp://127.0.0.1:{broker.port}"}
    command = [sys.executable, "-m", "leveret", "bench", "--count", "20000"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert "\x1b" not in done.stdout
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert lines[1].startswith("Leveret ")
    assert f" at amqp://guest@127.0.0.1:{broker.port}/" in lines[1]
    assert lines[2].startswith("1 publisher → 1 queue → 1 consumer · 16 B · transient · confirms, 1,000 open")
    for name in ("published", "confirmed", "received"):
        (row,) = [line for line in lines if line.startswith(name)]
        assert row.split()[1] == "20,000"
    assert any(line.split() == ["latency,", "ms", "p50", "p95", "p99", "p99.9", "max"] for line in lines)
    assert any(line.startswith("publish → confirm ") for line in lines)


def test_progress_is_seen_and_ctrl_c_gives_what_there_is(broker: BrokerProcess, channel: Any) -> None:
    url = f"amqp://127.0.0.1:{broker.port}"
    with Terminal("bench", url, "--time", "600", "--rate", "1000", columns=100, rows=30) as terminal:
        terminal.until("published")
        lines = terminal.until("latency")
        assert any(" of 601 s" in line for line in lines)
        terminal.until(lambda lines: not any("warming up" in line for line in lines) and any("ms" in x for x in lines))
        terminal.press("\x03")
        terminal.until("(interrupted)")
        assert terminal.ended() == 130
        assert any(line.startswith("publish → receive") for line in terminal.lines)
        assert b"Traceback" not in terminal.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--publishers", "0", "--consumers", "0"], "nothing to do"),
        (["--publishers", "0"], "say which --queue is to be consumed"),
        (["--queue", "x", "--queues", "2"], "--queues does not go with it"),
        (["--exchange", "x", "--exchange-type", "topic"], "say only one of them"),
        (["--queue-argument", "x"], "--queue-argument x: KEY=VALUE is expected"),
        (["--time", "0"], "positive"),
        (["-A", "x-queue-type=stream", "--auto-ack"], "streams have to be acknowledged"),
    ],
)
def test_what_cannot_be_is_exit_code_64(arguments: list[str], said: str) -> None:
    done = run("amqp://127.0.0.1:1", *arguments, code=64)
    assert said in done.stderr
    assert done.stdout == ""


def test_what_is_no_address_is_exit_code_64() -> None:
    assert "http:// is not amqp:// or amqps://" in run("http://localhost", code=64).stderr
    assert "Port could not be cast" in run("amqp://localhost:port", code=64).stderr


def test_what_the_broker_refuses_is_said(broker: BrokerProcess) -> None:
    at = f"127.0.0.1:{broker.port}"
    assert "says 403: ACCESS_REFUSED" in run(f"amqp://guest:wrong@{at}", code=69).stderr
    assert "says 530: NOT_ALLOWED" in run(f"amqp://{at}/nowhere", code=69).stderr
    assert "says 404: NOT_FOUND" in run(f"amqp://{at}", "--queue", "nowhere", code=69).stderr
    assert "says 404: NOT_FOUND" in run(f"amqp://{at}", "--exchange", "nowhere", code=69).stderr
    assert "says 406: PRECONDITION_FAILED" in run(f"amqp://{at}", "-A", "x-max-length=no", code=69).stderr
    assert "wrong" not in run(f"amqp://guest:wrong@{at}", code=69).stderr, "no passwords in what is said"


def test_who_is_not_there_or_is_no_broker_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def answer() -> None:
            with server.accept()[0] as peer:
                peer.recv(8)
                peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        assert "does not speak AMQP" in run(f"amqp://127.0.0.1:{port}", code=69).stderr
        thread.join()
    refused = run(f"amqp://127.0.0.1:{port}", code=69).stderr
    assert refused == f"leveret bench: cannot connect to amqp://guest@127.0.0.1:{port}/: Connection refused\n"


def test_a_broker_that_stops_meanwhile_ends_it() -> None:
    with BrokerProcess("--port", "0", "--ephemeral") as broker:
        url = f"amqp://127.0.0.1:{broker.port}"
        with Terminal("bench", url, "--time", "600", "--rate", "100", columns=100) as terminal:
            terminal.until("received")
            broker.signal(signal.SIGTERM)
            assert terminal.ended() == 69
            assert "says 320: CONNECTION_FORCED" in terminal.text
        assert broker.wait() == 0


def test_tls(tmp_path: Path) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost", "127.0.0.1")
    key, chain = tmp_path / "key.pem", tmp_path / "chain.pem"
    key.write_bytes(certificate.private_key_pem.bytes())
    chain.write_bytes(b"".join(one.bytes() for one in certificate.cert_chain_pems))
    options = ["--tls-listen", "127.0.0.1:0", "--tls-certfile", str(chain), "--tls-keyfile", str(key)]
    with BrokerProcess("--port", "0", "--ephemeral", *options) as broker:
        port = broker.expect(r"listening for AMQP over TLS on \S+:(\d+)")[1]
        found = json.loads(run(f"amqps://127.0.0.1:{port}", "-k", "--json", "--count", "3000", "-s", "5000").stdout)
        assert found["received"]["messages"] == 3000
        assert "certificate verify failed" in run(f"amqps://127.0.0.1:{port}", code=69).stderr


# -- the parts ---------------------------------------------------------------------------------------------------------


def test_addresses() -> None:
    assert Address.of("amqp://localhost") == Address("localhost", 5672, "guest", "guest", "/")
    assert Address.of("amqps://a%40b:p%2F@[::1]:1/v%2Fw") == Address("::1", 1, "a@b", "p/", "v/w", True)
    assert Address.of("host:5673/x").shown == "amqp://guest@host:5673/x"
    assert "p/" not in repr(Address.of("amqps://a:p%2F@h"))


def test_what_connections_get() -> None:
    assert [deal("abcd", number, 2) for number in range(2)] == ["ac", "bd"]
    assert [deal("ab", number, 3) for number in range(3)] == ["a", "b", "a"]
    assert numbered("k{i}", 11)[:2] == ("k00", "k01")
    plan = Plan(Address.of("x"), ("a",), publishers=3, consumers=2, count=10, processes=2)
    assert [plan.quota_of(number) for number in range(3)] == [3, 3, 4]
    assert [(share.publishers, share.consumers) for share in plan.shares()] == [((0, 1), ()), ((2,), (0, 1))]
    assert _argument("a=1=2") == ("a", "1=2")
    assert _argument("a=-3") == ("a", -3)
    assert _argument("a=true") == ("a", True)


def test_quantiles_are_within_two_percent() -> None:
    histogram = Histogram()
    for us in range(1, 100_001):
        histogram.add(us)
    for share, us in zip((0.5, 0.95, 0.99, 1.0), histogram.quantiles(0.5, 0.95, 0.99, 1.0), strict=True):
        assert us == pytest.approx(share * 100_000, rel=0.02)
    assert histogram.max_us == 100_000
    assert Histogram().quantiles(0.5) == [0.0]


def test_deliveries_of_one_shape_are_counted() -> None:
    pool = Pool()
    extent = Extent(0)
    rows = [("x", key, b"\0\0", body, False) for key, body in [("aa", b"12345678")] * 40 + [("bbb", b"12345678")] * 2]
    extent.append(Batch.build(pool, rows))
    data = render_deliver(extent, extent.take(100), 1, b"tag", 7, 4096)
    shape = _Shape.at(data, 0, 8)
    assert shape is not None
    assert shape.count(data, 0) == 40
    assert shape.stamps(data, 0, 40) == {int.from_bytes(b"12345678", "big"): 40}
    assert shape.count(data, shape.size * 39) == 1
    other = _Shape.at(data, shape.size * 40, 8)
    assert other is not None
    assert other.count(data, shape.size * 40) == 2
    assert other.size == shape.size + 1
    for cut in range(shape.size):
        assert _Shape.at(data[:cut], 0, 8) is None
    assert shape.count(data[: shape.size * 3 - 1], 0) == 2


def test_times_of_deliveries_are_counted_however_they_follow_each_other() -> None:
    wanted = [7] * 1000 + [8] * 70 + [9, 10] * 40 + [11] * 3 + [9] + [11] * 60 + [12 + (1 << 40)] * 600
    rows = [("", "q", b"\0\0", time.to_bytes(8, "big") + b"x" * 4, False) for time in wanted]
    extent = Extent(0)
    extent.append(Batch.build(Pool(), rows))
    data = render_deliver(extent, extent.take(4096), 1, b"tag", 1, 4096)
    shape = _Shape.at(data, 0, 12)
    assert shape is not None
    assert shape.count(data, 0) == len(wanted)
    assert shape.stamps(data, 0, len(wanted)) == Counter(wanted)


def test_confirms_are_counted_in_any_order() -> None:
    acks = b"".join(method_frame(1, methods.BasicAck(tag)) for tag in (1, 2, 3))
    assert _acks(acks, 0) == 3
    assert _acks(acks + method_frame(1, methods.BasicNack(4)), 0) == 3
    assert _acks(acks[:-1], 0) == 2
    run = _Run(1, 10, 0)
    assert [run.single(tag) for tag in (3, 3, 1, 2, 7)] == [1, 0, 1, 1, 1]
    assert run.first == 4
    assert run.until(8) == 4
    assert run.until(10) == 2


def test_messages_have_their_time_where_it_is_put() -> None:
    plan = Plan(Address.of("x"), ("q",), size=20_000, persistent=True, keys=("k",), exchange="e")
    ((before, after),) = _messages(plan, plan.keys, 4096)
    whole = before + b"12345678" + after
    body = b"12345678" + b"x" * 19_992
    assert whole == content_frames(1, methods.BasicPublish("e", "k"), b"\x10\x00\x02", body, 4096)


def test_what_is_said_of_a_client_that_was_the_limit() -> None:
    tally = Tally(Plan(Address.of("x"), ("q",), warmup_s=0.2, rate=0))
    for number in range(6):
        tally.add(0, Report(number, Counts(sent=100, received=100), cpu_ns=199_000_000, waited_ns=50_000_000))
    assert tally.counts.sent == 500
    assert tally.seconds == 1.0
    assert tally.waiting == 0.25
    assert any(one.startswith("the client was the limit: a process of it had 100% of") for one in tally.warnings())
    tally = Tally(Plan(Address.of("x"), ("q",), warmup_s=0, rate=1000))
    for number in range(5):
        tally.add(0, Report(number, Counts(sent=100)))
    assert any(one.startswith("only 50% of the rate was published") for one in tally.warnings())
