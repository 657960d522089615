"""Hard negatives: the documents that an embedding finds for a query though they do not answer it.

Notation of shapes: n examples, m different documents, d the vectors' width.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from shared.errors import InputError
from shared.models.tasks import Float32s
from shared.retrieval.dense import Dense
from shared.training.data.arrays import Int64s
from shared.training.data.candidates import Candidates


@dataclass(frozen=True, slots=True)
class Mined:
    """Examples with new negatives, and how hard these are.

    `found_first` is the share of queries for which the embedding finds an answer first; the
    similarities, of the answers and of the new negatives, are means of cosines.
    """

    examples: tuple[Candidates, ...]
    found_first: float
    positive_similarity: float
    negative_similarity: float


def documents_of(examples: Sequence[Candidates]) -> list[str]:
    """The different documents of examples, [m], in the order in which they stand."""
    return list(dict.fromkeys(text for each in examples for text in each.documents))


def mine(
    examples: Sequence[Candidates],
    queries: Float32s,
    documents: Float32s,
    *,
    negatives: int,
    max_similarity: float | None,
) -> Mined:
    """Gives each example the `negatives` nearest documents that do not answer its query.

    `queries` [n, d] and `documents` [m, d], those of `documents_of`, have length 1. A document
    whose similarity is more than `max_similarity` times the answer's is passed over, because it
    may be an answer too; so is what answers the same query in another example. With None only the
    latter is.

    Raises:
        InputError: fewer than `negatives` documents are left for a query.

    Source: https://arxiv.org/abs/2407.15831 (section 3.2, TopK-PercPos).
    """
    texts = documents_of(examples)
    place = {text: i for i, text in enumerate(texts)}
    answers: dict[str, set[int]] = {}
    for each in examples:
        answers.setdefault(each.query, set()).update(place[text] for text in each.positives)
    index = Dense(documents)
    mined, first, similarities = [], 0, np.zeros((len(examples), 2))
    for i, each in enumerate(examples):
        # The query itself may stand among the documents.
        known = answers[each.query] | {place.get(each.query, -1)}
        positive = float(queries[i] @ documents[place[each.positives[0]]])
        limit = np.inf if max_similarity is None else max_similarity * positive
        found = _nearest(index, queries[i], known, negatives, limit)
        if len(found) < negatives:
            within = (
                f", and at most {max_similarity:g} times as similar as the answer"
                if max_similarity is not None
                else ""
            )
            raise InputError(
                f"example {i + 1}: {len(found)} of {len(texts)} documents are no answer to its "
                f"query{within}, and {negatives} are wanted: lower negatives, give more data, or "
                "raise max_similarity (null, where all answers are known)"
            )
        first += int(index.search(queries[i], 1)[0][0]) in known
        similarities[i] = positive, index.scores(queries[i], found).mean()
        mined.append(replace(each, negatives=tuple(texts[row] for row in found)))
    of_positives, of_negatives = similarities.mean(axis=0).tolist()
    return Mined(tuple(mined), first / len(examples), of_positives, of_negatives)


def _nearest(
    index: Dense, query: Float32s, known: set[int], negatives: int, limit: float
) -> Int64s:
    """The nearest documents that are not `known` and whose similarity is at most `limit`."""
    k, total = 4 * negatives + len(known), len(index.vectors)
    while True:
        rows, scores = index.search(query, k)
        rows = rows[scores <= limit]
        found = np.array([row for row in rows.tolist() if row not in known][:negatives], np.int64)
        if len(found) == negatives or k >= total:
            return found
        k *= 4
