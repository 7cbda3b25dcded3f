"""Where log lines go and how they look: the console, a file that is put aside when it is large; text or JSON.

Secrets of the configuration are never in a line, whoever wrote it.
"""

from __future__ import annotations

import logging
from logging.handlers import RotatingFileHandler
from typing import TYPE_CHECKING, Final

import msgspec

from .config import TABLE
from .errors import ConfigError

if TYPE_CHECKING:
    from .config import Options

CATEGORIES: Final = {
    "connection": ("leveret.net", "leveret.amqp"),
    "channel": ("leveret.amqp",),
    "queue": ("leveret.broker",),
    "user": ("leveret.access",),
}
"""RabbitMQ's categories, as far as they say anything here, and who writes such lines."""
HIDDEN: Final = "[secret]"
_SECRET_LENGTH_MIN: Final = 6
"""Shorter ones are everywhere, in words and numbers."""


class Json(logging.Formatter):
    """One object per line: time, level, category, message, and what was raised."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        line = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S") + f".{int(record.msecs):03d}",
            "level": record.levelname.lower(),
            "category": record.name,
            "msg": record.getMessage(),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line).decode()


class Redact(logging.Filter):
    """Takes these texts out of what is said."""

    def __init__(self, secrets: list[str]) -> None:
        super().__init__()
        self._secrets = [secret for secret in secrets if len(secret) >= _SECRET_LENGTH_MIN]

    def filter(self, record: logging.LogRecord) -> bool:
        """Always true: the line is changed where it has to be."""
        if self._secrets:
            said = record.getMessage()
            if any(secret in said for secret in self._secrets):
                for secret in self._secrets:
                    said = said.replace(secret, HIDDEN)
                record.msg, record.args = said, None
        return True


def set_up(options: Options) -> None:
    """Log from here on as the options say. Raises ConfigError for a file that cannot be written, or no category."""
    handlers: list[logging.Handler] = [logging.StreamHandler()]
    if options.log_file is not None:
        handlers.append(_file(options))
    redact = Redact([getattr(options, option.field) for option in TABLE if option.secret])
    for handler in handlers:
        handler.setFormatter(_formatter(options.log_format))
        handler.addFilter(redact)
        logging.root.addHandler(handler)
    logging.root.setLevel(_level(options.log_level))
    for entry in options.log_categories:
        category, _, level = entry.partition("=")
        if category not in CATEGORIES or level not in _LEVELS:
            known = ", ".join(CATEGORIES)
            raise ConfigError(f"log-categories must be category=level of {known}, not {entry!r}")
        for name in CATEGORIES[category]:
            logging.getLogger(name).setLevel(_level(level))
    # Not shown, so not looked up for every line.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False


_LEVELS: Final = ("debug", "info", "warning", "error", "critical", "none")


def _level(name: str) -> int | str:
    return logging.CRITICAL + 1 if name == "none" else name.upper()


def _formatter(kind: str) -> logging.Formatter:
    if kind == "json":
        return Json()
    formatter = logging.Formatter("{asctime} [{levelname}] {message}", style="{")
    formatter.default_msec_format = "%s.%03d"
    return formatter


def _file(options: Options) -> logging.Handler:
    path = options.log_file
    assert path is not None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return RotatingFileHandler(
            path, maxBytes=options.log_rotation_size, backupCount=options.log_rotation_count, encoding="utf-8"
        )
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror} (from log-file)") from None
