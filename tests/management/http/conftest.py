"""A broker with a management interface, inside the test's own loop."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

import leveret


class Api:
    """Calls as some user."""

    def __init__(self, broker: leveret.Broker, user: str = "guest", password: str | None = None) -> None:
        self.broker = broker
        self.client = httpx.AsyncClient(
            base_url=broker.management_url + "api/", auth=(user, user if password is None else password)
        )

    async def __call__(self, method: str, path: str, said: Any = None, status: int | None = None, **more: Any) -> Any:
        """What is answered as JSON, or None; with this status (none: a good one)."""
        response = await self.client.request(method, path, json=said, **more)
        if status is None:
            assert response.is_success, (path, response.status_code, response.text)
        else:
            assert response.status_code == status, (path, response.status_code, response.text)
        return response.json() if response.content else None


@pytest.fixture
async def broker() -> AsyncIterator[leveret.Broker]:
    async with leveret.Broker(management_port=0) as one:
        yield one


@pytest.fixture
async def api(broker: leveret.Broker) -> AsyncIterator[Api]:
    """As guest, who is an administrator."""
    one = Api(broker)
    yield one
    await one.client.aclose()


@pytest.fixture
async def users(broker: leveret.Broker, api: Api) -> AsyncIterator[dict[str, Api]]:
    """One user for each tag, and one without; each may do everything in `/`, nothing in `other`."""
    await api("PUT", "vhosts/other", {})
    tags = ("none", "management", "policymaker", "monitoring", "administrator")
    for tag in tags:
        said = {"password": tag, "tags": "" if tag == "none" else tag}
        await api("PUT", f"users/{tag}", said)
        await api("PUT", f"permissions/%2F/{tag}", {"configure": ".*", "write": ".*", "read": ".*"})
    made = {tag: Api(broker, tag) for tag in tags}
    yield made
    for one in made.values():
        await one.client.aclose()
