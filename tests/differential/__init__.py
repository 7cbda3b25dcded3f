"""Scenarios run against a RabbitMQ and against Leveret, and whatever a client can see is compared."""
