"""Histories: in the order of time, bounded, merged."""

from hypothesis import given
from hypothesis import strategies as st

from shared.ranking.behaviour.history import History

Entry = tuple[int, int]
ENTRIES = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 100)), unique_by=lambda entry: entry[1], max_size=20
)


def history_of(entries: list[Entry], length: int = 200) -> History:
    history = History()
    for time_ms, key in entries:
        history.insert(time_ms, key, key, 1.0, 0, length)
    return history


@given(ENTRIES)
def test_any_order_of_arrival_gives_the_order_of_time(entries: list[Entry]) -> None:
    assert history_of(entries).past().rows.tolist() == [key for _, key in sorted(entries)]


@given(ENTRIES, st.integers(1, 6))
def test_the_newest_stay(entries: list[Entry], length: int) -> None:
    kept = [key for _, key in sorted(entries)[-length:]]
    assert history_of(entries, length).past().rows.tolist() == kept


@given(ENTRIES, ENTRIES)
def test_two_histories_are_merged_without_repetition(one: list[Entry], two: list[Entry]) -> None:
    times = {key: time for time, key in one}
    two = [(times.get(key, time), key) for time, key in two]
    merged = history_of(one).merged(history_of(two)).rows.tolist()
    assert merged == [key for _, key in sorted({*one, *two})]


def test_what_is_older_than_a_full_history_has_no_place() -> None:
    history = history_of([(5, 1), (6, 2)], length=2)
    assert history.insert(4, 3, 3, 1.0, 0, 2) is None
    assert history.insert(7, 4, 4, 1.0, 0, 2) == 1
    assert history.past().rows.tolist() == [2, 4]


@given(ENTRIES, st.integers(1, 6))
def test_what_was_met_is_known_beyond_what_is_kept(entries: list[Entry], length: int) -> None:
    assert history_of(entries, length).met().tolist() == sorted(key for _, key in entries)


def test_parts_of_a_past() -> None:
    history = History()
    for time_ms, weight in enumerate((1.0, -1.0, 0.0, 2.0)):
        history.insert(time_ms, time_ms, time_ms, weight, 0, 200)
    assert history.past().liked().rows.tolist() == [0, 3]
    assert history.past().newest(2).rows.tolist() == [2, 3]
    assert history.past().newest(9).rows.tolist() == [0, 1, 2, 3]
