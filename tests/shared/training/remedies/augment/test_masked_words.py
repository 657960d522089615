"""Tests: masked words."""

from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertForMaskedLM, BertModel, PreTrainedTokenizerFast

from shared.errors import ArtifactError, InputError
from shared.models.source import BackboneConfig
from shared.training.remedies.augment.augmenting import AugmentedRows
from shared.training.remedies.augment.edits import Passage, edited
from shared.training.remedies.augment.local_models import read_model
from shared.training.remedies.augment.masked_words import Guesses, MaskedWords
from shared.training.remedies.augment.protection import protect
from shared.training.tasks.classify.examples import Example
from shared.training.tasks.tag.examples import Entity, TaggedExample

pytestmark = pytest.mark.usefixtures("one_thread")

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = ["blue", "letter", "please", "send", "green", "parcel", "##x", "5", "cold"]
LIKELY = {"##x": 9.0, "5": 8.5, "[SEP]": 8.2, "blue": 8.0, "green": 7.5, "parcel": 7.0}


def _tokenizer(mask: str | None = "[MASK]") -> PreTrainedTokenizerFast:
    vocabulary = {word: number for number, word in enumerate([*SPECIAL, *WORDS])}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        mask_token=mask,
        sep_token="[SEP]",
        cls_token="[CLS]",
    )


def _config() -> BertConfig:
    return BertConfig(
        vocab_size=len(SPECIAL) + len(WORDS),
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=1,
        intermediate_size=8,
        max_position_embeddings=16,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that expects `LIKELY` everywhere."""
    folder = tmp_path_factory.mktemp("masked")
    torch.manual_seed(0)
    model = BertForMaskedLM(_config())
    with torch.no_grad():
        model.cls.predictions.decoder.weight.zero_()
        vocabulary = [*SPECIAL, *WORDS]
        bias = torch.tensor([LIKELY.get(word, 0.0) for word in vocabulary])
        model.cls.predictions.bias.copy_(bias)
    model.save_pretrained(folder)
    _tokenizer().save_pretrained(str(folder))
    return folder


def _remedy(folder: Path, **values: object) -> MaskedWords:
    model = {"source": str(folder)}
    return MaskedWords.model_validate({"remedy": "masked_words", "model": model} | values)


def _guesses(folder: Path, share: float, top_k: int) -> Guesses:
    model = read_model(BackboneConfig(source=str(folder)), "AutoModelForMaskedLM")
    return Guesses(model, share, top_k)


def test_a_word_becomes_one_of_the_likeliest_whole_words_other_than_itself(folder: Path) -> None:
    passages = [Passage("send the Blue letter")] * 100
    generators = [np.random.default_rng(seed) for seed in range(100)]
    edits = _guesses(folder, 0.1, 2)(passages, generators)
    assert all(len(some) == 1 for some in edits)
    guessed: dict[str, set[str]] = defaultdict(set)
    for some in edits:
        guessed[passages[0].text[some[0].start : some[0].end]].add(some[0].replacement)
    assert guessed == {
        "send": {"blue", "green"},
        "the": {"blue", "green"},
        "Blue": {"Green", "Parcel"},
        "letter": {"blue", "green"},
    }


def test_texts_of_any_lengths_are_guessed_as_one_by_one(folder: Path) -> None:
    texts = ["send", "send the blue letter please", "cold letter", "letter " * 10] * 12
    passages = [protect(text) for text in texts]
    guesses = _guesses(folder, 0.3, 3)

    def generators() -> list[np.random.Generator]:
        return [np.random.default_rng(seed) for seed in range(len(texts))]

    together = guesses(passages, generators())
    apart = [guesses([p], [g])[0] for p, g in zip(passages, generators(), strict=True)]
    assert [list(each) for each in together] == [list(each) for each in apart]
    assert all(together)


def test_words_beyond_what_the_model_reads_stay(folder: Path) -> None:
    passage = protect("letter " * 40)
    (edits,) = _guesses(folder, 1.0, 1)([passage], [np.random.default_rng(0)])
    assert edited(passage.text, edits).split() == ["blue"] * 14 + ["letter"] * 26


def test_labels_and_negations_stay_and_the_rest_is_guessed(folder: Path) -> None:
    text = "do not send the blue letter"
    example = TaggedExample(text, (Entity(16, 27, "X"),))
    remedy = _remedy(folder, words=1.0, top_k=1)
    _, copy = remedy.change([example], seed=0).examples
    assert isinstance(copy, TaggedExample)
    assert copy.text == "blue not blue blue blue letter"
    (entity,) = copy.entities
    assert copy.text[entity.start : entity.end] == "blue letter"


def test_the_seed_draws_and_rows_without_words_are_refused(folder: Path) -> None:
    examples = [Example(f"send letter {number} please", "a") for number in range(12)]
    remedy = _remedy(folder, words=0.3, rows=AugmentedRows(copies=2))
    assert remedy.change(examples, seed=1) == remedy.change(examples, seed=1)
    assert remedy.change(examples, seed=1) != remedy.change(examples, seed=2)
    with pytest.raises(InputError, match="not one of 1 rows was changed"):
        remedy.change([Example("我的卡", "a")], seed=0)


def test_a_model_without_the_head_is_refused(tmp_path: Path) -> None:
    BertModel(_config()).save_pretrained(tmp_path)
    _tokenizer().save_pretrained(str(tmp_path))
    with pytest.raises(ArtifactError, match="has no weights for cls"):
        _remedy(tmp_path).change([Example("send it", "a")], seed=0)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="does not exist"):
        _remedy(tmp_path / "no").change([Example("send it", "a")], seed=0)
