"""Sets of queries with documents to score: whether they can be learned from, and what scores are
worth.

Notation of shapes: n examples, k documents of each, r = n k rows.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.metrics import average_precision_score

from shared.metrics.bootstrap import SHARE, Interval, bootstrap, bootstrap_mean
from shared.metrics.calibration import fit_temperature
from shared.metrics.retrieval import Float64s, JudgedRanking, figures_at_10
from shared.models.tasks import Float32s
from shared.models.tokenization import TextTokenizer
from shared.training.data.arrays import Int64s, TokenArrays
from shared.training.data.examples import Candidates, Evaluation, TrainingData
from shared.training.data.reading import raise_faults
from shared.training.data.tokenisation import tokenise_candidates

Bools = npt.NDArray[np.bool_]

AVERAGE_PRECISION = "average_precision"


@dataclass(frozen=True, slots=True)
class ScoredSet:
    """Queries, each with as many documents, relevant or not: an `ExampleSet`."""

    examples: tuple[Candidates, ...]

    def __len__(self) -> int:
        return len(self.examples)

    def canonical(self) -> Iterator[str]:
        """Each example as `[query, [positive, ...], [negative, ...]]`."""
        for each in self.examples:
            yield json.dumps([each.query, each.positives, each.negatives])

    def arrays(self, tokenizer: TextTokenizer, labels: tuple[str, ...]) -> TokenArrays:
        """A row for each document, see `tokenise_candidates`."""
        return tokenise_candidates(tokenizer, self.examples)

    def evaluate(
        self,
        outputs: Float32s,
        tokenizer: TextTokenizer,
        labels: tuple[str, ...],
        dev: Evaluation | None = None,
    ) -> Evaluation:
        """Average precision of the logits [r, 1] over all documents, and where a query has several
        MRR, nDCG and recall of their order.
        """
        truth = np.array(
            [i < len(each.positives) for each in self.examples for i in range(len(each.documents))]
        ).reshape(len(self.examples), -1)
        scores = outputs.reshape(truth.shape)
        metrics: dict[str, Interval] = {
            AVERAGE_PRECISION: bootstrap(
                lambda examples: _average_precision(truth[examples], scores[examples]),
                len(truth),
                bounds=SHARE,
            )
        }
        metrics |= {name: bootstrap_mean(each) for name, each in _ranked(truth, scores).items()}
        of_both = np.concatenate([np.zeros_like(outputs), outputs], axis=1)
        if dev is not None:
            return Evaluation(metrics, dev.temperature)
        return Evaluation(metrics, fit_temperature(of_both, truth.ravel().astype(np.int64)))


def check_scored(
    train: Sequence[Candidates],
    dev: Sequence[Candidates],
    measured: Mapping[str, Sequence[Candidates]] | None = None,
    *,
    metric: str = AVERAGE_PRECISION,
    choosing: str = "dev",
) -> TrainingData:
    """Puts the sets together; there are no labels. `metric` is what chooses the epoch, `choosing`
    the name of `dev`.

    Raises:
        InputError: a set has no relevant or no irrelevant document, its examples have different
            numbers of documents, or dev has one for each and so none to rank; every such fault is
            named.
    """
    sets = {"train": train, choosing: dev, **(measured or {})}
    faults = [fault for name, examples in sets.items() for fault in _faults(name, examples)]
    if metric != AVERAGE_PRECISION and all(len(each.documents) == 1 for each in dev):
        faults.append(
            f"{choosing}: each query has one document, and optimisation.metric {metric} ranks "
            f"several: set {AVERAGE_PRECISION}, or give rows with negatives"
        )
    raise_faults(faults)
    made = {name: ScoredSet(tuple(examples)) for name, examples in sets.items()}
    return TrainingData(made.pop("train"), made.pop(choosing), (), made)


def judge_scores(logits: Float32s, arrays: TokenArrays) -> dict[str, float]:
    """The figures of one epoch of logits [r, 1]."""
    truth: Int64s = arrays.targets.reshape(-1, arrays.rows_per_example)
    scores = logits.reshape(truth.shape)
    ranked = {name: float(each.mean()) for name, each in _ranked(truth > 0, scores).items()}
    return {AVERAGE_PRECISION: _average_precision(truth > 0, scores), **ranked}


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
