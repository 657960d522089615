"""Texts with entities to token arrays.

Notation of shapes: n tokens of a text without the special ones.
"""

from collections.abc import Sequence

import numpy as np

from shared.models.rows import Content
from shared.models.tag import OUTSIDE, bio_labels, word_stretches
from shared.models.tokenization import TextTokenizer
from shared.training.data.arrays import IGNORED, TokenArrays
from shared.training.data.tokenisation import token_types
from shared.training.tasks.tag.examples import Entity, TaggedExample


def tokenise_tagged(
    tokenizer: TextTokenizer, examples: Sequence[TaggedExample], entity_types: Sequence[str]
) -> TokenArrays:
    """A row for each window that serving would slide over a text, and its tokens' BIO labels.

    The label of a word stands at its first token; all else is ignored.
    """
    encoded, windows, contents = tokenizer.slide([example.text for example in examples])
    index = {label: i for i, label in enumerate(bio_labels(entity_types))}
    of_text = [
        np.array([index.get(label, IGNORED) for label in token_labels(content, example.entities)])
        for content, example in zip(contents, examples, strict=True)
    ]
    targets = []
    for row, window in zip(encoded, windows, strict=True):
        of_row = np.full(len(row.input_ids), IGNORED)
        stop = window.start + window.tokens
        of_row[window.column : window.column + window.tokens] = of_text[window.input][
            window.start : stop
        ]
        targets.append(of_row.tolist())
    return TokenArrays.of([row.input_ids for row in encoded], targets, token_types(encoded))


def token_labels(content: Content, entities: Sequence[Entity]) -> list[str]:
    """The BIO label of each of a text's tokens [n]; empty where a token begins no word.

    A word that an entity covers in part is a word of that entity.
    """
    labels = [""] * len(content.words)
    before: Entity | None = None
    for first, stop in word_stretches(content.words):
        start, end = int(content.offsets[first, 0]), int(content.offsets[stop - 1, 1])
        entity = next((e for e in entities if e.start < end and start < e.end), None)
        if entity is None:
            labels[first] = OUTSIDE
        else:
            labels[first] = f"{'I' if entity is before else 'B'}-{entity.type}"
        before = entity
    return labels
