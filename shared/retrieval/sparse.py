"""Lexical search: BM25 over the tokens of `shared.retrieval.tokens`."""

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from shared.retrieval.postings import Bools, Int32s, Postings, Tokens

Float32s = npt.NDArray[np.float32]

_K1, _B = 1.5, 0.75
"""How soon a word that recurs says no more, and how much a long text's words count for less."""


class Sparse:
    """BM25 scores of n texts for any query; the texts' postings lie in several parts.

    A part's mask says which of its rows live (None: all). The counts of texts and of those that
    hold a word, and the mean length, are those of the rows that live, so that a score is what one
    part of these alone would give. Made in time linear in n: words are weighed when they are asked.

    Source: Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond",
    2009, with Lucene's inverse document frequency.
    """

    def __init__(self, parts: Sequence[tuple[Postings, Bools | None]]) -> None:
        self._parts = tuple(parts)
        lengths = [p.lengths if alive is None else p.lengths[alive] for p, alive in parts]
        self._count = sum(map(len, lengths))
        self._tokens = sum(int(each.sum()) for each in lengths)
        mean = self._tokens / self._count if self._tokens else 1.0
        self._norms = [
            (_K1 * (1 - _B + _B / mean * postings.lengths)).astype(np.float32)
            for postings, _ in parts
        ]

    @classmethod
    def of(cls, texts: Sequence[Tokens]) -> "Sparse":
        """The scores of texts."""
        return cls([(Postings.of(texts), None)])

    def scores(self, query: Tokens) -> Float32s:
        """The score of every text [n]; 0 where no word of the query stands in it, or it is dead."""
        scores = np.zeros(sum(map(len, self._norms)), np.float32)
        for token, times in Counter(query).items():
            found = self._holding(token)
            weight = np.float32(times * self._idf(sum(len(rows) for rows, _ in found)))
            first = 0
            for norms, (rows, counts) in zip(self._norms, found, strict=True):
                of_part = scores[first : first + len(norms)]
                # As in `Postings.holding`.
                places, often = rows.astype(np.intp), counts.astype(np.float32)
                gains = norms[places]
                gains += often
                often *= weight
                often /= gains
                of_part[places] += often
                first += len(norms)
        return scores

    def idf(self, token: str) -> float:
        """How much a word says: the logarithm of how few texts hold it; 0 where there are none."""
        if not self._tokens:
            return 0.0
        return self._idf(sum(len(rows) for rows, _ in self._holding(token)))

    def _holding(self, token: str) -> list[tuple[Int32s, Int32s]]:
        return [postings.holding(token, alive) for postings, alive in self._parts]

    def _idf(self, holding: int) -> float:
        return math.log(1 + (self._count - holding + 0.5) / (holding + 0.5))
