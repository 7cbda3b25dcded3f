// amqplib against the broker at AMQP_HOST:AMQP_PORT; prints `ok STEP` after each step, and fails at the first that is wrong.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import amqp from 'amqplib';

const COUNT = 100;
const hostname = process.env.AMQP_HOST ?? 'localhost';
const port = Number(process.env.AMQP_PORT ?? 5672);
const run = randomUUID();
const queue = `node-queue-${run}`;
const exchange = `node-exchange-${run}`;

const ok = (step) => console.log(`ok ${step}`);

const connection = await amqp.connect({ protocol: 'amqp', hostname, port, username: 'guest', password: 'guest', vhost: '/' });
ok('connect');

const channel = await connection.createConfirmChannel();
await channel.assertExchange(exchange, 'direct', { durable: false });
const declared = await channel.assertQueue(queue, { durable: false });
assert.deepEqual(declared, { queue, messageCount: 0, consumerCount: 0 });
await channel.bindQueue(queue, exchange, 'key');
ok('declare');

for (let number = 0; number < COUNT; number++) channel.publish(exchange, 'key', Buffer.from(String(number)));
await channel.waitForConfirms();
assert.equal((await channel.checkQueue(queue)).messageCount, COUNT);
ok('confirm');

await channel.prefetch(10);
const received = [];
await new Promise((resolve, reject) => {
  channel.consume(
    queue,
    (message) => {
      if (message === null) return reject(new Error('cancelled by the broker'));
      received.push(Number(message.content.toString()));
      // Every tenth acknowledges those before it too.
      if (received.length % 10 === 0) channel.ack(message, true);
      if (received.length === COUNT) resolve();
    },
    { consumerTag: 'taker' },
  );
});
await channel.cancel('taker');
assert.deepEqual(received, [...Array(COUNT).keys()]);
assert.equal((await channel.checkQueue(queue)).messageCount, 0);
ok('consume-ack');

assert.equal(await channel.get(queue), false);
channel.sendToQueue(queue, Buffer.from('one'));
await channel.waitForConfirms();
let message = await channel.get(queue);
assert.equal(message.content.toString(), 'one');
assert.equal(message.fields.redelivered, false);
channel.nack(message, false, true);
message = await channel.get(queue);
assert.equal(message.fields.redelivered, true);
channel.ack(message);
assert.equal(await channel.get(queue), false);
ok('get');

const returned = once(channel, 'return');
channel.publish(exchange, 'no such key', Buffer.from('lost'), { mandatory: true, messageId: 'm' });
await channel.waitForConfirms();
const [back] = await returned;
assert.equal(back.fields.replyCode, 312);
assert.equal(back.fields.replyText, 'NO_ROUTE');
assert.equal(back.fields.exchange, exchange);
assert.equal(back.content.toString(), 'lost');
assert.equal(back.properties.messageId, 'm');
ok('return');

const refusing = await connection.createChannel();
const refused = once(refusing, 'error');
await assert.rejects(refusing.assertQueue(queue, { durable: true }));
const [error] = await refused;
assert.equal(error.code, 406);
assert.ok(
  error.message.includes(
    `"PRECONDITION_FAILED - inequivalent arg 'durable' for queue '${queue}' in vhost '/': received 'true' but current is 'false'"`,
  ),
  error.message,
);
ok('redeclare-406');

const fresh = await connection.createChannel();
assert.equal((await fresh.checkQueue(queue)).queue, queue);
await fresh.close();
ok('new-channel');

const large = Buffer.alloc(1 << 20);
for (let at = 0; at < large.length; at++) large[at] = (at * 7) & 0xff;
channel.sendToQueue(queue, large);
await channel.waitForConfirms();
message = await channel.get(queue, { noAck: true });
assert.ok(message.content.equals(large));
ok('large');

const headers = {
  true: true,
  false: false,
  int8: -8,
  int16: -1600,
  int32: -320000,
  int64: { '!': 'int64', value: 2 ** 50 },
  uint8: { '!': 'uint8', value: 200 },
  uint16: { '!': 'uint16', value: 60000 },
  uint32: { '!': 'uint32', value: 4000000000 },
  double: 1.1,
  float: { '!': 'float', value: 1.5 },
  decimal: { '!': 'decimal', value: { places: 2, digits: 1234 } },
  timestamp: { '!': 'timestamp', value: 1700000000 },
  text: 'grüße',
  bytes: Buffer.from([0, 255, 1]),
  null: null,
  array: [1, 'two', [3], { four: 4 }],
  table: { inner: { most: [true] } },
};
channel.sendToQueue(queue, Buffer.alloc(0), { headers });
await channel.waitForConfirms();
message = await channel.get(queue, { noAck: true });
const plain = (value) =>
  value && typeof value === 'object' && ['int64', 'uint8', 'uint16', 'uint32', 'float'].includes(value['!'])
    ? value.value
    : value;
assert.deepEqual(
  { ...message.properties.headers },
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, plain(value)])),
);
ok('headers');

await channel.deleteQueue(queue);
await channel.deleteExchange(exchange);
await channel.close();
const closed = once(connection, 'close');
await connection.close();
await closed;
ok('close');
