"""Writes src/leveret/wire/spec.py and methods.py from amqp-0-9-1.toml, which stands beside this file.

    python tools/generate_spec.py            write both
    python tools/generate_spec.py --check    say whether both are current; exit code 1 when not

The output is formatted as `ruff format` would, so that it can be read and linted like any other source.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from spec_description import constant, hexadecimal, load, methods_of
from spec_methods import methods_source

WIRE = Path(__file__).resolve().parent.parent / "src" / "leveret" / "wire"

SPEC_HEAD = '''"""Numbers and names of AMQP 0-9-1 with RabbitMQ's extensions.

Made by tools/generate_spec.py of tools/amqp-0-9-1.toml: change those, not this.
A method's id is here class id << 16 | method id, which is how its first four bytes read.
"""

from __future__ import annotations

from typing import Final
'''


def spec_source(description: dict[str, Any]) -> str:
    methods = methods_of(description)
    lines = [SPEC_HEAD]
    for name, value in description["frames"].items():
        lines.append(f"FRAME_{name.upper()}: Final = {value}")
    lines.append("")
    for name, value in description["replies"].items():
        lines.append(f"{constant(name)}: Final = {value}")
    lines += ["", "REPLY_NAMES: Final[dict[int, str]] = {"]
    for name in description["replies"]:
        lines.append(f'    {constant(name)}: "{constant(name)}",')
    lines += ["}", ""]
    for name, entry in description["class"].items():
        lines.append(f"CLASS_{constant(name)}: Final = {entry['id']}")
    lines += ["", "CLASS_NAMES: Final[dict[int, str]] = {"]
    for name in description["class"]:
        lines.append(f'    CLASS_{constant(name)}: "{name}",')
    lines += ["}", ""]
    lines += [f"{method.constant}: Final = {hexadecimal(method.full_id)}" for method in methods]
    lines += ["", "METHOD_NAMES: Final[dict[int, str]] = {"]
    lines += [f'    {method.constant}: "{method.wire_name}",' for method in methods]
    lines += ["}", "", "# Flags of the properties of a content (4.2.6.1)."]
    bit = 1 << 15
    for name in description["properties"]:
        lines.append(f"FLAG_{constant(name)}: Final = 0x{bit:04X}")
        bit >>= 1
    lines += ["", "PROPERTIES: Final[tuple[tuple[str, str, int], ...]] = ("]
    for name, domain in description["properties"].items():
        lines.append(f'    ("{name.replace("-", "_")}", "{domain}", FLAG_{constant(name)}),')
    lines += [")", '"""(name, domain, flag) in the order of the wire."""', ""]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description="Generate wire/spec.py and wire/methods.py.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 unless both are current")
    options = parser.parse_args()
    description = load()
    status = 0
    for path, source in (
        (WIRE / "spec.py", spec_source(description)),
        (WIRE / "methods.py", methods_source(description)),
    ):
        if path.exists() and path.read_text(encoding="utf-8") == source:
            continue
        if options.check:
            print(f"{path.name} is not current: run python tools/generate_spec.py", file=sys.stderr)
            status = 1
        else:
            path.write_text(source, encoding="utf-8")
    return status


if __name__ == "__main__":
    sys.exit(main())
