import com.rabbitmq.client.AMQP;
import com.rabbitmq.client.Channel;
import com.rabbitmq.client.Connection;
import com.rabbitmq.client.ConnectionFactory;
import com.rabbitmq.client.DefaultConsumer;
import com.rabbitmq.client.Envelope;
import com.rabbitmq.client.GetResponse;
import com.rabbitmq.client.LongString;
import com.rabbitmq.client.Return;
import com.rabbitmq.client.ShutdownSignalException;
import java.io.IOException;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Date;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;

/**
 * The Java client against the broker at AMQP_HOST:AMQP_PORT; prints `ok STEP` after each step, and fails at the first
 * that is wrong.
 */
final class Client {
    private static final int COUNT = 100;
    private static final int PATIENCE_MS = 30_000;

    private final String queue = "java-queue-" + UUID.randomUUID();
    private final String exchange = "java-exchange-" + UUID.randomUUID();
    private Connection connection;
    private Channel channel;

    public static void main(String[] arguments) throws Exception {
        Client client = new Client();
        client.connect();
        client.declare();
        client.confirm();
        client.consume();
        client.get();
        client.returned();
        client.redeclare();
        client.freshChannel();
        client.large();
        client.headers();
        client.close();
    }

    private static void ok(String step) {
        System.out.println("ok " + step);
    }

    private static void same(Object want, Object have) {
        if (!want.equals(have)) {
            throw new AssertionError("wanted " + want + ", have " + have);
        }
    }

