"""The OpenAPI document, made of what is said of each operation. Nothing of a broker is in it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

from .... import __version__
from ...definitions import Definitions
from ..sessions import COOKIE
from . import bodies
from .answers import Error, Page
from .operations import METRICS, OPERATIONS, ListOf, Operation
from .parameters import IN_PATH, Parameter

_REF: Final = "#/components/schemas/{name}"
_ERRORS: Final = {
    400: ("BadRequest", "What was sent cannot be done; with the text that AMQP clients get for it, if there is one."),
    401: ("Unauthorized", "Not logged in, or the caller may not do that."),
    403: ("Forbidden", "A browser sent it from a page of another site."),
    404: ("NotFound", "Something of the path is not there."),
    413: ("TooLarge", "The body is too large."),
}
_SAID: Final = {200: "", 201: "Made.", 204: "Done.", 412: "It is protected.", 503: "Not now: why, is in the answer."}
_INFO: Final = {
    "title": "Leveret",
    "version": __version__,
    "summary": "RabbitMQ's management API, and what Leveret has beyond it.",
    "description": (
        "Names in paths are percent-encoded: the virtual host `/` is `%2F`. With `columns` an answer has those fields"
        " only, whether they are required here or not. Statuses and errors are RabbitMQ's."
    ),
    "license": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
}
_SCHEMES: Final = {
    "basic": {"type": "http", "scheme": "basic"},
    "session": {"type": "apiKey", "in": "cookie", "name": COOKIE, "description": "As `logIn` gives it."},
}


def document(prefix: str = "") -> dict[str, Any]:
    """The document of an API under this prefix."""
    schemas = _Schemas()
    paths: dict[str, dict[str, Any]] = {}
    for section, operations in OPERATIONS.items():
        for path, methods in operations.items():
            for method, operation in methods.items():
                described = _described(f"/api/{path}", method, operation, section, schemas)
                paths.setdefault(f"/api/{path}", {})[method.lower()] = described
    for path, operation in METRICS.items():
        paths[f"/{path}"] = {"get": _described(f"/{path}", "GET", operation, "Metrics", schemas)}
    return {
        "openapi": "3.1.1",
        "info": _INFO,
        "servers": [{"url": prefix or "/"}],
        "tags": [{"name": name} for name in (*OPERATIONS, "Metrics")],
        "security": [{name: []} for name in _SCHEMES],
        "paths": paths,
        "components": {
            "schemas": schemas.components(),
            "responses": {name: _error(about, status) for status, (name, about) in _ERRORS.items()},
            "parameters": schemas.parameters,
            "securitySchemes": _SCHEMES,
        },
    }


class _Schemas:
    """Schemas of types, and those that they refer to."""

    def __init__(self) -> None:
        self._found: dict[str, Any] = {}
        self.parameters: dict[str, Any] = {}

    def of(self, type: Any) -> dict[str, Any]:
        """The schema of a type."""
        if isinstance(type, ListOf):
            return {"oneOf": [self.of(list[type.type]), self.of(Page[type.type])]}
        if type is Definitions:
            return self._definitions()
        (schema,), found = msgspec.json.schema_components([type], ref_template=_REF)
        for name, each in _renamed(found).items():
            assert self._found.setdefault(name, each) == each, f"two types are called {name}"
        return _renamed(schema)  # type: ignore[no-any-return]

    def _definitions(self) -> dict[str, Any]:
        """Its parts have the names of what the API answers."""
        _, found = msgspec.json.schema_components([Definitions], ref_template="#/components/schemas/Defined{name}")
        self._found |= {name if name == "Definitions" else f"Defined{name}": each for name, each in found.items()}
        return {"$ref": _REF.format(name="Definitions")}

    def requires(self, schema: Mapping[str, Any]) -> bool:
        """Whether something must be said by what is as this reference says."""
        return bool(self._found[schema["$ref"].rpartition("/")[2]]["required"])

    def parameter(self, one: Parameter) -> dict[str, Any]:
        """A parameter, told once."""
        name, told = f"{one.place}-{one.name}", self._parameter(one)
        if self.parameters.setdefault(name, told) != told:
            return told  # another one of that name
        return {"$ref": f"#/components/parameters/{name}"}

    def _parameter(self, one: Parameter) -> dict[str, Any]:
        told: dict[str, Any] = {
            "name": one.name,
            "in": one.place,
            "description": one.about,
            "schema": self.of(one.type),
        }
        if one.place == "path":
            told["required"] = True
        if one.name == "columns":
            told |= {"style": "form", "explode": False}
        if one.example is not None:
            told["example"] = one.example
        return told

    def components(self) -> dict[str, Any]:
        """All of them, by name."""
        self.of(Error)
        return dict(sorted((self._found | {"FieldValue": bodies.VALUE, "Table": bodies.TABLE}).items()))


def _renamed(schema: Any) -> Any:
    """Pages have names that are easier to read than msgspec's."""
    text = msgspec.json.encode(schema).decode()
    text = re.sub(r"Page\[(\w+)\]", r"\1Page", re.sub(r"\bPage_(\w+?)_\b", r"\1Page", text))
    return msgspec.json.decode(text)


