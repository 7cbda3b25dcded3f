// A tour of github.com/michaelklishin/rabbit-hole: what each step came to, one line of JSON for each.
// Arguments: the URL of the API, the port of AMQP, and the name of a connection that is open.
package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"time"

	rabbithole "github.com/michaelklishin/rabbit-hole/v2"
)

const patience = 60 * time.Second

type object = map[string]any

// say prints a step: a value, or the error.
func say(step string, value any, err error) {
	line := object{"step": step}
	if err != nil {
		line["error"] = err.Error()
	} else {
		line["value"] = value
	}
	text, err := json.Marshal(line)
	if err != nil {
		panic(err)
	}
	fmt.Println(string(text))
}

// status prints the status of an answer without more.
func status(step string, response *http.Response, err error) {
	if err != nil {
		say(step, nil, err)
		return
	}
	say(step, response.StatusCode, nil)
}

// each is what a function makes of all items; those of the event exchange are left out.
func each[T any, R any](items []T, err error, of func(T) R) ([]R, error) {
	found := []R{}
	for _, item := range items {
		found = append(found, of(item))
	}
	return found, err
}

func exchanges(items []rabbithole.ExchangeInfo, err error) ([]object, error) {
	found := []object{}
	for _, one := range items {
		if one.Name == "amq.rabbitmq.event" {
			continue
		}
		found = append(found, object{"vhost": one.Vhost, "name": one.Name, "type": one.Type, "durable": one.Durable,
			"auto_delete": one.AutoDelete, "internal": one.Internal, "arguments": one.Arguments})
	}
	return found, err
}

func queue(one rabbithole.QueueInfo) object {
	return object{"vhost": one.Vhost, "name": one.Name, "durable": one.Durable, "auto_delete": bool(one.AutoDelete),
		"arguments": one.Arguments, "type": one.Type}
}

func binding(one rabbithole.BindingInfo) object {
	key := one.PropertiesKey
	if len(one.Arguments) > 0 {
		key = "" // a hash
	}
	return object{"vhost": one.Vhost, "source": one.Source, "destination": one.Destination,
		"type": one.DestinationType, "routing_key": one.RoutingKey, "arguments": one.Arguments, "key": key}
}

func must[T any](value T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return value
}

// client is one for another user.
func client(address string, user string, password string) *rabbithole.Client {
	return must(rabbithole.NewClient(address, user, password))
}

func main() {
	address, port, open := os.Args[1], must(strconv.Atoi(os.Args[2])), os.Args[3]
	c := client(address, "guest", "guest")

	overview, err := c.Overview()
	if err == nil {
		say("overview", object{"queues": overview.ObjectTotals.Queues, "types": len(overview.ExchangeTypes) > 4,
			"node": overview.Node != ""}, nil)
	} else {
		say("overview", nil, err)
	}
	who, err := c.Whoami()
	say("whoami", who, err)
	nodes, err := c.ListNodes()
	say("nodes", len(nodes), err)
	node, err := c.GetNode(nodes[0].Name)
	say("node", node != nil && node.IsRunning, err)
	_, err = c.GetNode("nobody@nowhere")
	say("no node", nil, err)
	name := must(c.GetClusterName())
	response, err := c.SetClusterName(rabbithole.ClusterName{Name: "warren"})
	status("set cluster name", response, err)
	named, err := c.GetClusterName()
	say("cluster name", named, err)
	must(c.SetClusterName(*name))

	tenants(c, address)
	objects(c, address)
	rules(c)
	traffic(c, open)
	checks(c, port)
	definitions(c)

	response, err = c.DeleteUser("ann")
	status("delete user", response, err)
	response, err = c.DeleteUser("ann")
	status("delete user again", response, err)
	response, err = c.DeleteVhost("hats")
	status("delete vhost", response, err)
	response, err = c.DeleteVhost("hats")
	status("delete vhost again", response, err)
}

