"""From the labels of tokens to entities with character offsets."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from shared.models.heads import OUTSIDE, bio_labels
from shared.models.rows import Content, Int64s
from shared.models.tasks import Float32s, Span


def word_stretches(words: Int64s) -> list[tuple[int, int]]:
    """The tokens `[first, stop)` of each word, from the word index [n] of each token.

    The label of a word is that of its first token, in training too.
    """
    if not len(words):
        return []
    edges = (np.flatnonzero(words[1:] != words[:-1]) + 1).tolist()
    return list(pairwise([0, *edges, len(words)]))


def decode_tags(
    probabilities: Float32s, content: Content, entity_types: Sequence[str]
) -> tuple[Span, ...]:
    """The entities of a text from `probabilities` [n, c] of its tokens' BIO labels.

    An I- that continues no entity of its type begins one, as the CoNLL evaluation reads it. The
    score is the mean probability of the labels of the entity's words.
    """
    labels = bio_labels(entity_types)
    chosen = probabilities.argmax(axis=1)
    spans: list[Span] = []
    scores: list[float] = []
    open_type = ""
    for first, stop in word_stretches(content.words):
        edge, _, entity = labels[chosen[first]].partition("-")
        if edge == OUTSIDE:
            open_type = ""
            continue
        end = int(content.offsets[stop - 1, 1])
        probability = float(probabilities[first, chosen[first]])
        if edge == "I" and entity == open_type:
            scores.append(probability)
            spans[-1] = Span(spans[-1].start, end, entity, float(np.mean(scores)))
        else:
            scores = [probability]
            spans.append(Span(int(content.offsets[first, 0]), end, entity, probability))
        open_type = entity
    return tuple(spans)
