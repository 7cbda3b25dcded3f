"""Files: what the store has written and read by others than the event loop, and the data directory itself.

`Disk` is the kernel's, or where that is not built (or not wanted) its twin with Python's threads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..wire import IMPLEMENTATION
from .directory import DataDirectory

if TYPE_CHECKING or IMPLEMENTATION == "kernel":
    from .._kernel import Disk
else:
    from .threaded import ThreadedDisk as Disk

__all__ = ["DataDirectory", "Disk"]
