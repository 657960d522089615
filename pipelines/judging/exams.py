"""Exams: what is asked of a bundle of each kind, and what its answers are worth.

Notation of shapes: n units, c classes, d the width of vectors.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, TypeVar

import numpy as np
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from pipelines.judging.judgement import (
    ClassFigures,
    Confidence,
    Confusion,
    Judgement,
    Statistic,
)
from pipelines.judging.ranked import Ranked, candidates_by_query, judge_ranked
from shared.metrics.calibration import Bools, Float64s
from shared.metrics.classification import Classes, f1_of_classes
from shared.metrics.reading import exact, mark_answers
from shared.metrics.spans import SpanCounts, count_spans, f1_of_spans
from shared.models.bundle import Manifest
from shared.models.tasks import (
    ClassifyOutput,
    EmbedOutput,
    Input,
    ScoreOutput,
    SpanOutput,
    TagOutput,
    TaskOutput,
)
from shared.training.examples import Candidates, Example, Question, TaggedExample
from shared.training.multi_label import MultiLabelled

OutputT = TypeVar("OutputT")

_SMALLEST = float(np.finfo(np.float32).tiny)


class Exam(Protocol):
    """What is asked, and the truth to judge the answers by."""

    @property
    def inputs(self) -> Sequence[Input]:
        """What a bundle is asked, in order."""

    @property
    def labels(self) -> frozenset[str]:
        """The classes or types that are true somewhere; empty for kinds without."""

    def judge(self, output: TaskOutput, manifest: Manifest) -> Judgement:
        """What a bundle's answers to `inputs` are worth."""


