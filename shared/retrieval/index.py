"""A knowledge base's index in memory: it never changes, a write makes a new one.

Notation of shapes: e entries (documents), p passages, d the vectors' width.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

import numpy as np

from shared.retrieval.dense import Dense, Float32s, Int64s
from shared.retrieval.entries import Embedded, Entry
from shared.retrieval.fusion import Bools, dense_score, fuse, sparse_score
from shared.retrieval.segments import Part, Segment, compacted
from shared.retrieval.sparse import Sparse
from shared.retrieval.tokens import tokenize
from shared.text.passages import Passage

_CANDIDATES = 200
"""Passages (and titles) that each side proposes; all proposals are then scored by both sides."""


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
    several threads.

    The entries lie in immutable segments, as Lucene's do: a write adds a small one and marks what
    it replaces as dead in the others, so it costs little more than a copy of the masks. Scores are
    those of the entries that live, as if the index had been built from them alone. A write merges
    the last segments where they have become as large as the one before them, and one of which less
    than half lives, so that there are few, and each passage is copied a few times in all. A search
    compares every vector: what it takes, `tests/benchmarks/README.md` says.
    """

    def __init__(self, bundle: str, version: int, width: int, parts: Sequence[Part]) -> None:
        self.bundle = bundle
        self.version = version
        self._width = width
        self._parts = tuple(parts)
        segments = [part.segment for part in parts]
        self._first_entries = _firsts([len(each.entries) for each in segments])
        self._first_rows = np.concatenate(
            [
                *(
                    each.first_rows + first
                    for each, first in zip(
                        segments, _firsts([len(each.owners) for each in segments]), strict=True
                    )
                ),
                np.zeros(0, np.int64),
            ]
        )
        self._owners = np.concatenate(
            [
                *(
                    each.owners + first
                    for each, first in zip(segments, self._first_entries, strict=True)
                ),
                np.zeros(0, np.int64),
            ]
        )
        self._has_title = _joined([each.has_title for each in segments])
        self._alive = _joined([part.mask for part in parts])
        self._live_rows = self._alive[self._owners]
        self._count = int(self._live_rows.sum())
        self._titles = Sparse([(part.segment.title_postings, part.alive) for part in parts])
        self._passages = Sparse([(p.segment.passage_postings, p.live_rows) for p in parts])

    @property
    def memory_bytes(self) -> int:
        """About how much memory it takes: vectors, texts, tokens and their postings."""
        return sum(part.segment.nbytes for part in self._parts)

    @cached_property
    def entries(self) -> tuple[Entry, ...]:
        """The documents, in the order in which they were added."""
        return tuple(chain.from_iterable(part.entries for part in self._parts))

    @property
    def segments(self) -> tuple[int, ...]:
        """How many passages live in each segment."""
        return tuple(part.size for part in self._parts)

    @property
    def titles(self) -> Dense:
        """The vectors of the entries' titles [e, d], zeros where there is none."""
        return self._merged.titles

    @property
    def passages(self) -> Dense:
        """The vectors of the entries' passages [p, d]."""
        return self._merged.passages

    @property
    def _merged(self) -> Segment:
        """All that lives as one segment; made for each caller unless it is one already."""
        return Segment.joined(self._parts, self._width)

    @classmethod
    def empty(cls, bundle: str, width: int) -> "Index":
        """An index of nothing, for vectors of this width."""
        return cls(bundle, 0, width, ())

    @classmethod
    def of(
        cls, bundle: str, version: int, entries: Sequence[Entry], titles: Dense, passages: Dense
    ) -> "Index":
        """An index of entries with the vectors of their titles [e, d] and passages [p, d]."""
        width = titles.vectors.shape[1]
        return cls(bundle, version, width, [Part(Segment(entries, titles, passages))])

    def replaced(
        self, version: int, removed: Collection[str], added: Sequence[Embedded]
    ) -> "Index":
        """The index of a later version: without the `removed` documents, with the `added` ones.

        An added document replaces the one of the same id.
        """
        gone = {*removed, *(embedded.entry.document_id for embedded in added)}
        parts = [part.without(gone) for part in self._parts]
        if added:
            parts.append(Part(Segment.of(added, self._width)))
        return Index(self.bundle, version, self._width, compacted(parts, self._width))

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
        if not self._count:
            return []
        labels = self._label_scores(label_scores or {})
        asked = [*queries, *([] if context is None else [context])]
        by_query = [self._sparse_scores(query.text) for query in asked]
        titles, passages = self._cosines(asked)
        rows = self._candidates(titles, passages, by_query, labels)
        owners = self._owners[rows]
        sparse = np.stack([scores[rows] for scores in by_query])
        dense = dense_score(titles[:, owners], passages[:, rows], self._has_title[owners])
        fused = fuse(dense, sparse)
        best = fused[: len(queries)].argmax(axis=0)
        scores = fused[: len(queries)].max(axis=0) + labels[owners]
        ranks = fused.max(axis=0) + labels[owners]
        order = np.lexsort((rows, -ranks))
        return [
            Hit(
                self._entry(int(owners[i])),
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
        part, first = next(
            (part, int(first))
            for part, first in zip(self._parts, self._first_entries, strict=True)
            if part.holds(document_id)
        )
        segment = part.segment
        number = segment.numbers[document_id]
        own = segment.owners == number
        rows = np.flatnonzero(self._owners == first + number)
        title = np.full(len(rows), segment.titles.vectors[number] @ query.vector, np.float32)
        passages = segment.passages.vectors[own] @ query.vector
        dense = dense_score(title, passages, self._has_title[self._owners[rows]])
        return float(fuse(dense, self._sparse_scores(query.text)[rows]).max())

    @cached_property
    def labels(self) -> Collection[str]:
        """The labels that any entry carries."""
        return frozenset(chain.from_iterable(part.labels for part in self._parts))

    def sides(self, query: Query) -> tuple[Float32s, Float32s]:
        """The dense and the sparse score of every document [e], for measuring each side alone."""
        sides = np.full((2, len(self._alive)), -np.inf, np.float32)
        titles, passages = self._cosines([query])
        dense = dense_score(titles[0][self._owners], passages[0], self._has_title[self._owners])
        np.maximum.at(sides[0], self._owners, dense)
        np.maximum.at(sides[1], self._owners, self._sparse_scores(query.text))
        return sides[0, self._alive], sides[1, self._alive]

    def word_weights(self, text: str) -> dict[str, float]:
        """The stems of a text, and how much each says in this knowledge base."""
        return {token: self._passages.idf(token) for token in tokenize(text)}

    def _entry(self, owner: int) -> Entry:
        number = int(np.searchsorted(self._first_entries, owner, side="right")) - 1
        return self._parts[number].segment.entries[owner - int(self._first_entries[number])]

    def _cosines(self, queries: Sequence[Query]) -> tuple[Float32s, Float32s]:
        """The cosines of the queries [q] with all titles [q, e] and passages [q, p]."""
        segments = [part.segment for part in self._parts]
        # Query by query: a product of matrices may round otherwise than for one query alone.
        titles, passages = (
            np.stack([np.concatenate([m @ query.vector for m in side]) for query in queries])
            for side in (
                [each.titles.vectors for each in segments],
                [each.passages.vectors for each in segments],
            )
        )
        return titles, passages

    def _sparse_scores(self, text: str) -> Float32s:
        """The sparse score of every passage [p]."""
        tokens = tokenize(text)
        return sparse_score(
            self._titles.scores(tokens)[self._owners],
            self._passages.scores(tokens),
            self._has_title[self._owners],
        )

    def _label_scores(self, given: Mapping[str, float]) -> Float32s:
        """What each entry's labels add to its score [e]."""
        scores = np.zeros(len(self._alive), np.float32)
        for part, first in zip(self._parts, self._first_entries, strict=True):
            for label, score in given.items():
                holders = part.segment.holders.get(label, _NOBODY) + first
                scores[holders] = np.maximum(scores[holders], score)
        return scores

    def _candidates(
        self, titles: Float32s, passages: Float32s, sparse: Sequence[Float32s], labels: Float32s
    ) -> Int64s:
        """The live rows that any side proposes for any query, in ascending order."""
        if self._count <= _CANDIDATES:
            return np.flatnonzero(self._live_rows)
        proposed = np.zeros(len(self._owners), np.bool_)
        entries = labels > 0
        for of_titles, of_passages, scores in zip(titles, passages, sparse, strict=True):
            proposed[_best(np.where(self._live_rows, of_passages, -np.inf))] = True
            entries[_best(np.where(self._alive, of_titles, -np.inf))] = True
            best = _best(scores)
            proposed[best[scores[best] > 0]] = True
        return np.flatnonzero((proposed | entries[self._owners]) & self._live_rows)


_NOBODY = np.zeros(0, np.int64)


def _firsts(counts: Sequence[int]) -> Int64s:
    """Where each of several stretches begins when they lie one after another."""
    return np.cumsum([0, *counts], dtype=np.int64)[:-1]


def _joined(masks: Sequence[Bools]) -> Bools:
    return np.concatenate([np.zeros(0, np.bool_), *masks])


def _best(scores: Float32s) -> Int64s:
    """The places of the largest scores, in any order."""
    if len(scores) <= _CANDIDATES:
        return np.arange(len(scores))
    return np.argpartition(scores, -_CANDIDATES)[-_CANDIDATES:]


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