    private static String setting(String name, String otherwise) {
        return System.getenv().getOrDefault(name, otherwise);
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static String text(byte[] body) {
        return new String(body, StandardCharsets.UTF_8);
    }

    private void connect() throws Exception {
        ConnectionFactory factory = new ConnectionFactory();
        factory.setHost(setting("AMQP_HOST", "localhost"));
        factory.setPort(Integer.parseInt(setting("AMQP_PORT", "5672")));
        connection = factory.newConnection("java client");
        ok("connect");
    }

    private void declare() throws Exception {
        channel = connection.createChannel();
        channel.exchangeDeclare(exchange, "direct");
        AMQP.Queue.DeclareOk declared = channel.queueDeclare(queue, false, false, false, null);
        same(queue, declared.getQueue());
        same(0, declared.getMessageCount());
        channel.queueBind(queue, exchange, "key");
        ok("declare");
    }

    private void confirm() throws Exception {
        channel.confirmSelect();
        for (int number = 0; number < COUNT; number++) {
            channel.basicPublish(exchange, "key", null, bytes(String.valueOf(number)));
        }
        channel.waitForConfirmsOrDie(PATIENCE_MS);
        same(COUNT, (int) channel.messageCount(queue));
        ok("confirm");
    }

    private void consume() throws Exception {
        channel.basicQos(10);
        List<String> received = new ArrayList<>();
        CountDownLatch done = new CountDownLatch(COUNT);
        String tag = channel.basicConsume(queue, new DefaultConsumer(channel) {
            @Override
            public void handleDelivery(String tag, Envelope envelope, AMQP.BasicProperties properties, byte[] body)
                    throws IOException {
                received.add(text(body));
                if (received.size() % 10 == 0) { // every tenth acknowledges those before it too
                    getChannel().basicAck(envelope.getDeliveryTag(), true);
                }
                done.countDown();
            }
        });
        done.await();
        channel.basicCancel(tag);
        for (int number = 0; number < COUNT; number++) {
            same(String.valueOf(number), received.get(number));
        }
        same(0, (int) channel.messageCount(queue));
        ok("consume-ack");
    }

    private void publish(AMQP.BasicProperties properties, byte[] body) throws Exception {
        channel.basicPublish("", queue, properties, body);
        channel.waitForConfirmsOrDie(PATIENCE_MS);
    }

    private void get() throws Exception {
        same(true, channel.basicGet(queue, false) == null);
        publish(null, bytes("one"));
        GetResponse got = channel.basicGet(queue, false);
        same("one", text(got.getBody()));
        same(false, got.getEnvelope().isRedeliver());
        channel.basicNack(got.getEnvelope().getDeliveryTag(), false, true);
        got = channel.basicGet(queue, false);
        same(true, got.getEnvelope().isRedeliver());
        channel.basicAck(got.getEnvelope().getDeliveryTag(), false);
        same(true, channel.basicGet(queue, false) == null);
        ok("get");
    }

    private void returned() throws Exception {
        BlockingQueue<Return> returns = new LinkedBlockingQueue<>();
        channel.addReturnListener(returns::add);
        AMQP.BasicProperties properties = new AMQP.BasicProperties.Builder().messageId("m").build();
        channel.basicPublish(exchange, "no such key", true, properties, bytes("lost"));
        channel.waitForConfirmsOrDie(PATIENCE_MS);
        Return back = returns.take();
        same(312, back.getReplyCode());
        same("NO_ROUTE", back.getReplyText());
        same(exchange, back.getExchange());
        same("m", back.getProperties().getMessageId());
        same("lost", text(back.getBody()));
        ok("return");
    }

    private void redeclare() throws Exception {
        Channel refusing = connection.createChannel();
        try {
            refusing.queueDeclare(queue, true, false, false, null);
            throw new AssertionError("declared");
        } catch (IOException wrapped) {
            ShutdownSignalException signal = (ShutdownSignalException) wrapped.getCause();
            AMQP.Channel.Close refused = (AMQP.Channel.Close) signal.getReason();
            same(406, refused.getReplyCode());
            same("PRECONDITION_FAILED - inequivalent arg 'durable' for queue '" + queue
                    + "' in vhost '/': received 'true' but current is 'false'", refused.getReplyText());
        }
        ok("redeclare-406");
    }

    private void freshChannel() throws Exception {
        try (Channel fresh = connection.createChannel()) {
            same(queue, fresh.queueDeclarePassive(queue).getQueue());
        }
        ok("new-channel");
    }

    private void large() throws Exception {
        byte[] body = new byte[1 << 20];
        for (int at = 0; at < body.length; at++) {
            body[at] = (byte) (at * 7);
        }
        publish(null, body);
        same(true, Arrays.equals(body, channel.basicGet(queue, true).getBody()));
        ok("large");
    }

    private static Map<String, Object> table(String name, Object value) {
        Map<String, Object> table = new HashMap<>();
        table.put(name, value);
        return table;
    }

    private void headers() throws Exception {
        Map<String, Object> headers = new HashMap<>();
        headers.put("true", true);
        headers.put("false", false);
        headers.put("byte", (byte) -8);
        headers.put("short", (short) -1600);
        headers.put("int", -320_000);
        headers.put("long", -(1L << 60));
        headers.put("float", 1.5f);
        headers.put("double", 1.1);
        headers.put("decimal", new BigDecimal("12.34"));
        headers.put("date", new Date(1_700_000_000_000L));
        headers.put("text", "grüße");
        headers.put("bytes", new byte[] {0, -1, 1});
        headers.put("null", null);
        headers.put("list", Arrays.asList(1, "two", Arrays.asList(3), table("four", 4)));
        headers.put("table", table("inner", table("most", Arrays.asList(true))));
        publish(new AMQP.BasicProperties.Builder().headers(headers).build(), new byte[0]);
        Map<String, Object> back = channel.basicGet(queue, true).getProps().getHeaders();
        same(plain(headers), plain(back));
        ok("headers");
    }

    /** The same value in classes that compare by content; the client hands texts out as LongString. */
    private static Object plain(Object value) {
        if (value instanceof LongString) {
            return value.toString();
        }
        if (value instanceof byte[]) {
            return Arrays.toString((byte[]) value);
        }
        if (value instanceof List) {
            List<Object> list = new ArrayList<>();
            ((List<?>) value).forEach(item -> list.add(plain(item)));
            return list;
        }
        if (value instanceof Map) {
            Map<Object, Object> map = new HashMap<>();
            ((Map<?, ?>) value).forEach((name, item) -> map.put(name, plain(item)));
            return map;
        }
        return value;
    }

    private void close() throws Exception {
        channel.queueDelete(queue);
        channel.exchangeDelete(exchange);
        channel.close();
        connection.close();
        ok("close");
    }
}
