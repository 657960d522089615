"""Tests: shipped lexicon.

Of Open English WordNet the file has what is needed: single words in small letters of at least three
letters which the embedded backbone reads whole, and their synonyms of that form. Words with more
than eight of them have too many meanings to be told apart, and forms of verbs are made by rules.
"""

import gzip
import json
import re
from collections import defaultdict
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from shared.models.source import BackboneConfig, locate
from shared.training.remedies.augment.lexicon import FUNCTION_WORDS, SHIPPED, read_lexicon
from tests.harness.data import DATA

_WORD = re.compile("[a-z]{3,}")
_MOST_SYNONYMS = 8


def _selected(source: Path) -> list[dict[str, object]]:
    """The entries of the source that ship."""
    known = set(
        Tokenizer.from_file(str(locate(BackboneConfig()).folder / "tokenizer.json")).get_vocab()
    )

    def is_needed(word: str) -> bool:
        is_word = _WORD.fullmatch(word) is not None
        is_form = word.endswith(("ed", "ing"))
        return is_word and not is_form and word in known and word not in FUNCTION_WORDS

    entries: dict[str, list[tuple[str, list[str]]]] = defaultdict(list)
    with gzip.open(source, "rt", encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            synonyms = [each for each in row["synonyms"] if is_needed(each)]
            if is_needed(row["word"]) and synonyms:
                entries[row["word"]].append((row["pos"], synonyms))
    return [
        {"word": word, "pos": part, "synonyms": synonyms}
        for word, parts in sorted(entries.items())
        if len({each for _, some in parts for each in some}) <= _MOST_SYNONYMS
        for part, synonyms in parts
    ]


@pytest.mark.realdata
@pytest.mark.skipif(not DATA.exists(), reason="no real data: set BANYAN_DATA_DIR")
def test_what_ships_is_what_is_needed_of_its_source() -> None:
    source = DATA / "lexicon" / "english_synonyms.jsonl.gz"
    with gzip.open(SHIPPED, "rt", encoding="utf-8") as lines:
        assert [json.loads(line) for line in lines] == _selected(source)


def test_what_ships_is_small_and_has_ordinary_words() -> None:
    assert SHIPPED.stat().st_size < 90_000
    lexicon = read_lexicon()
    assert len(lexicon) > 5500
    assert lexicon.synonyms("purchase", "to") == ["buy"]
