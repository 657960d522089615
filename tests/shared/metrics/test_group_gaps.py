import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.metrics.group_gaps import group_gaps, mean_over_templates

GROUPS = ("men", "women")


def ints(*values: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array(values, dtype=np.int64)


def test_gaps_are_those_of_the_groups_means() -> None:
    """Two templates; in the first women are scored 0.2 higher, in the second 0.4 lower."""
    scores = [0.1, 0.3, 0.4, 0.4, 0.5, 0.1, 0.1]
    templates = ints(0, 0, 0, 0, 1, 1, 1)
    codes = ints(0, 0, 1, 1, 0, 1, 1)
    gaps = group_gaps(scores, templates, codes, GROUPS)
    assert gaps.mean_gap.value == pytest.approx(0.3)
    assert gaps.shift.value == pytest.approx(0.1)
    assert gaps.worst.value == pytest.approx(0.4)
    assert (gaps.worst.template, gaps.worst.highest, gaps.worst.lowest) == (1, "men", "women")
    assert gaps.offsets["men"].value == pytest.approx(0.05)
    assert gaps.offsets["women"].value == pytest.approx(-0.05)
    assert gaps.mean_gap.n == 2


def test_of_several_groups_the_outermost_count() -> None:
    gaps = group_gaps([0.0, 0.5, 0.9], ints(0, 0, 0), ints(0, 1, 2), ("a", "b", "c"))
    assert gaps.mean_gap.value == pytest.approx(0.9)
    assert (gaps.worst.highest, gaps.worst.lowest) == ("c", "a")


def test_sentences_of_no_group_are_left_out() -> None:
    gaps = group_gaps([9.0, 0.1, 0.3, 9.0], ints(0, 1, 1, 1), ints(-1, 0, 1, -1), GROUPS)
    assert gaps.mean_gap.value == pytest.approx(0.2)
    assert (gaps.mean_gap.n, gaps.worst.template) == (1, 1)


def test_the_interval_is_over_templates() -> None:
    """A hundred sentences of one template say no more of other templates than one does."""
    generator = np.random.default_rng(0)
    gaps_of_templates = generator.uniform(0, 0.2, size=40)
    templates = np.repeat(np.arange(40), 2)
    scores = np.stack([np.zeros(40), gaps_of_templates], axis=1).ravel()
    codes = np.tile(np.arange(2), 40)
    once = group_gaps(scores, templates, codes, GROUPS).mean_gap
    often = group_gaps(
        np.repeat(scores, 100), np.repeat(templates, 100), np.repeat(codes, 100), GROUPS
    )
    assert (often.mean_gap.low, often.mean_gap.high) == pytest.approx((once.low, once.high))
    error = gaps_of_templates.std() / np.sqrt(40)
    assert once.high - once.low == pytest.approx(2 * 1.96 * error, rel=0.15)
    assert once.low < once.value < once.high


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(-1, 1), min_size=12, max_size=12), st.floats(-1, 1))
def test_what_is_added_for_all_groups_changes_no_gap(scores: list[float], added: float) -> None:
    templates, codes = np.repeat(np.arange(3), 4), np.tile(np.arange(2), 6)
    one = group_gaps(scores, templates, codes, GROUPS, resamples=20)
    other = group_gaps(np.array(scores) + added, templates, codes, GROUPS, resamples=20)
    assert one.mean_gap.value == pytest.approx(other.mean_gap.value, abs=1e-9)
    assert one.mean_gap.value >= one.shift.value - 1e-12
    assert one.worst.value >= one.mean_gap.value - 1e-12
    assert sum(each.value for each in one.offsets.values()) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(
    ("codes", "groups", "said"),
    [
        (ints(0, 0), ("men",), "between two groups at least"),
        (ints(-1, -1), GROUPS, "there are none"),
        (ints(0, 0), GROUPS, "template 5 has no sentence of group 1"),
    ],
)
def test_gaps_that_nothing_tells_are_refused(
    codes: np.ndarray[tuple[int], np.dtype[np.int64]], groups: tuple[str, ...], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        group_gaps([0.1, 0.2], ints(5, 5), codes, groups)


def test_a_mean_over_templates_counts_each_template_once() -> None:
    mean = mean_over_templates([True, True, True, False], ints(0, 0, 0, 1))
    assert (mean.value, mean.n) == (0.5, 2)
