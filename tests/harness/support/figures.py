"""How well each side of retrieval ranks documents alone, and their fusion."""

from collections.abc import Sequence

import numpy as np

from shared.metrics.retrieval import hit_at_k, judge, mrr_at_k, ndcg_at_k
from shared.retrieval.index import Query
from shared.serving.trunk import Trunk
from tests.harness.support.data import RetrievalSet, build_index, embed_queries, ranked_ids

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
