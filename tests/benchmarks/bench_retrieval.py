"""Each side of retrieval alone, and their fusion: `python -m tests.benchmarks.bench_retrieval`.

Sides and fusion are ranked by document. `--sets N` takes the first N sets, `--only NAME` those
whose name begins so; `--cache DIR` keeps the vectors for the next run. `--bundle FOLDER` embeds by
a bundle of kind `embed` instead of the untouched backbone.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from shared.metrics.retrieval import hit_at_k, judge, mrr_at_k, ndcg_at_k
from shared.retrieval.index import Query
from shared.serving.trunk import Trunk
from tests.benchmarks.support_data import (
    RetrievalSet,
    build_index,
    embed_queries,
    ranked_ids,
    retrieval_sets,
)
from tests.real_trunk import bundle_id, real_trunk

K = 10
NOISE = 0.002
SIDES = ("dense", "sparse", "fused")


async def measure(
    data: RetrievalSet, trunk: Trunk, task: str
) -> dict[str, tuple[float, float, float]]:
    """hit@1, MRR@10 and nDCG@10 of each side and of the fusion."""
    index = await build_index(trunk, data.documents, task)
    vectors = await embed_queries(trunk, index, data.queries)
    rankings: dict[str, list[list[str]]] = {side: [] for side in SIDES}
    known = {entry.document_id for entry in index.entries}
    relevant = [{k: g for k, g in given.items() if k in known} for given in data.relevant]
    judged = [number for number, given in enumerate(relevant) if given]
    for number in judged:
        query = Query(data.queries[number], vectors[number])
        dense, sparse = index.sides(query)
        rankings["dense"].append(ranked_ids(index, dense, K))
        rankings["sparse"].append(ranked_ids(index, sparse, K))
        hits = index.search([query], K)
        rankings["fused"].append([hit.entry.document_id for hit in hits])
    return {side: _figures(rankings[side], [relevant[n] for n in judged]) for side in SIDES}


def is_no_worse(figures: dict[str, tuple[float, float, float]]) -> bool:
    """Whether the fusion's MRR@10 and nDCG@10 reach the better side's, within the noise."""
    _, dense, sparse = (figures[side] for side in ("fused", "dense", "sparse"))
    best = np.maximum(dense[1:], sparse[1:])
    return bool(np.all(np.array(figures["fused"][1:]) >= best - NOISE))


def _figures(
    ranked: Sequence[Sequence[str]], relevant: Sequence[dict[str, float]]
) -> tuple[float, float, float]:
    ranking = judge(ranked, relevant)
    hit, mrr, ndcg = hit_at_k(ranking, 1), mrr_at_k(ranking, K), ndcg_at_k(ranking, K)
    return float(hit.mean()), float(mrr.mean()), float(ndcg.mean())


async def compare(sets: int, only: Sequence[str], cache: Path | None, bundle: Path | None) -> int:
    """Prints the table; 1 where the fusion is below its better half on any set."""
    print(f"{'set':28}{'queries':>8}  " + "  ".join(f"{s + ' hit@1/MRR/nDCG':>26}" for s in SIDES))
    worse = 0
    task = "embed" if bundle is None else bundle_id(bundle)
    async with real_trunk(cache, bundle) as trunk:
        for data in islice(retrieval_sets(), sets):
            if only and not data.name.startswith(tuple(only)):
                continue
            figures = await measure(data, trunk, task)
            cells = ("/".join(f"{value:.3f}" for value in figures[side]) for side in SIDES)
            verdict = "" if is_no_worse(figures) else "  below its better half"
            worse += bool(verdict)
            line = "  ".join(f"{cell:>26}" for cell in cells)
            print(f"{data.name:28}{len(data.queries):8}  {line}{verdict}", flush=True)
    return min(worse, 1)


def main() -> int:
    """Reads the arguments and compares."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", type=int, default=6)
    parser.add_argument("--only", action="append", default=[], metavar="NAME")
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--bundle", type=Path)
    given = parser.parse_args()
    return asyncio.run(compare(given.sets, given.only, given.cache, given.bundle))


if __name__ == "__main__":
    sys.exit(main())
