"""One score from two kinds of evidence, each with two fields: a document's title and its passage.

    dense  = 0.6 * larger + 0.4 * smaller    of the cosines with title and passage
    sparse = mean                            of the BM25 scores of title and passage
    score  = dense + 0.035 * sparse

BM25 is used as it is: it is a sum of logarithms of odds, so a query with many rare words that all
match gives much evidence and one with none gives none. Scaling it to 0..1 for each query (min-max)
or keeping ranks only (reciprocal rank fusion) throws that away, and lets the weaker side overrule
the stronger one. `tests/benchmarks/bench_retrieval.py` prints what the rule does on six data sets
of which some favour one side and some the other: on none is it below its better half.

Notation of shapes: n passages.
"""

import numpy as np
import numpy.typing as npt

Float32s = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]

STRONGER_FIELD = 0.6
"""Share of the better matching field in the dense score: a title that says nothing of the answer,
as many have, should not halve a passage that says it all."""

SPARSE_WEIGHT = 0.035
"""How much of a cosine one unit of BM25 is worth; 0.03 to 0.04 do about equally well."""


def dense_score(title: Float32s, passage: Float32s, has_title: Bools) -> Float32s:
    """Cosines with titles and passages [n] as one score [n]; the passage's where no title is."""
    larger = np.maximum(title, passage)
    smaller = np.minimum(title, passage)
    both = STRONGER_FIELD * larger + (1 - STRONGER_FIELD) * smaller
    return np.where(has_title, both, passage).astype(np.float32)


def sparse_score(title: Float32s, passage: Float32s, has_title: Bools) -> Float32s:
    """BM25 scores of titles and passages [n] as one score [n]."""
    return np.where(has_title, (title + passage) / 2, passage).astype(np.float32)


def fuse(dense: Float32s, sparse: Float32s) -> Float32s:
    """The score by which passages are ranked, of any shape; one index's queries compare."""
    return (dense + SPARSE_WEIGHT * sparse).astype(np.float32)