def _described(path: str, method: str, operation: Operation, section: str, schemas: _Schemas) -> dict[str, Any]:
    told: dict[str, Any] = {
        "operationId": operation.id,
        "summary": operation.summary,
        "tags": [section],
        "parameters": [schemas.parameter(one) for one in _parameters(path, operation)],
        "responses": {str(status): each for status, each in sorted(_answers(path, method, operation, schemas))},
    }
    if operation.takes is not None:
        told["requestBody"] = _body(operation, schemas)
    if operation.open:
        told["security"] = [{}, {"basic": []}] if operation.takes is not None else []
    elif operation.basic:
        told["security"] = [{"basic": []}]
    return told


def _parameters(path: str, operation: Operation) -> Iterable[Parameter]:
    own = {one.name: one for one in operation.parameters if one.place == "path"}
    for name in re.findall(r"{(\w+)}", path):
        yield own.get(name) or IN_PATH[name]
    yield from (one for one in operation.parameters if one.place != "path")


def _answers(path: str, method: str, operation: Operation, schemas: _Schemas) -> Iterator[tuple[int, dict[str, Any]]]:
    for status, type in operation.answers.items():
        told: dict[str, Any] = {"description": _SAID[status] or operation.summary}
        if type is not None:
            media = operation.gives_as if status == 200 else "application/json"
            told["content"] = {media: {"schema": schemas.of(type)}}
        if status == 201 and method == "POST":
            about = "Where it is, under `/api/`."
            told["headers"] = {"Location": {"description": about, "schema": {"type": "string"}}}
        yield status, told
    errors = {400: method != "GET" or operation.parameters or "{" in path, 401: not operation.open}
    errors |= {403: method != "GET", 404: "{" in path, 413: operation.takes is not None}
    if operation.open and operation.takes is not None:
        errors[401] = True
    for status, applies in errors.items():
        if applies:
            yield status, {"$ref": f"#/components/responses/{_ERRORS[status][0]}"}


def _error(about: str, status: int) -> dict[str, Any]:
    told: dict[str, Any] = {"description": about}
    told["content"] = {"application/json": {"schema": {"$ref": _REF.format(name="Error")}}}
    if status == 401:
        told["headers"] = {"WWW-Authenticate": {"schema": {"type": "string"}}}
    return told


def _body(operation: Operation, schemas: _Schemas) -> dict[str, Any]:
    schema = schemas.of(operation.takes)
    required = not operation.open and (operation.takes is Definitions or schemas.requires(schema))
    media: dict[str, Any] = {"schema": schema}
    if not required and not operation.open:
        media = {"schema": {"anyOf": [schema, {"type": "null"}]}}
    if operation.example is not None:
        media["example"] = operation.example
    return {"required": required, "content": {operation.takes_as: media}}