func tenants(c *rabbithole.Client, address string) {
	settings := rabbithole.VhostSettings{Description: "hats", Tags: rabbithole.VhostTags{"a", "b"}}
	response, err := c.PutVhost("hats", settings)
	status("put vhost", response, err)
	response, err = c.PutVhost("hats", settings)
	status("put vhost again", response, err)
	vhost, err := c.GetVhost("hats")
	if err == nil {
		say("vhost", object{"name": vhost.Name, "description": vhost.Description, "tags": vhost.Tags, "tracing": vhost.Tracing}, nil)
	} else {
		say("vhost", nil, err)
	}
	_, err = c.GetVhost("nowhere")
	say("no vhost", nil, err)
	vhosts, err := c.ListVhosts()
	names, err := each(vhosts, err, func(one rabbithole.VhostInfo) string { return one.Name })
	say("vhosts", names, err)

	response, err = c.PutUser("ann", rabbithole.UserSettings{Password: "secret", Tags: rabbithole.UserTags{"monitoring"}})
	status("put user", response, err)
	response, err = c.PutUser("ann", rabbithole.UserSettings{Password: "secret", Tags: rabbithole.UserTags{"management"}})
	status("put user again", response, err)
	response, err = c.PutUserWithoutPassword("bob", rabbithole.UserSettings{Tags: rabbithole.UserTags{}})
	status("put user without password", response, err)
	hash := rabbithole.Base64EncodedSaltedPasswordHashSHA256("secret")
	response, err = c.PutUser("carl", rabbithole.UserSettings{PasswordHash: hash,
		HashingAlgorithm: rabbithole.HashingAlgorithmSHA256, Tags: rabbithole.UserTags{"administrator"}})
	status("put user with hash", response, err)
	who, err := client(address, "carl", "secret").Whoami()
	say("whoami with hash", who, err)
	_, err = client(address, "carl", "wrong").Whoami()
	say("wrong password", nil, err)
	_, err = client(address, "ann", "secret").ListUsers()
	say("not an administrator", nil, err)
	user, err := c.GetUser("ann")
	if err == nil {
		say("user", object{"name": user.Name, "tags": user.Tags}, nil)
	} else {
		say("user", nil, err)
	}
	_, err = c.GetUser("nobody")
	say("no user", nil, err)
	users, err := c.ListUsers()
	names, err = each(users, err, func(one rabbithole.UserInfo) string { return one.Name })
	say("users", names, err)
	for _, name := range []string{"bob", "carl"} {
		response, err = c.DeleteUser(name)
		status("delete "+name, response, err)
	}

	all := rabbithole.Permissions{Configure: ".*", Write: ".*", Read: ".*"}
	response, err = c.UpdatePermissionsIn("hats", "ann", all)
	status("permissions", response, err)
	response, err = c.UpdatePermissionsIn("hats", "ann", rabbithole.Permissions{Configure: "^a", Write: ".*", Read: ".*"})
	status("permissions again", response, err)
	permissions, err := c.GetPermissionsIn("hats", "ann")
	say("permissions in", permissions, err)
	_, err = c.GetPermissionsIn("hats", "nobody")
	say("no permissions", nil, err)
	listed, err := c.ListPermissions()
	say("all permissions", listed, err)
	listed, err = c.ListPermissionsOf("ann")
	say("permissions of", listed, err)
	response, err = c.UpdateTopicPermissionsIn("hats", "ann", rabbithole.TopicPermissions{Exchange: "amq.topic", Write: "^a", Read: ".*"})
	status("topic permissions", response, err)
	topics, err := c.GetTopicPermissionsIn("hats", "ann")
	say("topic permissions in", topics, err)
	topics, err = c.ListTopicPermissions()
	say("all topic permissions", topics, err)
	topics, err = c.ListTopicPermissionsOf("ann")
	say("topic permissions of", topics, err)
	response, err = c.DeleteTopicPermissionsIn("hats", "ann", "amq.topic")
	status("delete topic permissions", response, err)
	response, err = c.ClearTopicPermissionsIn("hats", "ann")
	status("clear topic permissions", response, err)
	response, err = c.ClearPermissionsIn("hats", "ann")
	status("clear permissions", response, err)
	response, err = c.ClearPermissionsIn("hats", "ann")
	status("clear permissions again", response, err)

	response, err = c.PutVhostLimits("hats", rabbithole.VhostLimitsValues{"max-queues": 100})
	status("vhost limits", response, err)
	response, err = c.PutVhostLimits("hats", rabbithole.VhostLimitsValues{"max-hats": 100})
	say("no such vhost limit", nil, err)
	limits, err := c.GetVhostLimits("hats")
	say("limits of vhost", limits, err)
	limits, err = c.GetAllVhostLimits()
	say("all vhost limits", limits, err)
	response, err = c.DeleteVhostLimits("hats", rabbithole.VhostLimits{"max-queues"})
	status("delete vhost limits", response, err)
	response, err = c.PutUserLimits("ann", rabbithole.UserLimitsValues{"max-channels": 10})
	status("user limits", response, err)
	ofUser, err := c.GetUserLimits("ann")
	say("limits of user", ofUser, err)
	ofUser, err = c.GetAllUserLimits()
	say("all user limits", ofUser, err)
	response, err = c.DeleteUserLimits("ann", rabbithole.UserLimits{"max-channels"})
	status("delete user limits", response, err)
}

