"""Quality of answers found in a context, or of saying that there is none, by SQuAD's rules.

Notation of shapes: n questions.

    answers = mark_answers(["the 1977 merger", None], [["1977 merger"], []])
    reading_intervals(answers)["answerable_f1"]
"""

import re
import string
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shared.metrics.bootstrap import SHARE, Interval, bootstrap, bootstrap_mean

Float64s = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


@dataclass(frozen=True, slots=True)
class MarkedAnswers:
    """How right each answer is: `exact` and `f1` in 0..1, float64 [n], and which questions have
    an answer, bool [n].
    """

    exact: Float64s
    f1: Float64s
    answerable: Bools


def mark_answers(predicted: Sequence[str | None], truths: Sequence[Sequence[str]]) -> MarkedAnswers:
    """Compares each answer with the best fitting of the true ones; None says that there is none.

    Raises:
        ValueError: the lengths differ.
    """
    pairs = list(zip(predicted, truths, strict=True))
    return MarkedAnswers(
        exact=np.array([_best(exact, *pair) for pair in pairs]),
        f1=np.array([_best(f1, *pair) for pair in pairs]),
        answerable=np.array([bool(true) for _, true in pairs]),
    )


def exact(predicted: str, true: str) -> float:
    """1 where the answers have the same words, else 0."""
    return float(_words(predicted) == _words(true))


def f1(predicted: str, true: str) -> float:
    """The harmonic mean of precision and recall over words, in 0..1.

    Case, punctuation and articles do not count; where one side has no words, both must have none.
    Source: Rajpurkar et al., "Know What You Don't Know", ACL 2018, and its evaluation script.
    """
    found, wanted = _words(predicted), _words(true)
    if not found or not wanted:
        return float(found == wanted)
    return 2 * (Counter(found) & Counter(wanted)).total() / (len(found) + len(wanted))


def reading_intervals(answers: MarkedAnswers) -> dict[str, Interval]:
    """EM and F1 over all questions and over those with an answer, and what share of the others is
    left without one; `balanced_f1` is the mean of F1 over the former and of that share.

    Where all questions have an answer, or none has, only the figures of that side are given.
    """
    figures = {
        "exact": bootstrap_mean(answers.exact),
        "f1": bootstrap_mean(answers.f1),
    }
    if answers.answerable.any():
        figures["answerable_exact"] = bootstrap_mean(answers.exact[answers.answerable])
        figures["answerable_f1"] = bootstrap_mean(answers.f1[answers.answerable])
    if not answers.answerable.all():
        figures["unanswerable_accuracy"] = bootstrap_mean(answers.exact[~answers.answerable])
    figures["balanced_f1"] = bootstrap(
        lambda indices: _balanced(answers.f1[indices], answers.answerable[indices]),
        len(answers.f1),
        bounds=SHARE,
    )
    return figures


def choose_no_answer_margin(
    f1: Float64s, answerable: Bools, margins: Float64s, *, least_silent: float | None = None
) -> tuple[float, float]:
    """The margin from which on "no answer" is right most often, and the `balanced_f1` it gives.

    With `least_silent` it is instead the largest one at which this share of the questions without
    an answer still gets none: it answers the most.

    `f1` [n] is that of each question's best answer, as if "no answer" were not allowed, and
    `margins` [n] by how much "no answer" is preferred to it. Half of the weight is that of the
    questions with an answer, so that saying nothing is no way to win. The margin lies midway
    between two questions'.
    """
    finite = margins[np.isfinite(margins)]
    # A context without a token has no answer at any margin.
    margins = np.minimum(margins, finite.max(initial=0.0) + 1.0)
    order = np.argsort(margins, kind="stable")
    weights = _balancing(answerable)[order]
    gains, kept = np.where(answerable, f1, 0.0)[order] * weights, ~answerable[order] * weights
    # At position i the first i questions are answered, and the others get "no answer".
    totals = np.concatenate([[0.0], np.cumsum(gains)]) + kept.sum()
    totals -= np.concatenate([[0.0], np.cumsum(kept)])
    ends = np.concatenate([[margins.min() - 1.0], margins[order], [margins.max() + 1.0]])
    # Between equal margins no threshold fits.
    possible = np.flatnonzero(ends[:-1] < ends[1:])
    best = int(possible[totals[possible].argmax()])
    if least_silent is not None:
        silent = 1.0 - np.concatenate([[0.0], np.cumsum(~answerable[order])]) / (~answerable).sum()
        best = int(possible[silent[possible] >= least_silent].max())
    return float((ends[best] + ends[best + 1]) / 2), float(totals[best])


def _balanced(values: Float64s, answerable: Bools) -> float:
    return float((values * _balancing(answerable)).sum())


def _balancing(answerable: Bools) -> Float64s:
    """Weights [n] that sum to 1, half of it on either side, or all of it where one is empty."""
    sides = [side for side in (answerable, ~answerable) if side.any()]
    weights: Float64s = np.sum([side / (side.sum() * len(sides)) for side in sides], axis=0)
    return weights


def _best(
    measure: Callable[[str, str], float], predicted: str | None, truths: Sequence[str]
) -> float:
    if predicted is None or not truths:
        return float(predicted is None and not truths)
    return max(measure(predicted, true) for true in truths)


def _words(text: str) -> list[str]:
    return _ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split()
