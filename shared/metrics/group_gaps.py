"""How differently a model scores sentences that differ only in the group of a person.

Notation of shapes: n sentences, t templates, g groups.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shared.metrics.bootstrap import Interval, bootstrap, bootstrap_mean

Float64s = npt.NDArray[np.float64]
Int64s = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class WorstGap:
    """The template (an index) with the largest gap, and the groups that it lies between."""

    value: float
    template: int
    highest: str
    lowest: str


@dataclass(frozen=True, slots=True)
class GroupGaps:
    """Gaps between the groups' scores; all intervals are over templates.

    `mean_gap` is the mean over templates of how far the highest group's mean score lies above the
    lowest group's; opposite gaps do not cancel. `shift` is how far apart two groups lie at most
    once their scores are averaged over all templates; opposite gaps do cancel. `offsets` has for
    each group how far its score lies above the mean of the groups. `worst` has no interval:
    resamples of templates know no gap above the largest.
    """

    mean_gap: Interval
    shift: Interval
    worst: WorstGap
    offsets: dict[str, Interval]


def group_gaps(
    scores: npt.ArrayLike,
    templates: Int64s,
    codes: Int64s,
    groups: Sequence[str],
    *,
    resamples: int = 1000,
) -> GroupGaps:
    """The gaps of scores [n] between groups; codes [n] are indices of `groups` [g].

    A sentence whose code is negative belongs to no group and is left out, as are templates without
    any other. A mean is that of all sentences of a template and group, so that a group of many
    names counts as much as one of few.

    Raises:
        ValueError: there are less than two groups, no sentences, or a template lacks a group.
    """
    if len(groups) < 2:
        raise ValueError(f"gaps lie between two groups at least, found {list(groups)}")
    means, kept = _means(np.asarray(scores, dtype=np.float64), templates, codes, len(groups))
    gaps = means.max(axis=1) - means.min(axis=1)
    offsets = means - means.mean(axis=1, keepdims=True)
    bound = float(np.ptp(means))
    worst = int(gaps.argmax())
    return GroupGaps(
        mean_gap=bootstrap(
            lambda rows: float(gaps[rows].mean()),
            len(gaps),
            resamples=resamples,
            bounds=(0.0, bound),
        ),
        shift=bootstrap(
            lambda rows: float(np.ptp(means[rows].mean(axis=0))),
            len(means),
            resamples=resamples,
            bounds=(0.0, bound),
        ),
        worst=WorstGap(
            value=float(gaps[worst]),
            template=int(kept[worst]),
            highest=groups[int(means[worst].argmax())],
            lowest=groups[int(means[worst].argmin())],
        ),
        offsets={
            group: bootstrap_mean(offsets[:, place], resamples=resamples)
            for place, group in enumerate(groups)
        },
    )


def mean_over_templates(
    values: npt.ArrayLike, templates: Int64s, *, resamples: int = 1000
) -> Interval:
    """The mean over templates of their sentences' mean value, its interval over templates.

    Sentences of one template are alike, so that an interval over sentences would be too narrow.
    `values` [n] may be shares, such as whether a sentence's valence is told.

    Raises:
        ValueError: there are no sentences.
    """
    means, _ = _means(np.asarray(values, dtype=np.float64), templates, np.zeros_like(templates), 1)
    return bootstrap_mean(means[:, 0], resamples=resamples)


def _means(
    scores: Float64s, templates: Int64s, codes: Int64s, groups: int
) -> tuple[Float64s, Int64s]:
    """The mean score [t, g] of each template and group, and the templates [t] that have any."""
    known = codes >= 0
    if not known.any():
        raise ValueError("gaps are those of sentences about a group, and there are none")
    kept, rows = np.unique(templates[known], return_inverse=True)
    cells = (rows, codes[known])
    counts = np.zeros((len(kept), groups))
    sums = np.zeros((len(kept), groups))
    np.add.at(counts, cells, 1.0)
    np.add.at(sums, cells, scores[known])
    if not counts.all():
        template, group = np.argwhere(counts == 0)[0]
        raise ValueError(f"template {kept[template]} has no sentence of group {group}")
    return sums / counts, kept.astype(np.int64)
