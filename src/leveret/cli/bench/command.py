"""The command `leveret bench` and its options."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

if TYPE_CHECKING:
    from ...wire.fields import Value
    from .coordinator import Coordinator
    from .topology import Topology

USAGE: Final = 64
INTERRUPTED: Final = 130

_LOAD: Final = "Load"
_BROKER: Final = "Broker"
_SHAPE: Final = "Queues and routing"


def _option(*names: str, help: str, panel: str, **more: Any) -> Any:
    return typer.Option(*names, help=help, rich_help_panel=panel, **more)


def bench(
    url: Annotated[
        str,
        typer.Argument(help="AMQP URI of the broker, amqp:// or amqps://.", metavar="[URL]", envvar="LEVERET_AMQP_URL"),
    ] = "amqp://guest:guest@localhost:5672/",
    publishers: Annotated[int, _option("--publishers", "-P", help="Connections that publish.", panel=_LOAD, min=0)] = 1,
    consumers: Annotated[int, _option("--consumers", "-C", help="Connections that consume.", panel=_LOAD, min=0)] = 1,
    size: Annotated[int, _option("--size", "-s", help="Bytes of a message's body.", panel=_LOAD, min=0)] = 16,
    rate: Annotated[
        float, _option("--rate", "-r", help="Messages per second, of all publishers. [0: all they can]", panel=_LOAD)
    ] = 0,
    time: Annotated[float, _option("--time", "-t", help="Seconds to measure.", panel=_LOAD)] = 10,
    warmup: Annotated[float, _option("--warmup", help="Seconds before that, not measured.", panel=_LOAD, min=0)] = 1,
    count: Annotated[
        int, _option("--count", "-n", help="Messages to publish and receive, instead of a time.", panel=_LOAD, min=0)
    ] = 0,
    confirm: Annotated[
        int, _option("--confirm", "-c", help="Publisher confirms: so many open at most; 0: none.", panel=_LOAD, min=0)
    ] = 1000,
    batch: Annotated[
        int, _option("--batch", "-b", help="Messages per write at most; 0: 64 kB.", panel=_LOAD, min=0)
    ] = 0,
    persistent: Annotated[bool, _option("--persistent", help="Messages that are kept on disk.", panel=_LOAD)] = False,
    mandatory: Annotated[bool, _option("--mandatory", help="Count what no queue takes.", panel=_LOAD)] = False,
    auto_ack: Annotated[bool, _option("--auto-ack", "-a", help="Consume without acks.", panel=_LOAD)] = False,
    prefetch: Annotated[
        int, _option("--prefetch", "-q", help="Messages unacknowledged; 0: no bound.", panel=_LOAD, min=0, max=65535)
    ] = 1000,
    ack_every: Annotated[
        int, _option("--ack-every", help="Messages per ack; 0: one for each read.", panel=_LOAD, min=0)
    ] = 0,
    processes: Annotated[
        int, _option("--processes", help="Client processes that share the connections.", panel=_LOAD, min=1, max=256)
    ] = 1,
    queues: Annotated[int, _option("--queues", help="Queues to make, and delete afterwards.", panel=_SHAPE, min=1)] = 1,
    queue: Annotated[
        str | None, _option("--queue", help="Use this queue, which is there, and leave it.", panel=_SHAPE)
    ] = None,
    argument: Annotated[
        list[str] | None,
        _option(
            "--queue-argument",
            "-A",
            help="Of the queues, as x-queue-type=quorum; may be repeated.",
            panel=_SHAPE,
            metavar="KEY=VALUE",
        ),
    ] = None,
    exchange: Annotated[
        str | None, _option("--exchange", help="Publish to this exchange, which is there.", panel=_SHAPE)
    ] = None,
    exchange_type: Annotated[
        str | None,
        _option("--exchange-type", help="Publish to an exchange of this type, made for it.", panel=_SHAPE),
    ] = None,
    routing_key: Annotated[
        str | None, _option("--routing-key", help="Instead of the queue; {i} counts up to --keys.", panel=_SHAPE)
    ] = None,
    keys: Annotated[int, _option("--keys", help="How many routing keys.", panel=_SHAPE, min=1, max=100_000)] = 1,
    binding_key: Annotated[
        str | None, _option("--binding-key", help="Of the queues to the exchange.", panel=_SHAPE)
    ] = None,
    insecure: Annotated[
        bool, _option("--insecure", "-k", help="Do not verify the certificate.", panel=_BROKER)
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print it for programs.")] = False,
) -> None:
    """Load a broker and say what it does: throughput, latency, and whether broker or client was the limit.

    Any broker of AMQP 0-9-1 will do. It makes queues of its own and deletes them afterwards.

    Exit code 0: measured; 64: such a test cannot be; 69: the broker is not there, or refuses; 130: interrupted.
    """
    from .connection import UNAVAILABLE
    from .plan import Address, BenchError, Plan, numbered
    from .topology import Topology

    name = f"leveret-bench-{os.getpid()}-{os.urandom(3).hex()}"
    try:
        if time <= 0 or rate < 0:
            raise ValueError("--time and --rate are positive numbers")
        if not publishers + consumers:
            raise ValueError("with neither publishers nor consumers there is nothing to do")
        if exchange is not None and exchange_type is not None:
            raise ValueError("--exchange is there already; --exchange-type makes one: say only one of them")
        if not publishers and queue is None:
            raise ValueError("without publishers, say which --queue is to be consumed")
        if queue is not None and queues != 1:
            raise ValueError("--queue is one queue: --queues does not go with it")
        if size > 128 * 1024 * 1024:
            raise ValueError("--size is 128 MB at most")
        plan = Plan(
            Address.of(url, not insecure),
            (queue,) if queue is not None else numbered(f"{name}-{{i}}", queues),
            publishers=publishers,
            consumers=consumers,
            size=size,
            rate=rate,
            count=count,
            time_s=time,
            warmup_s=0.0 if count else warmup,
            confirm=confirm,
            batch=batch,
            persistent=persistent,
            mandatory=mandatory,
            auto_ack=auto_ack,
            prefetch=prefetch,
            ack_every=ack_every,
            exchange=exchange or (name if exchange_type else ""),
            keys=numbered(routing_key, keys) if routing_key is not None else (),
            arguments=dict(_argument(text) for text in argument or ()),
            processes=processes,
        )
        if auto_ack and plan.streams:
            raise ValueError("streams have to be acknowledged: --auto-ack does not go with them")
    except ValueError as error:
        typer.echo(f"leveret bench: {error}", err=True)
        raise typer.Exit(USAGE) from None
    topology = Topology(plan, ours=queue is None, kind=exchange_type, binding=binding_key)
    try:
        code = _run(topology, as_json)
    except BenchError as error:
        typer.echo(f"leveret bench: {error.text}", err=True)
        raise typer.Exit(error.code) from None
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    except OSError as error:
        typer.echo(f"leveret bench: {error}", err=True)
        raise typer.Exit(UNAVAILABLE) from None
    raise typer.Exit(code)


def _run(topology: Topology, as_json: bool) -> int:
    from rich.console import Console

    from . import display

    before = signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: nothing is left behind
    try:
        coordinator = _measure(topology)
    finally:
        signal.signal(signal.SIGTERM, before)
    tally = coordinator.tally
    if as_json:
        import msgspec

        sys.stdout.write(msgspec.json.format(msgspec.json.encode(tally.json())).decode() + "\n")
    elif tally.start_ns:
        display.show(Console(highlight=False), tally, coordinator.interrupted)
    return INTERRUPTED if coordinator.interrupted else 0


def _measure(topology: Topology) -> Coordinator:
    """With progress, if somebody looks."""
    from rich.console import Console
    from rich.live import Live

    from . import display
    from .coordinator import Coordinator

    aside = Console(stderr=True, highlight=False)
    if not aside.is_terminal:
        coordinator = Coordinator(topology, lambda tally: None)
        coordinator.run()
        return coordinator
    with Live(console=aside, auto_refresh=False, transient=True) as live:
        coordinator = Coordinator(topology, lambda tally: live.update(display.progress(tally), refresh=True))
        coordinator.run()
    return coordinator


def _argument(text: str) -> tuple[str, Value]:
    name, there, value = text.partition("=")
    if not there or not name:
        raise ValueError(f"--queue-argument {text}: KEY=VALUE is expected")
    if value in ("true", "false"):
        return name, value == "true"
    return name, int(value) if value.lstrip("-").isdigit() else value


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(bench)
