"""What commands print: tables for people and programs, as rabbitmqctl formats them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any, Final

FORMATTERS: Final = ("table", "pretty_table", "json", "csv")


class Rows:
    """A list of objects: some columns of each."""

    def __init__(self, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        self.columns = columns
        self.rows = [*rows]


def show(rows: Rows, formatter: str, headers: bool) -> None:
    """Print them."""
    if formatter == "json":
        shown = [json.dumps(dict(zip(rows.columns, row, strict=True)), separators=(",", ":")) for row in rows.rows]
        print("[\n" + "\n,".join(shown) + "\n]")
    elif formatter == "csv":
        lines = [[*rows.columns]] * headers + [[text(value) for value in row] for row in rows.rows]
        for line in lines:
            print(",".join('"' + value.replace('"', '""') + '"' for value in line))
    elif not rows.rows:
        return
    elif formatter == "pretty_table":
        _pretty(rows, headers)
    else:
        if headers:
            print("\t".join(rows.columns))
        for row in rows.rows:
            print("\t".join(map(text, row)))


def _pretty(rows: Rows, headers: bool) -> None:
    from rich.box import ROUNDED
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=ROUNDED, show_header=headers, header_style="bold")
    for column in rows.columns:
        table.add_column(escape(column), overflow="fold")
    for row in rows.rows:
        table.add_row(*(escape(text(value)) for value in row))
    width = None if sys.stdout.isatty() else 1_000  # what reads a pipe wants whole lines
    Console(width=width, highlight=False).print(table)


def text(value: Any) -> str:
    """A value in a cell."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "[" + ", ".join(map(text, value)) + "]"
    if isinstance(value, dict):
        return "[" + ",".join(f'{{"{name}",{_term(each)}}}' for name, each in value.items()) + "]"
    return str(value)


def _term(value: Any) -> str:
    """Inside of arguments texts have quotes."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list):
        return "[" + ",".join(map(_term, value)) + "]"
    return text(value)


def size(value: float) -> str:
    """Bytes, for people."""
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"
