"""The labels of sentiment and their order, in one place for training, serving and storage."""

from collections.abc import Sequence
from typing import Literal

from shared.errors import ArtifactError

Label = Literal["negative", "neutral", "positive"]

LABELS: tuple[Label, Label, Label] = ("negative", "neutral", "positive")
"""The order of every array of probabilities outside a bundle."""

NEGATIVE: Label = "negative"
NEUTRAL: Label = "neutral"


def columns_of(labels: Sequence[str]) -> tuple[int, int, int]:
    """Where each of `LABELS` stands among a bundle's labels, which may come in any order.

    Raises:
        ArtifactError: the labels are not exactly these three.
    """
    if sorted(labels) != sorted(LABELS):
        raise ArtifactError(
            f"a bundle of sentiment has the labels {list(labels)}, expected {list(LABELS)} in any "
            "order: train it on data with these labels"
        )
    negative, neutral, positive = (list(labels).index(label) for label in LABELS)
    return negative, neutral, positive


def likeliest(probabilities: Sequence[float]) -> Label:
    """The label of the largest of three probabilities in the order of `LABELS`.

    Of equal ones the first wins, so that a tie is decided in the same way everywhere.
    """
    return LABELS[max(range(len(LABELS)), key=lambda column: probabilities[column])]
