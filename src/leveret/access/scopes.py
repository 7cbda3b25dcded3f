"""Scopes of OAuth 2 tokens as permissions (RabbitMQ page "OAuth 2", section Scope-to-Permission Translation).

    read:vhost/name          read, write or configure what matches
    write:vhost/name/key     and of topic exchanges only these routing keys
    tag:administrator        a tag of the user

Parts are patterns in which `*` stands for anything, and may be percent-encoded. What does not look so means nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Final, NamedTuple
from urllib.parse import unquote

from ..authorize import PERMISSIONS
from ..limits import PATTERN_LENGTH_MAX

TAG: Final = "tag"


class Scope(NamedTuple):
    """One permission. Each part says whether it matches."""

    permission: str
    vhost: Callable[[str], bool]
    name: Callable[[str], bool]
    routing_key: Callable[[str], bool]


def parse(scope: str) -> Scope | None:
    """None for what is no permission."""
    permission, _, rest = scope.partition(":")
    parts = rest.split("/", 2)
    if permission not in PERMISSIONS or not rest or len(scope) > PATTERN_LENGTH_MAX:
        return None
    vhost, name, key = (parts + ["*", "*"][len(parts) - 3 :])[:3] if len(parts) < 3 else parts
    return Scope(permission, _glob(vhost), _glob(name), _glob(key))


def tags(scopes: Iterable[str]) -> tuple[str, ...]:
    """Those that scopes give."""
    found = (scope.removeprefix(f"{TAG}:") for scope in scopes if scope.startswith(f"{TAG}:"))
    return tuple(dict.fromkeys(tag for tag in found if tag))


def without_prefix(scopes: Iterable[str], prefix: str) -> list[str]:
    """Only those with the prefix, without it."""
    return [scope.removeprefix(prefix) for scope in scopes if scope.startswith(prefix)] if prefix else [*scopes]


@lru_cache(maxsize=4096)
def _glob(pattern: str) -> Callable[[str], bool]:
    """`*` is anything. Linear in the length of the name: the parts between are looked for one after the other."""
    parts = [unquote(part) for part in pattern.split("*")]
    if len(parts) == 1:
        return parts[0].__eq__
    first, last, middle = parts[0], parts[-1], [part for part in parts[1:-1] if part]

    def matches(name: str) -> bool:
        if not name.startswith(first) or len(name) < len(first) + len(last) or not name.endswith(last):
            return False
        at, end = len(first), len(name) - len(last)
        for part in middle:
            at = name.find(part, at, end)
            if at < 0:
                return False
            at += len(part)
        return True

    return matches


def split(claim: object) -> list[str]:
    """The scopes in a claim: a text with spaces, or a list of texts."""
    if isinstance(claim, str):
        return re.split(r"\s+", claim.strip()) if claim.strip() else []
    if isinstance(claim, list):
        return [scope for each in claim if isinstance(each, str) for scope in split(each)]
    return []
