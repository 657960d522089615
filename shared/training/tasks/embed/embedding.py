"""Sets of queries with their documents, for an embedding: what vectors are worth.

Notation of shapes: n examples, r rows, m different documents, d the vectors' width.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from shared.metrics.bootstrap import bootstrap_mean
from shared.metrics.retrieval import JudgedRanking, figures_at_10
from shared.models.tasks import Float32s
from shared.models.tokenization import TextTokenizer
from shared.training.data.arrays import Int64s, TokenArrays
from shared.training.data.examples import Candidates, Evaluation, TrainingData
from shared.training.data.reading import raise_faults
from shared.training.data.tokenisation import text_numbers, tokenise_texts

_LEAST_EXAMPLES = 2
_QUERIES_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class EmbeddingSet:
    """Queries, each with a document that answers it and as many that do not: an `ExampleSet`."""

    examples: tuple[Candidates, ...]

    def __len__(self) -> int:
        return len(self.examples)

    def canonical(self) -> Iterator[str]:
        """Each example as `[query, [positive], [negative, ...]]`."""
        for each in self.examples:
            yield json.dumps([each.query, each.positives, each.negatives])

    def arrays(self, tokenizer: TextTokenizer, labels: tuple[str, ...]) -> TokenArrays:
        """A row for each text, see `tokenise_texts`."""
        return tokenise_texts(tokenizer, self.examples)

    def evaluate(
        self,
        outputs: Float32s,
        tokenizer: TextTokenizer,
        labels: tuple[str, ...],
        dev: Evaluation | None = None,
    ) -> Evaluation:
        """MRR, nDCG and recall of the vectors [r, d]: each query among all documents of the set."""
        texts = [text for each in self.examples for text in (each.query, *each.documents)]
        rows_per_example = len(texts) // len(self.examples)
        figures = figures_at_10(_search(outputs, text_numbers(texts), rows_per_example))
        return Evaluation({name: bootstrap_mean(each) for name, each in figures.items()}, 1.0)


def check_embedding(
    train: Sequence[Candidates],
    dev: Sequence[Candidates],
    measured: Mapping[str, Sequence[Candidates]] | None = None,
    *,
    choosing: str = "dev",
) -> TrainingData:
    """Puts the sets together; there are no labels. `choosing` is the name of `dev`.

    Raises:
        InputError: train has fewer than two examples, or examples of one set have different
            numbers of negatives; every such fault is named.
    """
    sets = {"train": train, choosing: dev, **(measured or {})}
    faults = [
        f"{name}: example {i + 1} has {len(each.negatives)} negatives and the first "
        f"{len(examples[0].negatives)}: give each example of a set as many"
        for name, examples in sets.items()
        for i, each in enumerate(examples)
        if len(each.negatives) != len(examples[0].negatives)
    ]
    if len(train) < _LEAST_EXAMPLES:
        faults.append(f"train: {len(train)} example: a document is told apart from another's")
    raise_faults(faults)
    made = {name: EmbeddingSet(tuple(examples)) for name, examples in sets.items()}
    return TrainingData(made.pop("train"), made.pop(choosing), (), made)


def judge_vectors(outputs: Float32s, arrays: TokenArrays) -> dict[str, float]:
    """The figures of one epoch of vectors [r, d]."""
    figures = figures_at_10(_search(outputs, arrays.targets, arrays.rows_per_example))
    return {name: float(each.mean()) for name, each in figures.items()}


def _search(vectors: Float32s, texts: Int64s, rows_per_example: int) -> JudgedRanking:
    """Where each query finds its own document among the m of the set, by cosine.

    `texts` [r] are the numbers of the rows' texts; a text counts once, and one that is the query
    itself not at all. Documents of equal cosine stand before the query's own.
    """
    normal = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    rows = np.arange(len(texts))
    documents = rows[rows % rows_per_example > 0]
    different, first = np.unique(texts[documents], return_index=True)
    pool = normal[documents[first]]
    queries = rows[::rows_per_example]
    place = np.empty(len(queries), np.int64)
    for start in range(0, len(queries), _QUERIES_AT_ONCE):
        asked = queries[start : start + _QUERIES_AT_ONCE]
        scores = normal[asked] @ pool.T
        own = np.searchsorted(different, texts[asked + 1])
        is_query = different == texts[asked, None]
        of_own = scores[np.arange(len(asked)), own]
        scores[is_query] = -np.inf
        scores[np.arange(len(asked)), own] = np.inf
        place[start : start + len(asked)] = (scores >= of_own[:, None]).sum(axis=1) - 1
    gains = (place[:, None] == np.arange(10)).astype(np.float64)
    return JudgedRanking(gains=gains, ideal=np.ones((len(queries), 1)))
