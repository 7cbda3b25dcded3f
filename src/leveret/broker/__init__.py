"""The brain: virtual hosts, exchanges, bindings, queues and consumers, as one state machine over the log (floor 2)."""
