"""Routing: the exchanges and bindings of a virtual host, and which queues the rows of a batch go to.

A message starts at the exchange it was published to and goes along bindings, also to further exchanges; an exchange
that matches nothing hands it to its alternate exchange (RabbitMQ pages "Exchange to Exchange Bindings", "Alternate
Exchanges"). Each exchange is visited once per message and each queue gets it once, so cycles end.

Routing happens once per distinct key, not per message, and is remembered in two places until something changes
(`version`):

    keys.cache[key id]        (version, queues, start)   of one connection's key table: the way of nearly every batch
    _cached[exchange, key]    queues              shared by all connections, bounded

Keys of the default exchange are not remembered but looked up: that is as fast, and queues come and go. Where an
exchange on the way looks at headers or properties (`needs`), the rows of a key are first partitioned by these. Where
one goes by chance each row of the batch gets a number, in the order of rows, so that it does not matter how messages
came together in batches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ..errors import AccessRefused, AmqpError, NotFound
from ..limits import ROUTES_CACHED_MAX
from ..wire import CC, COLUMN_KEY, COLUMN_PROPERTY, HEADERS, Selection
from .binding import Binding
from .chance import deal_out
from .copies import more_keys
from .exchange import Chance, Exchange
from .exchanges import DefaultExchange
from .gathered import ByColumns, Gathered, Recorded

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from ..ports import Randomness
    from ..wire import Batch, KeyTable
    from ..wire.fields import Arguments
    from .binding import Destination
    from .exchange import Need
    from .gathered import Cell
    from .queue import Queue

    Queues = tuple[Queue, ...]

# What may stand in the place of a version beside a key.
_BY_NAME: Final = -1
"""Here is the routing key: look it up in the default exchange."""
_BY_COLUMNS: Final = -2
"""Here is a ByColumns, with the version in it."""
_SOLE: Final = -1
"""No key, but beside them: the exchange that all of them lead through; None when there are several."""


class Router:
    """The exchanges of one virtual host. `version` goes up with everything that may change a route."""

    __slots__ = (
        "_by_name",
        "_cached",
        "_from",
        "_links",
        "_needs",
        "_randomness",
        "_serial",
        "_to",
        "exchanges",
        "version",
        "vhost",
    )

    def __init__(self, vhost: str, randomness: Randomness) -> None:
        """Empty; the first exchanges to `add` are those of `predeclared`."""
        self._randomness = randomness
        self.vhost = vhost
        self.exchanges: dict[str, Exchange] = {}
        self.version = 0
        self._by_name: dict[str, tuple[Queue]] = {}
        """The default exchange's queues."""
        self._serial = 0
        self._from: dict[Exchange, dict[Binding, Binding]] = {}
        self._to: dict[Destination, dict[Binding, None]] = {}
        self._links: dict[Exchange, dict[Exchange, int]] = {}
        """Exchanges bound to an exchange, and how many times."""
        self._cached: dict[tuple[str, str], Queues] = {}
        self._needs: dict[Exchange, tuple[Need, ...]] = {}

    # -- exchanges and bindings ----------------------------------------------------------------------------------

    def changed(self) -> None:
        """Something that routes depend on is different: forget them. To be called after setting an `alternate`."""
        self.version += 1
        self._cached.clear()
        self._needs.clear()

    def add(self, exchange: Exchange) -> None:
        """A new exchange; its name is free."""
        assert exchange.name not in self.exchanges
        self.exchanges[exchange.name] = exchange
        self._from[exchange] = {}
        if isinstance(exchange, DefaultExchange):
            self._by_name = exchange.queues
        self.changed()

    def remove(self, exchange: Exchange) -> list[Binding]:
        """An exchange goes, and with it the bindings from and to it, which are returned."""
        del self.exchanges[exchange.name]
        dropped = [*self._from.pop(exchange)]
        exchange.clear()
        for binding in dropped:
            self._forget_destination(binding)
        self._links.pop(exchange, None)
        dropped += self.remove_destination(exchange)
        self.changed()
        return dropped

    def remove_destination(self, destination: Destination) -> list[Binding]:
        """Drop the bindings to a queue or exchange that goes; returns them."""
        dropped = [*self._to.get(destination, ())]
        for binding in dropped:
            self.unbind(binding)
        return dropped

    def bind(self, binding: Binding) -> bool:
        """False if there is the same already. The exchange has validated it."""
        source, destination = binding.source, binding.destination
        bindings = self._from[source]
        if binding in bindings:
            return False
        self._serial += 1
        binding.serial = self._serial
        source.bind(binding)
        bindings[binding] = binding
        self._to.setdefault(destination, {})[binding] = None
        if isinstance(destination, Exchange):
            links = self._links.setdefault(source, {})
            links[destination] = links.get(destination, 0) + 1
        self.changed()
        return True

    def unbind(self, binding: Binding) -> bool:
        """False if there is no such binding."""
        stored = self._from[binding.source].pop(binding, None)
        if stored is None:
            return False
        stored.source.unbind(stored)
        self._forget_destination(stored)
        if isinstance(stored.destination, Exchange):
            links = self._links[stored.source]
            links[stored.destination] -= 1
            if not links[stored.destination]:
                del links[stored.destination]
        self.changed()
        return True

    def _forget_destination(self, binding: Binding) -> None:
        bindings = self._to[binding.destination]
        del bindings[binding]
        if not bindings:
            del self._to[binding.destination]

    def bindings_from(self, exchange: Exchange) -> Collection[Binding]:
        """In the order of binding; a view, so bind and unbind only after the last look at it."""
        return self._from[exchange].keys()

    def bindings_to(self, destination: Destination) -> Collection[Binding]:
        """In the order of binding; a view as well."""
        return self._to.get(destination, {}).keys()

    def find(
        self, source: Exchange, destination: Destination, routing_key: str, arguments: Arguments
    ) -> Binding | None:
        """The binding that is identified by these four."""
        return self._from[source].get(Binding(source, destination, routing_key, arguments))

    def queue_added(self, queue: Queue) -> None:
        """From now on the default exchange routes to it."""
        self._by_name[queue.name] = (queue,)

    def is_reachable(self, name: str) -> bool:
        """Whether the default exchange has a queue for this key."""
        return name in self._by_name

    def queue_removed(self, queue: Queue) -> None:
        """The default exchange forgets it; for its bindings there is `remove_destination`."""
        del self._by_name[queue.name]
        if not self._by_name:
            self._by_name.clear()  # an empty dict keeps its table otherwise

    # -- batches -------------------------------------------------------------------------------------------------

    def routes(self, batch: Batch) -> list[Cell]:
        """The queues of each row, or the error that publishing it raises. A selection of None means all rows. What
        exchanges are to record goes to `Recorded` queues.

        Every row is in exactly one cell; cells are in the order of their first rows, and no two have the same queues.
        A queue may be in several cells: whoever appends to it joins their rows first, to keep the order of publishing.
        """
        keys = batch.keys
        key = batch.key
        if batch.features & CC:
            return self._routes_with_copies(batch)
        if key < 0:
            return self._routes_of_many(batch, keys)
        entry: Any = keys.cache.get(key)
        if entry is not None:
            version, found, _ = entry
            if version == self.version:
                return [(found, None)]
            if version == _BY_NAME:
                return [(self._by_name.get(found, ()), None)]
        found = self._of_key(keys, key)
        if not isinstance(found, ByColumns):
            return [(found, None)]
        cells = Gathered()
        self._by_columns(batch, None, found, cells)
        return self._finish(batch, cells)

    def _routes_of_many(self, batch: Batch, keys: KeyTable) -> list[Cell]:
        """Of a batch with several keys. Keys that are remembered are handled in the loop: there may be thousands."""
        cells = Gathered()
        groups, more = cells.groups, cells.more
        cache, version, by_name = keys.cache, self.version, self._by_name
        found: Any
        entry: Any
        for key, rows in batch.partition():
            entry = cache.get(key)  # type: ignore[call-overload]
            if entry is None:
                self._add_new(batch, keys, key, rows, cells)
                continue
            remembered, found, _ = entry
            if remembered == _BY_NAME:
                found = by_name.get(found, ())
            elif remembered != version:
                self._add_new(batch, keys, key, rows, cells)
                continue
            first = groups.setdefault(found, rows)
            if first is not rows:
                more.setdefault(found, [first]).append(rows)
        return self._finish(batch, cells)

    def _routes_with_copies(self, batch: Batch, start: Exchange | None = None) -> list[Cell]:
        """Of a batch in which some messages have more than one routing key. With `start` all begin there."""
        cells = Gathered()
        cells.sorted = False
        copied = batch.select(CC)
        for key, rows in batch.partition(COLUMN_KEY, Selection.range(0, len(batch)).difference(copied)):
            assert isinstance(key, int)
            if start is None:
                self._add_new(batch, batch.keys, key, rows, cells)
            else:
                self._add_from(start, (batch.keys[key][1],), batch, rows, cells)
        for key, rows in batch.partition(COLUMN_KEY, copied):
            assert isinstance(key, int)
            exchange, routing_key, _, _ = batch.keys[key]
            first = self._start(exchange) if start is None else start
            for more, part in more_keys(batch, rows):
                if isinstance(first, AmqpError):
                    cells.add(self._start(exchange), part)  # type: ignore[arg-type]
                elif isinstance(more, AmqpError):
                    cells.add(more, part)
                else:
                    self._add_from(first, (routing_key, *more), batch, part, cells)
        return self._finish(batch, cells)

    def _add_from(self, start: Exchange, keys: tuple[str, ...], batch: Batch, rows: Selection, cells: Gathered) -> None:
        needs = self._needs_from(start)
        if needs:
            self._by_columns(batch, rows, self._way(start, keys, needs), cells)
        elif len(keys) == 1 and start.name:  # what the default exchange reaches changes without a new version
            cells.add(self._route_cached(start, keys[0]), rows)
        else:
            cells.add(self._route(start, keys, {}), rows)

    def _start(self, name: str) -> Exchange | AmqpError:
        """The exchange that clients publish to. Errors are new ones: whoever raises one hangs its traceback on it."""
        start = self.exchanges.get(name)
        if start is None:
            return NotFound(f"no exchange '{name}' in vhost '{self.vhost}'")
        if start.internal:
            return AccessRefused(f"cannot publish to internal {start}")
        return start

    def _finish(self, batch: Batch, cells: Gathered) -> list[Cell]:
        if waiting := cells.by_chance:
            every = [Selection.range(0, len(batch)) if rows is None else rows for _, rows in waiting]
            chosen = every[0] if len(every) == 1 else Selection.merge(every)
            drawn = self._randomness.numbers(len(chosen))
            numbers = drawn
            if len(chosen) != len(batch):
                numbers = [0] * len(batch)
                for row, number in zip(chosen, drawn, strict=True):
                    numbers[row] = number
            for (way, _), rows in zip(waiting, every, strict=True):
                self._by_columns(batch, rows, way, cells, numbers)
        return cells.finish()

    def _add_new(self, batch: Batch, keys: KeyTable, key: object, rows: Selection, cells: Gathered) -> None:
        assert isinstance(key, int)
        found = self._of_key(keys, key)
        if isinstance(found, ByColumns):
            self._by_columns(batch, rows, found, cells)
        else:
            cells.add(found, rows)

    def _of_key(self, keys: KeyTable, key: int) -> Queues | AmqpError | ByColumns:
        """What a key of a table leads to, and remember it there."""
        entry: Any = keys.cache.get(key)
        if entry is not None and entry[0] == _BY_COLUMNS and entry[1].version == self.version:
            way: ByColumns = entry[1]
            return way
        exchange, routing_key, _, _ = keys[key]
        start = self._start(exchange)
        if isinstance(start, AmqpError):
            return start
        sole: Any = keys.cache.get(_SOLE, start)
        keys.cache[_SOLE] = start if sole is not None and sole.name == exchange else None
        if not exchange:
            keys.cache[key] = (_BY_NAME, routing_key, start)
            return self._by_name.get(routing_key, ())
        needs = self._needs_from(start)
        if needs:
            way = self._way(start, (routing_key,), needs)
            keys.cache[key] = (_BY_COLUMNS, way, start)
            return way
        queues = self._route_cached(start, routing_key)
        keys.cache[key] = (self.version, queues, start)
        return queues

    def start_of(self, batch: Batch) -> Exchange | None:
        """The exchange that all of a batch, which is routed, were published to; None when it cannot be told at once."""
        if batch.features & CC:
            return None
        if batch.key < 0:
            sole: Any = batch.keys.cache.get(_SOLE)
            return sole  # type: ignore[no-any-return]
        entry: Any = batch.keys.cache.get(batch.key)
        return None if entry is None else entry[2]

    def routes_from(self, start: Exchange, batch: Batch) -> list[Cell]:
        """As `routes`, but all begin at this exchange, whatever they were published to."""
        if batch.features & CC:
            return self._routes_with_copies(batch, start)
        cells = Gathered()
        for key, rows in batch.partition():
            assert isinstance(key, int)
            self._add_from(start, (batch.keys[key][1],), batch, rows, cells)
        return self._finish(batch, cells)

    def _way(self, start: Exchange, keys: tuple[str, ...], needs: tuple[Need, ...]) -> ByColumns:
        alone = not self._links.get(start) and start.alternate is None and not start.records
        by_chance = any(isinstance(need, Chance) for need in needs)
        return ByColumns(self.version, start, keys, needs, alone, by_chance)

    def _by_columns(
        self,
        batch: Batch,
        rows: Selection | None,
        way: ByColumns,
        cells: Gathered,
        numbers: Sequence[int] | None = None,
    ) -> None:
        """Partition the rows of one key by what the exchanges on its way look at, and route each combination once.

        If one goes by chance they wait for the `numbers`, one for each row of the batch.
        """
        if way.by_chance and numbers is None:
            cells.by_chance.append((way, rows))
            return
        parts: list[tuple[tuple[object, ...], Selection | None]] = [((), rows)]
        drawn = 0
        for need in way.needs:
            if isinstance(need, Chance):
                assert numbers is not None
                parts = [
                    ((*values, value), smaller)
                    for values, part in parts
                    for value, smaller in deal_out(part, need.choices, numbers, drawn)
                ]
                drawn += 1
                continue
            column, name = need
            if column != COLUMN_PROPERTY and not batch.features & HEADERS:
                parts = [((*values, None), part) for values, part in parts]
                continue
            parts = [
                ((*values, value), smaller)
                for values, part in parts
                for value, smaller in batch.partition(column, part, name)
            ]
        cells.sorted = False
        for values, part in parts:
            found: Any
            try:
                if way.alone:
                    found = tuple(dict.fromkeys(match(way.start, way.keys, values)))
                else:
                    found = self._route(way.start, way.keys, dict(zip(way.needs, values, strict=True)))
            except AmqpError as error:  # a header that cannot be decoded
                found = error
            cells.add(found, part)

    # -- one message ---------------------------------------------------------------------------------------------

    def _needs_from(self, start: Exchange) -> tuple[Need, ...]:
        """What the exchanges that a message may come to look at."""
        needs = self._needs.get(start)
        if needs is None:
            met: dict[Need, None] = {}
            for exchange in self._reachable(start):
                met.update(dict.fromkeys(exchange.needs))
            needs = self._needs[start] = tuple(met)
        return needs

    def _reachable(self, start: Exchange) -> list[Exchange]:
        met = {start: None}
        todo = [start]
        for exchange in todo:
            following = [*self._links.get(exchange, ())]
            if (alternate := self.alternate_of(exchange)) is not None:
                following.append(alternate)
            for other in following:
                if other not in met:
                    met[other] = None
                    todo.append(other)
        return todo

    def alternate_of(self, exchange: Exchange) -> Exchange | None:
        """Who gets what this one routes nowhere, if it is there."""
        # RabbitMQ: nothing reaches the default exchange this way, since it has no bindings to look at.
        return self.exchanges.get(exchange.alternate) if exchange.alternate else None

    def _route_cached(self, start: Exchange, routing_key: str) -> Queues:
        name = (start.name, routing_key)
        queues = self._cached.get(name)
        if queues is None:
            queues = self._route(start, (routing_key,), {})
            if len(self._cached) >= ROUTES_CACHED_MAX:
                self._cached.clear()
            self._cached[name] = queues
        return queues

    def _route(self, start: Exchange, keys: tuple[str, ...], values: Mapping[Need, object]) -> Queues:
        """The queues that one message reaches. Raises SyntaxError_ when a header that matters is malformed."""
        queues: dict[Queue, None] = {}
        recording: list[Exchange] = []
        met = {start: None}
        todo = [start]
        for exchange in todo:
            if exchange.records:
                recording.append(exchange)
            needs = exchange.needs
            of_message = tuple([values[need] for need in needs]) if needs else ()
            reached: Sequence[Destination] = match(exchange, keys, of_message)
            if not reached and (alternate := self.alternate_of(exchange)) is not None:
                reached = (alternate,)
            for destination in reached:
                if not isinstance(destination, Exchange):
                    queues[destination] = None
                elif destination not in met:
                    met[destination] = None
                    todo.append(destination)
        return Recorded((*queues, *recording)) if recording else tuple(queues)


def match(exchange: Exchange, keys: tuple[str, ...], values: tuple[object, ...]) -> Sequence[Destination]:
    """The destinations of one message with these keys (`Exchange.match`)."""
    if len(keys) == 1 or not exchange.every_key:
        return exchange.match(keys[0], values)
    return [destination for key in keys for destination in exchange.match(key, values)]