func objects(c *rabbithole.Client, address string) {
	response, err := c.DeclareExchange("hats", "x", rabbithole.ExchangeSettings{Type: "topic", Durable: true})
	status("declare exchange", response, err)
	response, err = c.DeclareExchange("hats", "x", rabbithole.ExchangeSettings{Type: "topic", Durable: true})
	status("declare exchange again", response, err)
	response, err = c.DeclareExchange("hats", "x", rabbithole.ExchangeSettings{Type: "direct", Durable: true})
	status("declare another exchange", response, err)
	response, err = c.DeclareExchange("hats", "y z", rabbithole.ExchangeSettings{Type: "fanout", AutoDelete: true,
		Arguments: object{"alternate-exchange": "x"}})
	status("declare exchange with arguments", response, err)
	detailed, err := c.GetExchange("hats", "y z")
	if err == nil {
		say("exchange", object{"name": detailed.Name, "type": detailed.Type, "arguments": detailed.Arguments}, nil)
	} else {
		say("exchange", nil, err)
	}
	_, err = c.GetExchange("hats", "nobody")
	say("no exchange", nil, err)
	of, err := exchanges(c.ListExchangesIn("hats"))
	say("exchanges in", of, err)
	of, err = exchanges(c.ListExchanges())
	say("exchanges", of, err)

	response, err = c.DeclareQueue("hats", "q", rabbithole.QueueSettings{Type: "classic", Durable: true, Arguments: object{"x-max-length": 100}})
	status("declare queue", response, err)
	response, err = c.DeclareQueue("hats", "q", rabbithole.QueueSettings{Type: "classic", Durable: true, Arguments: object{"x-max-length": 100}})
	status("declare queue again", response, err)
	response, err = c.DeclareQueue("hats", "q", rabbithole.QueueSettings{Type: "classic", Durable: false})
	status("declare another queue", response, err)
	response, err = c.DeclareQueue("hats", "p/q%r s", rabbithole.QueueSettings{Type: "classic", AutoDelete: true})
	status("declare queue with a name", response, err)
	one, err := c.GetQueue("hats", "p/q%r s")
	if err == nil {
		say("queue", object{"name": one.Name, "durable": one.Durable, "auto_delete": bool(one.AutoDelete)}, nil)
	} else {
		say("queue", nil, err)
	}
	_, err = c.GetQueue("hats", "nobody")
	say("no queue", nil, err)
	in, err := c.ListQueuesIn("hats")
	queues, err := each(in, err, queue)
	say("queues in", queues, err)
	in, err = c.ListQueues()
	queues, err = each(in, err, queue)
	say("queues", queues, err)
	page, err := c.PagedListQueuesWithParametersIn("hats", url.Values{"page": {"1"}, "page_size": {"1"}, "sort": {"name"}})
	say("page of queues", object{"page": page.Page, "pages": page.PageCount, "filtered": page.FilteredCount,
		"total": page.TotalCount, "items": page.ItemCount, "size": page.PageSize}, err)

	keys := []rabbithole.BindingInfo{
		{Source: "x", Destination: "q", DestinationType: "queue", RoutingKey: "a.#"},
		{Source: "x", Destination: "q", DestinationType: "queue", RoutingKey: "b/c d", Arguments: object{"k": "v"}},
		{Source: "x", Destination: "q", DestinationType: "queue", RoutingKey: ""},
		{Source: "x", Destination: "y z", DestinationType: "exchange", RoutingKey: "e"},
	}
	for _, info := range keys {
		response, err = c.DeclareBinding("hats", info)
		if err == nil && len(info.Arguments) == 0 {
			say("bind "+info.RoutingKey, object{"status": response.StatusCode, "location": response.Header.Get("location")}, nil)
		} else {
			status("bind "+info.RoutingKey, response, err)
		}
	}
	response, err = c.DeclareBinding("hats", rabbithole.BindingInfo{Source: "x", Destination: "nobody", DestinationType: "queue"})
	status("bind nobody", response, err)
	show := func(step string, found []rabbithole.BindingInfo, err error) {
		shown, err := each(found, err, binding)
		say(step, shown, err)
	}
	found, err := c.ListBindings()
	show("bindings", found, err)
	found, err = c.ListBindingsIn("hats")
	show("bindings in", found, err)
	found, err = c.ListQueueBindings("hats", "q")
	show("bindings of queue", found, err)
	found, err = c.ListExchangeBindingsWithSource("hats", "x")
	show("bindings from", found, err)
	found, err = c.ListExchangeBindingsWithDestination("hats", "y z")
	show("bindings to", found, err)
	found, err = c.ListQueueBindingsBetween("hats", "x", "q")
	show("bindings between", found, err)
	found, err = c.ListExchangeBindingsBetween("hats", "x", "y z")
	show("bindings between exchanges", found, err)
	found, err = c.ListQueueBindings("hats", "q")
	if err == nil {
		for _, info := range found {
			if info.Source != "" {
				response, err = c.DeleteBinding("hats", info)
				status("unbind "+info.RoutingKey, response, err)
			}
		}
	}
	response, err = c.DeleteBinding("hats", rabbithole.BindingInfo{Source: "x", Destination: "q", DestinationType: "queue", PropertiesKey: "nothing"})
	status("unbind nothing", response, err)

	response, err = c.PurgeQueue("hats", "q")
	status("purge", response, err)
	response, err = c.PurgeQueue("hats", "nobody")
	status("purge nobody", response, err)
	response, err = client(address, "ann", "secret").PurgeQueue("hats", "q")
	status("purge without rights", response, err)
	response, err = c.DeleteQueue("hats", "q", rabbithole.QueueDeleteOptions{IfEmpty: true, IfUnused: true})
	status("delete queue", response, err)
	response, err = c.DeleteQueue("hats", "q")
	status("delete queue again", response, err)
	response, err = c.DeleteQueue("/", "taken", rabbithole.QueueDeleteOptions{IfUnused: true})
	status("delete queue in use", response, err)
	response, err = c.DeleteExchange("hats", "x")
	status("delete exchange", response, err)
	response, err = c.DeleteExchange("hats", "x")
	status("delete exchange again", response, err)
}

