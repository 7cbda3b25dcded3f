"""Leveret: a message broker that speaks AMQP 0-9-1, does RabbitMQ's job, and moves messages in batches."""

__version__ = "0.1.0"
