"""Logged in once: a cookie that says nothing but which session it is."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs, urlsplit

from ...limits import LOGIN_BODY_MAX, SESSIONS_MAX
from .caller import Caller, basic_of, log_in_as
from .reply import ApiError, body_of, done, json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request
    from starlette.responses import Response

    from .caller import Managed

COOKIE: Final = "leveret_session"


@dataclass(frozen=True, slots=True)
class _Session:
    caller: Caller
    secret: object
    """What its password was then: with another one it is over."""
    ends_ms: int


class Sessions:
    """Those of a node: in memory, so that a restart ends them."""

    def __init__(self, node: Managed) -> None:
        self._node = node
        self._sessions: dict[bytes, _Session] = {}
        """By the hash of their token, oldest first."""

    async def endpoint(self, request: Request) -> Response:
        """POST `username=...&password=...` (or Basic authentication) begins a session, DELETE ends it."""
        if request.method == "DELETE":
            self._sessions.pop(_key(request), None)
            response = done()
            response.delete_cookie(COOKIE, path=self._path)
            return response
        require_same_origin(request, self._node.management.cors_allow_origins)
        form = parse_qs((await body_of(request, LOGIN_BODY_MAX)).decode(errors="replace"))
        if "username" in form:
            name, password = form["username"][0].encode(), form.get("password", [""])[0].encode()
        else:
            name, password = basic_of(request)
        secret = self._secret(name.decode(errors="replace"))
        caller = await log_in_as(request, self._node, name, password)
        if secret is not self._secret(caller.user.name) and secret is not None:
            raise ApiError(401, "not_authorized", "Login failed")  # it changed while the password was looked at
        self._sessions.pop(_key(request), None)
        token = secrets.token_urlsafe(32)
        now_ms, options = self._node.clock.monotonic_ms(), self._node.management
        while len(self._sessions) >= SESSIONS_MAX:
            del self._sessions[next(iter(self._sessions))]
        ends_ms = now_ms + options.login_session_timeout_ms
        self._sessions[_hashed(token)] = _Session(caller, self._secret(caller.user.name), ends_ms)
        response = json({"name": caller.user.name, "tags": [*caller.tags]})
        response.set_cookie(
            COOKIE,
            token,
            max_age=options.login_session_timeout_ms // 1000,
            path=self._path,
            secure=request.url.scheme == "https",
            httponly=True,
            samesite="strict",
        )
        return response

    async def caller(self, request: Request) -> Caller | None:
        """Whose session it is, if any; a header that says who calls comes first."""
        if "authorization" in request.headers or COOKIE not in request.cookies:
            return None
        key = _key(request)
        session = self._sessions.get(key)
        if session is None:
            return None
        user, clock = session.caller.user, self._node.clock
        known = self._secret(user.name) is session.secret
        expired = user.expires_ms is not None and clock.wall_ms() >= user.expires_ms
        if not known or expired or clock.monotonic_ms() >= session.ends_ms:
            del self._sessions[key]
            return None
        return session.caller

    def _secret(self, name: str) -> object:
        """What is another object as soon as a user's password or tags change; None when it is not our own user."""
        return self._node.accounts.users.get(name)

    @property
    def _path(self) -> str:
        return self._node.management.path_prefix or "/"


def _key(request: Request) -> bytes:
    return _hashed(request.cookies.get(COOKIE, ""))


def _hashed(token: str) -> bytes:
    return sha256(token.encode()).digest()


def require_same_origin(request: Request, others: Sequence[str]) -> None:
    """Browsers say which site a request comes from. Raises ApiError when that is another one, and none of `others`.

    With a password as well as with a cookie: browsers remember both, and take the former from a form's address, too.
    """
    origin = request.headers.get("origin")
    if origin is None or origin in others:
        return
    try:
        site = urlsplit(origin).netloc
    except ValueError:
        site = ""
    own = (request.headers.get("host"), request.headers.get("x-forwarded-host"))  # no form can set either
    if not site or site not in own:
        raise ApiError(403, "forbidden", "Request from another site")
