//! lapin against the broker at AMQP_HOST:AMQP_PORT; prints `ok STEP` after each step, and fails at the first that is wrong.

use futures_lite::StreamExt;
use lapin::options::*;
use lapin::types::{AMQPValue, ByteArray, DecimalValue, FieldArray, FieldTable, ShortString};
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, ExchangeKind};

const COUNT: u32 = 100;

fn ok(step: &str) {
    println!("ok {step}");
}

fn setting(name: &str, otherwise: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| otherwise.into())
}

/// One connection with a confirming channel, and the names that this run made up.
struct Client {
    connection: Connection,
    channel: Channel,
    queue: ShortString,
    exchange: ShortString,
}

impl Client {
    async fn connect() -> lapin::Result<Client> {
        let address = format!(
            "amqp://guest:guest@{}:{}/%2f",
            setting("AMQP_HOST", "localhost"),
            setting("AMQP_PORT", "5672")
        );
        let connection = Connection::connect(&address, ConnectionProperties::default()).await?;
        ok("connect");
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let run = format!("{}-{}", std::process::id(), now.expect("after 1970").as_nanos());
        let channel = connection.create_channel().await?;
        Ok(Client {
            connection,
            channel,
            queue: format!("rust-queue-{run}").into(),
            exchange: format!("rust-exchange-{run}").into(),
        })
    }

    async fn publish(
        &self,
        exchange: &str,
        key: &str,
        body: &[u8],
        properties: BasicProperties,
    ) -> lapin::Result<Confirmation> {
        let options = BasicPublishOptions {
            mandatory: true,
            ..Default::default()
        };
        self.channel
            .basic_publish(exchange.into(), key.into(), options, body, properties)
            .await?
            .await
    }

    async fn waiting(&self) -> lapin::Result<u32> {
        let passive = QueueDeclareOptions {
            passive: true,
            ..Default::default()
        };
        let queue = self
            .channel
            .queue_declare(self.queue.clone(), passive, FieldTable::default())
            .await?;
        Ok(queue.message_count())
    }

    async fn get(&self) -> lapin::Result<lapin::message::Delivery> {
        let got = self
            .channel
            .basic_get(self.queue.clone(), BasicGetOptions { no_ack: true })
            .await?;
        Ok(got.expect("a message").delivery)
    }

    async fn declare(&self) -> lapin::Result<()> {
        let (channel, none) = (&self.channel, FieldTable::default);
        channel
            .exchange_declare(
                self.exchange.clone(),
                ExchangeKind::Direct,
                ExchangeDeclareOptions::default(),
                none(),
            )
            .await?;
        let queue = channel
            .queue_declare(self.queue.clone(), QueueDeclareOptions::default(), none())
            .await?;
        assert_eq!(
            (queue.name(), queue.message_count(), queue.consumer_count()),
            (&self.queue, 0, 0)
        );
        channel
            .queue_bind(
                self.queue.clone(),
                self.exchange.clone(),
                "key".into(),
                QueueBindOptions::default(),
                none(),
            )
            .await?;
        ok("declare");
        Ok(())
    }

    async fn confirm(&self) -> lapin::Result<()> {
        self.channel.confirm_select(ConfirmSelectOptions::default()).await?;
        let mut confirmations = Vec::new();
        for number in 0..COUNT {
            let options = BasicPublishOptions::default();
            let body = number.to_string();
            let published = self.channel.basic_publish(
                self.exchange.clone(),
                "key".into(),
                options,
                body.as_bytes(),
                BasicProperties::default(),
            );
            confirmations.push(published.await?);
        }
        for confirmation in confirmations {
            assert_eq!(confirmation.await?, Confirmation::Ack(None));
        }
        assert_eq!(self.waiting().await?, COUNT);
        ok("confirm");
        Ok(())
    }

    async fn consume(&self) -> lapin::Result<()> {
        self.channel.basic_qos(10, BasicQosOptions::default()).await?;
        let (options, none) = (BasicConsumeOptions::default(), FieldTable::default());
        let mut consumer = self
            .channel
            .basic_consume(self.queue.clone(), "taker".into(), options, none)
            .await?;
        for number in 0..COUNT {
            let delivery = consumer.next().await.expect("a delivery")?;
            assert_eq!(delivery.data, number.to_string().as_bytes());
            if number % 10 == 9 {
                // Every tenth acknowledges those before it too.
                delivery.ack(BasicAckOptions { multiple: true }).await?;
            }
        }
        self.channel
            .basic_cancel("taker".into(), BasicCancelOptions::default())
            .await?;
        assert_eq!(self.waiting().await?, 0);
        ok("consume-ack");
        Ok(())
    }

    async fn get_and_requeue(&self) -> lapin::Result<()> {
        let acked = BasicGetOptions::default();
        assert!(self.channel.basic_get(self.queue.clone(), acked).await?.is_none());
        self.publish("", self.queue.as_str(), b"one", BasicProperties::default())
            .await?;
        let got = self
            .channel
            .basic_get(self.queue.clone(), acked)
            .await?
            .expect("a message");
        assert_eq!(
            (got.data.as_slice(), got.redelivered, got.message_count),
            (b"one".as_slice(), false, 0)
        );
        got.nack(BasicNackOptions {
            requeue: true,
            ..Default::default()
        })
        .await?;
        let got = self
            .channel
            .basic_get(self.queue.clone(), acked)
            .await?
            .expect("a message");
        assert!(got.redelivered);
        got.ack(BasicAckOptions::default()).await?;
        assert!(self.channel.basic_get(self.queue.clone(), acked).await?.is_none());
        ok("get");
        Ok(())
    }

