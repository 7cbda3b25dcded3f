"""Reply texts: what of a long one, or of one that is no UTF-8, goes into a close frame."""

from __future__ import annotations

import pytest

from leveret.errors import NotFound
from leveret.limits import SHORTSTR_MAX

HEAD = "NOT_FOUND - "
REST = SHORTSTR_MAX - len(HEAD)


def test_name_and_explanation() -> None:
    assert NotFound("no queue 'q' in vhost '/'").reply_text == "NOT_FOUND - no queue 'q' in vhost '/'"
    assert NotFound("").reply_text == "NOT_FOUND"


@pytest.mark.parametrize(
    ("explanation", "shown"),
    [
        ("q" * REST, "q" * REST),
        ("q" * (REST + 1), "q" * (REST - 3) + "..."),
        ("q" * 1000, "q" * (REST - 3) + "..."),
        ("é" * 200, "é" * ((REST - 3) // 2) + "..."),
        ("q\udcff", "q?"),
    ],
)
def test_what_does_not_fit_is_cut(explanation: str, shown: str) -> None:
    text = NotFound(explanation).reply_text
    assert text == HEAD + shown
    assert len(text.encode()) <= SHORTSTR_MAX
