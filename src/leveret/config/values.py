"""What values of options look like. Each function takes what a flag, a variable or a file says, and raises ValueError,
whose text completes the sentence `port must be ...`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

from ..limits import FRAME_MAX_MIN, MESSAGE_SIZE_HARD_MAX
from ..patterns import compile_pattern

SEGMENT_SIZE_MIN: Final = 1 << 20
PORT_MAX: Final = 65_535
U32_MAX: Final = (1 << 32) - 1

Amount = int | float
"""An integer is bytes, a float a share of some whole."""


def parse_host(value: object) -> str:
    """A host name or an address."""
    if isinstance(value, str) and value.strip() and not any(map(str.isspace, value.strip())):
        return value.strip()
    raise ValueError("a host name or an address")


def number(most: int, least: int = 0) -> Callable[[object], int]:
    """An integer within these bounds."""

    def parse(value: object) -> int:
        try:
            found = int(value) if isinstance(value, str) else value
        except ValueError:
            found = None
        if isinstance(found, int) and not isinstance(found, bool) and least <= found <= most:
            return found
        raise ValueError(f"a number from {least} to {most}")

    return parse


def parse_path(value: object) -> Path:
    """A path; `~` is a home directory."""
    if isinstance(value, str | Path) and str(value) and "\0" not in str(value):
        try:
            return Path(value).expanduser()
        except RuntimeError:
            raise ValueError("a path below a home directory that exists") from None
    raise ValueError("a path")


def parse_switch(value: object) -> bool:
    """True or false, in the usual words."""
    if isinstance(value, bool):
        return value
    text = str(value).strip().lower()
    if text in ("true", "yes", "on", "1"):
        return True
    if text in ("false", "no", "off", "0", ""):
        return False
    raise ValueError("true or false")


def parse_prefix(value: object) -> str:
    """A path that other paths are put behind, without a slash at its end."""
    text = str(value).strip().rstrip("/")
    if text and (not text.startswith("/") or any(letter in text for letter in "?#% {}")):
        raise ValueError("a path that begins with /")
    return text


def one_of(words: tuple[str, ...]) -> Callable[[object], str]:
    """One of these words, in any case."""

    def parse(value: object) -> str:
        if str(value).lower() in words:
            return str(value).lower()
        raise ValueError(f"one of {', '.join(words)}")

    return parse


def parse_text(value: object) -> str:
    """Any text."""
    if isinstance(value, str):
        return value
    raise ValueError("a text")


def words(each: Callable[[object], str] = parse_text) -> Callable[[object], tuple[str, ...]]:
    """A list: of a file, or a text with commas."""

    def parse(value: object) -> tuple[str, ...]:
        parts = value.split(",") if isinstance(value, str) else value
        if not isinstance(parts, list | tuple):
            raise ValueError("a list, or a text with commas")
        return tuple(each(part.strip() if isinstance(part, str) else part) for part in parts if part != "")

    return parse


def parse_pattern(value: object) -> str:
    """A regular expression."""
    text = parse_text(value)
    try:
        compile_pattern(text)
    except ValueError as error:
        raise ValueError(f"a regular expression ({error.args[0]})") from None
    return text


def entries(value: object) -> tuple[str, ...]:
    """A list of what has commas in it: of a file, or a text with semicolons."""
    parts = value.split(";") if isinstance(value, str) else value
    if not isinstance(parts, list | tuple):
        raise ValueError("a list, or a text with semicolons")
    return tuple(parse_text(part).strip() for part in parts if part != "")


_SIZE: Final = re.compile(r"([0-9]{1,18}) ?(?:([kmgtp])(i?)b?)?", re.IGNORECASE)
_SHARE: Final = re.compile(r"[0-9]*\.[0-9]+")


def parse_size(value: object) -> int:
    """Bytes, from a number with or without one of RabbitMQ's units ("Memory Threshold and Limit").

    k, M, G, T, P, also with a B, are powers of 1000; Ki, Mi, Gi, Ti, Pi, also with a B, of 1024; case does not matter.
    """
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    found = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        raise ValueError("a size such as 50MB or 64MiB")
    count, unit, binary = found.groups()
    factor: int = (1024 if binary else 1000) ** ("kmgtp".index(unit.lower()) + 1 if unit else 0)
    return int(count) * factor


def amount(share_max: float) -> Callable[[object], Amount]:
    """A size, or (with a decimal point, so that 1 is a byte and 1.0 all there is) a share."""

    def parse(value: object) -> Amount:
        text = value.strip() if isinstance(value, str) else ""
        share = float(text) if _SHARE.fullmatch(text) else value
        if not isinstance(share, float):
            try:
                return parse_size(value)
            except ValueError:
                pass
        elif 0 <= share <= share_max:
            return share
        raise ValueError(f"a share from 0.0 to {share_max} or a size such as 512MiB or 2GB")

    return parse


def parse_segment_size(value: object) -> int:
    """Of one file of the log."""
    size = parse_size(value)
    if size < SEGMENT_SIZE_MIN:
        raise ValueError("a size of at least 1MiB")
    return size


def parse_frame_max(value: object) -> int:
    """Of one frame; 0: no limit."""
    size = parse_size(value)
    if 0 < size < FRAME_MAX_MIN or size > U32_MAX:
        raise ValueError("a size of at least 8192, or 0 for no limit")
    return size


def parse_message_size(value: object) -> int:
    """Of one message."""
    size = parse_size(value)
    if not 0 < size <= MESSAGE_SIZE_HARD_MAX:
        raise ValueError("a size of at most 512MiB")
    return size


def parse_endpoint(value: object) -> str:
    """`host:port`, `[address]:port`, a port alone, which is on every address, or `none`."""
    text = str(value).strip()
    if text == "none":
        return text
    host, _, port = text.rpartition(":")
    if port.isdecimal() and int(port) <= PORT_MAX and not any(map(str.isspace, host)):
        return text
    raise ValueError("a port, or an address and a port as in 127.0.0.1:5672")


def split_endpoint(text: str) -> tuple[str, int]:
    """Host (empty: every address) and port of what `parse_endpoint` took."""
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)
