"""pika, the client of most Python programs: its blocking adapter, and its asyncio adapter."""

from __future__ import annotations

import asyncio
import decimal
import functools
import os
from collections.abc import Callable, Iterator

import pika
import pytest
from pika.adapters.asyncio_connection import AsyncioConnection
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import (
    ChannelClosedByBroker,
    ConnectionClosedByBroker,
    NackError,
    ProbableAccessDeniedError,
    ProbableAuthenticationError,
    UnroutableError,
)

MIB = 1 << 20


@pytest.fixture
def connect(endpoint) -> Iterator[Callable[..., pika.BlockingConnection]]:
    """`connect(frame_max=...)` opens a connection; closed with the test."""
    connections: list[pika.BlockingConnection] = []

    def opened(**options: object) -> pika.BlockingConnection:
        connections.append(pika.BlockingConnection(pika.ConnectionParameters(endpoint.host, endpoint.port, **options)))
        return connections[-1]

    yield opened
    for connection in connections:
        if connection.is_open:
            connection.close()


@pytest.fixture
def connection(connect) -> pika.BlockingConnection:
    return connect()


@pytest.fixture
def channel(connection) -> BlockingChannel:
    return connection.channel()


@pytest.fixture
def own_queue(channel) -> str:
    """A queue that only this test's connection sees."""
    return channel.queue_declare("", exclusive=True).method.queue


def ready(channel: BlockingChannel, queue: str) -> int:
    return channel.queue_declare(queue, passive=True).method.message_count


def closed_with(error: pytest.ExceptionInfo[BaseException]) -> tuple[int, str]:
    return error.value.reply_code, error.value.reply_text


