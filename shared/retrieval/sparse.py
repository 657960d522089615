"""Lexical search: BM25 over stemmed English words.

Other scripts are matched by whole words as Unicode separates them, which finds little in Chinese
or Japanese: there the dense side carries the search.
"""

import math
import re
from collections.abc import Sequence
from functools import cache

import bm25s
import numpy as np
import numpy.typing as npt
import Stemmer
from bm25s.stopwords import STOPWORDS_EN

Float32s = npt.NDArray[np.float32]
Tokens = tuple[str, ...]

_WORD = re.compile(r"\w+")
_STOPWORDS = frozenset(STOPWORDS_EN)


def tokenize(text: str) -> Tokens:
    """The stems of a text's words in lower case, without English stop words."""
    words = [word for word in _WORD.findall(text.lower()) if word not in _STOPWORDS]
    return tuple(_stemmer().stemWords(words))


@cache
def _stemmer() -> Stemmer.Stemmer:
    return Stemmer.Stemmer("english")


class Sparse:
    """BM25 scores of n texts for any query.

    Source: Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond",
    2009, with Lucene's inverse document frequency; computed eagerly as in Lù, "BM25S", 2024.
    """

    def __init__(self, texts: Sequence[Tokens]) -> None:
        self._count = len(texts)
        self._bm25: bm25s.BM25 | None = None
        if any(texts):
            self._bm25 = bm25s.BM25()
            self._bm25.index([list(tokens) for tokens in texts], show_progress=False)

    def scores(self, query: Tokens) -> Float32s:
        """The score of every text [n]; 0 where no word of the query stands in it."""
        known = [token for token in query if self._knows(token)]
        if self._bm25 is None or not known:
            return np.zeros(self._count, np.float32)
        scores: Float32s = self._bm25.get_scores(known)
        return scores

    def idf(self, token: str) -> float:
        """How much a word says: the logarithm of how few texts hold it; 0 where there are none."""
        if self._bm25 is None:
            return 0.0
        holding = 0
        if self._knows(token):
            number = self._bm25.vocab_dict[token]
            starts = self._bm25.scores["indptr"]
            holding = int(starts[number + 1] - starts[number])
        return math.log(1 + (self._count - holding + 0.5) / (holding + 0.5))

    def _knows(self, token: str) -> bool:
        return self._bm25 is not None and token in self._bm25.vocab_dict
