import numpy as np
import pytest

from shared.errors import ArtifactError
from shared.sentiment.probabilities import in_order


def test_probabilities_follow_the_names() -> None:
    given = np.array([[0.5, 0.3, 0.2]], np.float32)
    two = np.array([[0.6, 0.4]], np.float32)

    three = in_order(given, ["positive", "negative", "neutral"])
    of_two = in_order(two, ["positive", "negative"], may_lack_neutral=True)

    assert three.tolist() == given[:, [1, 2, 0]].tolist()
    assert of_two.tolist() == [[two[0, 1], 0.0, two[0, 0]]]
    with pytest.raises(ArtifactError, match="expected"):
        in_order(two, ["positive", "negative"])
    with pytest.raises(ArtifactError, match="expected"):
        in_order(two, ["good", "bad"], may_lack_neutral=True)
