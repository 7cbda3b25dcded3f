"""Keys as they are pressed, and a terminal that is as it was afterwards."""

from __future__ import annotations

import os
import re
import select
import termios
import tty
from types import TracebackType
from typing import Any, Final, Self

_SEQUENCES: Final = {"\x1b[5~": "p", "\x1b[6~": "n", "\x1b[A": "p", "\x1b[B": "n", "\x1b[Z": "backtab"}
"""Page up, page down, arrows, shift and tab."""
_PATTERN: Final = re.compile(r"\x1b[\[O][0-9;]*[A-Za-z~]|.", re.DOTALL)


class Keyboard:
    """A terminal that gives each key at once and shows none of them. Ctrl-C and Ctrl-Z stay signals."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._before: list[Any] | None = None

    def __enter__(self) -> Self:
        self._before = termios.tcgetattr(self.descriptor)
        tty.setcbreak(self.descriptor, termios.TCSANOW)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._before is not None:
            termios.tcsetattr(self.descriptor, termios.TCSANOW, self._before)
            self._before = None

    def read(self) -> list[str]:
        """The keys that are pressed; sequences of the arrows and the like are n, p or nothing. Raises EOFError."""
        data = b""
        while select.select([self.descriptor], [], [], 0)[0]:
            piece = os.read(self.descriptor, 1024)
            if not piece:
                raise EOFError
            data += piece
        found = _PATTERN.findall(data.decode("utf-8", "replace"))
        return [_SEQUENCES.get(key, "") if len(key) > 1 else key for key in found]
