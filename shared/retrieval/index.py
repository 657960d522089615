"""A knowledge base's index in memory: it never changes, a write makes a new one.

Notation of shapes: e entries (documents), p passages, d the vectors' width.
"""

from collections.abc import Collection, Mapping, MutableMapping, Sequence
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


@dataclass(frozen=True, slots=True, eq=False)
class Query:
    """What is asked: a text, and its vector [d] as the index's bundle embeds it.

    Several queries are readings of one question, and make one search: a passage's score is that of
    the query which fits it best. A query equals itself alone.
    """

    text: str
    vector: Float32s


@dataclass(frozen=True, slots=True)
class Match:
    """A query compared with all passages of an index, which takes most of a search's time.

    `sparse` [p] is the sparse score of each; `rows` are the passages that either side proposes, and
    `entries` the documents whose titles are proposed.
    """

    sparse: Float32s
    rows: Int64s
    entries: Int64s


Matches = MutableMapping[Query, Match]
"""What the searches of one question have compared with one index, so that none does so again."""


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
    compares every vector, rounded at first (see `shared.retrieval.rounded`): what it takes,
    `tests/benchmarks/README.md` says.
    """

    def __init__(self, bundle: str, version: int, width: int, parts: Sequence[Part]) -> None:
        self.bundle = bundle
        self.version = version
        self._width = width
        self._parts = tuple(parts)
        segments = [part.segment for part in parts]
        self._first_entries = _firsts([len(each.entries) for each in segments])
        self._first_passages = _firsts([len(each.owners) for each in segments])
        self._first_rows = _numbered_through(
            [each.first_rows for each in segments], self._first_passages
        )
        self._owners = _numbered_through([each.owners for each in segments], self._first_entries)
        self._has_title = _joined([each.has_title for each in segments])
        self._alive = _joined([part.mask for part in parts])
        self._live_rows = self._alive[self._owners]
        self._count = int(self._live_rows.sum())
        self._all_are_proposed = min(self._count, int(self._alive.sum())) <= _CANDIDATES
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
        matches: Matches | None = None,
    ) -> list[Hit]:
        """The best passages, the best first.

        Each document stands `per_document` times at most, with its best passages; further ones
        follow only where there are fewer than `top_k`. `label_scores` adds to the score of entries
        that carry a label (the largest counts). `context` finds and orders passages as a further
        query, but a hit's scores are those of the queries. `matches` remembers queries that several
        searches share.
        """
        if not self._count:
            return []
        labels = self._label_scores(label_scores or {})
        asked = [*queries, *([] if context is None else [context])]
        by_query = [self._match(query, matches) for query in asked]
        rows = self._candidates(by_query, labels)
        owners = self._owners[rows]
        sparse = np.stack([match.sparse[rows] for match in by_query])
        dense = self._dense_scores(asked, rows)
        fused = fuse(dense, sparse)
        best = fused[: len(queries)].argmax(axis=0)
        scores = fused[: len(queries)].max(axis=0) + labels[owners]
        ranks = fused.max(axis=0) + labels[owners]
        order = _best_first(ranks, owners, top_k)
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

    def best_score(
        self, query: Query, document_id: str, *, matches: Matches | None = None
    ) -> float:
        """The score of a document's best passage; it must be in the index."""
        owner = next(
            int(first) + part.segment.numbers[document_id]
            for part, first in zip(self._parts, self._first_entries, strict=True)
            if part.holds(document_id)
        )
        rows = np.flatnonzero(self._owners == owner)
        sparse = self._match(query, matches).sparse[rows]
        return float(fuse(self._dense_scores([query], rows)[0], sparse).max())

    @cached_property
    def labels(self) -> Collection[str]:
        """The labels that any entry carries."""
        return frozenset(chain.from_iterable(part.labels for part in self._parts))

    def sides(self, query: Query) -> tuple[Float32s, Float32s]:
        """The dense and the sparse score of every document [e], for measuring each side alone."""
        sides = np.full((2, len(self._alive)), -np.inf, np.float32)
        dense = self._dense_scores([query], np.arange(len(self._owners)))
        np.maximum.at(sides[0], self._owners, dense[0])
        np.maximum.at(sides[1], self._owners, self._sparse_scores(query.text))
        return sides[0, self._alive], sides[1, self._alive]

    def word_weights(self, text: str) -> dict[str, float]:
        """The stems of a text, and how much each says in this knowledge base."""
        return {token: self._passages.idf(token) for token in tokenize(text)}

    def _entry(self, owner: int) -> Entry:
        number = int(np.searchsorted(self._first_entries, owner, side="right")) - 1
        return self._parts[number].segment.entries[owner - int(self._first_entries[number])]

    def _match(self, query: Query, matches: Matches | None) -> Match:
        known = None if matches is None else matches.get(query)
        if known is not None:
            return known
        match = self._compared(query)
        if matches is not None:
            matches[query] = match
        return match

    def _compared(self, query: Query) -> Match:
        sparse = self._sparse_scores(query.text)
        if self._all_are_proposed:
            return Match(sparse, np.flatnonzero(self._live_rows), _NOBODY)
        best = _best(sparse)
        passages = _nearest(
            query,
            [(part.segment.passages, part.live_rows) for part in self._parts],
            self._first_passages,
        )
        titles = _nearest(
            query, [(part.segment.titles, part.alive) for part in self._parts], self._first_entries
        )
        return Match(sparse, np.concatenate([passages, best[sparse[best] > 0]]), titles)

    def _dense_scores(self, queries: Sequence[Query], rows: Int64s) -> Float32s:
        """The dense scores of queries with some passages, in ascending order [q, rows]."""
        segments = [part.segment for part in self._parts]
        owners = self._owners[rows]
        is_first = np.diff(owners, prepend=-1) > 0
        titles = _cosines(
            queries, [s.titles for s in segments], self._first_entries, owners[is_first]
        )[:, np.cumsum(is_first) - 1]
        passages = _cosines(queries, [s.passages for s in segments], self._first_passages, rows)
        return dense_score(titles, passages, self._has_title[owners])

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

    def _candidates(self, matches: Sequence[Match], labels: Float32s) -> Int64s:
        """The live rows that any side proposes for any query, in ascending order."""
        proposed = np.zeros(len(self._owners), np.bool_)
        entries = labels > 0
        for match in matches:
            proposed[match.rows] = True
            entries[match.entries] = True
        return np.flatnonzero((proposed | entries[self._owners]) & self._live_rows)


