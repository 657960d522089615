"""What a bundle of sentiment says, in the order of the labels."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from shared.sentiment.labels import NEUTRAL, columns_of


def in_order(
    probabilities: npt.NDArray[np.float32], labels: Sequence[str], *, may_lack_neutral: bool = False
) -> npt.NDArray[np.float32]:
    """Probabilities [n, c] of a bundle's labels as [n, 3] in the order of `LABELS`.

    With `may_lack_neutral` a bundle may know `negative` and `positive` alone, as one that was
    trained on news which all say something: neutral is 0 then.

    Raises:
        ArtifactError: see `columns_of`.
    """
    if may_lack_neutral and NEUTRAL not in labels:
        labels = [*labels, NEUTRAL]
        probabilities = np.pad(probabilities, ((0, 0), (0, 1)))
    return probabilities[:, list(columns_of(labels))]
