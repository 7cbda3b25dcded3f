// A tour of com.rabbitmq:http-client (Hop): what each step came to, one line of JSON for each.
// Arguments: the URL of the API, the port of AMQP, and the name of a connection that is open.

import com.fasterxml.jackson.databind.ObjectMapper;
import com.rabbitmq.http.client.Client;
import com.rabbitmq.http.client.ClientParameters;
import com.rabbitmq.http.client.GetAckMode;
import com.rabbitmq.http.client.GetEncoding;
import com.rabbitmq.http.client.HttpClientException;
import com.rabbitmq.http.client.HttpServerException;
import com.rabbitmq.http.client.domain.*;
import java.util.*;
import java.util.function.Function;
import java.util.stream.Collectors;

public final class Tour {
  static final long PATIENCE_MS = 60_000;
  static final ObjectMapper JSON = new ObjectMapper();

  interface Step {
    Object run() throws Exception;
  }

  interface Change {
    void run() throws Exception;
  }

  static void say(String step, Step what) throws Exception {
    Map<String, Object> line = new TreeMap<>();
    line.put("step", step);
    try {
      line.put("value", what.run());
    } catch (HttpClientException error) {
      line.put("error", error.status());
    } catch (HttpServerException error) {
      line.put("error", error.status());
    }
    System.out.println(JSON.writeValueAsString(line));
  }

  static void change(String step, Change what) throws Exception {
    say(step, () -> {
      what.run();
      return "done";
    });
  }

  static Map<String, Object> of(Object... pairs) {
    Map<String, Object> made = new TreeMap<>();
    for (int place = 0; place < pairs.length; place += 2) made.put((String) pairs[place], pairs[place + 1]);
    return made;
  }

  static <T> List<Object> each(List<T> items, Function<T, Object> shown) {
    return items.stream().map(shown).collect(Collectors.toList());
  }

  static Object exchange(ExchangeInfo one) {
    return of("vhost", one.getVhost(), "name", one.getName(), "type", one.getType(), "durable", one.isDurable(),
        "auto_delete", one.isAutoDelete(), "internal", one.isInternal(), "arguments", one.getArguments());
  }

  static Object queue(QueueInfo one) {
    return of("vhost", one.getVhost(), "name", one.getName(), "durable", one.isDurable(), "exclusive", one.isExclusive(),
        "auto_delete", one.isAutoDelete(), "arguments", one.getArguments(), "type", one.getType());
  }

  static Object binding(BindingInfo one) {
    return of("vhost", one.getVhost(), "source", one.getSource(), "destination", one.getDestination(), "type",
        one.getDestinationType(), "key", one.getRoutingKey(), "arguments", one.getArguments());
  }

  static Object policy(PolicyInfo one) {
    return of("vhost", one.getVhost(), "name", one.getName(), "pattern", one.getPattern(), "to", one.getApplyTo(),
        "priority", one.getPriority(), "definition", one.getDefinition());
  }

  static Object permission(UserPermissions one) {
    return of("user", one.getUser(), "vhost", one.getVhost(), "configure", one.getConfigure(), "write", one.getWrite(),
        "read", one.getRead());
  }

  static Object topic(TopicPermissions one) {
    return of("user", one.getUser(), "vhost", one.getVhost(), "exchange", one.getExchange(), "write", one.getWrite(),
        "read", one.getRead());
  }

  static Object limits(VhostLimits one) {
    return of("vhost", one.getVhost(), "queues", one.getMaxQueues(), "connections", one.getMaxConnections());
  }

  static Object message(InboundMessage one) {
    return of("payload", one.getPayload(), "encoding", one.getPayloadEncoding(), "bytes", one.getPayloadBytes(), "left",
        one.getMessageCount(), "key", one.getRoutingKey(), "redelivered", one.isRedelivered(), "properties", one.getProperties());
  }

  static Client client(String url, String user, String password) throws Exception {
    return new Client(new ClientParameters().url(url).username(user).password(password));
  }

