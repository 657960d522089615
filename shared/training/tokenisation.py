"""Examples to token arrays, by the very tokenizer that serving uses."""

from collections.abc import Sequence

from shared.models.tokenization import TextTokenizer
from shared.training.arrays import TokenArrays
from shared.training.reading import Example


def tokenise(
    tokenizer: TextTokenizer, examples: Sequence[Example], labels: Sequence[str]
) -> TokenArrays:
    """Token ids with the special tokens, cut to the tokenizer's length, and each label's index."""
    encoded = tokenizer.encode([example.text for example in examples], truncate=True)
    index = {label: i for i, label in enumerate(labels)}
    return TokenArrays.of(
        [row.input_ids for row in encoded], [index[example.label] for example in examples]
    )
