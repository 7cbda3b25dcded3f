"""Logging in once: the cookie, its end, and other sites."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from http import HTTPStatus
from typing import Any

import httpx
import pytest

import leveret

from .conftest import Api

FORM = {"username": "guest", "password": "guest"}


@pytest.fixture
async def browser(broker: leveret.Broker) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=broker.management_url + "api/") as client:
        yield client


async def test_a_cookie_without_the_password(browser: httpx.AsyncClient) -> None:
    response = await browser.post("login", data=FORM)
    assert response.json() == {"name": "guest", "tags": ["administrator"]}
    cookie = response.headers["set-cookie"]
    assert "guest" not in cookie
    assert all(part in cookie for part in ("HttpOnly", "SameSite=strict", "Path=/", "Max-Age=28800"))
    assert (await browser.get("whoami")).json()["name"] == "guest"
    assert (await browser.delete("login")).status_code == HTTPStatus.NO_CONTENT
    assert (await browser.get("whoami")).status_code == HTTPStatus.UNAUTHORIZED


async def test_an_ended_session_is_over_for_everybody_who_kept_its_cookie(browser: httpx.AsyncClient) -> None:
    await browser.post("login", data=FORM)
    cookies = dict(browser.cookies)
    await browser.delete("login")
    browser.cookies.update(cookies)
    assert (await browser.get("whoami")).status_code == HTTPStatus.UNAUTHORIZED


async def test_a_wrong_password(browser: httpx.AsyncClient) -> None:
    response = await browser.post("login", data=FORM | {"password": "wrong"})
    assert (response.status_code, response.json()["reason"]) == (HTTPStatus.UNAUTHORIZED, "Login failed")
    assert "set-cookie" not in response.headers


async def test_it_ends_with_the_password(browser: httpx.AsyncClient, api: Api) -> None:
    await api("PUT", "users/ann", {"password": "a", "tags": "management"})
    await browser.post("login", data={"username": "ann", "password": "a"})
    assert (await browser.get("whoami")).is_success
    await api("PUT", "users/ann", {"password": "b", "tags": "management"})
    assert (await browser.get("whoami")).status_code == HTTPStatus.UNAUTHORIZED


async def test_it_ends_with_the_user(browser: httpx.AsyncClient, api: Api) -> None:
    await api("PUT", "users/ann", {"password": "a", "tags": "management"})
    await browser.post("login", data={"username": "ann", "password": "a"})
    await api("DELETE", "users/ann")
    assert (await browser.get("whoami")).status_code == HTTPStatus.UNAUTHORIZED


async def test_it_ends_with_time(browser: httpx.AsyncClient, broker: Any) -> None:
    management = broker._management
    management.management = replace(management.management, login_session_timeout_ms=0)
    await browser.post("login", data=FORM)
    assert (await browser.get("whoami")).status_code == HTTPStatus.UNAUTHORIZED


async def test_other_sites_change_nothing(browser: httpx.AsyncClient) -> None:
    elsewhere = {"origin": "http://elsewhere.example"}
    assert (await browser.post("login", data=FORM, headers=elsewhere)).status_code == HTTPStatus.FORBIDDEN
    await browser.post("login", data=FORM)
    refused = await browser.put("queues/%2F/q", json={}, headers=elsewhere)
    assert (refused.status_code, refused.json()["error"]) == (HTTPStatus.FORBIDDEN, "forbidden")
    own = {"origin": str(browser.base_url).removesuffix("/api/")}
    assert (await browser.put("queues/%2F/q", json={}, headers=own)).status_code == HTTPStatus.CREATED


async def test_there_are_only_so_many(browser: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("leveret.management.http.sessions.SESSIONS_MAX", 2)
    await browser.post("login", data=FORM)
    first = dict(browser.cookies)
    for _ in range(2):
        browser.cookies.clear()
        await browser.post("login", data=FORM)
    assert (await browser.get("whoami")).is_success
    browser.cookies.clear()
    browser.cookies.update(first)
    assert (await browser.get("whoami")).status_code == HTTPStatus.UNAUTHORIZED


FORM_OF_A_PAGE = {"content-type": "text/plain"}


@pytest.mark.parametrize("origin", ["http://elsewhere.example", "null", "http://[", "https://127.0.0.1:1", ""])
async def test_forms_of_other_sites_change_nothing_with_a_password_either(
    api: Api, browser: httpx.AsyncClient, origin: str
) -> None:
    """Browsers remember Basic credentials, and take them from a form's address."""
    headers = {"origin": origin, **FORM_OF_A_PAGE}
    for method in ("POST", "PUT", "DELETE"):
        refused = await api.client.request(
            method, "queues/%2F/q" if method != "POST" else "rebalance/queues", content=b"{}", headers=headers
        )
        assert (refused.status_code, refused.json()["error"]) == (HTTPStatus.FORBIDDEN, "forbidden"), method
    await api("GET", "queues/%2F/q", status=HTTPStatus.NOT_FOUND)
    assert (await api.client.get("overview", headers=headers)).is_success  # nobody but that site could read it
    assert (await browser.post("login", data=FORM, headers=headers | {"content-type": "x"})).status_code in (401, 403)


