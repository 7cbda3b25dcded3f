// amqp091-go against the broker at AMQP_HOST:AMQP_PORT; prints `ok STEP` after each step, and fails at the first that is wrong.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strconv"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

const count = 100

var background = context.Background()

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func need(truth bool, format string, values ...any) {
	if !truth {
		panic(fmt.Sprintf(format, values...))
	}
}

func ok(step string) {
	fmt.Println("ok", step)
}

func setting(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}

// client is one connection with a confirming channel, and the names that this run made up.
type client struct {
	connection      *amqp.Connection
	channel         *amqp.Channel
	queue, exchange string
}

func (c *client) publish(exchange, key string, mandatory bool, message amqp.Publishing) {
	confirmation, err := c.channel.PublishWithDeferredConfirm(exchange, key, mandatory, false, message)
	check(err)
	acked, err := confirmation.WaitContext(background)
	check(err)
	need(acked, "not acknowledged")
}

func (c *client) get() amqp.Delivery {
	delivery, found, err := c.channel.Get(c.queue, true)
	check(err)
	need(found, "the queue is empty")
	return delivery
}

func (c *client) waiting() int {
	state, err := c.channel.QueueDeclarePassive(c.queue, false, false, false, false, nil)
	check(err)
	return state.Messages
}

func (c *client) connect() {
	url := fmt.Sprintf("amqp://guest:guest@%s:%s/", setting("AMQP_HOST", "localhost"), setting("AMQP_PORT", "5672"))
	connection, err := amqp.Dial(url)
	check(err)
	c.connection = connection
	ok("connect")
}

func (c *client) declare() {
	run := fmt.Sprintf("%d-%d", os.Getpid(), time.Now().UnixNano())
	c.queue, c.exchange = "go-queue-"+run, "go-exchange-"+run
	channel, err := c.connection.Channel()
	check(err)
	c.channel = channel
	check(channel.ExchangeDeclare(c.exchange, "direct", false, false, false, false, nil))
	queue, err := channel.QueueDeclare(c.queue, false, false, false, false, nil)
	check(err)
	need(queue == amqp.Queue{Name: c.queue}, "declared %v", queue)
	check(channel.QueueBind(c.queue, "key", c.exchange, false, nil))
	ok("declare")
}

func (c *client) confirm() {
	check(c.channel.Confirm(false))
	var confirmations []*amqp.DeferredConfirmation
	for number := range make([]struct{}, count) {
		message := amqp.Publishing{Body: []byte(strconv.Itoa(number))}
		confirmation, err := c.channel.PublishWithDeferredConfirm(c.exchange, "key", false, false, message)
		check(err)
		confirmations = append(confirmations, confirmation)
	}
	for _, confirmation := range confirmations {
		acked, err := confirmation.WaitContext(background)
		check(err)
		need(acked, "not acknowledged: %d", confirmation.DeliveryTag)
	}
	need(c.waiting() == count, "%d messages in the queue", c.waiting())
	ok("confirm")
}

func (c *client) consume() {
	check(c.channel.Qos(10, 0, false))
	deliveries, err := c.channel.Consume(c.queue, "taker", false, false, false, false, nil)
	check(err)
	for number := range make([]struct{}, count) {
		delivery := <-deliveries
		need(string(delivery.Body) == strconv.Itoa(number), "%q in place of %d", delivery.Body, number)
		if number%10 == 9 { // every tenth acknowledges those before it too
			check(delivery.Ack(true))
		}
	}
	check(c.channel.Cancel("taker", false))
	need(c.waiting() == 0, "%d messages in the queue", c.waiting())
	ok("consume-ack")
}

func (c *client) getAndRequeue() {
	_, found, err := c.channel.Get(c.queue, false)
	check(err)
	need(!found, "the queue is not empty")
	c.publish("", c.queue, false, amqp.Publishing{Body: []byte("one")})
	delivery, found, err := c.channel.Get(c.queue, false)
	check(err)
	need(found && string(delivery.Body) == "one" && !delivery.Redelivered, "got %v", delivery)
	check(delivery.Nack(false, true))
	delivery, found, err = c.channel.Get(c.queue, false)
	check(err)
	need(found && string(delivery.Body) == "one" && delivery.Redelivered, "got %v", delivery)
	check(delivery.Ack(false))
	_, found, err = c.channel.Get(c.queue, false)
	check(err)
	need(!found, "the queue is not empty")
	ok("get")
}

