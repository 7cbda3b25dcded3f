"""`leveret bench`: a load test for any AMQP 0-9-1 broker, on our own codec.

A parent (`coordinator.py`) makes queues, shows progress and adds figures up; workers (`worker.py`), processes of their
own, publish (`publisher.py`) and receive (`consumer.py`). Nothing here works message by message: blocks are joined, and
runs of equal deliveries recognised by slices, in C.
"""
