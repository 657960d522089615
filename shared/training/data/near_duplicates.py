"""Texts that are nearly the same, found exactly: by the shingles that two texts share.

A text's shingles are its different stretches of four characters, in lower case and without
punctuation; two texts are similar as far as they share them: |a & b| / |a | b| (Jaccard). Of two
texts at least as similar as asked for, each has one of its rarest shingles in common with the
other's rarest, so only texts that meet there are compared; a bitmap of 256 bits refuses most of
those, because it never shows more differences than there are; the rest are counted. So nothing
is missed, as sketches by random hashes (MinHash) miss some.

Where more than 128 texts meet at one shingle, each is compared to the 128 that follow it in length:
that bounds the work on texts made from a template, of which then a few may be missed.

Notation of shapes: n texts, t shingles of all texts, p pairs.

Source: Bayardo, Ma and Srikant, "Scaling up all pairs similarity search", WWW 2007 (prefixes);
Sandes, Teodoro and Melo, "Bitmap filter: speeding up exact set similarity joins with bitwise
operations", Information Systems 88, 2020.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

Int64s = npt.NDArray[np.int64]
UInt64s = npt.NDArray[np.uint64]

_CHARACTERS = 4
_NEIGHBOURS = 128
_PAIRS_AT_ONCE = 1 << 20
_SHINGLES_AT_ONCE = 1 << 22
_BITMAP_WORDS = 4
_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_FILLING = "\0"
_NO_WORD = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class Shingles:
    """The shingles of n texts, by how rare they are: `ids[offsets[i]:offsets[i + 1]]` is text i's.

    The ids of a text rise, the rarest one is the first. `bitmaps` [n, 4] has a bit that flips with
    each shingle that falls on it.
    """

    ids: Int64s
    offsets: Int64s
    bitmaps: UInt64s

    @property
    def counts(self) -> Int64s:
        """How many shingles each text has, [n]; 0 where nothing is left but punctuation."""
        return np.diff(self.offsets)


@dataclass(frozen=True, slots=True)
class NearPairs:
    """Pairs of texts, `first < second` [p], and how similar they are, in [0, 1]."""

    first: Int64s
    second: Int64s
    similarity: npt.NDArray[np.float64]


def normalised(text: str) -> str:
    """A text in one form: compatibility characters resolved, lower case, words with one space."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return _NO_WORD.sub(" ", folded).strip()


def near_pairs(texts: Sequence[str], sets: Int64s, similarity: float) -> Iterator[NearPairs]:
    """Pairs of texts at least that similar, in portions.

    `sets` [n] says which set each text is of. Every text that has a near duplicate in its own set
    or in another one stands in a pair that shows it; of many such pairs only some are given.
    """
    shingles = shingle(texts)
    shown = np.zeros((len(texts), int(sets.max(initial=0)) + 1), bool)
    for first, second in _portions(shingles, _meetings(shingles, similarity)):
        unseen = ~(shown[first, sets[second]] & shown[second, sets[first]])
        pairs = _compared(shingles, first[unseen], second[unseen], similarity)
        shown[pairs.first, sets[pairs.second]] = True
        shown[pairs.second, sets[pairs.first]] = True
        if len(pairs.first):
            yield pairs


def shingle(texts: Sequence[str]) -> Shingles:
    """The different shingles of each text; one shorter than a shingle is one itself."""
    prepared = [f" {text} " if text else "" for text in map(normalised, texts)]
    padded = [text.ljust(_CHARACTERS, _FILLING) for text in prepared if text]
    lengths = np.array([max(len(text), _CHARACTERS) if text else 0 for text in prepared], np.int64)
    codes = np.frombuffer("".join(padded).encode("utf-32-le", "surrogatepass"), np.uint32)
    per_text = np.maximum(lengths - _CHARACTERS + 1, 0)
    starts = _ranges(np.cumsum(lengths) - lengths, per_text)
    hashes = np.zeros(len(starts), np.uint64)
    for column in range(_CHARACTERS):
        hashes = (hashes ^ codes[starts + column]) * _FACTOR
        hashes ^= hashes >> np.uint64(29)
    return _by_rarity(hashes, np.repeat(np.arange(len(texts)), per_text), len(texts))


def _by_rarity(hashes: UInt64s, owners: Int64s, n: int) -> Shingles:
    order = np.lexsort((hashes, owners))
    hashes, owners = hashes[order], owners[order]
    first = np.ones(len(hashes), bool)
    first[1:] = (hashes[1:] != hashes[:-1]) | (owners[1:] != owners[:-1])
    hashes, owners = hashes[first], owners[first]
    _, ids, counts = np.unique(hashes, return_inverse=True, return_counts=True)
    rank = np.empty(len(counts), np.int64)
    rank[np.argsort(counts, kind="stable")] = np.arange(len(counts))
    ids = rank[ids]
    ids = ids[np.lexsort((ids, owners))]
    bitmaps = np.zeros((n, _BITMAP_WORDS), np.uint64)
    bits = hashes & np.uint64(64 * _BITMAP_WORDS - 1)
    words, places = (bits >> np.uint64(6)).astype(np.int64), bits & np.uint64(63)
    np.bitwise_xor.at(bitmaps, (owners, words), np.uint64(1) << places)
    offsets = np.concatenate([[0], np.cumsum(np.bincount(owners, minlength=n))])
    return Shingles(ids, offsets.astype(np.int64), bitmaps)