class TestMessages:
    def test_confirmed_publishes_arrive_in_order(self, channel, own_queue):
        channel.confirm_delivery()
        for number in range(200):
            channel.basic_publish("", own_queue, str(number), mandatory=True)
        received = []
        for method, _properties, body in channel.consume(own_queue):
            received.append(int(body))
            channel.basic_ack(method.delivery_tag)
            if len(received) == 200:
                break
        assert received == list(range(200))
        assert channel.cancel() == 0
        assert ready(channel, own_queue) == 0

    @pytest.mark.parametrize("size", [0, 1, 131_064, 131_065, MIB, 5 * MIB])
    def test_bodies_of_any_size_come_back_whole(self, channel, own_queue, size):
        body = (bytes(range(256)) * (size // 256 + 1))[:size]
        channel.confirm_delivery()
        channel.basic_publish("", own_queue, body)
        _method, _properties, received = channel.basic_get(own_queue, auto_ack=True)
        assert received == body

    def test_small_frames_carry_large_messages(self, connect):
        channel = connect(frame_max=8192).channel()
        queue = channel.queue_declare("", exclusive=True).method.queue
        body = bytes(range(256)) * 512
        channel.confirm_delivery()
        channel.basic_publish("", queue, body)
        assert channel.basic_get(queue, auto_ack=True)[2] == body

    def test_get(self, channel, own_queue):
        assert channel.basic_get(own_queue) == (None, None, None)
        for word in (b"one", b"two"):
            channel.basic_publish("", own_queue, word)
        method, _properties, body = channel.basic_get(own_queue)
        assert (body, method.message_count, method.redelivered, method.exchange, method.routing_key) == (
            b"one",
            1,
            False,
            "",
            own_queue,
        )
        channel.basic_reject(method.delivery_tag, requeue=True)
        method, _properties, body = channel.basic_get(own_queue)
        assert (body, method.redelivered) == (b"one", True)

    def test_headers_of_every_type_come_back(self, channel, own_queue):
        headers = {
            "bool": True,
            "no": False,
            "int": 53,
            "negative": -1,
            "long": 1 << 40,
            "decimal": decimal.Decimal("12.34"),
            "text": "grüße",
            "bytes": b"\xff\x00",
            "none": None,
            "list": [1, "two", {"three": 3}, []],
            "table": {"inner": {"most": [True]}},
            "empty": {},
            "long text": "x" * 3000,
        }
        channel.basic_publish("", own_queue, b"", pika.BasicProperties(headers=headers))
        _method, properties, _body = channel.basic_get(own_queue, auto_ack=True)
        # Bytes that are not UTF-8 are bytes again; everything else has its type of before.
        assert properties.headers == headers

    def test_headers_nearly_as_large_as_a_frame(self, channel, own_queue):
        headers = {f"header-{number}": "x" * 1000 for number in range(120)}
        channel.basic_publish("", own_queue, b"", pika.BasicProperties(headers=headers))
        assert channel.basic_get(own_queue, auto_ack=True)[1].headers == headers

    def test_unroutable_mandatory_messages_are_returned_with_and_without_confirms(self, connection, channel, unique):
        returned = []
        channel.add_on_return_callback(lambda *arguments: returned.append(arguments))
        properties = pika.BasicProperties(message_id="m", headers={"a": 1})
        channel.basic_publish("amq.direct", unique("key"), b"lost", properties, mandatory=True)
        channel.basic_qos()  # a question, so that its answer comes after what was returned
        connection.process_data_events()
        [(_channel, method, got, body)] = returned
        assert (method.reply_code, method.reply_text, method.exchange, body) == (
            312,
            "NO_ROUTE",
            "amq.direct",
            b"lost",
        )
        assert (got.message_id, got.headers) == ("m", {"a": 1})
        channel.confirm_delivery()
        with pytest.raises(UnroutableError) as unroutable:
            channel.basic_publish("amq.direct", unique("key"), b"lost again", mandatory=True)
        assert [message.body for message in unroutable.value.messages] == [b"lost again"]
        assert not isinstance(unroutable.value, NackError)

    def test_transaction(self, channel, own_queue):
        channel.basic_publish("", own_queue, b"before")
        channel.tx_select()
        method, _properties, _body = channel.basic_get(own_queue)
        channel.basic_ack(method.delivery_tag)
        channel.basic_publish("", own_queue, b"in")
        channel.tx_rollback()
        channel.basic_ack(method.delivery_tag)
        channel.basic_publish("", own_queue, b"in again")
        channel.tx_commit()
        assert channel.basic_get(own_queue, auto_ack=True)[2] == b"in again"
        assert channel.basic_get(own_queue) == (None, None, None)


class TestConsumers:
    def test_prefetch_holds_back_until_acknowledged(self, connection, channel, own_queue):
        channel.confirm_delivery()
        for number in range(5):
            channel.basic_publish("", own_queue, str(number))
        tags: list[int] = []
        channel.basic_qos(prefetch_count=2)
        channel.basic_consume(own_queue, lambda _channel, method, *_rest: tags.append(method.delivery_tag))
        while len(tags) < 2:
            connection.process_data_events(1)
        assert ready(channel, own_queue) == 3
        assert tags == [1, 2]
        channel.basic_ack(2, multiple=True)
        while len(tags) < 4:
            connection.process_data_events(1)
        assert ready(channel, own_queue) == 1

    def test_prefetch_of_the_channel_is_shared(self, connection, channel, unique):
        queues = [channel.queue_declare("", exclusive=True).method.queue for _ in range(2)]
        channel.confirm_delivery()
        for queue in queues:
            for _ in range(5):
                channel.basic_publish("", queue, b"")
        tags: list[int] = []
        channel.basic_qos(prefetch_count=3, global_qos=True)
        for queue in queues:
            channel.basic_consume(queue, lambda _channel, method, *_rest: tags.append(method.delivery_tag))
        while len(tags) < 3:
            connection.process_data_events(1)
        assert sum(ready(channel, queue) for queue in queues) == 7
        assert len(tags) == 3

    def test_unacknowledged_go_back_in_order_when_the_channel_closes(self, connection, channel, own_queue):
        for number in range(4):
            channel.basic_publish("", own_queue, str(number))
        other = connection.channel()
        seen = [other.basic_get(own_queue)[2] for _ in range(3)]
        assert seen == [b"0", b"1", b"2"]
        other.close()
        again = [channel.basic_get(own_queue, auto_ack=True) for _ in range(4)]
        assert [body for _method, _properties, body in again] == [b"0", b"1", b"2", b"3"]
        assert [method.redelivered for method, _properties, _body in again] == [True, True, True, False]

    def test_cancelled_when_the_queue_is_deleted(self, connection, channel, own_queue):
        cancelled = []
        channel.add_on_cancel_callback(lambda frame: cancelled.append(frame.method.consumer_tag))
        tag = channel.basic_consume(own_queue, lambda *_: None)
        connection.channel().queue_delete(own_queue)
        while not cancelled:
            connection.process_data_events(1)
        assert cancelled == [tag]
        assert tag.startswith("ctag1.")

    def test_exclusive_consumer_keeps_others_out(self, connection, channel, own_queue):
        channel.basic_consume(own_queue, lambda *_: None, exclusive=True)
        with pytest.raises(ChannelClosedByBroker) as refused:
            connection.channel().basic_consume(own_queue, lambda *_: None)
        assert closed_with(refused) == (403, f"ACCESS_REFUSED - queue '{own_queue}' in vhost '/' in exclusive use")

    def test_higher_priorities_first(self, connection, channel, own_queue):
        received: list[str] = []
        channel.basic_qos(prefetch_count=2)
        for priority in (0, 5):
            channel.basic_consume(
                own_queue,
                lambda _c, method, *_rest: received.append(method.consumer_tag),
                consumer_tag=f"{priority}",
                arguments={"x-priority": priority},
            )
        for _ in range(4):
            channel.basic_publish("", own_queue, b"")
        while len(received) < 4:
            connection.process_data_events(1)
        assert received == ["5", "5", "0", "0"]

    def test_a_single_active_consumer_and_who_follows(self, connect, unique):
        queue = unique("single")
        first, second = connect(), connect()
        channels = [first.channel(), second.channel()]
        received: list[tuple[str, bytes, bool]] = []

        def take(_channel, method, _properties, body):
            received.append((method.consumer_tag, body, method.redelivered))

        channels[0].queue_declare(queue, arguments={"x-single-active-consumer": True})
        for channel, tag in zip(channels, ("one", "two"), strict=True):
            channel.basic_consume(queue, take, consumer_tag=tag)
        for body in (b"a", b"b"):
            channels[1].basic_publish("", queue, body)
        while len(received) < 2:
            first.process_data_events(1)
        channels[0].basic_ack(1)
        first.close()
        while len(received) < 3:
            second.process_data_events(1)
        assert received == [("one", b"a", False), ("one", b"b", False), ("two", b"b", True)]
        channels[1].queue_delete(queue)

    @pytest.mark.skipif("LEVERET_TEST_BROKER" in os.environ, reason="RabbitMQ's classic queues wait for ever")
    def test_a_consumer_that_is_too_slow_is_cancelled(self, connection, channel, own_queue):
        cancelled = []
        channel.add_on_cancel_callback(lambda frame: cancelled.append(frame.method.consumer_tag))
        channel.basic_publish("", own_queue, b"a")
        tag = channel.basic_consume(own_queue, lambda *_: None, arguments={"x-consumer-timeout": 200})
        while not cancelled:
            connection.process_data_events(1)
        assert cancelled == [tag]
        channel.basic_ack(1)  # too late, which hurts nobody
        method, _properties, body = channel.basic_get(own_queue, auto_ack=True)
        assert (body, method.redelivered) == (b"a", True)

    def test_two_channels_share_one_connection(self, connection, channel, own_queue):
        other = connection.channel()
        received: list[tuple[int, bytes]] = []

        def take(which, taker, method, _properties, body):
            received.append((which, body))
            taker.basic_ack(method.delivery_tag)

        channel.basic_consume(own_queue, functools.partial(take, 1))
        other.basic_consume(own_queue, functools.partial(take, 2))
        for number in range(10):
            channel.basic_publish("", own_queue, str(number))
        while len(received) < 10:
            connection.process_data_events(1)
        assert sorted(which for which, _body in received) == [1] * 5 + [2] * 5

    def test_acknowledged_in_any_order(self, channel, own_queue):
        for number in range(6):
            channel.basic_publish("", own_queue, str(number))
        tags = [channel.basic_get(own_queue)[0].delivery_tag for _ in range(6)]
        channel.basic_ack(tags[4])
        channel.basic_nack(tags[2], multiple=True, requeue=True)
        channel.basic_ack(tags[5])
        channel.basic_reject(tags[3], requeue=False)
        assert [channel.basic_get(own_queue, auto_ack=True)[2] for _ in range(4)] == [b"0", b"1", b"2", None]


class TestObjects:
    def test_queue_life(self, channel, unique):
        name = unique("queue")
        declared = channel.queue_declare(name, durable=True).method
        assert (declared.queue, declared.message_count, declared.consumer_count) == (name, 0, 0)
        channel.confirm_delivery()  # a count of messages is only sure of those that are confirmed
        for _ in range(3):
            channel.basic_publish("", name, b"")
        assert channel.queue_declare(name, durable=True).method.message_count == 3
        assert channel.queue_purge(name).method.message_count == 3
        channel.basic_publish("", name, b"")
        assert channel.queue_delete(name).method.message_count == 1
        assert channel.queue_delete(name).method.message_count == 0

    def test_server_named_queue_is_the_current_one(self, channel):
        name = channel.queue_declare("", exclusive=True).method.queue
        assert name.startswith("amq.gen-")
        channel.queue_bind("", "amq.fanout")
        channel.basic_publish("amq.fanout", "", b"x")
        assert channel.basic_get("", auto_ack=True)[2] == b"x"

    def test_auto_delete(self, connection, channel, unique):
        exchange, queue = unique("exchange"), unique("queue")
        channel.exchange_declare(exchange, "direct", auto_delete=True)
        channel.queue_declare(queue, auto_delete=True)
        channel.queue_bind(queue, exchange, "key")
        tag = channel.basic_consume(queue, lambda *_: None)
        channel.basic_cancel(tag)
        with pytest.raises(ChannelClosedByBroker) as no_queue:
            channel.queue_declare(queue, passive=True)
        assert closed_with(no_queue) == (404, f"NOT_FOUND - no queue '{queue}' in vhost '/'")
        with pytest.raises(ChannelClosedByBroker) as no_exchange:
            connection.channel().exchange_declare(exchange, passive=True)
        assert closed_with(no_exchange) == (404, f"NOT_FOUND - no exchange '{exchange}' in vhost '/'")

    def test_bindings_twice_is_once_and_unbinding_ends_it(self, channel, own_queue, unique):
        exchange = unique("exchange")
        channel.exchange_declare(exchange, "topic")
        for _ in range(2):
            channel.queue_bind(own_queue, exchange, "a.*")
        channel.queue_bind(own_queue, exchange, "a.#")
        channel.confirm_delivery()
        channel.basic_publish(exchange, "a.b", b"")
        assert ready(channel, own_queue) == 1
        channel.queue_unbind(own_queue, exchange, "a.*")
        channel.queue_unbind(own_queue, exchange, "a.#")
        channel.queue_unbind(own_queue, exchange, "never bound")
        channel.basic_publish(exchange, "a.b", b"")
        assert ready(channel, own_queue) == 1
        channel.exchange_delete(exchange)


class TestRefusals:
    """Errors that close a channel, and leave the connection and its other channels as they were."""

    @pytest.fixture(autouse=True)
    def others_are_untouched(self, connection):
        bystander = connection.channel()
        queue = bystander.queue_declare("", exclusive=True).method.queue
        yield
        bystander.basic_publish("", queue, b"still here")
        assert bystander.basic_get(queue, auto_ack=True)[2] == b"still here"

    def test_other_durability(self, connection, channel, unique):
        name = unique("queue")
        channel.queue_declare(name, auto_delete=True)
        with pytest.raises(ChannelClosedByBroker) as refused:
            channel.queue_declare(name, durable=True, auto_delete=True)
        assert closed_with(refused) == (
            406,
            f"PRECONDITION_FAILED - inequivalent arg 'durable' for queue '{name}' in vhost '/': "
            "received 'true' but current is 'false'",
        )
        connection.channel().queue_delete(name)

    def test_other_exchange_type(self, connection, channel, unique):
        name = unique("exchange")
        channel.exchange_declare(name, "direct")
        with pytest.raises(ChannelClosedByBroker) as refused:
            channel.exchange_declare(name, "fanout")
        assert closed_with(refused) == (
            406,
            f"PRECONDITION_FAILED - inequivalent arg 'type' for exchange '{name}' in vhost '/': "
            "received 'fanout' but current is 'direct'",
        )
        connection.channel().exchange_delete(name)

    @pytest.mark.parametrize(
        "ask",
        [
            lambda channel, name: channel.queue_declare(name, passive=True),
            lambda channel, name: channel.queue_bind(name, "amq.direct"),
            lambda channel, name: channel.queue_purge(name),
            lambda channel, name: channel.basic_get(name),
            lambda channel, name: channel.basic_consume(name, lambda *_: None),
        ],
    )
    def test_missing_queue(self, channel, unique, ask):
        name = unique("queue")
        with pytest.raises(ChannelClosedByBroker) as refused:
            ask(channel, name)
        assert closed_with(refused) == (404, f"NOT_FOUND - no queue '{name}' in vhost '/'")

    @pytest.mark.parametrize(
        "ask",
        [
            lambda channel, name: channel.exchange_declare(name, passive=True),
            lambda channel, name: channel.queue_bind(channel.queue_declare("", exclusive=True).method.queue, name),
            lambda channel, name: channel.basic_publish(name, "", b"") or channel.basic_qos(),
        ],
    )
    def test_missing_exchange(self, channel, unique, ask):
        name = unique("exchange")
        with pytest.raises(ChannelClosedByBroker) as refused:
            ask(channel, name)
        assert closed_with(refused) == (404, f"NOT_FOUND - no exchange '{name}' in vhost '/'")

    def test_reserved_names(self, channel):
        with pytest.raises(ChannelClosedByBroker) as refused:
            channel.queue_declare("amq.mine")
        assert closed_with(refused) == (
            403,
            "ACCESS_REFUSED - queue name 'amq.mine' contains reserved prefix 'amq.*'",
        )

    def test_default_exchange_is_not_for_binding(self, channel, own_queue):
        with pytest.raises(ChannelClosedByBroker) as refused:
            channel.queue_bind(own_queue, "", "key")
        assert closed_with(refused) == (403, "ACCESS_REFUSED - operation not permitted on the default exchange")

    def test_internal_exchange_is_not_for_publishing(self, connection, channel, unique):
        name = unique("exchange")
        channel.exchange_declare(name, "fanout", internal=True)
        channel.basic_publish(name, "", b"")
        with pytest.raises(ChannelClosedByBroker) as refused:
            channel.basic_qos()
        assert closed_with(refused) == (
            403,
            f"ACCESS_REFUSED - cannot publish to internal exchange '{name}' in vhost '/'",
        )
        connection.channel().exchange_delete(name)

    @pytest.mark.parametrize("settle", ["basic_ack", "basic_nack", "basic_reject"])
    def test_unknown_delivery_tag(self, channel, settle):
        getattr(channel, settle)(7)
        with pytest.raises(ChannelClosedByBroker) as refused:
            channel.basic_qos()
        assert closed_with(refused) == (406, "PRECONDITION_FAILED - unknown delivery tag 7")

    def test_deletes_with_conditions(self, connection, channel, unique):
        name = unique("queue")
        channel.queue_declare(name)
        channel.confirm_delivery()
        channel.basic_publish("", name, b"")
        with pytest.raises(ChannelClosedByBroker) as not_empty:
            channel.queue_delete(name, if_empty=True)
        assert closed_with(not_empty) == (406, f"PRECONDITION_FAILED - queue '{name}' in vhost '/' not empty")
        channel = connection.channel()
        channel.basic_consume(name, lambda *_: None, consumer_tag="busy")
        with pytest.raises(ChannelClosedByBroker) as in_use:
            connection.channel().queue_delete(name, if_unused=True)
        assert closed_with(in_use) == (406, f"PRECONDITION_FAILED - queue '{name}' in vhost '/' in use")
        channel.queue_delete(name)

    def test_confirms_and_transactions_exclude_each_other(self, connection, channel):
        channel.confirm_delivery()
        with pytest.raises(ChannelClosedByBroker) as confirming:
            channel.tx_select()
        assert closed_with(confirming) == (406, "PRECONDITION_FAILED - cannot switch from confirm to tx mode")
        other = connection.channel()
        with pytest.raises(ChannelClosedByBroker) as not_selected:
            other.tx_commit()
        assert closed_with(not_selected) == (406, "PRECONDITION_FAILED - channel is not transactional")

    def test_foreign_user_id(self, channel, own_queue):
        channel.basic_publish("", own_queue, b"", pika.BasicProperties(user_id="somebody"))
        with pytest.raises(ChannelClosedByBroker) as refused:
            channel.basic_qos()
        assert closed_with(refused) == (
            406,
            "PRECONDITION_FAILED - user_id property set to 'somebody' but authenticated user was 'guest'",
        )


class TestConnections:
    # pika leaves the sockets of its wake-up pair to the garbage collector when a connection is refused.
    @pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
    @pytest.mark.usefixtures("collected")
    def test_wrong_password(self, connect):
        with pytest.raises(ProbableAuthenticationError, match="ACCESS_REFUSED - Login was refused"):
            connect(credentials=pika.PlainCredentials("guest", "wrong"))

    @pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
    @pytest.mark.usefixtures("collected")
    def test_unknown_vhost(self, connect):
        with pytest.raises(ProbableAccessDeniedError, match=r"\(530\) 'NOT_ALLOWED - vhost nowhere not found'"):
            connect(virtual_host="nowhere")

    def test_a_consumer_tag_twice_closes_the_connection(self, connect):
        connection = connect()
        channel = connection.channel()
        queue = channel.queue_declare("", exclusive=True).method.queue
        channel.basic_consume(queue, lambda *_: None, consumer_tag="twice")
        # pika itself refuses a tag of its own channel, so the broker is asked underneath it.
        channel._impl._send_method(pika.spec.Basic.Consume(queue=queue, consumer_tag="twice"))
        with pytest.raises(ConnectionClosedByBroker) as refused:
            channel.basic_qos()
        assert closed_with(refused) == (530, "NOT_ALLOWED - attempt to reuse consumer tag 'twice'")

    def test_what_the_broker_says_of_itself(self, connection):
        impl = connection._impl
        assert set(impl.server_properties) >= {"product", "version", "platform", "information", "capabilities"}
        assert impl.publisher_confirms
        assert impl.exchange_exchange_bindings
        assert impl.basic_nack
        assert impl.consumer_cancel_notify

    def test_heartbeats_keep_an_idle_connection(self, connect):
        connection = connect(heartbeat=1)
        channel = connection.channel()
        connection.process_data_events(3.5)
        assert channel.queue_declare("", exclusive=True).method.queue


class TestAsyncio:
    """The asyncio adapter calls back; a small wrapper makes its answers awaitable."""

    @pytest.fixture
    async def opened(self, endpoint):
        loop = asyncio.get_running_loop()
        future: asyncio.Future[AsyncioConnection] = loop.create_future()
        closed: asyncio.Future[BaseException] = loop.create_future()
        connection = AsyncioConnection(
            pika.ConnectionParameters(endpoint.host, endpoint.port),
            on_open_callback=future.set_result,
            on_open_error_callback=lambda _connection, error: future.set_exception(error),
            on_close_callback=lambda _connection, reason: closed.set_result(reason),
        )
        yield await future
        connection.close()
        assert (await closed).reply_code == 200

    @staticmethod
    async def ask(function, *arguments, **options):
        """The answer that the function hands to its callback."""
        answer = asyncio.get_running_loop().create_future()
        function(*arguments, callback=answer.set_result, **options)
        return await answer

    @staticmethod
    async def channel_of(connection: AsyncioConnection):
        future = asyncio.get_running_loop().create_future()
        connection.channel(on_open_callback=future.set_result)
        return await future

    async def test_publish_confirm_consume(self, opened):
        channel = await self.channel_of(opened)
        confirmed = asyncio.Event()
        highest = 0

        def on_confirm(frame):
            nonlocal highest
            assert isinstance(frame.method, pika.spec.Basic.Ack)
            highest = max(highest, frame.method.delivery_tag)
            if highest == 500:
                confirmed.set()

        selected = asyncio.get_running_loop().create_future()
        channel.confirm_delivery(on_confirm, callback=selected.set_result)
        await selected
        queue = (await self.ask(channel.queue_declare, "", exclusive=True)).method.queue
        for number in range(500):
            channel.basic_publish("", queue, str(number))
        await confirmed.wait()
        received: asyncio.Queue[tuple[int, bytes]] = asyncio.Queue()
        await self.ask(channel.basic_qos, prefetch_count=50)
        channel.basic_consume(
            queue, lambda _channel, method, _properties, body: received.put_nowait((method.delivery_tag, body))
        )
        for number in range(500):
            tag, body = await received.get()
            assert (tag, body) == (number + 1, str(number).encode())
            if tag % 25 == 0:
                channel.basic_ack(tag, multiple=True)
        assert (await self.ask(channel.queue_declare, queue, passive=True)).method.message_count == 0

    async def test_an_error_closes_the_channel_only(self, opened, unique):
        channel = await self.channel_of(opened)
        closed = asyncio.get_running_loop().create_future()
        channel.add_on_close_callback(lambda _channel, reason: closed.set_result(reason))
        name = unique("queue")
        channel.basic_publish("", name, b"x")
        channel.queue_declare(name, passive=True)
        reason = await closed
        assert (reason.reply_code, reason.reply_text) == (404, f"NOT_FOUND - no queue '{name}' in vhost '/'")
        other = await self.channel_of(opened)
        assert other.channel_number != 0
        assert (await self.ask(other.queue_declare, "", exclusive=True)).method.queue
