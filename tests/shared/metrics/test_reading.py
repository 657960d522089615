import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.metrics.reading import (
    choose_no_answer_margin,
    exact,
    f1,
    mark_answers,
    reading_intervals,
)


def test_case_punctuation_and_articles_do_not_count() -> None:
    assert exact("The  U.S. Army", "us army") == 1.0
    assert exact("an army", "armies") == 0.0


def test_f1_counts_words_as_often_as_they_stand() -> None:
    assert f1("the merger of 1977", "1977 merger") == pytest.approx(2 * 2 / (3 + 2))
    assert f1("very very good", "very good") == pytest.approx(2 * 2 / (3 + 2))
    assert f1("gold", "silver") == 0.0
    assert f1("the", "silver") == 0.0
    assert f1("the", "a") == 1.0


@pytest.mark.parametrize(
    ("found", "true", "exactly", "shared"),
    [
        # By hand, after `compute_exact` and `compute_f1` of SQuAD 2.0's evaluation script.
        ("Denver Broncos", "Denver Broncos", 1, 1.0),
        ("the Denver Broncos!", "Denver Broncos", 1, 1.0),
        ("Broncos", "Denver Broncos", 0, 2 / 3),
        ("Carolina Panthers", "Denver Broncos", 0, 0.0),
        ("10th and 11th centuries", "in the 10th and 11th centuries", 0, 8 / 9),
        ("an apple, a pear", "the apple pear", 1, 1.0),
        ("", "Denver", 0, 0.0),
    ],
)
def test_answers_are_marked_by_squads_rules(
    found: str, true: str, exactly: int, shared: float
) -> None:
    assert exact(found, true) == exactly
    assert f1(found, true) == pytest.approx(shared)


def test_the_best_truth_counts_and_no_answer_is_an_answer() -> None:
    answers = mark_answers(
        ["1977", None, "gold", None], [["the year 1977", "1977"], [], [], ["silver"]]
    )
    assert answers.exact.tolist() == [1.0, 1.0, 0.0, 0.0]
    assert answers.f1.tolist() == [1.0, 1.0, 0.0, 0.0]
    assert answers.answerable.tolist() == [True, False, False, True]
    figures = {name: each.value for name, each in reading_intervals(answers).items()}
    assert figures == {
        "exact": 0.5,
        "f1": 0.5,
        "answerable_exact": 0.5,
        "answerable_f1": 0.5,
        "unanswerable_accuracy": 0.5,
        "balanced_f1": 0.5,
    }


def test_saying_nothing_is_no_way_to_a_balanced_f1() -> None:
    silent = mark_answers([None] * 10, [["gold"], *([[]] * 9)])
    figures = {name: each.value for name, each in reading_intervals(silent).items()}
    assert (figures["f1"], figures["balanced_f1"]) == (0.9, 0.5)
    only = reading_intervals(mark_answers(["gold"], [["gold"]]))
    assert only["balanced_f1"].value == 1.0
    assert "unanswerable_accuracy" not in only


@given(
    st.lists(
        st.tuples(st.sampled_from([0.0, 0.5, 1.0]), st.booleans(), st.integers(-3, 3)),
        min_size=1,
        max_size=12,
    )
)
def test_no_margin_is_better_than_the_chosen_one(rows: list[tuple[float, bool, int]]) -> None:
    scores, answerable, margins = (np.array(column) for column in zip(*rows, strict=True))
    margin, balanced = choose_no_answer_margin(scores, answerable, margins.astype(np.float64))

    def at(threshold: float) -> float:
        silent = margins >= threshold
        right = np.where(silent, ~answerable, np.where(answerable, scores, 0.0))
        sides = [side for side in (answerable, ~answerable) if side.any()]
        return float(np.mean([right[side].mean() for side in sides]))

    assert at(margin) == pytest.approx(balanced)
    assert balanced == pytest.approx(max(at(step / 2) for step in range(-9, 10)))


def test_as_many_as_possible_are_answered_while_enough_stay_silent() -> None:
    answerable = np.array([True, False, True, False, False, True])
    margins = np.array([-2.0, -1.0, 0.0, 1.0, 2.0, 3.0])
    f1 = np.array([1.0, 0.0, 0.5, 0.0, 0.0, 0.1])

    margin, balanced = choose_no_answer_margin(f1, answerable, margins, least_silent=0.66)

    assert 0.0 < margin < 1.0
    assert balanced == pytest.approx((1.5 / 3 + 2 / 3) / 2)
    with_all, _ = choose_no_answer_margin(f1, answerable, margins, least_silent=1.0)
    assert -2.0 < with_all < -1.0
