"""Questions over HTTP: to an authentication service, and for the keys that tokens are signed with."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec

from ..limits import FETCH_BODY_MAX, FETCH_TIMEOUT_MS, FETCHES_MAX, KEYS_LOOK_MS

if TYPE_CHECKING:
    import httpx

    from ..ports import Clock

logger = logging.getLogger("leveret.access")
_UNREADABLE: Final = "its answer cannot be read"


class Fetcher:
    """The ports `Fetch`, over one client with connections that are kept. Bounded: who comes when too many ask waits."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, method: str = "get", timeout_ms: int = FETCH_TIMEOUT_MS
    ) -> None:
        self._loop = loop
        self._method = method.upper()
        self._timeout_ms = timeout_ms
        self._client: httpx.AsyncClient | None = None
        self._room = asyncio.Semaphore(FETCHES_MAX)
        self._tasks: dict[asyncio.Task[None], None] = {}

    def fetch(self, url: str, parameters: Mapping[str, str], answer: Callable[[str | None], None]) -> None:
        """Told the body of a 200 on a later turn, or None."""
        task = self._loop.create_task(self._fetch(url, parameters, answer))
        self._tasks[task] = None
        task.add_done_callback(lambda done: self._tasks.pop(done, None))

    async def _fetch(self, url: str, parameters: Mapping[str, str], answer: Callable[[str | None], None]) -> None:
        body = None
        try:
            async with self._room:
                body = await self._ask(url, parameters)
        except Exception as error:
            # Not with its text: that has the address, and in it what was asked.
            logger.error("%s cannot be asked: %s", url, type(error).__name__)
        answer(body)

    async def _ask(self, url: str, parameters: Mapping[str, str]) -> str | None:
        import httpx  # only where somebody is asked

        if self._client is None:
            # They say at every request where it went, and what was asked is in there.
            for name in ("httpx", "httpcore"):
                logging.getLogger(name).setLevel(logging.WARNING)
            self._client = httpx.AsyncClient(timeout=self._timeout_ms / 1000)
        sent: dict[str, Any] = {"params": parameters} if self._method == "GET" else {"data": parameters}
        async with self._client.stream(self._method, url, **(sent if parameters else {})) as response:
            if response.status_code != 200:
                logger.error("%s answered %d", url, response.status_code)
                return None
            body = b""
            async for part in response.aiter_bytes():
                body += part
                if len(body) > FETCH_BODY_MAX:
                    logger.error("%s answered more than %d bytes", url, FETCH_BODY_MAX)
                    return None
            return body.decode(errors="replace")

    async def stop(self) -> None:
        """Nobody waits for answers any more."""
        for task in [*self._tasks]:
            task.cancel()
        if self._client is not None:
            await self._client.aclose()


class FetchedKeys:
    """The port `Keys`: a JSON Web Key Set from an address, and keys of files. It is fetched again for a key that is not
    known, but not more often than KEYS_LOOK_MS; when that fails the keys that are known stay.
    """

    def __init__(
        self,
        url: str,
        fetcher: Fetcher,
        clock: Clock,
        keys: Mapping[str, Any],
        default: str = "",
        issuer: str = "",
    ) -> None:
        """`keys`: of files, by name; `default` is the name of the one for tokens that name none. Without a `url` the
        `issuer` is asked for it (OpenID Connect Discovery).
        """
        self._url = url
        self._issuer = issuer.rstrip("/")
        self._fetcher = fetcher
        self._clock = clock
        self._files = dict(keys)
        self._default = default
        self._fetched: dict[str, Any] = {}
        self._looked_ms: int | None = None
        self._waiting: list[tuple[str | None, Callable[[Any], None]]] = []

    def get(self, key_id: str | None, answer: Callable[[Any], None]) -> None:
        """Told the key of this name, now or later."""
        key = self._find(key_id)
        now_ms = self._clock.monotonic_ms()
        looked = self._looked_ms is not None and now_ms - self._looked_ms < KEYS_LOOK_MS
        if key is not None or not (self._url or self._issuer) or (looked and not self._waiting):
            answer(key)
            return
        self._waiting.append((key_id, answer))
        if len(self._waiting) == 1:
            self._looked_ms = now_ms
            if self._url:
                self._fetcher.fetch(self._url, {}, self._told)
            else:
                self._fetcher.fetch(f"{self._issuer}/.well-known/openid-configuration", {}, self._discovered)

    def _discovered(self, body: str | None) -> None:
        try:
            said = msgspec.json.decode(body or "")
        except msgspec.DecodeError:
            said = None
        url = said.get("jwks_uri") if isinstance(said, dict) else None
        if isinstance(url, str) and url.startswith(("https://", "http://")):
            self._url = url
            self._fetcher.fetch(url, {}, self._told)
        else:
            logger.error("%s does not say where its keys are", self._issuer)
            self._told(None)

    def _find(self, key_id: str | None) -> Any:
        known = {**self._fetched, **self._files}
        if key_id is None:
            return known.get(self._default) if self._default else next(iter(known.values()), None)
        return known.get(key_id)

    def _told(self, body: str | None) -> None:
        if body is not None:
            try:
                self._fetched = _keys(body)
            except ValueError:
                logger.error("%s: %s", self._url, _UNREADABLE)
        waiting, self._waiting = self._waiting, []
        for key_id, answer in waiting:
            answer(self._find(key_id))


def _keys(body: str) -> dict[str, Any]:
    """By name; those of other uses than signing are left out. Raises ValueError."""
    import jwt

    try:
        found = jwt.PyJWKSet.from_json(body)
    except (jwt.PyJWTError, ValueError, TypeError, AttributeError) as error:
        raise ValueError(str(error)) from None
    return {str(key.key_id): key.key for key in found.keys if key.public_key_use in (None, "sig")}