  public static void main(String[] arguments) throws Exception {
    String url = arguments[0] + "/api/";
    Client c = client(url, "guest", "guest");
    say("whoami", () -> of("name", c.whoAmI().getName(), "tags", c.whoAmI().getTags()));
    say("overview", () -> of("queues", c.getOverview().getObjectTotals().getQueues(), "rates", c.getOverview().getRatesMode()));
    say("aliveness", () -> c.alivenessTest("/"));
    say("nodes", () -> each(c.getNodes(), one -> of("running", one.isRunning(), "disk", one.isDiskNode(), "type", one.getType())));
    say("node", () -> c.getNode(c.getNodes().get(0).getName()).isRunning());
    String cluster = c.getClusterName().getName();
    change("name the cluster", () -> c.setClusterName("warren"));
    say("cluster name", () -> c.getClusterName().getName());
    c.setClusterName(cluster);
    say("extensions", () -> c.getExtensions() != null);
    say("wrong password", () -> client(url, "guest", "wrong").whoAmI().getName());
    tenants(c, url);
    objects(c);
    messages(c);
    rules(c);
    traffic(c, arguments[2]);
    change("delete user", () -> c.deleteUser("ann"));
    change("delete user again", () -> c.deleteUser("ann"));
    change("delete vhost", () -> c.deleteVhost("hats"));
    change("delete vhost again", () -> c.deleteVhost("hats"));
    say("vhosts left", () -> each(c.getVhosts(), VhostInfo::getName));
  }

  static void tenants(Client c, String url) throws Exception {
    change("create vhost", () -> c.createVhost("hats", "hats", "a", "b"));
    change("create vhost again", () -> c.createVhost("hats", "hats", "a", "b"));
    say("vhost", () -> of("name", c.getVhost("hats").getName(), "tags", c.getVhost("hats").getTags(), "description",
        c.getVhost("hats").getDescription(), "tracing", c.getVhost("hats").isTracing()));
    say("no vhost", () -> c.getVhost("nowhere") == null);
    say("vhosts", () -> each(c.getVhosts(), VhostInfo::getName));
    change("create user", () -> c.createUser("ann", "secret".toCharArray(), List.of("monitoring")));
    change("update user", () -> c.updateUser("ann", "other".toCharArray(), List.of("management")));
    change("create user with hash", () -> c.createUserWithPasswordHash("carl",
        "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR".toCharArray(), List.of("administrator")));
    say("whoami with hash", () -> client(url, "carl", "test12").whoAmI().getTags());
    say("user", () -> of("name", c.getUser("ann").getName(), "tags", c.getUser("ann").getTags()));
    say("no user", () -> c.getUser("nobody") == null);
    say("users", () -> each(c.getUsers(), one -> of("name", one.getName(), "tags", one.getTags())));
    say("not an administrator", () -> client(url, "ann", "other").getUsers().size());
    change("delete another user", () -> c.deleteUser("carl"));
    change("permissions", () -> c.updatePermissions("hats", "ann", new UserPermissions("^a", ".*", ".*")));
    say("permission", () -> permission(c.getPermissions("hats", "ann")));
    say("no permission", () -> c.getPermissions("hats", "nobody") == null);
    say("all permissions", () -> each(c.getPermissions(), Tour::permission));
    say("permissions in", () -> each(c.getPermissionsIn("hats"), Tour::permission));
    say("permissions of", () -> each(c.getPermissionsOf("ann"), Tour::permission));
    change("topic permissions", () -> c.updateTopicPermissions("hats", "ann", new TopicPermissions("amq.topic", "^a", ".*")));
    say("topic permission", () -> each(c.getTopicPermissions("hats", "ann"), Tour::topic));
    say("all topic permissions", () -> each(c.getTopicPermissions(), Tour::topic));
    say("topic permissions in", () -> each(c.getTopicPermissionsIn("hats"), Tour::topic));
    change("clear topic permissions", () -> c.clearTopicPermissions("hats", "ann"));
    change("clear permissions", () -> c.clearPermissions("hats", "ann"));
    change("clear permissions again", () -> c.clearPermissions("hats", "ann"));
    change("limit queues", () -> c.limitMaxNumberOfQueues("hats", 100));
    change("limit connections", () -> c.limitMaxNumberOfConnections("hats", 200));
    say("limits in", () -> limits(c.getVhostLimits("hats")));
    say("all limits", () -> each(c.getVhostLimits(), Tour::limits));
    change("clear limit of queues", () -> c.clearMaxQueuesLimit("hats"));
    change("clear limit of connections", () -> c.clearMaxConnectionsLimit("hats"));
    say("no limits", () -> limits(c.getVhostLimits("hats")));
  }