func rules(c *rabbithole.Client) {
	policy := rabbithole.Policy{Pattern: "^q", ApplyTo: "queues", Priority: 3, Definition: rabbithole.PolicyDefinition{"max-length": 50}}
	response, err := c.PutPolicy("hats", "p", policy)
	status("put policy", response, err)
	response, err = c.PutPolicy("hats", "p", policy)
	status("put policy again", response, err)
	response, err = c.PutPolicy("hats", "p", rabbithole.Policy{Pattern: "^q", ApplyTo: "queues", Definition: rabbithole.PolicyDefinition{"no-such-key": 1}})
	status("put wrong policy", response, err)
	found, err := c.GetPolicy("hats", "p")
	say("policy", found, err)
	_, err = c.GetPolicy("hats", "nobody")
	say("no policy", nil, err)
	policies, err := c.ListPolicies()
	say("policies", policies, err)
	policies, err = c.ListPoliciesIn("hats")
	say("policies in", policies, err)
	operator := rabbithole.OperatorPolicy{Pattern: "^q", ApplyTo: "queues", Definition: rabbithole.PolicyDefinition{"max-length": 60}}
	response, err = c.PutOperatorPolicy("hats", "o", operator)
	status("put operator policy", response, err)
	set, err := c.GetOperatorPolicy("hats", "o")
	say("operator policy", set, err)
	operators, err := c.ListOperatorPolicies()
	say("operator policies", operators, err)
	response, err = c.DeleteOperatorPolicy("hats", "o")
	status("delete operator policy", response, err)
	response, err = c.DeletePolicy("hats", "p")
	status("delete policy", response, err)
	response, err = c.DeletePolicy("hats", "p")
	status("delete policy again", response, err)
	response, err = c.PutGlobalParameter("g", object{"a": 1})
	status("put global parameter", response, err)
	parameter, err := c.GetGlobalParameter("g")
	say("global parameter", parameter, err)
	response, err = c.DeleteGlobalParameter("g")
	status("delete global parameter", response, err)
	_, err = c.GetGlobalParameter("g")
	say("no global parameter", nil, err)
	flags, err := c.ListFeatureFlags()
	say("feature flags", len(flags) > 0, err)
}

