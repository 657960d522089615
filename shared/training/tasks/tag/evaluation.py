"""How entities that were found are judged."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from shared.metrics.spans import count_spans, f1_of_spans, ratio, span_figures
from shared.models.bundle import Manifest
from shared.models.tasks import Input, TagOutput, TaskOutput
from shared.training.data.examples import labels_of
from shared.training.evaluation.judgement import ClassFigures, Confidence, Judgement, expect
from shared.training.tasks.tag.examples import TaggedExample


@dataclass(frozen=True)
class TagEvaluation:
    """Texts with the entities in them."""

    examples: tuple[TaggedExample, ...]
    queries: ClassVar[None] = None

    @property
    def inputs(self) -> Sequence[Input]:
        """See `Evaluation`."""
        return [example.text for example in self.examples]

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
        kinds = sorted(
            labels_of(self.examples) | {span.label for of_text in spans for span in of_text}
        )
        return Judgement(
            units="texts",
            n=len(truth),
            statistics=span_figures(counts),
            baseline=0.0,
            classes=tuple(_type_figures(kind, truth, found) for kind in kinds),
            confidence=Confidence(
                served=np.array([score for score, _ in scored], np.float64),
                right=np.array([is_right for _, is_right in scored], np.bool_),
            ),
        )


def _type_figures(
    kind: str,
    truth: Sequence[set[tuple[int, int, str]]],
    found: Sequence[set[tuple[int, int, str]]],
) -> ClassFigures:
    counts = count_spans(
        [{each for each in of_text if each[2] == kind} for of_text in truth],
        [{each for each in of_text if each[2] == kind} for of_text in found],
    )
    return ClassFigures(
        kind,
        precision=ratio(counts.right, counts.predicted),
        recall=ratio(counts.right, counts.true),
        f1=f1_of_spans(counts),
        support=int(counts.true.sum()),
    )
