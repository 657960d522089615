"""How embeddings are judged: each query finds its documents among those of all queries.

Notation of shapes: n queries and documents, d the width of vectors.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from shared.models.bundle import Manifest
from shared.models.tasks import EmbedOutput, Input, TaskOutput
from shared.training.data.candidates import Candidates
from shared.training.evaluation.judgement import Judgement, expect
from shared.training.evaluation.ranked import Ranked, candidates_by_query, judge_ranked

_SMALLEST = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True)
class EmbedEvaluation:
    """Queries, each to find its documents among those of all queries."""

    examples: tuple[Candidates, ...]

    @property
    def inputs(self) -> Sequence[Input]:
        """The queries, then every document once."""
        return [*(each.query for each in self._asked), *self._documents]

    @property
    def queries(self) -> int:
        """How many of the inputs, the first ones, are queries; the others are documents."""
        return len(self._asked)

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
