"""How texts with one class each are learned: what their sets need, and what logits are worth.

Notation of shapes: n examples, c classes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from shared.metrics.calibration import expected_calibration_error, fit_temperature, softmax
from shared.metrics.classification import Classes, accuracy, f1_of_classes, macro_f1
from shared.models.tasks import Float32s
from shared.models.tokenization import TextTokenizer
from shared.training.data.arrays import TokenArrays
from shared.training.data.reading import raise_faults
from shared.training.data.tokenisation import tokenise
from shared.training.loop.workers import Worker
from shared.training.settings import OptimisationSettings
from shared.training.tasks.classify.examples import Example
from shared.training.tasks.kind import Measurement
from shared.training.tasks.labels import count_labels
from shared.training.tasks.objective import CrossEntropy, Objective


@dataclass(frozen=True, slots=True)
class ClassLearning:
    """A `Learning` of texts or pairs with one class each."""

    optimisation: OptimisationSettings = field(default_factory=OptimisationSettings)

    def check(
        self, sets: Mapping[str, Sequence[Example]], choosing: str = "dev"
    ) -> tuple[str, ...]:
        """The classes of train, sorted: at least two, see `count_labels`."""
        counts, faults = count_labels(sets)
        if len(counts) < 2:
            faults.append(f"train: {len(counts)} class: a classifier needs at least two")
        raise_faults(faults)
        return tuple(sorted(counts))

    def arrays(
        self, examples: Sequence[Example], tokenizer: TextTokenizer, labels: tuple[str, ...]
    ) -> TokenArrays:
        """A row with one target, the index of its label, for each example."""
        texts = [example.text for example in examples]
        return tokenise(tokenizer, texts, _indices(examples, labels).tolist())

    def objective(self, arrays: TokenArrays, labels: tuple[str, ...], worker: Worker) -> Objective:
        """Cross-entropy of the class."""
        return CrossEntropy.of(arrays, len(labels), self.optimisation)

    def judge(
        self, outputs: Float32s, arrays: TokenArrays, labels: tuple[str, ...]
    ) -> dict[str, float]:
        """The figures of one epoch of logits [n, c]."""
        predicted = outputs.argmax(axis=1)
        return {
            "accuracy": float((predicted == arrays.targets).mean()),
            "macro_f1": f1_of_classes(arrays.targets, predicted),
        }

    def measure(
        self,
        examples: Sequence[Example],
        outputs: Float32s,
        tokenizer: TextTokenizer,
        labels: tuple[str, ...],
        served: Measurement | None = None,
    ) -> Measurement:
        """Accuracy, macro-F1 and calibration error of the logits [n, c]."""
        temperature = None if served is None else served.temperature
        return measure_classes(outputs, _indices(examples, labels), temperature)


def measure_classes(
    logits: Float32s, truth: Classes, temperature: float | None = None
) -> Measurement:
    """Measures logits [n, c] against classes [n], as served with a temperature (`ece`).

    Without one it is fitted on all of them. `ece_after` is cross-fitted then: each half is scaled
    by the temperature that fits the other half, so that it is not measured on the examples that it
    was fitted to.
    """
    predicted = logits.argmax(axis=1)
    figures = {"accuracy": accuracy(truth, predicted), "macro_f1": macro_f1(truth, predicted)}
    raw = expected_calibration_error(softmax(logits), truth)
    if temperature is not None:
        served = expected_calibration_error(softmax(logits, temperature), truth)
        return Measurement(figures | {"ece_raw": raw, "ece": served}, temperature)
    after = expected_calibration_error(_cross_fitted(logits, truth), truth)
    return Measurement(
        figures | {"ece_before": raw, "ece_after": after}, fit_temperature(logits, truth)
    )


def _cross_fitted(logits: Float32s, truth: Classes) -> npt.NDArray[np.float64]:
    """Probabilities [n, c], each row's temperature fitted without it."""
    probabilities = np.empty(logits.shape)
    halves = np.array_split(np.random.default_rng(0).permutation(len(truth)), 2)
    for half, other in (halves, reversed(halves)):
        probabilities[half] = softmax(logits[half], fit_temperature(logits[other], truth[other]))
    return probabilities


def _indices(examples: Sequence[Example], labels: tuple[str, ...]) -> Classes:
    """The place of each example's class among the labels, [n]."""
    index = {label: i for i, label in enumerate(labels)}
    return np.array([index[example.label] for example in examples], np.int64)
