"""Vectors in lists, of which a search reads the nearest: for more rows than can all be read.

FAISS's inverted file (Sivic & Zisserman 2003): k-means divides the vectors, a query is compared
with the lists' centres and then with the rows of the `probes` nearest lists. Rows are kept in
float16, which halves them and changes a product by less than 0.001. Scalars of 8 bits would halve
them again and lost 0.01 of recall@100.

A graph (HNSW) is slower where a query lies between clusters, as the mean of several items does:
on 60,000 rows it took 5.6 s of processor to build and 0.62 ms to find 0.97, the lists 1.4 s and
0.26 ms to find 0.99 (`python -m tests.benchmarks.bench_candidates --graph 60000`). It holds 1.8 KB
for each row of 384 dimensions, the lists 0.8.

Notation of shapes: n rows, d the vectors' width, k results, q queries, l lists.
"""

import math

import faiss
import numpy as np
from pydantic import Field

from shared.config import Settings
from shared.errors import ArtifactError
from shared.faiss_search import every_row
from shared.ranking.arrays import Bools, Float32s, Int64s
from shared.ranking.vectors.search import Found, Selection, search_each

_BLOCK_ROWS = 65_536
_TASTE_ITEMS = 3
_SEED = 1

_SELECTED = 1.5
"""How many times more lists are read with a selection: what is left may be far from the query,
where the lists' distances differ less."""


class ListSettings(Settings):
    """How rows are divided into lists, and how many lists a search reads.

    - `lists_per_root`: lists for each unit of the square root of n; the time of a build grows with
      their number.
    - `points_per_list`, `iterations`: what k-means sees.
    - `recall`: the share of the `recall_at` truly nearest rows that a search must find, by which a
      build chooses the number of lists to read. It asks with the means of some random rows, which
      are harder to answer than rows are.
    - `recall_queries`: how many such queries.
    """

    lists_per_root: float = Field(2.0, gt=0)
    points_per_list: int = Field(32, ge=1)
    iterations: int = Field(8, ge=1)
    recall: float = Field(0.97, gt=0, le=1)
    recall_at: int = Field(100, ge=1)
    recall_queries: int = Field(64, ge=1)


class InvertedRows:
    """Rows in lists, of which a search without a selection reads `probes`; they do not change."""

    def __init__(self, vectors: Float32s, held: Bools, settings: ListSettings) -> None:
        """Lists of those unit vectors [n, d] that `held` [n] names; at least one.

        It computes on all threads that OpenMP has.
        """
        random = np.random.default_rng(_SEED)
        rows: Int64s = np.flatnonzero(held)
        lists = min(max(int(settings.lists_per_root * math.sqrt(len(rows))), 1), len(rows))
        index = _empty(vectors.shape[1], lists, settings)
        sample = min(lists * settings.points_per_list, len(rows))
        index.train(vectors[random.choice(rows, sample, replace=False)])
        _fill(index, vectors, rows)
        self._index = index
        self.probes = _enough_probes(index, vectors, rows, settings, random)
        self._sizes, self._list_of_row = _membership(index)

    def __len__(self) -> int:
        """The rows in the lists; those without a vector are in none."""
        return int(self._index.ntotal)

    def search(self, queries: Float32s, k: int, selection: Selection | None) -> Found:
        """The selected rows whose inner products with queries [q, d] are largest.

        With a selection only lists that hold any of its rows are read, and the more of them the
        fewer of their rows are selected: by the square root, which keeps the recall for rows that
        are selected at random. So a category far from the query is found too.
        """
        if selection is None or selection.count == len(self):
            return search_each(self._index, queries, k, _reading(self.probes))
        # By their numbers: picking half of the rows by a mask takes four times longer.
        rows = np.flatnonzero(selection.mask)
        of_selection = np.bincount(self._list_of_row.take(rows), minlength=len(self._sizes))
        lists = Selection.of(of_selection > 0)
        if not lists.count:
            return Found.nothing(len(queries), k)
        crowding = self._sizes[lists.mask].sum() / selection.count
        probes = math.ceil(_SELECTED * self.probes * math.sqrt(crowding))
        parameters = _reading(min(probes, lists.count))
        parameters.quantizer_params = lists.parameters()
        parameters.sel = selection.selector()
        return search_each(self._index, queries, k, parameters)


