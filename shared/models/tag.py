"""BIO labels, and from those of tokens to entities with character offsets; free of torch."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from shared.models.rows import Content, Int64s
from shared.models.tasks import Float32s, Span

OUTSIDE = "O"


def bio_labels(entity_types: Sequence[str]) -> tuple[str, ...]:
    """The outputs of a `tag` head in order: O, then B- and I- of each entity type."""
    return (OUTSIDE, *(f"{edge}-{entity}" for entity in entity_types for edge in "BI"))


def word_stretches(words: Int64s) -> list[tuple[int, int]]:
    """The tokens `[first, stop)` of each word, from the word index [n] of each token.

    The label of a word is that of its first token, in training too.
    """
    if not len(words):
        return []
    edges = (np.flatnonzero(words[1:] != words[:-1]) + 1).tolist()
    return list(pairwise([0, *edges, len(words)]))


def entity_stretches(labels: Sequence[str]) -> list[tuple[int, int, str]]:
    """The words `[first, stop)` of each entity, and its type, from the BIO label of each word.

    An I- that continues no entity of its type begins one, as the CoNLL evaluation reads it.
    """
    stretches: list[tuple[int, int, str]] = []
    open_type = ""
    for word, label in enumerate(labels):
        edge, _, entity = label.partition("-")
        if edge == OUTSIDE:
            open_type = ""
            continue
        if edge == "I" and entity == open_type:
            stretches[-1] = (stretches[-1][0], word + 1, entity)
        else:
            stretches.append((word, word + 1, entity))
        open_type = entity
    return stretches


def decode_tags(
    probabilities: Float32s, content: Content, entity_types: Sequence[str]
) -> tuple[Span, ...]:
    """The entities of a text from `probabilities` [n, c] of its tokens' BIO labels.

    The score is the mean probability of the labels of the entity's words.
    """
    labels = bio_labels(entity_types)
    words = word_stretches(content.words)
    of_words = probabilities[[first for first, _ in words]]
    chosen = [labels[i] for i in of_words.argmax(axis=1)]
    highest = of_words.max(axis=1)
    return tuple(
        Span(
            start=int(content.offsets[words[first][0], 0]),
            end=int(content.offsets[words[stop - 1][1] - 1, 1]),
            label=entity,
            score=float(highest[first:stop].mean()),
        )
        for first, stop, entity in entity_stretches(chosen)
    )
