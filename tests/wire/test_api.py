"""The contract itself: what `_kernel.pyi` declares is there in both implementations, and `leveret.wire` hands it on."""

from __future__ import annotations

import ast
import gc
import inspect
import os
import subprocess
import sys
import weakref
from pathlib import Path
from typing import Any

import pytest

import leveret
import leveret.wire

from .support import build, events, filled, implementation, opened, publish

STUB = ast.parse((Path(leveret.__file__).parent / "_kernel.pyi").read_text())


def declared() -> dict[str, ast.stmt]:
    """The public names of the stub."""
    names: dict[str, ast.stmt] = {}
    for statement in STUB.body:
        match statement:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name):
                names[name] = statement
            case ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]):
                names[name] = statement
    return names


DECLARED = {name: statement for name, statement in declared().items() if name != "Disk"}
"""Of the twin `leveret.wire.twin`; that of `Disk` has threads, and is in `leveret.disk`."""
NAMES = [name for name in DECLARED if name != "Event"]
CONSTANTS = {
    name: ast.literal_eval(statement.value)
    for name, statement in DECLARED.items()
    if isinstance(statement, ast.AnnAssign) and statement.value is not None
}
CLASSES = {name: statement for name, statement in DECLARED.items() if isinstance(statement, ast.ClassDef)}
FUNCTIONS = {name: statement for name, statement in DECLARED.items() if isinstance(statement, ast.FunctionDef)}
MEMBERS = [
    (name, member.name)
    for name, statement in CLASSES.items()
    for member in statement.body
    if isinstance(member, ast.FunctionDef)
] + [
    (name, member.target.id)
    for name, statement in CLASSES.items()
    for member in statement.body
    if isinstance(member, ast.AnnAssign) and isinstance(member.target, ast.Name)
]


def parameters(function: ast.FunctionDef) -> list[tuple[str, Any]]:
    """Names and defaults as the stub has them."""
    arguments = function.args
    names = [argument.arg for argument in arguments.posonlyargs + arguments.args]
    defaults: list[Any] = [inspect.Parameter.empty] * (len(names) - len(arguments.defaults))
    defaults += [value(default) for default in arguments.defaults]
    found = list(zip(names, defaults, strict=True))
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        found.append((argument.arg, inspect.Parameter.empty if default is None else value(default)))
    return [(name, default) for name, default in found if name != "self"]


def value(node: ast.expr) -> Any:
    return CONSTANTS[node.id] if isinstance(node, ast.Name) else ast.literal_eval(node)


def assert_takes(function: Any, wanted: list[tuple[str, Any]]) -> None:
    found = inspect.signature(function).parameters.values()
    taken = [(parameter.name, parameter.default) for parameter in found if parameter.name != "self"]
    assert [name for name, _ in taken] == [name for name, _ in wanted]
    for (_, default), (_, other) in zip(taken, wanted, strict=True):
        # The kernel's signatures show `...` where the default is a constant of its own.
        assert default is ... or default == other


class TestStub:
    @pytest.mark.parametrize("name", NAMES)
    def test_every_name_is_there(self, impl: Any, name: str) -> None:
        assert hasattr(impl, name)

    @pytest.mark.parametrize(("name", "wanted"), CONSTANTS.items())
    def test_constants(self, impl: Any, name: str, wanted: int) -> None:
        assert getattr(impl, name) == wanted

    @pytest.mark.parametrize(("name", "member"), MEMBERS)
    def test_every_member_is_there(self, impl: Any, name: str, member: str) -> None:
        if name == "KeyTable" and member == "cache":
            assert build(impl, b"").keys.cache == {}
        else:
            assert hasattr(getattr(impl, name), member)

    @pytest.mark.parametrize(
        ("name", "member"),
        [
            (name, member.name)
            for name, statement in CLASSES.items()
            for member in statement.body
            if isinstance(member, ast.FunctionDef) and not member.name.startswith("__")
            if not any(ast.unparse(decorator) == "property" for decorator in member.decorator_list)
        ],
    )
    def test_parameters_of_methods(self, impl: Any, name: str, member: str) -> None:
        (wanted,) = [
            statement
            for statement in CLASSES[name].body
            if isinstance(statement, ast.FunctionDef) and statement.name == member
        ]
        assert_takes(getattr(getattr(impl, name), member), parameters(wanted))

    @pytest.mark.parametrize("name", FUNCTIONS)
    def test_parameters_of_functions(self, impl: Any, name: str) -> None:
        assert_takes(getattr(impl, name), parameters(FUNCTIONS[name]))

    def test_parameters_of_constructors(self, impl: Any) -> None:
        pool = impl.Pool(chunk_size=65536)
        decoder = impl.Decoder(pool, frame_max=4096, max_message_size=10)
        assert decoder.held_bytes == 0
        assert impl.Extent(base=3, lane=4).lane == 4
        assert list(impl.Selection(rows=[1])) == [1]
        assert impl.Replay(position=8).position == 8
        assert len(impl.Pieces(pieces=[])) == 0
        assert impl.Settlement(channel=1, kind=0, items=[], method=1).method == 1


class TestWire:
    def test_hands_on_every_name(self) -> None:
        assert set(leveret.wire.__all__) == {*DECLARED, "IMPLEMENTATION"}
        module = implementation(leveret.wire.IMPLEMENTATION)
        for name in NAMES:
            assert getattr(leveret.wire, name) is getattr(module, name)

    @pytest.mark.parametrize(("setting", "wanted"), [("1", "twin"), ("0", None), (None, None)])
    def test_which_one_is_a_setting(self, setting: str | None, wanted: str | None) -> None:
        if wanted is None:
            wanted = "twin" if implementation("kernel") is None else "kernel"
        environment = {name: text for name, text in os.environ.items() if name != "LEVERET_TWIN"}
        if setting is not None:
            environment["LEVERET_TWIN"] = setting
        code = "from leveret.wire import IMPLEMENTATION, Batch; print(IMPLEMENTATION, Batch.__module__)"
        said = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
        ).stdout.split()
        assert said[0] == wanted
        assert said[1].startswith("leveret.wire.twin" if wanted == "twin" else "leveret._kernel")


class Owner:
    """Something that others point to."""

    other: object


class TestGarbage:
    """Cycles through the kernel's objects are found by the collector."""

    def test_a_ledger_whose_owner_knows_it(self, impl: Any) -> None:
        ledger, extent, owner = impl.Ledger(), filled(impl, b"a", b"b"), Owner()
        ledger.add(1, owner, extent, extent.take(2))
        owner.other = ledger
        gone = weakref.ref(owner)
        del ledger, owner
        gc.collect()
        assert gone() is None

    def test_a_key_tables_cache(self, impl: Any) -> None:
        decoder, owner = opened(impl), Owner()
        decoder.push(publish())
        (batch,) = events(decoder)
        batch.keys.cache[batch.key] = owner
        owner.other = (batch, decoder)
        gone = weakref.ref(owner)
        del batch, decoder, owner
        gc.collect()
        assert gone() is None