def _empty(width: int, lists: int, settings: ListSettings) -> faiss.IndexIVFScalarQuantizer:
    centres = faiss.IndexFlatIP(width)
    index = faiss.IndexIVFScalarQuantizer(
        centres,
        width,
        lists,
        faiss.ScalarQuantizer.QT_fp16,
        faiss.METRIC_INNER_PRODUCT,
        False,
    )
    index.cp.niter = settings.iterations
    index.cp.seed = _SEED
    index.cp.spherical = True
    index.cp.min_points_per_centroid = 1
    index.cp.max_points_per_centroid = settings.points_per_list
    return index


def _fill(index: faiss.IndexIVFScalarQuantizer, vectors: Float32s, rows: Int64s) -> None:
    """Adds rows of vectors [n, d] to lists that have their final size from the start.

    Lists that grow hold up to twice the memory that they need.
    """
    blocks = [rows[start : start + _BLOCK_ROWS] for start in range(0, len(rows), _BLOCK_ROWS)]
    lists = [index.quantizer.assign(vectors[block], 1)[:, 0] for block in blocks]
    sizes = np.bincount(np.concatenate(lists), minlength=index.nlist)
    held = _lists_of(index)
    for number, size in enumerate(sizes.tolist()):
        held.resize(number, size)
        held.resize(number, 0)
    for block, chosen in zip(blocks, lists, strict=True):
        part = vectors[block]
        index.add_core(
            len(block), faiss.swig_ptr(part), faiss.swig_ptr(block), faiss.swig_ptr(chosen)
        )


def _lists_of(index: faiss.IndexIVFScalarQuantizer) -> faiss.InvertedLists:
    if index.invlists is None:
        raise ArtifactError("an index without lists: rebuild it")
    return index.invlists


def _membership(index: faiss.IndexIVFScalarQuantizer) -> tuple[Int64s, Int64s]:
    """The lists' sizes [l], and each row's list, up to the last row that is in any."""
    held = _lists_of(index)
    sizes = np.array([held.list_size(number) for number in range(index.nlist)], np.int64)
    members = [
        faiss.rev_swig_ptr(held.get_ids(number), size)
        for number, size in enumerate(sizes.tolist())
        if size
    ]
    rows = np.concatenate(members)
    list_of_row = np.zeros(int(rows.max()) + 1, np.int64)
    list_of_row[rows] = np.repeat(np.arange(len(sizes)), sizes)
    return sizes, list_of_row


def _reading(probes: int) -> faiss.SearchParametersIVF:
    parameters = faiss.SearchParametersIVF()
    parameters.nprobe = probes
    parameters.quantizer_params = every_row()
    return parameters


def _enough_probes(
    index: faiss.IndexIVFScalarQuantizer,
    vectors: Float32s,
    rows: Int64s,
    settings: ListSettings,
    random: np.random.Generator,
) -> int:
    """The smallest power of two of lists (or all) whose recall is what the settings ask for."""
    k = min(settings.recall_at, len(rows))
    mixed = random.choice(rows, (settings.recall_queries, _TASTE_ITEMS))
    queries = vectors[mixed].mean(axis=1)
    queries /= np.maximum(np.linalg.norm(queries, axis=1, keepdims=True), 1e-9)
    _, nearest = faiss.knn(queries, vectors, k, metric=faiss.METRIC_INNER_PRODUCT)
    probes = 1
    while probes < index.nlist:
        _, found = index.search(queries, k, params=_reading(probes))
        if recall(nearest, found) >= settings.recall:
            return probes
        probes *= 2
    return int(index.nlist)


def recall(nearest: Int64s, found: Int64s) -> float:
    """The share of the truly nearest rows [q, k] that are among the found ones [q, k]."""
    shares = [np.isin(a, b).mean() for a, b in zip(nearest, found, strict=True)]
    return float(np.mean(shares))
