"""The exchanges that every virtual host has from the start."""

from __future__ import annotations

import pytest

from leveret.broker.predeclared import predeclared

from .exchanges.support import properties
from .routers import Setup


@pytest.fixture
def setup() -> Setup:
    return Setup()


class TestPredeclared:
    def test_what_every_virtual_host_has(self) -> None:
        exchanges = predeclared("v", 1)
        assert [(one.id, one.name, one.type, one.internal) for one in exchanges] == [
            (1, "", "direct", False),
            (2, "amq.direct", "direct", False),
            (3, "amq.fanout", "fanout", False),
            (4, "amq.headers", "headers", False),
            (5, "amq.match", "headers", False),
            (6, "amq.rabbitmq.trace", "topic", True),
            (7, "amq.topic", "topic", False),
        ]
        assert all(one.durable and not one.auto_delete and one.vhost == "v" for one in exchanges)

    def test_they_route(self, setup: Setup) -> None:
        setup.bind("amq.direct", "d", "k")
        setup.bind("amq.fanout", "f")
        setup.bind("amq.headers", "h", "", {"a": 1})
        setup.bind("amq.match", "m", "", {"a": 1})
        setup.bind("amq.topic", "t", "*.b")
        assert setup.one("amq.direct", "k") == ["d"]
        assert setup.one("amq.fanout", "k") == ["f"]
        assert setup.one("amq.headers", "", properties({"a": 1})) == ["h"]
        assert setup.one("amq.match", "", properties({"a": 1})) == ["m"]
        assert setup.one("amq.topic", "a.b") == ["t"]
