"""How embeddings are learned: what is asked of sets of queries and documents, and what vectors are
worth.

Notation of shapes: n examples, r rows, m different documents, d the vectors' width.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from shared.metrics.bootstrap import bootstrap_mean
from shared.metrics.retrieval import JudgedRanking, figures_at_10
from shared.models.backbones.prefixes import NO_PREFIXES, Prefixes
from shared.models.tasks import Float32s
from shared.models.tokenization import TextTokenizer
from shared.training.data.arrays import Int64s, TokenArrays
from shared.training.data.candidates import Candidates
from shared.training.data.reading import raise_faults
from shared.training.data.tokenisation import text_numbers, tokenise
from shared.training.loop.workers import Worker
from shared.training.settings import OptimisationSettings
from shared.training.tasks.embed.contrastive import Contrastive
from shared.training.tasks.kind import Measurement
from shared.training.tasks.objective import Objective

_LEAST_EXAMPLES = 2
_QUERIES_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class EmbedLearning:
    """A `Learning` of queries, each with a document that answers it and as many that do not."""

    optimisation: OptimisationSettings = field(default_factory=OptimisationSettings)

    def check(
        self, sets: Mapping[str, Sequence[Candidates]], choosing: str = "dev"
    ) -> tuple[str, ...]:
        """No labels. Train needs two examples, and those of a set as many negatives each."""
        faults = [
            f"{name}: example {i + 1} has {len(each.negatives)} negatives and the first "
            f"{len(examples[0].negatives)}: give each example of a set as many"
            for name, examples in sets.items()
            for i, each in enumerate(examples)
            if len(each.negatives) != len(examples[0].negatives)
        ]
        if (count := len(sets["train"])) < _LEAST_EXAMPLES:
            faults.append(f"train: {count} example: a document is told apart from another's")
        raise_faults(faults)
        return ()

    def arrays(
        self, examples: Sequence[Candidates], tokenizer: TextTokenizer, labels: tuple[str, ...]
    ) -> TokenArrays:
        """Rows of an example: its query, then each of its documents.

        The target of a row is the number of its text, by which equal texts are known.
        """
        numbers = text_numbers(_texts(examples)).tolist()
        read = _texts(examples, tokenizer.prefixes)
        return tokenise(tokenizer, read, numbers, 1 + len(examples[0].documents))

    def objective(self, arrays: TokenArrays, labels: tuple[str, ...], worker: Worker) -> Objective:
        """Each query's own document among all of a batch."""
        return Contrastive(self.optimisation.similarity_scale, worker)

    def judge(
        self, outputs: Float32s, arrays: TokenArrays, labels: tuple[str, ...]
    ) -> dict[str, float]:
        """The figures of one epoch of vectors [r, d]."""
        return judge_vectors(outputs, arrays)

    def measure(
        self,
        examples: Sequence[Candidates],
        outputs: Float32s,
        tokenizer: TextTokenizer,
        labels: tuple[str, ...],
        served: Measurement | None = None,
    ) -> Measurement:
        """MRR, nDCG and recall of the vectors [r, d]: each query among all documents of the set."""
        texts = _texts(examples)
        figures = figures_at_10(_search(outputs, text_numbers(texts), len(texts) // len(examples)))
        return Measurement({name: bootstrap_mean(each) for name, each in figures.items()}, 1.0)


def judge_vectors(outputs: Float32s, arrays: TokenArrays) -> dict[str, float]:
    """MRR, nDCG and recall of vectors [r, d], as one epoch is judged."""
    figures = figures_at_10(_search(outputs, arrays.targets, arrays.rows_per_example))
    return {name: float(each.mean()) for name, each in figures.items()}


def _texts(examples: Sequence[Candidates], prefixes: Prefixes = NO_PREFIXES) -> list[str]:
    """Each example's query and then its documents, after what the backbone wants before them."""
    return [
        text
        for each in examples
        for text in (
            prefixes.query + each.query,
            *(prefixes.passage + document for document in each.documents),
        )
    ]


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
