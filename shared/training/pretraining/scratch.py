"""A backbone with random weights and its own tokenizer: for a language that has none."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import torch
from pydantic import Field, model_validator
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Transformer
from sentence_transformers.sentence_transformer.modules import Pooling
from tokenizers import BertWordPieceTokenizer
from transformers import BertConfig, BertModel, BertTokenizer
from transformers.utils.logging import disable_progress_bar

from shared.config import Settings
from shared.files import new_folder
from shared.training.data.settings import Share


class ScratchSettings(Settings):
    """The sizes of a new encoder of BERT's architecture; texts of `max_length` tokens are read.

    `vocabulary` is how many word pieces are learned from the text at most, none that stands there
    fewer than `least_frequency` times. Chinese characters are always separate pieces.
    """

    vocabulary: int = Field(default=8000, ge=100, le=1 << 20)
    least_frequency: int = Field(default=2, ge=1)
    lower_case: bool = True
    width: int = Field(default=256, ge=8, le=4096)
    layers: int = Field(default=4, ge=1, le=96)
    heads: int = Field(default=4, ge=1, le=128)
    inner_width: int = Field(default=1024, ge=8, le=1 << 15)
    max_length: int = Field(default=128, ge=8, le=8192)
    dropout: Share = 0.1

    @model_validator(mode="after")
    def _heads_share_the_width(self) -> Self:
        if self.width % self.heads:
            raise ValueError(f"width {self.width} is not a multiple of heads {self.heads}")
        return self


def write_scratch(folder: Path, settings: ScratchSettings, texts: Sequence[str], seed: int) -> None:
    """Writes a folder that `shared.models.source.locate` reads, whole or not at all.

    Vectors are the mean of the tokens' states. The library that learns the word pieces breaks ties
    by chance, so that the same texts may give other ones: keep the folder, and begin with it again.
    """
    learned = BertWordPieceTokenizer(lowercase=settings.lower_case, strip_accents=False)
    learned.train_from_iterator(
        iter(texts),
        vocab_size=settings.vocabulary,
        min_frequency=settings.least_frequency,
        # The library keeps 1,000 characters unless told otherwise; Chinese has several thousand.
        limit_alphabet=settings.vocabulary,
        show_progress=False,
    )
    disable_progress_bar()  # type: ignore[no-untyped-call]
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=learned.get_vocab_size(),
        hidden_size=settings.width,
        num_hidden_layers=settings.layers,
        num_attention_heads=settings.heads,
        intermediate_size=settings.inner_width,
        max_position_embeddings=settings.max_length,
        hidden_dropout_prob=settings.dropout,
        attention_probs_dropout_prob=settings.dropout,
        pad_token_id=learned.token_to_id("[PAD]"),
    )
    with tempfile.TemporaryDirectory() as plain, new_folder(folder) as finished:
        BertModel(config).save_pretrained(plain)
        BertTokenizer(
            vocab=learned.get_vocab(),
            do_lower_case=settings.lower_case,
            strip_accents=False,
            model_max_length=settings.max_length,
        ).save_pretrained(plain)
        transformer = Transformer(plain)
        transformer.max_seq_length = settings.max_length
        model = SentenceTransformer(
            modules=[transformer, Pooling(settings.width, pooling_mode="mean")], device="cpu"
        )
        model.save(str(finished), create_model_card=False)
