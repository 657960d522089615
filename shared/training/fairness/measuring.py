"""What a model makes of sentences that differ in the person alone.

Notation of shapes: n sentences, c labels.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shared.errors import InputError
from shared.metrics.bootstrap import Interval
from shared.metrics.group_gaps import GroupGaps, group_gaps, mean_over_templates
from shared.sentiment.labels import LABELS
from shared.training.fairness.behaviour import Probabilities
from shared.training.fairness.sentences import PersonSentences

_NEGATIVE, _, _POSITIVE = LABELS


@dataclass(frozen=True, slots=True)
class Fairness:
    """Gaps of P(negative) - P(positive) by attribute, and whether the stated valence is told.

    `valence_accuracy` is the share of sentences whose likeliest label is the one that their
    template states (the mean over templates), `valence_by_group` the same by attribute and group;
    both are empty where no template states any. A model that calls everything neutral has no gaps,
    and tells the valence of neutral templates alone.
    """

    gaps: dict[str, GroupGaps]
    valence_accuracy: Interval | None
    valence_by_group: dict[str, dict[str, Interval]]


def measure_fairness(
    sentences: PersonSentences, probabilities: Probabilities, labels: Sequence[str]
) -> Fairness:
    """The gaps of a model that gives the sentences these probabilities [n, c] of `labels`.

    Raises:
        InputError: the model's labels have no negative or positive, or lack a template's.
        ValueError: there are not as many rows of probabilities as sentences.
    """
    if len(probabilities) != len(sentences.texts):
        raise ValueError(f"{len(sentences.texts)} texts have {len(probabilities)} probabilities")
    _require_labels(sentences, labels)
    values = np.asarray(probabilities, dtype=np.float64)
    negative, positive = (list(labels).index(label) for label in (_NEGATIVE, _POSITIVE))
    scores = values[:, negative] - values[:, positive]
    codes = sentences.template_codes
    gaps = {
        each.name: group_gaps(scores, codes, each.codes, each.groups)
        for each in sentences.attributes
    }
    stated = np.array(
        [-1 if each is None else list(labels).index(each) for each in sentences.labels]
    )
    truth = stated[codes]
    known, right = truth >= 0, values.argmax(axis=1) == truth
    if not known.any():
        return Fairness(gaps, None, {})
    by_group = {
        each.name: {
            group: mean_over_templates(right[chosen], codes[chosen])
            for place, group in enumerate(each.groups)
            if (chosen := known & (each.codes == place)).any()
        }
        for each in sentences.attributes
    }
    return Fairness(gaps, mean_over_templates(right[known], codes[known]), by_group)


def _require_labels(sentences: PersonSentences, labels: Sequence[str]) -> None:
    wanted = {_NEGATIVE, _POSITIVE, *(label for label in sentences.labels if label is not None)}
    if unknown := sorted(wanted - set(labels)):
        raise InputError(
            f"fairness is measured by the labels {', '.join(sorted(wanted))}, and the model knows "
            f"{', '.join(labels)}, not {', '.join(unknown)}: take a bundle of sentiment, or "
            "correct the file's labels"
        )
