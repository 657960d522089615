"""Where a label that means "none of the others" begins: the threshold lies in the head's own bias.

A classifier that knows few examples of what it is not asked for says so too seldom. One number
mends it: what is added to that label's logit. Added to the head's bias, it makes the highest
probability the decision, so that serving needs no other rule.

Notation of shapes: n examples, c classes.
"""

from collections.abc import Sequence

import numpy as np

from shared.errors import ConfigError, InputError
from shared.metrics.classification import Classes
from shared.models.tasks import Float32s
from shared.training.settings import RejectionSettings


def rejecting_label(settings: RejectionSettings, labels: Sequence[str]) -> int:
    """The place of the label among all labels.

    Raises:
        ConfigError: it is none of them.
    """
    if settings.label not in labels:
        raise ConfigError(
            f"rejection.label {settings.label!r} is none of the {len(labels)} labels in train: "
            "name one of them, or add examples of it"
        )
    return list(labels).index(settings.label)


def rejection_shift(
    logits: Float32s, truth: Classes, *, label: int, least_accuracy: float
) -> float:
    """The largest addition to a label's logit that leaves the others their accuracy.

    `logits` [n, c] and `truth` [n] are of the set that calibrates; `least_accuracy` is asked of its
    examples that do not have the label, where a rejected one counts as wrong.

    Raises:
        InputError: there are no such examples, or their accuracy is below that without any
            rejection.
    """
    others = np.delete(np.arange(logits.shape[1]), label)
    inside = truth != label
    found = others[logits[:, others].argmax(axis=1)]
    # An example is rejected where the label's logit and the shift exceed all other logits.
    lead = logits[:, others].max(axis=1) - logits[:, label]
    kept = np.sort(lead[inside & (found == truth)])
    wanted = int(np.ceil(least_accuracy * inside.sum()))
    if not wanted or len(kept) < wanted:
        raise InputError(
            f"rejection.in_scope_accuracy {least_accuracy}: {len(kept)} of {int(inside.sum())} "
            "examples to calibrate on are right without rejection: ask for less, or train longer"
        )
    # Between that example and the nearest below it, so that rounding changes no decision.
    highest = kept[len(kept) - wanted]
    below = lead[lead < highest].max(initial=highest - 1.0)
    return float((below + highest) / 2)
