"""The tool itself: what is kept of an event, what is taken for the same, and what is known."""

from __future__ import annotations

from .client import Event
from .codec import Reader, Typed, decode_method, encode_method, encode_table
from .compare import Known, difference, used
from .differences import KNOWN
from .record import Line, line, ranges

RABBITMQ = ["1.1> queue.declare 'q'", "1.1: queue.declareok queue='q'", "1.1: the end"]
RENAMED = Known("some.*", "declareok", "declare-ok", reason="?", source="?")


def test_tables_keep_their_types_and_their_order() -> None:
    table = {"z": Typed("b", -1), "a": Typed("D", (2, 314)), "l": [None, True, {"n": 1 << 40}], "s": "text"}
    assert Reader(encode_table(table)).table() == Typed(
        "F",
        [
            ("z", Typed("b", -1)),
            ("a", Typed("D", (2, 314))),
            ("l", Typed("A", [Typed("V", None), Typed("t", True), Typed("F", [("n", Typed("l", 1 << 40))])])),
            ("s", Typed("S", b"text")),
        ],
    )


def test_a_method_comes_back_as_it_was() -> None:
    name, fields = decode_method(encode_method("Queue.Declare", {"queue": "q", "durable": True, "nowait": True}))
    assert name == "Queue.Declare"
    assert [flag for flag, value in fields.items() if value is True] == ["durable", "nowait"]


def test_what_is_random_or_now_does_not_count() -> None:
    first, second = (
        line(Event("Queue.DeclareOk", {"queue": f"amq.gen-{letter * 22}"}, {}, b"")) for letter in ("a", "B")
    )
    assert first == second
    assert line(Event("Basic.Deliver", {}, {"headers": Typed("F", [("t", Typed("T", 7))])})).count("T:7") == 1


def test_a_difference_is_shown_and_a_known_one_is_not() -> None:
    leveret = [RABBITMQ[0], "1.1: queue.declare-ok queue='q'", RABBITMQ[2]]
    assert "+1.1: queue.declare-ok" in difference("some.scenario", RABBITMQ, leveret, ())
    assert difference("some.scenario", RABBITMQ, leveret, (RENAMED,)) == ""
    assert difference("other.scenario", RABBITMQ, leveret, (RENAMED,)) != ""


def test_a_known_difference_that_is_none_is_not_used() -> None:
    leveret = [RABBITMQ[0], "1.1: queue.declare-ok queue='q'", RABBITMQ[2]]
    assert used("some.scenario", RABBITMQ, leveret, (RENAMED,)) == [RENAMED]
    assert used("some.scenario", RABBITMQ, RABBITMQ, (RENAMED,)) == []
    idle = Known("some.*", "never there", "?")
    assert used("some.scenario", RABBITMQ, RABBITMQ, (idle,)) == []


def test_lines_can_go_and_the_rest_can_be_another() -> None:
    assert difference("s", RABBITMQ, [RABBITMQ[0], RABBITMQ[2]], (Known("s", "declareok"),)) == ""
    assert difference("s", RABBITMQ, [RABBITMQ[0], "else"], (Known("s", "declareok", rest=["else"]),)) == ""


def test_deaths_are_compared_as_rabbitmq_4_tells_them() -> None:
    death = {"count": Typed("l", 1), "exchange": "x", "queue": "q", "reason": "expired", "original-expiration": "5"}
    headers = {"z": 1, "x-death": [death], "x-first-death-queue": "q", "a": 2}
    event = Event("Basic.GetOk", {}, {"headers": Reader(encode_table(headers)).table()})
    known = next(entry for entry in KNOWN if entry.concerns("dead_letters.some"))
    (changed,) = known.apply([Line.of("1.1: ", "own.", event)])
    assert (
        "{a=I:2, x-death=[{original-expiration='5', count=l:1, reason='expired', queue='q', exchange='x'}]" in changed
    )
    assert "x-last-death-exchange='x', x-last-death-queue='q', x-last-death-reason='expired', z=I:1}" in changed


def test_ranges() -> None:
    assert ranges([5, 1, 2, 3]) == "1-3, 5"
