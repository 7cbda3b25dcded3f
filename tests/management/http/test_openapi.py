"""The OpenAPI document: it tells of every route, is valid, and is there without a login."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import httpx
from openapi_spec_validator import OpenAPIV31SpecValidator
from starlette.routing import Mount, Route, Router

import leveret
from leveret.management.http.app import PATHS, application
from leveret.management.http.openapi.document import document
from leveret.management.http.openapi.operations import METRICS, OPERATIONS

DESCRIBED = {path: methods for section in OPERATIONS.values() for path, methods in section.items()}
BESIDE = {"login": {"POST", "DELETE"}, "auth": {"GET"}, "openapi.json": {"GET"}}
"""What is under `/api/` and not in PATHS, for it asks for no login."""


def _routes(routes: Iterable[Any], prefix: str = "") -> Iterator[tuple[str, Route]]:
    for one in routes:
        if isinstance(one, Route):
            yield prefix + one.path_format, one
        elif isinstance(one, Mount) and isinstance(one.app, Router):
            yield from _routes(one.routes, prefix + one.path)


class TestEveryRoute:
    def test_each_path_has_a_description_and_each_description_a_path(self) -> None:
        served = {path: {*handlers} if isinstance(handlers, Mapping) else {"GET"} for path, handlers in PATHS.items()}
        assert {path: {*methods} for path, methods in DESCRIBED.items()} == served | BESIDE

    async def test_each_route_of_the_application(self, broker: Any) -> None:
        guard: Any = application(broker._management)
        served = {
            (path, method)
            for path, one in _routes(guard._app.routes)
            for method in one.methods or ()
            if method != "HEAD"
        }
        told = {(path, method.upper()) for path, methods in document()["paths"].items() for method in methods}
        assert told == served
        assert len([path for path in DESCRIBED if path in PATHS]) + len(BESIDE) + len(METRICS) == len(
            {*document()["paths"]}
        )

    def test_no_two_operations_have_one_name(self) -> None:
        names = [one.id for methods in DESCRIBED.values() for one in methods.values()]
        names += [one.id for one in METRICS.values()]
        assert len({*names}) == len(names)


class TestDocument:
    def test_is_one(self) -> None:
        OpenAPIV31SpecValidator(document()).validate()  # type: ignore[arg-type]

    def test_each_part_of_it_is_used(self) -> None:
        found = document()
        text = repr(found)
        for kind, parts in found["components"].items():
            for name in parts if kind != "securitySchemes" else ():
                assert f"'#/components/{kind}/{name}'" in text, name

    def test_is_under_a_prefix(self) -> None:
        assert document("/hats")["servers"] == [{"url": "/hats"}]

    async def test_needs_no_login(self, broker: leveret.Broker) -> None:
        async with httpx.AsyncClient(base_url=broker.management_url) as client:
            response = await client.get("api/openapi.json")
            assert response.headers["content-type"] == "application/json"
            assert response.json() == document()
            assert (await client.get("api/openapi.json")).content == response.content
            assert (await client.put("api/openapi.json")).status_code == 405
