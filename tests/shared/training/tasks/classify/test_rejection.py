import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from shared.errors import ConfigError, InputError
from shared.metrics.classification import Classes
from shared.models.tasks import Float32s
from shared.training.settings import RejectionSettings
from shared.training.tasks.classify.rejection import rejecting_label, rejection_shift

LABEL = 1


def made(seed: int, count: int = 60) -> tuple[Float32s, Classes]:
    generator = np.random.default_rng(seed)
    truth = generator.integers(0, 4, count)
    logits = generator.normal(size=(count, 4)).astype(np.float32)
    logits[np.arange(count), truth] += 2.0
    return logits, truth


def kept_and_rejected(logits: Float32s, truth: Classes, shift: float) -> tuple[float, int]:
    """The accuracy of the others, and how many examples of the label are found."""
    shifted = logits.copy()
    shifted[:, LABEL] += np.float32(shift)
    found = shifted.argmax(axis=1)
    inside = truth != LABEL
    return float((found == truth)[inside].mean()), int((found == truth)[~inside].sum())


@given(st.integers(0, 300), st.sampled_from([0.3, 0.5, 0.7, 0.8]))
def test_no_larger_shift_keeps_the_accuracy(seed: int, least: float) -> None:
    logits, truth = made(seed)
    assume(kept_and_rejected(logits, truth, -100.0)[0] >= least)

    shift = rejection_shift(logits, truth, label=LABEL, least_accuracy=least)

    accuracy, recall = kept_and_rejected(logits, truth, shift)
    assert accuracy >= least
    for more in np.linspace(0.01, 4.0, 40):
        other, found = kept_and_rejected(logits, truth, shift + float(more))
        assert found <= recall or other < least


def test_what_cannot_be_kept_is_refused() -> None:
    logits, truth = made(0)
    with pytest.raises(InputError, match=r"rejection\.in_scope_accuracy 0\.999"):
        rejection_shift(logits, truth, label=LABEL, least_accuracy=0.999)


def test_the_label_must_be_one_of_train() -> None:
    settings = RejectionSettings(label="oos", in_scope_accuracy=0.9)
    assert rejecting_label(settings, ["a", "oos"]) == 1
    with pytest.raises(ConfigError, match="'oos' is none of the 2 labels"):
        rejecting_label(settings, ["a", "b"])
