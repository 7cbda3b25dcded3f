from __future__ import annotations

from leveret.ports import DiskOp
from leveret.store.checkpoints import NAME, SIZE, Checkpoints


def write(data: bytearray, ops: list[DiskOp]) -> None:
    for op in ops:
        match op:
            case ("create", name, size):
                assert name == NAME
                data[:] = bytes(size)
            case ("write", name, offset, parts):
                assert name == NAME
                written = b"".join(parts)
                data[offset : offset + len(written)] = written
            case _:
                raise AssertionError(op)


def test_none_yet() -> None:
    assert Checkpoints().begin is None
    assert Checkpoints(bytes(SIZE)).begin is None


def test_the_newest_counts() -> None:
    data = bytearray()
    checkpoints = Checkpoints()
    for begin in (100, 40, 0, 1 << 60):
        write(data, checkpoints.point_to(begin))
        assert checkpoints.begin == begin
        assert Checkpoints(bytes(data)).begin == begin
        assert len(data) == SIZE


def test_the_file_is_made_once() -> None:
    data = bytearray()
    checkpoints = Checkpoints()
    assert [op[0] for op in checkpoints.point_to(1)] == ["create", "write"]
    assert [op[0] for op in checkpoints.point_to(2)] == ["write"]
    write(data, Checkpoints().point_to(1))
    assert [op[0] for op in Checkpoints(bytes(data)).point_to(2)] == ["write"]


def test_it_goes_on_counting_after_a_restart() -> None:
    data = bytearray()
    write(data, Checkpoints().point_to(1))
    for begin in range(2, 6):
        write(data, Checkpoints(bytes(data)).point_to(begin))
        assert Checkpoints(bytes(data)).begin == begin


def test_a_torn_write_leaves_the_one_before() -> None:
    data = bytearray()
    checkpoints = Checkpoints()
    write(data, checkpoints.point_to(1))
    write(data, checkpoints.point_to(2))
    (op,) = checkpoints.point_to(3)
    assert op[0] == "write"
    written = b"".join(op[3])
    for cut in range(len(written)):
        torn = data.copy()
        torn[op[2] : op[2] + cut] = written[:cut]
        assert Checkpoints(bytes(torn)).begin in (2, 3)  # 3 when what is missing was there by chance
    assert Checkpoints(bytes(data[: SIZE // 2])).begin == 2