    async fn returned(&self) -> lapin::Result<()> {
        let properties = BasicProperties::default().with_message_id("m".into());
        let confirmation = self
            .publish(self.exchange.as_str(), "no such key", b"lost", properties)
            .await?;
        assert!(confirmation.is_ack());
        let back = confirmation.take_message().expect("a returned message");
        assert_eq!((back.reply_code, back.reply_text.as_str()), (312, "NO_ROUTE"));
        assert_eq!(
            (back.data.as_slice(), &back.exchange),
            (b"lost".as_slice(), &self.exchange)
        );
        assert_eq!(
            back.properties.message_id().as_ref().map(ShortString::as_str),
            Some("m")
        );
        ok("return");
        Ok(())
    }

    async fn redeclare(&self) -> lapin::Result<()> {
        let channel = self.connection.create_channel().await?;
        let durable = QueueDeclareOptions {
            durable: true,
            ..Default::default()
        };
        let error = channel
            .queue_declare(self.queue.clone(), durable, FieldTable::default())
            .await
            .expect_err("refused");
        let lapin::ErrorKind::ProtocolError(error) = error.kind() else {
            panic!("{error}")
        };
        let want = format!(
            "PRECONDITION_FAILED - inequivalent arg 'durable' for queue '{}' in vhost '/': received 'true' but current is 'false'",
            self.queue
        );
        assert_eq!((error.get_id(), error.get_message().as_str()), (406, want.as_str()));
        ok("redeclare-406");
        Ok(())
    }

    async fn fresh_channel(&self) -> lapin::Result<()> {
        let channel = self.connection.create_channel().await?;
        let passive = QueueDeclareOptions {
            passive: true,
            ..Default::default()
        };
        channel
            .queue_declare(self.queue.clone(), passive, FieldTable::default())
            .await?;
        channel.close(200, "done".into()).await?;
        ok("new-channel");
        Ok(())
    }

    async fn large(&self) -> lapin::Result<()> {
        let body: Vec<u8> = (0..1usize << 20).map(|at| (at * 7) as u8).collect();
        self.publish("", self.queue.as_str(), &body, BasicProperties::default())
            .await?;
        assert!(self.get().await?.data == body);
        ok("large");
        Ok(())
    }

    async fn headers(&self) -> lapin::Result<()> {
        let mut most = FieldTable::default();
        most.insert("most".into(), AMQPValue::Boolean(true));
        let mut headers = FieldTable::default();
        for (name, value) in [
            ("true", AMQPValue::Boolean(true)),
            ("false", AMQPValue::Boolean(false)),
            ("i8", AMQPValue::ShortShortInt(-8)),
            ("u8", AMQPValue::ShortShortUInt(200)),
            ("i16", AMQPValue::ShortInt(-1600)),
            ("u16", AMQPValue::ShortUInt(60_000)),
            ("i32", AMQPValue::LongInt(-320_000)),
            ("u32", AMQPValue::LongUInt(4_000_000_000)),
            ("i64", AMQPValue::LongLongInt(-(1 << 60))),
            ("f32", AMQPValue::Float(1.5)),
            ("f64", AMQPValue::Double(1.1)),
            (
                "decimal",
                AMQPValue::DecimalValue(DecimalValue { scale: 2, value: 1234 }),
            ),
            ("text", AMQPValue::LongString("grüße".into())),
            ("bytes", AMQPValue::ByteArray(ByteArray::from(vec![0, 255, 1]))),
            ("timestamp", AMQPValue::Timestamp(1_700_000_000)),
            ("void", AMQPValue::Void),
            (
                "array",
                AMQPValue::FieldArray(FieldArray::from(vec![
                    AMQPValue::LongInt(1),
                    AMQPValue::FieldTable(most.clone()),
                ])),
            ),
            ("table", AMQPValue::FieldTable(most)),
        ] {
            headers.insert(name.into(), value);
        }
        let properties = BasicProperties::default().with_headers(headers.clone());
        self.publish("", self.queue.as_str(), b"", properties).await?;
        assert_eq!(self.get().await?.properties.headers(), &Some(headers));
        ok("headers");
        Ok(())
    }

    async fn close(self) -> lapin::Result<()> {
        self.channel
            .queue_delete(self.queue, QueueDeleteOptions::default())
            .await?;
        self.channel
            .exchange_delete(self.exchange, ExchangeDeleteOptions::default())
            .await?;
        self.channel.close(200, "done".into()).await?;
        self.connection.close(200, "done".into()).await?;
        ok("close");
        Ok(())
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> lapin::Result<()> {
    let client = Client::connect().await?;
    client.declare().await?;
    client.confirm().await?;
    client.consume().await?;
    client.get_and_requeue().await?;
    client.returned().await?;
    client.redeclare().await?;
    client.fresh_channel().await?;
    client.large().await?;
    client.headers().await?;
    client.close().await
}
