"""How answers on texts with classes, one each or any number, are judged.

Notation of shapes: n texts, c classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from shared.metrics.calibration import Bools, Float64s
from shared.metrics.classification import Classes, f1_of_classes
from shared.models.bundle import Manifest
from shared.models.tasks import ClassifyOutput, Input, TaskOutput
from shared.training.data.examples import labels_of
from shared.training.evaluation.judgement import (
    ClassFigures,
    Confidence,
    Confusion,
    Judgement,
    expect,
    mean,
)
from shared.training.tasks.classify.examples import Example, MultiLabelled

_SMALLEST = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True)
class ClassEvaluation:
    """Texts or pairs with one class each."""

    examples: tuple[Example, ...]
    queries: ClassVar[None] = None

    @property
    def inputs(self) -> Sequence[Input]:
        """See `Evaluation`."""
        return [example.text for example in self.examples]

    def judge(self, output: TaskOutput, manifest: Manifest) -> Judgement:
        """Accuracy and macro-F1; a class that the bundle does not know is a class it misses."""
        found = expect(output, ClassifyOutput)
        labels = (*found.labels, *sorted(labels_of(self.examples).difference(found.labels)))
        index = {label: place for place, label in enumerate(labels)}
        truth = np.array([index[example.label] for example in self.examples])
        predicted = found.probabilities.argmax(axis=1)
        right = predicted == truth
        return Judgement(
            units="texts",
            n=len(truth),
            statistics={
                "accuracy": mean(right.astype(np.float64)),
                "macro_f1": lambda at: f1_of_classes(truth[at], predicted[at]),
            },
            baseline=float(np.bincount(truth).max() / len(truth)),
            classes=_class_figures(labels, truth, predicted),
            confidence=Confidence(
                served=found.probabilities.max(axis=1).astype(np.float64),
                right=right,
                raw=_without_temperature(found, manifest.calibration.temperature),
            ),
            confusion=Confusion(
                labels, confusion_matrix(truth, predicted, labels=range(len(labels)))
            ),
        )


@dataclass(frozen=True)
class MultiLabelEvaluation:
    """Texts or pairs with any number of classes each."""

    examples: tuple[MultiLabelled, ...]
    queries: ClassVar[None] = None

    @property
    def inputs(self) -> Sequence[Input]:
        """See `Evaluation`."""
        return [example.text for example in self.examples]

    def judge(self, output: TaskOutput, manifest: Manifest) -> Judgement:
        """Micro-F1, macro-F1 and the share of texts with all classes right, at 0.5."""
        found = expect(output, ClassifyOutput)
        labels = (*found.labels, *sorted(labels_of(self.examples).difference(found.labels)))
        probabilities = np.zeros((len(self.examples), len(labels)))
        probabilities[:, : len(found.labels)] = found.probabilities
        truth = np.array([[label in e.labels for label in labels] for e in self.examples])
        predicted = probabilities >= 0.5
        right = predicted == truth
        return Judgement(
            units="texts",
            n=len(truth),
            statistics={
                "micro_f1": lambda at: float(_f1(truth[at].ravel(), predicted[at].ravel())),
                "macro_f1": lambda at: float(_f1(truth[at], predicted[at]).mean()),
                "exact_match": mean(right.all(axis=1).astype(np.float64)),
            },
            baseline=float(_f1(truth.ravel(), np.ones(truth.size, np.bool_))),
            classes=_class_figures(labels, truth, predicted),
            confidence=Confidence(
                np.maximum(probabilities, 1 - probabilities).ravel(), right.ravel()
            ),
        )


def _class_figures(
    labels: Sequence[str], truth: Classes | Bools, predicted: Classes | Bools
) -> tuple[ClassFigures, ...]:
    """Those of each label, by numbers [n] or by whether a text has each, [n, c]."""
    columns = precision_recall_fscore_support(
        truth, predicted, labels=range(len(labels)), zero_division=0.0
    )
    return tuple(
        ClassFigures(label, float(precision), float(recall), float(f1), int(support))
        for label, precision, recall, f1, support in zip(labels, *columns, strict=True)
    )


def _f1(truth: Bools, predicted: Bools) -> Float64s:
    """F1 of each column of truth and prediction [n, c] (or of the one of [n]); 0 without any."""
    right = (truth & predicted).sum(axis=0)
    both = truth.sum(axis=0) + predicted.sum(axis=0)
    share: Float64s = 2.0 * right / np.maximum(both, 1)
    return share


def _without_temperature(found: ClassifyOutput, temperature: float) -> Float64s:
    """The confidence of the same answers, had the logits not been divided by the temperature.

    Softmax forgets a constant alone, so the logarithm of a probability is as good as a logit.
    """
    logits = np.log(np.maximum(found.probabilities.astype(np.float64), _SMALLEST)) * temperature
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    sure: Float64s = 1.0 / powers.sum(axis=1)
    return sure
