from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OUTPUT = [ROOT / "src" / "leveret" / "wire" / name for name in ("spec.py", "methods.py")]


def generate(root: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, root / "tools" / "generate_spec.py", *options]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def copy(tmp_path: Path) -> Path:
    """The description, its generator and what that made, to be spoilt."""
    shutil.copytree(ROOT / "tools", tmp_path / "tools")
    wire = tmp_path / "src" / "leveret" / "wire"
    wire.mkdir(parents=True)
    for path in OUTPUT:
        shutil.copy(path, wire)
    return wire


def test_what_is_generated_is_current() -> None:
    checked = generate(ROOT, "--check")
    assert (checked.returncode, checked.stderr) == (0, "")


def test_check_notices_a_change(tmp_path: Path) -> None:
    wire = copy(tmp_path)
    methods = wire / "methods.py"
    methods.write_text(methods.read_text() + "\n")
    (wire / "spec.py").unlink()
    checked = generate(tmp_path, "--check")
    assert checked.returncode == 1
    assert checked.stderr.splitlines() == [
        "spec.py is not current: run python tools/generate_spec.py",
        "methods.py is not current: run python tools/generate_spec.py",
    ]
    assert not (wire / "spec.py").exists()


def test_generate_restores(tmp_path: Path) -> None:
    wire = copy(tmp_path)
    (wire / "spec.py").unlink()
    (wire / "methods.py").write_text("spoilt")
    assert generate(tmp_path).returncode == 0
    for path in OUTPUT:
        assert (wire / path.name).read_bytes() == path.read_bytes()


def test_a_method_added_to_the_description_appears(tmp_path: Path) -> None:
    wire = copy(tmp_path)
    description = tmp_path / "tools" / "amqp-0-9-1.toml"
    text = description.read_text()
    ping = '\nping = { id = 99, by = "both", fields = "reserved-1:bit a:short b:bit c:bit d:longlong e:table" }'
    description.write_text(text + ping)
    assert generate(tmp_path).returncode == 0
    methods = (wire / "methods.py").read_text()
    assert "class TxPing(Method):" in methods
    assert "def __init__(self, a: int, b: bool, c: bool, d: int, e: Arguments = Arguments.EMPTY) -> None:" in methods
    assert 'TX_PING: "tx.ping",' in (wire / "spec.py").read_text()
    compile(methods, "methods.py", "exec")
