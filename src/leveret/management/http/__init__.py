"""The HTTP API: RabbitMQ's paths, verbs, fields and errors (its page "HTTP API")."""
