"""Exams of orders: queries with documents of their own, or with those of all queries.

Notation of shapes: n queries and documents, d the width of vectors.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from shared.models.bundle import Manifest
from shared.models.tasks import EmbedOutput, Input, ScoreOutput, TaskOutput
from shared.training.data.examples import Candidates
from shared.training.evaluation.exams import expect
from shared.training.evaluation.judgement import Confidence, Judgement
from shared.training.evaluation.ranked import Ranked, candidates_by_query, judge_ranked

_SMALLEST = float(np.finfo(np.float32).tiny)


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
        scores = expect(output, ScoreOutput).scores.astype(np.float64)
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
        vectors = expect(output, EmbedOutput).vectors
        unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), _SMALLEST)
        queries, documents = np.split(unit, [len(self._asked)])
        return judge_ranked(
            [
                Ranked(self._documents, each.positives, (documents @ query).astype(np.float64))
                for each, query in zip(self._asked, queries, strict=True)
            ],
            None,
        )
