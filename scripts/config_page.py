"""Writes the table of options in docs/configuration.md, from the code. `--check` only says whether it is current."""

from __future__ import annotations

import sys
from pathlib import Path

from leveret.config import TABLE
from leveret.config.rabbitmq import _FLAGS, _LISTS, KEYS

PAGE = Path(__file__).parent.parent / "docs" / "configuration.md"
BEGIN, END = "<!-- options: written by scripts/config_page.py -->", "<!-- end of options -->"


def rows() -> str:
    """The table, in Markdown."""
    keys: dict[str, list[str]] = {}
    for key, (name, _) in KEYS.items():
        keys.setdefault(name, []).append(key)
    for prefix, name in {**_LISTS, **_FLAGS}.items():
        keys.setdefault(name, []).append(prefix + "*")
    keys.setdefault("log-file", []).append("log.file")
    keys.setdefault("log-format", []).append("log.console.formatter")
    keys.setdefault("log-categories", []).append("log.*.level")
    lines = ["| option | default | meaning | in `rabbitmq.conf` |", "|---|---|---|---|"]
    for option in TABLE:
        default = option.shown or option.default
        if isinstance(default, tuple):
            default = ",".join(default)
        if isinstance(default, bool):
            default = "on" if default else "off"
        shown = "" if default in (None, "") else f"`{default}`"
        if option.secret:
            shown = "`guest`" if default == "guest" else ""
        meaning = option.help.rstrip(".")
        meaning = meaning[0].lower() + meaning[1:] if meaning[1:2].islower() else meaning
        if option.secret:
            meaning += "; no flag, since flags are in the list of processes"
        known = "<br>".join(f"`{key}`" for key in keys.get(option.name, []))
        lines.append(f"| `{option.name}` | {shown} | {meaning.replace('|', chr(92) + '|')} | {known} |")
    return "\n".join(lines)


def main() -> int:
    """The exit code."""
    page = PAGE.read_text()
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    made = f"{before}{BEGIN}\n\n{rows()}\n\n{END}{after}"
    if "--check" in sys.argv:
        return 0 if made == page else 1
    PAGE.write_text(made)
    return 0


if __name__ == "__main__":
    sys.exit(main())
