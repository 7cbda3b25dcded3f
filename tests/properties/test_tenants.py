"""Users, permissions, parameters, virtual hosts and paused queues over crashes, whatever checkpoints are under way."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from leveret.broker.broker import Broker
from leveret.errors import VHostError
from leveret.wire.definitions import AccountOp, ParameterOp

from ..access.test_accounts import ops as account_ops
from ..simulation.world import World

steps = st.lists(
    st.one_of(
        account_ops.filter(lambda op: type(op).__name__ != "DeleteVHost").map(lambda op: ("commit", op)),
        st.sampled_from(["/", "shop", "new"]).map(lambda name: ("vhost", name)),
        st.sampled_from(["/", "shop", "new"]).map(lambda name: ("delete", name)),
        st.sampled_from(["/", "shop", "new"]).map(lambda name: ("queue", name)),
        st.sampled_from(["/", "shop", "new"]).map(lambda name: ("pause", name)),
        st.just(("checkpoint", None)),
        st.just(("sync", None)),
    ),
    max_size=40,
)


def state(broker: Broker) -> dict[str, object]:
    """All that has to be there again."""
    return {
        "accounts": sorted(map(repr, broker.accounts.all())),
        "vhosts": {name: vhost.definition for name, vhost in broker.vhosts.items()},
        "parameters": sorted(map(repr, broker.parameters.all())),
        "queues": sorted((queue.vhost, queue.name, queue.paused) for queue in broker.queues()),
        "ids": sorted(broker.objects),
    }


def do(world: World, step: tuple[str, object]) -> None:
    kind, what = step
    broker = world.broker
    if kind == "commit":
        assert isinstance(what, AccountOp | ParameterOp)
        broker.commit(what)
    elif kind == "vhost":
        broker.vhosts.put(str(what), description=str(len(broker.vhosts)))
    elif kind == "delete":
        try:
            broker.vhosts.delete(str(what), lambda position: None)
        except VHostError:
            return
        while broker.vhosts.pending:
            broker.vhosts.step(0)
    elif kind == "queue" and what in broker.vhosts:
        broker.vhosts[str(what)].declare_queue(f"q{broker.peek_id() % 3}", durable=True)
    elif kind == "pause" and what in broker.vhosts and (queues := [*broker.vhosts[str(what)].queues.values()]):
        queue = queues[broker.peek_id() % len(queues)]
        broker.vhosts[str(what)].pause_queue(queue, not queue.paused)
    elif kind == "checkpoint":
        world.checkpointing.step(0)
        world.run(1)
    elif kind == "sync":
        world.sync()


@given(st.lists(st.sampled_from(["queue", "pause", "pause", "checkpoint", "part"]), max_size=30))
def test_paused_queues(done: list[str]) -> None:
    """In the log, in a checkpoint, and in what follows one."""
    world = World(record_size=0)
    broker, vhost = world.broker, world.vhost
    for number, kind in enumerate(done):
        queues = [*vhost.queues.values()]
        if kind == "queue":
            vhost.declare_queue(f"q{number}", durable=True)
        elif kind == "pause" and queues:
            queue = queues[number % len(queues)]
            vhost.pause_queue(queue, not queue.paused)
        elif kind == "checkpoint":
            world.checkpoint()
        else:
            world.checkpointing.step(0)
            world.run(1)
    world.sync()
    again = World(world.disk.files)
    assert state(again.broker) == state(broker)
    again.checkpoint()
    again.sync()
    assert state(World(again.disk.files).broker) == state(broker)


@given(steps)
def test_what_was_synced_is_there_again(done: list[tuple[str, object]]) -> None:
    world = World(record_size=0)
    for step in done:
        do(world, step)
    world.sync()
    again = World(world.disk.files)
    assert state(again.broker) == state(world.broker)
    once_more = World(again.disk.files)
    assert state(once_more.broker) == state(world.broker)


@given(steps.map(lambda done: [step for step in done if step[0] != "delete"]))
def test_after_a_crash_it_is_as_it_was_some_time_before(done: list[tuple[str, object]]) -> None:
    world = World(record_size=0)
    earlier = [state(world.broker)]
    for step in done:
        do(world, step)
        earlier.append(state(world.broker))
    assert state(World(world.disk.files).broker) in earlier
