"""Which behavioural tests a model fails, in CheckList's sense.

Notation of shapes: m texts of all tests, c labels.

Source: https://arxiv.org/abs/2005.04118 (section 2, CheckList).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shared.errors import InputError
from shared.metrics.bootstrap import Interval, bootstrap_mean
from shared.training.fairness.lines import BehaviouralTest, Direction, MinimumFunctionality

Probabilities = npt.NDArray[np.float32]
Float64s = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Failures:
    """The share of tests that failed, its interval over tests, and the failed ones' texts."""

    rate: Interval
    failed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Behaviour:
    """Failures by capability, and by capability and test, in the order of the file."""

    capabilities: dict[str, Failures]
    tests: dict[tuple[str, str], Failures]


def texts_of(tests: Iterable[BehaviouralTest]) -> list[str]:
    """The texts that the model is asked for, in the order in which `judge` takes its answers."""
    return [text for test in tests for text in (test.text, *_variants(test))]


def judge(
    tests: Sequence[BehaviouralTest], probabilities: Probabilities, labels: Sequence[str]
) -> Behaviour:
    """The failures of a model that gives `texts_of(tests)` these probabilities [m, c] of `labels`.

    A test of several variants fails where one of them does.

    Raises:
        InputError: a test names a label that the model does not know.
        ValueError: there are no tests, or not as many rows of probabilities as texts.
    """
    _require_known(tests, labels)
    lengths = [1 + len(_variants(test)) for test in tests]
    if sum(lengths) != len(probabilities):
        raise ValueError(f"{sum(lengths)} texts have {len(probabilities)} rows of probabilities")
    answers = np.split(np.asarray(probabilities, dtype=np.float64), np.cumsum(lengths)[:-1])
    failed = [fails(test, rows, labels) for test, rows in zip(tests, answers, strict=True)]
    capabilities: dict[str, list[int]] = {}
    names: dict[tuple[str, str], list[int]] = {}
    for place, test in enumerate(tests):
        capabilities.setdefault(test.capability, []).append(place)
        names.setdefault((test.capability, test.test), []).append(place)
    return Behaviour(
        {name: _failures(places, tests, failed) for name, places in capabilities.items()},
        {name: _failures(places, tests, failed) for name, places in names.items()},
    )


def fails(test: BehaviouralTest, rows: Float64s, labels: Sequence[str]) -> bool:
    """Whether one test fails, given the probabilities [1 + variants, c] of its texts."""
    likeliest = rows.argmax(axis=1)
    if isinstance(test, MinimumFunctionality):
        return labels[int(likeliest[0])] not in test.expected
    if isinstance(test, Direction):
        column = rows[:, list(labels).index(test.label)]
        changes = column[1:] - column[0]
        return bool(((changes if test.change == "rises" else -changes) <= test.by).any())
    return bool((likeliest[1:] != likeliest[0]).any())


def _variants(test: BehaviouralTest) -> tuple[str, ...]:
    return () if isinstance(test, MinimumFunctionality) else test.variants


def _named(test: BehaviouralTest) -> tuple[str, ...]:
    if isinstance(test, MinimumFunctionality):
        return test.expected
    return (test.label,) if isinstance(test, Direction) else ()


def _require_known(tests: Sequence[BehaviouralTest], labels: Sequence[str]) -> None:
    for test in tests:
        for label in _named(test):
            if label not in labels:
                raise InputError(
                    f"the behavioural test {test.text[:100]!r} names the label {label!r}, and the "
                    f"model knows {', '.join(labels)}: correct the file, or take other tests"
                )


def _failures(
    places: Sequence[int], tests: Sequence[BehaviouralTest], failed: Sequence[bool]
) -> Failures:
    rate = bootstrap_mean([failed[place] for place in places])
    return Failures(rate, tuple(tests[place].text for place in places if failed[place]))
