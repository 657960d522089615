"""Exams of stretches of a text: the entities in it, or the answer to a question."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shared.metrics.classification import Classes
from shared.metrics.reading import exact, mark_answers
from shared.metrics.spans import SpanCounts, count_spans, f1_of_spans
from shared.models.bundle import Manifest
from shared.models.tasks import Input, SpanOutput, TagOutput, TaskOutput
from shared.training.data.examples import Question, TaggedExample
from shared.training.evaluation.exams import expect
from shared.training.evaluation.judgement import (
    ClassFigures,
    Confidence,
    Judgement,
    Statistic,
    mean,
    mean_among,
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
        spans = expect(output, TagOutput).spans
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
        found = expect(output, SpanOutput)
        texts = [
            None if answer is None else example.context[answer.start : answer.end]
            for example, answer in zip(self.examples, found.answers, strict=True)
        ]
        truths = [example.answers for example in self.examples]
        marked = mark_answers(texts, truths)
        statistics: dict[str, Statistic] = {"f1": mean(marked.f1), "exact": mean(marked.exact)}
        if marked.answerable.any():
            statistics["answerable_f1"] = mean_among(marked.f1, marked.answerable)
            statistics["answerable_exact"] = mean_among(marked.exact, marked.answerable)
        if not marked.answerable.all():
            statistics["unanswerable_accuracy"] = mean_among(marked.exact, ~marked.answerable)
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


def _share(part: Classes, whole: Classes) -> float:
    total = int(whole.sum())
    return float(part.sum() / total) if total else 0.0
