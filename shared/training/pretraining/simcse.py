"""SimCSE: a text comes near itself, read twice under dropout, and leaves the other texts.

Notation of shapes: n texts, b rows, s columns, d the vectors' width.

Source: https://arxiv.org/abs/2104.08821 (section 3).
"""

from collections.abc import Sequence

from torch import nn

from shared.errors import ConfigError
from shared.models.backbone import Backbone
from shared.models.tokenization import TextTokenizer
from shared.training.data.arrays import TokenArrays
from shared.training.data.tokenisation import text_numbers
from shared.training.methods.full import Full
from shared.training.methods.model import TunedModel


def embedder(backbone: Backbone) -> TunedModel:
    """The backbone's own vectors [b, d], all of the encoder's weights trained.

    Raises:
        ConfigError: the encoder has no dropout, so both readings of a text would be the same.
    """
    rates = [each.p for each in backbone.encoder.modules() if isinstance(each, nn.Dropout)]
    if not max(rates, default=0.0):
        raise ConfigError(
            f"{backbone.name} has no dropout, by which SimCSE reads a text in two ways: set "
            "hidden_dropout_prob in its config.json, or objective=masked"
        )
    return TunedModel.embedder(Full(backbone.encoder), backbone)


def twice(tokenizer: TextTokenizer, texts: Sequence[str]) -> TokenArrays:
    """Each text as its own pair, [2 n] rows."""
    return _pairs(tokenizer, [(text, text) for text in texts])


def halves(tokenizer: TextTokenizer, texts: Sequence[str]) -> TokenArrays:
    """The first half of each text beside its second: what needs no labels to be judged by."""
    return _pairs(tokenizer, [(text[: len(text) // 2], text[len(text) // 2 :]) for text in texts])


def _pairs(tokenizer: TextTokenizer, pairs: Sequence[tuple[str, str]]) -> TokenArrays:
    texts = [text for pair in pairs for text in pair]
    rows = [row.input_ids for row in tokenizer.encode(texts, truncate=True)]
    return TokenArrays.of(rows, text_numbers(texts).tolist(), rows_per_example=2)