_NOBODY = np.zeros(0, np.int64)


def _nearest(query: Query, parts: Sequence[tuple[Dense, Bools | None]], firsts: Int64s) -> Int64s:
    """The live rows of several matrices, numbered through, that are nearest to a query."""
    rows, scores = [], []
    for (dense, alive), first in zip(parts, firsts, strict=True):
        found, products = dense.search(query.vector, _CANDIDATES, alive)
        rows.append(found + first)
        scores.append(products)
    return np.concatenate(rows)[_best(np.concatenate(scores))]


def _cosines(
    queries: Sequence[Query], matrices: Sequence[Dense], firsts: Int64s, rows: Int64s
) -> Float32s:
    """The cosines of queries with rows, ascending, of matrices that are numbered through [q, rows].

    Query by query: a product of matrices may round otherwise than for one query alone.
    """
    of_each = np.split(rows, np.searchsorted(rows, firsts[1:]))
    return np.stack(
        [
            np.concatenate(
                [
                    matrix.scores(query.vector, some - first)
                    for matrix, some, first in zip(matrices, of_each, firsts, strict=True)
                ]
            )
            for query in queries
        ]
    )


def _firsts(counts: Sequence[int]) -> Int64s:
    """Where each of several stretches begins when they lie one after another."""
    return np.cumsum([0, *counts], dtype=np.int64)[:-1]


def _numbered_through(numbers: Sequence[Int64s], firsts: Int64s) -> Int64s:
    """Numbers within several stretches as numbers within all of them."""
    return np.concatenate(
        [_NOBODY, *(each + first for each, first in zip(numbers, firsts, strict=True))]
    )


def _joined(masks: Sequence[Bools]) -> Bools:
    return np.concatenate([np.zeros(0, np.bool_), *masks])


def _best(scores: Float32s) -> Int64s:
    """The places of the largest scores, in any order."""
    if len(scores) <= _CANDIDATES:
        return np.arange(len(scores))
    return np.argpartition(scores, -_CANDIDATES)[-_CANDIDATES:]


def _best_first(ranks: Float32s, owners: Int64s, top_k: int) -> Int64s:
    """Places by rank, the best first, of equals the earlier one; `owners` ascend.

    Those below the best of the `top_k`th document are left out, since better ones fill the results.
    """
    of_documents = np.maximum.reduceat(ranks, np.flatnonzero(np.diff(owners, prepend=-1)))
    places = np.arange(len(ranks))
    if len(of_documents) > top_k:
        places = np.flatnonzero(ranks >= np.partition(of_documents, -top_k)[-top_k])
    return places[np.argsort(-ranks[places], kind="stable")]


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
