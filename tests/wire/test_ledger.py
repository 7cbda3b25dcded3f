"""The ledger: tags to rows, unknown tags, holding for a transaction."""

from __future__ import annotations

from typing import Any

import pytest

from .support import (
    build,
    refused,
)

Portions = list[tuple[Any, list[int]]]


class Book:
    """A ledger and an extent of many rows, with runs added by shorthand."""

    def __init__(self, impl: Any) -> None:
        self.impl = impl
        self.ledger = impl.Ledger()
        self.extent = impl.Extent(0)
        self.extent.append(build(impl, *[b"x"] * 100))

    def add(self, first_tag: int, owner: object, *rows: int) -> None:
        self.ledger.add(first_tag, owner, self.extent, self.impl.Selection(rows))

    def settle(self, *items: tuple[int, bool], hold: bool = False) -> tuple[Portions, int | None]:
        portions, unknown = self.ledger.settle(self.impl.Settlement(1, self.impl.ACK, items), hold)
        return self.plain(portions), unknown

    def drain(self) -> Portions:
        return self.plain(self.ledger.drain())

    def plain(self, portions: list[tuple[Any, Any, Any]]) -> Portions:
        assert all(extent is self.extent for _, extent, _ in portions)
        return [(owner, list(selection)) for owner, _, selection in portions]


@pytest.fixture
def book(impl: Any) -> Book:
    """Tags 1 to 4 are rows 10 to 13 of `a`, 5 to 7 rows 20, 22, 24 of `b`, 10 and 11 rows 30 and 31 of `a`."""
    book = Book(impl)
    book.add(1, "a", 10, 11, 12, 13)
    book.add(5, "b", 20, 22, 24)
    book.add(10, "a", 30, 31)
    return book


class TestAdd:
    def test_counts_messages(self, book: Book) -> None:
        assert len(book.ledger) == 9
        assert len(Book(book.impl).ledger) == 0

    @pytest.mark.parametrize("tag", [11, 10, 5, 1])
    def test_tags_have_to_ascend(self, book: Book, tag: int) -> None:
        with refused():
            book.add(tag, "c", 50)
        assert len(book.ledger) == 9

    def test_even_when_it_is_empty_again(self, book: Book) -> None:
        book.settle((0, True))
        with refused():
            book.add(11, "c", 50)
        book.add(12, "c", 50)
        assert book.drain() == [("c", [50])]

    def test_tags_end_at_64_bits(self, impl: Any) -> None:
        book = Book(impl)
        top = (1 << 64) - 1
        with refused():
            book.add(top, "a", 1, 2)
        book.add(top - 1, "a", 1, 2)
        assert book.settle((top, True)) == ([("a", [1, 2])], None)

    def test_of_nothing_changes_nothing(self, book: Book) -> None:
        book.add(12, "c")
        assert len(book.ledger) == 9
        assert book.settle((12, False)) == ([], 12)

    def test_any_object_may_own(self, impl: Any) -> None:
        book = Book(impl)
        owner = object()
        book.add(1, owner, 0)
        book.add(2, None, 1)
        portions, _ = book.settle((2, True))
        assert portions == [(owner, [0]), (None, [1])]
        assert portions[0][0] is owner


