"""What a scenario plays on: connections and channels of one broker, and the record of all that it did.

A step that is refused records the close and goes on: a channel (or connection) that was closed is opened again when it
is used next. What comes unasked (deliveries, returns, confirms, cancels) is recorded when a step asks for
it, the rest at the end.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from .client import ASYNCHRONOUS, Event, Link
from .codec import Fields, typed
from .record import Line, line, named, ranges, show

PATIENCE_S = 5.0
"""How long something that has to come may take. Only waiting for what does not come takes that long."""
ANSWER_S = 20.0

Arguments = dict[str, Any] | None


class Stage:
    """One run of one scenario. `record` has its lines; `flaws` what can only mean that the scenario itself is wrong."""

    def __init__(self, host: str, port: int, name: str) -> None:
        self.address = host, port
        self._name = name
        self.record: list[str] = []
        self.flaws: list[str] = []
        self._connections: list[Connection] = []

    def say(self, text: str) -> None:
        """Add a line; the prefix of the scenario's own names is left out."""
        self.record.append(text.replace(self.name(""), ""))

    def note(self, text: str) -> None:
        """A heading in the record."""
        self.record.append(f"# {text}")

    def flaw(self, text: str) -> None:
        self.say(f"!! {text}")
        self.flaws.append(text)

    def name(self, word: str) -> str:
        """A name of this scenario's own; the same against every broker."""
        return f"{self._name}.{word}"

    def connection(self, capabilities: dict[str, Any] | None = None) -> Connection:
        connection = Connection(self, self.address, len(self._connections) + 1, capabilities)
        self._connections.append(connection)
        return connection

    def channel(self) -> Channel:
        """A channel of a connection of its own."""
        return self.connection().channel()

    def poll(self, what: Callable[[], Any], wanted: Any, patience_s: float = PATIENCE_S) -> Any:
        """Ask until the answer is the wanted one; the last answer, also when the patience ended."""
        deadline = time.monotonic() + patience_s
        pause_s = 0.002
        while (got := what()) != wanted and time.monotonic() < deadline:
            time.sleep(pause_s)
            pause_s = min(pause_s * 2, 0.05)
        return got

    def finish(self) -> None:
        """Record what came and was not asked for, and close everything."""
        for connection in self._connections:
            connection.finish()
        for connection in self._connections:
            connection.release()


class Connection:
    def __init__(
        self, stage: Stage, address: tuple[str, int], number: int, capabilities: dict[str, Any] | None
    ) -> None:
        self.stage = stage
        self.number = number
        self._address = address
        self._capabilities = capabilities
        self._link: Link | None = None
        self._channels: list[Channel] = []
        self._told = False

    @property
    def link(self) -> Link:
        if self._link is None:
            self._link = Link(*self._address, self._capabilities)
            self._told = False
        return self._link

    def channel(self) -> Channel:
        channel = Channel(self, len(self._channels) + 1)
        self._channels.append(channel)
        return channel

    def lost(self) -> bool:
        """Whether it was closed; records that once, and the next step opens it again."""
        if self._link is None or self._link.closed is None:
            return False
        if not self._told:
            self._told = True
            self.stage.say(f"{self.number}: {line(self._link.closed)}")
        self._link.peer.socket.close()
        self._link = None
        for channel in self._channels:
            channel.is_open = False
        return True

    def close(self) -> None:
        """In good order; the next step opens it again."""
        self.stage.say(f"{self.number}> close the connection")
        self.release()

    def drop(self) -> None:
        """Close the socket without a word."""
        self.stage.say(f"{self.number}> drop the connection")
        if self._link is not None:
            self._link.drop()
        self._forget()

    def _forget(self) -> None:
        self._link = None
        for channel in self._channels:
            channel.is_open = False
            channel.left.clear()

    def finish(self) -> None:
        for channel in self._channels:
            if channel.is_open:
                channel.finish()

    def release(self) -> None:
        if self._link is not None:
            self._link.close()
        self._forget()