def _meetings(shingles: Shingles, similarity: float) -> Iterator[tuple[Int64s, Int64s]]:
    """Pairs of texts that share one of their rarest shingles, each pair perhaps several times."""
    counts = shingles.counts
    # A hair less, so that a product such as 0.7 * 10 is not taken for more than 7.
    prefixes = counts - np.ceil(counts * similarity - 1e-9).astype(np.int64) + (counts > 0)
    texts = np.repeat(np.arange(len(counts)), prefixes)
    ids = shingles.ids[_ranges(shingles.offsets[:-1], prefixes)]
    order = np.lexsort((texts, counts[texts], ids))
    texts, ids = texts[order], ids[order]
    ends = np.searchsorted(ids, ids, side="right")
    following = np.minimum(ends - np.arange(len(ids)) - 1, _NEIGHBOURS)
    bounds = np.cumsum(following)
    start = 0
    while start < len(ids):
        done = bounds[start - 1] if start else 0
        stop = max(int(np.searchsorted(bounds, done + _PAIRS_AT_ONCE, side="right")), start + 1)
        here = following[start:stop]
        first = np.repeat(texts[start:stop], here)
        second = texts[_ranges(np.arange(start, stop) + 1, here)]
        # They are in order of length, and the longer one must not be too long to be similar.
        close = counts[second] * similarity <= counts[first] + 1e-9
        first, second = first[close], second[close]
        different = _differences(shingles, first, second)
        total = counts[first] + counts[second]
        likely = different * (1 + similarity) <= total * (1 - similarity) + 1e-9
        first, second = first[likely], second[likely]
        yield np.minimum(first, second), np.maximum(first, second)
        start = stop


def _portions(
    shingles: Shingles, meetings: Iterator[tuple[Int64s, Int64s]]
) -> Iterator[tuple[Int64s, Int64s]]:
    """The same pairs, of about `_SHINGLES_AT_ONCE` shingles each time: long texts take memory."""
    for first, second in meetings:
        if not len(first):
            continue
        work = np.cumsum(shingles.counts[first] + shingles.counts[second])
        cuts = np.searchsorted(work, np.arange(0, int(work[-1]), _SHINGLES_AT_ONCE))
        for start, stop in pairwise([*np.unique(cuts).tolist(), len(first)]):
            yield first[start:stop], second[start:stop]


def _differences(shingles: Shingles, first: Int64s, second: Int64s) -> Int64s:
    """At most as many as the shingles that only one of two texts has, [p]."""
    found = np.zeros(len(first), np.int64)
    for word in range(_BITMAP_WORDS):
        column = shingles.bitmaps[:, word]
        found += np.bitwise_count(column[first] ^ column[second])
    return found


def _compared(shingles: Shingles, first: Int64s, second: Int64s, similarity: float) -> NearPairs:
    """Those of the pairs that are similar, each once."""
    keys = np.unique(first * len(shingles.counts) + second)
    first, second = np.divmod(keys, max(len(shingles.counts), 1))
    counts = shingles.counts
    pairs = np.arange(len(first))
    both = np.concatenate([_keyed(shingles, first, pairs), _keyed(shingles, second, pairs)])
    both.sort()
    width = int(shingles.ids.max(initial=0)) + 1
    shared = np.bincount(both[1:][both[1:] == both[:-1]] // width, minlength=len(first))
    found = shared / np.maximum(counts[first] + counts[second] - shared, 1)
    near = found >= similarity - 1e-9
    return NearPairs(first[near], second[near], found[near])


def _keyed(shingles: Shingles, texts: Int64s, pairs: Int64s) -> Int64s:
    """The shingles of some texts, each as a separate number for each pair."""
    counts = shingles.counts[texts]
    ids = shingles.ids[_ranges(shingles.offsets[texts], counts)]
    width = int(shingles.ids.max(initial=0)) + 1
    return np.repeat(pairs, counts) * width + ids


def _ranges(starts: Int64s, lengths: Int64s) -> Int64s:
    """`starts[i], starts[i] + 1, ...`, `lengths[i]` of them, one after the other."""
    before = np.cumsum(lengths) - lengths
    within: Int64s = np.arange(int(lengths.sum())) + np.repeat(starts - before, lengths)
    return within
