from __future__ import annotations

import pytest

from leveret.store.segments import SEGMENT_HEADER, Segment, Segments, base_of, encode_header, is_header


def segments(*bases: int, size: int = 100) -> Segments:
    return Segments([Segment(base, size) for base in bases])


class TestSegment:
    def test_its_name_is_its_base(self) -> None:
        segment = Segment(0x1234, 100)
        assert segment.name == "log/0000000000001234.log"
        assert base_of(segment.name) == 0x1234
        assert (segment.end, segment.first_record) == (0x1234 + 100, 0x1234 + SEGMENT_HEADER)

    @pytest.mark.parametrize(
        "name",
        [
            "log/1234.log",
            "log/000000000000123G.log",
            "log/0000000000001234.log.new",
            "0000000000001234.log",
            "log/-000000000001234.log",
            "log/000000000000ABCD.log",
            "",
        ],
    )
    def test_other_files_are_none(self, name: str) -> None:
        assert base_of(name) is None

    def test_the_header_names_the_base(self) -> None:
        header = encode_header(7)
        assert len(header) == SEGMENT_HEADER
        assert is_header(header + b"more", 7)
        assert not is_header(header, 8)
        assert not is_header(header[:-1], 7)
        assert not is_header(bytes(SEGMENT_HEADER), 0)


class TestSegments:
    def test_in_order(self) -> None:
        found = segments(200, 0, 100)
        assert found.bases == [0, 100, 200]
        assert (len(found), found.size, found.last) == (3, 300, Segment(200, 100))

    def test_add_and_remove(self) -> None:
        found = segments(0, 100)
        found.add(Segment(200, 50))
        found.remove(Segment(100, 100))
        assert found.all() == [Segment(0, 100), Segment(200, 50)]
        assert Segment(100, 100) not in found
        with pytest.raises(AssertionError):
            found.add(Segment(240, 50))

    def test_what_it_gives_is_a_copy(self) -> None:
        found = segments(0)
        found.bases.clear()
        found.all().clear()
        assert len(found) == len(found.bases) == 1

    def test_pieces_of_a_part(self) -> None:
        found = segments(0, 100, 200)
        assert found.pieces(10, 5) == [(Segment(0, 0).name, 10, 5)]
        assert found.pieces(90, 120) == [
            (Segment(0, 0).name, 90, 10),
            (Segment(100, 0).name, 0, 100),
            (Segment(200, 0).name, 0, 10),
        ]
        assert found.pieces(100, 100) == [(Segment(100, 0).name, 0, 100)]
        assert found.pieces(7, 0) == []

    def test_what_is_in_no_segment_has_no_file(self) -> None:
        found = segments(0, 200)
        assert found.pieces(90, 120) == [(Segment(0, 0).name, 90, 10), (None, 100, 100), (Segment(200, 0).name, 0, 10)]
        assert found.pieces(100, 10) == [(None, 100, 10)]
        assert found.pieces(300, 10) == [(None, 300, 10)]
        assert segments().pieces(0, 10) == [(None, 0, 10)]