class Channel:
    """Steps of AMQP on one channel; each records its answer, and returns it (None: it was refused)."""

    def __init__(self, connection: Connection, number: int) -> None:
        self.connection = connection
        self.stage = connection.stage
        self.number = number
        self.is_open = False
        self.left: list[Event] = []
        """What came unasked and was not recorded yet."""
        self._published = 0
        self._confirmed: dict[int, str] = {}
        self._tags: list[int] = []

    # -- the wire ------------------------------------------------------------------------------------------------------

    @property
    def label(self) -> str:
        return f"{self.connection.number}.{self.number}"

    def say(self, text: str) -> None:
        self.stage.say(f"{self.label}: {text}")

    def saw(self, event: Event, how: str = "") -> None:
        """Record an event."""
        self.stage.record.append(Line.of(f"{self.label}: {how}", self.stage.name(""), event))

    def ask(self, text: str) -> None:
        self.stage.say(f"{self.label}> {text}")

    def ready(self) -> Link:
        """The link, with this channel open."""
        if not self.is_open:
            self.is_open = True
            self.left.clear()
            self._published, self._confirmed, self._tags = 0, {}, []
            link = self.connection.link
            link.inbox[self.number].clear()
            link.send(self.number, "Channel.Open", {})
            answer = self._answer()
            assert answer is not None, "no channel"
            assert answer.name == "Channel.OpenOk", answer
        return self.connection.link

    def _sort(self) -> Event | None:
        """Take what came out of the inbox: unasked events aside, the first other one is the answer."""
        inbox = self.connection.link.inbox[self.number]
        while inbox:
            event = inbox.pop(0)
            if event.name not in ASYNCHRONOUS:
                return event
            self.left.append(event)
        return None

    def _closed(self, event: Event) -> None:
        self.saw(event)
        self.connection.link.send(self.number, "Channel.CloseOk", {})
        self.is_open = False

    def _answer(self) -> Event | None:
        """The next answer; None when the channel or connection was closed instead, which is recorded."""
        deadline = time.monotonic() + ANSWER_S
        link = self.connection.link
        while True:
            event = self._sort()
            if event is not None:
                if event.name == "Channel.Close":
                    self._closed(event)
                    return None
                return event
            if not link.step(deadline):
                self.stage.flaw(f"{self.label}: no answer")
                self.is_open = False
                return None
            if self.connection.lost():
                return None

    def _wait(self, enough: Callable[[], bool], patience_s: float = PATIENCE_S) -> bool:
        """Read until enough came; False when the patience or the channel ended first."""
        deadline = time.monotonic() + patience_s
        link = self.ready()
        while True:
            event = self._sort()
            if event is not None:
                if event.name == "Channel.Close":
                    self._closed(event)
                else:
                    self.stage.flaw(f"{self.label}: {line(event)} was not asked for")
                return False
            if enough():
                return True
            if not link.step(deadline):
                return False
            if self.connection.lost():
                return False

    def call(self, name: str, quietly: bool = False, **fields: Any) -> Event | None:
        """Send a method and record its answer."""
        link = self.ready()
        if not quietly:
            self.ask(_asked(name, fields))
        link.send(self.number, name, fields)
        if fields.get("nowait"):
            return None
        answer = self._answer()
        if answer is not None and not quietly:
            self.saw(answer)
        return answer

    def tell(self, name: str, **fields: Any) -> None:
        """Send a method that is not answered."""
        link = self.ready()
        self.ask(_asked(name, fields))
        link.send(self.number, name, fields)

    def close(self) -> None:
        """In good order; the next step opens it again."""
        self.call("Channel.Close", reply_code=200)
        self.is_open = False

    # -- declaring -----------------------------------------------------------------------------------------------------

    def declare(self, queue: str = "", arguments: Arguments = None, **flags: Any) -> str:
        """queue.declare; the queue's name."""
        got = self.call("Queue.Declare", queue=queue, arguments=arguments, **flags)
        return got.fields["queue"] if got else queue

    def queue(self, word: str, arguments: Arguments = None, **flags: Any) -> str:
        """Declare a queue of the scenario's own."""
        return self.declare(self.stage.name(word), arguments, **flags)

    def declare_exchange(self, exchange: str, kind: str = "direct", arguments: Arguments = None, **flags: Any) -> str:
        self.call("Exchange.Declare", exchange=exchange, exchange_type=kind, arguments=arguments, **flags)
        return exchange

    def exchange(self, word: str, kind: str = "direct", arguments: Arguments = None, **flags: Any) -> str:
        """Declare an exchange of the scenario's own."""
        return self.declare_exchange(self.stage.name(word), kind, arguments, **flags)

    def bind(self, queue: str, exchange: str, key: str = "", arguments: Arguments = None, **flags: Any) -> None:
        self.call("Queue.Bind", queue=queue, exchange=exchange, routing_key=key, arguments=arguments, **flags)

    def unbind(self, queue: str, exchange: str, key: str = "", arguments: Arguments = None) -> None:
        self.call("Queue.Unbind", queue=queue, exchange=exchange, routing_key=key, arguments=arguments)

    def bind_exchange(self, destination: str, source: str, key: str = "", arguments: Arguments = None) -> None:
        self.call("Exchange.Bind", destination=destination, source=source, routing_key=key, arguments=arguments)

    def unbind_exchange(self, destination: str, source: str, key: str = "", arguments: Arguments = None) -> None:
        self.call("Exchange.Unbind", destination=destination, source=source, routing_key=key, arguments=arguments)

    def purge(self, queue: str) -> None:
        self.call("Queue.Purge", queue=queue)

    def delete(self, queue: str, **flags: Any) -> None:
        self.call("Queue.Delete", queue=queue, **flags)

    def delete_exchange(self, exchange: str, **flags: Any) -> None:
        self.call("Exchange.Delete", exchange=exchange, **flags)

    # -- messages ------------------------------------------------------------------------------------------------------

    def publish(
        self,
        body: bytes,
        key: str = "",
        exchange: str = "",
        mandatory: bool = False,
        immediate: bool = False,
        **properties: Any,
    ) -> None:
        """basic.publish; `headers` may have typed values. Not answered."""
        link = self.ready()
        flags = " mandatory" * mandatory + " immediate" * immediate
        shown = " ".join(f"{name}={_shown(value)}" for name, value in properties.items())
        text = repr(body) if len(body) < 60 else f"<{len(body)} bytes>"
        self.ask(f"publish {text} to {named(exchange)!r} {named(key)!r}{flags} {shown}".rstrip())
        fields: Fields = {"exchange": exchange, "routing_key": key, "mandatory": mandatory, "immediate": immediate}
        link.publish(self.number, fields, properties, body)
        self._published += 1

    def get(self, queue: str, no_ack: bool = False) -> Event | None:
        return self.call("Basic.Get", queue=queue, no_ack=no_ack)

    def drain(self, queue: str) -> None:
        """Get everything that a queue has ready."""
        while (got := self.call("Basic.Get", queue=queue, no_ack=True)) is not None and got.name == "Basic.GetOk":
            pass

    def consume(self, queue: str, tag: str = "c", arguments: Arguments = None, **flags: Any) -> str:
        got = self.call("Basic.Consume", queue=queue, consumer_tag=tag, arguments=arguments, **flags)
        return got.fields["consumer_tag"] if got else tag

    def cancel(self, tag: str = "c") -> None:
        self.call("Basic.Cancel", consumer_tag=tag)

    def qos(self, count: int, everyone: bool = False, size: int = 0) -> None:
        self.call("Basic.Qos", prefetch_count=count, global_=everyone, prefetch_size=size)

    def ack(self, tag: int, multiple: bool = False) -> None:
        self.tell("Basic.Ack", delivery_tag=tag, multiple=multiple)

    def nack(self, tag: int, multiple: bool = False, requeue: bool = True) -> None:
        self.tell("Basic.Nack", delivery_tag=tag, multiple=multiple, requeue=requeue)

    def reject(self, tag: int, requeue: bool = False) -> None:
        self.tell("Basic.Reject", delivery_tag=tag, requeue=requeue)

    def recover(self, requeue: bool = True) -> None:
        self.call("Basic.Recover", requeue=requeue)

    def confirm(self) -> None:
        self.call("Confirm.Select")
        self._published, self._confirmed, self._tags = 0, {}, []

    # -- seeing --------------------------------------------------------------------------------------------------------

    def sync(self) -> bool:
        """A round trip that changes nothing: what was sent before is done, errors of it are recorded."""
        link = self.ready()
        link.send(self.number, "Exchange.Declare", {"exchange": "amq.direct", "passive": True})
        return self._answer() is not None

    def seen(self, *names: str, count: int) -> list[Event]:
        """Wait for so many events of these kinds, and record them in their order."""

        def these() -> list[Event]:
            return [event for event in self.left if event.name in names]

        if not self._wait(lambda: len(these()) >= count):
            self.say(f"{'/'.join(names)}: {len(these())} of {count}")
        taken = these()[:count]
        for event in taken:
            self.left.remove(event)
            self.saw(event)
        return taken

    def deliveries(self, count: int = 1) -> list[int]:
        """The next deliveries, recorded; their tags."""
        return [event.fields["delivery_tag"] for event in self.seen("Basic.Deliver", count=count)]

    def returns(self, count: int = 1) -> None:
        self.seen("Basic.Return", count=count)

    def cancels(self, count: int = 1) -> None:
        """basic.cancel from the broker."""
        self.seen("Basic.Cancel", count=count)

    def _settle(self) -> None:
        for event in [event for event in self.left if event.name in ("Basic.Ack", "Basic.Nack")]:
            self.left.remove(event)
            last = event.fields["delivery_tag"]
            for tag in range(1 if event.fields["multiple"] else last, last + 1):
                if tag not in self._confirmed or tag == last:
                    if tag in self._confirmed:
                        self.say(f"confirmed twice: {tag}")
                    self._confirmed[tag] = event.name

    def confirms(self) -> None:
        """Wait until everything that was published since confirm.select is confirmed; how each was."""

        def all_of_them() -> bool:
            self._settle()
            return all(tag in self._confirmed for tag in range(1, self._published + 1))

        self._wait(all_of_them)
        acked = ranges(tag for tag, how in self._confirmed.items() if how == "Basic.Ack")
        nacked = ranges(tag for tag, how in self._confirmed.items() if how == "Basic.Nack")
        missing = ranges(tag for tag in range(1, self._published + 1) if tag not in self._confirmed)
        self.say(f"confirmed: ack {acked or '-'}; nack {nacked or '-'}" + (f"; missing {missing}" if missing else ""))

    def count(self, queue: str, wanted: int, patience_s: float = PATIENCE_S) -> int:
        """Poll a queue's ready messages until there are so many; the figure is recorded."""

        def ready() -> int:
            got = self._look(queue)
            return got.fields["message_count"] if got else -1

        if self._look(queue) is None:
            return -1
        got: int = self.stage.poll(ready, wanted, patience_s)
        self.say(f"ready in {named(queue)!r}: {got}")
        return got

    def gone(self, queue: str, patience_s: float = PATIENCE_S) -> None:
        """Wait until a queue is not there any more, and record whether it is."""

        def missing() -> bool:
            return self._look(queue) is None

        deadline = time.monotonic() + patience_s
        before = len(self.stage.record)
        gone = missing()
        while not gone and time.monotonic() < deadline:
            time.sleep(0.02)
            gone = missing()
        del self.stage.record[before:]
        self.say(f"{named(queue)!r} is {'gone' if gone else 'still there'}")

    def _look(self, queue: str) -> Event | None:
        return self.call("Queue.Declare", quietly=True, queue=queue, passive=True)

    def barrier(self, *queues: str) -> None:
        """What these queues had to do is done, and what they had to send is here.

        RabbitMQ lets a look at a queue overtake the messages on their way to it; a second look comes behind them. The
        last round trip follows what the queues sent.
        """
        for queue in queues:
            if self._look(queue):
                self._look(queue)
        self.sync()

    def quiet(self, *queues: str) -> None:
        """Let these queues send what they have, and record all that came and was not asked for."""
        self.barrier(*queues)
        self.remaining()

    def remaining(self) -> None:
        self._settle()
        for event in self.left:
            self.saw(event, "also ")
        self.left.clear()

    def finish(self) -> None:
        self.sync()
        self.remaining()


def _shown(value: Any) -> str:
    return show(typed(value)) if isinstance(value, dict) else repr(value)


def _asked(name: str, fields: Fields) -> str:
    parts = [name.lower()]
    for field, value in fields.items():
        if value is True:
            parts.append(field)
        elif isinstance(value, str):
            parts.append(repr(named(value)))
        elif value not in (None, False, {}):
            parts.append(f"{field}={_shown(value)}")
    return " ".join(parts)
