"""Sets of texts with one class each: whether they can be learned from, and what logits are worth.

Notation of shapes: n examples, c classes.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shared.metrics.calibration import expected_calibration_error, fit_temperature, softmax
from shared.metrics.classification import Classes, accuracy, f1_of_classes, macro_f1
from shared.models.tasks import Float32s
from shared.models.tokenization import TextTokenizer
from shared.training.data.arrays import TokenArrays
from shared.training.data.examples import Evaluation, Example, TrainingData
from shared.training.data.reading import raise_faults
from shared.training.data.tokenisation import tokenise

_LEAST_PER_CLASS = 2


@dataclass(frozen=True, slots=True)
class LabelledSet:
    """Texts or pairs with their classes: an `ExampleSet`."""

    examples: tuple[Example, ...]

    def __len__(self) -> int:
        return len(self.examples)

    def canonical(self) -> Iterator[str]:
        """Each example as `[text, label]`, a pair as `[[first, second], label]`."""
        for example in self.examples:
            yield json.dumps([example.text, example.label])

    def arrays(self, tokenizer: TextTokenizer, labels: tuple[str, ...]) -> TokenArrays:
        """A row with one target for each example."""
        return tokenise(tokenizer, self.examples, labels)

    def evaluate(
        self,
        outputs: Float32s,
        tokenizer: TextTokenizer,
        labels: tuple[str, ...],
        dev: Evaluation | None = None,
    ) -> Evaluation:
        """Accuracy, macro-F1 and calibration error of the logits [n, c]."""
        index = {label: i for i, label in enumerate(labels)}
        truth = np.array([index[example.label] for example in self.examples])
        return evaluate_classes(outputs, truth, None if dev is None else dev.temperature)


def check_labelled(
    train: Sequence[Example],
    dev: Sequence[Example],
    measured: Mapping[str, Sequence[Example]] | None = None,
    *,
    choosing: str = "dev",
) -> TrainingData:
    """Puts the sets together; the labels are train's, sorted. `choosing` is the name of `dev`.

    Raises:
        InputError: there are fewer than two classes, a class has fewer than two examples, or
            another set has a label that train has not; every such fault is named.
    """
    others = {choosing: dev, **(measured or {})}
    counts = Counter(example.label for example in train)
    rest = [examples for examples in others.values() if examples is not train]
    elsewhere = Counter(each.label for examples in rest for each in examples)
    faults = [
        f"train: class {label!r} has {count} example, and {elsewhere[label]} in the other sets: "
        f"give train at least {_LEAST_PER_CLASS}"
        for label, count in sorted(counts.items())
        if count < _LEAST_PER_CLASS
    ]
    if len(counts) < 2:
        faults.append(f"train: {len(counts)} class: a classifier needs at least two")
    for name, examples in others.items():
        unknown = Counter(example.label for example in examples if example.label not in counts)
        faults += [
            f"{name}: label {label!r} ({count} rows) does not stand in train: correct or remove it"
            for label, count in sorted(unknown.items())
        ]
    raise_faults(faults)
    sets = {name: LabelledSet(tuple(examples)) for name, examples in others.items()}
    return TrainingData(LabelledSet(tuple(train)), sets.pop(choosing), tuple(sorted(counts)), sets)


def judge_classes(logits: Float32s, arrays: TokenArrays) -> dict[str, float]:
    """The figures of one epoch of logits [n, c] of rows with one target each."""
    predicted = logits.argmax(axis=1)
    return {
        "accuracy": float((predicted == arrays.targets).mean()),
        "macro_f1": f1_of_classes(arrays.targets, predicted),
    }


def evaluate_classes(
    logits: Float32s, truth: Classes, temperature: float | None = None
) -> Evaluation:
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
        return Evaluation(figures | {"ece_raw": raw, "ece": served}, temperature)
    after = expected_calibration_error(_cross_fitted(logits, truth), truth)
    return Evaluation(
        figures | {"ece_before": raw, "ece_after": after}, fit_temperature(logits, truth)
    )


def _cross_fitted(logits: Float32s, truth: Classes) -> npt.NDArray[np.float64]:
    """Probabilities [n, c], each row's temperature fitted without it."""
    probabilities = np.empty(logits.shape)
    halves = np.array_split(np.random.default_rng(0).permutation(len(truth)), 2)
    for half, other in (halves, reversed(halves)):
        probabilities[half] = softmax(logits[half], fit_temperature(logits[other], truth[other]))
    return probabilities
