"""A knowledge base's index in memory: it never changes, a write makes a new one.

Notation of shapes: e entries (documents), p passages, d the vectors' width.
"""

import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from shared.retrieval.dense import Dense, Float32s, Int64s
from shared.retrieval.fusion import Bools, dense_score, fuse, sparse_score
from shared.retrieval.sparse import Sparse, Tokens, tokenize
from shared.text.passages import Passage

_CANDIDATES = 200
"""Passages (and titles) that each side proposes; all proposals are then scored by both sides."""

_TOKEN_BYTES = 64
_CHAR_BYTES = 2
"""A token is its own string with its place in the sparse side; a text stands as a whole and in
sentences."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A document as it is indexed; `version` says which state of the document it was made from.

    `labels` are the intents that the document answers; of a `is_faq` one the title is a question
    and the passages are its answer.
    """

    document_id: str
    version: int
    title: str
    labels: tuple[str, ...]
    passages: tuple[Passage, ...]
    is_faq: bool
    title_tokens: Tokens
    passage_tokens: tuple[Tokens, ...]

    @classmethod
    def of(
        cls,
        document_id: str,
        version: int,
        title: str,
        labels: Sequence[str],
        passages: Sequence[Passage],
        *,
        is_faq: bool = False,
    ) -> "Entry":
        """An entry with the tokens of its texts."""
        return cls(
            document_id,
            version,
            title,
            tuple(labels),
            tuple(passages),
            is_faq,
            tokenize(title),
            tuple(tokenize(passage.text) for passage in passages),
        )

    @property
    def texts(self) -> list[str]:
        """What is embedded of it: its title, then its passages."""
        return [self.title, *(passage.text for passage in self.passages)]


@dataclass(frozen=True, slots=True)
class Embedded:
    """An entry with the vectors of its title [d] (zeros without a title) and passages [p, d]."""

    entry: Entry
    title: Float32s
    passages: Float32s


def with_vectors(entries: Sequence[Entry], vectors: Float32s) -> list[Embedded]:
    """Entries with the vectors [n, d] of all of their `texts`, one entry after another."""
    embedded: list[Embedded] = []
    row = 0
    for entry in entries:
        end = row + 1 + len(entry.passages)
        embedded.append(Embedded(entry, vectors[row], vectors[row + 1 : end]))
        row = end
    return embedded


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked: a text, and its vector [d] as the index's bundle embeds it.

    Several queries are readings of one question, and make one search: a passage's score is that of
    the query which fits it best.
    """

    text: str
    vector: Float32s


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage that was found: entry, number of the passage in it, score and what it is made of.

    `score` is the fusion of `dense` and `sparse`, plus `label`, which the entry's labels gave.
    `query` is the number of the query that fits it best. `rank` orders the hits of a search: the
    score, or more where the search's context fits it better than any query.
    """

    entry: Entry
    passage_number: int
    score: float
    dense: float
    sparse: float
    label: float
    query: int = 0
    rank: float = 0.0

    @property
    def passage(self) -> Passage:
        """The passage itself."""
        return self.entry.passages[self.passage_number]

    @property
    def passage_id(self) -> str:
        """The passage's name: its document's and its number there."""
        return f"{self.entry.document_id}#{self.passage_number}"