  static void objects(Client c) throws Exception {
    change("declare exchange", () -> c.declareExchange("hats", "x", new ExchangeInfo("topic", true, false)));
    change("declare exchange again", () -> c.declareExchange("hats", "x", new ExchangeInfo("topic", true, false)));
    change("declare another exchange", () -> c.declareExchange("hats", "x", new ExchangeInfo("direct", true, false)));
    change("declare exchange with arguments", () -> c.declareExchange("hats", "y z",
        new ExchangeInfo("fanout", false, true, true, Map.of("alternate-exchange", "x"))));
    say("exchange", () -> exchange(c.getExchange("hats", "y z")));
    say("no exchange", () -> c.getExchange("hats", "nobody") == null);
    say("exchanges in", () -> each(own(c.getExchanges("hats")), Tour::exchange));
    say("exchanges", () -> each(own(c.getExchanges()), Tour::exchange));
    change("declare queue", () -> c.declareQueue("hats", "q", new QueueInfo(true, false, false, Map.of("x-max-length", 100))));
    change("declare queue again", () -> c.declareQueue("hats", "q", new QueueInfo(true, false, false, Map.of("x-max-length", 100))));
    change("declare another queue", () -> c.declareQueue("hats", "q", new QueueInfo(false, false, false)));
    change("declare wrong queue", () -> c.declareQueue("hats", "w", new QueueInfo(true, false, false, Map.of("x-max-length", "many"))));
    change("declare queue with a name", () -> c.declareQueue("hats", "p/q%r s", new QueueInfo(false, false, true)));
    say("queue", () -> queue(c.getQueue("hats", "p/q%r s")));
    say("no queue", () -> c.getQueue("hats", "nobody") == null);
    say("queues in", () -> each(c.getQueues("hats"), Tour::queue));
    say("queues", () -> each(c.getQueues(), Tour::queue));
    QueryParameters first = new QueryParameters().name("^p", true).pagination().pageSize(1).query();
    say("page of queues", () -> {
      Page<QueueInfo> page = c.getQueues("hats", first);
      return of("items", each(page.getItemsAsList(), QueueInfo::getName), "filtered", page.getFilteredCount(), "total",
          page.getTotalCount(), "pages", page.getPageCount(), "size", page.getPageSize());
    });
    change("bind", () -> c.bindQueue("hats", "q", "x", "a.#"));
    change("bind with arguments", () -> c.bindQueue("hats", "q", "x", "b/c d", Map.of("k", "v")));
    change("bind nobody", () -> c.bindQueue("hats", "nobody", "x", "a.#"));
    change("bind exchange", () -> c.bindExchange("hats", "y z", "x", "e"));
    say("bindings", () -> each(c.getBindings(), Tour::binding));
    say("bindings in", () -> each(c.getBindings("hats"), Tour::binding));
    say("bindings from", () -> each(c.getBindingsBySource("hats", "x"), Tour::binding));
    say("bindings to", () -> each(c.getExchangeBindingsByDestination("hats", "y z"), Tour::binding));
    say("bindings of queue", () -> each(c.getQueueBindings("hats", "q"), Tour::binding));
    say("bindings between", () -> each(c.getQueueBindingsBetween("hats", "x", "q"), Tour::binding));
    say("bindings between exchanges", () -> each(c.getExchangeBindingsBetween("hats", "x", "y z"), Tour::binding));
    change("unbind", () -> c.unbindQueue("hats", "q", "x", "a.#"));
    change("unbind nothing", () -> c.unbindQueue("hats", "q", "x", "nothing"));
    change("unbind exchange", () -> c.unbindExchange("hats", "y z", "x", "e"));
    say("bindings left", () -> each(c.getBindingsBySource("hats", "x"), Tour::binding));
  }

  static List<ExchangeInfo> own(List<ExchangeInfo> all) {
    return all.stream().filter(one -> !one.getName().equals("amq.rabbitmq.event")).collect(Collectors.toList());
  }

