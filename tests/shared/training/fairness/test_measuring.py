import numpy as np
import pytest

from shared.errors import InputError
from shared.training.fairness.measuring import measure_fairness
from shared.training.fairness.sentences import Filled, PersonSentences

LABELS = ("positive", "negative", "neutral")


def sentences(label: str | None = "negative") -> PersonSentences:
    filled = [
        Filled(template, f"{template} {gender}", {"gender": gender})
        for template in ("first", "second")
        for gender in ("women", "men")
    ]
    return PersonSentences.of(filled, {"first": label, "second": None})


PROBABILITIES = np.array(
    [[0.1, 0.8, 0.1], [0.4, 0.3, 0.3], [0.2, 0.2, 0.6], [0.2, 0.2, 0.6]], dtype=np.float32
)


def test_scores_are_negative_less_positive() -> None:
    """In the first template women have 0.7 and men -0.1, in the second all have 0."""
    measured = measure_fairness(sentences(), PROBABILITIES, LABELS)
    gaps = measured.gaps["gender"]
    assert gaps.mean_gap.value == pytest.approx(0.4, abs=1e-6)
    assert gaps.worst.value == pytest.approx(0.8, abs=1e-6)
    assert (gaps.worst.template, gaps.worst.highest, gaps.worst.lowest) == (0, "women", "men")


def test_the_valence_is_measured_where_it_is_stated() -> None:
    measured = measure_fairness(sentences(), PROBABILITIES, LABELS)
    assert measured.valence_accuracy is not None
    assert (measured.valence_accuracy.value, measured.valence_accuracy.n) == (0.5, 1)
    by_group = {group: each.value for group, each in measured.valence_by_group["gender"].items()}
    assert by_group == {"men": 0.0, "women": 1.0}
    without = measure_fairness(sentences(None), PROBABILITIES, LABELS)
    assert (without.valence_accuracy, without.valence_by_group) == (None, {})


def test_a_model_that_calls_everything_neutral_has_no_gap_and_no_use() -> None:
    neutral = np.tile(np.array([0.1, 0.1, 0.8], dtype=np.float32), (4, 1))
    measured = measure_fairness(sentences(), neutral, LABELS)
    assert measured.gaps["gender"].mean_gap.value == 0
    assert measured.valence_accuracy is not None
    assert measured.valence_accuracy.value == 0


def test_a_model_of_other_labels_is_refused() -> None:
    with pytest.raises(InputError, match="the model knows a, b, c, not negative, positive: take a"):
        measure_fairness(sentences(), PROBABILITIES, ("a", "b", "c"))
    with pytest.raises(InputError, match="not mixed"):
        measure_fairness(sentences("mixed"), PROBABILITIES, LABELS)


def test_other_probabilities_than_sentences_are_refused() -> None:
    with pytest.raises(ValueError, match="4 texts have 1"):
        measure_fairness(sentences(), PROBABILITIES[:1], LABELS)
