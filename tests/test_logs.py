"""Log lines: where they go, how they look, and that no secret is in one."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from leveret.config import Options
from leveret.errors import ConfigError
from leveret.logs import HIDDEN, Json, Redact, set_up


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """The loggers as they were."""
    handlers, level = [*logging.root.handlers], logging.root.level
    names = ("leveret.net", "leveret.amqp", "leveret.broker", "leveret.access")
    yield
    for handler in [*logging.root.handlers]:
        if handler not in handlers:
            logging.root.removeHandler(handler)
            handler.close()
    logging.root.setLevel(level)
    for name in names:
        logging.getLogger(name).setLevel(logging.NOTSET)
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = True


def test_a_file_that_is_put_aside(tmp_path: Path) -> None:
    file = tmp_path / "logs" / "leveret.log"
    set_up(Options(log_file=file, log_rotation_size=200, log_rotation_count=2))
    for number in range(20):
        logging.getLogger("leveret").info("line %d", number)
    assert sorted(path.name for path in file.parent.iterdir()) == ["leveret.log", "leveret.log.1", "leveret.log.2"]
    assert file.read_text().splitlines()[-1].endswith("[INFO] line 19")


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot write .*: Is a directory \(from log-file\)"):
        set_up(Options(log_file=tmp_path))


def test_json(tmp_path: Path) -> None:
    file = tmp_path / "leveret.log"
    set_up(Options(log_file=file, log_format="json"))
    logging.getLogger("leveret.net").warning('a "b" %s', "c\nd")
    try:
        raise ValueError("wrong")
    except ValueError:
        logging.getLogger("leveret").exception("failed")
    first, second = (json.loads(line) for line in file.read_text().splitlines())
    assert first["level"] == "warning"
    assert first["category"] == "leveret.net"
    assert first["msg"] == 'a "b" c\nd'
    assert first["time"][10] == "T"
    assert second["error"].endswith("ValueError: wrong")


def test_levels_and_categories(tmp_path: Path) -> None:
    file = tmp_path / "leveret.log"
    set_up(Options(log_file=file, log_level="warning", log_categories=("queue=debug", "connection=none")))
    logging.getLogger("leveret").info("hidden")
    logging.getLogger("leveret.broker").debug("queue")
    logging.getLogger("leveret.net").error("hidden")
    logging.getLogger("leveret").warning("shown")
    assert [line.rpartition("] ")[2] for line in file.read_text().splitlines()] == ["queue", "shown"]


@pytest.mark.parametrize("entry", ["nonsense=info", "queue=loud", "queue"])
def test_categories_that_are_none(entry: str) -> None:
    with pytest.raises(ConfigError, match="log-categories must be category=level"):
        set_up(Options(log_categories=(entry,)))


def test_secrets(tmp_path: Path) -> None:
    file = tmp_path / "leveret.log"
    set_up(Options(log_file=file, default_pass="canary-1", tls_password="canary-2", anonymous_login_pass="canary-3"))
    logging.getLogger("leveret").info("%s and canary-2 and %r", "canary-1", ("canary-3",))
    assert "canary" not in file.read_text()
    assert file.read_text().count(HIDDEN) == 3


def test_short_ones_are_in_too_many_words() -> None:
    record = logging.LogRecord("leveret", logging.INFO, "", 0, "guest %s", ("at",), None)
    assert Redact(["guest", "a", ""]).filter(record)
    assert record.getMessage() == "guest at"
    assert json.loads(Json().format(record))["msg"] == "guest at"