  static void messages(Client c) throws Exception {
    Map<String, Object> properties = Map.of("content_type", "text/plain", "headers", Map.of("a", List.of(1, "b")));
    say("publish", () -> c.publish("hats", "x", "b/c d", new OutboundMessage().payload("one").utf8Encoded().properties(properties)));
    say("publish base64", () -> c.publish("hats", "amq.default", "q", new OutboundMessage().payload("dHdv").base64Encoded().properties(properties)));
    say("publish unroutable", () -> c.publish("hats", "x", "zzz", new OutboundMessage().payload("lost").utf8Encoded()));
    say("get", () -> message(c.get("hats", "q")));
    say("get requeued", () -> each(c.get("hats", "q", 5, GetAckMode.NACK_REQUEUE_TRUE, GetEncoding.BASE64), Tour::message));
    say("get truncated", () -> each(c.get("hats", "q", 1, GetAckMode.REJECT_REQUEUE_TRUE, GetEncoding.AUTO, 2), Tour::message));
    say("get the rest", () -> each(c.get("hats", "q", 5, GetAckMode.ACK_REQUEUE_FALSE, GetEncoding.AUTO), Tour::message));
    say("get nothing", () -> c.get("hats", "q") == null);
    say("get of nobody", () -> c.get("hats", "nobody") == null);
    change("purge", () -> c.purgeQueue("hats", "q"));
    change("purge nobody", () -> c.purgeQueue("hats", "nobody"));
    change("delete queue", () -> c.deleteQueue("hats", "q", new DeleteQueueParameters(true, true)));
    change("delete queue again", () -> c.deleteQueue("hats", "q"));
    change("delete exchange", () -> c.deleteExchange("hats", "x"));
    change("delete exchange again", () -> c.deleteExchange("hats", "x"));
  }

  static void rules(Client c) throws Exception {
    change("declare policy", () -> c.declarePolicy("hats", "p", new PolicyInfo("^q", 3, "queues", Map.of("max-length", 50))));
    change("declare wrong policy", () -> c.declarePolicy("hats", "p2", new PolicyInfo("^q", 3, "queues", Map.of("no-such-key", 50))));
    say("policies", () -> each(c.getPolicies(), Tour::policy));
    say("policies in", () -> each(c.getPolicies("hats"), Tour::policy));
    change("declare operator policy", () -> c.declareOperatorPolicy("hats", "o", new PolicyInfo("^q", 3, "queues", Map.of("max-length", 50))));
    say("operator policies", () -> each(c.getOperatorPolicies(), Tour::policy));
    say("operator policies in", () -> each(c.getOperatorPolicies("hats"), Tour::policy));
    change("delete operator policy", () -> c.deleteOperatorPolicy("hats", "o"));
    change("delete policy", () -> c.deletePolicy("hats", "p"));
    change("delete policy again", () -> c.deletePolicy("hats", "p"));
    say("definitions", () -> {
      Definitions all = c.getDefinitions();
      return of("exchanges", each(all.getExchanges(), ExchangeInfo::getName), "users", all.getUsers().size(), "permissions",
          each(all.getPermissions(), Tour::permission));
    });
  }

  // A connection with a consumer: it is looked at, and closed. Statistics come late.
  static void traffic(Client c, String name) throws Exception {
    long end = System.currentTimeMillis() + PATIENCE_MS;
    ConnectionInfo found = null;
    while (found == null) {
      if (System.currentTimeMillis() > end) throw new IllegalStateException("no connection");
      for (ConnectionInfo one : c.getConnections())
        if (name.equals(one.getClientProperties().getConnectionName()) && one.getChannels() > 0
            && !c.getChannels(one.getName()).isEmpty() && !c.getConsumers().isEmpty()) found = one;
      Thread.sleep(200);
    }
    String connection = found.getName();
    say("connection", () -> {
      ConnectionInfo one = c.getConnection(connection);
      return of("user", one.getUser(), "vhost", one.getVhost(), "protocol", one.getProtocol(), "channels", one.getChannels(),
          "tls", one.isUsesTLS(), "mechanism", one.getAuthMechanism(), "since", one.getConnectedAt() > 1_700_000_000_000L);
    });
    say("connections of user", () -> each(c.getConnectionsOfUser("guest"), one -> of("user", one.getUsername(), "vhost", one.getVhost())));
    say("channels", () -> each(c.getChannels(), one -> of("number", one.getNumber(), "user", one.getUser())));
    say("channel", () -> of("number", c.getChannel(c.getChannels().get(0).getName()).getNumber()));
    say("consumers", () -> each(c.getConsumers("/"), one -> of("tag", one.getConsumerTag(), "ack", one.isAckRequired(),
        "prefetch", one.getPrefetchCount(), "queue", one.getQueueDetails().getName(), "active", one.isActive())));
    change("close connection", () -> c.closeConnection(connection, "enough"));
    change("close nobody", () -> c.closeConnection("nobody"));
    change("close connections of user", () -> c.closeAllConnectionsOfUser("ann"));
  }
}
