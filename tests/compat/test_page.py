"""docs/compat.md: every test that it names exists, and every row of its tables names one."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs" / "compat.md"
NAMED = sorted({*re.findall(r"tests/[\w/]+\.py::[\w:]+", PAGE.read_text())})


@cache
def names_in(file: str) -> frozenset[str]:
    """Names of the tests in a file, those of classes as Class::test."""
    found = set()
    for node in ast.parse((ROOT / file).read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.ClassDef):
            tests = [inner for inner in node.body if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef)]
            found.update(f"{node.name}::{inner.name}" for inner in tests)
    return frozenset(name for name in found if name.rpartition("::")[2].startswith("test_"))


@pytest.mark.parametrize("test", NAMED)
def test_named_tests_exist(test: str) -> None:
    file, _, name = test.partition("::")
    assert name in names_in(file)


def test_every_row_names_a_test() -> None:
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("|")]
    without = [row for row in rows if "::" not in row and not re.match(r"\|( RabbitMQ|---| \|)", row)]
    assert len(rows) > 80
    assert without == []
