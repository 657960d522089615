"""What a reranker adds to fusion: `python -m tests.benchmarks.bench_rerank --bundle FOLDER`.

The best documents of the fusion are read with the query by a bundle of kind `score`. Their new
score is `fusion + weight * logit`; every line is one weight, 0 the fusion alone and `inf` the
reranker alone. `--every N` takes every Nth query of the large sets.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.special import logit

from shared.metrics.bootstrap import bootstrap_mean
from shared.models.tasks import Priority, ScoreOutput, TaskCall
from shared.retrieval.index import Hit, Query
from shared.serving.trunk import Trunk
from tests.harness.real_trunk import bundle_id, real_trunk
from tests.harness.support.data import (
    RetrievalSet,
    build_index,
    doc2dial,
    embed_queries,
    stackfaq,
)

Float64s = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

CONSIDERED = 10
WEIGHTS = (0.0, 0.003, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, np.inf)
_PAIRS_A_CALL = 256


@dataclass(frozen=True)
class Ranked:
    """What the fusion found [q, k] and what the reranker thinks of it; -inf where nothing is."""

    fusion: Float64s
    logits: Float64s
    right: Bools


async def measure(data: RetrievalSet, trunk: Trunk, task: str, every: int) -> Ranked:
    """Both scores of the documents that the fusion ranks highest for every Nth query."""
    index = await build_index(trunk, data.documents)
    chosen = range(0, len(data.queries), every)
    queries = [data.queries[number] for number in chosen]
    vectors = await embed_queries(trunk, index, queries)
    found = [
        index.search([Query(text, vector)], CONSIDERED)
        for text, vector in zip(queries, vectors, strict=True)
    ]
    pairs = [(text, _read(hit)) for text, hits in zip(queries, found, strict=True) for hit in hits]
    scores = iter(await _score(trunk, task, pairs))
    shape = len(queries), CONSIDERED
    fusion, logits, right = np.full(shape, -np.inf), np.full(shape, -np.inf), np.zeros(shape, bool)
    for row, (number, hits) in enumerate(zip(chosen, found, strict=True)):
        for column, hit in enumerate(hits):
            fusion[row, column], logits[row, column] = hit.score, next(scores)
            right[row, column] = hit.entry.document_id in data.relevant[number]
    return Ranked(fusion, logits, right)


def hits_at_1(ranked: Ranked, weight: float) -> Bools:
    """Whether the first document is a right one [q]."""
    scores = ranked.logits if np.isinf(weight) else ranked.fusion
    if 0 < weight < np.inf:
        scores = ranked.fusion + weight * np.where(np.isinf(ranked.logits), 0, ranked.logits)
    hits: Bools = ranked.right[np.arange(len(scores)), scores.argmax(axis=1)]
    return hits


def _read(hit: Hit) -> str:
    """What the reranker reads of a document: its title and its best passage."""
    return f"{hit.entry.title}\n{hit.passage.text}".strip()


async def _score(trunk: Trunk, task: str, pairs: Sequence[tuple[str, str]]) -> list[float]:
    scores: list[float] = []
    for start in range(0, len(pairs), _PAIRS_A_CALL):
        call = TaskCall(task, pairs[start : start + _PAIRS_A_CALL], truncate=True)
        (output,) = await trunk.encode([call], app="benchmark", priority=Priority.BULK)
        assert isinstance(output, ScoreOutput)
        scores.extend(logit(np.clip(output.scores.astype(np.float64), 1e-9, 1 - 1e-9)))
    return scores


async def compare(bundle: Path, every: int, cache: Path | None) -> None:
    """Prints hit@1 of each weight on each set."""
    async with real_trunk(cache, bundle) as trunk:
        for data, step in ((stackfaq(), 1), (doc2dial(), every)):
            ranked = await measure(data, trunk, bundle_id(bundle), step)
            fusion = hits_at_1(ranked, 0.0)
            print(f"{data.name}, {len(fusion)} queries, in the first {CONSIDERED}: "
                  f"{ranked.right.any(axis=1).mean():.4f}", flush=True)  # fmt: skip
            for weight in WEIGHTS:
                hits = hits_at_1(ranked, weight)
                gain = bootstrap_mean(hits.astype(np.float64) - fusion)
                print(f"  weight {weight:5}: hit@1 {hits.mean():.4f}, gain {gain}", flush=True)


def main() -> int:
    """Reads the arguments and compares."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--every", type=int, default=4)
    parser.add_argument("--cache", type=Path)
    given = parser.parse_args()
    asyncio.run(compare(given.bundle, given.every, given.cache))
    return 0


if __name__ == "__main__":
    sys.exit(main())