// traffic looks at a connection that has a consumer, and closes it. Statistics come late.
func traffic(c *rabbithole.Client, open string) {
	var found *rabbithole.ConnectionInfo
	for end := time.Now().Add(patience); found == nil && time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		connections, _ := c.ListConnections()
		channels, _ := c.ListChannels()
		consumers, _ := c.ListConsumers()
		for place := range connections {
			if connections[place].ClientProperties["connection_name"] == open && connections[place].Channels > 0 && len(channels) > 0 && len(consumers) > 0 {
				found = &connections[place]
			}
		}
	}
	if found == nil {
		fmt.Fprintln(os.Stderr, "no connection")
		os.Exit(1)
	}
	one, err := c.GetConnection(found.Name)
	if err == nil {
		say("connection", object{"user": one.User, "vhost": one.Vhost, "protocol": one.Protocol, "state": one.State, "channels": one.Channels}, nil)
	} else {
		say("connection", nil, err)
	}
	of, err := c.ListConnectionsOfUser("guest")
	say("connections of user", len(of), err)
	in, err := c.ListVhostConnections("/")
	say("connections in", len(in), err)
	channels, err := c.ListChannels()
	say("channels", len(channels), err)
	channel, err := c.GetChannel(channels[0].Name)
	if err == nil {
		say("channel", object{"number": channel.Number, "user": channel.User, "prefetch": channel.PrefetchCount}, nil)
	} else {
		say("channel", nil, err)
	}
	consumers, err := c.ListConsumersIn("/")
	shown, err := each(consumers, err, func(one rabbithole.ConsumerInfo) object {
		return object{"tag": one.ConsumerTag, "queue": one.Queue, "prefetch": one.PrefetchCount, "exclusive": one.Exclusive}
	})
	say("consumers", shown, err)
	response, err := c.CloseConnection(found.Name)
	status("close connection", response, err)
	response, err = c.CloseConnection("nobody")
	status("close nobody", response, err)
	response, err = c.CloseAllConnectionsOfUser("ann")
	status("close connections of user", response, err)
}

func checks(c *rabbithole.Client, port int) {
	alarms, err := c.HealthCheckAlarms()
	say("alarms", alarms.Status, err)
	alarms, err = c.HealthCheckLocalAlarms()
	say("local alarms", alarms.Status, err)
	check, err := c.HealthCheckVirtualHosts()
	say("virtual hosts", check.Status, err)
	check, err = c.HealthCheckNodeIsQuorumCritical()
	say("quorum", check.Status, err)
	check, err = c.HealthCheckCertificateExpiration(1, rabbithole.SECONDS)
	say("certificates in seconds", check.Status, err)
	check, err = c.HealthCheckCertificateExpiration(1, rabbithole.MONTHS)
	say("certificates", check.Status, err)
	listener, err := c.HealthCheckPortListener(uint(port))
	say("port", listener.Status, err)
	listener, err = c.HealthCheckPortListener(1)
	say("no port", object{"status": listener.Status, "reason": listener.Reason, "missing": listener.Missing}, err)
	protocol, err := c.HealthCheckProtocolListener(rabbithole.AMQP)
	say("protocol", protocol.Status, err)
	protocol, err = c.HealthCheckProtocolListener(rabbithole.MQTT)
	say("no protocol", object{"status": protocol.Status, "reason": protocol.Reason, "missing": protocol.Missing}, err)
	protocols, err := c.EnabledProtocols()
	amqp := false
	for _, name := range protocols {
		amqp = amqp || name == "amqp"
	}
	say("protocols", amqp, err)
}

func definitions(c *rabbithole.Client) {
	must(c.DeclareQueue("hats", "kept", rabbithole.QueueSettings{Type: "classic", Durable: true}))
	exported, err := c.ListVhostDefinitions("hats")
	if err != nil {
		say("definitions in", nil, err)
		return
	}
	queues := []string{}
	for _, one := range *exported.Queues {
		queues = append(queues, one.Name)
	}
	say("definitions in", queues, nil)
	whole, err := c.ListDefinitions()
	say("definitions", whole != nil && len(*whole.Users) > 1, err)
	must(c.DeleteQueue("hats", "kept"))
	response, err := c.UploadVhostDefinitions(exported, "hats")
	status("upload in", response, err)
	response, err = c.UploadDefinitions(whole)
	status("upload", response, err)
	one, err := c.GetQueue("hats", "kept")
	say("queue is back", one != nil, err)
}
