"""How scores of documents are judged."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from shared.models.bundle import Manifest
from shared.models.tasks import Input, ScoreOutput, TaskOutput
from shared.training.data.candidates import Candidates
from shared.training.evaluation.judgement import Confidence, Judgement, expect
from shared.training.evaluation.ranked import Ranked, candidates_by_query, judge_ranked


@dataclass(frozen=True)
class ScoreEvaluation:
    """Queries, each with its own documents to put in order."""

    examples: tuple[Candidates, ...]
    queries: ClassVar[None] = None

    @property
    def inputs(self) -> Sequence[Input]:
        """Every query with each of its documents."""
        return [(each.query, document) for each in self._asked for document in each.documents]

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
