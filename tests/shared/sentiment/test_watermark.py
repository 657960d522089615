import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.sentiment.watermark import (
    IdleTime,
    PartitionTime,
    Silence,
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
    assert effective_time(None, 3.0, latest=9.0) == 3.0
    assert effective_time(3.0, 2.0, latest=9.0) == 3.0
    assert effective_time(3.0, 4.0, latest=9.0) == 4.0


def test_a_record_moves_event_time_to_its_latest_at_most() -> None:
    assert effective_time(None, 50.0, latest=9.0) == 9.0
    assert effective_time(3.0, 50.0, latest=9.0) == 9.0
    assert effective_time(12.0, 50.0, latest=9.0) == 12.0


def test_late_is_further_behind_than_allowed() -> None:
    assert not is_late(700.0, 1_000.0, allowed_lateness_s=300.0)
    assert is_late(699.9, 1_000.0, allowed_lateness_s=300.0)


def silent(partition: int, end: float | None, since: float, until: float) -> PartitionTime:
    return PartitionTime(partition, end, idle=True, silence=Silence(since, until))


def test_silence_of_all_partitions_is_counted_once() -> None:
    first = IdleTime().count([PartitionTime(0, 5.0), PartitionTime(1, 3.0)])
    assert first == IdleTime(5.0)

    second = first.count([silent(0, 5.0, 100.0, 130.0), silent(1, 3.0, 110.0, 125.0)])
    assert second.seconds == 15.0

    again = second.count([silent(0, 5.0, 100.0, 130.0), silent(1, 3.0, 110.0, 125.0)])
    assert again == second
    later = again.count([silent(0, 5.0, 100.0, 140.0), silent(1, 3.0, 110.0, 135.0)])
    assert later.seconds == 25.0
    # The second one's owner was away for an hour, and saw nothing of it.
    away = later.count([silent(0, 5.0, 100.0, 4_000.0), silent(1, 3.0, 3_990.0, 3_999.0)])
    assert away.seconds == 34.0


def test_silence_is_not_counted_again_where_the_next_owner_has_a_clock_that_is_behind() -> None:
    counted = IdleTime(5.0, 60.0, 100.0)

    behind = counted.count([silent(0, 5.0, 0.0, 105.0), silent(1, 5.0, 70.0, 80.0)])
    assert behind == counted
    later = behind.count([silent(0, 5.0, 0.0, 135.0), silent(1, 5.0, 70.0, 110.0)])
    assert later == IdleTime(5.0, 70.0, 110.0)


def test_silence_is_over_where_event_time_moves_and_not_where_it_does_not() -> None:
    idle = IdleTime(5.0, 60.0, 100.0)

    assert idle.count([PartitionTime(0, 5.0), PartitionTime(1, 4.0)]) == idle
    assert idle.count([PartitionTime(0, 5.0), PartitionTime(1, 6.0)]).seconds == 0.0
    # A topic that was recreated does not have an end yet.
    assert idle.count([silent(0, None, 200.0, 210.0)]) == IdleTime(5.0, 70.0, 210.0)


def test_a_long_silence_moves_event_time_and_a_short_one_does_not() -> None:
    assert IdleTime().moves(Watermark(7.0)) == Watermark(7.0)
    assert IdleTime(7.0, 59.0).moves(Watermark(7.0)) == Watermark(7.0)
    assert IdleTime(7.0, 60.0).moves(Watermark(7.0)) == Watermark(67.0, inclusive=True)
    assert IdleTime(7.0, 60.0).moves(Watermark()) == Watermark(67.0, inclusive=True)


SECONDS = st.floats(0, 100)


@given(st.lists(st.tuples(SECONDS, SECONDS, SECONDS)), SECONDS)
def test_no_more_silence_is_counted_than_passed(
    looks: list[tuple[float, float, float]], skew_s: float
) -> None:
    idle, now = IdleTime(5.0), 0.0
    for step, length, other in looks:
        now += step
        then = now - skew_s
        idle = idle.count([silent(0, 5.0, now - length, now), silent(1, 5.0, then - other, then)])
        assert idle.seconds <= now + 100.0 + 1e-6
