import pytest

from shared.errors import ArtifactError
from shared.sentiment.labels import LABELS, columns_of, likeliest


def test_columns_follow_the_names() -> None:
    assert columns_of(["positive", "negative", "neutral"]) == (1, 2, 0)
    assert columns_of(LABELS) == (0, 1, 2)


@pytest.mark.parametrize("labels", [["negative", "positive"], ["a", "b", "c"], [*LABELS, "mixed"]])
def test_other_labels_are_refused_by_name(labels: list[str]) -> None:
    with pytest.raises(ArtifactError, match="expected"):
        columns_of(labels)


def test_a_tie_is_decided_by_order() -> None:
    assert likeliest((0.2, 0.3, 0.5)) == "positive"
    assert likeliest((0.4, 0.4, 0.2)) == "negative"