@dataclass(frozen=True)
class ClassExam:
    """Texts or pairs with one class each."""

    examples: tuple[Example, ...]

    @property
    def inputs(self) -> Sequence[Input]:
        """See `Exam`."""
        return [example.text for example in self.examples]

    @property
    def labels(self) -> frozenset[str]:
        """See `Exam`."""
        return frozenset(example.label for example in self.examples)

    def judge(self, output: TaskOutput, manifest: Manifest) -> Judgement:
        """Accuracy and macro-F1; a class that the bundle does not know is a class it misses."""
        found = _expect(output, ClassifyOutput)
        labels = (*found.labels, *sorted(self.labels.difference(found.labels)))
        index = {label: place for place, label in enumerate(labels)}
        truth = np.array([index[example.label] for example in self.examples])
        predicted = found.probabilities.argmax(axis=1)
        right = predicted == truth
        return Judgement(
            units="texts",
            n=len(truth),
            statistics={
                "accuracy": _mean(right.astype(np.float64)),
                "macro_f1": lambda at: f1_of_classes(truth[at], predicted[at]),
            },
            baseline=float(np.bincount(truth).max() / len(truth)),
            classes=_class_figures(truth, predicted, labels),
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
class MultiClassExam:
    """Texts or pairs with any number of classes each."""

    examples: tuple[MultiLabelled, ...]

    @property
    def inputs(self) -> Sequence[Input]:
        """See `Exam`."""
        return [example.text for example in self.examples]

    @property
    def labels(self) -> frozenset[str]:
        """See `Exam`."""
        return frozenset(label for example in self.examples for label in example.labels)

    def judge(self, output: TaskOutput, manifest: Manifest) -> Judgement:
        """Micro-F1, macro-F1 and the share of texts with all classes right, at 0.5."""
        found = _expect(output, ClassifyOutput)
        labels = (*found.labels, *sorted(self.labels.difference(found.labels)))
        probabilities = np.zeros((len(self.examples), len(labels)))
        probabilities[:, : len(found.labels)] = found.probabilities
        truth = np.array([[label in e.labels for label in labels] for e in self.examples])
        predicted = probabilities >= 0.5
        right = predicted == truth
        columns = precision_recall_fscore_support(truth, predicted, zero_division=0.0)
        return Judgement(
            units="texts",
            n=len(truth),
            statistics={
                "micro_f1": lambda at: float(_f1(truth[at].ravel(), predicted[at].ravel())),
                "macro_f1": lambda at: float(_f1(truth[at], predicted[at]).mean()),
                "exact_match": _mean(right.all(axis=1).astype(np.float64)),
            },
            baseline=float(_f1(truth.ravel(), np.ones(truth.size, np.bool_))),
            classes=_figures_of(labels, columns),
            confidence=Confidence(
                np.maximum(probabilities, 1 - probabilities).ravel(), right.ravel()
            ),
        )


@dataclass(frozen=True)
class TagExam:
    """Texts with the entities in them."""

    examples: tuple[TaggedExample, ...]

    @property
    def inputs(self) -> Sequence[Input]:
        """See `Exam`."""
        return [example.text for example in self.examples]

    @property
    def labels(self) -> frozenset[str]:
        """See `Exam`."""
        return frozenset(entity.type for example in self.examples for entity in example.entities)

    def judge(self, output: TaskOutput, manifest: Manifest) -> Judgement:
        """Span F1, precision and recall over all entities, and for each type."""
        spans = _expect(output, TagOutput).spans
        truth = [{(e.start, e.end, e.type) for e in example.entities} for example in self.examples]
        found = [{(s.start, s.end, s.label) for s in of_text} for of_text in spans]
        counts = count_spans(truth, found)
        scored = [
            (span.score, (span.start, span.end, span.label) in true)
            for of_text, true in zip(spans, truth, strict=True)
            for span in of_text
        ]
        kinds = sorted(self.labels | {span.label for of_text in spans for span in of_text})
        return Judgement(
            units="texts",
            n=len(truth),
            statistics={
                "span_f1": lambda at: f1_of_spans(counts, at),
                "span_precision": lambda at: _share(counts.right[at], counts.predicted[at]),
                "span_recall": lambda at: _share(counts.right[at], counts.true[at]),
            },
            baseline=0.0,
            classes=tuple(_type_figures(kind, truth, found) for kind in kinds),
            confidence=Confidence(
                served=np.array([score for score, _ in scored], np.float64),
                right=np.array([is_right for _, is_right in scored], np.bool_),
            ),
        )


@dataclass(frozen=True)
class SpanExam:
    """Questions to contexts, with and without an answer."""

    examples: tuple[Question, ...]

    @property
    def inputs(self) -> Sequence[Input]:
        """See `Exam`."""
        return [(example.text, example.context) for example in self.examples]

    @property
    def labels(self) -> frozenset[str]:
        """See `Exam`."""
        return frozenset()

    def judge(self, output: TaskOutput, manifest: Manifest) -> Judgement:
        """F1 and EM by SQuAD's rules; over all, those with an answer, and those without."""
        found = _expect(output, SpanOutput)
        texts = [
            None if answer is None else example.context[answer.start : answer.end]
            for example, answer in zip(self.examples, found.answers, strict=True)
        ]
        truths = [example.answers for example in self.examples]
        marked = mark_answers(texts, truths)
        statistics: dict[str, Statistic] = {"f1": _mean(marked.f1), "exact": _mean(marked.exact)}
        if marked.answerable.any():
            statistics["answerable_f1"] = _mean_of(marked.f1, marked.answerable)
            statistics["answerable_exact"] = _mean_of(marked.exact, marked.answerable)
        if not marked.answerable.all():
            statistics["unanswerable_accuracy"] = _mean_of(marked.exact, ~marked.answerable)
        sure = [
            float(none) if answer is None else answer.score
            for answer, none in zip(found.answers, found.no_answer, strict=True)
        ]
        right = [
            not true if text is None else any(exact(text, each) for each in true)
            for text, true in zip(texts, truths, strict=True)
        ]
        return Judgement(
            units="questions",
            n=len(texts),
            statistics=statistics,
            baseline=float((~marked.answerable).mean()),
            confidence=Confidence(np.array(sure, np.float64), np.array(right, np.bool_)),
        )


@dataclass(frozen=True)
class ScoreExam:
    """Queries, each with documents of its own to put in order."""

    examples: tuple[Candidates, ...]

    @property
    def inputs(self) -> Sequence[Input]:
        """Every query with each of its documents."""
        return [(each.query, document) for each in self._asked for document in each.documents]

    @property
    def labels(self) -> frozenset[str]:
        """See `Exam`."""
        return frozenset()

    @cached_property
    def _asked(self) -> list[Candidates]:
        return candidates_by_query(self.examples)

    def judge(self, output: TaskOutput, manifest: Manifest) -> Judgement:
        """MRR, nDCG and recall of the first ten among each query's own documents."""
        scores = _expect(output, ScoreOutput).scores.astype(np.float64)
        edges = np.cumsum([0, *(len(each.documents) for each in self._asked)])
        parts = np.split(scores, edges[1:-1])
        truth = np.concatenate(
            [np.repeat([True, False], [len(e.positives), len(e.negatives)]) for e in self._asked]
        )
        return judge_ranked(
            [
                Ranked(each.documents, each.positives, own)
                for each, own in zip(self._asked, parts, strict=True)
            ],
            Confidence(np.maximum(scores, 1 - scores), (scores >= 0.5) == truth),
        )


@dataclass(frozen=True)
class EmbedExam:
    """Queries, each to find its documents among those of all queries."""

    examples: tuple[Candidates, ...]

    @property
    def inputs(self) -> Sequence[Input]:
        """The queries, then every document once."""
        return [*(each.query for each in self._asked), *self._documents]

    @property
    def labels(self) -> frozenset[str]:
        """See `Exam`."""
        return frozenset()

    @cached_property
    def _asked(self) -> list[Candidates]:
        return candidates_by_query(self.examples)

    @cached_property
    def _documents(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(text for each in self._asked for text in each.documents))

    def judge(self, output: TaskOutput, manifest: Manifest) -> Judgement:
        """MRR, nDCG and recall of the first ten among all documents, by cosine."""
        vectors = _expect(output, EmbedOutput).vectors
        unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), _SMALLEST)
        queries, documents = np.split(unit, [len(self._asked)])
        return judge_ranked(
            [
                Ranked(self._documents, each.positives, (documents @ query).astype(np.float64))
                for each, query in zip(self._asked, queries, strict=True)
            ],
            None,
        )


