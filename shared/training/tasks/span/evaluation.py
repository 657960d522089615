"""How answers in a context are judged."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from shared.metrics.reading import exact, mark_answers
from shared.models.bundle import Manifest
from shared.models.tasks import Input, SpanOutput, TaskOutput
from shared.training.evaluation.judgement import (
    Confidence,
    Judgement,
    Statistic,
    expect,
    mean,
    mean_among,
)
from shared.training.tasks.span.rows import Question


@dataclass(frozen=True)
class SpanEvaluation:
    """Questions to contexts, with and without an answer."""

    examples: tuple[Question, ...]
    queries: ClassVar[None] = None

    @property
    def inputs(self) -> Sequence[Input]:
        """See `Evaluation`."""
        return [(example.text, example.context) for example in self.examples]

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