class TestSettle:
    def test_one_by_one(self, book: Book) -> None:
        assert book.settle((2, False)) == ([("a", [11])], None)
        assert book.settle((1, False)) == ([("a", [10])], None)
        assert book.settle((6, False)) == ([("b", [22])], None)
        assert len(book.ledger) == 6

    def test_rows_of_a_run_come_together_in_tag_order(self, book: Book) -> None:
        items = [(10, False), (4, False), (6, False), (1, False), (2, False)]
        assert book.settle(*items) == ([("a", [10, 11, 13]), ("b", [22]), ("a", [30])], None)

    def test_multiple_takes_all_up_to_it(self, book: Book) -> None:
        assert book.settle((6, True)) == ([("a", [10, 11, 12, 13]), ("b", [20, 22])], None)
        assert len(book.ledger) == 3
        assert book.settle((11, True)) == ([("b", [24]), ("a", [30, 31])], None)
        assert len(book.ledger) == 0

    def test_multiple_leaves_out_what_was_settled(self, book: Book) -> None:
        book.settle((2, False), (5, False))
        assert book.settle((7, True)) == ([("a", [10, 12, 13]), ("b", [22, 24])], None)

    def test_zero_and_multiple_means_all(self, book: Book) -> None:
        portions, unknown = book.settle((0, True))
        assert portions == [("a", [10, 11, 12, 13]), ("b", [20, 22, 24]), ("a", [30, 31])]
        assert unknown is None
        assert book.settle((0, True)) == ([], None)

    @pytest.mark.parametrize("multiple", [False, True])
    @pytest.mark.parametrize("tag", [8, 9, 12, 1 << 63, (1 << 64) - 1])
    def test_a_tag_that_never_was_is_unknown(self, book: Book, tag: int, multiple: bool) -> None:
        assert book.settle((tag, multiple)) == ([], tag)
        assert len(book.ledger) == 9

    def test_zero_alone_is_unknown(self, book: Book) -> None:
        assert book.settle((0, False)) == ([], 0)

    @pytest.mark.parametrize("multiple", [False, True])
    def test_settled_twice_is_unknown(self, book: Book, multiple: bool) -> None:
        assert book.settle((3, False), (3, multiple)) == ([("a", [12])], 3)
        assert book.settle((3, multiple)) == ([], 3)
        assert len(book.ledger) == 8

    def test_items_before_the_unknown_one_are_done_those_after_are_not(self, book: Book) -> None:
        assert book.settle((1, False), (99, False), (2, False)) == ([("a", [10])], 99)
        assert book.settle((2, False)) == ([("a", [11])], None)

    def test_of_an_empty_ledger(self, impl: Any) -> None:
        book = Book(impl)
        assert book.settle((1, False)) == ([], 1)
        assert book.settle((1, True)) == ([], 1)
        assert book.settle((0, True)) == ([], None)
        assert book.settle() == ([], None)

    def test_many_in_odd_order(self, impl: Any) -> None:
        book = Book(impl)
        for start in range(0, 100, 10):
            book.add(start + 1, start, *range(start, start + 10))
        order = sorted(range(100), key=lambda row: row * 37 % 100)
        seen = []
        for row in order:
            portions, unknown = book.settle((row + 1, False))
            assert unknown is None
            seen += portions
        assert seen == [(row // 10 * 10, [row]) for row in order]
        assert len(book.ledger) == 0
        assert book.drain() == []


class TestDrain:
    def test_everything_in_tag_order(self, book: Book) -> None:
        book.settle((2, False))
        assert book.drain() == [("a", [10, 12, 13]), ("b", [20, 22, 24]), ("a", [30, 31])]
        assert len(book.ledger) == 0
        assert book.settle((1, False)) == ([], 1)

    def test_held_ones_too(self, book: Book) -> None:
        book.settle((2, False), (7, False), hold=True)
        book.settle((1, False))
        assert book.drain() == [("a", [11, 12, 13]), ("b", [20, 22, 24]), ("a", [30, 31])]
        book.ledger.rollback()
        assert book.drain() == []


class TestTransaction:
    def test_held_ones_are_not_outstanding(self, book: Book) -> None:
        assert book.settle((2, True), hold=True) == ([("a", [10, 11])], None)
        assert len(book.ledger) == 7
        assert book.settle((2, False)) == ([], 2)
        assert book.settle((3, True)) == ([("a", [12])], None)

    def test_commit_forgets_them(self, book: Book) -> None:
        book.settle((0, True), hold=True)
        book.ledger.commit()
        assert len(book.ledger) == 0
        book.ledger.rollback()
        assert book.settle((1, False)) == ([], 1)
        assert book.drain() == []

    def test_rollback_gives_them_back_under_their_tags(self, book: Book) -> None:
        book.settle((2, False), (6, False), (10, False), hold=True)
        book.settle((1, False), (5, False))
        book.ledger.rollback()
        assert len(book.ledger) == 7
        assert book.settle((2, False), (6, False), (10, False)) == ([("a", [11]), ("b", [22]), ("a", [30])], None)

    def test_rolled_back_runs_come_back_in_their_place(self, book: Book) -> None:
        book.settle((7, True), hold=True)
        book.add(12, "c", 40)
        book.ledger.rollback()
        assert book.settle((0, True))[0] == [
            ("a", [10, 11, 12, 13]),
            ("b", [20, 22, 24]),
            ("a", [30, 31]),
            ("c", [40]),
        ]


class TestOldest:
    def test_the_lowest_tag_that_is_outstanding(self, book: Book) -> None:
        assert book.ledger.oldest == 1
        book.settle((2, False), (1, False))
        assert book.ledger.oldest == 3
        book.settle((4, True), (6, False))
        assert book.ledger.oldest == 5
        book.settle((0, True))
        assert book.ledger.oldest == 0
        book.add(50, "c", 1)
        assert book.ledger.oldest == 50

    def test_held_ones_were_answered(self, book: Book) -> None:
        book.settle((2, True), (7, False), hold=True)
        assert book.ledger.oldest == 3
        assert book.ledger.owners_before(3) == []
        book.settle((0, True))
        assert book.ledger.oldest == 0
        book.ledger.rollback()
        assert book.ledger.oldest == 1

    def test_whose_they_are(self, book: Book) -> None:
        before = book.ledger.owners_before
        assert before(0) == before(1) == []
        assert before(2) == before(5) == ["a"]
        assert before(6) == before(100) == ["a", "b"]
        book.settle((4, True))
        assert before(100) == ["b", "a"]
        book.settle((5, False))
        assert before(6) == []
        for tag in (-1, 1 << 64):
            with pytest.raises(OverflowError):
                before(tag)

    def test_equal_owners_are_not_the_same(self, impl: Any) -> None:
        book, one, other = Book(impl), [1], [1]
        for tag, owner in enumerate((one, other, one), 1):
            book.add(tag, owner, tag)
        found = book.ledger.owners_before(9)
        assert [owner is one for owner in found] == [True, False]
        assert book.plain(book.ledger.withdraw(other)) == [([1], [2])]
        assert book.settle((3, True)) == ([([1], [1]), ([1], [3])], None)


class TestWithdraw:
    def test_all_of_one_owner(self, book: Book) -> None:
        book.settle((2, False))
        assert book.plain(book.ledger.withdraw("a")) == [("a", [10, 12, 13]), ("a", [30, 31])]
        assert (len(book.ledger), book.ledger.oldest) == (3, 5)
        assert book.settle((1, False)) == ([], 1)
        assert book.plain(book.ledger.withdraw("nobody")) == []
        assert book.drain() == [("b", [20, 22, 24])]

    def test_what_is_held_stays_held(self, book: Book) -> None:
        book.settle((2, True), (6, False), hold=True)
        assert book.plain(book.ledger.withdraw("a")) == [("a", [12, 13]), ("a", [30, 31])]
        assert book.plain(book.ledger.withdraw("a")) == []
        book.ledger.rollback()
        assert book.settle((0, True)) == ([("a", [10, 11]), ("b", [20, 22, 24])], None)
        assert book.drain() == []

    def test_a_commit_goes_on(self, book: Book) -> None:
        book.settle((1, True), hold=True)
        book.ledger.withdraw("a")
        book.ledger.commit()
        assert book.drain() == [("b", [20, 22, 24])]
