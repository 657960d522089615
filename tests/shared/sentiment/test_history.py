import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.sentiment.history import Decay, History

BUCKET_S = 60
WINDOW = 5
ADDS = st.lists(st.tuples(st.integers(0, 8), st.booleans()), min_size=1, max_size=60)


@given(ADDS, st.floats(100, 1e6))
def test_equals_sums_over_all_buckets(adds: list[tuple[int, bool]], half_life_s: float) -> None:
    decay = Decay.of(half_life_s, BUCKET_S)
    history, bucket = History(), 100
    seen: list[tuple[int, bool]] = []
    for step, negative in adds:
        bucket += step
        history.leave_before(bucket - WINDOW + 1, decay, learn=True)
        history.add(bucket, negative=negative)
        seen.append((bucket, negative))
    start, first = bucket - WINDOW + 1, seen[0][0]

    def weight(number: int) -> float:
        return float(0.5 ** ((start - 1 - number) * BUCKET_S / half_life_s))

    recent = [negative for number, negative in seen if number >= start]
    assert (history.negative, history.total) == (sum(recent), len(recent))
    old = [(weight(number), negative) for number, negative in seen if number < start]
    assert history.baseline_total == pytest.approx(sum(w for w, _ in old))
    assert history.baseline_negative == pytest.approx(sum(w for w, negative in old if negative))
    exposure = sum(BUCKET_S * weight(number) for number in range(first, start))
    assert history.baseline_s == pytest.approx(exposure, rel=1e-6)
    assert len(history.recent) <= WINDOW


def test_what_is_not_learnt_leaves_the_baseline_as_it_was() -> None:
    decay, history = Decay.of(3_600, BUCKET_S), History()
    history.add(0, negative=True)
    history.leave_before(10, decay, learn=True)
    before = (history.baseline_negative, history.baseline_total, history.baseline_s)
    for _ in range(50):
        history.add(12, negative=True)
    history.leave_before(40, decay, learn=False)
    assert (history.baseline_negative, history.baseline_total, history.baseline_s) == before
    assert (history.negative, history.total, history.recent) == (0, 0, [])
