"""What a recommender has to beat: popularity, item-kNN and the factorisations of `implicit`.

Each gives scores for the whole catalogue from the same positive interactions up to the cut; a
query's history may go further. Equal scores (above all: of users without a history, for whom
only popularity knows anything) are ordered by popularity, then in a random order.

Each of them stands here with several settings, and of each set the best one by the very queries
asked is what counts: that favours the baselines.

Notation of shapes: q queries, n items, u users.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Protocol

import numpy as np
from scipy import sparse

from pipelines.ranking.datasets import HeldOutQuery, RankingData, is_liked
from shared.errors import DependencyError
from shared.ranking.arrays import Float32s

_TIE = 1e-6
_SEED = 0

POPULARITY = "popularity"

_KNN_SETTINGS = tuple(product((2.0, 10.0, 50.0), (0.3, 0.5, 0.7)))
_ALS_SETTINGS = ((64, 10.0, 0.01), (64, 40.0, 0.01), (128, 1.0, 1.0), (128, 10.0, 1.0))


@dataclass(frozen=True, slots=True)
class Positives:
    """Who liked what: `matrix` is [u, n] of 0 and 1, `users` the row of each user."""

    matrix: sparse.csr_matrix
    users: Mapping[str, int]
    rows: Mapping[str, int]

    @classmethod
    def of(cls, data: RankingData) -> "Positives":
        """The positive interactions up to the cut."""
        rows = data.rows
        liked = [event for event in data.events if is_liked(event)]
        users: dict[str, int] = {}
        for event in liked:
            users.setdefault(event.user or "", len(users))
        return cls(
            _binary(
                [users[event.user or ""] for event in liked],
                [rows[event.item] for event in liked],
                (len(users), len(rows)),
            ),
            users,
            rows,
        )

    def counts(self) -> Float32s:
        """How many users liked each item [n]."""
        return np.asarray(self.matrix.sum(axis=0), np.float32).ravel()

    def histories(self, queries: Sequence[HeldOutQuery]) -> sparse.csr_matrix:
        """What each asker liked, as 0 and 1 [q, n]."""
        pairs = [
            (number, self.rows[event.item])
            for number, query in enumerate(queries)
            for event in query.history
            if is_liked(event) and event.item in self.rows
        ]
        return _binary([p[0] for p in pairs], [p[1] for p in pairs], (len(queries), len(self.rows)))


class Baseline(Protocol):
    """A recommender fitted to positives."""

    def scores(self, queries: Sequence[HeldOutQuery]) -> Float32s:
        """The scores of all items for each query [q, n]; more is better."""
        ...


class MostPopular:
    """Everybody gets what most people liked."""

    def __init__(self, positives: Positives, seed: int = _SEED) -> None:
        counts = positives.counts()
        order = np.random.default_rng(seed).permutation(len(counts)).astype(np.float32)
        # Below one count, so that it decides between equal counts alone.
        self.popularity: Float32s = counts + order / np.float32(len(counts) + 1)

    def scores(self, queries: Sequence[HeldOutQuery]) -> Float32s:
        """The same popularity for each [q, n]."""
        return np.tile(self.popularity, (len(queries), 1))


class ItemKnn:
    """The sum of the likeness between an item's users and those of each item in the history.

    c users in common of items that a and b users liked count c / (a^s b^(1 - s)), where `share` s
    of one half is the cosine; what few users support is shrunk by c / (c + `shrinkage`).
    Source: Sarwar et al., "Item-based collaborative filtering", WWW 2001; shrinkage as in Bell and
    Koren, ICDM 2007; the share as in Aiolli, RecSys 2013. All neighbours are kept: on these sets
    that is better than the nearest 50.
    """

    def __init__(self, positives: Positives, *, shrinkage: float, share: float) -> None:
        self._positives = positives
        self._popularity = MostPopular(positives).popularity
        common = (positives.matrix.T @ positives.matrix).tocoo()
        apart = common.row != common.col
        row, column, count = common.row[apart], common.col[apart], common.data[apart]
        users = np.maximum(positives.counts(), 1.0)
        likeness = count / (users[row] ** share * users[column] ** (1.0 - share))
        likeness *= count / (count + shrinkage)
        self._similarity = sparse.csr_matrix((likeness, (row, column)), common.shape)

    def scores(self, queries: Sequence[HeldOutQuery]) -> Float32s:
        """Sums of cosines [q, n]."""
        sums = (self._positives.histories(queries) @ self._similarity).toarray()
        return _with_ties(sums, self._popularity)


class Factorised:
    """ALS or BPR of the package `implicit`, the optional extra `benchmark`.

    ALS folds a history in (Hu, Koren and Volinsky, ICDM 2008). BPR (Rendle et al., UAI 2009) knows
    no such thing: a user of the training data has factors, another the mean of the items liked.

    Raises:
        DependencyError: the extra is not installed.
    """

    def __init__(self, positives: Positives, als: tuple[int, float, float] | None = None) -> None:
        """`als` are its factors, its alpha and its regularisation; None is BPR."""
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        try:
            from implicit.als import AlternatingLeastSquares
            from implicit.bpr import BayesianPersonalizedRanking
        except ImportError as error:
            raise DependencyError(
                "the baselines ALS and BPR need the package implicit: pip install "
                "'banyan[benchmark]'"
            ) from error
        self._positives = positives
        self._popularity = MostPopular(positives).popularity
        self._folds_in = als is not None
        if als is None:
            self._model = BayesianPersonalizedRanking(
                factors=64, iterations=200, random_state=_SEED, num_threads=1
            )
        else:
            factors, alpha, regularization = als
            self._model = AlternatingLeastSquares(
                factors=factors,
                alpha=alpha,
                regularization=regularization,
                random_state=_SEED,
                num_threads=1,
            )
        self._model.fit(positives.matrix, show_progress=False)

    def scores(self, queries: Sequence[HeldOutQuery]) -> Float32s:
        """Inner products of factors [q, n]; without a history popularity decides."""
        histories = self._positives.histories(queries)
        if self._folds_in:
            users = np.asarray(self._model.recalculate_user(np.arange(len(queries)), histories))
        else:
            users = self._bpr_users(queries, histories)
        products = users @ np.asarray(self._model.item_factors).T
        products[np.asarray(histories.sum(axis=1)).ravel() == 0] = 0.0
        return _with_ties(products, self._popularity)

    def _bpr_users(self, queries: Sequence[HeldOutQuery], histories: sparse.csr_matrix) -> Float32s:
        items, known = np.asarray(self._model.item_factors), np.asarray(self._model.user_factors)
        counts = np.maximum(np.asarray(histories.sum(axis=1)), 1.0)
        users: Float32s = np.asarray(histories @ items / counts, np.float32)
        # The last factor of an item is its bias, for which a user has the factor 1.
        users[:, -1] = 1.0
        for number, query in enumerate(queries):
            row = self._positives.users.get(query.user)
            if row is not None:
                users[number] = known[row]
        return users


def baselines(positives: Positives, *, factorised: bool) -> dict[str, Iterator[Baseline]]:
    """Each by name, with all of its settings, fitted one after the other.

    `factorised` adds ALS and BPR.
    """
    found: dict[str, Iterator[Baseline]] = {
        POPULARITY: iter([MostPopular(positives)]),
        "item-kNN": (
            ItemKnn(positives, shrinkage=shrinkage, share=share)
            for shrinkage, share in _KNN_SETTINGS
        ),
    }
    if factorised:
        found["ALS"] = (Factorised(positives, settings) for settings in _ALS_SETTINGS)
        found["BPR"] = (Factorised(positives) for _ in range(1))
    return found


def _with_ties(scores: Float32s, popularity: Float32s) -> Float32s:
    spread = np.float32(_TIE) / max(float(popularity.max()), 1.0)
    return (scores + popularity * spread).astype(np.float32)


def _binary(rows: list[int], columns: list[int], shape: tuple[int, int]) -> sparse.csr_matrix:
    matrix = sparse.csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), shape)
    matrix.data[:] = 1.0
    return matrix
