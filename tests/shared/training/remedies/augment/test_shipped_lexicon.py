"""Tests: shipped lexicon.

Of Open English WordNet the file has what is needed: single words in small letters of at least three
letters which the embedded backbone reads whole, other than words that build sentences and forms of
verbs, which rules make; and those of their synonyms of that form whose embedding by that backbone
has a cosine of at least `SIMILAR` with theirs. WordNet has every meaning of a word: a card is a
poster, too.
"""

import gzip
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer

from shared.models.source import BackboneConfig, locate
from shared.models.tasks import Float32s
from shared.training.remedies.augment.lexicon import FUNCTION_WORDS, SHIPPED, read_lexicon
from tests.harness.data import DATA

SIMILAR = 0.5
_ROUNDING = 1e-3
"""By how much cosines may differ from one processor to another."""

_WORD = re.compile("[a-z]{3,}")
Pair = tuple[str, str, str]
"""A word, its part of speech and a synonym."""


def _needed_pairs(source: Path) -> set[Pair]:
    """The pairs of the source whose words are of the form."""
    tokenizer = Tokenizer.from_file(str(locate(BackboneConfig()).folder / "tokenizer.json"))
    known = {
        word
        for word in tokenizer.get_vocab()
        if _WORD.fullmatch(word) and not word.endswith(("ed", "ing")) and word not in FUNCTION_WORDS
    }
    return {pair for pair in _pairs(source) if pair[0] in known and pair[2] in known}


def _pairs(path: Path) -> Iterator[Pair]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            yield from ((row["word"], row["pos"], each) for each in row["synonyms"])


def _vectors(words: list[str]) -> Mapping[str, Float32s]:
    encoder = SentenceTransformer(str(locate(BackboneConfig()).folder), device="cpu")
    vectors = encoder.encode(
        words, batch_size=256, normalize_embeddings=True, show_progress_bar=False
    )
    return dict(zip(words, np.asarray(vectors, np.float32), strict=True))


@pytest.mark.realdata
@pytest.mark.skipif(not DATA.exists(), reason="no real data: set BANYAN_DATA_DIR")
@pytest.mark.usefixtures("one_thread")
def test_what_ships_is_what_is_needed_of_its_source() -> None:
    pairs = _needed_pairs(DATA / "lexicon" / "english_synonyms.jsonl.gz")
    vectors = _vectors(sorted({word for one, _, other in pairs for word in (one, other)}))
    cosines = {pair: float(vectors[pair[0]] @ vectors[pair[2]]) for pair in pairs}
    shipped = set(_pairs(SHIPPED))
    assert shipped <= pairs
    assert {pair for pair in pairs if cosines[pair] >= SIMILAR + _ROUNDING} <= shipped
    assert min(cosines[pair] for pair in shipped) >= SIMILAR - _ROUNDING


def test_what_ships_is_small_and_has_ordinary_words() -> None:
    assert SHIPPED.stat().st_size < 40_000
    lexicon = read_lexicon()
    assert len(lexicon) > 3000
    assert lexicon.synonyms("purchase", "to") == ["buy"]
    assert "poster" not in lexicon.synonyms("card", "my")
