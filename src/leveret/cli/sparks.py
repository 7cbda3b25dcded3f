"""Small charts of characters, and numbers as people read them in a column."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

_BARS: Final = "▁▂▃▄▅▆▇█"
_PARTS: Final = "▏▎▍▌▋▊▉"


def spark(values: Sequence[float], width: int) -> str:
    """The newest `width` values, as bars from zero to the highest; shorter if there are fewer."""
    shown = values[-width:] if width > 0 else []
    top = max(shown, default=0.0)
    if top <= 0:
        return _BARS[0] * len(shown)
    return "".join(_BARS[min(len(_BARS) - 1, int(value / top * len(_BARS)))] for value in shown)


def bar(share: float, width: int) -> tuple[str, str]:
    """The full and the empty part of a bar; anything above zero is seen."""
    eighths = max(1, round(share * width * 8)) if share > 0 else 0
    full, part = divmod(min(eighths, width * 8), 8)
    text = "█" * full + ("", *_PARTS)[part]
    return text, "░" * (width - len(text))


def middle(text: str, width: int) -> str:
    """Text that fits: what is too much is left out in the middle, as names differ at their ends."""
    if len(text) <= width:
        return text
    end = (width - 1) // 2
    return text[: width - 1 - end] + "…" + text[len(text) - end :]


def squeeze(values: Sequence[float], width: int) -> list[float]:
    """No more than `width` values: means of neighbours."""
    if len(values) <= width or width <= 0:
        return [*values]
    edges = [len(values) * i // width for i in range(width + 1)]
    return [sum(values[a:b]) / (b - a) for a, b in pairwise(edges)]


def short(value: float) -> str:
    """A number in five characters at most: 999, 12.3k, 4.56M."""
    for unit in ("", "k", "M", "G", "T"):
        if abs(value) < 999.5 or unit == "T":
            break
        value /= 1000
    if not unit:
        return f"{value:.0f}" if value >= 9.95 or value == int(value) else f"{value:.1f}"
    return f"{value:.{2 if value < 9.995 else 1 if value < 99.95 else 0}f}{unit}"


def size(value: float) -> str:
    """Bytes: 512 B, 1.2 MB."""
    if value < 999.5:
        return f"{value:.0f} B"
    for unit in ("kB", "MB", "GB", "TB"):
        value /= 1000
        if value < 999.5 or unit == "TB":
            break
    return f"{value:.{1 if value < 99.95 else 0}f} {unit}"


def lasting(seconds: float) -> str:
    """A time in its two largest units: 3d 4h, 5m 12s."""
    left = int(seconds)
    parts: list[str] = []
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, left = divmod(left, length)
        if count or parts or unit == "s":
            parts.append(f"{count}{unit}")
    return " ".join(parts[:2])
