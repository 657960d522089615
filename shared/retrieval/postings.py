"""Which texts hold a word and how often: the lexical side of one immutable segment of an index.

Notation of shapes: n texts, t different words, m pairs of a word and a text that holds it.
"""

from collections.abc import Sequence
from itertools import chain
from typing import Self

import numpy as np
import numpy.typing as npt

Bools = npt.NDArray[np.bool_]
Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]
Tokens = tuple[str, ...]

_WORD_BYTES = 120
"""A word of the vocabulary: the string, and its place in the dictionary."""


class Postings:
    """For every word the rows [0, n) that hold it, ascending, and how often each does.

    `lengths` [n] are the texts' lengths in tokens.
    """

    def __init__(
        self,
        vocabulary: dict[str, int],
        starts: Int64s,
        rows: Int32s,
        counts: Int32s,
        lengths: Int64s,
    ) -> None:
        self._vocabulary = vocabulary
        self._starts = starts
        self._rows = rows
        self._counts = counts
        self.lengths = lengths

    @classmethod
    def of(cls, texts: Sequence[Tokens]) -> Self:
        """The postings of texts; a text's place is its row."""
        vocabulary: dict[str, int] = {}
        lengths = np.array([len(text) for text in texts], np.int64)
        words = np.fromiter(
            (vocabulary.setdefault(word, len(vocabulary)) for word in chain.from_iterable(texts)),
            np.int64,
            int(lengths.sum()),
        )
        count = max(len(texts), 1)
        pairs, counts = np.unique(
            words * count + np.repeat(np.arange(len(texts)), lengths), return_counts=True
        )
        return cls(
            vocabulary,
            np.searchsorted(pairs, np.arange(len(vocabulary) + 1) * count),
            (pairs % count).astype(np.int32),
            counts.astype(np.int32),
            lengths,
        )

    @classmethod
    def joined(cls, parts: Sequence[tuple["Postings", Bools | None]]) -> Self:
        """The postings of the rows that live of several, one after another.

        Equal to those of these rows' texts, but for the order of the words. A part's mask [n] says
        which rows live, None that all do.
        """
        vocabulary: dict[str, int] = {}
        words, rows, counts, lengths = [], [], [], []
        first = 0
        for part, alive in parts:
            numbers = np.fromiter(
                (vocabulary.setdefault(word, len(vocabulary)) for word in part._vocabulary),
                np.int64,
                len(part._vocabulary),
            )
            of_words = np.repeat(numbers, np.diff(part._starts))
            live = np.ones(len(part.lengths), np.bool_) if alive is None else alive
            kept = live[part._rows]
            words.append(of_words[kept])
            rows.append((np.cumsum(live) - 1 + first)[part._rows[kept]])
            counts.append(part._counts[kept])
            lengths.append(part.lengths[live])
            first += int(live.sum())
        order = np.lexsort((np.concatenate(rows), np.concatenate(words)))
        in_order = np.concatenate(words)[order]
        names = list(vocabulary)
        used, starts = np.unique(in_order, return_index=True)
        return cls(
            {names[number]: place for place, number in enumerate(used)},
            np.append(starts, len(in_order)).astype(np.int64),
            np.concatenate(rows)[order].astype(np.int32),
            np.concatenate(counts)[order],
            np.concatenate(lengths),
        )

    @property
    def nbytes(self) -> int:
        """About how much memory it takes."""
        arrays = (self._starts, self._rows, self._counts, self.lengths)
        return sum(each.nbytes for each in arrays) + _WORD_BYTES * len(self._vocabulary)

    def holding(self, word: str, alive: Bools | None) -> tuple[Int32s, Int32s]:
        """The rows that hold a word, and how often; only those that live under a mask [n]."""
        number = self._vocabulary.get(word)
        if number is None:
            return _NOTHING, _NOTHING
        place = slice(self._starts[number], self._starts[number + 1])
        rows, counts = self._rows[place], self._counts[place]
        if alive is None:
            return rows, counts
        # NumPy gathers by its own type of index in half of the time.
        kept = alive[rows.astype(np.intp)]
        return rows[kept], counts[kept]


_NOTHING = np.zeros(0, np.int32)
