"""Sets of texts with any number of classes each: reading, checking, and what logits are worth.

Notation of shapes: n examples, c classes.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shared.metrics.bootstrap import SHARE, bootstrap, bootstrap_mean
from shared.metrics.calibration import expected_calibration_error, fit_temperature, softmax
from shared.models.tasks import Float32s, Input
from shared.models.tokenization import TextTokenizer
from shared.training.data.arrays import TokenArrays
from shared.training.data.examples import Evaluation, TrainingData
from shared.training.data.reading import (
    Row,
    RowError,
    RowReader,
    column_of,
    raise_faults,
    text_cell,
    value_of,
)
from shared.training.data.tokenisation import tokenise_to

Bools = npt.NDArray[np.bool_]

_LEAST_PER_CLASS = 2
_SEPARATOR = ";"


@dataclass(frozen=True, slots=True)
class MultiLabelled:
    """A text, or a pair of texts, and its classes: sorted, each once, perhaps none."""

    text: Input
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MultiLabelledSet:
    """Texts or pairs with their classes: an `ExampleSet`."""

    examples: tuple[MultiLabelled, ...]

    def __len__(self) -> int:
        return len(self.examples)

    def canonical(self) -> Iterator[str]:
        """Each example as `[text, [label, ...]]`, a pair as `[[first, second], [label, ...]]`."""
        for example in self.examples:
            yield json.dumps([example.text, example.labels])

    def arrays(self, tokenizer: TextTokenizer, labels: tuple[str, ...]) -> TokenArrays:
        """A row with a target, 0 or 1, of each class for each example."""
        texts = [example.text for example in self.examples]
        return tokenise_to(tokenizer, texts, self._truth(labels).astype(np.int64).tolist())

    def evaluate(
        self,
        outputs: Float32s,
        tokenizer: TextTokenizer,
        labels: tuple[str, ...],
        dev: Evaluation | None = None,
    ) -> Evaluation:
        """Micro- and macro-F1 of the classes above 0.5, and how often all are right, of logits
        [n, c]; the calibration error is over all answers, yes or no.
        """
        truth, predicted = self._truth(labels), outputs > 0
        # The sigmoid of a logit is the softmax of it and 0.
        answers = np.stack([np.zeros_like(outputs), outputs], axis=-1).reshape(-1, 2)
        right = truth.ravel().astype(np.int64)
        n = len(truth)
        temperature = fit_temperature(answers, right) if dev is None else dev.temperature
        before, after = ("ece_before", "ece_after") if dev is None else ("ece_raw", "ece")
        return Evaluation(
            metrics={
                "micro_f1": bootstrap(lambda i: _micro_f1(truth[i], predicted[i]), n, bounds=SHARE),
                "macro_f1": bootstrap(lambda i: _macro_f1(truth[i], predicted[i]), n, bounds=SHARE),
                "exact_match": bootstrap_mean((truth == predicted).all(axis=1)),
                before: expected_calibration_error(softmax(answers), right),
                after: expected_calibration_error(softmax(answers, temperature), right),
            },
            temperature=temperature,
        )

    def _truth(self, labels: tuple[str, ...]) -> Bools:
        """Which classes [n, c] each text has."""
        return np.array([[label in each.labels for label in labels] for each in self.examples])


def multi_labelled_reader(
    *, text: str = "text", second: str | None = None, labels: str = "labels"
) -> RowReader[MultiLabelled]:
    """The reader of plain rows; the arguments are columns.

    The classes are a list, or a string in which `;` stands between them.
    """

    def read(row: Row) -> list[MultiLabelled]:
        first = text_cell(row, text)
        pair = first if second is None else (first, text_cell(row, second))
        return [MultiLabelled(pair, _labels_cell(row, labels))]

    return read


def check_multi_labelled(
    train: Sequence[MultiLabelled],
    dev: Sequence[MultiLabelled],
    measured: Mapping[str, Sequence[MultiLabelled]] | None = None,
    *,
    choosing: str = "dev",
) -> TrainingData:
    """Puts the sets together; the labels are train's, sorted. `choosing` is the name of `dev`.

    Raises:
        InputError: no text has a class, a class stands at fewer than two, or another set has a
            label that train has not; every such fault is named.
    """
    others = {choosing: dev, **(measured or {})}
    counts = Counter(label for example in train for label in example.labels)
    faults = [
        f"train: class {label!r} has {count} example: give it at least {_LEAST_PER_CLASS}"
        for label, count in sorted(counts.items())
        if count < _LEAST_PER_CLASS
    ]
    if not counts:
        faults.append("train: no text has a class")
    for name, examples in others.items():
        unknown = {label for example in examples for label in example.labels} - counts.keys()
        faults += [
            f"{name}: label {label!r} does not stand in train: correct or remove it"
            for label in sorted(unknown)
        ]
    raise_faults(faults)
    sets = {name: MultiLabelledSet(tuple(examples)) for name, examples in others.items()}
    labels = tuple(sorted(counts))
    return TrainingData(MultiLabelledSet(tuple(train)), sets.pop(choosing), labels, sets)


def judge_labels(logits: Float32s, arrays: TokenArrays) -> dict[str, float]:
    """The figures of one epoch of logits [n, c]."""
    truth, predicted = arrays.targets.reshape(logits.shape) > 0, logits > 0
    return {
        "micro_f1": _micro_f1(truth, predicted),
        "macro_f1": _macro_f1(truth, predicted),
        "exact_match": float((truth == predicted).all(axis=1).mean()),
    }


def _labels_cell(row: Row, column: str) -> tuple[str, ...]:
    value = value_of(row, column)
    names = value.split(_SEPARATOR) if isinstance(value, str) else value
    if column_of(row, column) is None:
        raise RowError(f"has no column {column!r}: set data.labels")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise RowError(f"{column!r} is no list of labels")
    found = sorted({name.strip() for name in names} - {""})
    if any(len(name) > 200 for name in found):
        raise RowError(f"{column!r} has a label of more than 200 characters")
    return tuple(found)


def _micro_f1(truth: Bools, predicted: Bools) -> float:
    return float(_f1(truth.ravel()[:, None], predicted.ravel()[:, None])[0])


def _macro_f1(truth: Bools, predicted: Bools) -> float:
    return float(_f1(truth, predicted).mean())


def _f1(truth: Bools, predicted: Bools) -> npt.NDArray[np.float64]:
    """F1 of each column; 1 where there was nothing to find and nothing was."""
    support = truth.sum(axis=0) + predicted.sum(axis=0)
    right = 2.0 * (truth & predicted).sum(axis=0)
    return np.where(support > 0, right / np.maximum(support, 1), 1.0)
