"""Immutable segments of an index, and which of their entries live.

Notation of shapes: e entries (documents), p passages, d the vectors' width.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from shared.retrieval.dense import Dense, Float32s, Int64s
from shared.retrieval.entries import Embedded, Entry
from shared.retrieval.fusion import Bools
from shared.retrieval.postings import Postings

_SMALL = 256
"""Passages up to which the last segments are always merged: that takes a few milliseconds."""

_TOKEN_BYTES = 8
_CHAR_BYTES = 2
"""A token is a reference to one string; a text stands as a whole and in sentences."""


class Segment:
    """Entries with the vectors of their titles [e, d] and passages [p, d], and both's postings.

    `owners` [p] are the entries of the passages, `first_rows` [e] the entries' first passages.
    """

    def __init__(
        self,
        entries: Sequence[Entry],
        titles: Dense,
        passages: Dense,
        postings: tuple[Postings, Postings] | None = None,
    ) -> None:
        self.entries = tuple(entries)
        self.titles = titles
        self.passages = passages
        self.title_postings, self.passage_postings = postings or (
            Postings.of([entry.title_tokens for entry in self.entries]),
            Postings.of([tokens for entry in self.entries for tokens in entry.passage_tokens]),
        )
        counts = np.array([len(entry.passages) for entry in self.entries], np.int64)
        self.owners: Int64s = np.repeat(np.arange(len(counts)), counts)
        self.first_rows: Int64s = np.cumsum(counts) - counts
        self.has_title: Bools = np.array([bool(e.title) for e in self.entries], np.bool_)
        self.numbers = {entry.document_id: n for n, entry in enumerate(self.entries)}
        holders: dict[str, list[int]] = {}
        for number, entry in enumerate(self.entries):
            for label in entry.labels:
                holders.setdefault(label, []).append(number)
        self.holders = {label: np.array(each, np.int64) for label, each in holders.items()}

    @classmethod
    def of(cls, added: Sequence[Embedded], width: int) -> "Segment":
        """The segment of what a write adds."""
        return cls(
            [each.entry for each in added],
            Dense(np.stack([each.title for each in added])),
            Dense(np.concatenate([_nothing(width), *(each.passages for each in added)])),
        )

    @classmethod
    def joined(cls, parts: Sequence["Part"], width: int) -> "Segment":
        """One segment of all that lives in several, in their order."""
        if not parts:
            return cls((), Dense(_nothing(width)), Dense(_nothing(width)))
        if len(parts) == 1 and parts[0].alive is None:
            return parts[0].segment
        titles = [p.segment.titles.vectors[p.mask] for p in parts]
        passages = [p.segment.passages.vectors[p.mask[p.segment.owners]] for p in parts]
        return cls(
            [entry for part in parts for entry in part.entries],
            Dense(np.concatenate([_nothing(width), *titles])),
            Dense(np.concatenate([_nothing(width), *passages])),
            (
                Postings.joined([(part.segment.title_postings, part.alive) for part in parts]),
                Postings.joined([(p.segment.passage_postings, p.live_rows) for p in parts]),
            ),
        )

    @cached_property
    def nbytes(self) -> int:
        """About how much memory it takes: vectors, texts, tokens and their postings."""
        size = self.titles.nbytes + self.passages.nbytes
        size += self.title_postings.nbytes + self.passage_postings.nbytes
        for entry in self.entries:
            tokens = len(entry.title_tokens) + sum(map(len, entry.passage_tokens))
            chars = len(entry.title) + sum(len(passage.source) for passage in entry.passages)
            size += _TOKEN_BYTES * tokens + _CHAR_BYTES * chars
        return size


@dataclass(frozen=True)
class Part:
    """A segment and which of its entries live [e]; None where all do."""

    segment: Segment
    alive: Bools | None = None

    @cached_property
    def mask(self) -> Bools:
        """Which entries live [e]."""
        return np.ones(len(self.segment.entries), np.bool_) if self.alive is None else self.alive

    @cached_property
    def live_rows(self) -> Bools | None:
        """Which passages live [p]; None where all do."""
        return None if self.alive is None else self.alive[self.segment.owners]

    @cached_property
    def size(self) -> int:
        """How many passages live."""
        return len(self.segment.owners) if self.live_rows is None else int(self.live_rows.sum())

    @property
    def entries(self) -> Iterator[Entry]:
        """The entries that live."""
        if self.alive is None:
            return iter(self.segment.entries)
        return (self.segment.entries[number] for number in np.flatnonzero(self.alive))

    @property
    def labels(self) -> Iterator[str]:
        """The labels that a live entry carries."""
        return (label for label, each in self.segment.holders.items() if self.mask[each].any())

    def holds(self, document_id: str) -> bool:
        """Whether this document lives here."""
        number = self.segment.numbers.get(document_id)
        return number is not None and bool(self.mask[number])

    def without(self, document_ids: Collection[str]) -> "Part":
        """The same with these documents dead, those of them that it holds."""
        numbers = self.segment.numbers
        gone = [numbers[key] for key in document_ids if key in numbers]
        if not self.mask[gone].any():
            return self
        alive = self.mask.copy()
        alive[gone] = False
        return Part(self.segment, alive)


def compacted(parts: Sequence[Part], width: int) -> list[Part]:
    """The same live entries, in the same order, in parts each of which has more than twice the
    passages of all that follow it together, or a few at the end; at least half of each lives.
    """
    left = [_trimmed(part, width) for part in parts if part.mask.any()]
    first, size = len(left) - 1, left[-1].size if left else 0
    while first > 0 and left[first - 1].size <= max(2 * size, _SMALL):
        first -= 1
        size += left[first].size
    if first >= len(left) - 1:
        return left
    return [*left[:first], Part(Segment.joined(left[first:], width))]


def _trimmed(part: Part, width: int) -> Part:
    """The part, as a segment of what lives where that is less than half."""
    if 2 * np.count_nonzero(part.mask) >= len(part.mask):
        return part
    return Part(Segment.joined([part], width))


def _nothing(width: int) -> Float32s:
    return np.zeros((0, width), np.float32)
