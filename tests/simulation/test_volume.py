"""The model of what a crash leaves: nothing that ext4 does not allow, and everything that it does."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from .volume import PAGE, SECTOR, Event, Volume

TRIES = 400


def volume(*events: Event) -> Volume:
    made = Volume()
    for event in events:
        made.apply(event)
    return made


def synced(data: bytes, name: str = "a", number: int = 1) -> list[Event]:
    return [("link", name, number), ("write", number, 0, data), ("sync", number), ("sync directory", "")]


def crashes(made: Volume, keep: float | None = None) -> Iterator[dict[str, bytes]]:
    for seed in range(TRIES):
        yield made.crashed(Random(seed), keep)


class TestData:
    def test_what_is_synced_stays(self) -> None:
        made = volume(*synced(b"abc"))
        assert all(image == {"a": b"abc"} for image in crashes(made))

    def test_the_rest_is_lost_or_kept(self) -> None:
        made = volume(*synced(b"abc"), ("write", 1, 1, b"X"))
        assert {image["a"] for image in crashes(made)} == {b"abc", b"aXc"}
        assert {image["a"] for image in crashes(made, keep=0)} == {b"abc"}
        assert {image["a"] for image in crashes(made, keep=1)} == {b"aXc"}

    def test_every_crash_is_repeatable(self) -> None:
        made = volume(*synced(bytes(5 * PAGE)), *(("write", 1, 100 * at, b"x" * 50) for at in range(150)))
        assert made.crashed(Random(7)) == made.crashed(Random(7))

    def test_pages_of_one_write_reach_the_disk_in_any_order(self) -> None:
        made = volume(*synced(bytes(3 * PAGE)), ("write", 1, 0, b"x" * 3 * PAGE))
        found = set()
        for image in crashes(made):
            pages = [set(image["a"][start : start + PAGE]) for start in range(0, 3 * PAGE, PAGE)]
            found.add(tuple(page == {ord("x")} for page in pages))
        assert len(found) == 8

    def test_a_page_is_what_it_was_after_one_of_the_writes(self) -> None:
        made = volume(*synced(b"ab"), ("write", 1, 0, b"A"), ("write", 1, 1, b"B"))
        # Not "aB" but for a tear between the two.
        found = [image["a"] for image in crashes(made)]
        assert {b"ab", b"Ab", b"AB"} <= set(found) <= {b"ab", b"Ab", b"AB", b"aB"}

    def test_a_torn_page(self) -> None:
        made = volume(*synced(b"o" * PAGE), ("write", 1, 0, b"n" * PAGE))
        torn = {image["a"] for image in crashes(made)} - {b"o" * PAGE, b"n" * PAGE}
        cuts = [data.count(b"n") for data in torn if data == b"n" * data.count(b"n") + b"o" * data.count(b"o")]
        assert any(cut % SECTOR for cut in cuts)
        sectors = [
            {data[at : at + SECTOR] for at in range(0, PAGE, SECTOR)}
            for data in torn
            if not data.startswith(b"n" * data.count(b"n"))
        ]
        assert sectors
        assert all(found == {b"o" * SECTOR, b"n" * SECTOR} for found in sectors)

    def test_bytes_that_do_not_change_do_not_suffer(self) -> None:
        made = volume(*synced(b"s" * 100 + bytes(PAGE)), ("write", 1, 100, b"x" * PAGE), ("write", 1, 150, b"y" * 300))
        assert all(image["a"].startswith(b"s" * 100) for image in crashes(made))


class TestSize:
    def test_grows_with_the_pages_that_are_written(self) -> None:
        made = volume(*synced(b""), ("write", 1, 0, b"x" * (2 * PAGE + 10)))
        sizes = {len(image["a"]) for image in crashes(made)}
        assert sizes == {0, PAGE, 2 * PAGE, 2 * PAGE + 10}
        gaps = [image["a"] for image in crashes(made) if len(image["a"]) > 2 * PAGE]
        assert any(data[:PAGE] == bytes(PAGE) for data in gaps)

    def test_reserved_space_is_zeros(self) -> None:
        made = volume(*synced(b"ab"), ("resize", 1, 10))
        assert {image["a"] for image in crashes(made)} == {b"ab", b"ab" + bytes(8)}

    def test_what_is_cut_off_is_back_or_gone(self) -> None:
        made = volume(*synced(b"abcdef"), ("write", 1, 4, b"XY"), ("resize", 1, 2), ("resize", 1, 6))
        whole = {b"abcdef", b"abcdXY", b"abcdXf", b"abcdeY"}
        found = {image["a"] for image in crashes(made)}
        assert {b"ab" + bytes(4), b"ab", b"abcdef", b"abcdXY"} <= found <= whole | {b"ab" + bytes(4), b"ab"}

    def test_a_write_behind_a_cut_needs_the_cut(self) -> None:
        made = volume(*synced(b"abcdef"), ("resize", 1, 2), ("resize", 1, 6), ("write", 1, 1, b"12345"))
        for image in crashes(made):
            if image["a"].endswith(b"cdef"):
                assert image["a"] in (b"abcdef", b"a1cdef")
        assert any(image["a"] == b"a1cdef" for image in crashes(made))
        assert any(image["a"] == b"a12345" for image in crashes(made))


class TestNames:
    def test_the_first_few_survive(self) -> None:
        made = volume(*synced(b"1", "a", 1), *synced(b"2", "b", 2), ("rename", "a", "c"), ("unlink", "b"))
        found = {tuple(image) for image in crashes(made)}
        assert found == {("a", "b"), ("b", "c"), ("c",)}

    def test_renaming_over_a_file(self) -> None:
        made = volume(*synced(b"1", "a", 1), *synced(b"2", "b", 2), ("rename", "a", "b"))
        assert {tuple(image.items()) for image in crashes(made)} == {(("a", b"1"), ("b", b"2")), (("b", b"1"),)}

    def test_a_synced_directory_stays(self) -> None:
        made = volume(*synced(b"1"), ("rename", "a", "b"), ("sync directory", ""), ("unlink", "b"))
        assert {tuple(image) for image in crashes(made)} == {("b",), ()}

    def test_with_what_was_before_in_another_directory(self) -> None:
        made = volume(
            *synced(b"1", "a", 1),
            *synced(b"2", "d/b", 2),
            ("sync directory", "d"),
            ("unlink", "a"),
            ("rename", "d/b", "d/c"),
            ("unlink", "d/c"),
        )
        made.apply(("link", "e", 3))
        made.apply(("sync directory", "d"))
        assert {tuple(image) for image in crashes(made)} == {(), ("e",)}

    def test_without_data_a_name_is_an_empty_file(self) -> None:
        made = volume(("link", "a", 1), ("write", 1, 0, b"abc"), ("sync directory", ""))
        assert {image["a"] for image in crashes(made)} >= {b"", b"abc"}

    def test_what_has_no_name_any_more_is_forgotten(self) -> None:
        made = volume(*synced(b"1"), ("unlink", "a"))
        assert list(made.files) == [1]
        made.apply(("sync directory", ""))
        assert made.files == {}
