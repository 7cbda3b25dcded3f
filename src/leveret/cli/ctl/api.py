"""Calls of the HTTP API, and what a failed one means for the command line."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

import httpx

OK: Final = 0
USAGE: Final = 64
DATA: Final = 65
NO_USER: Final = 67
UNAVAILABLE: Final = 69
SOFTWARE: Final = 70


class Failed(Exception):
    """What the command ends with: a text for people and an exit code (those of sysexits.h, as rabbitmqctl has them)."""

    def __init__(self, text: str, code: int = UNAVAILABLE) -> None:
        super().__init__(text)
        self.code = code


class NotThere(Failed):
    """What was asked for does not exist."""


class Api:
    """The HTTP API of a node."""

    def __init__(self, url: str, username: str, password: str, timeout_s: float, verify: bool = True) -> None:
        self.url = (url if "://" in url else f"http://{url}").rstrip("/")
        self.username = username
        self._client = httpx.Client(
            base_url=f"{self.url}/api/", auth=(username, password), timeout=timeout_s, verify=verify
        )

    def call(
        self, method: str, *parts: str, said: Any = None, params: dict[str, str] | None = None, **more: Any
    ) -> Any:
        """What is answered; `parts` of the path may have any letters. Raises Failed."""
        path = "/".join(quote(part, safe="") for part in parts)
        try:
            response = self._client.request(method, path, json=said, params=params, **more)
        except httpx.TimeoutException:
            raise Failed(f"{self.url} did not answer in time") from None
        except httpx.HTTPError as error:
            raise Failed(
                f"unable to connect to {self.url}: {error}\n\n"
                "Is the broker running, and its management interface at this address? (--url, or LEVERET_URL)"
            ) from None
        if response.is_success or (response.status_code == 503 and "health" in parts):
            return response.json() if response.content else None
        reason = _reason(response)
        if response.status_code == 404:
            raise NotThere(reason, DATA)
        if response.status_code == 401:
            raise Failed(f"user '{self.username}': {reason}")
        raise Failed(reason)

    def get(self, *parts: str, **params: str) -> Any:
        """Of GET."""
        return self.call("GET", *parts, params=params or None)

    def put(self, *parts: str, said: Any) -> None:
        """Make or change something."""
        self.call("PUT", *parts, said=said)

    def delete(self, *parts: str, params: dict[str, str] | None = None) -> None:
        """Take something away."""
        self.call("DELETE", *parts, params=params)

    def is_there(self, *parts: str) -> bool:
        """Whether there is such an object."""
        try:
            self.get(*parts)
        except NotThere:
            return False
        return True

    def close(self) -> None:
        """No more calls."""
        self._client.close()


def _reason(response: httpx.Response) -> str:
    try:
        return str(response.json()["reason"])
    except (ValueError, KeyError, TypeError):
        return f"{response.status_code} {response.reason_phrase}"
