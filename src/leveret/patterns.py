"""Patterns that choose objects by name: regular expressions as RabbitMQ has them (PCRE), within bounds.

They see a name's bytes and match anywhere in it. Patterns come from people who may be in error: compiling one takes no
more than PATTERN_SIZE_MAX allows, and a search that goes on for PATTERN_TIMEOUT_S finds nothing.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from .clock import worked_ns
from .limits import PATTERN_LENGTH_MAX, PATTERN_SIZE_MAX, PATTERN_TIMEOUT_S

if TYPE_CHECKING:
    from collections.abc import Callable

_WORKED_NS_MAX: Final = round(PATTERN_TIMEOUT_S * 1e9) // 2
_COUNT: Final = re.compile(rb"\{(\d+)(?:,\d*)?\}")
_NAMED_CLASS: Final = re.compile(rb"\[:\^?\w+:\]")
_OTHER_SYNTAX: Final = re.compile(rb"\(\?(?:#|[a-zA-Z0-9]*[xV])")
"""Comments and modes in which brackets may mean something else than `_size` thinks."""


def compile_pattern(pattern: str) -> Callable[[str], bool]:
    """Whether a name has a match. Raises ValueError with (problem, offset)."""
    search = compile_search(pattern)

    def matches(name: str) -> bool:
        try:
            return search(name)
        except TimeoutError:
            return False

    return matches


def compile_search(pattern: str) -> Callable[[str], bool]:
    """Likewise, but what it gives raises TimeoutError: for somebody who waits, and can ask again with another one."""
    import regex  # few brokers have policies: the others start without it

    data = pattern.encode(errors="replace")
    if len(data) > PATTERN_LENGTH_MAX or _size(data) > PATTERN_SIZE_MAX:
        raise ValueError("regular expression is too large", 0)
    try:
        compiled = regex.compile(data)
    except regex.error as error:
        raise ValueError(error.msg, error.pos or 0) from error
    except RecursionError as error:
        raise ValueError("parentheses are too deeply nested", 0) from error

    def search(name: str) -> bool:
        data, spent_ns = name.encode(errors="replace"), 0
        while True:
            began_ns = worked_ns()
            try:
                return compiled.search(data, timeout=PATTERN_TIMEOUT_S) is not None
            except TimeoutError:
                # It counts the work of all threads of the process, and much of that may be the others': search again.
                spent_ns += worked_ns() - began_ns
                if spent_ns >= _WORKED_NS_MAX:
                    raise

    return search


def escape_pattern(text: str) -> str:
    """A pattern of which only this text is a match."""
    return re.escape(text)


def _size(pattern: bytes) -> int:
    """About the steps of a pattern in which everything counted is written out: `(?:ab{3}){10}` has 40."""
    if _OTHER_SYNTAX.search(pattern):
        return _product(pattern)
    outer: list[int] = []  # of the groups around
    size = last = 0  # of the group so far, and of what a count would count
    at = 0
    while at < len(pattern):
        letter = pattern[at : at + 1]
        count = _COUNT.match(pattern, at) if letter == b"{" else None
        if count:
            size += last * (max(int(count[1]), 1) - 1)
            last *= max(int(count[1]), 1)
            at = count.end()
            continue
        if letter == b"(":
            outer.append(size)
            size = last = 0
        elif letter == b")":
            if not outer:
                return _product(pattern)
            last = size
            size += outer.pop()
        else:
            size, last = size + 1, 1
        at = _after(pattern, at)
    return size if not outer else _product(pattern)


def _after(pattern: bytes, at: int) -> int:
    """Where what begins there ends: an escape, a class, or one letter."""
    if pattern[at : at + 1] == b"\\":
        return at + 2
    if pattern[at : at + 1] != b"[":
        return at + 1
    at += 2 if pattern[at + 1 : at + 2] == b"^" else 1
    first = at
    while at < len(pattern) and (pattern[at : at + 1] != b"]" or at == first):
        named = _NAMED_CLASS.match(pattern, at)
        at = named.end() if named else at + (2 if pattern[at : at + 1] == b"\\" else 1)
    return at + 1


def _product(pattern: bytes) -> int:
    """No less than the size, whatever counts what."""
    size = len(pattern)
    for count in _COUNT.findall(pattern):
        size = min(size * max(int(count), 1), PATTERN_SIZE_MAX + 1)
    return size
