"""Tests: editors: what each augmentation does to one text."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from shared.errors import InputError
from shared.training.remedies.augment.edits import Passage, edited
from shared.training.remedies.augment.lexicon import Lexicon
from shared.training.remedies.augment.misspellings import misspell, read_misspellings
from shared.training.remedies.augment.protection import protect
from shared.training.remedies.augment.random_edits import RandomEdits, delete, insert, swap
from shared.training.remedies.augment.synonyms import replace_words
from shared.training.remedies.augment.typing_errors import NEIGHBOURS, mistype

LEXICON = Lexicon({"card": {"n": ("badge",)}, "lose": {"v": ("mislay",)}, "old": {"a": ("aged",)}})
TEXT = "please send the blue letter again after lunch"


def _generators() -> list[np.random.Generator]:
    return [np.random.default_rng(seed) for seed in range(200)]


def test_synonyms_keep_case_and_form() -> None:
    passage = Passage("OLD Cards, and i lose cards")
    edits = replace_words(passage, np.random.default_rng(0), 1.0, LEXICON)
    assert edited(passage.text, edits) == "AGED Badges, and i mislay badges"


def test_so_many_words_are_replaced_and_at_least_one() -> None:
    passage = Passage("card " * 20)
    counts = [
        len(replace_words(passage, np.random.default_rng(0), share, LEXICON))
        for share in (0.01, 0.25, 1.0)
    ]
    assert counts == [1, 5, 20]


def test_a_typing_error_is_one_of_four_and_all_of_them_occur() -> None:
    seen: Counter[str] = Counter()
    for generator in _generators():
        wrong = edited("letter", mistype(Passage("letter"), generator, 1.0))
        seen[_error("letter", wrong)] += 1
    assert set(seen) == {"neighbour", "doubled", "left out", "swapped"}


def _error(right: str, wrong: str) -> str:
    for place, letter in enumerate(right):
        before, after = right[:place], right[place + 1 :]
        if wrong == before + after:
            return "left out"
        if wrong == before + letter * 2 + after:
            return "doubled"
        if any(wrong == before + near + after for near in NEIGHBOURS[letter]):
            return "neighbour"
        if wrong == before + after[:1] + letter + after[1:] != right:
            return "swapped"
    return f"another: {wrong}"


def test_the_keys_around_a_key() -> None:
    assert {key: set(NEIGHBOURS[key]) for key in "qgm"} == {
        "q": set("wa"),
        "g": set("tyfhvb"),
        "m": set("njk"),
    }
    assert all(key in NEIGHBOURS[near] for key in NEIGHBOURS for near in NEIGHBOURS[key])


def test_short_words_have_no_typing_errors_and_case_is_kept() -> None:
    passage = Passage("it is a LETTER")
    for generator in _generators():
        wrong = edited(passage.text, mistype(passage, generator, 0.1))
        assert wrong.startswith("it is a ")
        assert wrong.isascii()
        assert wrong[8:].isupper()


def test_misspellings_are_those_of_the_list(tmp_path: Path) -> None:
    path = tmp_path / "wrong.csv"
    path.write_text('wrong,right\nleter,letter\nlettre,letter\nlunsh,"lunch, lynch"\n', "utf-8")
    misspelt = read_misspellings(path)
    assert misspelt == {
        "letter": ("leter", "lettre"),
        "lunch": ("lunsh",),
        "lynch": ("lunsh",),
    }
    found = {
        edited("Letter at lunch", misspell(Passage("Letter at lunch"), generator, 1.0, misspelt))
        for generator in _generators()
    }
    assert found == {"Leter at lunsh", "Lettre at lunsh"}


def test_every_fault_of_a_list_is_named_by_its_line(tmp_path: Path) -> None:
    path = tmp_path / "wrong.csv"
    path.write_text("wrong,right\nletter,letter\nok,okay\n,word\n", "utf-8")
    with pytest.raises(InputError) as error:
        read_misspellings(path)
    assert f"{path}:2: 'letter' is both 'wrong' and 'right'" in str(error.value)
    assert f"{path}:4: 'wrong' is empty" in str(error.value)


def test_swapping_keeps_the_words() -> None:
    found = {edited(TEXT, swap(Passage(TEXT), generator, 0.1)) for generator in _generators()}
    assert len(found) > 20
    assert {tuple(sorted(text.split())) for text in found} == {tuple(sorted(TEXT.split()))}
    assert TEXT not in found


def test_deleting_leaves_no_double_spaces_and_one_word() -> None:
    for share, left in ((0.25, 6), (1.0, 1)):
        for generator in _generators():
            after = edited(TEXT, delete(Passage(TEXT), generator, share))
            words = iter(TEXT.split())
            assert all(word in words for word in after.split(" "))
            assert len(after.split()) == left


def test_a_synonym_is_inserted_between_words() -> None:
    passage = protect("the old card of John Smith", [(16, 26)])
    found = {
        edited(passage.text, insert(passage, generator, 0.1, LEXICON))
        for generator in _generators()
    }
    assert {each for text in found for each in text.split()} == {
        *passage.text.split(),
        "aged",
        "badge",
    }
    assert all("John Smith" in text for text in found)
    assert "the old badge card of John Smith" in found


def test_random_edits_that_do_nothing_are_refused() -> None:
    with pytest.raises(ValidationError, match="swap, delete and insert are all 0"):
        RandomEdits(remedy="random_edits", swap=0, delete=0, insert=0)
