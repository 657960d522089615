"""How differently a class is predicted for the groups of rows that have a label, by Fairlearn.

Notation of shapes: n rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shared.errors import InputError

Int64s = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class GroupRates:
    """Of one group: how often the class is predicted, over all `n` rows (`selected`), over those of
    the class (`found`) and over the others (`mistaken`).
    """

    selected: float
    found: float
    mistaken: float
    n: int


@dataclass(frozen=True, slots=True)
class Parity:
    """The largest differences between two groups, in 0..1, of how often a class is predicted.

    `demographic_parity` looks at all rows, `equal_opportunity` at those of the class, and
    `equalised_odds` is the larger of this and of the difference over the other rows.

    Source: https://arxiv.org/abs/1610.02413 (definitions 2.1 and 2.2).
    """

    demographic_parity: float
    equal_opportunity: float
    equalised_odds: float
    groups: Mapping[str, GroupRates]


def parity(truth: Bools, predicted: Bools, groups: Sequence[str]) -> Parity:
    """The differences for one class: whether it is each row's, and whether it is predicted, [n].

    `groups` [n] names the group of each row.

    Raises:
        InputError: there are less than two groups, or one has no row of the class or none of
            another: a rate over no rows is not 0.
    """
    from fairlearn import metrics

    named = np.asarray(groups, dtype=object)
    _require_rows(truth, named)
    answers = {"y_true": truth, "y_pred": predicted, "sensitive_features": named}
    rates = metrics.MetricFrame(
        metrics={
            "selected": metrics.selection_rate,
            "found": metrics.true_positive_rate,
            "mistaken": metrics.false_positive_rate,
            "n": metrics.count,
        },
        **answers,
    ).by_group
    return Parity(
        demographic_parity=float(metrics.demographic_parity_difference(**answers)),
        equal_opportunity=float(metrics.equal_opportunity_difference(**answers)),
        equalised_odds=float(metrics.equalized_odds_difference(**answers)),
        groups={
            str(group): GroupRates(
                selected=float(row["selected"]),
                found=float(row["found"]),
                mistaken=float(row["mistaken"]),
                n=int(row["n"]),
            )
            for group, row in rates.iterrows()
        },
    )


def parity_of_labels(
    truth: Int64s, predicted: Int64s, groups: Sequence[str], labels: Sequence[str]
) -> dict[str, Parity]:
    """The same for each label against all others; `truth` and `predicted` [n] are indices of them.

    Raises:
        InputError: see `parity`; the message names the label.
    """
    found = {}
    for place, label in enumerate(labels):
        try:
            found[label] = parity(truth == place, predicted == place, groups)
        except InputError as error:
            raise InputError(f"label {label!r}: {error}") from None
    return found


def _require_rows(truth: Bools, groups: npt.NDArray[np.object_]) -> None:
    known = sorted(set(groups))
    if len(known) < 2:
        raise InputError(
            f"parity is that of two groups at least, found {known}: add rows of others"
        )
    for group in known:
        right = int(truth[groups == group].sum())
        others = int((groups == group).sum()) - right
        if not right or not others:
            lacking = "no row of the class" if not right else "no row of another class"
            raise InputError(f"the group {group!r} has {lacking}: add some, or leave it out")
