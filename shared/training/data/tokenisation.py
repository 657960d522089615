"""Texts to token arrays, by the very tokenizer that serving uses.

Notation of shapes: r rows.
"""

from collections.abc import Sequence

import numpy as np

from shared.models.tasks import Input
from shared.models.tokenization import Encoded, TextTokenizer
from shared.training.data.arrays import Int64s, TokenArrays


def tokenise(
    tokenizer: TextTokenizer,
    texts: Sequence[Input],
    targets: Sequence[int | Sequence[int]],
    rows_per_example: int = 1,
) -> TokenArrays:
    """Token ids with the special tokens, cut to the tokenizer's length, and given targets."""
    encoded = tokenizer.encode(texts, truncate=True)
    return TokenArrays.of(
        [row.input_ids for row in encoded], targets, token_types(encoded), rows_per_example
    )


def text_numbers(texts: Sequence[str]) -> Int64s:
    """A number for each text, int64 [r], the same for equal ones."""
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(text, len(numbers)) for text in texts], np.int64)


def token_types(encoded: Sequence[Encoded]) -> list[Int64s] | None:
    """Which of two texts each token is of; None where no row is a pair."""
    if all(row.token_type_ids is None for row in encoded):
        return None
    return [
        np.zeros_like(row.input_ids) if row.token_type_ids is None else row.token_type_ids
        for row in encoded
    ]
