import numpy as np
import pytest

from shared.errors import InputError
from shared.models.tokenization import TextTokenizer
from shared.training.data.arrays import TokenArrays
from shared.training.data.examples import canonical
from shared.training.tasks.classify.examples import Example
from shared.training.tasks.classify.learning import ClassLearning, measure_classes
from shared.training.tasks.kind import Measurement
from tests.shared.training.data.test_tokenisation import pieces
from tests.shared.training.made import checked

LEARNING = ClassLearning()
TRAIN = [Example("a1", "b"), Example("a2", "a"), Example("a3", "a"), Example("a4", "b")]


def test_labels_are_sorted_and_the_fingerprint_tells_rows_apart() -> None:
    data = checked(LEARNING, TRAIN, TRAIN[:1])
    assert data.labels == ("a", "b")
    assert data.fingerprint() == checked(LEARNING, list(TRAIN), TRAIN[:1]).fingerprint()
    assert data.fingerprint() != checked(LEARNING, TRAIN, TRAIN[1:2]).fingerprint()
    assert data.fingerprint() != checked(LEARNING, TRAIN[::-1], TRAIN[:1]).fingerprint()


def test_every_fault_is_named_at_once() -> None:
    with pytest.raises(InputError) as caught:
        checked(
            LEARNING, [*TRAIN, Example("once", "rare")], [Example("x", "new"), Example("y", "new")]
        )
    assert "label 'rare' has 1 example" in str(caught.value)
    assert "dev: label 'new' (2 rows)" in str(caught.value)


def test_needs_two_classes() -> None:
    with pytest.raises(InputError, match="at least two"):
        checked(LEARNING, [Example("1", "a"), Example("2", "a")], [])


def test_measures_and_calibrates() -> None:
    generator = np.random.default_rng(0)
    logits = generator.normal(0.0, 2.0, size=(2_000, 4))
    truth = (logits + generator.gumbel(size=logits.shape)).argmax(axis=1)
    evaluation = measure_classes((logits * 3).astype(np.float32), truth)
    metrics = evaluation.metrics
    assert evaluation.temperature == pytest.approx(3.0, rel=0.1)
    assert metrics["accuracy"].value == (logits.argmax(axis=1) == truth).mean()
    assert metrics["ece_after"].value < 0.05 < 0.1 < metrics["ece_before"].value
    for metric in metrics.values():
        assert metric.n == 2_000
        assert metric.low <= metric.high


def test_an_epoch_is_judged_as_the_end_is_measured() -> None:
    generator = np.random.default_rng(1)
    logits = generator.normal(size=(200, 3)).astype(np.float32)
    truth = generator.integers(0, 3, 200)
    arrays = TokenArrays.of([[1]] * 200, truth.tolist())
    metrics = measure_classes(logits, truth).metrics
    for name, value in LEARNING.judge(logits, arrays, ()).items():
        assert value == pytest.approx(metrics[name].value)


def test_pairs_and_measured_sets() -> None:
    pairs = [Example((each.text, "x"), each.label) for each in TRAIN if isinstance(each.text, str)]
    data = checked(LEARNING, pairs, pairs[:1], {"more": pairs[1:2]})
    assert data.fingerprint() != checked(LEARNING, TRAIN, TRAIN[:1]).fingerprint()
    assert data.fingerprint() == checked(LEARNING, pairs, pairs[:1]).fingerprint()
    assert next(canonical(data.train)) == '[["a1", "x"], "b"]'
    assert len(data.measured["more"]) == 1
    with pytest.raises(InputError, match="more: label 'new'"):
        checked(LEARNING, TRAIN, TRAIN, {"more": [Example("y", "new")]})


def test_another_set_is_measured_with_the_temperature_that_calibration_gave() -> None:
    generator = np.random.default_rng(0)
    logits = generator.normal(0.0, 2.0, size=(2_000, 4))
    truth = (logits + generator.gumbel(size=logits.shape)).argmax(axis=1)
    hot = (logits * 3).astype(np.float32)
    gate = [Example(str(i), "abcd"[c]) for i, c in enumerate(truth)]
    data = checked(LEARNING, TRAIN, TRAIN[:1], {"gate": gate[:0]}, choosing="choice")
    assert len(data.dev) == 1
    tokenizer = TextTokenizer(pieces(), 12, token_types=False)
    for temperature, good in ((3.0, True), (1.0, False)):
        served = Measurement({}, temperature)
        found = LEARNING.measure(gate, hot, tokenizer, ("a", "b", "c", "d"), served)
        assert found.temperature == temperature
        assert set(found.metrics) == {"accuracy", "macro_f1", "ece_raw", "ece"}
        assert (found.metrics["ece"].value < 0.05) is good
        assert found.metrics["ece_raw"].value > 0.1


def test_a_fault_of_the_set_that_chooses_has_its_name() -> None:
    with pytest.raises(InputError, match="choice: label 'new'"):
        checked(LEARNING, TRAIN, [Example("x", "new")], choosing="choice")
    with pytest.raises(InputError, match="label 'b' has 1 example, and 2 in the other sets"):
        checked(LEARNING, TRAIN[:3], [TRAIN[3]], {"gate": [TRAIN[3]]}, choosing="choice")
