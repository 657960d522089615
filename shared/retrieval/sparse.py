"""Lexical search: BM25 over stemmed English words and the words of Chinese.

Chinese is cut by a dictionary (jieba's, through rjieba), longer words into their parts as well, so
that a card is found in a bank card. Other scripts are matched by whole words as Unicode separates
them, which finds little in Japanese or Thai: there the dense side carries the search.
"""

import math
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING

import bm25s
import numpy as np
import numpy.typing as npt
import Stemmer
from bm25s.stopwords import STOPWORDS_EN

from shared.text.scripts import HAN

if TYPE_CHECKING:
    from rjieba import Jieba

Float32s = npt.NDArray[np.float32]
Tokens = tuple[str, ...]

_WORD = re.compile(r"\w+")
_CHINESE = re.compile(f"[{HAN.ranges}]")
_OF_OTHER_WIDTH = re.compile(r"[\uff01-\uffef]")
_STOPWORDS = frozenset(STOPWORDS_EN).union(
    "的了是在和与或及也就都而着把被吗呢吧啊呀哦我你您他她它这那", ("我们", "你们", "他们", "请问")
)


def tokenize(text: str) -> Tokens:
    """The stems of a text's words in lower case, without stop words; width does not matter."""
    if _OF_OTHER_WIDTH.search(text):
        text = unicodedata.normalize("NFKC", text)
    words = _WORD.findall(text.lower())
    if _CHINESE.search(text):
        words = list(_chinese_cut(words))
    return tuple(_stemmer().stemWords([word for word in words if word not in _STOPWORDS]))


def _chinese_cut(words: Iterable[str]) -> Iterator[str]:
    for word in words:
        if _CHINESE.search(word):
            yield from _segmenter().cut_for_search(word)
        else:
            yield word


@cache
def _segmenter() -> "Jieba":
    """Made when the first Chinese text comes: its dictionary takes memory."""
    from rjieba import Jieba

    return Jieba()


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
