"""How scores of documents are learned: what is asked of their sets, and what scores are worth.

Notation of shapes: n examples, k documents of each, r = n k rows.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from sklearn.metrics import average_precision_score

from shared.metrics.bootstrap import SHARE, Interval, bootstrap, bootstrap_mean
from shared.metrics.calibration import Bools, fit_temperature
from shared.metrics.retrieval import Float64s, JudgedRanking, figures_at_10
from shared.models.tasks import Float32s
from shared.models.tokenization import TextTokenizer
from shared.training.data.arrays import Int64s, TokenArrays
from shared.training.data.candidates import Candidates
from shared.training.data.reading import raise_faults
from shared.training.data.tokenisation import tokenise
from shared.training.loop.workers import Worker
from shared.training.remedies.distil.loss import Distilled, ListDivergence
from shared.training.settings import OptimisationSettings
from shared.training.tasks.kind import Measurement
from shared.training.tasks.objective import BinaryCrossEntropy, Objective
from shared.training.tasks.score.listwise import (
    ListCrossEntropy,
    answerable_auc,
    right_when_sure,
)

AVERAGE_PRECISION = "average_precision"
OfAnswerable = Callable[[Bools, Float32s], float | None]
_OF_ANSWERABLE: Mapping[str, OfAnswerable] = {
    "answerable_auc": answerable_auc,
    "right_when_sure": right_when_sure,
}
"""Figures of sets in which nothing answers some of the queries."""


@dataclass(frozen=True, slots=True)
class ScoreLearning:
    """A `Learning` of queries, each with as many documents, relevant or not.

    `metric` is what chooses the epoch.
    """

    optimisation: OptimisationSettings = field(default_factory=OptimisationSettings)
    metric: str = AVERAGE_PRECISION

    def check(
        self, sets: Mapping[str, Sequence[Candidates]], choosing: str = "dev"
    ) -> tuple[str, ...]:
        """No labels. A set needs relevant and irrelevant documents, as many in each example; and
        the set that chooses several for a query, where the metric ranks them.
        """
        faults = [fault for name, examples in sets.items() for fault in _faults(name, examples)]
        if self.optimisation.teacher_weight:
            faults += _untaught(sets["train"])
        single = all(len(each.documents) == 1 for each in sets[choosing])
        if self.metric in _OF_ANSWERABLE and all(each.positives for each in sets[choosing]):
            faults.append(
                f"{choosing}: each query has a document that answers it, and optimisation.metric "
                f"{self.metric} asks whether one does: set mrr_at_10, or give queries without"
            )
        if self.metric != AVERAGE_PRECISION and single:
            faults.append(
                f"{choosing}: each query has one document, and optimisation.metric {self.metric} "
                f"ranks several: set {AVERAGE_PRECISION}, or give rows with negatives"
            )
        raise_faults(faults)
        return ()

    def arrays(
        self, examples: Sequence[Candidates], tokenizer: TextTokenizer, labels: tuple[str, ...]
    ) -> TokenArrays:
        """A row for each document, with its query; the target is 1 where it is relevant, else 0.

        The teacher's scores go with them where they count and all examples have some.
        """
        pairs = [(each.query, document) for each in examples for document in each.documents]
        relevant = _relevant(examples).ravel().astype(np.int64)
        arrays = tokenise(tokenizer, pairs, relevant.tolist(), len(examples[0].documents))
        scores = [each.scores for each in examples if each.scores is not None]
        if not self.optimisation.teacher_weight or len(scores) < len(examples):
            return arrays
        return replace(arrays, teacher=np.array(scores, np.float32).reshape(-1, 1))

    def objective(self, arrays: TokenArrays, labels: tuple[str, ...], worker: Worker) -> Objective:
        """Whether a document is relevant, each by itself or as one of a list, which a teacher may
        have scored.
        """
        optimisation = self.optimisation
        if optimisation.objective == "pairs":
            return BinaryCrossEntropy(optimisation.label_smoothing)
        if not optimisation.teacher_weight:
            return ListCrossEntropy()
        teacher = ListDivergence(optimisation.teacher_temperature)
        return Distilled(ListCrossEntropy(), teacher, optimisation.teacher_weight)

    def judge(
        self, outputs: Float32s, arrays: TokenArrays, labels: tuple[str, ...]
    ) -> dict[str, float]:
        """The figures of one epoch of logits [r, 1]."""
        truth: Int64s = arrays.targets.reshape(-1, arrays.rows_per_example)
        scores = outputs.reshape(truth.shape)
        ranked = {name: float(each.mean()) for name, each in _ranked(truth > 0, scores).items()}
        told = {name: figure(truth > 0, scores) for name, figure in _OF_ANSWERABLE.items()}
        found = {name: value for name, value in told.items() if value is not None}
        return {AVERAGE_PRECISION: _average_precision(truth > 0, scores), **ranked, **found}

    def measure(
        self,
        examples: Sequence[Candidates],
        outputs: Float32s,
        tokenizer: TextTokenizer,
        labels: tuple[str, ...],
        served: Measurement | None = None,
    ) -> Measurement:
        """Average precision of the logits [r, 1] over all documents, and where a query has several
        MRR, nDCG and recall of their order.
        """
        truth = _relevant(examples)
        scores = outputs.reshape(truth.shape)
        metrics: dict[str, Interval] = {
            AVERAGE_PRECISION: bootstrap(
                lambda at: _average_precision(truth[at], scores[at]), len(truth), bounds=SHARE
            )
        }
        metrics |= {name: bootstrap_mean(each) for name, each in _ranked(truth, scores).items()}
        for name, figure in _OF_ANSWERABLE.items():
            if (interval := _told(figure, truth, scores)) is not None:
                metrics[name] = interval
        of_both = np.concatenate([np.zeros_like(outputs), outputs], axis=1)
        if served is not None:
            return Measurement(metrics, served.temperature)
        return Measurement(metrics, fit_temperature(of_both, truth.ravel().astype(np.int64)))


def _relevant(examples: Sequence[Candidates]) -> Bools:
    """Which documents of each example answer its query, [n, k]: the first ones."""
    return np.array([[i < len(e.positives) for i in range(len(e.documents))] for e in examples])


def _ranked(truth: Bools, scores: Float32s) -> dict[str, Float64s]:
    """The figures of each query of which some documents are relevant and some are not."""
    asked = truth.any(axis=1) & ~truth.all(axis=1)
    if not asked.any():
        return {}
    gains = truth[asked].astype(np.float64)
    # Of equal scores the irrelevant ones come first: a constant ranks nothing.
    order = np.lexsort((gains, -scores[asked]), axis=1)
    best_first = -np.sort(-gains, axis=1)
    return figures_at_10(JudgedRanking(np.take_along_axis(gains, order, axis=1), best_first))


def _average_precision(truth: Bools, scores: Float32s) -> float:
    if not truth.any():
        return 0.0
    return float(average_precision_score(truth.ravel(), scores.ravel()))


def _told(figure: OfAnswerable, truth: Bools, scores: Float32s) -> Interval | None:
    """A figure of queries that have an answer or none; None where all are of one sort."""
    whole = figure(truth, scores)
    if whole is None:
        return None

    def of_resample(at: Int64s) -> float:
        value = figure(truth[at], scores[at])
        return whole if value is None else value

    return bootstrap(of_resample, len(truth), bounds=SHARE)


def _untaught(train: Sequence[Candidates]) -> list[str]:
    missing = [i + 1 for i, each in enumerate(train) if each.scores is None]
    if not missing:
        return []
    return [
        f"train: {len(missing):,} of {len(train):,} examples have no scores (the first is example "
        f"{missing[0]}), and optimisation.teacher_weight learns from them: let a teacher score the "
        "file (python -m pipelines.distil), or set 0"
    ]


def _faults(name: str, examples: Sequence[Candidates]) -> list[str]:
    faults = [
        f"{name}: example {i + 1} has {len(each.documents)} documents and the first "
        f"{len(examples[0].documents)}: give each example of a set as many"
        for i, each in enumerate(examples)
        if len(each.documents) != len(examples[0].documents)
    ]
    if not any(each.positives for each in examples):
        faults.append(f"{name}: no document is relevant")
    if not any(each.negatives for each in examples):
        faults.append(f"{name}: every document is relevant: add ones that are not (pipelines.mine)")
    return faults
