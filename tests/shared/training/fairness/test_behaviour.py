from typing import Any

import numpy as np
import pytest

from shared.errors import InputError
from shared.training.fairness.behaviour import judge, texts_of
from shared.training.fairness.lines import (
    BehaviouralTest,
    Direction,
    Invariance,
    MinimumFunctionality,
)

LABELS = ("neutral", "positive", "negative")
NEUTRAL, POSITIVE, NEGATIVE = [0.8, 0.1, 0.1], [0.1, 0.7, 0.2], [0.1, 0.2, 0.7]


def known(*expected: str, test: str = "denied") -> BehaviouralTest:
    return MinimumFunctionality(
        kind="minimum_functionality",
        capability="negation",
        test=test,
        text=f"a text of {test}",
        expected=expected,
    )


def invariant(variants: int = 2) -> BehaviouralTest:
    return Invariance(
        kind="invariance",
        capability="swap",
        test="names",
        text="a name",
        variants=tuple(f"name {number}" for number in range(variants)),
    )


def moved(change: Any, by: float = 0.0) -> BehaviouralTest:
    return Direction(
        kind="direction",
        capability="negation",
        test="less",
        text="before",
        variants=("after",),
        label="negative",
        change=change,
        by=by,
    )


def failed(test: BehaviouralTest, *rows: list[float]) -> bool:
    judged = judge([test], np.array(rows, dtype=np.float32), LABELS)
    ((_, failures),) = judged.capabilities.items()
    assert failures.failed == ((test.text,) if failures.rate.value else ())
    return bool(failures.rate.value)


def test_a_label_is_one_of_the_expected() -> None:
    assert not failed(known("neutral", "positive"), POSITIVE)
    assert failed(known("neutral", "positive"), NEGATIVE)


def test_one_variant_of_another_label_fails() -> None:
    assert not failed(invariant(), NEUTRAL, [0.5, 0.4, 0.1], [0.4, 0.3, 0.3])
    assert failed(invariant(), NEUTRAL, NEUTRAL, POSITIVE)
    assert failed(invariant(), NEGATIVE, NEUTRAL, NEUTRAL)


@pytest.mark.parametrize(
    ("change", "by", "before", "after", "fails"),
    [
        ("falls", 0.0, 0.7, 0.6, False),
        ("falls", 0.0, 0.6, 0.7, True),
        ("falls", 0.0, 0.6, 0.6, True),
        ("falls", 0.2, 0.7, 0.6, True),
        ("falls", -0.2, 0.6, 0.7, False),
        ("falls", -0.05, 0.6, 0.7, True),
        ("rises", 0.0, 0.6, 0.7, False),
        ("rises", 0.0, 0.7, 0.6, True),
    ],
)
def test_a_probability_moves_in_a_direction(
    change: str, by: float, before: float, after: float, fails: bool
) -> None:
    rows = [[1 - before, 0.0, before], [1 - after, 0.0, after]]
    assert failed(moved(change, by), *rows) is fails


def test_failures_are_counted_by_capability_and_by_test() -> None:
    tests = [known("positive"), invariant(1), known("neutral", test="other"), known("positive")]
    assert texts_of(tests) == [
        "a text of denied",
        "a name",
        "name 0",
        "a text of other",
        "a text of denied",
    ]
    rows = np.array([POSITIVE, NEUTRAL, POSITIVE, NEUTRAL, NEGATIVE], dtype=np.float32)
    judged = judge(tests, rows, LABELS)
    assert {name: (each.rate.value, each.rate.n) for name, each in judged.tests.items()} == {
        ("negation", "denied"): (0.5, 2),
        ("swap", "names"): (1.0, 1),
        ("negation", "other"): (0.0, 1),
    }
    assert judged.capabilities["negation"].rate.value == pytest.approx(1 / 3)
    assert judged.capabilities["negation"].failed == ("a text of denied",)


def test_a_label_that_the_model_does_not_know_is_refused() -> None:
    with pytest.raises(
        InputError, match=r"'a text of denied' names the label 'good'.*knows neutral"
    ):
        judge([known("good")], np.array([NEUTRAL], dtype=np.float32), LABELS)


def test_other_probabilities_than_texts_are_refused() -> None:
    with pytest.raises(ValueError, match="3 texts have 1 rows"):
        judge([invariant()], np.array([NEUTRAL], dtype=np.float32), LABELS)