class Index:
    """Entries, their vectors, and the immutable embed bundle that made the vectors.

    `version` is the state of the knowledge base that the index shows. Searches are safe from
    several threads. The sparse side is built by the first of them, so the first search after a
    write takes longer: by 0.06 s with 1,300 passages of 110 words, by 1 s with 20,000 (where a
    write copies the vectors in 0.13 s), measured on 2 busy cores.
    """

    def __init__(
        self, bundle: str, version: int, entries: Sequence[Entry], titles: Dense, passages: Dense
    ) -> None:
        self.bundle = bundle
        self.version = version
        self.entries = tuple(entries)
        self.titles = titles
        self.passages = passages
        counts = [len(entry.passages) for entry in self.entries]
        self._owners: Int64s = np.repeat(np.arange(len(counts)), counts)
        self._first_rows: Int64s = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
        self._has_title: Bools = np.array([bool(e.title) for e in self.entries], np.bool_)
        self._holders: dict[str, list[int]] = {}
        for number, entry in enumerate(self.entries):
            for label in entry.labels:
                self._holders.setdefault(label, []).append(number)
        self._sparse: tuple[Sparse, Sparse] | None = None
        self._building = threading.Lock()

    @property
    def memory_bytes(self) -> int:
        """About how much memory it takes: vectors, texts and tokens."""
        size = self.titles.vectors.nbytes + self.passages.vectors.nbytes
        for entry in self.entries:
            tokens = len(entry.title_tokens) + sum(map(len, entry.passage_tokens))
            chars = len(entry.title) + sum(len(passage.source) for passage in entry.passages)
            size += _TOKEN_BYTES * tokens + _CHAR_BYTES * chars
        return size

    @classmethod
    def empty(cls, bundle: str, width: int) -> "Index":
        """An index of nothing, for vectors of this width."""
        nothing = np.zeros((0, width), np.float32)
        return cls(bundle, 0, (), Dense(nothing), Dense(nothing))

    def replaced(
        self, version: int, removed: Collection[str], added: Sequence[Embedded]
    ) -> "Index":
        """The index of a later version: without the `removed` documents, with the `added` ones.

        An added document replaces the one of the same id.
        """
        replaced = {*removed, *(embedded.entry.document_id for embedded in added)}
        keep = np.array([e.document_id not in replaced for e in self.entries], np.bool_)
        kept = [e for e, stays in zip(self.entries, keep, strict=True) if stays]
        width = self.titles.vectors.shape[1]
        titles = np.array([a.title for a in added], np.float32).reshape(-1, width)
        return Index(
            self.bundle,
            version,
            [*kept, *(embedded.entry for embedded in added)],
            Dense(np.concatenate([self.titles.vectors[keep], titles])),
            Dense(
                np.concatenate(
                    [self.passages.vectors[keep[self._owners]], *(a.passages for a in added)]
                )
            ),
        )

    def search(
        self,
        queries: Sequence[Query],
        top_k: int,
        *,
        label_scores: Mapping[str, float] | None = None,
        per_document: int = 1,
        context: Query | None = None,
    ) -> list[Hit]:
        """The best passages, the best first.

        Each document stands `per_document` times at most, with its best passages; further ones
        follow only where there are fewer than `top_k`. `label_scores` adds to the score of entries
        that carry a label (the largest counts). `context` finds and orders passages as a further
        query, but a hit's scores are those of the queries.
        """
        if not self.entries:
            return []
        labels = self._label_scores(label_scores or {})
        asked = [*queries, *([] if context is None else [context])]
        by_query = [self._sparse_scores(query.text) for query in asked]
        rows = self._candidates(asked, by_query, labels)
        owners = self._owners[rows]
        sparse = np.stack([scores[rows] for scores in by_query])
        dense = np.stack([self._dense_scores(query.vector, rows) for query in asked])
        fused = fuse(dense, sparse)
        best = fused[: len(queries)].argmax(axis=0)
        scores = fused[: len(queries)].max(axis=0) + labels[owners]
        ranks = fused.max(axis=0) + labels[owners]
        order = np.lexsort((rows, -ranks))
        return [
            Hit(
                self.entries[owners[i]],
                int(rows[i] - self._first_rows[owners[i]]),
                float(scores[i]),
                float(dense[best[i], i]),
                float(sparse[best[i], i]),
                float(labels[owners[i]]),
                int(best[i]),
                float(ranks[i]),
            )
            for i in _documents_first(order, owners, top_k, per_document)
        ]

    def best_score(self, query: Query, document_id: str) -> float:
        """The score of a document's best passage; it must be in the index."""
        number = next(n for n, e in enumerate(self.entries) if e.document_id == document_id)
        rows = np.arange(self._first_rows[number], self._first_rows[number + 1])
        sparse = self._sparse_scores(query.text)[rows]
        return float(fuse(self._dense_scores(query.vector, rows), sparse).max())

    @property
    def labels(self) -> Collection[str]:
        """The labels that any entry carries."""
        return self._holders.keys()

    def sides(self, query: Query) -> tuple[Float32s, Float32s]:
        """The dense and the sparse score of every document [e], for measuring each side alone."""
        rows = np.arange(len(self._owners))
        sides = np.full((2, len(self.entries)), -np.inf, np.float32)
        np.maximum.at(sides[0], self._owners, self._dense_scores(query.vector, rows))
        np.maximum.at(sides[1], self._owners, self._sparse_scores(query.text))
        return sides[0], sides[1]

    def word_weights(self, text: str) -> dict[str, float]:
        """The stems of a text, and how much each says in this knowledge base."""
        _, passages = self._sparse_sides()
        return {token: passages.idf(token) for token in tokenize(text)}

    def _sparse_sides(self) -> tuple[Sparse, Sparse]:
        with self._building:
            if self._sparse is None:
                self._sparse = (
                    Sparse([entry.title_tokens for entry in self.entries]),
                    Sparse([tokens for e in self.entries for tokens in e.passage_tokens]),
                )
            return self._sparse

    def _sparse_scores(self, text: str) -> Float32s:
        """The sparse score of every passage [p]."""
        titles, passages = self._sparse_sides()
        tokens = tokenize(text)
        return sparse_score(
            titles.scores(tokens)[self._owners],
            passages.scores(tokens),
            self._has_title[self._owners],
        )

    def _dense_scores(self, vector: Float32s, rows: Int64s) -> Float32s:
        """The dense score of some passages."""
        owners = self._owners[rows]
        return dense_score(
            self.titles.scores(vector, owners),
            self.passages.scores(vector, rows),
            self._has_title[owners],
        )

    def _label_scores(self, given: Mapping[str, float]) -> Float32s:
        """What each entry's labels add to its score [e]."""
        scores = np.zeros(len(self.entries), np.float32)
        for label, score in given.items():
            holders = self._holders.get(label, [])
            scores[holders] = np.maximum(scores[holders], score)
        return scores

    def _candidates(
        self, queries: Sequence[Query], sparse: Sequence[Float32s], labels: Float32s
    ) -> Int64s:
        """The rows that any side proposes for any query, in ascending order."""
        count = len(self._owners)
        if count <= _CANDIDATES:
            return np.arange(count)
        proposed = np.zeros(count, np.bool_)
        entries = labels > 0
        for query, scores in zip(queries, sparse, strict=True):
            proposed[self.passages.search(query.vector, _CANDIDATES)] = True
            entries[self.titles.search(query.vector, _CANDIDATES)] = True
            best = np.argpartition(-scores, _CANDIDATES)[:_CANDIDATES]
            proposed[best[scores[best] > 0]] = True
        return np.flatnonzero(proposed | entries[self._owners])


def _documents_first(order: Int64s, owners: Int64s, top_k: int, per_document: int) -> list[int]:
    """Places in `order`, those that are not among the first `per_document` of their owner last;
    at most `top_k`.
    """
    by_owner = np.argsort(owners[order], kind="stable")
    sorted_owners = owners[order][by_owner]
    starts = np.flatnonzero(np.r_[True, sorted_owners[1:] != sorted_owners[:-1]])
    counts = np.diff(np.r_[starts, len(order)])
    # The how-manieth of its owner each place of `order` is.
    number = np.empty(len(order), np.int64)
    number[by_owner] = np.arange(len(order)) - np.repeat(starts, counts)
    leading = number < per_document
    ranked = np.concatenate([order[leading], order[~leading]])
    return [int(place) for place in ranked[:top_k]]
