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