func (c *client) returned() {
	returns := c.channel.NotifyReturn(make(chan amqp.Return, 1))
	c.publish(c.exchange, "no such key", true, amqp.Publishing{Body: []byte("lost"), MessageId: "m"})
	back := <-returns
	need(back.ReplyCode == 312 && back.ReplyText == "NO_ROUTE", "returned with %d %s", back.ReplyCode, back.ReplyText)
	need(back.Exchange == c.exchange && back.MessageId == "m" && string(back.Body) == "lost", "returned %v", back)
	ok("return")
}

func (c *client) redeclare() {
	channel, err := c.connection.Channel()
	check(err)
	_, err = channel.QueueDeclare(c.queue, true, false, false, false, nil)
	var refused *amqp.Error
	need(errors.As(err, &refused), "declared, or failed with %v", err)
	want := fmt.Sprintf("PRECONDITION_FAILED - inequivalent arg 'durable' for queue '%s' in vhost '/': "+
		"received 'true' but current is 'false'", c.queue)
	need(refused.Code == 406 && refused.Reason == want, "refused with %d %s", refused.Code, refused.Reason)
	ok("redeclare-406")
}

func (c *client) freshChannel() {
	channel, err := c.connection.Channel()
	check(err)
	_, err = channel.QueueDeclarePassive(c.queue, false, false, false, false, nil)
	check(err)
	check(channel.Close())
	ok("new-channel")
}

func (c *client) large() {
	body := make([]byte, 1<<20)
	for at := range body {
		body[at] = byte(at * 7)
	}
	c.publish("", c.queue, false, amqp.Publishing{Body: body})
	need(bytes.Equal(c.get().Body, body), "the large body came back otherwise")
	ok("large")
}

func (c *client) headers() {
	headers := amqp.Table{
		"true":    true,
		"false":   false,
		"int8":    int8(-8),
		"uint8":   byte(200),
		"int16":   int16(-1600),
		"uint16":  uint16(60000),
		"int32":   int32(-320000),
		"uint32":  uint32(4000000000),
		"int64":   int64(1) << 60,
		"float32": float32(1.5),
		"float64": 1.1,
		"decimal": amqp.Decimal{Scale: 2, Value: 1234},
		"time":    time.Unix(1700000000, 0).UTC(),
		"text":    "grüße",
		"bytes":   []byte{0, 255, 1},
		"nil":     nil,
		"array":   []any{int32(1), "two", []any{int32(3)}, amqp.Table{"four": int32(4)}},
		"table":   amqp.Table{"inner": amqp.Table{"most": []any{true}}},
	}
	c.publish("", c.queue, false, amqp.Publishing{Headers: headers})
	back := c.get().Headers
	if when, is := back["time"].(time.Time); is {
		back["time"] = when.UTC()
	}
	for name, value := range headers {
		need(reflect.DeepEqual(back[name], value), "header %s came back as %#v", name, back[name])
	}
	need(len(back) == len(headers), "%d headers came back", len(back))
	ok("headers")
}

func (c *client) close() {
	_, err := c.channel.QueueDelete(c.queue, false, false, false)
	check(err)
	check(c.channel.ExchangeDelete(c.exchange, false, false))
	closed := c.connection.NotifyClose(make(chan *amqp.Error, 1))
	check(c.channel.Close())
	check(c.connection.Close())
	need(<-closed == nil, "closed with an error")
	ok("close")
}

func main() {
	var c client
	c.connect()
	c.declare()
	c.confirm()
	c.consume()
	c.getAndRequeue()
	c.returned()
	c.redeclare()
	c.freshChannel()
	c.large()
	c.headers()
	c.close()
}
