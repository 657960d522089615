"""How texts with any number of classes each are learned: what is asked of their sets, and what
logits are worth.

Notation of shapes: n examples, c classes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from shared.metrics.bootstrap import SHARE, bootstrap, bootstrap_mean
from shared.metrics.calibration import (
    Bools,
    expected_calibration_error,
    fit_temperature,
    softmax,
)
from shared.models.tasks import Float32s
from shared.models.tokenization import TextTokenizer
from shared.training.data.arrays import TokenArrays
from shared.training.data.reading import raise_faults
from shared.training.data.tokenisation import tokenise
from shared.training.loop.workers import Worker
from shared.training.settings import OptimisationSettings
from shared.training.tasks.classify.examples import MultiLabelled
from shared.training.tasks.kind import Measurement
from shared.training.tasks.labels import count_labels
from shared.training.tasks.objective import BinaryCrossEntropy, Objective


@dataclass(frozen=True, slots=True)
class MultiLabelLearning:
    """A `Learning` of texts or pairs with any number of classes each."""

    optimisation: OptimisationSettings = field(default_factory=OptimisationSettings)

    def check(
        self, sets: Mapping[str, Sequence[MultiLabelled]], choosing: str = "dev"
    ) -> tuple[str, ...]:
        """The classes of train, sorted: at least one, see `count_labels`."""
        counts, faults = count_labels(sets)
        if not counts:
            faults.append("train: no text has a class")
        raise_faults(faults)
        return tuple(sorted(counts))

    def arrays(
        self, examples: Sequence[MultiLabelled], tokenizer: TextTokenizer, labels: tuple[str, ...]
    ) -> TokenArrays:
        """A row with a target, 0 or 1, of each class for each example."""
        texts = [example.text for example in examples]
        return tokenise(tokenizer, texts, _truth(examples, labels).astype(np.int64).tolist())

    def objective(self, arrays: TokenArrays, labels: tuple[str, ...], worker: Worker) -> Objective:
        """Whether a text has each class, each by itself."""
        return BinaryCrossEntropy(self.optimisation.label_smoothing)

    def judge(
        self, outputs: Float32s, arrays: TokenArrays, labels: tuple[str, ...]
    ) -> dict[str, float]:
        """The figures of one epoch of logits [n, c]."""
        truth, predicted = arrays.targets.reshape(outputs.shape) > 0, outputs > 0
        return {
            "micro_f1": _micro_f1(truth, predicted),
            "macro_f1": _macro_f1(truth, predicted),
            "exact_match": float((truth == predicted).all(axis=1).mean()),
        }

    def measure(
        self,
        examples: Sequence[MultiLabelled],
        outputs: Float32s,
        tokenizer: TextTokenizer,
        labels: tuple[str, ...],
        served: Measurement | None = None,
    ) -> Measurement:
        """Micro- and macro-F1 of the classes above 0.5, and how often all are right, of logits
        [n, c]; the calibration error is over all answers, yes or no.
        """
        truth, predicted = _truth(examples, labels), outputs > 0
        # The sigmoid of a logit is the softmax of it and 0.
        answers = np.stack([np.zeros_like(outputs), outputs], axis=-1).reshape(-1, 2)
        right = truth.ravel().astype(np.int64)
        n = len(truth)
        temperature = fit_temperature(answers, right) if served is None else served.temperature
        before, after = ("ece_before", "ece_after") if served is None else ("ece_raw", "ece")
        return Measurement(
            metrics={
                "micro_f1": bootstrap(lambda i: _micro_f1(truth[i], predicted[i]), n, bounds=SHARE),
                "macro_f1": bootstrap(lambda i: _macro_f1(truth[i], predicted[i]), n, bounds=SHARE),
                "exact_match": bootstrap_mean((truth == predicted).all(axis=1)),
                before: expected_calibration_error(softmax(answers), right),
                after: expected_calibration_error(softmax(answers, temperature), right),
            },
            temperature=temperature,
        )


def _truth(examples: Sequence[MultiLabelled], labels: tuple[str, ...]) -> Bools:
    """Which classes [n, c] each text has."""
    return np.array([[label in each.labels for label in labels] for each in examples])


def _micro_f1(truth: Bools, predicted: Bools) -> float:
    return float(_f1(truth.ravel()[:, None], predicted.ravel()[:, None])[0])


def _macro_f1(truth: Bools, predicted: Bools) -> float:
    return float(_f1(truth, predicted).mean())


def _f1(truth: Bools, predicted: Bools) -> npt.NDArray[np.float64]:
    """F1 of each column; 1 where there was nothing to find and nothing was."""
    support = truth.sum(axis=0) + predicted.sum(axis=0)
    right = 2.0 * (truth & predicted).sum(axis=0)
    return np.where(support > 0, right / np.maximum(support, 1), 1.0)
