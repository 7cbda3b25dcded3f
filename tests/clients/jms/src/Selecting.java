import com.rabbitmq.jms.admin.RMQConnectionFactory;
import jakarta.jms.Connection;
import jakarta.jms.InvalidSelectorException;
import jakarta.jms.Message;
import jakarta.jms.MessageConsumer;
import jakarta.jms.MessageProducer;
import jakarta.jms.Session;
import jakarta.jms.TextMessage;
import jakarta.jms.Topic;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;

/**
 * RabbitMQ's JMS client against the broker at AMQP_HOST:AMQP_PORT: subscriptions with selectors; prints `ok STEP` after
 * each step, and fails at the first that is wrong.
 */
final class Selecting {
    private static final int PATIENCE_MS = 30_000;
    private static final String LAST = "last";

    private final Session session;
    private final Topic topic;

    private Selecting(Connection connection) throws Exception {
        session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        topic = session.createTopic("selecting-" + UUID.randomUUID());
    }

    public static void main(String[] arguments) throws Exception {
        RMQConnectionFactory factory = new RMQConnectionFactory();
        factory.setHost(System.getenv("AMQP_HOST"));
        factory.setPort(Integer.parseInt(System.getenv("AMQP_PORT")));
        try (Connection connection = factory.createConnection()) {
            connection.setClientID("client-" + UUID.randomUUID());
            connection.start();
            ok("connect");
            Selecting selecting = new Selecting(connection);
            selecting.select();
            selecting.refuse();
        }
        ok("close");
    }

    /** Each subscriber gets the messages that its selector selects, and the last, which all select. */
    private void select() throws Exception {
        String[] selectors = {
            "colour = 'blue'",
            "weight BETWEEN 2 AND 4 OR colour IN ('red', 'it''s')",
            "colour LIKE 'b%e' AND NOT weight * 2 > 5",
            "urgent AND size <= 1.5",
            "colour IS NULL OR JMSType = 'kind'",
        };
        String[] wanted = {"blue 1, blue 5", "red 2, red 3, nothing", "blue 1", "red 3", "red 2, nothing"};
        List<MessageConsumer> consumers = new ArrayList<>();
        for (String selector : selectors) {
            consumers.add(session.createConsumer(topic, "(" + selector + ") OR done"));
        }
        consumers.add(session.createDurableSubscriber(topic, "durable", "weight >= 3 OR done", false));
        consumers.add(session.createConsumer(topic));
        ok("subscribe");
        MessageProducer producer = session.createProducer(topic);
        send(producer, "blue", 1, false, 1.0, null);
        send(producer, "red", 2, false, 1.0, "kind");
        send(producer, "red", 3, true, 1.5, "other");
        send(producer, "blue", 5, true, 2.5, null);
        TextMessage nothing = session.createTextMessage("nothing");
        nothing.setLongProperty("weight", 4);
        producer.send(nothing);
        TextMessage last = session.createTextMessage(LAST);
        last.setBooleanProperty("done", true);
        last.setStringProperty("colour", "");
        producer.send(last);
        ok("publish");
        for (int number = 0; number < wanted.length; number++) {
            same(wanted[number], received(consumers.get(number)));
        }
        same("red 3, blue 5, nothing", received(consumers.get(wanted.length)));
        same("blue 1, red 2, red 3, blue 5, nothing", received(consumers.get(wanted.length + 1)));
        ok("select");
        for (MessageConsumer consumer : consumers) {
            consumer.close();
        }
        session.unsubscribe("durable");
        ok("unsubscribe");
    }

    private void send(MessageProducer producer, String colour, int weight, boolean urgent, double size, String type)
            throws Exception {
        TextMessage message = session.createTextMessage(colour + " " + weight);
        message.setStringProperty("colour", colour);
        message.setIntProperty("weight", weight);
        message.setBooleanProperty("urgent", urgent);
        message.setDoubleProperty("size", size);
        message.setJMSType(type);
        producer.send(message);
    }

    private static String received(MessageConsumer consumer) throws Exception {
        List<String> texts = new ArrayList<>();
        while (true) {
            Message message = consumer.receive(PATIENCE_MS);
            if (message == null) {
                throw new AssertionError("only " + texts);
            }
            String text = ((TextMessage) message).getText();
            if (text.equals(LAST)) {
                return String.join(", ", texts);
            }
            texts.add(text);
        }
    }

    private void refuse() throws Exception {
        try {
            session.createConsumer(topic, "colour = ").close();
            throw new AssertionError("nonsense was taken");
        } catch (InvalidSelectorException expected) {
            ok("nonsense");
        }
    }

    private static void ok(String step) {
        System.out.println("ok " + step);
    }

    private static void same(String want, String have) {
        if (!want.equals(have)) {
            throw new AssertionError("wanted " + want + ", have " + have);
        }
    }
}