async def test_sites_that_the_operator_names_may(broker: Any, api: Api) -> None:
    management = broker._management
    headers = {"origin": "https://tools.example"}
    assert (await api.client.put("queues/%2F/q", json={}, headers=headers)).status_code == HTTPStatus.FORBIDDEN
    management.management = replace(management.management, cors_allow_origins=("https://tools.example",))
    assert (await api.client.put("queues/%2F/q", json={}, headers=headers)).is_success


async def test_behind_a_proxy_with_a_name_of_its_own(api: Api) -> None:
    headers = {"origin": "https://broker.example", "x-forwarded-host": "broker.example"}
    assert (await api.client.put("queues/%2F/q", json={}, headers=headers)).is_success


async def test_a_login_is_short(browser: httpx.AsyncClient) -> None:
    many = b"&".join(b"a=%d" % number for number in range(100_000))
    response = await browser.post("login", content=many)
    assert (response.status_code, response.json()["error"]) == (413, "payload_too_large")


async def test_one_login_replaces_the_other_of_a_browser(browser: httpx.AsyncClient) -> None:
    await browser.post("login", data=FORM)
    before = dict(browser.cookies)
    await browser.post("login", data=FORM)
    browser.cookies.clear()
    browser.cookies.update(before)
    assert (await browser.get("whoami")).status_code == HTTPStatus.UNAUTHORIZED


async def test_a_password_that_changes_while_it_is_looked_at(
    browser: httpx.AsyncClient, api: Api, broker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await api("PUT", "users/ann", {"password": "a", "tags": "management"})
    access = broker._management.access
    late = type(access).authenticate

    def slowly(self: Any, mechanism: str, response: bytes, remote: Any, answer: Any) -> None:
        def changed(user: Any) -> None:
            broker._node.administration.put_user("ann", "", "argon2id", ("management",))
            answer(user)

        late(self, mechanism, response, remote, changed if b"ann" in response else answer)

    monkeypatch.setattr(type(access), "authenticate", slowly)
    await browser.post("login", data={"username": "ann", "password": "a"})
    assert (await browser.get("whoami")).status_code == HTTPStatus.UNAUTHORIZED


async def test_it_ends_with_the_login(browser: httpx.AsyncClient, broker: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A token is worth nothing after some time."""
    access, clock = broker._management.access, broker._management.clock
    authenticate, now_ms = type(access).authenticate, clock.wall_ms()

    def shortly(self: Any, mechanism: str, response: bytes, remote: Any, answer: Any) -> None:
        def until_then(user: Any) -> None:
            answer(replace(user, expires_ms=now_ms + 3_600_000))

        authenticate(self, mechanism, response, remote, until_then)

    monkeypatch.setattr(type(access), "authenticate", shortly)
    await browser.post("login", data=FORM)
    assert (await browser.get("whoami")).is_success
    monkeypatch.setattr(type(clock), "wall_ms", lambda _: now_ms + 3_600_001)
    assert (await browser.get("whoami")).status_code == HTTPStatus.UNAUTHORIZED