def _expect(output: TaskOutput, kind: type[OutputT]) -> OutputT:
    if not isinstance(output, kind):
        raise TypeError(f"expected a {kind.__name__}, got a {type(output).__name__}")
    return output


def _mean(values: Float64s) -> Statistic:
    return lambda at: float(values[at].mean())


def _mean_of(values: Float64s, among: Bools) -> Statistic:
    """The mean over those units that are among some; 0 where a draw has none of them."""
    return lambda at: float(values[at] @ among[at] / max(int(among[at].sum()), 1))


def _share(part: Classes, whole: Classes) -> float:
    total = int(whole.sum())
    return float(part.sum() / total) if total else 0.0


def _class_figures(
    truth: Classes, predicted: Classes, labels: Sequence[str]
) -> tuple[ClassFigures, ...]:
    columns = precision_recall_fscore_support(
        truth, predicted, labels=range(len(labels)), zero_division=0.0
    )
    return _figures_of(labels, columns)


def _f1(truth: Bools, predicted: Bools) -> Float64s:
    """F1 of each column of truth and prediction [n, c] (or of the one of [n]); 0 without any."""
    right = (truth & predicted).sum(axis=0)
    both = truth.sum(axis=0) + predicted.sum(axis=0)
    share: Float64s = 2.0 * right / np.maximum(both, 1)
    return share


def _figures_of(
    labels: Sequence[str], columns: Sequence[Sequence[float]]
) -> tuple[ClassFigures, ...]:
    return tuple(
        ClassFigures(label, float(precision), float(recall), float(f1), int(support))
        for label, precision, recall, f1, support in zip(labels, *columns, strict=True)
    )


def _type_figures(
    kind: str,
    truth: Sequence[set[tuple[int, int, str]]],
    found: Sequence[set[tuple[int, int, str]]],
) -> ClassFigures:
    counts: SpanCounts = count_spans(
        [{each for each in of_text if each[2] == kind} for of_text in truth],
        [{each for each in of_text if each[2] == kind} for of_text in found],
    )
    return ClassFigures(
        kind,
        precision=_share(counts.right, counts.predicted),
        recall=_share(counts.right, counts.true),
        f1=f1_of_spans(counts),
        support=int(counts.true.sum()),
    )


def _without_temperature(found: ClassifyOutput, temperature: float) -> Float64s:
    """The confidence of the same answers, had the logits not been divided by the temperature.

    Softmax forgets a constant alone, so the logarithm of a probability is as good as a logit.
    """
    logits = np.log(np.maximum(found.probabilities.astype(np.float64), _SMALLEST)) * temperature
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    sure: Float64s = 1.0 / powers.sum(axis=1)
    return sure
