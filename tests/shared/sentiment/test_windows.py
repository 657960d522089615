from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from shared.sentiment.labels import LABELS
from shared.sentiment.windows import (
    ALL_NEWS,
    WINDOWS_S,
    WindowCounts,
    WindowKey,
    WindowMention,
    count,
    window_start,
)

MENTIONS = st.lists(
    st.builds(
        WindowMention,
        tenant=st.sampled_from(["default", "other"]),
        entity=st.sampled_from([ALL_NEWS, "Brevanor Foods"]),
        time=st.floats(1.6e9, 1.6e9 + 200_000),
        label=st.sampled_from(LABELS),
        late=st.booleans(),
    ),
    max_size=40,
)


def test_windows_start_at_round_times_and_exclude_their_end() -> None:
    noon = datetime(2025, 3, 11, 12, tzinfo=UTC).timestamp()
    assert window_start(noon, 300) == noon
    assert window_start(noon + 299.999, 300) == noon
    assert window_start(noon + 300, 300) == noon + 300
    assert window_start(noon, 86_400) == noon - 12 * 3_600
    assert window_start(-1.0, 300) == -300


def test_a_mention_counts_once_in_every_size() -> None:
    counts = count([WindowMention("default", ALL_NEWS, 86_400.0 + 301, "negative", late=True)])
    assert counts == {
        WindowKey("default", ALL_NEWS, size_s, start_s): WindowCounts(negative=1, late=1)
        for size_s, start_s in zip(WINDOWS_S, (86_700, 86_400, 86_400), strict=True)
    }


@given(MENTIONS, st.data())
def test_batches_may_be_cut_anywhere(mentions: list[WindowMention], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(mentions)))
    first, second = count(mentions[:cut]), count(mentions[cut:])
    none = WindowCounts()
    summed = {key: first.get(key, none) + second.get(key, none) for key in {**first, **second}}
    assert summed == count(mentions)
    for size_s in WINDOWS_S:
        totals = [counts.total for key, counts in summed.items() if key.size_s == size_s]
        assert sum(totals) == len(mentions)
