import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.sentiment.watermark import (
    PartitionTime,
    Watermark,
    advance,
    effective_time,
    is_late,
    watermark,
)

TIMES = st.one_of(st.none(), st.floats(0, 1e9))
MARKS = st.builds(Watermark, TIMES, st.booleans())


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ([], Watermark()),
        ([PartitionTime(0, 5.0), PartitionTime(1, 3.0)], Watermark(3.0)),
        ([PartitionTime(0, 5.0), PartitionTime(1, None)], Watermark()),
        ([PartitionTime(0, 5.0), PartitionTime(1, None, idle=True)], Watermark(5.0)),
        ([PartitionTime(0, 5.0), PartitionTime(1, 3.0, idle=True)], Watermark(5.0)),
        (
            [PartitionTime(0, 5.0, idle=True), PartitionTime(1, 3.0, idle=True)],
            Watermark(5.0, inclusive=True),
        ),
        ([PartitionTime(0, None, idle=True)], Watermark()),
    ],
)
def test_the_slowest_busy_partition_decides(
    times: list[PartitionTime], expected: Watermark
) -> None:
    assert watermark(times) == expected


def test_what_passes() -> None:
    assert not Watermark().passes(0.0)
    assert Watermark(5.0).passes(4.9)
    assert not Watermark(5.0).passes(5.0)
    assert Watermark(5.0, inclusive=True).passes(5.0)
    assert not Watermark(5.0, inclusive=True).passes(5.1)


@given(MARKS, MARKS, st.floats(0, 1e9))
def test_it_never_goes_back(previous: Watermark, current: Watermark, time: float) -> None:
    later = advance(previous, current)
    assert later in (previous, current)
    if previous.passes(time) or current.passes(time):
        assert later.passes(time)


def test_effective_time_is_a_running_maximum() -> None:
    assert effective_time(None, 3.0) == 3.0
    assert effective_time(3.0, 2.0) == 3.0
    assert effective_time(3.0, 4.0) == 4.0


def test_late_is_further_behind_than_allowed() -> None:
    assert not is_late(700.0, 1_000.0, allowed_lateness_s=300.0)
    assert is_late(699.9, 1_000.0, allowed_lateness_s=300.0)
